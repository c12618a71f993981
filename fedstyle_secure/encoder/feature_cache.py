"""Raw features kept on disk, so that no artwork passes an encoder twice, whatever command, run or seed asks.

Features are numbers of artworks and as private as these: the folder belongs to its user. Whoever removes it loses
time and nothing else.

FCA-1  An entry is found by all that decides its bits: format, encoder with the digest of its weights, what computes,
       and the artwork's pixels. Crops follow from these (FEA-2): seeds share entries, and more views extend them.
FCA-2  An entry is written whole or not at all, and says by its digest what it is: a damaged, foreign or shortened one
       counts as missing. Several processes may fill one folder at once.
FCA-3  Whatever folder it makes has mode 0700.
FCA-4  The folder stays near LIMIT bytes: when it is opened, and whenever a sixteenth of that was added, the entries
       that were not used for longest go. Nothing but entries is ever removed.
"""

import os
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..artworks.artwork import Artwork
from ..errors import InputError
from ..writing import write_whole
from .encoder import Encoder
from .folders import make_private, user_cache

FORMAT: Final = "fedstyle-features-3"

LIMIT: Final = 2 << 30
"""Bytes: some 57,000 artworks with four crops each, by the default encoder."""

_DIGEST, _COUNT = 32, 4  # bytes before the numbers of an entry: their digest, and how many views there are


_ENTRY: Final = re.compile(r"[0-9a-f]{62}|\.[0-9a-f]{62}\.\d+")  # a draft stays behind where a process was killed


class FeatureCache:
    """A folder of features, one file for each artwork and encoder.

    Args:
        folder: Made if missing; None for the one in the user's cache folder.
        limit: Bytes to keep.

    Raises:
        InputError: It cannot be made.
    """

    def __init__(self, folder: Path | None = None, *, limit: int = LIMIT) -> None:
        self.folder, self._limit = user_cache() / "features" if folder is None else folder, limit
        self._added, self._lock = 0, Lock()
        try:
            make_private(self.folder)
        except OSError as error:
            raise InputError(
                f"features cannot be kept in {self.folder} ({error.strerror}); choose another --features-cache"
            ) from error
        self._trim()

    def load(self, artwork: Artwork, encoder: Encoder) -> NDArray[np.float32] | None:
        """Features of an artwork's first views, float32 [views, features]; None if there are none (FCA-2)."""
        key = _key(artwork, encoder)
        path = self._path(key)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        digest, rest = content[:_DIGEST], content[_DIGEST:]
        if digest != _seal(key, rest):
            return None
        views = int.from_bytes(rest[:_COUNT], "little")
        return np.frombuffer(rest, dtype="<f4", offset=_COUNT).reshape(views, -1).astype(np.float32)

    def store(self, artwork: Artwork, encoder: Encoder, rows: NDArray[np.float32]) -> None:
        """Keep features [views, features]; a disk that is full costs time at the next run, and no more."""
        key = _key(artwork, encoder)
        path = self._path(key)
        rest = len(rows).to_bytes(_COUNT, "little") + np.ascontiguousarray(rows, dtype="<f4").tobytes()
        with suppress(OSError):
            make_private(path.parent)
            write_whole(path, _seal(key, rest) + rest)
        with self._lock:
            self._added += len(rest)
            if self._added > self._limit // 16:
                self._added = 0
                self._trim()

    def _trim(self) -> None:
        """Remove what was not used for longest, down to the limit (FCA-4)."""
        found = []
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if _ENTRY.fullmatch(path.name):
                with suppress(OSError):  # another process was faster
                    facts = path.stat()
                    found.append((facts.st_mtime_ns, facts.st_size, path))
        surplus = sum(size for _, size, _ in found) - self._limit
        for _, size, path in sorted(found):
            if surplus <= 0:
                break
            path.unlink(missing_ok=True)
            surplus -= size

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / name[:2] / name[2:]


def _key(artwork: Artwork, encoder: Encoder) -> bytes:
    """What decides an entry's bits (FCA-1), 32 bytes."""
    facts = "\0".join([FORMAT, encoder.name, encoder.runtime])
    return sha256(facts.encode() + b"\0" + artwork.digest).digest()


def _seal(key: bytes, rest: bytes) -> bytes:
    """Of an entry's content and place (FCA-2)."""
    return sha256(key + rest).digest()
