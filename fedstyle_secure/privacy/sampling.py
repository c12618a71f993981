"""Poisson sampling: each artwork of an artist takes part in a release by a secret coin of its own.

SAM-1  Coins come from the operating system and fall independently: the number of artworks taken is binomial, not fixed,
       which is what the accounting of sampled releases takes for granted.
SAM-2  A rate is rounded down to a multiple of 2^-64: nothing takes part more often than was accounted for.

For small portfolios taking all artworks in few iterations is better at equal epsilon; sampling serves large ones.
"""

import math
from dataclasses import replace

import numpy as np

from ..training.updates import Contributions
from .randomness import RandomBytes, random_words


def sample(contributions: Contributions, rate: float, random: RandomBytes) -> Contributions:
    """Keep each row with probability `rate`.

    Args:
        contributions: One row per artwork.
        rate: Above 0, at most 1.
        random: Source of 8 bytes for each row; none are taken at rate 1.

    Returns:
        The rows that were taken, in their order; possibly none.
    """
    if rate == 1:
        return contributions
    words = random_words(len(contributions.rows), random)
    return replace(contributions, rows=contributions.rows[words < np.uint64(math.ldexp(rate, 64))])
