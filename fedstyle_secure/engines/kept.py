"""A journal in one file, for engines that have no platform's store behind them.

KEP-1  What a call has done is on disk when it returns: killed at any moment, the next process finds it.
KEP-2  An exchange takes one reply of each mailbox, and none once it is closed.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from ..errors import InputError
from .http import Exchange, Reply, digest_requests

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, digest BLOB NOT NULL, closed_at INTEGER
);
CREATE TABLE IF NOT EXISTS replies (
    exchange INTEGER NOT NULL, sequence INTEGER NOT NULL, mailbox TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (exchange, sequence), UNIQUE (exchange, mailbox)
);
"""
_AT_A_TIME: Final = 16


class KeptJournal:
    """Exchanges and their replies in one SQLite file, which belongs to one process at a time.

    Args:
        path: Is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """Begin an exchange, or find it as it was left.

        Raises:
            InputError: It was begun with other requests.
        """
        digest = digest_requests(requests)
        self._db.execute("INSERT OR IGNORE INTO exchanges (name, digest) VALUES (?, ?)", (name, digest))
        (found,) = self._db.execute("SELECT id, digest, closed_at FROM exchanges WHERE name = ?", (name,))
        if found[1] != digest:
            raise InputError(f"exchange {name!r} was begun with other requests: this journal is of another training")
        return Exchange(id=found[0], closed_at=found[2], silent=0)

    def replied(self, exchange: int) -> frozenset[str]:
        """The mailboxes that have replied."""
        return frozenset(
            mailbox for (mailbox,) in self._db.execute("SELECT mailbox FROM replies WHERE exchange = ?", (exchange,))
        )

    def record(self, exchange: int, mailbox: str, content: bytes) -> None:
        """Take a reply, unless there is one already or the exchange is closed (KEP-2)."""
        self._db.execute(
            "INSERT OR IGNORE INTO replies SELECT id, (SELECT COUNT(*) FROM replies WHERE exchange = id) + 1, ?, ? "
            "FROM exchanges WHERE id = ? AND closed_at IS NULL",
            (mailbox, content, exchange),
        )

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """Some of the replies above a number, in order."""
        found = self._db.execute(
            "SELECT sequence, mailbox, content FROM replies WHERE exchange = ? AND sequence > ? ORDER BY sequence "
            "LIMIT ?",
            (exchange, after, _AT_A_TIME),
        )
        return [Reply(sequence=sequence, mailbox=mailbox, content=content) for sequence, mailbox, content in found]

    def close(self, exchange: int) -> int:
        """Take no more replies; the number of the last one."""
        self._db.execute(
            "UPDATE exchanges SET closed_at = (SELECT COUNT(*) FROM replies WHERE exchange = id) "
            "WHERE id = ? AND closed_at IS NULL",
            (exchange,),
        )
        ((closed_at,),) = self._db.execute("SELECT closed_at FROM exchanges WHERE id = ?", (exchange,))
        return int(closed_at)
