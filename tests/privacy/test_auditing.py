"""AUD-1 to AUD-3: bounds that are what tables say, claims that stay standing when true and fall when false."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from dp_accounting import DpEvent, GaussianDpEvent, LaplaceDpEvent, NonPrivateDpEvent, PoissonSampledDpEvent, ZCDpEvent
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.accounting import epsilon, epsilon_of_mu, mu_of
from fedstyle_secure.privacy.auditing import (
    Claim,
    Finding,
    judge,
    rate_at_least,
    rate_at_most,
    steinke_bound,
    steinke_p_value,
    thresholds,
)

NORMAL = NormalDist()
RATES = (0.001, 0.02, 0.2, 0.5, 0.8, 0.98)


def gaussian_claim(mu: float) -> Claim:
    return Claim(events=(GaussianDpEvent(1 / mu),), delta=1e-5)


def gaussian_scores(mu: float, *, trials: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    absent, present = np.random.default_rng(seed).normal(size=(2, trials))
    return absent, present + mu


def find(claimed: float, true: float, *, trials: int = 4000, confidence: float = 0.99, seed: int = 0) -> Finding:
    """What scores of one Gaussian mechanism say about the claim of another."""
    claim = gaussian_claim(claimed)
    absent, present = gaussian_scores(true, trials=trials, seed=seed)
    return judge(absent, present, cuts=thresholds(claim), claim=claim, confidence=confidence)


# Rates


@pytest.mark.parametrize(
    ("count", "trials", "error", "low", "high"),
    [
        # Quantiles of beta distributions: scipy.stats.beta.ppf(error, count, trials - count + 1) and
        # beta.ppf(1 - error, count + 1, trials - count).
        (0, 10, 0.025, 0.0, 0.3084971078187607),
        (5, 10, 0.025, 0.18708602844739855, 0.8129139715526015),
        (10, 10, 0.025, 0.6915028921812392, 1.0),
        (3, 1000, 0.025, 0.0006190999316495713, 0.008742023238478303),
        (412, 2000, 0.0005, 0.17714752253184401, 0.23709484684226828),
        (0, 6000, 0.001, 0.0, 0.0011506300634948504),
    ],
)
def test_bounds_on_rates_are_clopper_and_pearsons(
    count: int, trials: int, error: float, low: float, high: float
) -> None:
    assert rate_at_least(count, trials, error) == pytest.approx(low, rel=1e-9, abs=1e-12)
    assert rate_at_most(count, trials, error) == pytest.approx(high, rel=1e-9)


def test_the_rule_of_three() -> None:
    """Nothing in n trials: at most ln(1 / error) / n, about."""
    assert rate_at_most(0, 10_000, 0.05) == pytest.approx(1 - 0.05 ** (1 / 10_000))


def test_without_trials_nothing_is_known() -> None:
    assert (rate_at_least(0, 0, 0.01), rate_at_most(0, 0, 0.01)) == (0.0, 1.0)


@given(trials=st.integers(1, 60), error=st.sampled_from([0.2, 0.01, 1e-6]), rate=st.floats(0, 1, allow_subnormal=False))
def test_a_bound_fails_as_rarely_as_asked(trials: int, error: float, rate: float) -> None:
    """Whatever the true rate: the counts whose bound lies below it weigh no more than the error together."""
    too_low = [count for count in range(trials + 1) if rate_at_most(count, trials, error) < rate]
    weight = sum(math.comb(trials, count) * rate**count * (1 - rate) ** (trials - count) for count in too_low)
    assert weight <= error * (1 + 1e-9)


# Curves


def exact(rate: float, mu: float) -> float:
    return NORMAL.cdf(NORMAL.inv_cdf(1 - rate) - mu)


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_gaussian_releases_have_one_gaussian_curve_together(mu: float) -> None:
    claim = Claim(events=(GaussianDpEvent(math.sqrt(2) / mu),) * 2, delta=1e-5)
    for rate in RATES:
        assert claim.trade_off()(rate) == pytest.approx(exact(rate, mu))
        assert claim.trade_off(2.0)(rate) == pytest.approx(exact(rate, mu / 2))
    assert claim.trade_off()(0.0) == 1.0
    assert claim.trade_off()(1.0) == 0.0


@pytest.mark.parametrize("mu", [0.3, 1.7])
def test_the_envelope_of_a_profile_is_the_curve_itself(mu: float) -> None:
    """A Gaussian sampled at a rate of almost 1 goes the other way to the same place, from below."""
    curve = Claim(events=(PoissonSampledDpEvent(1 - 1e-9, GaussianDpEvent(1 / mu)),), delta=1e-5).trade_off()
    for rate in RATES:
        assert exact(rate, mu) - 2e-3 < curve(rate) <= exact(rate, mu) + 1e-6


def test_a_claim_by_renyi_divergences_promises_less_than_the_gaussian_it_bounds() -> None:
    curve = Claim(events=(ZCDpEvent(rho=0.5, xi=0.0),), delta=1e-5).trade_off()
    for rate in RATES:
        assert curve(rate) < exact(rate, 1.0)
    assert curve(0.1) > 0.3


def test_a_sampled_gaussian_is_neither_above_nor_below_the_gaussian_of_the_same_epsilon() -> None:
    def compared(rate: float, noise: float, releases: int) -> np.ndarray:
        claim = Claim(events=(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)),) * releases, delta=1e-5)
        mu, curve = mu_of(claim.epsilon(), 1e-5), claim.trade_off()
        return np.array([curve(each) - exact(each, mu) for each in (0.1, 0.3, 0.5)])

    assert (compared(0.01, 4.0, 10) < 0).all()
    assert (compared(0.1, 0.8, 6) > 0.1).all()


def test_slack_is_taken_off_the_curve() -> None:
    events = (GaussianDpEvent(1.0),)
    tight, loose = (Claim(events=events, delta=1e-2, delta_slack=slack).trade_off() for slack in (0.0, 1e-3))
    assert tight(0.2) - loose(0.2) == pytest.approx(1e-3)
    sampled = (PoissonSampledDpEvent(0.5, GaussianDpEvent(1.0)),)
    tight, loose = (Claim(events=sampled, delta=1e-2, delta_slack=slack).trade_off() for slack in (0.0, 1e-3))
    assert 1e-4 < tight(0.2) - loose(0.2) <= 1e-3 + 1e-9


@pytest.mark.parametrize(
    "event", [GaussianDpEvent(1.5), PoissonSampledDpEvent(0.2, GaussianDpEvent(1.0)), ZCDpEvent(rho=0.3, xi=0.01)]
)
def test_more_noise_promises_more(event: DpEvent) -> None:
    claim = Claim(events=(event, event), delta=1e-5)
    assert claim.epsilon() == pytest.approx(epsilon([event, event], 1e-5), rel=1e-3)
    curves = [claim.trade_off(noise) for noise in (0.5, 1.0, 2.0)]
    assert claim.epsilon(0.5) > claim.epsilon() > claim.epsilon(2.0)
    for rate in (0.05, 0.2, 0.5):
        few, some, many = (curve(rate) for curve in curves)
        assert few < some < many


def test_what_promises_nothing_is_no_claim() -> None:
    with pytest.raises(PrivacyError, match="promises nothing"):
        Claim(events=(GaussianDpEvent(1.0), NonPrivateDpEvent()), delta=1e-5)
    with pytest.raises(PrivacyError, match="only Gaussian, sampled Gaussian and zCDP can"):
        Claim(events=(LaplaceDpEvent(1.0),), delta=1e-5)


# Judgments


@pytest.mark.parametrize("mu", [0.2, 1.0, 2.5])
def test_thresholds_lie_around_the_middle_of_a_gaussian_claim(mu: float) -> None:
    assert thresholds(gaussian_claim(mu)) == pytest.approx(
        [mu / 2 + offset for offset in (-1, -0.5, 0, 0.5, 1)], abs=1e-9
    )


def test_the_lower_bound_of_a_gaussian_is_the_best_over_the_thresholds() -> None:
    """The formula for mu: the largest Phi^-1(1 - FPR) - Phi^-1(FNR) over the bounds on both rates."""
    finding = find(1.0, 1.0)
    mus = [
        NORMAL.inv_cdf(1 - point.false_positives_at_most) - NORMAL.inv_cdf(point.false_negatives_at_most)
        for point in finding.points
    ]
    assert finding.noise_at_most == pytest.approx(1.0 / max(mus), rel=1e-3)
    assert finding.lower_bound == pytest.approx(epsilon_of_mu(max(mus), 1e-5), rel=2e-3)
    assert finding.lower_bound <= epsilon_of_mu(max(mus), 1e-5)
    error = 0.01 / (2 * len(finding.points))
    for point in finding.points:
        assert point.false_positives_at_most == rate_at_most(point.false_positives, 4000, error)
        assert point.false_negatives_at_most == rate_at_most(point.false_negatives, 4000, error)


@pytest.mark.parametrize(("claimed", "true"), [(1.0, 1.0), (1.0, 0.5), (0.3, 0.3), (2.0, 2.0)])
def test_a_true_claim_holds(claimed: float, true: float) -> None:
    finding = find(claimed, true)
    assert finding.holds
    assert finding.lower_bound <= epsilon_of_mu(true, 1e-5) <= finding.claim
    assert finding.noise_at_most is not None
    assert finding.noise_at_most > claimed / true
    assert finding.can_refute


@pytest.mark.parametrize(("claimed", "true"), [(1.0, 2.0), (0.5, 1.0), (1.0, 1.3)])
def test_a_false_claim_is_refuted_and_the_truth_is_not_exceeded(claimed: float, true: float) -> None:
    finding = find(claimed, true)
    assert not finding.holds
    assert finding.claim < finding.lower_bound <= epsilon_of_mu(true, 1e-5)
    assert finding.noise_at_most is not None
    assert claimed / true < finding.noise_at_most < 1


def test_true_claims_are_refuted_more_rarely_than_the_confidence_allows() -> None:
    """Five thresholds and two sides share the error, so that in 150 audits at 80 % far fewer than 30 go wrong."""
    wrong = sum(not find(1.0, 1.0, trials=300, confidence=0.8, seed=seed).holds for seed in range(150))
    assert wrong < 10
    assert any(not find(1.0, 1.15, trials=300, confidence=0.8, seed=seed).holds for seed in range(40))


def test_a_sampled_release_holds_its_claim_and_one_that_takes_everything_does_not() -> None:
    rng = np.random.default_rng(0)
    claim = Claim(events=(PoissonSampledDpEvent(0.2, GaussianDpEvent(0.5)),), delta=1e-5)
    absent, noise = rng.normal(size=(2, 4000))
    for rate, holds in ((0.2, True), (1.0, False)):
        present = noise + 2.0 * (rng.random(4000) < rate)
        finding = judge(absent, present, cuts=thresholds(claim), claim=claim, confidence=0.99)
        assert finding.holds is holds
        assert (finding.lower_bound <= finding.claim) is holds


def test_scores_that_show_nothing_bound_nothing() -> None:
    finding = find(0.5, 0.0, trials=200)
    assert finding.holds
    assert (finding.lower_bound, finding.noise_at_most) == (0.0, None)


def test_too_few_scores_cannot_refute_whatever_they_show() -> None:
    finding = find(3.0, 30.0, trials=20)
    assert finding.holds
    assert not finding.can_refute
    assert find(3.0, 30.0, trials=200).can_refute


def test_a_judgment_needs_thresholds_and_a_confidence() -> None:
    claim = gaussian_claim(1.0)
    absent, present = gaussian_scores(1.0, trials=10)
    with pytest.raises(InputError, match="at least one threshold"):
        judge(absent, present, cuts=[], claim=claim, confidence=0.9)
    for confidence in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="a confidence lies between 0 and 1"):
            judge(absent, present, cuts=[0.0], claim=claim, confidence=confidence)


# Steinke's bound


def p_value(canaries: int, guesses: int, correct: int, delta: float, epsilon: float) -> float:
    return steinke_p_value(canaries=canaries, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)


@pytest.mark.parametrize(
    ("canaries", "guesses", "correct", "delta", "bound"),
    [
        # Printed in arXiv:2305.08846v1: Appendix D, p. 46, and section 7, p. 28; both at 95 %.
        (1000, 100, 75, 1e-4, 0.673),
        (100_000, 1510, 1439, 1e-5, 2.675),
    ],
)
def test_the_p_value_gives_the_papers_own_bounds(
    canaries: int, guesses: int, correct: int, delta: float, bound: float
) -> None:
    assert p_value(canaries, guesses, correct, delta, bound - 0.002) < 0.05
    assert p_value(canaries, guesses, correct, delta, bound + 0.002) > 0.05


def test_a_p_value_without_delta_is_a_binomial_tail() -> None:
    """Ten of ten fair guesses: 2^-10; any guesses at all: 1."""
    assert p_value(10, 10, 10, 0.0, 0.0) == pytest.approx(2**-10)
    assert p_value(10, 10, 0, 1e-5, 0.0) == pytest.approx(1.0)


def test_steinkes_bound_stays_below_the_truth_and_finds_what_is_plain() -> None:
    rng = np.random.default_rng(0)
    included = rng.random(2000) < 0.5
    noise = rng.normal(size=2000)
    bounds = [steinke_bound(noise + mu * included, included, delta=1e-5, confidence=0.99) for mu in (0.0, 1.0, 8.0)]
    assert bounds[0] == 0.0
    assert 0.2 < bounds[1] < epsilon_of_mu(1.0, 1e-5)
    assert bounds[2] > 4.0


def test_one_canary_is_too_few_to_guess_about() -> None:
    assert steinke_bound(np.ones(1), np.ones(1, dtype=np.bool_), delta=1e-5, confidence=0.99) == 0.0
