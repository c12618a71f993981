"""One thread that commits for all: many small writes become one, and each is acknowledged after the commit.

WRI-1  A result is given out after the commit that holds it, and never if there was none.
WRI-2  What is waiting is bounded; beyond, nobody else is let in.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from .database import Database, DeadlockError, StorageError

T = TypeVar("T")

MOST_JOBS: Final = 50
"""Writes in one commit."""
MOST_BYTES: Final = 8 << 20
"""Bytes in one commit, unless a single write has more."""
_WAITING: Final = 2000
_TRIES: Final = 3


class BusyError(StorageError):
    """More is waiting to be written than may wait."""


class Writer:
    """Commits what it is given, in order.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], size: int = 0) -> "Future[T]":
        """Have something written.

        Args:
            work: Called with a connection, perhaps more than once; what it raises undoes what it did, and nothing else.
            size: Bytes it writes, about.

        Returns:
            What `work` returned, once that is committed (WRI-1).

        Raises:
            BusyError: Too much is waiting (WRI-2).
        """
        job = _Job(work, size)
        with self._changed:
            if self._is_closing or len(self._waiting) >= _WAITING:
                raise BusyError("too much waits to be written: try again")
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    @property
    def waiting(self) -> int:
        """Writes that wait for a commit."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what is waiting, then stop."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> "list[_Job]":
        """What goes into one commit; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            batch: list[_Job] = []
            size = 0
            while self._waiting and len(batch) < MOST_JOBS:
                size += self._waiting[0].size
                if batch and size > MOST_BYTES:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _commit(self, batch: "list[_Job]") -> None:
        for attempt in range(_TRIES):
            try:
                with self._database.writing() as connection:
                    for job in batch:
                        job.run(connection)
            except Exception as error:
                # Two processes may each wait for a row that the other holds: the database ends one of them.
                if isinstance(error, DeadlockError) and attempt + 1 < _TRIES:
                    continue
                for job in batch:
                    job.fail(error)
            else:
                for job in batch:
                    job.finish()
            return


class _Job:
    """One write, and who waits for it."""

    def __init__(self, work: Callable[[Connection], Any], size: int) -> None:
        self.size = size
        self.future: Future[Any] = Future()
        self._work = work
        self._result: Any = None
        self._error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do it; what fails for a reason of its own leaves the others' work alone."""
        self._result, self._error = None, None
        try:
            with connection.begin_nested():
                self._result = self._work(connection)
        except IntegrityError as error:
            self._error = StorageError("the database refused a row: try again")
            self._error.__cause__ = error
        except DBAPIError:
            raise
        except Exception as error:  # the caller's own, who is told
            self._error = error

    def finish(self) -> None:
        """It is committed."""
        with suppress(Exception):  # nobody waits any more
            if self._error is not None:
                self.future.set_exception(self._error)
            else:
                self.future.set_result(self._result)

    def fail(self, error: Exception) -> None:
        """It is not committed."""
        with suppress(Exception):
            self.future.set_exception(error)
