"""TM-13: a bug in the privacy code, of the kinds that have happened, and audits of the released aggregate.

Each defense is one line of correct code; leaving it out is the bug. The audits are the project's own
(`fedstyle_secure.experiments.privacy_audit`): two worlds of many trials, and one run of many canaries.
"""

import math
from contextlib import AbstractContextManager
from functools import cache, partial
from typing import Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure import artist
from fedstyle_secure.experiments.privacy_audit import Probe, claim_of, make_probe, one_run, two_worlds
from fedstyle_secure.privacy import pipeline
from fedstyle_secure.privacy.auditing import Claim as Costs
from fedstyle_secure.privacy.auditing import TradeOff, judge, rate_at_most, thresholds
from fedstyle_secure.privacy.clipping import FRACTION_BITS, ClippedUpdate, Unit
from fedstyle_secure.privacy.inversion import TableSampler
from fedstyle_secure.privacy.mechanism import Mechanism, View, plan
from fedstyle_secure.privacy.randomness import RandomBytes
from fedstyle_secure.privacy.sealing import SEAL
from fedstyle_secure.privacy.sizing import Mode, Sizing
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.objective import per_artwork_gradients
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .switches import off

DELTA: Final = 1e-5
CONFIDENCE: Final = 0.9999
VIEWS: Final = 4
_LONG: Final = np.float32(1.5)  # the canary's length, three clip norms
_SAMPLING_RATE, _SAMPLED_NOISE = 0.1, 0.7
_TRIALS: Final = {Effort.FAST: 1500, Effort.SLOW: 6000}
_CANARIES: Final = {Effort.FAST: 4000, Effort.SLOW: 16000}

CLAIM = Claim(
    number=13,
    title="bugs in the privacy code",
    adversary="nobody but a programmer's mistake, exploited by whoever sees the released sums",
    assets="whether one artwork was in an artist's portfolio",
    assumption="the auditor knows everything but the canary and the noise of honest survivors (PAU-2)",
    promise="an audit of the released aggregate proves no more than is claimed, at least half of it, and catches six "
    "planted bugs",
    defenses={
        "clip norm": "privacy/clipping.py, clip",
        "whole noise": "privacy/noise.py, add_noise_share: half of it is drawn",
        "noise share": "privacy/noise.py, add_noise_share: none of it is drawn",
        "noise for honest survivors": "privacy/sizing.py, Sizing.sigma_share",
        "views inside the artwork": "artist.py, contribute: K views are one row",
        "secret sampling": "privacy/sampling.py, sample: at rate 1 where less is claimed",
    },
    power=(Limit(figure="two worlds / claim", at_least=1.5), Limit(figure="one run / claim", at_least=1.5)),
    protected=(
        Limit(figure="two worlds / claim", at_least=0.5, at_most=1.0),
        Limit(figure="one run / claim", at_least=0.5, at_most=1.0),
        Limit(figure="sampled claim refuted", at_most=0.0),
    ),
    residual="a bug that no score of one canary shows: a fixed-size shuffle in place of Poisson sampling and noise "
    "that repeats are left to tests of the components (tests/privacy/test_components.py)",
    tests=("tests/threat_models/test_tm13_implementation_bugs.py", "tests/privacy/test_planted_bugs.py"),
    linddun=(Linddun.DETECTING, Linddun.DATA_DISCLOSURE),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Audit a full release in two worlds and in one run, and a sampled one in two worlds, with the bugs in place."""
    trials, canaries = _TRIALS[effort], _CANARIES[effort]
    whole, wide = _claimed(128, 20), _claimed(canaries, canaries // 4)
    # Noise that is sized for too many is planned anew; the claim stays that of the honest.
    with off(without, _SWITCHES):
        absent, present = two_worlds([_probe(_release(128, 20))], trials=trials)
        scores, included = one_run(_release(canaries, canaries // 4), view=View.AGGREGATE, canaries=canaries)
        sampled = two_worlds([_probe(_sampled())], trials=trials)
    return {
        "two worlds / claim": _lower_bound(absent, present, whole),
        "one run / claim": _lower_bound(scores[~included], scores[included], wide),
        "sampled claim refuted": float(_is_refuted(*sampled)),
    }


def _release(length: int, artworks: int, *, sampling_rate: float = 1.0, noise_multiplier: float = 1.0) -> Mechanism:
    """A head's gradient from twelve artists, of whom three are corrupt and three may drop out."""
    segment = Segment(name="head", length=length, support=Support.COHORT, clip_norm=0.5, share=1.0)
    return plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        layout=Layout((segment,)),
        noise_multiplier=noise_multiplier,
        clients=12,
        corrupt=3,
        min_survivors=9,
        max_artworks=artworks,
        rotation_seed=bytes(32),
        sampling_rate=sampling_rate,
    )


_sampled = partial(_release, 128, 20, sampling_rate=_SAMPLING_RATE, noise_multiplier=_SAMPLED_NOISE)


def _probe(mechanism: Mechanism) -> Probe:
    """A canary whose gradient is three clip norms long, in `VIEWS` views that all show the same."""
    probe = make_probe(mechanism, view=View.AGGREGATE, views=VIEWS)
    rows = probe.canary.rows / np.linalg.norm(probe.canary.rows, axis=1, keepdims=True) * _LONG
    return Probe(mechanism=mechanism, view=probe.view, canary=Contributions(rows, mechanism.layout))


@cache
def _claimed(length: int, artworks: int) -> Costs:
    return claim_of([_release(length, artworks)], view=View.AGGREGATE, delta=DELTA)


@cache
def _claimed_of_sampled() -> tuple[TradeOff, list[float]]:
    claim = claim_of([_sampled()], view=View.AGGREGATE, delta=DELTA)
    return claim.trade_off(), thresholds(claim)


def _lower_bound(absent: NDArray[np.float64], present: NDArray[np.float64], claim: Costs) -> float:
    """Epsilon that is proven, over epsilon that is claimed."""
    finding = judge(absent, present, cuts=thresholds(claim), claim=claim, confidence=CONFIDENCE)
    return finding.lower_bound / finding.claim


def _is_refuted(absent: NDArray[np.float64], present: NDArray[np.float64]) -> bool:
    """The verdict on the sampled release alone: its curve takes too long to compute for a lower bound."""
    curve, cuts = _claimed_of_sampled()
    error = (1 - CONFIDENCE) / (2 * len(cuts))
    return any(
        rate_at_most(int((present <= cut).sum()), len(present), error)
        < curve(rate_at_most(int((absent > cut).sum()), len(absent), error))
        for cut in cuts
    )


# The bugs


def _unclipped(contributions: Contributions, unit: Unit, *, max_artworks: int) -> ClippedUpdate:
    segment = contributions.layout.segments[0]
    summed = contributions.rows.sum(axis=0, dtype=np.float64) / segment.clip_norm
    values = np.ldexp(np.trunc(np.ldexp(summed, FRACTION_BITS)), -FRACTION_BITS)
    return ClippedUpdate(
        values=values, layout=contributions.layout, unit=unit, max_artworks=max_artworks, dropped_rows=0, seal=SEAL
    )


def _half_noise() -> AbstractContextManager[object]:
    honest = TableSampler.sample

    def sample(self: TableSampler, count: int, random: RandomBytes) -> NDArray[np.int64]:
        return honest(self, count, random) // 2

    return patch.object(TableSampler, "sample", sample)


def _no_noise(_self: TableSampler, count: int, _random: RandomBytes) -> NDArray[np.int64]:
    return np.zeros(count, dtype=np.int64)


def _shared_by_all(sizing: Sizing) -> float:
    return math.sqrt(((sizing.noise_multiplier * sizing.sensitivity) ** 2 + sizing.smoothing**2) / sizing.clients)


def _views_apart(
    head: NDArray[np.float32], aligned: NDArray[np.float32], codeword: int, codebook: Codebook
) -> NDArray[np.float32]:
    return per_artwork_gradients(head, aligned.reshape(-1, 1, aligned.shape[2]), codeword, codebook)


def _all_taken(contributions: Contributions, _rate: float, _random: RandomBytes) -> Contributions:
    return contributions


_SWITCHES = {
    "clip norm": lambda: patch.object(pipeline, "clip", _unclipped),
    "whole noise": _half_noise,
    "noise share": lambda: patch.object(TableSampler, "sample", _no_noise),
    "noise for honest survivors": lambda: patch.object(Sizing, "sigma_share", property(_shared_by_all)),
    "views inside the artwork": lambda: patch.object(artist, "per_artwork_gradients", _views_apart),
    "secret sampling": lambda: patch.object(pipeline, "sample", _all_taken),
}
