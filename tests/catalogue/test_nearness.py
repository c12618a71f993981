"""Words for how near the nearest is."""

import numpy as np
import pytest

from fedstyle_secure.catalogue.nearness import NEARNESS_FILE, Nearness, Word
from fedstyle_secure.errors import InputError

LEARNED = Nearness({1: (0.2, 0.5), 3: (0.4, 0.7)})


@pytest.mark.parametrize(
    ("cosine", "pictures", "word"),
    [
        (0.1, 1, Word.NOBODY),
        (0.2, 1, Word.OPEN),
        (0.5, 1, Word.NEAR),
        (0.5, 2, Word.NEAR),
        (0.5, 3, Word.OPEN),
        (0.3, 9, Word.NOBODY),
    ],
)
def test_a_word_follows_from_the_cosine_and_the_number_of_pictures(cosine, pictures, word):
    assert LEARNED.word(cosine, pictures) is word


def test_nothing_is_said_of_what_was_not_learned(tmp_path):
    assert Nearness({3: (0.1, 0.2)}).word(1.0, 1) is None
    assert Nearness.load(tmp_path).word(1.0, 5) is None


def test_what_is_written_is_read(tmp_path):
    (tmp_path / NEARNESS_FILE).write_bytes(LEARNED.encode())
    assert Nearness.load(tmp_path) == LEARNED


@pytest.mark.parametrize("pair", [(0.5, 0.2), (-2.0, 0.0), (0.0, 1.5), (float("nan"), 0.5)])
def test_bounds_out_of_order_are_refused(pair):
    with pytest.raises(InputError, match="in their order"):
        Nearness({1: pair})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "other", "bounds": {}}',
        b'{"format": "fedstyle-nearness-1", "bounds": {"1": [1]}}',
        b'{"format": "fedstyle-nearness-1", "bounds": {"x": [0, 1]}}',
        b'{"format": "fedstyle-nearness-1", "bounds": {"1": [9, 1]}}',
        b'{"format": "fedstyle-nearness-1", "bounds": ' + b"[" * 9000,
    ],
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / NEARNESS_FILE).write_bytes(content)
    with pytest.raises(InputError, match=NEARNESS_FILE):
        Nearness.load(tmp_path)


def test_words_tell_less_than_scores():
    """Three answers, whatever is asked: no question gets a number out of them."""
    said = {LEARNED.word(float(cosine), 1) for cosine in np.linspace(-1, 1, 1000)}
    assert said == set(Word)
