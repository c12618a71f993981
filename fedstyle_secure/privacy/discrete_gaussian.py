"""Discrete Gaussian noise from words of the operating system's generator, by inverting an exact table.

DGS-1  A sample's distribution is within total variation 2^-127 of the ideal: the two tails left out weigh less than
       2^-128 together, and 192 random bits are compared to the table (64 at once, the others where 64 leave it open).
DGS-2  The table is computed in integers; the random bytes are an argument. No floating point, no seeded generator.

Source: Canonne, Kamath, Steinke 2020 (The Discrete Gaussian for Differential Privacy): definition, sub-Gaussian tail.
"""

import math
from bisect import bisect_right
from decimal import Context, Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .randomness import RandomBytes, random_bytes, random_words

SIGMA_MIN: Final = 4.0
"""A sum of n shares this wide is within a max-divergence of 10 n exp(-16 pi^2) < 2^-220 n, a coordinate, of one
discrete Gaussian (Kairouz, Liu, Steinke 2021, section 3): nothing that epsilon, as a float, could show."""
SIGMA_MAX: Final = 2.0**15
"""Keeps the table below a million words."""
_TAIL: Final = 13.4  # P(|X| > 13.4 sigma) <= 2 exp(-13.4^2 / 2) < 2^-128
_FIXED_BITS: Final = 256
_WORD_BITS: Final = 64
_EXTRA_BITS: Final = 128


def support(sigma: float) -> int:
    """Largest absolute value of a sample, about 13.4 sigma (DGS-1)."""
    return math.ceil(_TAIL * sigma)


class DiscreteGaussian:
    """Integers x with probability proportional to exp(-x^2 / (2 sigma^2)).

    Attributes:
        sigma: Scale; the standard deviation is never above it, and equal to within 1e-60 of it at sigma >= 4.
        support: Largest absolute value of a sample.
    """

    DISTANCE: Final = 2.0**-127
    """Bound on the total variation distance between one sample and the ideal distribution (DGS-1)."""

    __slots__ = ("_table", "sigma", "support")

    def __init__(self, sigma: float) -> None:
        if not SIGMA_MIN <= sigma <= SIGMA_MAX:
            raise InputError(f"the noise scale must be between {SIGMA_MIN} and {SIGMA_MAX} grid units, got {sigma}")
        self.sigma = sigma
        self.support = support(sigma)
        self._table = _word_table(sigma)

    def sample(self, count: int, random: RandomBytes) -> NDArray[np.int64]:
        """Draw independent samples.

        Args:
            count: How many.
            random: Source of ``8 * count`` bytes, and with probability below 2^-40 per sample of 16 more.

        Returns:
            int64 [count], each between ``-support`` and ``support``.
        """
        words = random_words(count, random)
        below = np.searchsorted(self._table, words, side="right")
        undecided = np.flatnonzero((below > 0) & (self._table[below - 1] == words))
        if len(undecided):
            exact = _cumulative(self.sigma)
            for position in undecided:
                extra = int.from_bytes(random_bytes(_EXTRA_BITS // 8, random), "little")
                below[position] = bisect_right(exact, int(words[position]) << _EXTRA_BITS | extra)
        return below.astype(np.int64) - self.support


@lru_cache(maxsize=8)
def _word_table(sigma: float) -> NDArray[np.uint64]:
    """The leading 64 bits of `_cumulative`: uint64 [2 * support]."""
    return np.array([value >> _EXTRA_BITS for value in _cumulative(sigma)], dtype=np.uint64)


def _cumulative(sigma: float) -> list[int]:
    """P(X <= x) for x = -support .. support - 1, in units of 2^-192, rounded down."""
    weights = _weights(sigma, support(sigma))
    total = 2 * sum(weights) - weights[0]
    sums = accumulate(weights[:0:-1] + weights[:-1])
    return [(value << (_WORD_BITS + _EXTRA_BITS)) // total for value in sums]


def _weights(sigma: float, largest: int) -> list[int]:
    """exp(-x^2 / (2 sigma^2)) for x = 0 .. largest, in units of 2^-256.

    The recurrence w(x+1) = w(x) r(x), r(x+1) = r(x) e^(-1/sigma^2) loses at each step at most 3 units in r, and in w
    one unit more than r has lost: at most 2 largest^2 units in all, below 2^-217 for the largest table.
    """
    context = Context(prec=100)
    variance = context.multiply(Decimal(sigma), Decimal(sigma))
    half_step = context.exp(context.divide(Decimal(-1), context.multiply(Decimal(2), variance)))
    ratio = int(context.multiply(half_step, Decimal(1 << _FIXED_BITS)))
    decay = ratio * ratio >> _FIXED_BITS
    weights = [1 << _FIXED_BITS]
    for _ in range(largest):
        weights.append(weights[-1] * ratio >> _FIXED_BITS)
        ratio = ratio * decay >> _FIXED_BITS
    return weights
