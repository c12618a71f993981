"""Integers of a symmetric law, drawn by inverting an exact table with words of the operating system's generator.

INV-1  A sample's distribution is within total variation 2^-127 of the ideal: the two tails left out weigh less than
       2^-128 together, and 192 random bits are compared to the table (64 at once, the others where 64 leave it open).
INV-2  The table is computed in integers; the random bytes are an argument. No floating point, no seeded generator.
INV-3  What is read and done depends on the random bytes alone: no update comes in here.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .randomness import RandomBytes, random_bytes, random_words

SIGMA_MIN: Final = 4.0
"""A sum of n discrete Gaussian shares this wide is within a max-divergence of 10 n exp(-16 pi^2) < 2^-220 n, a
coordinate, of one discrete Gaussian (Kairouz, Liu, Steinke 2021, section 3): nothing that epsilon, as a float, could
show. Sums of Skellam shares are Skellam at any width."""
SIGMA_MAX: Final = 2.0**15
"""Keeps the table below a million words."""
FIXED_BITS: Final = 256
"""Weights are integers in units of 2^-256."""
_WORD_BITS: Final = 64
_EXTRA_BITS: Final = 128


class TableSampler(ABC):
    """A symmetric law on the integers, of one scale.

    Attributes:
        sigma: Scale in grid units, about the standard deviation.
        support: Largest absolute value of a sample.
    """

    DISTANCE: Final = 2.0**-127
    """Bound on the total variation distance between one sample and the ideal distribution (INV-1)."""

    __slots__ = ("_table", "sigma", "support")

    def __init__(self, sigma: float) -> None:
        if not SIGMA_MIN <= sigma <= SIGMA_MAX:
            raise InputError(f"the noise scale must be between {SIGMA_MIN} and {SIGMA_MAX} grid units, got {sigma}")
        self.sigma = sigma
        self.support = self.largest(sigma)
        self._table = _word_table(type(self), sigma)

    @staticmethod
    @abstractmethod
    def largest(sigma: float) -> int:
        """Absolute value beyond which both tails together weigh less than 2^-128."""

    @staticmethod
    @abstractmethod
    def weights(sigma: float) -> list[int]:
        """For x = 0 .. largest(sigma), the ideal probability of x over that of 0, in units of 2^-256."""

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
            exact = cumulative(type(self), self.sigma)
            for position in undecided:
                extra = int.from_bytes(random_bytes(_EXTRA_BITS // 8, random), "little")
                below[position] = bisect_right(exact, int(words[position]) << _EXTRA_BITS | extra)
        return below.astype(np.int64) - self.support


def cumulative(law: type[TableSampler], sigma: float) -> list[int]:
    """P(X <= x) for x = -largest .. largest - 1, in units of 2^-192, rounded down."""
    weights = law.weights(sigma)
    total = 2 * sum(weights) - weights[0]
    sums = accumulate(weights[:0:-1] + weights[:-1])
    return [(value << (_WORD_BITS + _EXTRA_BITS)) // total for value in sums]


@lru_cache(maxsize=8)
def _word_table(law: type[TableSampler], sigma: float) -> NDArray[np.uint64]:
    """The leading 64 bits of `cumulative`: uint64 [2 * largest]."""
    return np.array([value >> _EXTRA_BITS for value in cumulative(law, sigma)], dtype=np.uint64)
