"""The engine over HTTP, which outlives its process: what passes is in a journal before anybody goes on.

Artists call in, a gateway writes their replies into the journal, and this engine reads them there. It knows neither.

HTT-1  Requests are in the journal before a reply is read, and the exchange is closed in it before it ends here.
HTT-2  An exchange that was closed gives the same replies in the same order again, and asks nobody; one that was left
       open goes on with what has come.
HTT-3  Nobody is waited for who can reply no more, or who has said so: a reply of no bytes.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import Protocol

from ..errors import InputError
from .courier import Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An exchange in a journal.

    Attributes:
        id: The journal's own key.
        closed_at: Number of its last reply, once closed; None while it is open.
        silent: How many of those who were asked have not replied, and can do so no more.
    """

    id: int
    closed_at: int | None
    silent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply in a journal.

    Attributes:
        sequence: Its number in the exchange, from 1, in the order of commits.
        mailbox: Who replied.
        content: What was sent.
    """

    sequence: int
    mailbox: str
    content: bytes = field(repr=False)


class Journal(Protocol):
    """Where requests and replies are kept; each call is done, on disk, when it returns."""

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """Keep the requests of an exchange, or find it as it was left; the same name with others is an error."""
        ...

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """Some of the replies above a number, in order; none if there is none yet, or what was said was deleted."""
        ...

    def close(self, exchange: int) -> int:
        """Take no more replies; the number of the last one."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time go by until there may be more, so long at most."""
        ...


class HttpEngine:
    """Mailboxes in a journal.

    Args:
        journal: What gateways write into.
        clock: Tells seconds, and is never set back.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        """Keep the requests, and yield replies as gateways commit them; see `courier.Engine`.

        The time to wait begins anew when an exchange that was left open goes on.

        Raises:
            InputError: The journal lacks what was exchanged before.
        """
        found = self._journal.open(name, requests)
        closed_at, taken, refused = found.closed_at, 0, 0
        patience = _Patience(wait, len(requests) - found.silent, self._clock)
        while True:
            replies = self._journal.replies(found.id, taken)
            for reply in replies:
                if closed_at is not None and reply.sequence > closed_at:
                    return
                taken = reply.sequence
                if reply.content:
                    yield reply.mailbox, reply.content
                else:
                    refused += 1
            if closed_at is not None and taken >= closed_at:
                return
            if closed_at is not None and not replies:
                raise InputError(f"exchange {name!r} cannot be run again: its journal lacks replies that it once had")
            if closed_at is None and not replies:
                if (left := patience.left(taken - refused, refused)) > 0:
                    self._journal.wait(left)
                else:
                    closed_at = self._journal.close(found.id)  # what came in between is read above


def digest_entry(mailbox: str, request: bytes) -> bytes:
    """What one request adds to the digest of all that an exchange began with."""
    return sha256(mailbox.encode()).digest() + sha256(request).digest()


def digest_requests(requests: Mapping[str, bytes]) -> bytes:
    """SHA-256 of all requests and whom they are for, in order: by it a journal knows an exchange again."""
    whole = sha256()
    for mailbox, request in requests.items():
        whole.update(digest_entry(mailbox, request))
    return whole.digest()


class _Patience:
    """How long an exchange may still be open."""

    def __init__(self, wait: Wait, asked: int, clock: Callable[[], float]) -> None:
        self._wait, self._asked, self._clock = wait, asked, clock
        self._end = clock() + wait.deadline
        self._enough_since = inf

    def left(self, replied: int, refused: int) -> float:
        """Seconds, when so many have replied and so many never will; none when all have who can."""
        if replied + refused >= self._asked:
            return 0.0
        now = self._clock()
        if replied >= self._wait.enough:
            self._enough_since = min(self._enough_since, now)
        return min(self._end, self._enough_since + self._wait.grace) - now
