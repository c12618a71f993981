"""Windows before a server, or clients, that lie: one promised sum leaks at most, no sum is wrong, and whatever defense
is taken away is found out."""

import pytest

from threat_models.adversaries.choices import Dice
from threat_models.adversaries.hunt import PATIENCE, hunt
from threat_models.windows.attacks import ATTACKS
from threat_models.windows.defenses import EXACTNESS, LEAKS
from threat_models.windows.hunt import LyingWindow, lying_windows
from threat_models.windows.liars import LyingClients


@pytest.fixture
def report(capsys):
    """Prints a line that is seen whether the test passes or not."""

    def write(line):
        with capsys.disabled():
            print(f"\n{line}", end="")  # noqa: T201  (figures are part of the evidence)

    return write


def identified(item):
    return item.name.replace(" ", "-")


def check_not_vacuous(tally):
    assert tally.violation is None, tally.violation.__notes__
    assert tally.completed >= 0.05 * tally.sessions, str(tally)


def found(ablation, make):
    """While it is away, within a minute; and the session that found it is harmless once it is back."""
    with ablation.applied():
        tally = hunt(make, sessions=10_000, seconds=PATIENCE, may_crash=True)
    assert tally.violation is not None
    make(Dice(tally.sessions - 1)).play()
    return tally


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_server_that_lies_learns_one_promised_sum_or_nothing(attack):
    for number in range(2):
        LyingWindow(attack, Dice(number)).play()


def test_lies_by_chance_leave_sums_behind():
    check_not_vacuous(hunt(lying_windows(), sessions=25))


def test_clients_that_lie_get_no_wrong_sum_and_nobody_honest_named():
    check_not_vacuous(hunt(LyingClients, sessions=25))


def test_sessions_are_repeatable():
    """A violation is reported by its number: that number must bring it back."""
    for make in (lying_windows(), LyingClients):
        assert repr(make(Dice(7))) == repr(make(Dice(7)))


@pytest.mark.parametrize(("ablation", "attack"), LEAKS.items(), ids=map(identified, LEAKS))
def test_a_server_finds_out_that_a_defense_is_missing(ablation, attack):
    found(ablation, lying_windows((attack,)))


@pytest.mark.slow
@pytest.mark.parametrize("ablation", EXACTNESS, ids=identified)
def test_lying_clients_find_out_that_a_defense_is_missing(ablation, report):
    report(f"without: {ablation.name}: {found(ablation, LyingClients)}")


@pytest.mark.slow
def test_three_thousand_lying_windows_leak_one_promised_sum_or_nothing(report):
    tally = hunt(lying_windows(), sessions=3_000)
    report(f"lying windows: {tally}")
    check_not_vacuous(tally)


@pytest.mark.slow
def test_a_thousand_windows_of_lying_clients_make_no_sum_wrong(report):
    tally = hunt(LyingClients, sessions=1_000)
    report(f"lying clients: {tally}")
    check_not_vacuous(tally)
