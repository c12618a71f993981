"""INV-1 and INV-2 for discrete Gaussians: the sampler is the law it says, to within a bound that is computed here."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.discrete_gaussian import DiscreteGaussian
from fedstyle_secure.privacy.inversion import SIGMA_MAX, SIGMA_MIN, cumulative

RandomBytes = Callable[[int], bytes]


def exact_weights(sigma: float, largest: int) -> list[Decimal]:
    """exp(-x^2 / (2 sigma^2)), each on its own, to 120 digits; to be called inside `localcontext`."""
    variance = Decimal(sigma) ** 2
    return [(-Decimal(x * x) / (2 * variance)).exp() for x in range(largest + 1)]


@pytest.mark.parametrize("sigma", [4.0, 7.3, 61.7])
def test_the_table_is_within_its_stated_distance_of_the_ideal(sigma: float) -> None:
    largest, far = DiscreteGaussian.largest(sigma), 2 * DiscreteGaussian.largest(sigma)
    steps = [Fraction(value, 2**192) for value in cumulative(DiscreteGaussian, sigma)] + [Fraction(1)]
    table = [after - before for before, after in zip([Fraction(0), *steps], steps, strict=False)]
    with localcontext() as context:
        context.prec = 120
        weights = exact_weights(sigma, far)
        total = 2 * sum(weights) - weights[0]
        ideal = [weights[abs(x)] / total for x in range(-largest, largest + 1)]
        tails = 2 * sum(weights[largest + 1 :]) / total
        inside = sum(abs(Decimal(p.numerator) / Decimal(p.denominator) - q) for p, q in zip(table, ideal, strict=True))
        assert tails < Decimal(2) ** -128
        assert (inside + tails) / 2 < Decimal(DiscreteGaussian.DISTANCE)


@pytest.mark.parametrize("sigma", [SIGMA_MIN, 1000.0])
def test_samples_have_the_right_frequencies_and_variance(sigma: float, random: RandomBytes) -> None:
    count = 400_000
    samples = DiscreteGaussian(sigma).sample(count, random)
    assert samples.dtype == np.int64
    assert abs(samples.mean()) < 5 * sigma / math.sqrt(count)
    assert abs(samples.var() / sigma**2 - 1) < 5 * math.sqrt(2 / count)
    edges = np.unique(np.round(sigma * np.array([-4, -3, -2.5, -2, -1.5, -1, -0.5, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4])))
    grid = np.arange(-10 * sigma, 10 * sigma + 1)
    probabilities = np.exp(-(grid**2) / (2 * sigma**2))
    cells = np.searchsorted(edges, grid, side="right")
    expected = np.bincount(cells, probabilities / probabilities.sum()) * count
    observed = np.bincount(np.searchsorted(edges, samples, side="right"), minlength=len(expected))
    assert stats.chisquare(observed, expected * (observed.sum() / expected.sum())).pvalue > 1e-4


def test_every_single_value_of_a_narrow_distribution_is_as_frequent_as_it_should(random: RandomBytes) -> None:
    count = 300_000
    values = DiscreteGaussian(4.0).sample(count, random)
    weights = np.exp(-(np.arange(-60, 61) ** 2) / 32.0)
    expected = weights / weights.sum() * count
    observed = np.bincount(values + 60, minlength=121)
    often = expected > 20
    assert np.all(np.abs(observed - expected)[often] < 5 * np.sqrt(expected[often]))
    assert observed[~often].sum() < expected[~often].sum() + 5 * math.sqrt(expected[~often].sum())


def scripted(*words: bytes) -> RandomBytes:
    """A source that returns these bytes and refuses to be asked for more."""
    left = list(words)
    return lambda _: left.pop(0)


def test_words_at_a_step_of_the_table_are_decided_by_further_bits() -> None:
    sampler, exact = DiscreteGaussian(5.0), cumulative(DiscreteGaussian, 5.0)
    step = exact[sampler.support]  # P(X <= 0)
    word, extra = (step >> 128).to_bytes(8, "little"), step & (2**128 - 1)
    below = (extra - 1).to_bytes(16, "little")
    at = extra.to_bytes(16, "little")
    assert sampler.sample(1, scripted(word, below)).tolist() == [0]
    assert sampler.sample(1, scripted(word, at)).tolist() == [1]


def test_extreme_words_give_the_ends_of_the_support() -> None:
    sampler = DiscreteGaussian(5.0)
    assert sampler.sample(1, scripted(bytes(8), bytes(16))).tolist() == [-sampler.support]
    ones = b"\xff" * 8, b"\xff" * 16
    assert sampler.sample(1, scripted(*ones)).tolist() == [sampler.support]


def test_each_sample_takes_its_own_word(random: RandomBytes) -> None:
    sampler = DiscreteGaussian(50.0)
    samples = sampler.sample(20_000, random).astype(float)
    assert abs(np.corrcoef(samples[:-1], samples[1:])[0, 1]) < 5 / math.sqrt(len(samples))
    assert not np.array_equal(sampler.sample(100, random), sampler.sample(100, random))


def test_a_source_that_runs_short_is_refused() -> None:
    with pytest.raises(PrivacyError, match="8 bytes where 800 were asked for"):
        DiscreteGaussian(5.0).sample(100, lambda _: bytes(8))


@pytest.mark.parametrize("sigma", [0.0, 3.99, SIGMA_MAX * 1.01, math.inf, math.nan])
def test_scales_it_cannot_sample_are_refused(sigma: float) -> None:
    with pytest.raises(InputError, match="noise scale"):
        DiscreteGaussian(sigma)


def test_sums_of_the_narrowest_shares_are_as_good_as_one_discrete_gaussian() -> None:
    """tau d of Kairouz, Liu, Steinke 2021 for 1000 shares and a million coordinates."""
    tau = 10 * math.fsum(math.exp(-2 * math.pi**2 * SIGMA_MIN**2 * k / (k + 1)) for k in range(1, 1000))
    assert tau * 2**20 < 2.0**-64
