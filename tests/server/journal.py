"""An engine that keeps what passes, in memory: what a platform's store does, to be stopped wherever a test wants it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from fedstyle_secure.engines.courier import Engine, Wait
from fedstyle_secure.errors import InputError


class KilledError(Exception):
    """The process is gone; what it kept is not."""


@dataclass
class Kept:
    """One exchange on disk."""

    requests: Mapping[str, bytes]
    replies: dict[str, bytes] = field(default_factory=dict)
    is_closed: bool = False


@dataclass
class Journal:
    """Stands before an engine, and gives again what was kept.

    Attributes:
        engine: Asks whoever has not replied yet.
        kept: By name of the exchange; survives.
        on_commit: Called after each thing that is kept; may raise `KilledError`.
    """

    engine: Engine
    kept: dict[str, Kept] = field(default_factory=dict)
    on_commit: Callable[[], None] = lambda: None

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        if name not in self.kept:
            self.kept[name] = Kept(dict(requests))
            self.on_commit()
        kept = self.kept[name]
        if kept.requests != dict(requests):
            raise InputError(f"exchange {name!r} was begun with other requests")
        yield from tuple(kept.replies.items())
        if kept.is_closed:
            return
        silent = {mailbox: request for mailbox, request in requests.items() if mailbox not in kept.replies}
        for mailbox, reply in self.engine.exchange(silent, name=name, wait=wait):
            kept.replies[mailbox] = reply
            self.on_commit()
            yield mailbox, reply
        kept.is_closed = True
        self.on_commit()
