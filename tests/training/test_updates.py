"""Layouts and contributions: what they refuse, and that cutting undoes laying side by side."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support


def segment(name="head", *, length=4, support=Support.COHORT, clip_norm=2.0, share=1.0) -> Segment:
    return Segment(name=name, length=length, support=support, clip_norm=clip_norm, share=share)


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 0},
        {"length": -1},
        {"clip_norm": 0.0},
        {"clip_norm": -1.0},
        {"clip_norm": math.nan},
        {"share": 0.0},
        {"share": -0.5},
        {"share": 1.01},
        {"share": math.nan},
    ],
)
def test_an_impossible_segment_is_refused_by_name(changes):
    with pytest.raises(InputError, match="segment 'head' needs"):
        segment(**changes)


def test_a_segment_without_support_cannot_be_built():
    """UPD-1."""
    with pytest.raises(TypeError, match="support"):
        Segment(name="head", length=4, clip_norm=1.0, share=1.0)


def test_support_of_a_cohort_is_everyone_and_of_an_artist_is_one():
    assert [Support.COHORT.size(cohort) for cohort in (2, 9)] == [2, 9]
    assert [Support.ARTIST.size(cohort) for cohort in (2, 9)] == [1, 1]


@pytest.mark.parametrize(
    "segments",
    [
        (),
        (segment(share=0.5), segment(share=0.5)),
        (segment(share=0.5),),
        (segment(share=0.5), segment("moments", share=0.6)),
    ],
)
def test_a_layout_without_names_or_with_wrong_shares_is_refused(segments):
    with pytest.raises(InputError, match=r"a layout needs|sum to 1"):
        Layout(segments)


def test_three_thirds_are_a_whole():
    assert Layout(tuple(segment(name, share=1 / 3) for name in "abc")).length == 12


@pytest.mark.parametrize("shape", [(3,), (5,), (4, 1), ()])
def test_an_aggregate_of_another_length_is_not_cut(shape):
    with pytest.raises(InputError, match="4 coordinates"):
        Layout((segment(),)).split(np.zeros(shape))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_split_undoes_join_up_to_the_clipped_units(lengths, seed):
    """A sum of rows, scaled as clipping scales a row that is short enough, comes back in the tensors' own units."""
    rng = np.random.default_rng(seed)
    segments = tuple(
        segment(f"t{i}", length=length, clip_norm=float(rng.uniform(0.1, 9)), share=1 / len(lengths))
        for i, length in enumerate(lengths)
    )
    tensors = {s.name: rng.normal(size=(3, s.length)).astype(np.float32) for s in segments}
    joined = Contributions.join(tensors, segments)
    assert joined.rows.shape == (3, sum(lengths))
    units = np.concatenate([np.full(s.length, math.sqrt(s.share) / s.clip_norm) for s in segments])
    split = joined.layout.split(joined.rows.astype(np.float64).sum(0) * units)
    assert list(split) == [s.name for s in segments]
    for name, tensor in split.items():
        np.testing.assert_allclose(tensor, tensors[name].astype(np.float64).sum(0), rtol=1e-5, atol=1e-5)


def test_join_flattens_a_matrix_and_keeps_the_order_of_the_segments():
    tensors = {"b": np.arange(8, dtype=np.float32).reshape(2, 2, 2), "a": -np.ones((2, 3), np.float32)}
    segments = [segment("a", length=3, share=0.5), segment("b", share=0.5)]
    rows = Contributions.join(tensors, segments).rows
    np.testing.assert_array_equal(rows, [[-1, -1, -1, 0, 1, 2, 3], [-1, -1, -1, 4, 5, 6, 7]])
    assert Contributions.join(tensors, segments[::-1]).layout.segments[0].name == "b"


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 3), np.float32), np.zeros((2, 5), np.float32), np.zeros(4, np.float32), np.zeros((2, 4))],
)
def test_rows_that_do_not_fit_the_layout_are_refused(rows):
    with pytest.raises(InputError, match=r"float32 \[artworks, 4\], got"):
        Contributions(rows, Layout((segment(),)))
