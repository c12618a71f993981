from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.primitives import algebra
from protocols.secagg.cohorts import fewest_singled_out


def roster(*numbers: int) -> frozenset[bytes]:
    return frozenset(bytes((number,)) for number in numbers)


def by_brute_force(rosters) -> int:
    """The smallest support in the row space: a set of people is singled out by what vanishes on all others."""
    people = sorted(frozenset().union(*rosters))
    matrix = np.array([[person in each for person in people] for each in rosters], dtype=float)
    rank = np.linalg.matrix_rank(matrix)
    for size in range(1, len(people) + 1):
        for kept in combinations(range(len(people)), size):
            others = [place for place in range(len(people)) if place not in kept]
            if not others or np.linalg.matrix_rank(matrix[:, others]) < rank:
                return size
    raise AssertionError("the sum of everybody is a sum")


@pytest.mark.parametrize(
    ("rosters", "fewest"),
    [
        ([roster(*range(8))], 8),
        ([roster(*range(8)), roster(*range(8))], 8),
        ([roster(*range(8)), roster(*range(7))], 1),
        ([roster(*range(8)), roster(*range(1, 9))], 2),
        ([roster(*range(8)), roster(*range(8, 16))], 8),
        ([roster(*range(8)), roster(*range(4, 12))], 8),
        ([roster(0, 1, 2, 3), roster(2, 3, 4, 5), roster(4, 5, 0, 1)], 2),
        ([roster(0, 1), roster(1, 2), roster(2, 0)], 1),
    ],
)
def test_the_smallest_combination_of_sums_is_found(rosters, fewest):
    """The last but one needs all three sums: (a + b - c) / 2 is over two clients, though any two differ by four."""
    assert fewest_singled_out(rosters) == fewest == by_brute_force(rosters)


@given(st.lists(st.frozensets(st.integers(0, 6), min_size=1).map(lambda each: roster(*each)), min_size=1, max_size=4))
def test_no_combination_is_over_fewer(rosters):
    assert fewest_singled_out(rosters) == by_brute_force(rosters)


def test_where_there_are_too_many_combinations_the_worst_is_assumed(monkeypatch):
    """COH-1."""
    rosters = [roster(*range(8)), roster(*range(8, 16))]
    monkeypatch.setattr(algebra, "_SUBSETS", 0)
    assert fewest_singled_out(rosters) == 1
    assert fewest_singled_out(rosters[:1]) == 8
