"""Budgets: what is planned composes to the limit, and what no session bears is refused here and nowhere later."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.signature_space import LEAST_DIMENSIONS, MAX_DIMENSIONS
from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError
from fedstyle_secure.privacy.accounting import epsilon
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.releases import Release
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.budget import SIGNATURE_SHARE, Budget, plan_budget

D, H = 468, 44


def make_budget(*, clients: int = 24, **changes: object) -> Budget:
    settings = Settings(artworks=Path("art"), out=Path("run"), **changes)
    return plan_budget(settings, clients=clients, dimensions=D, outputs=H)


def releases(budget: Budget) -> list[Mechanism]:
    return budget.mechanisms(dimensions=D, outputs=H)


def compose(budget: Budget, view: View, delta: float) -> float:
    """What all releases of a budget come to."""
    return spent(releases(budget), view, delta)


def spent(mechanisms: list[Mechanism], view: View, delta: float) -> float:
    """By the PLD accountant, slack included."""
    slack = sum(mechanism.delta_slack for mechanism in mechanisms)
    return epsilon([mechanism.event(view) for mechanism in mechanisms], delta, delta_slack=slack)


@pytest.mark.parametrize("sign", [True, False])
@pytest.mark.parametrize("iterations", [1, 2, 30])
@pytest.mark.parametrize("limit", [0.5, 2.0, 8.0])
def test_all_releases_together_meet_epsilon_and_waste_little(limit: float, iterations: int, sign: bool) -> None:
    budget = make_budget(epsilon=limit, iterations=iterations, sign=sign)
    assert budget.view is View.AGGREGATE
    assert 0.98 * limit < compose(budget, View.AGGREGATE, 1e-5) <= limit


@pytest.mark.parametrize("limit", [2.0, 8.0])
def test_local_mode_limits_what_an_artist_shows_alone(limit: float) -> None:
    budget = make_budget(epsilon=limit, privacy=Mode.LOCAL)
    assert budget.view is View.LOCAL
    assert 0.98 * limit < compose(budget, View.LOCAL, 1e-5) <= limit
    assert compose(budget, View.AGGREGATE, 1e-5) < compose(budget, View.LOCAL, 1e-5)


@pytest.mark.parametrize(
    ("limit", "artworks", "length"),
    [(8.0, 200, 384), (8.0, 66, 194), (2.0, 66, 58), (8.0, 21, 62), (2.0, 144, 127), (8.0, 0, 24)],
)
def test_a_signature_is_as_long_as_its_noise_allows(limit: float, artworks: int, length: int) -> None:
    assert make_budget(epsilon=limit).signature_length(artworks) == pytest.approx(length, abs=2)


def test_without_noise_a_signature_is_as_long_as_any() -> None:
    assert make_budget(privacy=Mode.NONE).signature_length(4) == MAX_DIMENSIONS


@pytest.mark.parametrize("length", [LEAST_DIMENSIONS, 77, MAX_DIMENSIONS])
@pytest.mark.parametrize("limit", [0.5, 8.0])
def test_a_shorter_signature_keeps_epsilon_too(limit: float, length: int) -> None:
    budget = make_budget(epsilon=limit)
    *others, _ = releases(budget)
    assert 0.98 * limit < spent([*others, budget.signature_mechanism(length)], View.AGGREGATE, 1e-5) <= limit


@pytest.mark.parametrize("buckets", [1, 3, 4])
def test_the_noise_of_a_bucket_is_sized_for_its_own_honest_survivors(buckets: int) -> None:
    """Whatever the buckets, epsilon is met, by the honest artists of the smallest one after its dropouts."""
    budget = make_budget(clients=31, buckets=buckets, corrupt=1, drop_rate=0.1)
    smallest, largest = 31 // buckets, -(-31 // buckets)
    assert compose(budget, View.AGGREGATE, 1e-5) <= 8.0
    for mechanism in releases(budget)[: len(budget.cohort.multipliers)]:
        assert mechanism.min_survivors == smallest - int(0.1 * largest)
        assert mechanism.honest == mechanism.min_survivors - 1
        assert mechanism.clients == largest


def test_buckets_below_the_minimum_cohort_are_refused() -> None:
    with pytest.raises(InputError, match=r"24 artists are fewer than 4 buckets of at least the minimum cohort of 7"):
        make_budget(clients=24, buckets=4, min_cohort=7)
    assert make_budget(clients=28, buckets=4, min_cohort=6).cohort.buckets == 4


def test_mode_none_plans_no_noise() -> None:
    budget = make_budget(privacy=Mode.NONE)
    assert set(budget.cohort.multipliers) == {0.0}
    assert budget.signature_multiplier == 0.0
    assert compose(budget, View.AGGREGATE, 1e-5) == float("inf")


def test_at_the_default_epsilon_a_signature_has_its_share_and_stays_below_rho_1() -> None:
    """Rho, of zCDP, is half of mu squared; TM-14 claims nothing beyond 1."""
    budget = make_budget(epsilon=8.0)
    assert budget.signature_multiplier is not None
    parts = [*budget.cohort.multipliers, budget.prototype_multiplier, budget.signature_multiplier]
    rhos = [1 / (2 * multiplier**2) for multiplier in parts]
    assert rhos[-1] / sum(rhos) == pytest.approx(SIGNATURE_SHARE, rel=1e-3)
    assert rhos[-1] < 1


def test_nobody_signs_without_consent() -> None:
    assert make_budget(sign=False).signature_multiplier is None


@given(
    limit=st.floats(1e-3, 1e3),
    delta=st.floats(1e-13, 0.5),
    iterations=st.integers(1, 8),
    sign=st.booleans(),
    mode=st.sampled_from([Mode.DISTRIBUTED, Mode.LOCAL]),
)
def test_a_ledger_bears_every_budget_that_was_not_refused(
    limit: float, delta: float, iterations: int, sign: bool, mode: Mode, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        budget = make_budget(epsilon=limit, delta=delta, iterations=iterations, sign=sign, privacy=mode)
    except FedStyleError:
        return
    path = tmp_path_factory.mktemp("ledger") / "0.jsonl"
    ledger = Ledger.open(path, limit=limit, delta=delta, view=budget.view)
    for mechanism in releases(budget):
        ledger.charge(Release.of(mechanism, name="all", iteration=1))


@given(
    clients=st.integers(1, 40),
    corrupt=st.none() | st.integers(0, 12),
    drop_rate=st.floats(0, 0.9),
    min_cohort=st.integers(2, 12),
)
def test_a_cohort_that_is_accepted_bears_what_it_promises(
    clients: int, corrupt: int | None, drop_rate: float, min_cohort: int
) -> None:
    try:
        cohort = make_budget(clients=clients, corrupt=corrupt, drop_rate=drop_rate, min_cohort=min_cohort).cohort
    except InputError:
        return
    assert cohort.min_survivors >= min_cohort
    assert cohort.min_survivors == clients - int(drop_rate * clients)
    assert cohort.min_survivors - cohort.corrupt >= 2
    assert 2 * cohort.min_survivors > clients + cohort.corrupt  # no two disjoint views of who survived
    assert cohort.corrupt == (max(1, clients // 10) if corrupt is None else corrupt)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"epsilon": 1e-3}, PrivacyError, "--epsilon 0.001 cannot be met by 24 artists"),
        ({"epsilon": 1e-3, "iterations": 1}, PrivacyError, "--epsilon 0.001 cannot be met"),
        ({"delta": 1e-12}, PrivacyError, "--delta 1e-12 is smaller than the 1e-11 by which 8 releases may fail"),
        ({"corrupt": 23}, InputError, "23 corrupt artists among 24 need at least 25 survivors"),
        ({"drop_rate": 0.9}, InputError, "only 3 of 24 artists are sure to stay, fewer than the minimum cohort of 5"),
    ],
)
def test_a_refusal_says_what_to_change(changes: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make_budget(**changes)
