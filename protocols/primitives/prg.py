"""The pseudo-random generator behind masks and sharing coefficients: AES-256-CTR under an HKDF-SHA256 key.

PRG-1  All 256 bits of the seed reach the key: `HKDF-Expand(seed, info)` (RFC 5869), no folding, no general-purpose RNG.
PRG-2  A (seed, info) pair names one stream, and each stream is used for one purpose: the counter may start at zero.
"""

from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..errors import LocalProtocolError

SEED_SIZE = 32
"""Bytes of a seed."""
BLOCK_SIZE = 128 * 1024
"""Most bytes `Bundle.read_each` may be asked for: three such blocks stay in a cache of the second level."""

_CIPHER_BLOCK = 16
_ZEROS = memoryview(bytes(BLOCK_SIZE))


class Keystream:
    """An endless stream of pseudo-random bytes.

    Args:
        seed: 32 uniform bytes.
        info: What the stream is for; distinct purposes need distinct values.

    Raises:
        LocalProtocolError: the seed is not 32 bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, seed: bytes, info: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise LocalProtocolError(f"a seed has {SEED_SIZE} bytes, got {len(seed)}")
        self._key = HKDFExpand(SHA256(), 32, info).derive(seed)

    def read(self, size: int) -> bytes:
        """Returns the first `size` bytes."""
        return self.opened_at(0).update(bytes(size))

    def opened_at(self, offset: int) -> CipherContext:
        """Returns a cipher whose next byte of keystream is the stream's at `offset`."""
        counter = (offset // _CIPHER_BLOCK).to_bytes(_CIPHER_BLOCK, "big")
        cipher = Cipher(algorithms.AES256(self._key), modes.CTR(counter)).encryptor()
        cipher.update(bytes(offset % _CIPHER_BLOCK))
        return cipher


class Bundle:
    """Several streams, read in step.

    Args:
        streams: The streams.
        offset: Byte at which all of them are read first.
    """

    __slots__ = ("_ciphers",)

    def __init__(self, streams: Iterable[Keystream], offset: int) -> None:
        self._ciphers = [stream.opened_at(offset) for stream in streams]

    def read_each(self, buffer: memoryview) -> Iterator[None]:
        """Overwrites `buffer` (at most `BLOCK_SIZE`, writable) with the next bytes of one stream after the other.

        The loop is here because it turns once for each block of each mask: it looks nothing up and cuts nothing to
        size, and nothing is allocated.
        """
        zeros = _ZEROS[: len(buffer)]
        for cipher in self._ciphers:
            cipher.update_into(zeros, buffer)
            yield
