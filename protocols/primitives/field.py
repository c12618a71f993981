"""The prime field in which secrets are shared: integers modulo 2^256 + 297, so that every 32-byte string is an element.

FLD-1  An element has one encoding, 33 big-endian bytes below the prime; everything else is refused.
FLD-2  Arithmetic is Python's own and not constant-time: an observer who times a client's process is out of scope.
"""

from collections.abc import Sequence
from itertools import accumulate

from ..errors import InvalidShareError

PRIME = 2**256 + 297
"""The smallest prime above 2^256."""
ELEMENT_SIZE = 33
"""Bytes of an encoded element."""
UNIFORM_SIZE = 64
"""Bytes of uniform input per element: reducing 512 bits leaves a bias below 2^-255."""


def encode_element(element: int) -> bytes:
    """Returns the 33 big-endian bytes of an element."""
    return element.to_bytes(ELEMENT_SIZE, "big")


def decode_element(data: bytes) -> int:
    """Reads an element.

    Raises:
        InvalidShareError: `data` is not 33 bytes, or its value is not below the prime.
    """
    element = int.from_bytes(data, "big")
    if len(data) != ELEMENT_SIZE or element >= PRIME:
        raise InvalidShareError(f"a share is {ELEMENT_SIZE} bytes with a value below 2^256 + 297")
    return element


def elements_from_uniform(data: bytes) -> list[int]:
    """Reduces uniform bytes, 64 for each element, to uniform elements."""
    chunks = (data[start : start + UNIFORM_SIZE] for start in range(0, len(data), UNIFORM_SIZE))
    return [int.from_bytes(chunk, "big") % PRIME for chunk in chunks]


def invert_all(elements: Sequence[int], prime: int = PRIME) -> list[int]:
    """Inverts non-zero elements with a single modular inversion (Montgomery's trick)."""
    prefixes = list(accumulate(elements, lambda product, element: product * element % prime, initial=1))
    inverse = pow(prefixes.pop(), -1, prime)
    inverses = []
    for prefix, element in zip(reversed(prefixes), reversed(elements), strict=True):
        inverses.append(prefix * inverse % prime)
        inverse = inverse * element % prime
    return inverses[::-1]
