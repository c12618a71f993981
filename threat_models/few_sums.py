"""Sums that differ in one artist, on which the whole budget is spent: two after dropouts, or three over three cohorts.

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
def one_of(releases: int, mode: Mode, unit: Unit, segment: Segment, *, artists: int, survivors: int) -> Mechanism:
    """A release of one tensor, of which the budget allows so many."""
    shares = {str(number): 1 / releases for number in range(releases)}
    planned = plan_multipliers(EPSILON, DELTA, shares, delta_slack=DELTA / 100)
    return plan(
        mode=mode,
        unit=unit,
        layout=Layout((segment,)),
        noise_multiplier=0.0 if mode is Mode.NONE else planned["0"],
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
    first, second = (_summed(summed, rows, mechanism, random) for summed in ([target, *others], others))
    return first - second


def combined(
    target: int, rows: Sequence[NDArray[np.float32]], mechanisms: Sequence[Mechanism], random: RandomBytes
) -> NDArray[np.float64]:
    """What is left of the target in X + a and Y + a, minus X + Y + a: cohorts of which any two differ in X or Y.

    Args:
        target: The artist a.
        rows: Everybody's.
        mechanisms: Of all, of X and the target, and of Y and the target; of each, as few survive as allowed.
        random: Of the noise.
    """
    everybody, with_x, _ = mechanisms
    others = [(target + step) % len(rows) for step in range(1, everybody.min_survivors)]
    x, y = others[: with_x.min_survivors - 1], others[with_x.min_survivors - 1 :]
    cohorts = [target, *others], [target, *x], [target, *y]
    all_three, first, second = (
        _summed(cohort, rows, mechanism, random) for cohort, mechanism in zip(cohorts, mechanisms, strict=True)
    )
    return first + second - all_three


def _summed(
    summed: Sequence[int], rows: Sequence[NDArray[np.float32]], mechanism: Mechanism, random: RandomBytes
) -> NDArray[np.float64]:
    return opened(ring_sum([upload(rows[number], mechanism, random) for number in summed], mechanism), mechanism)


def likeliest(seen: NDArray[np.float64], candidates: NDArray[np.float64]) -> int:
    """The candidate from which Gaussian noise most likely led to what was seen: the nearest."""
    return int(np.argmin(((candidates - seen) ** 2).sum(axis=1)))
