"""How well scores tell two kinds of cases apart."""

import numpy as np
from numpy.typing import NDArray


def auc(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Probability that a score of the first kind [n] is above one of the second [m]; a tie counts one half."""
    ranked = np.sort(outside)
    below = (np.searchsorted(ranked, inside, "left") + np.searchsorted(ranked, inside, "right")) / 2
    return float(below.mean() / len(ranked))
