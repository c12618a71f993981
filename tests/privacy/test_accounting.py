"""ACC-1 to ACC-3: four accountants agree, and a planned budget is met."""

import math
import time

import numpy as np
import pytest
from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
    UnsupportedDpEvent,
    ZCDpEvent,
)
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants import PRVAccountant, RDPAccountant

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.accounting import (
    decode_event,
    delta_of_mu,
    encode_event,
    epsilon,
    epsilon_of_mu,
    epsilon_rdp,
    gaussian_mu,
    is_within,
    loss_scale,
    mu_of,
    naming_bound,
    plan_multipliers,
    quick_epsilon,
)

DELTA = 1e-5
TABLE = [(0.268, 1.0), (0.502, 2.0), (0.925, 4.0), (1.666, 8.0)]


@pytest.mark.parametrize(("mu", "expected"), TABLE)
def test_the_gaussian_at_known_points(mu: float, expected: float) -> None:
    assert epsilon_of_mu(mu, DELTA) == pytest.approx(expected, abs=3e-3)
    assert mu_of(expected, DELTA) == pytest.approx(mu, abs=1e-3)
    assert delta_of_mu(mu, expected) == pytest.approx(DELTA, rel=0.02)


@settings(deadline=None, max_examples=15)
@given(mu=st.floats(0.01, 12), log_delta=st.floats(-9, -2))
def test_pld_never_says_less_than_the_closed_form_and_little_more(mu: float, log_delta: float) -> None:
    delta = 10**log_delta
    exact, pld = epsilon_of_mu(mu, delta), epsilon([GaussianDpEvent(1 / mu)], delta)
    assert exact - 1e-7 <= pld <= exact * (1 + 1e-6) + 1e-6
    assert mu_of(exact, delta) == pytest.approx(mu, rel=1e-5) if exact > 1e-3 else True


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # Opacus takes log(1 - q) at q = 1
@pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha:UserWarning")  # and PRV sizes its grid by RDP
@pytest.mark.parametrize(("mu", "expected"), TABLE)
def test_four_accountants_agree(mu: float, expected: float) -> None:
    multiplier = math.sqrt(20) / mu
    events = [GaussianDpEvent(multiplier)] * 20
    pld, rdp = epsilon(events, DELTA), epsilon_rdp(events, DELTA)
    assert pld <= rdp <= 1.12 * pld
    opacus_rdp, opacus_prv = RDPAccountant(), PRVAccountant()
    opacus_rdp.history = opacus_prv.history = [(multiplier, 1.0, 20)]
    assert opacus_rdp.get_epsilon(DELTA) == pytest.approx(rdp, rel=0.02)
    assert opacus_prv.get_epsilon(DELTA, eps_error=0.01) == pytest.approx(pld, abs=0.011)
    assert pld == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("multiplier", [1.0, 1.5, 3.0])
def test_accountants_agree_on_releases_of_sampled_artworks(multiplier: float) -> None:
    """Opacus' PRV composes privacy loss variables too, with code of its own, and adds its error of 0.01 on top."""
    events = [PoissonSampledDpEvent(0.05, GaussianDpEvent(multiplier))] * 400
    pld, rdp = epsilon(events, DELTA), epsilon_rdp([SelfComposedDpEvent(events[0], 400)], DELTA)
    assert 1.05 * pld <= rdp <= 1.13 * pld
    opacus_rdp, opacus_prv = RDPAccountant(), PRVAccountant()
    opacus_rdp.history = opacus_prv.history = [(multiplier, 0.05, 400)]
    assert opacus_rdp.get_epsilon(DELTA) == pytest.approx(rdp, rel=0.02)
    assert opacus_prv.get_epsilon(DELTA, eps_error=0.01) == pytest.approx(pld, rel=0.02)


def test_published_values_are_met() -> None:
    """Of Opacus' own tests (accountants_test.py): 7.3291 by Renyi, 6.59 by the central limit theorem, which says less.

    Of its manual (compute_dp_sgd_privacy): 2.39, by five Renyi orders.
    """
    tested = SelfComposedDpEvent(PoissonSampledDpEvent(0.04, GaussianDpEvent(1.5)), 2250)
    assert epsilon_rdp([tested], DELTA) == pytest.approx(7.32911117143, rel=2e-3)
    assert 6.59 < epsilon([tested], DELTA) < 7.32911117143
    manual = SelfComposedDpEvent(PoissonSampledDpEvent(0.01, GaussianDpEvent(1.0)), 300)
    five_orders = RdpAccountant([2, 5, 10, 20, 100]).compose(manual)
    assert five_orders.get_epsilon(DELTA) == pytest.approx(2.39, abs=0.005)
    assert epsilon([manual], DELTA) < epsilon_rdp([manual], DELTA) < 2.39


def test_different_releases_compose_jointly_and_fast() -> None:
    events = [GaussianDpEvent(3.0)] * 20 + [GaussianDpEvent(4.0)] * 20 + [GaussianDpEvent(1.5)]
    start = time.perf_counter()
    together = epsilon(events, DELTA)
    assert time.perf_counter() - start < 2.0  # about 0.3 s; the limit only catches event-by-event composition
    assert together == pytest.approx(epsilon_of_mu(gaussian_mu(events), DELTA), abs=1e-3)
    assert together < epsilon(events[:20], DELTA) + epsilon(events[20:40], DELTA) + epsilon(events[40:], DELTA)


def test_other_events_compose_with_gaussian_ones() -> None:
    gaussian, laplace = [GaussianDpEvent(2.0)], [LaplaceDpEvent(1.0)]
    assert epsilon(gaussian, DELTA) < epsilon(gaussian + laplace, DELTA) < epsilon(gaussian, DELTA) + 1.0 + 1e-3
    sampled = PoissonSampledDpEvent(0.1, GaussianDpEvent(4.0))
    assert epsilon([SelfComposedDpEvent(sampled, 2)], DELTA) == pytest.approx(epsilon([sampled] * 2, DELTA), abs=1e-3)


def test_no_noise_costs_infinity_and_nothing_costs_nothing() -> None:
    for events in ([NonPrivateDpEvent()], [GaussianDpEvent(1.0), NonPrivateDpEvent()], [GaussianDpEvent(0.0)]):
        assert epsilon(events, DELTA) == math.inf
        assert epsilon_rdp(events, DELTA) == math.inf
        assert gaussian_mu(events) == math.inf
    assert epsilon_of_mu(math.inf, DELTA) == math.inf
    assert delta_of_mu(math.inf, 5.0) == 1.0
    assert epsilon([], DELTA) == epsilon_of_mu(0.0, DELTA) == gaussian_mu([]) == delta_of_mu(0.0, 1.0) == 0.0
    assert delta_of_mu(3.0, math.inf) == 0.0


def test_slack_is_paid_out_of_delta() -> None:
    events = [GaussianDpEvent(1.0)]
    assert epsilon(events, DELTA, delta_slack=4e-6) == epsilon(events, 6e-6)
    assert epsilon_rdp(events, DELTA, delta_slack=4e-6) == epsilon_rdp(events, 6e-6)
    for slack in (DELTA, 2 * DELTA):
        assert epsilon(events, DELTA, delta_slack=slack) == epsilon_rdp(events, DELTA, delta_slack=slack) == math.inf


@pytest.mark.parametrize("event", [UnsupportedDpEvent(), SelfComposedDpEvent(UnsupportedDpEvent(), 2)])
def test_events_no_accountant_knows_are_refused(event: DpEvent) -> None:
    for account in (epsilon, epsilon_rdp):
        with pytest.raises(PrivacyError, match="no accountant"):
            account([GaussianDpEvent(1.0), event], DELTA)
    with pytest.raises(PrivacyError, match="not Gaussian"):
        gaussian_mu([event])
    with pytest.raises(PrivacyError, match="cannot be written down"):
        encode_event(event)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-9, 1.5, math.nan])
def test_delta_lies_between_zero_and_one(delta: float) -> None:
    for call in (lambda: epsilon([GaussianDpEvent(1.0)], delta), lambda: epsilon_of_mu(1.0, delta)):
        with pytest.raises(InputError, match="delta"):
            call()
    with pytest.raises(InputError, match="delta"):
        mu_of(1.0, delta)


@settings(deadline=None, max_examples=12)
@given(budget=st.floats(0.1, 20), weights=st.lists(st.floats(0.01, 1), min_size=1, max_size=41))
def test_planned_noise_meets_the_budget_with_nothing_to_spare(budget: float, weights: list[float]) -> None:
    shares = {str(index): weight / math.fsum(weights) for index, weight in enumerate(weights)}
    slack = len(shares) * 2.0**-40
    multipliers = plan_multipliers(budget, DELTA, shares, delta_slack=slack)
    spent = epsilon([GaussianDpEvent(value) for value in multipliers.values()], DELTA, delta_slack=slack)
    assert budget * (1 - 1e-4) < spent <= budget


def test_a_larger_share_of_the_budget_needs_less_noise() -> None:
    multipliers = plan_multipliers(8.0, DELTA, {"head": 0.64, "signature": 0.36})
    assert multipliers["signature"] / multipliers["head"] == pytest.approx(0.8 / 0.6)


@pytest.mark.parametrize("shares", [{}, {"a": 0.0, "b": 1.0}, {"a": -0.5, "b": 1.0}, {"a": 0.6, "b": 0.5}])
def test_shares_that_are_no_split_of_the_budget_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(InputError, match="shares"):
        plan_multipliers(8.0, DELTA, shares)


def test_budgets_that_no_noise_meets_are_refused() -> None:
    for budget in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="epsilon"):
            plan_multipliers(budget, DELTA, {"head": 1.0})
    with pytest.raises(InputError, match="delta"):
        plan_multipliers(8.0, DELTA, {"head": 1.0}, delta_slack=DELTA)


SAMPLED = PoissonSampledDpEvent(0.05, GaussianDpEvent(1.0))
ZCDP = ZCDpEvent(rho=0.5, xi=0.01)


def test_equal_sampled_releases_compose_as_one_power_and_beat_renyi() -> None:
    together = epsilon([SAMPLED] * 100, DELTA)
    assert together == pytest.approx(epsilon([SelfComposedDpEvent(SAMPLED, 100)], DELTA), rel=1e-6)
    assert epsilon([SAMPLED] * 99, DELTA) < together < epsilon_rdp([SAMPLED] * 100, DELTA)
    assert together < epsilon([GaussianDpEvent(1.0)] * 100, DELTA) / 10


def test_events_known_by_their_renyi_divergences_compose_at_whole_orders() -> None:
    """By Proposition 12 of Canonne, Kamath, Steinke 2020, over whole orders."""
    together = epsilon([ZCDP, GaussianDpEvent(1.0)], DELTA)
    by_hand = min(
        0.01 + 0.5 * order + order / 2 + math.log1p(-1 / order) - math.log(DELTA * order) / (order - 1)
        for order in range(2, 65)
    )
    assert together == pytest.approx(by_hand, rel=1e-9)
    assert together >= epsilon_rdp([ZCDP, GaussianDpEvent(1.0)], DELTA)
    assert together > epsilon([GaussianDpEvent(math.sqrt(1 / 2))], DELTA)


@pytest.mark.parametrize(
    "events",
    [[GaussianDpEvent(1.0)] * 3, [SAMPLED] * 20, [ZCDP], [GaussianDpEvent(2.0), SAMPLED], [NonPrivateDpEvent()]],
)
def test_the_quick_answers_agree_with_the_accountant(events: list[DpEvent]) -> None:
    value = epsilon(events, DELTA, delta_slack=1e-7)
    assert quick_epsilon(events, DELTA, delta_slack=1e-7) == pytest.approx(value, abs=1e-3)
    assert not is_within(events, min(0.999 * value, 1e6), DELTA, delta_slack=1e-7)
    assert math.isinf(value) or is_within(events, 1.001 * value, DELTA, delta_slack=1e-7)
    assert quick_epsilon(events, DELTA, delta_slack=DELTA) == math.inf


@pytest.mark.parametrize("event", [GaussianDpEvent(0.1 + 0.2), NonPrivateDpEvent(), SAMPLED, ZCDP, ZCDpEvent(0.5)])
def test_events_survive_being_written_down(event: DpEvent) -> None:
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"class": "LaplaceDpEvent", "noise_multiplier": 1.0},
        {"class": "GaussianDpEvent"},
        {"class": "GaussianDpEvent", "noise_multiplier": "1"},
        {"class": "GaussianDpEvent", "noise_multiplier": 0.0},
        {"class": "GaussianDpEvent", "noise_multiplier": -1.0},
        {"class": "GaussianDpEvent", "noise_multiplier": math.inf},
        {"class": "GaussianDpEvent", "noise_multiplier": math.nan},
        {"class": "GaussianDpEvent", "noise_multiplier": 1.0, "count": 2},
        {"class": "NonPrivateDpEvent", "noise_multiplier": 1.0},
        {"class": "PoissonSampledDpEvent", "noise_multiplier": 1.0},
        {"class": "PoissonSampledDpEvent", "noise_multiplier": 1.0, "sampling_probability": 1.0},
        {"class": "PoissonSampledDpEvent", "noise_multiplier": 0.0, "sampling_probability": 0.5},
        {"class": "PoissonSampledDpEvent", "noise_multiplier": 1.0, "sampling_probability": 0.5, "count": 2},
        {"class": "ZCDpEvent", "rho": 0.5},
        {"class": "ZCDpEvent", "rho": -0.5, "xi": 0.0},
        {"class": "ZCDpEvent", "rho": 0.5, "xi": math.nan},
    ],
)
def test_written_events_nobody_knows_are_refused(fields: object) -> None:
    with pytest.raises(PrivacyError, match="no event"):
        decode_event(fields)


@pytest.mark.parametrize("multiplier", [0.02, 0.005])
def test_a_sampled_release_of_almost_no_noise_is_counted_at_a_coarser_resolution(multiplier: float) -> None:
    """Its loss spreads over thousands; at the resolution of ordinary noise that would take gigabytes."""
    event = PoissonSampledDpEvent(0.2, GaussianDpEvent(multiplier))
    assert loss_scale([event]) == pytest.approx(multiplier**-2)
    sampled = epsilon([event], DELTA)
    assert 0.9 * epsilon_of_mu(1 / multiplier, DELTA) < sampled < epsilon_of_mu(1 / multiplier, DELTA)


def test_a_sampled_release_without_noise_costs_infinity() -> None:
    assert epsilon([PoissonSampledDpEvent(0.2, GaussianDpEvent(0.0))], DELTA) == math.inf


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.178, 1.666, 4.0])
@pytest.mark.parametrize("candidates", [2, 100])
def test_no_guess_names_a_candidate_more_often_than_its_bound(mu, candidates):
    """Against the best there is: orthogonal candidates, of which the likeliest is named."""
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(20_000, candidates))
    seen[:, 0] += mu
    named = np.mean(seen.argmax(axis=1) == 0)
    bound = naming_bound(mu, candidates)
    assert named < bound + 0.01
    assert 1 / candidates <= bound + 1e-12
    assert bound < named + 0.2


def test_who_knows_nothing_guesses():
    assert naming_bound(0.0, 100) == pytest.approx(0.01)
    assert naming_bound(math.inf, 100) == 1.0
