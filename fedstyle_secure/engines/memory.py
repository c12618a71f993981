"""The embedded engine: mailboxes are functions in this process, and nobody waits.

ENG-1  Only bytes pass; an engine never looks inside them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ..errors import FedStyleError


class Engine(Protocol):
    """Moves bytes between a server and its clients."""

    def exchange(self, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """Put one request into each named mailbox; return the replies that came back before the deadline."""
        ...


class Unreachable(Exception):  # noqa: N818 - a circumstance, not a mistake
    """Raised by a mailbox whose owner has vanished; the engine reports no reply."""


class MemoryEngine:
    """Mailboxes in one process.

    Args:
        mailboxes: For each name, what answers a request. A mailbox that raises `Unreachable`, or refuses with a typed
            error of its own, gives no reply: to the server both are a dropout.
        refusals: Further types of error that are refusals.

    Attributes:
        refusals: What each mailbox that ever refused said last, first refusal first; for the experimenter's eyes, no
            server sees it.
        bytes_to: Bytes put into each mailbox.
        bytes_from: Bytes that came back from it.
    """

    def __init__(self, mailboxes: Mapping[str, Callable[[bytes], bytes]], refusals: tuple[type[Exception], ...] = ()):
        self._mailboxes = dict(mailboxes)
        self._refusing: tuple[type[Exception], ...] = (FedStyleError, *refusals)
        self.refusals: dict[str, str] = {}
        self.bytes_to: dict[str, int] = dict.fromkeys(mailboxes, 0)
        self.bytes_from: dict[str, int] = dict.fromkeys(mailboxes, 0)

    def exchange(self, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """Deliver each request at once and collect the replies."""
        replies: dict[str, bytes] = {}
        for name, request in requests.items():
            self.bytes_to[name] += len(request)
            try:
                replies[name] = self._mailboxes[name](request)
            except Unreachable:
                continue
            except self._refusing as error:
                self.refusals[name] = str(error)
                continue
            self.bytes_from[name] += len(replies[name])
        return replies
