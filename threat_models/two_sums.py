"""Two sums that differ in one artist, on which the whole budget is spent: the most that dropouts give a lying server.

The uploads are real, and so is their noise; masks are left out, because they cancel. As few others as allowed are in
the sums: each of them would add noise.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.aggregation.summing import ring_sum
from fedstyle_secure.privacy.accounting import plan_multipliers
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.randomness import RandomBytes
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment

EPSILON, DELTA = 8.0, 1e-5
CORRUPT: Final = 1


@cache
def half_the_budget(mode: Mode, unit: Unit, segment: Segment, *, artists: int, survivors: int) -> Mechanism:
    """A release of one tensor, of which the budget allows two."""
    halves = plan_multipliers(EPSILON, DELTA, {"first": 0.5, "second": 0.5}, delta_slack=DELTA / 100)
    return plan(
        mode=mode,
        unit=unit,
        layout=Layout((segment,)),
        noise_multiplier=0.0 if mode is Mode.NONE else halves["first"],
        clients=artists,
        corrupt=CORRUPT,
        min_survivors=survivors,
        max_artworks=20,
        rotation_seed=sha256(b"two sums").digest(),
    )


def upload(rows: NDArray[np.float32], mechanism: Mechanism, random: RandomBytes) -> NDArray[np.int64]:
    """What an artist with these rows masks."""
    return protect(Contributions(rows, mechanism.layout), mechanism, random).values


def opened(values: NDArray[np.int64], mechanism: Mechanism) -> NDArray[np.float64]:
    """A sum of uploads, in the units of the release's one tensor."""
    (tensor,) = mechanism.layout.split(dequantize(values, mechanism)).values()
    return tensor


def left_over(
    target: int, rows: Sequence[NDArray[np.float32]], mechanism: Mechanism, random: RandomBytes
) -> NDArray[np.float64]:
    """The sum over a target and as few others as allowed, minus the sum over these others in another iteration."""
    others = [(target + step) % mechanism.clients for step in range(1, mechanism.min_survivors + 1)]
    first, second = (
        opened(ring_sum([upload(rows[number], mechanism, random) for number in summed], mechanism), mechanism)
        for summed in ([target, *others], others)
    )
    return first - second


def likeliest(seen: NDArray[np.float64], candidates: NDArray[np.float64]) -> int:
    """The candidate from which Gaussian noise most likely led to what was seen: the nearest."""
    return int(np.argmin(((candidates - seen) ** 2).sum(axis=1)))
