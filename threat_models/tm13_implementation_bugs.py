"""TM-13: a bug in the privacy code, of the kinds that have happened, and audits of the released aggregate.

Each defense is one line of correct code; leaving it out is the bug. The audits are the project's own
(`fedstyle_secure.experiments.privacy_audit`): two worlds of many trials, and one run of many canaries.
"""

from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.experiments.privacy_audit import Probe, claim_of, make_probe, one_run, two_worlds
from fedstyle_secure.privacy.auditing import Claim as Costs
from fedstyle_secure.privacy.auditing import TradeOff, judge, rate_at_most, thresholds
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, View, plan
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .tm06_sybils import NOISE_FOR_HONEST

DELTA: Final = 1e-5
CONFIDENCE: Final = 0.9999
VIEWS: Final = 4
_LONG: Final = np.float32(1.5)  # the canary's length, three clip norms
_SAMPLING_RATE, _SAMPLED_NOISE = 0.1, 0.7
_TRIALS: Final = {Effort.FAST: 1500, Effort.SLOW: 6000}
_CANARIES: Final = {Effort.FAST: 4000, Effort.SLOW: 16000}
_SHARE: Final = "fedstyle_secure.privacy.noise:add_noise_share"
_EDITS: Final = {
    "clip norm": (
        Edit(
            "fedstyle_secure.privacy.clipping:_clip_row",
            "max(np.linalg.norm(part), segment.clip_norm)",
            "segment.clip_norm",
        ),
    ),
    "whole noise": (Edit(_SHARE, "quantized.values + noise", "quantized.values + noise // 2"),),
    "noise share": (
        Edit(
            _SHARE,
            "mechanism.noise.sampler(mechanism.sigma_share).sample(mechanism.dimension, random)",
            "np.zeros(mechanism.dimension, dtype=np.int64)",
        ),
    ),
    "noise for honest survivors": (NOISE_FOR_HONEST,),
    "views inside the artwork": (
        Edit(
            "fedstyle_secure.artist.artist:contribute",
            "views[:, 1:]",
            "views[:, 1:].reshape(-1, 1, views.shape[2])",
        ),
        Edit("fedstyle_secure.training.updates:one_by_one", "len(row) != 1", "False"),
    ),
    "secret sampling": (Edit("fedstyle_secure.privacy.sampling:sample", "if rate == 1:", "if True:"),),
}

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
        "views inside the artwork": "artist/artist.py, contribute: K views are one row",
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
    tests=("tests/privacy/test_planted_bugs.py",),
    linddun=(Linddun.DETECTING, Linddun.DATA_DISCLOSURE),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """Single artworks are protected by noise shares."""
    return deployment.is_noised and deployment.settings.unit is Unit.ARTWORK


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Audit a full release in two worlds and in one run, and a sampled one in two worlds, with the bugs in place."""
    trials, canaries = _TRIALS[effort], _CANARIES[effort]
    whole, wide = _claimed(128, 20), _claimed(canaries, canaries // 4)
    # Noise that is sized for too many is planned anew; the claim stays that of the honest.
    with off(without, _EDITS):
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
