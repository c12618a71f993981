"""Engines by their names, and the adversary's door of one: every byte that goes to a real client passes through it.

Threat models play servers that lie against real clients; with `adversary_door` open, whatever such a server asks goes
through the engine, and so does the answer. What a client raises, whoever asked is told, as without an engine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose, answering
from fedstyle_secure.engines.courier import Engine, Wait, Window
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.engines.opening import EngineName
from fedstyle_secure.runs.opening import Parties, open_engine
from fedstyle_secure.server.iterations import Outcome, Windows
from protocols import Client
from threat_models.platform_key import PLATFORM, SERVER_KEY
from threat_models.town import Federation, identity, public_key

_LIBRARIES: Final = {EngineName.HTTP: "fastapi", EngineName.FLOWER: "flwr", EngineName.SYFT: "syft_rds"}
_OWNER: Final = "client"
_BOX: Final = f"{_OWNER}/session"
_PATIENT: Final = Wait(deadline=300.0, enough=1, grace=0.0)
_WINDOW: Final = Window(deadline=300.0, grace=300.0)


def need(engine: EngineName) -> None:
    """Skip a test where the engine's library is not installed."""
    if engine in _LIBRARIES:
        pytest.importorskip(_LIBRARIES[engine], reason="needs an optional library: make test-engines")


def opened(engine: EngineName, federation: Federation) -> AbstractContextManager[Engine]:
    """An engine at whose other end the artists of a town are."""
    artists = {name: identity(number) for number, name in enumerate(federation.names)}
    return open_engine(engine, federation.engine, Parties(platform=PLATFORM, artists=artists))


def only_outcome(federation: Federation, engine: Engine) -> Outcome:
    """Of the one iteration of a town, whose artists a machine of ours may lose."""
    (outcome,) = federation.loop(engine=engine, windows=Windows(announcement=_WINDOW, round=_WINDOW))
    return outcome


class Door:
    """Carries what is asked.

    Attributes:
        asked: How often.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.engine: Engine
        self._answer: Callable[[bytes], bytes]
        self._error: Exception | None = None

    def receive(self, letter: bytes) -> bytes:
        try:
            return self._answer(letter)
        except Exception as error:
            self._error = error
            raise Unreachable from error

    def ask(self, answer: Callable[[bytes], bytes], letter: bytes) -> bytes:
        self._answer, self._error, self.asked = answer, None, self.asked + 1
        request = Envelope(
            sender=SERVER_KEY,
            recipient=public_key(0),
            purpose=Purpose.SESSION,
            session=self.asked,
            round=0,
            body=letter,
        ).seal(PLATFORM)
        replies = dict(self.engine.exchange({_BOX: request}, name=f"ask {self.asked}", wait=_PATIENT))
        if self._error is not None:
            raise self._error
        reply = Envelope.open(replies[_BOX], sender=public_key(0), recipient=SERVER_KEY, purpose=Purpose.SESSION)
        return reply.body


@contextmanager
def adversary_door(engine: EngineName) -> Iterator[Door]:
    """All clients of this process behind an engine, for as long as the block runs."""
    door, receive, own = Door(), Client.receive, identity(0)

    def carried(client: Client, data: bytes) -> bytes:
        return door.ask(lambda letter: receive(client, letter), data)

    mailbox = answering(door.receive, Purpose.SESSION, identity=own, server_key=SERVER_KEY)
    parties = Parties(platform=PLATFORM, artists={_OWNER: own})
    with (
        open_engine(engine, MemoryEngine({_BOX: mailbox}), parties) as door.engine,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(Client, "receive", carried)
        yield door
