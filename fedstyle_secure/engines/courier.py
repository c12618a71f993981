"""The door that every engine has: requests go out under a name, replies come back one at a time.

ENG-1  Only bytes pass; an engine never looks inside them.
ENG-2  Asking for the next reply acknowledges the one before, and the end of the replies closes the exchange; nothing is
       acknowledged or closed in any other way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """When an exchange closes: all have replied, or `enough` have and the grace is over, or the deadline has passed.

    Attributes:
        deadline: Seconds since the exchange was opened.
        enough: Number of replies after which the others have `grace` left.
        grace: Seconds.
    """

    deadline: float
    enough: int
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long artists have for one kind of request, before it is known how many replies are enough.

    Attributes:
        deadline: Seconds since it was sent.
        grace: Seconds that are left when enough have replied.
    """

    deadline: float
    grace: float

    def until(self, enough: int) -> Wait:
        """Wait for so many, and the grace."""
        return Wait(deadline=self.deadline, enough=enough, grace=self.grace)


FOREVER = Window(deadline=inf, grace=inf)
"""For engines in which nobody can be silent for long."""


class Letters(Mapping[str, bytes]):
    """Requests that are written when they are read, one at a time: many artists are sent much that is alike.

    Args:
        mailboxes: Whom they are for, in order.
        write: Makes the request for one of them, the same bytes every time.
    """

    __slots__ = ("_mailboxes", "_write")

    def __init__(self, mailboxes: Iterable[str], write: Callable[[str], bytes]) -> None:
        self._mailboxes = dict.fromkeys(mailboxes)
        self._write = write

    def __getitem__(self, mailbox: str) -> bytes:
        if mailbox not in self._mailboxes:
            raise KeyError(mailbox)
        return self._write(mailbox)

    def __iter__(self) -> Iterator[str]:
        return iter(self._mailboxes)

    def __len__(self) -> int:
        return len(self._mailboxes)


class Engine(Protocol):
    """Moves bytes between a server and its clients."""

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        """Put one request into each named mailbox, and yield the replies in the order in which they come (ENG-2).

        Args:
            requests: By mailbox.
            name: The exchange's own, the same when the caller runs again after a crash. An engine that keeps what
                passes gives the replies of an exchange that was closed again, in the same order, without asking
                anybody; in one that was still open it goes on with what has come. The same name with other requests
                is an error.
            wait: When to stop waiting.

        Yields:
            A mailbox and its reply, once at most for each.
        """
        ...
