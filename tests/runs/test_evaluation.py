"""Scores against a second way to count them, and against a case counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError
from fedstyle_secure.runs.evaluation import RetrievalScores, prototypes, rank, score


def count_scores(rankings: list[list[int]], truth: list[int]) -> RetrievalScores:
    """Query by query, as the definitions read."""
    places = [ranking.index(own) + 1 for ranking, own in zip(rankings, truth, strict=True)]
    f1 = []
    for artist in sorted(set(truth)):
        pairs = [(ranking[0] == artist, own == artist) for ranking, own in zip(rankings, truth, strict=True)]
        hits, answered, owned = pairs.count((True, True)), sum(a for a, _ in pairs), sum(o for _, o in pairs)
        precision, recall = (hits / answered if answered else 0.0), hits / owned
        f1.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return RetrievalScores(
        accuracy_at_1=sum(place == 1 for place in places) / len(places),
        recall_at_5=sum(place <= 5 for place in places) / len(places),
        mrr=sum(1 / place for place in places) / len(places),
        macro_f1=sum(f1) / len(f1),
        chance=1 / len(rankings[0]),
    )


@given(
    st.integers(1, 9).flatmap(
        lambda n: st.lists(st.tuples(st.permutations(range(n)), st.integers(0, n - 1)), min_size=1)
    )
)
def test_scores_are_what_their_definitions_say(queries: list[tuple[list[int], int]]) -> None:
    rankings, truth = [list(ranking) for ranking, _ in queries], [own for _, own in queries]
    found = score(np.array(rankings), truth).as_dict()
    assert found == pytest.approx(count_scores(rankings, truth).as_dict())
    assert all(0 <= value <= 1 for value in found.values())


def test_a_case_counted_by_hand() -> None:
    rankings = np.array([[0, 1, 2, 3, 4, 5], [1, 0, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0], [1, 0, 2, 3, 4, 5]])
    scores = score(rankings, [0, 0, 0, 1])
    assert scores.accuracy_at_1 == 2 / 4
    assert scores.recall_at_5 == 3 / 4
    assert scores.mrr == pytest.approx((1 + 1 / 2 + 1 / 6 + 1) / 4)
    assert scores.macro_f1 == pytest.approx((2 * 1 / (1 + 3) + 2 * 1 / (3 + 1)) / 2)
    assert scores.chance == 1 / 6


def test_no_query_is_no_score() -> None:
    with pytest.raises(InputError, match="no held-out artwork"):
        score(np.zeros((0, 3), dtype=np.intp), [])


def test_the_nearest_prototype_comes_first_and_ties_keep_their_order() -> None:
    embeddings = {"a": np.array([[1, 0], [1, 0]]), "b": np.array([[0, 1], [0, 3]]), "c": np.array([[2, 0]])}
    targets = prototypes({name: rows.astype(np.float32) for name, rows in embeddings.items()})
    assert np.allclose(np.linalg.norm(targets, axis=1), 1)
    queries = np.array([[0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    assert rank(queries, targets).tolist() == [[0, 2, 1], [1, 0, 2]]
