"""A buyer's questions are counted, and answers are short."""

import numpy as np
import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.metered import MeteredSearch
from fedstyle_secure.catalogue.search import search
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.errors import InputError

D = 6


@pytest.fixture
def meter() -> MeteredSearch:
    rows = np.eye(D, dtype=np.float32)
    index = StyleIndex(SignatureSpace(rows), [Signature(f"artist {number}", row) for number, row in enumerate(rows)])
    return MeteredSearch(index=index, questions=5, top=3)


def questions(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, D)).astype(np.float32)


def test_within_its_limits_a_buyer_gets_the_answers_of_any_search(meter: MeteredSearch) -> None:
    assert meter.search(questions(4), 3) == search(meter.index, questions(4), 3)
    assert meter.search(questions(4)[0], 2) == search(meter.index, questions(4)[0], 2)
    assert meter.asked == 5


def test_a_question_beyond_the_limit_gets_no_answer(meter: MeteredSearch) -> None:
    meter.search(questions(4), 1)
    with pytest.raises(InputError, match=r"^1 of 5 questions are left, not 2: ask for fewer$"):
        meter.search(questions(2), 1)
    meter.search(questions(1), 1)
    with pytest.raises(InputError, match=r"^0 of 5 questions are left, not 1"):
        meter.search(questions(1), 1)


def test_an_answer_with_too_many_names_is_refused_and_not_counted(meter: MeteredSearch) -> None:
    with pytest.raises(InputError, match=r"^an answer names at most 3 artists, not 4: ask for fewer$"):
        meter.search(questions(1), 4)
    assert meter.asked == 0


def test_a_question_is_counted_before_it_is_answered(meter: MeteredSearch) -> None:
    """Whatever happens then, it was asked."""
    with pytest.raises(InputError, match="embeddings of 6 numbers"):
        meter.search(np.zeros((2, D + 1), dtype=np.float32), 1)
    assert meter.asked == 2
