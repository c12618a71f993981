"""CLP-1 to CLP-3: influence is bounded exactly, whatever the rows hold."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from opacus.optimizers import DPPerLayerOptimizer

from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.clipping import FRACTION_BITS, MAX_ARTWORKS, ClippedUpdate, Unit, clip
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

LAYOUT = Layout(
    (
        Segment(name="head", length=7, support=Support.COHORT, clip_norm=0.5, share=0.7),
        Segment(name="moments", length=4, support=Support.COHORT, clip_norm=20.0, share=0.3),
    )
)
NUMBERS = [0.0, 1e-40, -1e-3, 0.499, 0.5, -0.5001, 1.0, 19.9, -1e4, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan]


def exact_norm_squared(values: NDArray[np.float64]) -> int:
    """Squared L2 norm in units of 2^-60, in Python's integers: no rounding."""
    return sum(int(value) ** 2 for value in np.ldexp(values, FRACTION_BITS))


def clipped(rows: NDArray[np.float32], unit: Unit, layout: Layout = LAYOUT) -> ClippedUpdate:
    return clip(Contributions(np.atleast_2d(rows), layout), unit, max_artworks=1000)


def adversarial_rows() -> st.SearchStrategy[NDArray[np.float32]]:
    """Near duplicates of one row, then outliers, huge rows and numbers that are not finite."""

    def build(base: list[float], copies: int, others: list[list[float]]) -> NDArray[np.float32]:
        near = [np.multiply(base, 1 + 1e-7 * index) for index in range(copies)]
        return np.array([*near, *others], dtype=np.float64).astype(np.float32).reshape(-1, LAYOUT.length)

    row = st.lists(st.sampled_from(NUMBERS), min_size=LAYOUT.length, max_size=LAYOUT.length)
    finite = st.lists(st.sampled_from(NUMBERS[:9]), min_size=LAYOUT.length, max_size=LAYOUT.length)
    return st.builds(build, finite, st.integers(0, 6), st.lists(row, max_size=4))


@settings(deadline=None)
@given(rows=adversarial_rows(), extra=st.lists(st.sampled_from(NUMBERS), min_size=11, max_size=11))
def test_one_more_artwork_moves_the_sum_by_at_most_one(rows: NDArray[np.float32], extra: list[float]) -> None:
    without = clipped(rows, Unit.ARTWORK).values
    with_it = clipped(np.vstack([rows, np.array([extra], dtype=np.float32)]), Unit.ARTWORK).values
    assert exact_norm_squared(with_it - without) <= 1 << (2 * FRACTION_BITS)


@settings(deadline=None)
@given(rows=adversarial_rows())
def test_all_artworks_of_an_artist_move_the_sum_by_at_most_one(rows: NDArray[np.float32]) -> None:
    assert exact_norm_squared(clipped(rows, Unit.ARTIST).values) <= 1 << (2 * FRACTION_BITS)


def test_the_bound_is_met_but_never_passed_on_many_long_rows() -> None:
    layout = Layout((Segment(name="head", length=5000, support=Support.COHORT, clip_norm=0.3, share=1.0),))
    rows = np.random.default_rng(0).normal(size=(20, 5000)).astype(np.float32)
    for row in [*rows, *np.abs(rows), *-np.abs(rows)]:
        norm_squared = exact_norm_squared(clipped(row, Unit.ARTWORK, layout).values) / 2.0 ** (2 * FRACTION_BITS)
        assert 1 - 1e-5 < norm_squared <= 1


def test_a_margin_covers_the_rounding_of_the_norm() -> None:
    layout = Layout((Segment(name="head", length=1, support=Support.COHORT, clip_norm=1.0, share=1.0),))
    for value in (1.0, -3.4e38):
        update = clipped(np.array([value], dtype=np.float32), Unit.ARTWORK, layout)
        assert abs(int(np.ldexp(update.values[0], FRACTION_BITS))) == 2**FRACTION_BITS - 1


def test_near_duplicates_and_an_outlier_move_the_sum_like_any_other_row() -> None:
    rows = np.tile(np.linspace(-1, 1, 11, dtype=np.float32), (64, 1))
    rows[-1] *= -1e6
    everything = clipped(rows, Unit.ARTWORK).values
    for index in (0, 63):
        moved = everything - clipped(np.delete(rows, index, axis=0), Unit.ARTWORK).values
        assert np.linalg.norm(moved) <= 1


def test_short_rows_pass_unchanged_and_long_ones_keep_their_direction() -> None:
    short = np.full(11, 0.01, dtype=np.float32)
    parts = LAYOUT.split(clipped(short, Unit.ARTWORK).values)
    np.testing.assert_allclose(np.concatenate(list(parts.values())), short, atol=1e-7)
    parts = LAYOUT.split(clipped(1e5 * short, Unit.ARTWORK).values)
    np.testing.assert_allclose(parts["head"], 0.5 / np.sqrt(7), rtol=1e-6)
    np.testing.assert_allclose(parts["moments"], 20.0 / np.sqrt(4), rtol=1e-6)


def test_a_huge_segment_does_not_push_the_other_one_out() -> None:
    row = np.full(11, 0.01, dtype=np.float32)
    row[:7] = 1e30
    np.testing.assert_allclose(LAYOUT.split(clipped(row, Unit.ARTWORK).values)["moments"], 0.01, atol=1e-6)


def test_sums_on_the_grid_do_not_depend_on_the_order_of_rows() -> None:
    rows = np.random.default_rng(1).normal(size=(300, 11)).astype(np.float32)
    forward, backward = clipped(rows, Unit.ARTWORK).values, clipped(rows[::-1].copy(), Unit.ARTWORK).values
    np.testing.assert_array_equal(forward, backward)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_count_as_zero_and_are_counted(unit: Unit, poison: float) -> None:
    rows = np.random.default_rng(2).normal(size=(5, 11)).astype(np.float32)
    poisoned = rows.copy()
    poisoned[[1, 3], 4] = poison
    update = clipped(poisoned, unit)
    assert update.dropped_rows == 2
    np.testing.assert_array_equal(update.values, clipped(rows[[0, 2, 4]], unit).values)


@pytest.mark.parametrize("unit", Unit)
def test_no_rows_and_only_bad_rows_give_zero(unit: Unit) -> None:
    assert not clipped(np.zeros((0, 11), dtype=np.float32), unit).values.any()
    assert not clipped(np.full((2, 11), np.nan, dtype=np.float32), unit).values.any()


def test_the_unit_decides_what_is_clipped() -> None:
    rows = np.ones((9, 11), dtype=np.float32)
    assert np.linalg.norm(clipped(rows, Unit.ARTWORK).values) > 3
    assert np.linalg.norm(clipped(rows, Unit.ARTIST).values) <= 1


@pytest.mark.parametrize("scale", [1e-3, 0.05, 1.0, 1e3])
def test_opacus_clips_to_the_same_sum(make_contributions: Callable[..., Contributions], scale: float) -> None:
    """Its optimizer for clip norms by layer, each layer in units of which sqrt(share) is the norm."""
    contributions, parameters, end = make_contributions(30, scale=scale), [], 0
    for segment in contributions.layout.segments:
        part = contributions.rows[:, end : end + segment.length] * (np.sqrt(segment.share) / segment.clip_norm)
        parameter = torch.nn.Parameter(torch.zeros(segment.length))
        parameter.grad_sample = torch.from_numpy(part.astype(np.float32))  # type: ignore[attr-defined]
        parameters.append(parameter)
        end += segment.length
    optimizer = DPPerLayerOptimizer(
        torch.optim.SGD(parameters, lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=[float(np.sqrt(segment.share)) for segment in contributions.layout.segments],
        expected_batch_size=1,
        loss_reduction="sum",
    )
    optimizer.pre_step()
    theirs = np.concatenate([parameter.grad.numpy() for parameter in parameters])
    ours = clipped(contributions.rows, Unit.ARTWORK, contributions.layout).values
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1.0, float(np.abs(ours).max())))


def test_contributions_are_left_as_they_were(make_contributions: Callable[..., Contributions]) -> None:
    contributions = make_contributions()
    before = contributions.rows.copy()
    clip(contributions, Unit.ARTWORK, max_artworks=20)
    np.testing.assert_array_equal(contributions.rows, before)


def test_more_artworks_than_the_public_bound_are_refused(make_contributions: Callable[..., Contributions]) -> None:
    with pytest.raises(InputError, match="20 artworks exceed the public bound of 19"):
        clip(make_contributions(20), Unit.ARTIST, max_artworks=19)
    for bound in (0, MAX_ARTWORKS + 1):
        with pytest.raises(InputError, match="max_artworks"):
            clip(make_contributions(0), Unit.ARTIST, max_artworks=bound)
