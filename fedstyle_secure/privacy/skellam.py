"""Skellam noise: the difference of two Poisson variables of mean sigma^2 / 2 each, so that shares add up exactly.

Source: Agarwal, Kairouz, Liu 2021 (The Skellam Mechanism for Differentially Private Federated Learning).
"""

import math
from fractions import Fraction
from typing import Final

from .inversion import FIXED_BITS, TableSampler

_TAIL: Final = 129 * math.log(2)  # each tail weighs less than 2^-129
_START: Final = 270 * math.log(2)  # far enough out that what the recurrence starts from is forgotten


class Skellam(TableSampler):
    """P(x) = exp(-s) I_x(s), s = sigma^2, with I the modified Bessel function; its standard deviation is sigma."""

    __slots__ = ()

    @staticmethod
    def largest(sigma: float) -> int:
        """About 13.4 sigma where sigma is large; 67 rather than 54 at sigma = 4, where the tails are heavier."""
        return _reach(sigma, _TAIL)

    @staticmethod
    def weights(sigma: float) -> list[int]:
        """By the continued fraction of r(x) = I_x / I_(x-1), from the tail inward; each within 2^-210 of the exact one.

        1 / r(x) = 2 x / s + r(x+1), from I_(x-1) = I_(x+1) + (2 x / s) I_x. A step shrinks an error by r(x)^2 and adds
        at most two units, so a ratio is off by at most two units for each step before it, once the start is forgotten:
        by then that error, at most 1, has shrunk by the square of a ratio of tails, 2^-141. A weight sums the errors of
        the ratios before it.
        """
        s = Fraction(sigma) ** 2
        outermost = _reach(sigma, _START)
        ratio, ratios = 0, []
        for x in range(outermost, 0, -1):
            ratio = (1 << 2 * FIXED_BITS) // ((2 * x * s.denominator << FIXED_BITS) // s.numerator + ratio)
            ratios.append(ratio)
        weights = [1 << FIXED_BITS]
        for ratio in ratios[: -Skellam.largest(sigma) - 1 : -1]:
            weights.append(weights[-1] * ratio >> FIXED_BITS)
        return weights


def _reach(sigma: float, exponent: float) -> int:
    """Smallest x with P(X >= x) <= exp(-exponent) by Chernoff's bound, in which log E exp(t X) = s (cosh t - 1)."""
    s = sigma**2

    def falls_short(x: int) -> bool:
        u = x / s
        return x * math.asinh(u) - s * u * u / (1 + math.sqrt(1 + u * u)) < exponent

    low, high = 0, 1
    while falls_short(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if falls_short(middle) else (low, middle)
    return high
