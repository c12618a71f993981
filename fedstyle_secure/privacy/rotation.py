"""Randomized Hadamard rotation in exact integers: it spreads a spike over all coordinates, so that few are clamped.

ROT-1  `rotate` is sqrt(dimension) times an orthonormal map, in integers: norms and sums carry over with no rounding.
ROT-2  The signs come from a public seed through SHAKE-256. They protect nothing and need no secrecy.

Source: Kairouz, Liu, Steinke 2021 (The Distributed Discrete Gaussian Mechanism), section 4, "flattening".
"""

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

SEED_BYTES: Final = 32


def padded_dimension(length: int) -> int:
    """The next power of two, at least `length`."""
    return 1 << (length - 1).bit_length()


def rotate(values: NDArray[np.int64], seed: bytes) -> NDArray[np.int64]:
    """Flip signs, pad with zeros and apply the unnormalized Hadamard matrix.

    Args:
        values: int64 [length]; the sum of absolute values must stay below 2^63.
        seed: Public, 32 bytes.

    Returns:
        int64 [padded_dimension(length)], sqrt(dimension) times as long as `values` in L2 (ROT-1).
    """
    dimension = padded_dimension(len(values))
    padded = np.zeros(dimension, dtype=np.int64)
    padded[: len(values)] = values
    return _hadamard(padded * _signs(seed, dimension))


def unrotate(rotated: NDArray[np.int64], seed: bytes, length: int) -> NDArray[np.int64]:
    """The transpose of `rotate`: ``unrotate(rotate(x, seed), seed, len(x))`` is exactly ``dimension * x``.

    Args:
        rotated: int64 [dimension], dimension a power of two; the sum of absolute values must stay below 2^63.
        seed: The seed given to `rotate`.
        length: How many coordinates there were before padding.

    Returns:
        int64 [length].
    """
    return (_hadamard(rotated) * _signs(seed, len(rotated)))[:length]


def _signs(seed: bytes, dimension: int) -> NDArray[np.int64]:
    """Public signs +1 and -1, int64 [dimension] (ROT-2)."""
    if len(seed) != SEED_BYTES:
        raise InputError(f"a rotation seed has {SEED_BYTES} bytes, got {len(seed)}")
    stream = hashlib.shake_256(b"fedstyle-secure rotation v1" + seed).digest((dimension + 7) // 8)
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8), count=dimension)
    return 1 - 2 * bits.astype(np.int64)


def _hadamard(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unnormalized fast Walsh-Hadamard transform, O(d log d), int64 [d]."""
    half = 1
    while half < len(values):
        pairs = values.reshape(-1, 2, half)
        values = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).reshape(-1)
        half *= 2
    return values
