"""What every server's machine does alike: take responses, close rounds, hand out requests and, in the end, the sum."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import AbortReason, FaultyClientError, InvalidDataError, LocalProtocolError, SessionAborted, require_type
from .held import Held

S = TypeVar("S")


class Requests(Mapping[int, bytes]):
    """The encoded requests of one round, by client index; those that differ are encoded when they are read.

    Args:
        indices: Whom they are for.
        encode: Makes one client's.
    """

    __slots__ = ("_encode", "_indices")

    def __init__(self, indices: Iterable[int], encode: Callable[[int], bytes]) -> None:
        self._indices = dict.fromkeys(sorted(indices))
        self._encode = encode

    def __getitem__(self, index: int) -> bytes:
        if index not in self._indices:
            raise KeyError(index)
        return self._encode(index)

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


class Rounds(ABC, Generic[S]):
    """A server's machine.

    Args:
        first: Its first state.
        failed: The state that it is left in when something fails.
    """

    __slots__ = ("_accepted", "_failed", "_held")

    def __init__(self, first: S, failed: S) -> None:
        self._held = Held(first)
        self._failed = failed
        self._accepted: set[tuple[int, bytes]] = set()  # senders and SHA-256 digests of what was taken

    def receive(self, index: int, data: bytes) -> None:
        """Takes one client's response in the open round, or again, in any round, what it took before.

        Args:
            index: Who sent it, as the caller's transport knows.
            data: The encoded response.

        Raises:
            FaultyClientError: malformed, late, early, a second one, unasked for, or breaking a rule. Not counted:
                unless an earlier response of this round was, the client is a dropout.
            LocalProtocolError: no session is running, or it has no client with this index; or another call is running,
                or was interrupted.
        """
        require_type("index", index, int)
        require_type("data", data, bytes)
        response = index, sha256(data).digest()
        state = self._held.take()
        after = self._failed  # what else may happen could have happened in the middle of an addition
        try:
            if response not in self._accepted:
                self._take(state, index, data)
                self._accepted.add(response)
            after = state
        except InvalidDataError as error:
            after = state
            raise FaultyClientError(index, str(error)) from error
        except (FaultyClientError, LocalProtocolError):
            after = state
            raise
        finally:
            self._held.put(after)

    def close_round(self) -> Mapping[int, bytes]:
        """Ends the open round: clients whose response is missing are dropouts.

        Returns:
            The next round's encoded requests, by client index; empty after the last round.

        Raises:
            SessionAborted: no sum will come out of this session; says why.
            LocalProtocolError: no round is open; or another call is running, or was interrupted.
        """
        state = self._held.take()
        after = self._failed
        try:
            after, requests = self._close(state)
        except LocalProtocolError:
            after = state
            raise
        finally:
            self._held.put(after)
        return requests

    def aggregate(self) -> dict[str, NDArray[np.int64]]:
        """Returns the sums of the survivors' vectors.

        Returns:
            By name, shape [m] each; the representative modulo 2^modulus_bits in [-2^(modulus_bits-1),
            2^(modulus_bits-1)), which is the integer sum as long as clients respect max_abs_input.

        Raises:
            LocalProtocolError: the last round has not been closed.
        """
        return {name: vector.copy() for name, vector in self._aggregate().items()}

    @abstractmethod
    def _take(self, state: S, index: int, data: bytes) -> None: ...

    @abstractmethod
    def _close(self, state: S) -> tuple[S, Requests]: ...

    @abstractmethod
    def _aggregate(self) -> Mapping[str, NDArray[np.int64]]: ...


def require_first(index: int, asked: Container[int], received: Container[int]) -> None:
    """Checks that a response is the first of a client that was asked.

    Raises:
        FaultyClientError: it is not.
    """
    if index not in asked:
        raise FaultyClientError(index, "was not asked in this round: it is a dropout since an earlier one")
    if index in received:
        raise FaultyClientError(index, "has responded in this round already: the first response stays")


def require(reason: AbortReason, count: int, least: int) -> None:
    """Checks that enough clients are left.

    Raises:
        SessionAborted: there are fewer.
    """
    if count < least:
        raise SessionAborted(reason, f"{count}, at least {least} are needed")
