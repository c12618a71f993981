"""TM-3 and TM-9: a server that lies, with clients that work with it, gets no leak; clients that lie get no wrong sum.

Three arms: with all defenses nothing is found; without one of them the same machine finds the leak; and the session
in which it found it is harmless again once the defense is back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from threat_models.adversaries.choices import Chooser, Dice
from threat_models.adversaries.defenses import COVERED, EXACTNESS, GRAPH_RULE, LEAKS, Ablation
from threat_models.adversaries.deviations import DEVIATIONS
from threat_models.adversaries.evil_server import EvilServer
from threat_models.adversaries.hunt import Session, Tally, attack, hunt, lying_clients, lying_server
from threat_models.adversaries.on_inputs import Isolate
from threat_models.adversaries.on_keys import CraftedModel, LowThreshold, OtherSession
from threat_models.adversaries.parties import Cohort, cohort
from threat_models.adversaries.wire import Violation

T = TypeVar("T")

TIME_LIMIT = 60.0
"""Seconds in which the adversary must find out that a defense is missing."""


@dataclass(frozen=True, slots=True)
class Drawn(Chooser):
    """Hypothesis decides, and simplifies what fails."""

    draw: Callable[[st.SearchStrategy[T]], T]

    def number(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def mixed(self, items: Sequence[T]) -> list[T]:
        return self.draw(st.permutations(items))


def check_not_vacuous(tally: Tally) -> None:
    """Rule 4 of the threat models: sessions that never come to an end find nothing."""
    assert tally.completed >= 0.05 * tally.sessions, str(tally)


def identified(ablation: Ablation) -> str:
    return ablation.name.replace(" ", "-")


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line that is seen whether the test passes or not."""

    def write(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="")  # noqa: T201  (figures are part of the evidence)

    return write


def test_a_lying_server_learns_one_sum_at_most() -> None:
    """Hypothesis plays the server and shrinks what it finds."""
    tally = Tally()

    @settings(max_examples=120)
    @given(st.data())
    def session(data: st.DataObject) -> None:
        tally.sessions += 1
        server = lying_server(Drawn(data.draw))
        note(f"played: {server}")
        tally.completed += server.play()

    session()
    check_not_vacuous(tally)


def test_a_lying_server_learns_one_sum_at_most_whatever_it_bends() -> None:
    """Each deviation alone, twice, in cohorts of all kinds."""
    for number in range(2 * len(DEVIATIONS)):
        choose = Dice(number)
        EvilServer(cohort(choose), choose, [DEVIATIONS[number // 2]]).play()


def test_lies_are_told_on_top_of_parameters_that_no_constructor_takes() -> None:
    """A server that proposes what `SessionParams` refuses, and makes something of that for one client or more."""
    for number in range(40):
        choose = Dice(number)
        EvilServer(cohort(choose), choose, [LowThreshold, (CraftedModel, OtherSession)[number % 2]]).play()


def test_an_honest_session_ends_in_the_exact_sum() -> None:
    for number in range(10):
        choose = Dice(number)
        assert EvilServer(cohort(choose), choose, []).play()


def test_lying_clients_get_no_wrong_sum_and_no_honest_client_blamed() -> None:
    """Not vacuous either: there is something to refuse, and something to correct."""
    tally, refused, corrected, named = Tally(), 0, 0, 0
    for number in range(120):
        session = lying_clients(Dice(number))
        complete = session.play()
        tally.sessions += 1
        tally.completed += complete
        refused += session.refusals
        corrected += bool(complete and session.server.wrong_shares)
        named += bool(session.named)
    check_not_vacuous(tally)
    assert refused >= 10
    assert corrected >= 1
    assert named >= 1


@pytest.mark.parametrize(("threshold", "leaks"), [(3, True), (4, False)])
def test_twice_the_threshold_must_exceed_degree_and_corrupt_clients(threshold: int, leaks: bool) -> None:
    """Four neighbors and two corrupt clients: 2 t = k + c breaks and one more holds, if clients accept either."""
    (rule,) = (ablation for ablation in LEAKS if ablation.edits == (GRAPH_RULE,))
    broken = 0
    with rule.applied():
        for number in range(30):
            choose = Dice(number)
            invited = cohort(choose, ((10, 4),))
            evil = frozenset(choose.some(range(10), 2, 2))
            params = replace(invited.params, threshold=threshold, corrupt=2, min_survivors=7)
            try:
                EvilServer(Cohort(params, evil, number), choose, [Isolate]).play()
            except Violation:
                broken += 1
    assert bool(broken) is leaks


def test_sessions_are_repeatable() -> None:
    """A violation is reported by its number: that number must bring it back."""
    for make in (lying_server, lying_clients):
        assert repr(make(Dice(7))) == repr(make(Dice(7)))


@pytest.mark.parametrize("ablation", [*LEAKS, *COVERED, *EXACTNESS], ids=identified)
def test_every_ablation_finds_its_defense_and_puts_it_back(ablation: Ablation) -> None:
    before = [edit.function().__code__ for edit in ablation.edits]
    with ablation.applied():
        assert all(edit.function().__code__ is not code for edit, code in zip(ablation.edits, before, strict=True))
    assert [edit.function().__code__ for edit in ablation.edits] == before


@pytest.mark.slow
def test_thousands_of_lies_leak_nothing(report: Callable[[str], None]) -> None:
    tally = hunt(lying_server, sessions=3_000)
    report(f"lying server: {tally}")
    assert tally.violation is None, tally.violation.__notes__
    assert tally.sessions == 3_000
    check_not_vacuous(tally)


@pytest.mark.slow
def test_thousands_of_lying_clients_make_no_sum_wrong(report: Callable[[str], None]) -> None:
    tally = hunt(lying_clients, sessions=1_000)
    report(f"lying clients: {tally}")
    assert tally.violation is None, tally.violation.__notes__
    check_not_vacuous(tally)


@pytest.mark.slow
@pytest.mark.parametrize("ablation", LEAKS, ids=identified)
def test_the_adversary_finds_out_that_a_defense_is_missing(ablation: Ablation, report: Callable[[str], None]) -> None:
    check_found(ablation, attack(ablation.attacks), report)


@pytest.mark.slow
@pytest.mark.parametrize("ablation", EXACTNESS, ids=identified)
def test_lying_clients_find_out_that_a_defense_is_missing(ablation: Ablation, report: Callable[[str], None]) -> None:
    check_found(ablation, lying_clients, report)


def check_found(ablation: Ablation, make: Callable[[Chooser], Session], report: Callable[[str], None]) -> None:
    with ablation.applied():
        tally = hunt(make, sessions=10_000, seconds=TIME_LIMIT, may_crash=True)
    report(f"without: {ablation.name}: {tally}")
    assert tally.violation is not None
    make(Dice(tally.sessions - 1)).play()


@pytest.mark.slow
@pytest.mark.parametrize("ablation", COVERED, ids=identified)
def test_another_layer_stands_behind_this_check(ablation: Ablation, report: Callable[[str], None]) -> None:
    with ablation.applied():
        tally = hunt(lying_server, sessions=300, may_crash=True)
    report(f"without: {ablation.name}: {tally}; {ablation.because}")
    assert tally.violation is None, tally.violation.__notes__
    check_not_vacuous(tally)
