"""Random words from the source the caller hands in: `os.urandom` at the outermost caller, scripted bytes in tests.

RND-1  Nothing that privacy depends on is drawn from numpy's, torch's or Python's own generators, in any mode.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import PrivacyError

RandomBytes = Callable[[int], bytes]
"""Returns exactly that many fresh random bytes."""


def random_bytes(count: int, random: RandomBytes) -> bytes:
    """Exactly `count` bytes.

    Raises:
        PrivacyError: If the source returned fewer or more, since missing noise must never be stretched.
    """
    data = random(count)
    if len(data) != count:
        raise PrivacyError(f"the random source returned {len(data)} bytes where {count} were asked for: use os.urandom")
    return data


def random_words(count: int, random: RandomBytes) -> NDArray[np.uint64]:
    """Uniform 64-bit words, uint64 [count], from ``8 * count`` bytes."""
    return np.frombuffer(random_bytes(8 * count, random), dtype="<u8").astype(np.uint64, copy=False)
