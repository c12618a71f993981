"""The adversary's door of an engine: every byte that goes to a real client, or comes from one, passes through it.

Threat models play servers that lie against real clients; with `adversary_door` open, whatever such a server asks goes
through the engine, and so does the answer. What a client raises, whoever asked is told, as without an engine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import pytest

from fedstyle_secure.engines.courier import Engine, Wait
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from protocols import Client

_BOX = "client/box"
_PATIENT = Wait(deadline=300.0, enough=1, grace=0.0)


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
        self._names = count()

    def mailbox(self, letter: bytes) -> bytes:
        try:
            return self._answer(letter)
        except Exception as error:
            self._error = error
            raise Unreachable from error

    def ask(self, answer: Callable[[bytes], bytes], letter: bytes) -> bytes:
        self._answer, self._error, self.asked = answer, None, self.asked + 1
        replies = dict(self.engine.exchange({_BOX: letter}, name=f"ask {next(self._names)}", wait=_PATIENT))
        if self._error is not None:
            raise self._error
        return replies[_BOX]


@contextmanager
def adversary_door(open_local: Callable[[MemoryEngine], AbstractContextManager[Engine]]) -> Iterator[Door]:
    """All clients of this process behind an engine, for as long as the block runs."""
    door, receive = Door(), Client.receive

    def carried(client: Client, data: bytes) -> bytes:
        return door.ask(lambda letter: receive(client, letter), data)

    with open_local(MemoryEngine({_BOX: door.mailbox})) as door.engine, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "receive", carried)
        yield door
