"""How near strangers come to a signature, which a ranking holds against it.

Noise and common styles make some signatures near to everybody's works: whoever asks about anybody else would be
answered with them. How near is known without any client, by works of public artists.

STR-1  Strangers are works that their artists declared public, in the space of signatures; a handicap follows from them
       and a published signature alone, and so costs no privacy.

Source: half of cross-domain similarity local scaling (Conneau et al. 2018, arXiv 1710.04087, section 2.3), with public
works in place of the queries.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 512
"""Strangers that a catalogue keeps: more say nothing new."""

_NEAREST: Final = 0.05
"""Part of all strangers that counts: those who come nearest."""

_WEIGHT: Final = 0.5
"""How much of their nearness is held against a signature."""


def choose_strangers(works: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most MOST works of [works, d], evenly spaced, so that all public artists have some."""
    chosen = np.linspace(0, len(works) - 1, min(MOST, len(works))).round().astype(np.intp)
    return works[chosen]


def handicaps(vectors: NDArray[np.float32], strangers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each signature [n, d], what its cosines are lowered by; 0 where there are no strangers [m, d]."""
    if not len(strangers):
        return np.zeros(len(vectors))
    count = max(1, round(_NEAREST * len(strangers)))
    # One signature at a time, not as a matrix product: equal ones must get equal handicaps wherever they stand.
    nearness = (np.partition(strangers @ vector, -count)[-count:].mean(dtype=np.float64) for vector in vectors)
    return _WEIGHT * np.fromiter(nearness, dtype=np.float64, count=len(vectors))
