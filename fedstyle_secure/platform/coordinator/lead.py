"""Leading: one process at a time writes what becomes of trainings, each time under its lease.

LDR-1  Whatever a coordinator writes is committed together with the check of its epoch (LEA-1): one that was overtaken
       writes nothing more, and stops.
LDR-2  A coordinator that is told to leave, or whose training is told to end, notices within a second, whoever it waits
       for; it leaves the store as it is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Final, TypeVar

from ...engines.http import Exchange, Journal, Reply
from ...errors import FedStyleError
from ..store.database import Database
from ..store.lease import check_lease, renew_lease, take_lease
from ..store.trainings import Connection, is_stopped

T = TypeVar("T")

LEASE_SECONDS: Final = 60
"""After a leader falls silent, another waits so long; longer than it computes without a look at the clock."""
_LOOK_SECONDS: Final = 0.5


class Leaving(FedStyleError):  # noqa: N818 - what the caller asked for
    """The process is to end; the next one goes on."""


class Stopped(FedStyleError):  # noqa: N818 - what the operator asked for
    """The training is to end."""


class Lead:
    """One process's time as the leader.

    Args:
        database: Where.
        epoch: Of the lease.
        leave: Set when the process is to end.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, epoch: int, leave: Event, clock: Callable[[], float] = time.time) -> None:
        self.database, self.epoch = database, epoch
        self._leave, self._clock = leave, clock
        self._renewed = self._looked = clock()

    @classmethod
    def take(
        cls, database: Database, holder: bytes, leave: Event, clock: Callable[[], float] = time.time
    ) -> "Lead | None":
        """Begin to lead; None while another does.

        Raises:
            StorageError: The database cannot be used now.
        """
        with database.writing() as connection:
            epoch = take_lease(connection, holder=holder, now=int(clock()), seconds=LEASE_SECONDS)
        return None if epoch is None else cls(database, epoch, leave, clock)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Commit something as the leader (LDR-1).

        Raises:
            LeaseLostError: Another leads; nothing was written.
            StorageError: The database cannot be used now; nothing was written.
        """
        with self.database.writing() as connection:
            check_lease(connection, self.epoch)
            return work(connection)

    def look(self, training: int | None = None) -> None:
        """Whether to go on; renews the lease when it is time (LDR-2).

        Args:
            training: The one that is led.

        Raises:
            Leaving: The process is to end.
            Stopped: The training is.
            LeaseLostError: Another leads.
        """
        if self._leave.is_set():
            raise Leaving("the process is told to end")
        now = self._clock()
        if not 0 <= now - self._looked < _LOOK_SECONDS:
            self._looked = now
            if training is not None:
                with self.database.reading() as connection:
                    stopped = is_stopped(connection, training)
                if stopped:
                    raise Stopped(f"training {training} is told to end")
        if not 0 <= now - self._renewed < LEASE_SECONDS / 3:
            self._renewed = now
            self._let_go(now + LEASE_SECONDS)

    def release(self) -> None:
        """Let another lead at once."""
        self._let_go(self._clock())

    def _let_go(self, until: float) -> None:
        with self.database.writing() as connection:
            renew_lease(connection, epoch=self.epoch, until=int(until))


class LedJournal:
    """A training's journal that looks around while it waits.

    Args:
        journal: What it is.
        look: Called before each wait; may raise.
    """

    def __init__(self, journal: Journal, look: Callable[[], None]) -> None:
        self._journal, self._look = journal, look

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """As `Journal.open`."""
        return self._journal.open(name, requests)

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """As `Journal.replies`."""
        self._look()
        return self._journal.replies(exchange, after)

    def close(self, exchange: int) -> int:
        """As `Journal.close`."""
        return self._journal.close(exchange)

    def wait(self, seconds: float) -> None:
        """As `Journal.wait`."""
        self._journal.wait(seconds)
