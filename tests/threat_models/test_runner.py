import math
from collections.abc import Callable

import pytest

from tests.threat_models.doors import honest, make_claim
from threat_models.claim import Effort, Limit
from threat_models.runner import run


def arms_of(attack: Callable, **changes: object) -> dict[str, bool]:
    return {arm.name: arm.holds for arm in run(make_claim(**changes), attack, Effort.FAST).arms}


def test_an_attack_runs_without_all_with_all_and_without_each_defense() -> None:
    asked = []

    def attack(without, effort):
        asked.append((without, effort))
        return honest(without, effort)

    verdict = run(make_claim(), attack, Effort.SLOW)
    assert asked == [
        (frozenset({"lock", "chain"}), Effort.SLOW),
        (frozenset(), Effort.SLOW),
        (frozenset({"lock"}), Effort.SLOW),
        (frozenset({"chain"}), Effort.SLOW),
    ]
    assert verdict.holds
    assert verdict.in_words == "holds"


def test_an_attack_without_power_shows_nothing() -> None:
    verdict = run(make_claim(), lambda _without, _effort: {"entries": 0}, Effort.FAST)
    assert not verdict.holds
    assert "no power" in verdict.in_words


def test_a_claim_fails_when_the_attack_succeeds_against_all_defenses() -> None:
    verdict = run(make_claim(), lambda _without, _effort: {"entries": 1}, Effort.FAST)
    assert not verdict.holds
    assert verdict.in_words == "the claim fails"


def test_a_defense_that_nobody_misses_is_named() -> None:
    verdict = run(make_claim(), lambda without, _effort: {"entries": "lock" in without}, Effort.FAST)
    assert not verdict.holds
    assert verdict.in_words == "nobody misses a defense: without chain"


def test_defenses_may_be_missed_together_and_power_may_need_some_of_them() -> None:
    both = frozenset({"lock", "chain"})
    held = arms_of(lambda without, _effort: {"entries": without == both}, ablations=(both,))
    assert held == {"power": True, "protected": True, "without chain, lock": True}
    assert arms_of(honest, powerless=frozenset({"lock"}))["power"]


def test_no_number_is_never_good_enough() -> None:
    limits = {"power": (Limit(figure="entries", at_least=-math.inf),), "protected": (Limit(figure="entries"),)}
    held = arms_of(lambda _without, _effort: {"entries": math.nan}, **limits)
    assert not held["power"]
    assert not held["protected"]


def test_a_figure_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(KeyError, match="entries"):
        run(make_claim(), lambda _without, _effort: {}, Effort.FAST)


def test_whoever_watches_is_told_of_each_arm_before_it_runs() -> None:
    told = []
    run(make_claim(), honest, Effort.FAST, on_arm=told.append)
    assert told == ["power", "protected", "without lock", "without chain"]
