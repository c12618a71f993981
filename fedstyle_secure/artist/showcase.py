"""What an artist shows already, put beside what it releases.

SHC-1  Shown works join a release after its noise: what comes of both follows from the noisy sum, its planned noise and
       what is public, and from nothing else that is private. So they cost no privacy, whatever they are.
"""

import math

import numpy as np
from numpy.typing import NDArray

LEAST_SHOWN = 2
"""Works of a showcase: one alone does not tell how far works by this hand lie apart."""

_LEAST, _MOST = 0.01, 0.99  # of how alike two works by one hand are, as a squared cosine of both with their mean


def with_showcase(summed: NDArray[np.float64], noise: float, shown: NDArray[np.float32]) -> NDArray[np.float64]:
    """A noisy sum of unit vectors and shown ones, each believed by its precision.

    Works of one hand scatter around its style by tau in each coordinate. A mean of k shown ones is off by tau^2 / k,
    one of n in a noisy sum by tau^2 / n + sigma^2 / n^2: weighted by the inverse of that, the sum counts n tau^2 /
    (n tau^2 + sigma^2) of what it would without noise. Tau is that of the shown works; n is read off the sum's length.

    Args:
        summed: What was released, before it is scaled to a unit vector [d].
        noise: Standard deviation of its noise in a coordinate, sigma.
        shown: Unit vectors of shown works [k, d], LEAST_SHOWN at least.
    """
    count, dimensions = shown.shape
    total: NDArray[np.float64] = shown.sum(axis=0, dtype=np.float64)
    alike = float((total @ total - np.sum(shown.astype(np.float64) ** 2)) / (count * (count - 1)))
    alike = min(max(alike, _LEAST), _MOST)
    energy = max(0.0, float(summed @ summed) - dimensions * noise**2)
    # |sum|^2 = alike n^2 + (1 - alike) n, but for noise
    artworks = (math.sqrt((1 - alike) ** 2 + 4 * alike * energy) - (1 - alike)) / (2 * alike)
    scatter = artworks * (1 - alike) / dimensions
    believed = scatter / (scatter + noise**2) if noise else 1.0
    return believed * summed + total
