"""ROT-1 and ROT-2: an exact, public, flattening rotation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.rotation import padded_dimension, rotate, unrotate

SEED = bytes(range(32))


@pytest.mark.parametrize(("length", "dimension"), [(1, 1), (2, 2), (3, 4), (128, 128), (129, 256), (9999, 16384)])
def test_padding_goes_to_the_next_power_of_two(length: int, dimension: int) -> None:
    assert padded_dimension(length) == dimension


@pytest.mark.parametrize("dimension", [1, 2, 8, 64])
def test_it_is_the_dense_hadamard_matrix_after_flipped_signs(dimension: int) -> None:
    columns = np.stack([rotate(unit, SEED) for unit in np.eye(dimension, dtype=np.int64)], axis=1)
    signs = columns[0]  # the first row of a Hadamard matrix is all ones
    np.testing.assert_array_equal(columns, hadamard(dimension) * signs)
    np.testing.assert_array_equal(columns.T @ columns, dimension * np.eye(dimension))


@settings(deadline=None)
@given(values=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=70), seed=st.binary(min_size=32, max_size=32))
def test_unrotate_undoes_it_exactly_and_norms_carry_over(values: list[int], seed: bytes) -> None:
    rotated = rotate(np.array(values, dtype=np.int64), seed)
    dimension = padded_dimension(len(values))
    assert rotated.shape == (dimension,)
    assert sum(int(value) ** 2 for value in rotated) == dimension * sum(value**2 for value in values)
    assert (unrotate(rotated, seed, len(values)) // dimension).tolist() == values


def test_a_spike_is_spread_over_all_coordinates() -> None:
    spike = np.zeros(5000, dtype=np.int64)
    spike[1234] = 1000
    assert set(np.abs(rotate(spike, SEED))) == {1000}


def test_the_flat_vector_a_hadamard_matrix_concentrates_is_spread_by_the_signs() -> None:
    rotated = rotate(np.ones(4096, dtype=np.int64), SEED)
    assert np.abs(rotated).max() < 6 * 64  # without signs, one coordinate would hold 4096


def test_signs_depend_on_the_seed_and_are_balanced() -> None:
    impulses = [rotate(np.eye(1, 1024, k, dtype=np.int64)[0], SEED)[0] for k in range(1024)]
    assert abs(sum(impulses)) < 6 * 32
    ones = np.ones(1024, dtype=np.int64)
    assert not np.array_equal(rotate(ones, SEED), rotate(ones, SEED[::-1]))


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="32 bytes"):
        rotate(np.ones(4, dtype=np.int64), b"short")
