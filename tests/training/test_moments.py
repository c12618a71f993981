"""Prototype moments: packed outer products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.training.moments import outer_product_rows, packed_length, unpack_moments


def unit_vectors(seed: int, artworks: int, dimensions: int) -> np.ndarray:
    return to_unit(np.random.default_rng(seed).normal(size=(artworks, dimensions)).astype(np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 9))
def test_unpacking_the_sum_gives_the_second_moment(seed, artworks, dimensions):
    vectors = unit_vectors(seed, artworks, dimensions)
    summed = outer_product_rows(vectors).astype(np.float64).sum(0)
    np.testing.assert_allclose(unpack_moments(summed, dimensions), vectors.T @ vectors, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_a_rows_norm_is_1_so_clipping_at_1_changes_nothing(seed, dimensions):
    rows = outer_product_rows(unit_vectors(seed, 4, dimensions))
    assert rows.shape == (4, packed_length(dimensions))
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_norms_are_frobenius_norms(seed, dimensions):
    packed = np.random.default_rng(seed).normal(size=packed_length(dimensions))
    matrix = unpack_moments(packed, dimensions)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.norm(matrix) == pytest.approx(np.linalg.norm(packed), rel=1e-9)


def test_every_artwork_adds_1_to_the_trace():
    summed = outer_product_rows(unit_vectors(0, 7, 5)).astype(np.float64).sum(0)
    assert np.trace(unpack_moments(summed, 5)) == pytest.approx(7, rel=1e-6)
