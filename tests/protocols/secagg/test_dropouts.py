"""Whoever drops out, whenever: the exact integer sum of the survivors, or an abort that says why."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import AbortReason, SessionAborted

NEVER = 5
REASONS = list(AbortReason)[:5]


def expected_abort(params, silent_from):
    """The rule in one place: a quorum after each of the first three rounds, a threshold after the last two."""
    for number, reason in enumerate(REASONS):
        present = sum(last > number for last in silent_from)
        if present < (params.quorum if number < 3 else params.threshold):
            return reason
    return None


def check(house, silent_from, **changes):
    cohort = house.cohort(len(silent_from), **changes)
    reason = expected_abort(cohort.params, silent_from)
    enough_survive = sum(last > 2 for last in silent_from) >= cohort.params.quorum
    enough_unmask = silent_from.count(NEVER) >= cohort.params.threshold
    assert (reason is None) == (enough_survive and enough_unmask)
    if reason:
        with pytest.raises(SessionAborted) as caught:
            cohort.run(silent_from=dict(enumerate(silent_from)))
        assert caught.value.reason is reason
    else:
        cohort.run(silent_from=dict(enumerate(silent_from)))
        survivors = tuple(index for index, last in enumerate(silent_from) if last > 2)
        assert cohort.server.survivors == survivors
        aggregate = cohort.server.aggregate()
        assert aggregate.dtype == np.int64
        assert aggregate.tolist() == cohort.sum_of(survivors).tolist()
    return reason


@pytest.mark.parametrize("first", range(NEVER + 1))
@pytest.mark.parametrize("min_survivors", [3, 4])
def test_every_pattern_of_four_clients(house, first, min_survivors):
    """6^4 patterns: each client drops out before round 0, 1, 2, 3 or 4, or never."""
    reasons = {
        check(house, (first, *others), threshold=3, min_survivors=min_survivors, vector_length=2)
        for others in product(range(NEVER + 1), repeat=3)
    }
    assert (None in reasons) == (first > 2 or min_survivors == 3)
    assert AbortReason.TOO_FEW_ADVERTISEMENTS in reasons


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 5, 5, 5, 5]), min_size=5, max_size=8), st.integers(0, 2))
def test_some_patterns_of_more_clients(house, silent_from, corrupt):
    threshold = (len(silent_from) + corrupt) // 2 + 1
    check(house, silent_from, threshold=threshold, corrupt=corrupt, min_survivors=max(threshold, corrupt + 2))


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 40, 64])
@pytest.mark.parametrize("silent_from", [{}, {1: 2}, {3: 3}, {0: 4}])
def test_masked_and_unmasked_sums_are_identical_to_the_integer(house, bits, silent_from):
    """Vectors as large as the modulus allows, both signs, more than one block of keystream."""
    cohort = house.cohort(modulus_bits=bits, max_abs_input=(2 ** (bits - 1) - 1) // 4, vector_length=9000)
    cohort.run(silent_from=silent_from)
    survivors = [index for index in range(4) if silent_from.get(index, NEVER) > 2]
    expected = cohort.sum_of(survivors)
    assert abs(expected).max() == len(survivors) * cohort.params.max_abs_input
    assert np.array_equal(cohort.server.aggregate(), expected)
