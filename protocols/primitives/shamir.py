"""Shamir's secret sharing (CACM 22(11), 1979): any `threshold` shares give the secret, fewer say nothing about it.

SHA-1  The secret is the value at 0, and 0 is never a share's position.
SHA-2  All coefficients but the secret come from the caller and must be uniform and used for one secret only.
SHA-3  Combining takes wrong shares at their word: whoever combines must check the secret against a commitment.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from ..errors import InvalidShareError, LocalProtocolError
from .field import PRIME, invert_all

SECRET_SIZE = 32
"""Bytes of a shared secret."""


def split(secret: int, coefficients: Sequence[int], positions: Sequence[int], prime: int = PRIME) -> list[int]:
    """Evaluates the sharing polynomial at each position (Horner's rule).

    Args:
        secret: Element of the field.
        coefficients: The `threshold - 1` uniform elements that hide it.
        positions: Where to evaluate; from 1 to `prime - 1`.
        prime: Order of the field.

    Returns:
        One share per position.

    Raises:
        LocalProtocolError: a position is 0 modulo the prime; its share would be the secret itself.
    """
    if any(not 0 < position < prime for position in positions):
        raise LocalProtocolError("share positions run from 1 to prime - 1: the value at 0 is the secret")
    shares = []
    for position in positions:
        share = 0
        for coefficient in reversed(coefficients):
            share = (share + coefficient) * position % prime
        shares.append((share + secret) % prime)
    return shares


def lagrange_coefficients(positions: Sequence[int], prime: int = PRIME) -> list[int]:
    """Computes the weights that turn shares at `positions` into the value at 0; one inversion for all of them.

    Raises:
        LocalProtocolError: positions are not strictly increasing from 1 upwards.
    """
    if not positions or positions[0] < 1 or positions[-1] >= prime or any(a >= b for a, b in pairwise(positions)):
        raise LocalProtocolError("share positions must be strictly increasing, from 1 to prime - 1")
    denominators = [
        position * prod(other - position for other in positions if other != position) % prime for position in positions
    ]
    everything = prod(positions) % prime
    return [everything * inverse % prime for inverse in invert_all(denominators, prime)]


def combine(shares: Sequence[int], weights: Sequence[int], prime: int = PRIME) -> int:
    """Interpolates the value at 0 from shares and their `lagrange_coefficients`, both in the same order."""
    return sum(share * weight for share, weight in zip(shares, weights, strict=True)) % prime


def secret_bytes(secret: int) -> bytes:
    """Returns a combined secret as the 32 bytes it was before it was shared.

    Raises:
        InvalidShareError: it is one of the 297 field elements that are no 32-byte string.
    """
    if secret >> (8 * SECRET_SIZE):
        raise InvalidShareError("the shares combine to no 32-byte secret")
    return secret.to_bytes(SECRET_SIZE, "big")
