"""Whitening: what it promises of public art, and art that spans too little."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.encoder.whitening import POOLED_WEIGHT, RIDGE, SHRINKAGE, Space, Whitening, to_unit
from fedstyle_secure.errors import InputError


def correlated(artworks: int, features: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (5 + rng.normal(size=(artworks, features)) @ rng.normal(size=(features, features))).astype(np.float32)


def test_public_features_are_unit_and_decorrelated_with_shrunk_variances():
    public = correlated(200, 15)
    whitening = Whitening.fit(public, pooled_size=5, dimensions=9)
    np.testing.assert_allclose(np.linalg.norm(whitening.apply(public), axis=1), 1, rtol=1e-5)

    projected = (public.astype(np.float64) - whitening.center) @ whitening.projection
    standardized = (public - public.mean(0, dtype=np.float64)) / public.std(0, dtype=np.float64)
    standardized[:, 10:] *= POOLED_WEIGHT
    variances = np.linalg.svd(standardized, compute_uv=False)[:9] ** 2 / len(public)
    expected = variances / (variances + SHRINKAGE * variances.mean())
    np.testing.assert_allclose(projected.T @ projected / len(public), np.diag(expected), rtol=1e-3, atol=1e-4)


def test_scale_and_offset_of_a_raw_feature_do_not_matter():
    public = correlated(60, 8)
    changed = public * np.float32(100) + np.float32(7)
    first, second = (Whitening.fit(rows, pooled_size=2, dimensions=5) for rows in (public, changed))
    similarity = np.abs(np.sum(first.apply(public) * second.apply(changed), axis=1))
    products = first.apply(public) @ first.apply(public).T - second.apply(changed) @ second.apply(changed).T
    assert similarity.shape == (60,)
    assert np.abs(products).max() < 1e-3


@pytest.mark.parametrize("artworks", [2, 3, 7])
def test_fewer_artworks_than_dimensions_give_fewer_dimensions(artworks):
    public = correlated(artworks, 15)
    whitening = Whitening.fit(public, pooled_size=5, dimensions=12)
    assert whitening.dimensions == artworks - 1
    unit = whitening.apply(correlated(4, 15, seed=1))
    assert unit.shape == (4, artworks - 1)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("artworks", [0, 1])
def test_too_few_public_artworks_are_refused(artworks):
    with pytest.raises(InputError, match=f"at least two public artworks, got {artworks}; declare more"):
        Whitening.fit(np.zeros((artworks, 5), np.float32), pooled_size=1, dimensions=3)


def test_public_artworks_that_are_all_the_same_are_refused():
    with pytest.raises(InputError, match="look the same"):
        Whitening.fit(np.ones((4, 5), np.float32), pooled_size=1, dimensions=3)


def test_a_feature_that_never_varies_is_harmless():
    public = correlated(50, 6)
    public[:, 2] = 3.0
    whitening = Whitening.fit(public, pooled_size=1, dimensions=4)
    assert np.isfinite(whitening.projection).all()
    assert np.isfinite(whitening.apply(public)).all()


@pytest.mark.parametrize(("center", "projection"), [((4,), (5, 2)), ((5, 1), (5, 2)), ((5,), (5,)), ((5,), (5, 2, 1))])
def test_center_and_projection_must_fit(center, projection):
    with pytest.raises(InputError, match="center"):
        Whitening(center=np.zeros(center, np.float32), projection=np.zeros(projection, np.float32))


def test_every_leading_shape_is_kept():
    whitening = Whitening.fit(correlated(30, 6), pooled_size=1, dimensions=4)
    raw = correlated(6, 6, seed=2)
    np.testing.assert_allclose(whitening.apply(raw.reshape(2, 3, 6)).reshape(6, 4), whitening.apply(raw), atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_to_unit_gives_length_1_in_the_same_direction(seed, size):
    vectors = (size * np.random.default_rng(seed).normal(size=(3, 2, 5))).astype(np.float32)
    unit = to_unit(vectors)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sum(unit * vectors, axis=-1), np.linalg.norm(vectors, axis=-1), rtol=1e-4)


def test_a_zero_vector_stays_zero():
    assert not to_unit(np.zeros((2, 3), np.float32)).any()


POOLED = 2


def within(portfolios, **sizes):
    return Whitening.fit_space(Space.WITHIN, portfolios, **({"pooled_size": POOLED, "dimensions": 30} | sizes))


@pytest.mark.parametrize("features", [10, 80])
def test_what_varies_within_artists_is_made_small_and_the_rest_is_kept(features):
    """Written out, with a matrix of all statistics; few artworks or many."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(features, features))
    portfolios = [
        ((rng.normal(size=features) + 0.5 * rng.normal(size=(6, features))) @ mixed).astype(np.float32)
        for _ in range(5)
    ]
    statistics = features - POOLED
    rows = np.concatenate(portfolios).astype(np.float64)[:, :statistics]
    standard = [(each[:, :statistics] - rows.mean(0)) / (rows.std(0) + 1e-6) for each in portfolios]
    residuals = np.concatenate([each - each.mean(0) for each in standard])
    covariance = residuals.T @ residuals / (len(rows) - 5)
    values, vectors = np.linalg.eigh(covariance + RIDGE * np.trace(covariance) / statistics * np.eye(statistics))
    whitened = np.concatenate(standard) @ (vectors / np.sqrt(values)) @ vectors.T
    expected = to_unit(whitened) @ to_unit(whitened).T

    found = within(portfolios, dimensions=features).apply(np.concatenate(portfolios))
    np.testing.assert_allclose(found @ found.T, expected, atol=2e-3)


@pytest.mark.parametrize("portfolios", [[np.ones((3, 5))], [np.ones((1, 5)), np.zeros((1, 5))]])
def test_artists_within_whom_nothing_varies_are_refused(portfolios):
    with pytest.raises(InputError, match="look the same"):
        within([each.astype(np.float32) for each in portfolios])


@pytest.mark.parametrize("space", list(Space))
def test_one_artwork_more_elsewhere_changes_no_embedding_once_a_space_is_fitted(space):
    """Spaces are public: rows of a release stay of length 1 at most, whatever features an adversary makes (CLP-1)."""
    whitening = Whitening.fit_space(space, [correlated(9, 12, seed=n) for n in range(3)], pooled_size=2, dimensions=9)
    for size in (0.0, 1e-30, 1.0, 1e15):
        rows = whitening.apply((size * correlated(4, 12, seed=7)).astype(np.float32))
        assert (np.linalg.norm(rows, axis=1) <= 1 + 1e-5).all()


def test_a_space_within_artists_that_is_cut_is_the_one_of_fewer_dimensions():
    rng = np.random.default_rng(0)
    portfolios = [rng.normal(size=30) + rng.normal(size=(12, 30)).astype(np.float32) for _ in range(6)]
    wide, narrow = (Whitening.fit_within(portfolios, pooled_size=4, dimensions=each) for each in (20, 7))
    assert wide.cut(7).digest == narrow.digest
    assert narrow.cut(99).digest == narrow.digest
