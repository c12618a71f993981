"""What nobody may have too much of: requests, bytes in memory, and time to send them.

LIM-1  An address whose requests are refused too often is refused without looking; others are not.
LIM-2  Bodies in memory are bounded together, whoever sends them: who comes beyond the bound waits, then tries again.
LIM-3  A body must arrive within a time that its size gives, and is read up to the length that was announced.
LIM-4  The tables of who did what are bounded.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from ...wire.routes import Status

_MOST_KEYS: Final = 10_000
_BODY_GRACE: Final = 10.0
"""Seconds that any body has, beside those of its size."""
_SLOWEST: Final = 32 << 10
"""Bytes a second, below which a body is too slow."""
_MEMORY_WAIT: Final = 30.0


class RefusedError(Exception):
    """A request is answered with a status and a sentence, and nothing else is done.

    Attributes:
        status: HTTP status.
        sentence: What is wrong, where, how to mend it.
        retry_after: Seconds after which it may be tried again; None where that changes nothing.
        is_abuse: Whether it counts against the address that it came from (LIM-1).
    """

    def __init__(
        self, status: Status, sentence: str, *, retry_after: int | None = None, is_abuse: bool = False
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after, self.is_abuse = status, sentence, retry_after, is_abuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How much is let through.

    Attributes:
        burst: At once.
        per_second: In the long run.
    """

    burst: int
    per_second: float


class Buckets:
    """What is left to each of many, filled up as time goes by; who was not seen for longest is forgotten (LIM-4).

    Args:
        rate: For each.
        clock: Tells seconds, and is never set back.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def wait(self, key: object) -> float:
        """Seconds until there is something left; 0 if there is."""
        return max(0.0, (1.0 - self._now_left(key)) / self._rate.per_second)

    def take(self, key: object) -> None:
        """Take one; what is owed is paid back by time, up to another burst."""
        self._left[key] = max(self._now_left(key) - 1.0, -float(self._rate.burst)), self._clock()
        self._left.move_to_end(key)
        if len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)

    def _now_left(self, key: object) -> float:
        left, since = self._left.get(key, (float(self._rate.burst), self._clock()))
        return min(float(self._rate.burst), left + (self._clock() - since) * self._rate.per_second)


class Memory:
    """Bytes of bodies that may be in memory together (LIM-2).

    Args:
        size: Bytes.
        patience: Seconds that who comes beyond it waits.
    """

    def __init__(self, size: int, patience: float = _MEMORY_WAIT) -> None:
        self.size = size
        self.taken = 0
        self._patience = patience
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Hold so many bytes; one body that is larger than all of it is let in alone.

        Raises:
            RefusedError: They did not become free in time.
        """
        try:
            async with asyncio.timeout(self._patience), self._changed:
                await self._changed.wait_for(lambda: self.taken == 0 or self.taken + size <= self.size)
                self.taken += size
        except TimeoutError:
            raise RefusedError(
                Status.NOT_NOW, "too many large bodies arrive at once: send it again", retry_after=5
            ) from None
        try:
            yield
        finally:
            async with self._changed:
                self.taken -= size
                self._changed.notify_all()


def seconds_for(size: int) -> float:
    """In which a body of so many bytes must have arrived (LIM-3)."""
    return _BODY_GRACE + size / _SLOWEST


def network_of(host: str | None) -> str:
    """Whom an address belongs to: itself, or the /64 that one customer has in IPv6."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "?"
    return str(address) if address.version == 4 else str(int(address) >> 64)
