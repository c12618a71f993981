"""Rankings, their ties, RNK-1 (ranks only) and NEI-1 (numpy and faiss agree)."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.search import OwnerView, SearchResult, search
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.catalogue.strangers import handicaps
from fedstyle_secure.errors import InputError

# faiss' own binding warns on some Python versions.
pytestmark = pytest.mark.filterwarnings("ignore:builtin type.*:DeprecationWarning")

NEEDS_FAISS = 'pip install "fedstyle-secure[large-catalogue]"'


def names(results):
    return [[found.artist for found in answers] for answers in results]


def test_the_artist_whose_signature_is_asked_with_comes_first(index, space, signatures):
    queries = np.stack([space.projection @ signature.vector for signature in signatures])
    results = search(index, queries, 3)
    assert [answers[0].artist for answers in results] == [signature.artist for signature in signatures]
    assert {tuple(found.rank for found in answers) for answers in results} == {(1, 2, 3)}


def test_one_embedding_is_one_query(index, space):
    query = space.projection[:, 0]
    assert search(index, query, 2) == search(index, query[None], 2)


def test_no_query_has_no_answer(index, space):
    assert search(index, np.zeros((0, space.embedding_size), dtype=np.float32), 2) == []


def test_more_answers_than_artists_gives_all_artists(index, space):
    (answers,) = search(index, space.projection[:, 0], 10_000)
    assert sorted(found.artist for found in answers) == list(index.artists)


@pytest.mark.parametrize("top", [0, -1])
def test_less_than_one_answer_is_refused(index, space, top):
    with pytest.raises(InputError, match="at least one"):
        search(index, space.projection[:, 0], top)


def test_an_empty_catalogue_is_refused(space):
    with pytest.raises(InputError, match="empty"):
        search(StyleIndex(space, []), space.projection[:, 0], 1)


def test_queries_that_are_no_rows_of_embeddings_are_refused(index, space):
    for shape in ((), (space.embedding_size + 1,), (1, 1, space.embedding_size)):
        with pytest.raises(InputError):
            search(index, np.zeros(shape, dtype=np.float32), 1)


def test_a_buyer_sees_ranks_and_nothing_else(index, space):
    (answers,) = search(index, space.projection[:, 0], 1)
    assert SearchResult.__slots__ == ("rank", "artist")
    assert type(answers[0]) is SearchResult
    assert not any(isinstance(getattr(answers[0], name), float) for name in SearchResult.__slots__)


def test_exact_scores_give_a_signature_away_and_ranks_do_not(index, space, signatures):
    """RNK-1, both sides: why scores are only for the owner."""
    stranger = signatures[5]
    queries = np.ascontiguousarray(space.projection.T)  # d independent questions
    scores = [
        next(found.score for found in answers if found.artist == stranger.artist)
        for answers in OwnerView(index).search(queries, len(index))
    ]
    assert np.allclose(scores, stranger.vector, atol=1e-6)

    ranks = [
        next(found.rank for found in answers if found.artist == stranger.artist)
        for answers in search(index, queries, len(index))
    ]
    guess = -np.array(ranks, dtype=float) + np.mean(ranks)
    assert guess @ stranger.vector / np.linalg.norm(guess) < 0.99


def test_the_owner_gets_the_same_ranking_with_cosines(index, space, rng):
    queries = rng.normal(size=(4, space.embedding_size)).astype(np.float32)
    owned = OwnerView(index).search(queries, 6)
    assert names(owned) == names(search(index, queries, 6))
    for answers, point in zip(owned, space.apply(queries), strict=True):
        assert [found.score for found in answers] == sorted((found.score for found in answers), reverse=True)
        assert answers[0].score == pytest.approx(float((index.vectors @ point).max()), abs=1e-6)


def test_equal_styles_come_in_the_order_of_names(space, signatures):
    twins = [Signature(name, signatures[0].vector) for name in ("zoe", "adam", "mia")]
    index = StyleIndex(space, [*signatures[1:], *twins])
    (answers,) = search(index, space.projection @ signatures[0].vector, 3)
    assert [found.artist for found in answers] == ["adam", "mia", "zoe"]


@settings(max_examples=60, deadline=None)
@given(
    rows=arrays.arrays(np.int8, st.tuples(st.integers(1, 40), st.just(5)), elements=st.integers(-1, 1)),
    point=arrays.arrays(np.int8, 5, elements=st.integers(-2, 2)),
    top=st.integers(1, 45),
    met=st.integers(0, 40),
)
def test_numpy_and_faiss_give_the_same_ranking_ties_included(rows, point, top, met):
    """NEI-1, on vectors with few different coordinates, so that most scores are tied."""
    pytest.importorskip("faiss")
    vectors = rows.astype(np.float32)
    vectors[~vectors.any(axis=1), 0] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    space = SignatureSpace(np.eye(5, dtype=np.float32))
    signatures = [Signature(f"{number:02d}", row) for number, row in enumerate(vectors)]
    query = point.astype(np.float32)

    exact = OwnerView(StyleIndex(space, signatures, strangers=vectors[:met])).search(query, top)
    assert OwnerView(StyleIndex(space, signatures, strangers=vectors[:met], exact_limit=0)).search(query, top) == exact

    scores = (vectors.astype(np.float64) * space.apply(query)).sum(axis=1) - handicaps(vectors, vectors[:met])
    expected = sorted(range(len(vectors)), key=lambda row: (-scores[row], row))[:top]
    assert names(exact) == [[f"{row:02d}" for row in expected]]


def test_numpy_and_faiss_agree_where_float32_cannot_tell_vectors_apart(rng):
    """NEI-1: thousands of long, nearly equal vectors; without the margin the two round differently."""
    pytest.importorskip("faiss")
    center = rng.normal(size=128)
    vectors = center / np.linalg.norm(center) + 1e-7 * rng.normal(size=(3000, 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    space = SignatureSpace(np.eye(128, dtype=np.float32))
    signatures = [Signature(f"{number:04d}", row) for number, row in enumerate(vectors)]
    queries = (center + 0.3 * rng.normal(size=(5, 128))).astype(np.float32)

    exact = OwnerView(StyleIndex(space, signatures)).search(queries, 10)
    assert OwnerView(StyleIndex(space, signatures, exact_limit=2999)).search(queries, 10) == exact
    scores = (vectors.astype(np.float64)[None] * space.apply(queries)[:, None]).sum(axis=2)
    best = [[f"{row:04d}" for row in np.lexsort((np.arange(3000), -row_scores))[:10]] for row_scores in scores]
    assert names(exact) == best


def test_faiss_is_asked_for_only_beyond_the_limit(space, signatures, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)  # as if not installed
    query = space.projection[:, 0]
    search(StyleIndex(space, signatures, exact_limit=len(signatures)), query, 1)
    large = StyleIndex(space, signatures, exact_limit=len(signatures) - 1)
    with pytest.raises(InputError) as refusal:
        search(large, query, 1)
    assert NEEDS_FAISS in str(refusal.value)


def test_many_queries_are_answered_like_single_ones(index, space, rng, monkeypatch):
    queries = rng.normal(size=(9, space.embedding_size)).astype(np.float32)
    single = [search(index, query, 4)[0] for query in queries]
    monkeypatch.setattr("fedstyle_secure.catalogue.neighbors._BLOCK", 2 * len(index))
    assert search(index, queries, 4) == single
