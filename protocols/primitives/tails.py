"""Exact upper tails of the hypergeometric distribution, in logarithms: how likely a draw holds too many of a few."""

from math import inf, lgamma, log

import numpy as np
from numpy.typing import NDArray


def log2_tail(population: int, marked: int, drawn: int, least: int) -> float:
    """Base-2 logarithm of P[at least `least` of `drawn` are marked], for any `least`."""
    return float(log2_tails(population, marked, drawn)[min(max(0, least), drawn + 1)])


def log2_tails(population: int, marked: int, drawn: int) -> NDArray[np.float64]:
    """Upper tails of the hypergeometric distribution, summed in logarithms from the far end: no tail underflows.

    Returns:
        Shape [drawn + 2]: for x from 0, log2 P[of `drawn` from `population` at least x are among the `marked`].
    """
    low, high = max(0, marked + drawn - population), min(marked, drawn)
    found = np.arange(low, high, dtype=np.float64)
    ratios = (marked - found) * (drawn - found) / ((found + 1) * (population - marked - drawn + found + 1))
    start = _log2_choose(marked, low) + _log2_choose(population - marked, drawn - low) - _log2_choose(population, drawn)
    exactly = start + np.concatenate(([0.0], np.cumsum(np.log2(ratios))))
    tails = np.full(drawn + 2, -inf)
    tails[low : high + 1] = np.logaddexp2.accumulate(exactly[::-1])[::-1]
    tails[: low + 1] = 0.0
    return tails


def _log2_choose(total: int, chosen: int) -> float:
    return (lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)) / log(2)
