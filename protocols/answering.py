"""What every client's machine does alike: answer a request once, and the last one again, byte for byte.

What that guarantees each protocol's `client` says (CLI-1, CLI-7, CLI-8; SPC-1, SPC-8).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from hashlib import sha256
from typing import Generic, TypeVar

from .errors import FaultyServerError, InvalidDataError, LocalProtocolError, require_type
from .held import Aborted, Answer, Held
from .vault import Vault

S = TypeVar("S")
K = TypeVar("K")


class Answering(ABC, Generic[S, K]):
    """A client's machine: states S, of which it is left in K once it has answered.

    Args:
        state: Its first state, or the one it was left in.
        answer: What led there, if anything did.
        vault: Where its snapshots go; None for nowhere.
    """

    __slots__ = ("_held", "_vault")

    def __init__(self, state: S | K, answer: Answer | None, vault: Vault | None) -> None:
        self._held: Held[tuple[S | K | Aborted, Answer | None]] = Held((state, answer))
        self._vault = vault

    @property
    def _state(self) -> S | K | Aborted:
        """Where it is, without taking it out.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        return self._held.look()[0]

    def has_answered(self, data: bytes) -> bool:
        """Whether this is the request that was answered last, so that its answer would be given again.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        last = self._held.look()[1]
        return last is not None and last.request == sha256(data).digest()

    @abstractmethod
    def _seal(self, state: K | Aborted, answer: Answer | None, vault: Vault) -> bytes:
        """Makes the snapshot of a state and what led there."""

    def _respond(self, data: bytes, step: Callable[[S | K], tuple[K, bytes]]) -> bytes:
        """Answers a request by a step from the state it finds, or again."""
        require_type("data", data, bytes)
        state, last = self._held.take()
        request = sha256(data).digest()
        if last is not None and last.request == request:
            self._held.put((state, last))
            return last.response
        after: tuple[K | Aborted, Answer | None] = Aborted(), None
        try:
            after = _, answer = self._advance(state, request, step)
        finally:
            self._held.put(after)
        return answer.response

    def _advance(
        self, state: S | K | Aborted, request: bytes, step: Callable[[S | K], tuple[K, bytes]]
    ) -> tuple[K, Answer]:
        """Answers a request that is not the last one again; what it returns has been kept."""
        if isinstance(state, Aborted):
            raise LocalProtocolError("this session was aborted: make a new Client for a new session")
        try:
            after, response = step(state)
        except InvalidDataError as error:
            self._keep(Aborted(), None)
            raise FaultyServerError(str(error)) from error
        except Exception:
            self._keep(Aborted(), None)
            raise
        answer = Answer(request, response)
        self._keep(after, answer)
        return after, answer

    def _keep(self, state: K | Aborted, answer: Answer | None) -> None:
        if self._vault is not None:
            self._vault.keep(self._seal(state, answer, self._vault))
