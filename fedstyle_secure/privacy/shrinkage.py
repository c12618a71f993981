"""How much of something noisy to believe, when the noise is known."""

import numpy as np
from numpy.typing import NDArray


def kept_fraction(observed: NDArray[np.float64], noise: float) -> float:
    """How much of a noisy tensor to believe: 1 - (squared norm of the noise) / (squared norm observed), at least 0.

    The positive-part estimator of James and Stein (1961); the noise is known exactly, because it was added on purpose.
    """
    energy = float(np.sum(observed**2))
    return max(0.0, 1.0 - noise / energy) if energy > 0 else 0.0
