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
FCA-5  A folder with a key shows nothing without it: entries are encrypted, and even their names tell nobody which
       artworks they are of.
"""

import os
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from numpy.typing import NDArray

from ..artworks.artwork import Artwork
from ..errors import InputError
from ..writing import write_whole
from .encoder import Encoder
from .folders import make_private, user_cache
from .spec import FEATURES_FORMAT

LIMIT: Final = 2 << 30
"""Bytes: some 31,000 artworks with four crops each, by the default encoder."""

_DIGEST, _COUNT = 32, 4  # bytes before the numbers of an entry: their digest, and how many views there are
_NONCE_SIZE: Final = 12

_ENTRY: Final = re.compile(r"[0-9a-f]{62}|\.[0-9a-f]{62}\.\d+")  # a draft stays behind where a process was killed


class FeatureCache:
    """A folder of features, one file for each artwork and encoder.

    Args:
        folder: Made if missing; None for the one in the user's cache folder.
        limit: Bytes to keep.
        key: 32 secret bytes that entries are encrypted under (FCA-5); None to write them plainly.

    Raises:
        InputError: It cannot be made.
    """

    def __init__(self, folder: Path | None = None, *, limit: int = LIMIT, key: bytes | None = None) -> None:
        self.folder, self._limit, self._secret = user_cache() / "features" if folder is None else folder, limit, key
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
        return self.find(artwork.digest, encoder.name, encoder.runtime)

    def find(self, digest: bytes, encoder: str, runtime: str) -> NDArray[np.float32] | None:
        """What `load` finds, for those who no longer hold the artwork.

        Args:
            digest: The artwork's.
            encoder: The encoder's name.
            runtime: What computed.
        """
        key = self._key(digest, encoder, runtime)
        path = self._path(key)
        try:
            content = self._open(key, path.read_bytes())
            os.utime(path)
        except OSError:
            return None
        sealed, rest = content[:_DIGEST], content[_DIGEST:]
        if sealed != _seal(key, rest):
            return None
        views = int.from_bytes(rest[:_COUNT], "little")
        return np.frombuffer(rest, dtype="<f4", offset=_COUNT).reshape(views, -1).astype(np.float32)

    def store(self, artwork: Artwork, encoder: Encoder, rows: NDArray[np.float32]) -> None:
        """Keep features [views, features]; a disk that is full costs time at the next run, and no more."""
        key = self._key(artwork.digest, encoder.name, encoder.runtime)
        path = self._path(key)
        rest = len(rows).to_bytes(_COUNT, "little") + np.ascontiguousarray(rows, dtype="<f4").tobytes()
        with suppress(OSError):
            make_private(path.parent)
            write_whole(path, self._encrypt(key, _seal(key, rest) + rest))
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

    def _key(self, digest: bytes, encoder: str, runtime: str) -> bytes:
        """What decides an entry's bits (FCA-1), 32 bytes; without the secret nobody computes it (FCA-5)."""
        facts = "\0".join([FEATURES_FORMAT, encoder, runtime]).encode() + b"\0" + digest
        if self._secret is None:
            return sha256(facts).digest()
        mac = HMAC(self._secret, SHA256())
        mac.update(facts)
        return mac.finalize()

    def _encrypt(self, key: bytes, content: bytes) -> bytes:
        if self._secret is None:
            return content
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + AESGCM(self._secret).encrypt(nonce, content, key)

    def _open(self, key: bytes, content: bytes) -> bytes:
        """The content that was written; nothing where it was altered, or written under another key."""
        if self._secret is None:
            return content
        try:
            return AESGCM(self._secret).decrypt(content[:_NONCE_SIZE], content[_NONCE_SIZE:], key)
        except (InvalidTag, ValueError):
            return b""

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self.folder / name[:2] / name[2:]


def _seal(key: bytes, rest: bytes) -> bytes:
    """Of an entry's content and place (FCA-2)."""
    return sha256(key + rest).digest()
