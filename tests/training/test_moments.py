"""Prototype moments: packed outer products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.training.moments import Prototype, outer_product_rows, packed_length, unpack_moments


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


# Without the artist's own style


def adversarial_portfolio(dimensions: int = 24) -> np.ndarray:
    """Sixty artworks that are nearly the same, and one that is not."""
    rng = np.random.default_rng(4)
    alike = rng.normal(size=dimensions) + 1e-3 * rng.normal(size=(60, dimensions))
    return to_unit(np.vstack([alike, rng.normal(size=dimensions)]).astype(np.float32))


def moved(with_all: np.ndarray, without_one: np.ndarray) -> float:
    """L2 distance of the two sums of packed rows."""
    sums = [outer_product_rows(rows).astype(np.float64).sum(0) for rows in (with_all, without_one)]
    return float(np.linalg.norm(sums[0] - sums[1]))


@given(st.integers(0, 60), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_given_the_prototype_one_artwork_moves_the_moments_by_its_own_row_and_no_more(left_out, seed, trust):
    portfolio = adversarial_portfolio()
    prototype = Prototype(unit_vectors(seed, 1, portfolio.shape[1])[0], trust)
    rows = prototype.remove_from(portfolio)
    kept = np.delete(portfolio, left_out, axis=0)
    np.testing.assert_allclose(prototype.remove_from(kept), np.delete(rows, left_out, axis=0), atol=1e-5)
    assert moved(rows, prototype.remove_from(kept)) <= 1 + 1e-3


def test_taking_out_the_exact_mean_lets_one_artwork_move_the_moments_by_far_more():
    """Why the prototype is released with noise, and paid for, although nobody else ever sees it."""
    portfolio = adversarial_portfolio()
    kept = portfolio[:-1]
    assert moved(Prototype.exact(portfolio).remove_from(portfolio), Prototype.exact(kept).remove_from(kept)) > 5


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_what_is_left_has_length_1_and_nothing_of_the_style(seed, dimensions):
    vectors = unit_vectors(seed, 5, dimensions)
    prototype = Prototype(unit_vectors(seed + 1, 1, dimensions)[0], 1.0)
    rows = prototype.remove_from(vectors)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    steep = np.abs(vectors @ prototype.direction) < 0.99
    np.testing.assert_allclose(rows[steep] @ prototype.direction, 0, atol=1e-5)


def test_a_prototype_that_is_all_noise_changes_nothing():
    vectors = unit_vectors(0, 5, 6)
    np.testing.assert_allclose(Prototype(unit_vectors(1, 1, 6)[0], 0.0).remove_from(vectors), vectors, atol=1e-7)


def test_an_artwork_that_is_all_style_leaves_no_more_than_length_1():
    direction = unit_vectors(1, 1, 6)[0]
    rows = Prototype(direction, 1.0).remove_from(np.stack([direction, -direction]))
    assert np.all(np.linalg.norm(rows, axis=1) <= 1 + 1e-5)
