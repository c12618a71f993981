from collections import Counter
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import InvalidShareError, LocalProtocolError
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import combine, lagrange_coefficients, secret_bytes, split

elements = st.integers(0, PRIME - 1)


@settings(deadline=None)
@given(st.data())
def test_any_threshold_of_shares_gives_the_secret(data):
    positions = sorted(data.draw(st.sets(st.integers(1, 2**32), min_size=1, max_size=9)))
    threshold = data.draw(st.integers(1, len(positions)))
    secret, *coefficients = data.draw(st.lists(elements, min_size=threshold, max_size=threshold))
    shares = dict(zip(positions, split(secret, coefficients, positions), strict=True))
    chosen = sorted(data.draw(st.permutations(positions))[: data.draw(st.integers(threshold, len(positions)))])
    assert combine([shares[position] for position in chosen], lagrange_coefficients(chosen)) == secret


@pytest.mark.parametrize("threshold", [2, 3])
def test_fewer_shares_are_equally_likely_under_every_secret(threshold):
    prime, positions = 7, [1, 2, 4]
    for held in combinations(range(3), threshold - 1):
        views = [
            Counter(
                tuple(split(secret, coefficients, positions, prime)[i] for i in held)
                for coefficients in product(range(prime), repeat=threshold - 1)
            )
            for secret in range(prime)
        ]
        assert all(view == views[0] for view in views)
        assert len(views[0]) == prime ** (threshold - 1)


def test_shares_are_the_values_of_the_polynomial():
    assert split(3, [5, 2], [1, 2, 3], 101) == [10, 21, 36]
    assert split(PRIME - 1, [PRIME - 1], [1], PRIME) == [PRIME - 2]


@pytest.mark.parametrize("position", [0, -1, PRIME])
def test_nobody_gets_the_value_at_zero(position):
    with pytest.raises(LocalProtocolError, match="secret"):
        split(5, [1], [1, position])


@pytest.mark.parametrize("positions", [[], [0, 1], [1, 1], [2, 1], [1, PRIME + 1]])
def test_positions_must_be_distinct_and_not_zero(positions):
    with pytest.raises(LocalProtocolError):
        lagrange_coefficients(positions)


def test_a_secret_is_32_bytes_or_refused():
    assert secret_bytes(2**256 - 1) == b"\xff" * 32
    assert secret_bytes(1) == bytes(31) + b"\x01"
    with pytest.raises(InvalidShareError):
        secret_bytes(2**256)
