"""The platform's log as it is shown: entries that are committed, in a tree that the signer stands for.

LBK-1  Only what is committed is signed, and only what is signed is shown: no checkpoint, proof or entry is given out
       beyond the newest signed size.
"""

import threading
from collections.abc import Sequence
from typing import Final

from ..errors import InputError
from ..transparency.checkpoints import Checkpoint
from ..transparency.tree import Tree
from ..transparency.watch import Place
from .signer import RestoredError, Signer
from .store.database import Database
from .store.log import begin_log, log_entries

MOST_ENTRIES: Final = 1000
"""Entries that are given out at once."""
_TRIES: Final = 10


class Logbook:
    """One process's view of the log; may be shared by threads, and several processes may have one each.

    Args:
        database: Where entries are.
        signer: Who signs.

    Raises:
        StorageError: The database cannot be used now.
    """

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database, self._signer = database, signer
        self._held = threading.Lock()
        self._entries: list[bytes] = []
        self._tree, self._epoch, self._signed, self._note = Tree(), 0, 0, b""
        with database.writing() as connection:
            begin_log(connection, signer.said.opening)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._signer.said.origin

    @property
    def epoch(self) -> int:
        """Number of the epoch that is open."""
        return self._signer.said.epoch

    def checkpoint(self) -> bytes:
        """The newest, signed over all that is committed.

        Raises:
            RestoredError: The database holds another history than was signed before.
            StorageError: The database cannot be used now.
        """
        with self._held:
            return self._newest()

    def snapshot(self) -> tuple[bytes, Sequence[bytes]]:
        """The newest checkpoint, and all its entries."""
        with self._held:
            return self._newest(), self._entries[: self._signed]

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Signed entries from `start` to before `end`, at most `MOST_ENTRIES`.

        Raises:
            InputError: There are no such entries.
        """
        with self._held:
            self._newest()
            if not 0 <= start < end <= self._signed:
                raise InputError(f"start and end must be 0 to {self._signed}, in this order, the log's newest size")
            return self._entries[start : min(end, start + MOST_ENTRIES)]

    def place(self, leaf: int, size: int) -> Place:
        """Where an entry stands, proved for a signed size.

        Raises:
            InputError: There is no such entry, or size.
        """
        with self._held:
            return Place(leaf=leaf, proof=self._shown(size).prove_entry(leaf, size))

    def growth(self, old: int, size: int) -> tuple[bytes, ...]:
        """The proof that the log of one signed size grew out of that of another.

        Raises:
            InputError: There are no such sizes.
        """
        with self._held:
            return self._shown(size).prove_growth(old, size)

    def digest(self, size: int) -> bytes:
        """SHA-256 of the checkpoint of a signed size: what sessions stand on.

        Raises:
            InputError: There is no such size.
        """
        with self._held:
            return Checkpoint(origin=self.origin, size=size, root=self._shown(size).root(size)).digest

    def _shown(self, size: int) -> Tree:
        if size > self._signed or not self._note:
            self._newest()
        if size > self._signed:
            raise InputError(f"size is {size}, the log's newest is {self._signed}")
        return self._tree

    def _newest(self) -> bytes:
        """Sign what was entered since; another process may be ahead, and then so is the database."""
        for _ in range(_TRIES):
            self._catch_up()
            if self._signed == len(self._tree):
                break
            try:
                self._note, self._signed = self._signer.sign_checkpoint(self._tree), len(self._tree)
            except RestoredError:
                if not self._catch_up():
                    raise
        return self._note

    def _catch_up(self) -> bool:
        """Whether there were entries that this process had not seen."""
        epoch = self._signer.said.epoch
        if epoch != self._epoch:
            self._entries, self._tree, self._epoch, self._signed, self._note = [], Tree(), epoch, 0, b""
        before = len(self._entries)
        with self._database.reading() as connection:
            fresh = log_entries(connection, epoch, before, 1 << 62)
        for entry in fresh:
            self._tree.append(entry)
        self._entries += fresh
        return bool(fresh)
