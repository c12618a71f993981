"""What an artist remembers between two answers, in one place: named values, written together or not at all.

STO-1  What one `write` changes is there whole or not at all, whenever the process is killed or the power fails, and is
       on disk when `write` returns.
STO-2  On disk every value is encrypted under the key of a file that only its owner can read, and bound to its name:
       values that were altered, exchanged or written under another key are refused.
STO-3  One process at a time: while a file is open, no other opens it. A second agent with the same state would answer
       the same round twice. Threads of that process take turns.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..durable import make_key, read_key, sync_folder
from ..errors import PrivacyError

_NONCE_SIZE: Final = 12
_DOMAIN: Final = b"fedstyle-secure artist state v1\0"
# EXTRA also syncs the folder when a journal is removed, which is what commits; secure_delete overwrites old values.
_SETTINGS: Final = ("locking_mode = EXCLUSIVE", "journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON")


class StoreError(PrivacyError):
    """An artist's state cannot be read or written, or was altered; nothing may be answered."""


class Store(Protocol):
    """Named values."""

    def read(self, name: str) -> bytes | None:
        """The value of a name, None if there is none."""
        ...

    def names(self, prefix: str) -> list[str]:
        """All names that begin so, sorted."""
        ...

    def write(self, values: Mapping[str, bytes | None]) -> None:
        """Set values, or forget those that are None: all or none (STO-1)."""
        ...


class MemoryStore:
    """A store for simulations: it ends with the process."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        """The value of a name, None if there is none."""
        return self._values.get(name)

    def names(self, prefix: str) -> list[str]:
        """All names that begin so, sorted."""
        return sorted(name for name in self._values if name.startswith(prefix))

    def write(self, values: Mapping[str, bytes | None]) -> None:
        """Set values, or forget those that are None."""
        kept = {**self._values, **values}
        self._values = {name: value for name, value in kept.items() if value is not None}


class FileStore:
    """A store in one SQLite file, beside it its key (``.key``)."""

    def __init__(self, path: Path, database: sqlite3.Connection, key: bytes) -> None:
        self.path, self._database, self._cipher = path, database, AESGCM(key)
        self._held = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a store for this process alone, or begin one (STO-3).

        Args:
            path: The file, made if it is not there; its folder must exist.

        Raises:
            StoreError: Another process has it open, it is no such file, or its key is missing or does not fit.
        """
        key_file = path.with_suffix(".key")
        with _told(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its journal the same mode
            sync_folder(path.parent)
            database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                for setting in _SETTINGS:
                    database.execute(f"PRAGMA {setting}")
                database.execute("BEGIN EXCLUSIVE")
                database.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
                database.execute("COMMIT")
                is_new = database.execute("SELECT count(*) FROM kept").fetchone() == (0,)
                key = make_key(key_file) if is_new and not key_file.exists() else read_key(key_file)
            except BaseException:
                database.close()
                raise
        return cls(path, database, key)

    def close(self) -> None:
        """Let another process open it."""
        self._database.close()

    def read(self, name: str) -> bytes | None:
        """The value of a name, None if there is none.

        Raises:
            StoreError: It cannot be read, or does not open (STO-2).
        """
        with _told(self.path), self._held:
            row = self._database.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        sealed: bytes = row[0]
        try:
            return self._cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], _context(name))
        except (InvalidTag, ValueError, TypeError) as error:
            raise StoreError(
                f"{self.path}: {name!r} was altered or written under another key: restore a copy of both"
            ) from error

    def names(self, prefix: str) -> list[str]:
        """All names that begin so, sorted.

        Raises:
            StoreError: They cannot be read.
        """
        with _told(self.path), self._held:
            rows = self._database.execute(
                "SELECT name FROM kept WHERE substr(name, 1, ?) = ? ORDER BY name", (len(prefix), prefix)
            )
            return [name for (name,) in rows]

    def write(self, values: Mapping[str, bytes | None]) -> None:
        """Set values, or forget those that are None: all or none (STO-1).

        Raises:
            StoreError: They cannot be written; the old values stand.
        """
        gone = [(name,) for name, value in values.items() if value is None]
        kept = [(name, self._seal(name, value)) for name, value in values.items() if value is not None]
        with _told(self.path), self._held:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("DELETE FROM kept WHERE name = ?", gone)
                self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", kept)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _seal(self, name: str, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, value, _context(name))


def _context(name: str) -> bytes:
    """What a value is bound to (STO-2)."""
    return _DOMAIN + name.encode()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what a disk's or a database's failure means for an artist."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise StoreError(f"{path} is in use by another process of this artist: end that one first") from error
        raise StoreError(f"{path} cannot be used, so nothing may be answered: {error}") from error
