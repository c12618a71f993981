"""Discrete Gaussian noise: integers x with probability proportional to exp(-x^2 / (2 sigma^2)).

Source: Canonne, Kamath, Steinke 2020 (The Discrete Gaussian for Differential Privacy): definition, sub-Gaussian tail.
"""

import math
from decimal import Context, Decimal
from typing import Final

from .inversion import FIXED_BITS, TableSampler

_TAIL: Final = 13.4  # P(|X| > 13.4 sigma) <= 2 exp(-13.4^2 / 2) < 2^-128


class DiscreteGaussian(TableSampler):
    """Its standard deviation is never above sigma, and equal to it within 1e-60 at sigma >= 4."""

    __slots__ = ()

    @staticmethod
    def largest(sigma: float) -> int:
        """About 13.4 sigma."""
        return math.ceil(_TAIL * sigma)

    @staticmethod
    def weights(sigma: float) -> list[int]:
        """By recurrence, each weight below the exact one by less than 2^-217.

        w(x+1) = w(x) r(x), r(x+1) = r(x) e^(-1/sigma^2) loses at each step at most 3 units in r, and in w one unit more
        than r has lost: at most 2 largest^2 units in all.
        """
        context = Context(prec=100)
        variance = context.multiply(Decimal(sigma), Decimal(sigma))
        half_step = context.exp(context.divide(Decimal(-1), context.multiply(Decimal(2), variance)))
        ratio = int(context.multiply(half_step, Decimal(1 << FIXED_BITS)))
        decay = ratio * ratio >> FIXED_BITS
        weights = [1 << FIXED_BITS]
        for _ in range(DiscreteGaussian.largest(sigma)):
            weights.append(weights[-1] * ratio >> FIXED_BITS)
            ratio = ratio * decay >> FIXED_BITS
        return weights
