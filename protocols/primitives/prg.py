"""The pseudo-random generator behind masks and sharing coefficients: AES-256-CTR under an HKDF-SHA256 key.

PRG-1  All 256 bits of the seed reach the key: `HKDF-Expand(seed, info)` (RFC 5869), no folding, no general-purpose RNG.
PRG-2  A (seed, info) pair names one stream, and each stream is used for one purpose: the counter may start at zero.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..errors import LocalProtocolError

SEED_SIZE = 32
"""Bytes of a seed."""
BLOCK_SIZE = 64 * 1024
"""Most bytes one `read_into` may ask for: small enough to stay in the processor's cache."""

_ZEROS = memoryview(bytes(BLOCK_SIZE))


class Keystream:
    """An endless stream of pseudo-random bytes, read once from its beginning.

    Args:
        seed: 32 uniform bytes.
        info: What the stream is for; distinct purposes need distinct values.

    Raises:
        LocalProtocolError: the seed is not 32 bytes.
    """

    __slots__ = ("_encryptor",)

    def __init__(self, seed: bytes, info: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise LocalProtocolError(f"a seed has {SEED_SIZE} bytes, got {len(seed)}")
        key = HKDFExpand(SHA256(), 32, info).derive(seed)
        self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def read(self, size: int) -> bytes:
        """Returns the next `size` bytes."""
        return self._encryptor.update(bytes(size))

    def read_into(self, buffer: memoryview) -> None:
        """Overwrites `buffer` (at most `BLOCK_SIZE`, writable) with the next bytes; nothing is allocated."""
        self._encryptor.update_into(_ZEROS[: len(buffer)], buffer)
