"""Where a machine's state is held, and what it answered last."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .errors import LocalProtocolError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client answered last: the same request again gets the same bytes again.

    Attributes:
        request: SHA-256 of the request, 32 bytes.
        response: The response.
    """

    request: bytes
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Aborted:
    """Client or server: the session failed and cannot go on."""


T = TypeVar("T")


class Held(Generic[T]):
    """The one place of a machine's state: whoever has taken it must put one back before anybody can go on (STA-3).

    Args:
        state: The first one.
    """

    __slots__ = ("_place",)

    def __init__(self, state: T) -> None:
        self._place = [state]

    def take(self) -> T:
        """Takes the state out.

        Raises:
            LocalProtocolError: it is out: another call is running, or was interrupted.
        """
        try:
            return self._place.pop()  # atomic in CPython, with and without a global lock
        except IndexError:
            raise LocalProtocolError("another call on this session is running, or was interrupted") from None

    def put(self, state: T) -> None:
        """Puts a state where one was taken out."""
        self._place.append(state)

    def look(self) -> T:
        """Returns the state and leaves it in its place.

        Raises:
            LocalProtocolError: it is out: another call is running, or was interrupted.
        """
        state = self.take()
        self.put(state)
        return state
