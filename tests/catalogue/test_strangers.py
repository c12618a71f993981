"""Handicaps: what everybody comes near to is named less often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.search import OwnerView, search
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.catalogue.strangers import MOST, choose_strangers, handicaps


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def test_a_handicap_is_half_of_how_near_the_nearest_twentieth_comes() -> None:
    rng = np.random.default_rng(0)
    vectors, strangers = unit(rng.normal(size=(7, 5))), unit(rng.normal(size=(100, 5)))
    nearest = np.sort(vectors @ strangers.T, axis=1)[:, -5:]
    np.testing.assert_allclose(handicaps(vectors, strangers), nearest.mean(axis=1) / 2, rtol=1e-6)


def test_without_strangers_nobody_has_a_handicap() -> None:
    assert not handicaps(np.eye(3, dtype=np.float32), np.zeros((0, 3), np.float32)).any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 40))
def test_equal_signatures_have_equal_handicaps_wherever_they_stand(seed: int, count: int, met: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, strangers = unit(rng.normal(size=(count, 33))), unit(rng.normal(size=(met, 33)))
    twice = np.concatenate([vectors, vectors[::-1]])
    found = handicaps(twice, strangers)
    assert np.array_equal(found[:count], found[: count - 1 : -1])


@pytest.mark.parametrize("count", [0, 1, MOST, MOST + 1, 5 * MOST])
def test_few_strangers_are_kept_of_all_artists(count: int) -> None:
    works = np.arange(count, dtype=np.float32)[:, None]
    kept = choose_strangers(works)
    assert len(kept) == min(count, MOST)
    assert count == 0 or {float(works[0, 0]), float(works[-1, 0])} <= set(kept[:, 0].tolist())
    assert (np.diff(kept[:, 0]) <= count / MOST + 1).all()


def test_a_signature_that_everybody_comes_near_to_is_named_less_often() -> None:
    """Eight signatures are drowned in noise and one, in the middle of all hands, is not: it is named for everybody."""
    rng = np.random.default_rng(1)
    middle, styles = rng.normal(size=16), rng.normal(size=(9, 16))
    works = middle + styles[:, None] + 0.5 * rng.normal(size=(9, 40, 16))
    drowned = middle + styles[1:] + 1.2 * rng.normal(size=(8, 16))
    space = SignatureSpace(np.eye(16, dtype=np.float32))
    signatures = [Signature(str(n), unit(row)) for n, row in enumerate([middle, *drowned])]
    strangers = unit(middle + rng.normal(size=(200, 16)))
    queries = works[1:].reshape(-1, 16).astype(np.float32)
    plain, fair = (
        [answers[0].artist for answers in search(index, queries, 1)]
        for index in (StyleIndex(space, signatures), StyleIndex(space, signatures, strangers=strangers))
    )
    truth = [str(number) for number in range(1, 9) for _ in range(40)]
    assert fair.count("0") < plain.count("0") / 2
    assert sum(map(str.__eq__, fair, truth)) > sum(map(str.__eq__, plain, truth))
    scored = OwnerView(StyleIndex(space, signatures, strangers=strangers)).search(queries[0], 9)[0]
    held = dict(zip("012345678", handicaps(np.stack([each.vector for each in signatures]), strangers), strict=True))
    for found in scored:
        cosine = float(unit(queries[0]).astype(np.float64) @ signatures[int(found.artist)].vector)
        assert found.score == pytest.approx(cosine - held[found.artist], abs=1e-6)
