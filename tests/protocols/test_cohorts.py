from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import Cohorts, ParametersError
from protocols import cohorts as cohorts_module


def identity(number: int) -> bytes:
    return number.to_bytes(32, "big")


def roster(*numbers: int) -> frozenset[bytes]:
    return frozenset(map(identity, numbers))


def plain_rule(earlier, new, least) -> bool:
    """Set by set, as COH-1 says it."""
    return any(0 < len(only) < least for old in earlier for only in (old - new, new - old))


@pytest.mark.parametrize(
    ("earlier", "new", "refused"),
    [
        ([], range(8), False),
        ([range(8)], range(8), False),
        ([range(8)], range(7), True),
        ([range(8)], range(9), True),
        ([range(8)], range(1, 9), True),
        ([range(8)], range(11), False),
        ([range(8)], range(5), False),
        ([range(8)], range(3, 11), False),
        ([range(8)], range(3, 10), True),
        ([range(8)], range(2, 10), True),
        ([range(8)], range(8, 16), False),
        ([range(8)], range(8, 10), True),
        ([range(8), range(4, 12)], range(8, 16), False),
        ([range(8), range(7, 15), range(8, 16)], range(16, 24), False),
        ([range(8), range(7, 15), range(8, 16)], range(9, 17), True),
        ([range(2), range(20)], range(20), False),
        ([range(2), range(20)], [*range(1, 20)], True),
        ([range(2), range(20, 40)], range(40, 60), True),
    ],
)
def test_nobody_or_at_least_three_join_and_leave(earlier, new, refused):
    """COH-1."""
    history = Cohorts(roster(*each) for each in earlier)
    assert bool(history.conflict(roster(*new), 3)) is refused
    assert plain_rule([roster(*each) for each in earlier], roster(*new), 3) is refused


def test_three_cohorts_that_combine_to_one_client_are_refused_by_whoever_is_in_two():
    """X + a, plus Y, minus X + Y: nobody is in all three; those in X see one client join, those in Y see many leave."""
    x, y = range(6), range(6, 12)
    assert Cohorts([roster(*x, *y)]).conflict(roster(*x, 12), 5)
    assert Cohorts([roster(*x, *y)]).conflict(roster(*y), 5) == ""


def test_three_cohorts_that_differ_in_many_are_accepted_whatever_they_combine_to():
    """X + a, plus Y + a, minus X + Y + a: a alone, bounded by noise and not by this rule."""
    x, y, history = range(6), range(6, 12), Cohorts()
    for new in (roster(*x, *y, 12), roster(*x, 12), roster(*y, 12)):
        assert history.conflict(new, 5) == ""
        history.add(new)


def test_a_conflict_says_how_many_left_and_joined():
    said = Cohorts([roster(*range(8))]).conflict(roster(*range(1, 14)), 5)
    assert said.startswith("1 of an earlier cohort's clients have left and 6 have joined: ")
    assert "at least 5" in said


rosters = st.frozensets(st.integers(0, 9), min_size=1).map(lambda each: roster(*each))


@given(st.lists(rosters, max_size=6), rosters, st.integers(1, 6))
def test_entries_tell_what_sets_tell(earlier, new, least):
    history = Cohorts(earlier)
    assert list(history) == list(dict.fromkeys(earlier))
    assert len(history) == len(set(earlier))
    assert bool(history.conflict(new, least)) is plain_rule(earlier, new, least)


@given(st.lists(rosters, min_size=1, max_size=5))
def test_a_client_in_all_of_them_changes_nothing(earlier):
    """Its own entry is passed over, and counts all the same."""
    owner = identity(99)
    history = Cohorts(each | {owner} for each in earlier)
    for new in earlier:
        assert bool(history.conflict(new | {owner}, 3)) is plain_rule(earlier, new, 3)


@pytest.mark.parametrize("bad", [frozenset(), frozenset({b"short"}), [identity(1), bytes(33)]])
def test_what_is_no_roster_is_refused(bad):
    with pytest.raises(ParametersError, match="an earlier cohort is one or more identities of 32 bytes"):
        Cohorts([bad])


def test_a_cohort_of_forty_grows_to_four_hundred_in_steps_of_ten():
    history = Cohorts([roster(*range(40))])
    for size in range(50, 401, 10):
        assert history.conflict(roster(*range(size - 1)), 10)
        assert history.conflict(roster(*range(size)), 10) == ""
        history.add(roster(*range(size)))
    assert len(history) == 37


def test_ten_thousand_rolling_cohorts_cost_what_they_share(monkeypatch):
    """COH-2: of 10,000 cohorts, each a new ten beside thirty of the last, an artist looks at 160 entries for each.

    A cohort that is compared roster by roster looks at two million on the way, and at fifty million pairs.
    """
    seen = 0

    class Counting(Counter):
        def update(self, numbers=None, /, **_):
            nonlocal seen
            seen += len(numbers or ())
            super().update(numbers)

    monkeypatch.setattr(cohorts_module, "Counter", Counting)
    history, cohorts = Cohorts(), 10_000
    for number in range(cohorts):
        new = roster(1_000_000, *range(10 * number, 10 * number + 40))
        assert history.conflict(new, 10) == ""
        history.add(new)
    assert len(history) == cohorts
    assert 0 < seen <= 2 * 160 * cohorts  # once to compare, once to see whether it is there already
