"""Statistics of a privacy audit: from scores with and without a canary to a lower bound on what a release costs.

AUD-1  Thresholds are fixed before a score is seen, and all bounds on error rates hold together with the confidence
       asked for: a claim that is true is refuted with probability at most 1 - confidence.
AUD-2  A claim is its whole trade-off curve, as its accountant knows it; no shape is assumed of one that has another.
AUD-3  A claim is refuted where a test errs less often than the claim allows any test to. The lower bound is the epsilon
       of the same events with all their noise multiplied by what is just refuted: a claim is refuted where more than it
       is proven, and nowhere else.

Sources: Clopper, Pearson 1934; Nasr et al. 2023 (arXiv:2302.07956), auditing through a trade-off curve; Dong, Roth, Su
2022 (Gaussian Differential Privacy), "a primal-dual perspective", for the curve of a privacy profile; Steinke, Nasr,
Jagielski 2023 (arXiv:2305.08846), Corollary 5.4 and Appendix D.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    NeighboringRelation,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    PrivacyAccountant,
    ZCDpEvent,
)
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from numpy.typing import NDArray

from ..errors import InputError, PrivacyError
from . import accounting

TradeOff = Callable[[float], float]
"""From a false positive rate to the smallest false negative rate that a claim allows any test to have."""

STEINKE_SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the canaries that `steinke_bound` guesses about, fixed beforehand: half of them in, half of them out."""

_RELATION: Final = NeighboringRelation.ADD_OR_REMOVE_ONE
_NORMAL: Final = NormalDist()
_EPSILONS: Final = (0.0, *np.geomspace(1e-3, 60.0, 160).tolist())  # any of them is sound; these are dense enough
_RESOLUTION: Final = 1e-2  # of the privacy loss, where that is about 1 wide: moves delta by about 2e-5, upward
_ORDERS: Final = (*range(2, 65), 80, 96, 128, 256)  # whole numbers: the bound for Skellam noise knows no others
_OFFSETS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
_OCTAVES: Final = 6  # noise is looked for between 2^-6 and 2^6 times the claimed one
_STEPS: Final = 12  # halvings of an octave
_STEINKE_MOST: Final = 30.0  # epsilon that no number of guesses here could exceed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a list of releases is said to cost.

    Attributes:
        events: The releases, as an accountant knows them.
        delta: Where epsilon is stated.
        delta_slack: The releases' failure probabilities together.

    Raises:
        PrivacyError: If an event is one that promises nothing, or none that noise can be multiplied in.
    """

    events: tuple[DpEvent, ...]
    delta: float
    delta_slack: float = 0.0

    def __post_init__(self) -> None:
        for event in self.events:
            _with_noise(event, 1.0)

    def epsilon(self, noise: float = 1.0) -> float:
        """Epsilon of these events with all noise multiplied by `noise`."""
        events = [_with_noise(event, noise) for event in self.events]
        return accounting.quick_epsilon(events, self.delta, delta_slack=self.delta_slack)

    def trade_off(self, noise: float = 1.0) -> TradeOff:
        """The curve of these events with all noise multiplied by `noise` (AUD-2).

        For Gaussian events, Phi(Phi^-1(1 - a) - mu). For others, the upper envelope of the curves of many pairs
        (epsilon, delta(epsilon)) that their accountant states. One pair alone would be sound too, but blind: it allows
        error rates that thousands of trials cannot tell from a broken promise. The Gaussian with the same epsilon at
        the same delta would be neither sound nor sharp: a sampled Gaussian lies below its curve in some places (ten
        releases of noise multiplier 4 at rate 0.01), and far above it in others (six of 0.8 at rate 0.1).
        """
        events = [_with_noise(event, noise) for event in self.events]
        if all(isinstance(event, GaussianDpEvent) for event in events):
            mu = accounting.gaussian_mu(events)
            return lambda rate: max(0.0, _gaussian_trade_off(rate, mu) - self.delta_slack)
        return _envelope(events, self.delta_slack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one threshold showed.

    Attributes:
        threshold: Scores above it are taken for the canary's.
        false_positives: Scores without the canary above it.
        absent: Scores without the canary.
        false_negatives: Scores with the canary not above it.
        present: Scores with the canary.
        false_positives_at_most: Bound on the false positive rate, see `Finding.confidence`.
        false_negatives_at_most: Bound on the false negative rate, see `Finding.confidence`.
    """

    threshold: float
    false_positives: int
    absent: int
    false_negatives: int
    present: int
    false_positives_at_most: float
    false_negatives_at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What scores say about a claim.

    Attributes:
        claim: Epsilon as claimed.
        lower_bound: Epsilon is at least this (AUD-3); 0 where the scores show nothing.
        holds: Whether the claim was not refuted.
        noise_at_most: The noise is at most so many times the claimed one; None where the scores show nothing.
        can_refute: Whether a test without any error would have refuted the claim: False means too few scores.
        confidence: Probability with which all rates' bounds hold.
        points: One for each threshold.
    """

    claim: float
    lower_bound: float
    holds: bool
    noise_at_most: float | None
    can_refute: bool
    confidence: float
    points: tuple[Point, ...] = field(repr=False)


def thresholds(claim: Claim) -> list[float]:
    """Where to cut scores, in standard deviations of the noise and so without a look at them (AUD-1).

    Around the one at which the best test that the claim allows errs equally often both ways, if scores without the
    canary are Gaussian: rates near it tell most about the noise.
    """
    curve, low, high = claim.trade_off(), 0.0, 0.5
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if curve(middle) > middle else (low, middle)
    return [_NORMAL.inv_cdf(1 - high) + offset for offset in _OFFSETS]


def judge(
    absent: NDArray[np.float64],
    present: NDArray[np.float64],
    *,
    cuts: Sequence[float],
    claim: Claim,
    confidence: float,
) -> Finding:
    """Hold scores against a claim (AUD-1, AUD-2, AUD-3).

    Args:
        absent: Independent scores without the canary, float64 [a].
        present: Independent scores with the canary, float64 [b]; an absent and a present one may depend on each other.
        cuts: Thresholds, chosen without a look at the scores.
        claim: What is tested.
        confidence: Between 0 and 1.

    Raises:
        InputError: If the confidence is out of range or there is no threshold.
    """
    error = _error(confidence) / (2 * _at_least_one(len(cuts), "threshold"))
    points = tuple(_point(absent, present, cut, error) for cut in cuts)
    holds = not _is_refuted(points, claim.trade_off())
    noise = _noise_at_most(points, claim, is_refuted=not holds)
    flawless = _point(np.full(len(absent), -math.inf), np.full(len(present), math.inf), 0.0, error)
    return Finding(
        claim=claim.epsilon(),
        lower_bound=0.0 if noise is None else claim.epsilon(noise),
        holds=holds,
        noise_at_most=noise,
        can_refute=_is_refuted((flawless,), claim.trade_off()),
        confidence=confidence,
        points=points,
    )


def rate_at_most(count: int, trials: int, error: float) -> float:
    """Clopper and Pearson's upper bound on the probability of what came about `count` times in `trials`.

    Args:
        count: 0 .. trials.
        trials: Independent trials; of none, nothing is known.
        error: Probability, at most, that the bound is too low.
    """
    if count >= trials:
        return 1.0
    low, high = count / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        # The largest rate under which so few would not be too rare.
        if float(_pmf(trials, math.log(middle), math.log1p(-middle))[: count + 1].sum()) > error:
            low = middle
        else:
            high = middle
    return high


def rate_at_least(count: int, trials: int, error: float) -> float:
    """The lower bound that goes with `rate_at_most`."""
    return 1.0 - rate_at_most(trials - count, trials, error)


def steinke_p_value(*, canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Probability, at most, of so many correct guesses under (epsilon, delta)-differential privacy.

    Args:
        canaries: m, each included by a fair coin.
        guesses: Canaries that were guessed about.
        correct: Guesses that were right.
        epsilon: What is tested.
        delta: What is tested.
    """
    log_rest = -math.log1p(math.exp(epsilon))
    pmf = _pmf(guesses, epsilon + log_rest, log_rest)
    fewer = np.cumsum(pmf[:correct][::-1])
    worst = float((fewer / np.arange(1, correct + 1)).max(initial=0.0))
    return min(1.0, float(pmf[correct:].sum()) + 2 * canaries * delta * worst)


def steinke_bound(
    scores: NDArray[np.float64], included: NDArray[np.bool_], *, delta: float, confidence: float
) -> float:
    """The lower bound on epsilon of Steinke, Nasr and Jagielski, the best over `STEINKE_SHARES`.

    Valid whatever the mechanism, even where canaries' scores depend on each other; weaker for it.

    Args:
        scores: One for each canary, float64 [m].
        included: Each canary's fair coin, [m].
        delta: Where epsilon is stated.
        confidence: Of the best bound.
    """
    error = _error(confidence) / len(STEINKE_SHARES)
    order = np.argsort(scores)
    return max(_steinke_bound(included[order], int(len(order) * share / 2), delta, error) for share in STEINKE_SHARES)


def _steinke_bound(included: NDArray[np.bool_], half: int, delta: float, error: float) -> float:
    """From coins in the order of scores: the first `half` guessed out, the last `half` in."""
    if half == 0:
        return 0.0
    correct = int(np.count_nonzero(~included[:half]) + np.count_nonzero(included[len(included) - half :]))

    def is_refuted(epsilon: float) -> bool:
        found = steinke_p_value(canaries=len(included), guesses=2 * half, correct=correct, epsilon=epsilon, delta=delta)
        return found < error

    low, high = 0.0, _STEINKE_MOST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def _point(absent: NDArray[np.float64], present: NDArray[np.float64], threshold: float, error: float) -> Point:
    false_positives = int(np.count_nonzero(absent > threshold))
    false_negatives = int(np.count_nonzero(present <= threshold))
    return Point(
        threshold=threshold,
        false_positives=false_positives,
        absent=len(absent),
        false_negatives=false_negatives,
        present=len(present),
        false_positives_at_most=rate_at_most(false_positives, len(absent), error),
        false_negatives_at_most=rate_at_most(false_negatives, len(present), error),
    )


def _is_refuted(points: Sequence[Point], curve: TradeOff) -> bool:
    """Whether a threshold errs less often than the curve allows: curves fall, so bounds may stand for rates."""
    return any(point.false_negatives_at_most < curve(point.false_positives_at_most) for point in points)


def _noise_at_most(points: Sequence[Point], claim: Claim, *, is_refuted: bool) -> float | None:
    """The least noise that is refuted, in multiples of the claimed: more would promise more, and is refuted with it."""
    enough, octave = 1.0, 0
    while octave < _OCTAVES and _is_refuted(points, claim.trade_off(_step(enough, is_refuted))) is is_refuted:
        enough, octave = _step(enough, is_refuted), octave + 1
    if octave == _OCTAVES:
        return enough if is_refuted else None
    low, high = sorted((enough, _step(enough, is_refuted)))
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _is_refuted(points, claim.trade_off(middle)) else (middle, high)
    return high


def _step(noise: float, is_refuted: bool) -> float:
    """Towards less noise from a claim that is refuted, towards more from one that is not."""
    return noise / 2 if is_refuted else noise * 2


def _with_noise(event: DpEvent, noise: float) -> DpEvent:
    """The same release with its noise multiplied.

    Raises:
        PrivacyError: If the event promises nothing or is of an unknown kind.
    """
    match event:
        case GaussianDpEvent():
            return GaussianDpEvent(event.noise_multiplier * noise)
        case PoissonSampledDpEvent(event=GaussianDpEvent() as inner):
            return PoissonSampledDpEvent(event.sampling_probability, GaussianDpEvent(inner.noise_multiplier * noise))
        case ZCDpEvent():
            return ZCDpEvent(rho=event.rho / noise**2, xi=event.xi / noise**2)
        case NonPrivateDpEvent():
            raise PrivacyError("a release without noise promises nothing: there is no claim to audit")
    raise PrivacyError(f"{event} cannot be audited: only Gaussian, sampled Gaussian and zCDP can")


def _gaussian_trade_off(rate: float, mu: float) -> float:
    if not 0 < rate < 1:
        return 1.0 - rate
    return _NORMAL.cdf(_NORMAL.inv_cdf(1 - rate) - mu)


def _envelope(events: Sequence[DpEvent], slack: float) -> TradeOff:
    """The largest lower bound that the events' privacy profile puts on false negatives, tangent by tangent."""
    accountant: PrivacyAccountant
    if any(isinstance(event, ZCDpEvent) for event in events):
        accountant = RdpAccountant(_ORDERS, _RELATION)
    else:
        accountant = PLDAccountant(_RELATION, value_discretization_interval=_RESOLUTION * accounting.loss_scale(events))
    for event, times in Counter(events).items():
        accountant.compose(event, times)
    factors = np.exp(_EPSILONS)
    rests = 1.0 - np.array([accountant.get_delta(epsilon) for epsilon in _EPSILONS]) - slack

    def curve(rate: float) -> float:
        return max(0.0, float((rests - factors * rate).max()), float(((rests - rate) / factors).max()))

    return curve


def _pmf(trials: int, log_success: float, log_failure: float) -> NDArray[np.float64]:
    """Binomial probabilities of 0 .. trials successes, float64 [trials + 1]."""
    factorials = _log_factorials(trials)
    counts = np.arange(trials + 1)
    logs = factorials[-1] - factorials - factorials[::-1] + counts * log_success + (trials - counts) * log_failure
    pmf: NDArray[np.float64] = np.exp(logs)
    return pmf


@lru_cache(maxsize=8)
def _log_factorials(largest: int) -> NDArray[np.float64]:
    return np.array([math.lgamma(number + 1) for number in range(largest + 1)])


def _error(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise InputError(f"a confidence lies between 0 and 1, both excluded, got {confidence}")
    return 1.0 - confidence


def _at_least_one(count: int, what: str) -> int:
    if count < 1:
        raise InputError(f"an audit needs at least one {what}")
    return count
