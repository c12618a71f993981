"""The journal of one training's exchanges, for `engines.http`: written under the coordinator's lease."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from ...engines.http import Exchange, Reply
from . import exchanges
from .database import Database
from .lease import check_lease

_AT_ONCE: Final = 2
"""Replies that are read at a time: uploads may have megabytes."""
_PAUSE: Final = 0.05
"""Seconds between two looks for replies that other processes write."""


class DatabaseJournal:
    """A training's exchanges.

    Args:
        database: Where.
        training: Number of the training.
        epoch: Of the lease under which the training is led; each write checks it.
        reply_limit: Bytes of the largest body that artists may answer with.
    """

    def __init__(self, database: Database, *, training: int, epoch: int, reply_limit: int) -> None:
        self._database = database
        self._training = training
        self._epoch = epoch
        self._reply_limit = reply_limit
        self._seen = 0

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """Keep the requests of an exchange, or find it as it was left.

        Raises:
            InputError: Other requests were made under this name before.
            LeaseLostError: Another process leads.
            StorageError: The database cannot be used now.
        """
        with self._database.writing() as connection:
            check_lease(connection, self._epoch)
            exchange = exchanges.open_exchange(
                connection, training=self._training, name=name, requests=requests, reply_limit=self._reply_limit
            )
            exchanges.note_opening(connection, exchange.id, now=int(time.time()))
            return exchange

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """The next few replies above a number, in order.

        Raises:
            StorageError: The database cannot be used now.
        """
        self._seen = self._database.commits
        with self._database.reading() as connection:
            return exchanges.replies_after(connection, exchange, after, at_most=_AT_ONCE)

    def close(self, exchange: int) -> int:
        """Take no more replies.

        Returns:
            Number of the last one.

        Raises:
            LeaseLostError: Another process leads.
            StorageError: The database cannot be used now.
        """
        with self._database.writing() as connection:
            check_lease(connection, self._epoch)
            return exchanges.close_exchange(connection, exchange)

    def wait(self, seconds: float) -> None:
        """Let a little time go by, until this process writes at most."""
        self._database.await_commit(self._seen, min(seconds, _PAUSE))
