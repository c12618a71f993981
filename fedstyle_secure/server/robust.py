"""Bucketed cohorts: several sums instead of one, so that a poisoned upload spoils one of them (threat TM-10).

Masks hide a poisoned upload as well as an honest one. What the server can judge are sums, so it asks for more of them.

ROB-1  The cohort is dealt into buckets once, by public randomness, and each bucket keeps its artists for the whole run:
       sums of buckets that overlap in part, and so could be subtracted from each other, do not come about.
ROB-2  A bucket is a cohort of its own: with at least `min_cohort` artists, its own session, and noise sized for its own
       honest survivors, as if all corrupt artists were in it.
ROB-3  A bucket with a tensor that is more than `NORM_GATE` times as long as the median bucket's is left out and named.
ROB-4  Buckets are combined coordinate by coordinate, by the median of their artists' means. More than half of all
       buckets must be left, or there is no sum.

Sources: Yin et al. 2018 (arXiv:1803.01498) for the coordinate-wise median; Karimireddy et al. 2022 (arXiv:2006.09365)
for buckets.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from ..aggregation.summing import Aggregate, AggregationAborted

NORM_GATE: Final = 1.75
"""How many times as long as the median bucket's a bucket's mean may be."""

FEWEST: Final = 3
"""Fewest buckets that bear a poisoned one: the median of two is their mean."""


def deal(identities: Sequence[bytes], buckets: int, seed: bytes) -> list[list[int]]:
    """Cut a cohort into buckets whose sizes differ by at most one (ROB-1).

    Args:
        identities: The artists' public keys, 32 bytes each.
        buckets: At least 1.
        seed: Public bytes; drawn after everybody has enrolled, or an artist may choose a key that suits it.

    Returns:
        For each bucket, the positions of its artists in `identities`, in rising order.
    """
    order = sorted(range(len(identities)), key=lambda index: hashlib.sha256(seed + identities[index]).digest())
    return [sorted(order[bucket::buckets]) for bucket in range(buckets)]


def aggregate_buckets(
    buckets: Sequence[Sequence[int]], run_session: Callable[[int, Sequence[int]], Aggregate]
) -> tuple[Aggregate, list[str]]:
    """Run every bucket's session and combine the sums.

    Args:
        buckets: From `deal`.
        run_session: Takes a bucket's number, from 0, and its artists' positions.

    Returns:
        One aggregate, and a sentence about each bucket that is not in it. A single bucket's own sum as it is.

    Raises:
        AggregationAborted: The only session aborted, or half of the buckets or more are not fit to be used.
    """
    if len(buckets) == 1:
        return run_session(0, buckets[0]), []
    sums: dict[int, Aggregate] = {}
    left_out: list[str] = []
    for number, bucket in enumerate(buckets):
        try:
            sums[number] = run_session(number, bucket)
        except AggregationAborted as error:
            left_out.append(f"bucket {number + 1} was left out: {error}")
    for number, reason in too_long(sums).items():
        left_out.append(f"bucket {number + 1} was left out: {reason}")
        del sums[number]
    if 2 * len(sums) <= len(buckets):
        raise AggregationAborted(
            f"only {len(sums)} of {len(buckets)} buckets can be used, no majority: {'; '.join(left_out)}"
        )
    return combine(list(sums.values())), left_out


def too_long(sums: Mapping[int, Aggregate]) -> dict[int, str]:
    """Buckets beyond the norm gate, each with the reason (ROB-3)."""
    reasons: dict[int, str] = {}
    names = next(iter(sums.values())).tensors if sums else ()
    for name in names:
        norms = {number: float(np.linalg.norm(each.tensors[name])) / each.survivors for number, each in sums.items()}
        usual = float(np.median(list(norms.values())))
        for number, norm in norms.items():
            if norm > NORM_GATE * usual:
                reasons[number] = f"its tensor {name!r} is {norm / usual:.3g} times as long as the median bucket's"
    return reasons


def combine(sums: Sequence[Aggregate]) -> Aggregate:
    """The coordinate-wise median of the buckets' means, as long as a sum over all their artists (ROB-4).

    The noise of a median of B equal Gaussians has at most pi / (2 B) times the variance of one of them.

    Args:
        sums: At least two.
    """
    survivors = sum(each.survivors for each in sums)
    shrink = math.sqrt(math.pi / (2 * len(sums)))
    return Aggregate(
        tensors={
            name: np.median([each.tensors[name] / each.survivors for each in sums], axis=0) * survivors
            for name in sums[0].tensors
        },
        noise={
            name: shrink * survivors * max(each.noise[name] / each.survivors for each in sums) for name in sums[0].noise
        },
        survivors=survivors,
        digest=hashlib.sha256(b"".join(each.digest for each in sums)).digest(),
    )
