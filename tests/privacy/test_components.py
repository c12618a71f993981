"""What an audit of one release cannot see: coins, noise across time, coordinates and artists, influence of one artwork.

Tests of noise and coins draw from the operating system's generator, so each can fail by chance. Each compares its
statistic with quantiles of the law it has when all is well, at `FALSE_ALARM` for both sides and all statistics of the
test together (Bonferroni); where that law is an approximation, a comment says how far it can be off. What a test
notices is in the comment above it.
"""

import math
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from fedstyle_secure.aggregation.summing import _open
from fedstyle_secure.privacy.clipping import FRACTION_BITS, Unit, clip
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.noise import add_noise_share
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize, quantize
from fedstyle_secure.privacy.sampling import sample
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.objective import per_artwork_gradients
from fedstyle_secure.training.tensors import head_segment
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support, one_by_one

FALSE_ALARM = 1e-7
"""Of each test below; approximations at most triple it, so that it stays under one in a million."""

MakeMechanism = Callable[..., Mechanism]
Floats = NDArray[np.float64]


def flat(length: int, clip_norm: float = 1.0) -> Layout:
    return Layout((Segment(name="head", length=length, support=Support.COHORT, clip_norm=clip_norm, share=1.0),))


# Coins: which artworks take part in a sampled release

RATE, ARTWORKS, RELEASES = 0.05, 200, 2000


def squared_deviation_bounds(trials: int, rate: float, repeats: int, false_alarm: float) -> tuple[int, int]:
    """Quantiles of the sum of (k - trials rate)^2 over `repeats` binomial counts k: its exact law, by convolution.

    The mean must be a whole number. What the finite table leaves out weighs less than 1e-20, rounding about 1e-11.
    """
    table, mean, counts = 1 << 18, round(trials * rate), np.arange(trials + 1)
    squares = (counts - mean) ** 2
    inside = squares < table
    law = np.bincount(squares[inside], stats.binom.pmf(counts, trials, rate)[inside], minlength=table)
    below = np.cumsum(np.fft.irfft(np.fft.rfft(law) ** repeats, table))
    low, high = np.searchsorted(below, [false_alarm / 2, 1 - false_alarm / 2])
    return int(low), int(high)


@pytest.fixture(scope="module")
def taken() -> NDArray[np.bool_]:
    """Who took part when: [releases, artworks]."""
    numbered = Contributions(np.arange(ARTWORKS, dtype=np.float32)[:, None], flat(1))
    found = np.zeros((RELEASES, ARTWORKS), dtype=np.bool_)
    for release in found:
        release[sample(numbered, RATE, os.urandom).rows[:, 0].astype(int)] = True
    return found


# Notices a rate 6 % off: 20,000 are taken, give or take 138.
def test_artworks_take_part_at_the_rate_that_is_accounted_for(taken: NDArray[np.bool_]) -> None:
    low, high = stats.binom.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], taken.size, RATE)
    assert low <= taken.sum() <= high


# Notices batches of fixed size (no dispersion), a coin for two artworks (twice as much), a rate 20 % off.
def test_the_number_of_artworks_is_as_spread_out_as_a_binomial(make_mechanism: MakeMechanism) -> None:
    """By way of `protect`, where nothing is protected and the sum therefore shows how many artworks were taken."""
    mechanism = make_mechanism(
        mode=Mode.NONE, noise_multiplier=0.0, layout=flat(1), max_artworks=ARTWORKS, sampling_rate=RATE
    )
    portfolio = Contributions(np.ones((ARTWORKS, 1), dtype=np.float32), mechanism.layout)
    sums = [dequantize(protect(portfolio, mechanism, os.urandom).values, mechanism)[0] for _ in range(RELEASES)]
    counts = np.rint(sums)
    assert np.abs(sums - counts).max() < 0.01
    low, high = squared_deviation_bounds(ARTWORKS, RATE, RELEASES, FALSE_ALARM)
    assert low <= ((counts - ARTWORKS * RATE) ** 2).sum() <= high


# Notices an artwork that is always or never taken, and coins that depend on the place in the portfolio.
def test_every_artwork_takes_part_equally_often(taken: NDArray[np.bool_]) -> None:
    low, high = squared_deviation_bounds(RELEASES, RATE, ARTWORKS, FALSE_ALARM)
    assert low <= ((taken.sum(axis=0) - RELEASES * RATE) ** 2).sum() <= high


# Notices one choice for two releases: their overlap would be 10,000 and not 500, give or take 22.
def test_two_releases_choose_independently(taken: NDArray[np.bool_]) -> None:
    low, high = stats.binom.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], taken.size // 2, RATE**2)
    assert low <= (taken[0::2] & taken[1::2]).sum() <= high


# Noise: as wide as planned in every coordinate, and new every time

all_laws = pytest.mark.parametrize(
    ("mode", "noise"), [(mode, noise) for mode in (Mode.DISTRIBUTED, Mode.LOCAL) for noise in Noise]
)


def silent(mechanism: Mechanism) -> Contributions:
    """Of an artist who owns nothing: what leaves is noise alone, without any rounding."""
    return Contributions(np.zeros((0, mechanism.length), dtype=np.float32), mechanism.layout)


def uploads_of_noise(mechanism: Mechanism, count: int) -> Iterator[Floats]:
    """Noise alone, as it goes into the sum, in units of its planned standard deviation: float64 [dimension] each."""
    nothing = silent(mechanism)
    quantized = quantize(clip(nothing, mechanism.unit, max_artworks=mechanism.max_artworks), mechanism, os.urandom)
    for _ in range(count):
        yield add_noise_share(quantized, os.urandom).values / mechanism.sigma_share


def square_bounds(degrees: int, noise: Noise, mechanism: Mechanism, tests: int) -> Floats:
    """Quantiles of a sum of squares of so many standardized values, at FALSE_ALARM / tests.

    A discrete Gaussian of this width has the moments of a continuous one to 60 digits. A Skellam variable's square has
    variance 2 + 1 / sigma^2 instead of 2, by which the deviations are stretched.
    """
    extra = 1 / (2 * mechanism.sigma_share**2) if noise is Noise.SKELLAM else 0.0
    quantiles = stats.chi2.ppf([FALSE_ALARM / tests / 2, 1 - FALSE_ALARM / tests / 2], degrees)
    return degrees + (quantiles - degrees) * math.sqrt(1 + extra)


# Notices 2 % less variance everywhere, or a quarter less in one of 128 coordinates, the 28 of the padding included.
@all_laws
def test_every_coordinate_of_an_upload_carries_the_planned_variance(
    make_mechanism: MakeMechanism, mode: Mode, noise: Noise
) -> None:
    mechanism, count = make_mechanism(mode=mode, noise=noise), 2000
    assert (mechanism.length, mechanism.dimension) == (100, 128)
    squares = sum(upload**2 for upload in uploads_of_noise(mechanism, count))
    low, high = square_bounds(count, noise, mechanism, tests=2 * mechanism.dimension)
    assert low <= squares.min()
    assert squares.max() <= high
    low, high = square_bounds(count * mechanism.dimension, noise, mechanism, tests=2)
    assert low <= squares.sum() <= high


# Notices 4 % less variance in the head, 10 % in the moments, and wrong units in what the server is told of the noise.
@all_laws
@pytest.mark.parametrize("survivors", [8, 10])
def test_an_aggregate_carries_the_noise_that_the_server_is_told(
    make_mechanism: MakeMechanism, mode: Mode, noise: Noise, survivors: int
) -> None:
    mechanism, count = make_mechanism(mode=mode, noise=noise), 200
    squares = {segment.name: np.zeros(segment.length) for segment in mechanism.layout.segments}
    nothing = silent(mechanism)
    for _ in range(count):
        total = sum(protect(nothing, mechanism, os.urandom).values for _ in range(survivors))
        aggregate = _open(total, survivors, mechanism)
        for name, tensor in aggregate.tensors.items():
            squares[name] += (tensor / aggregate.noise[name]) ** 2
    for found in squares.values():
        low, high = square_bounds(count * len(found), noise, mechanism, tests=4)
        assert low <= found.sum()
        assert found.sum() <= high
        low, high = square_bounds(count, noise, mechanism, tests=4 * len(found))
        assert low <= found.min()
        assert found.max() <= high


# Notices the same noise in another release, coordinate or artist (512 standard deviations), or 2 % of it; by squares,
# the same noise with other signs. Threshold 7.1 for the 2^18 correlations that are looked at. Sums of so many products
# are normal: at the threshold, third and fourth moments change a tail by 0.3 %, and of squares by a factor of 2.5.
@all_laws
def test_no_noise_comes_back_in_another_coordinate_release_or_artist(
    make_mechanism: MakeMechanism, mode: Mode, noise: Noise
) -> None:
    """Every lag at once: 1 is the next coordinate, 4096 the next release, 65,536 the next artist."""
    artists, releases = 4, 16
    mechanism = make_mechanism(mode=mode, noise=noise, layout=flat(4096))
    values = np.concatenate([next(uploads_of_noise(mechanism, 1)) for _ in range(artists * releases)])
    threshold = stats.norm.isf(FALSE_ALARM / 2 / len(values))
    for series in (values, (values**2 - 1) / math.sqrt(2)):
        spectrum = np.abs(np.fft.rfft(series)) ** 2
        products = np.fft.irfft(spectrum, len(series))[1 : len(series) // 2]
        assert np.abs(products).max() / math.sqrt(len(series)) < threshold


# Influence: removing one artwork from batches made to hurt, from features to the clipped sum

D, H, VIEWS = 24, 6, 4
CODEBOOK, CODEWORD = Codebook.from_seed(b"components", dimensions=H), 3
LAYOUT = Layout((head_segment(D, H, 1.0),))
HEAD = np.random.default_rng(0).normal(size=(H, D)).astype(np.float32)
Gradients = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""From head [h, d] and inputs [artworks, K, d] to rows [rows, h, d]."""


def ours(head: NDArray[np.float32], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return one_by_one(lambda views: per_artwork_gradients(head, views, CODEWORD, CODEBOOK), inputs)


def in_batch(losses: Callable[[Tensor], Tensor]) -> Gradients:
    """Rows of a loss in which every artwork stands in every other artwork's loss."""

    def gradients(head: NDArray[np.float32], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        weight = torch.from_numpy(head.copy()).requires_grad_()
        of_artworks = losses(F.normalize(torch.from_numpy(inputs) @ weight.T, dim=-1))
        each = torch.eye(len(of_artworks))
        (rows,) = torch.autograd.grad(of_artworks, weight, each, is_grads_batched=True)
        return rows.numpy()

    return gradients


def log_softmax_of_others(embeddings: Tensor) -> Tensor:
    """[artworks * K, artworks * K] at temperature 0.1, the diagonal left out."""
    rows = embeddings.flatten(0, 1)
    return (rows @ rows.T / 0.1).fill_diagonal_(-torch.inf).log_softmax(1)


def sup_con(embeddings: Tensor) -> Tensor:
    """Khosla et al. 2020, with one artist a client: all others are positives."""
    logs = log_softmax_of_others(embeddings)
    others = logs.masked_fill(torch.eye(len(logs), dtype=torch.bool), 0.0)
    return -others.sum(1).view(embeddings.shape[:2]).mean(1) / (len(logs) - 1)


def sim_clr(embeddings: Tensor) -> Tensor:
    """Chen et al. 2020, for K views: an artwork's own views are positives."""
    artworks, views, _ = embeddings.shape
    logs = log_softmax_of_others(embeddings).view(artworks, views, artworks, views)
    own = torch.diagonal(logs, dim1=0, dim2=2)  # [views, views, artworks]
    positives = own.masked_fill(torch.eye(views, dtype=torch.bool)[:, :, None], 0.0)
    return -positives.sum((0, 1)) / (views * (views - 1))


def views_apart(head: NDArray[np.float32], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The right loss, but each view is a row that is clipped by itself."""
    return ours(head, inputs.reshape(-1, 1, inputs.shape[2])) / np.float32(inputs.shape[1])


def unit(rows: Floats) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def clipped_sum(rows: NDArray[np.float32]) -> Floats:
    contributions = Contributions.join({"head": rows}, LAYOUT.segments)
    return clip(contributions, Unit.ARTWORK, max_artworks=1000).values


def influence(gradients: Gradients, head: NDArray[np.float32], inputs: NDArray[np.float32], artwork: int) -> float:
    """How far the clipped sum moves when one artwork is removed and everything is computed anew."""
    with_it, without = (clipped_sum(gradients(head, each)) for each in (inputs, np.delete(inputs, artwork, axis=0)))
    return float(np.linalg.norm(with_it - without))


def near_duplicates_and_an_outlier(artworks: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    middle, away = unit(rng.normal(size=(2, D)))
    inputs = middle + 0.003 * (rng.normal(size=(artworks, 1, D)) + rng.normal(size=(artworks, VIEWS, D)))
    inputs[-1] = middle + 0.5 * away + 0.003 * rng.normal(size=(VIEWS, D))
    return unit(inputs)


# Of 100 seeds, the median is 64 for SupCon and 52 for SimCLR, where 1 is promised.
@pytest.mark.parametrize("seed", range(3))
def test_one_of_64_near_duplicates_moves_our_sum_by_one_and_that_of_an_in_batch_loss_by_many(seed: int) -> None:
    inputs, head = near_duplicates_and_an_outlier(64, seed), 0.01 * HEAD
    for artwork in (0, 31, 63):
        assert 0.999 < influence(ours, head, inputs, artwork) <= 1
    for losses, seen in ((sup_con, 50), (sim_clr, 10)):
        assert influence(in_batch(losses), head, inputs, 63) > seen


def test_views_clipped_apart_move_the_sum_once_for_each_view() -> None:
    inputs, head = near_duplicates_and_an_outlier(64, 0), 0.01 * HEAD
    for artwork in (0, 63):
        assert influence(views_apart, head, inputs, artwork) > 3.9


KINDS: dict[str, Callable[[Floats], Floats]] = {
    "near duplicate": lambda views: views,
    "opposite": np.negative,
    "outlier": lambda views: np.roll(views, 1, axis=-1),
    "huge": lambda views: 1e30 * views,
    "tiny": lambda views: 1e-30 * views,
    "zero": np.zeros_like,
    "one view is zero": lambda views: np.concatenate([0 * views[:1], views[1:]]),
    "not a number": lambda views: np.where(np.arange(D) == 5, np.nan, views),
    "one view is infinite": lambda views: np.concatenate([np.full((1, D), np.inf), views[1:]]),
}


@settings(deadline=None, max_examples=60)
@example(kinds=["near duplicate"] * 20 + ["opposite"] * 20 + ["outlier", "huge"], seed=0, scale=1e-30, data_share=0.0)
@given(
    kinds=st.lists(st.sampled_from(list(KINDS)), min_size=2, max_size=24),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e3]),
    data_share=st.floats(0, 1),
)
def test_one_artwork_of_any_batch_moves_the_sum_by_at_most_one(
    kinds: list[str], seed: int, scale: float, data_share: float
) -> None:
    """CLP-1 for the rows of real gradients, in integers, all computed anew without the one that is left out."""
    rng = np.random.default_rng(seed)
    views = unit(rng.normal(size=D)) + 0.003 * rng.normal(size=(len(kinds), VIEWS, D))
    with np.errstate(invalid="ignore"):
        inputs = np.stack([KINDS[kind](each) for kind, each in zip(kinds, views, strict=True)]).astype(np.float32)
    head = (scale * HEAD).astype(np.float32)
    left_out = int(data_share * (len(kinds) - 1))
    moved = clipped_sum(ours(head, inputs)) - clipped_sum(ours(head, np.delete(inputs, left_out, axis=0)))
    assert sum(int(value) ** 2 for value in np.ldexp(moved, FRACTION_BITS)) <= 1 << (2 * FRACTION_BITS)
