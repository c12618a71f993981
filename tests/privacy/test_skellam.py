"""Skellam noise: the table is the law, shares add up to the same law, and its Renyi divergences are what is claimed.

The law here is exp(-s) I_x(s), s = sigma^2, with I summed from its power series to 120 digits.
"""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from fedstyle_secure.privacy.inversion import FIXED_BITS, SIGMA_MAX, SIGMA_MIN, TableSampler, cumulative
from fedstyle_secure.privacy.skellam import Skellam

SIGMAS = [SIGMA_MIN, 7.3, 20.0]


def bessel(x: int, s: Decimal) -> Decimal:
    """I_x(s): sum over m of (s / 2)^(2 m + x) / (m! (m + x)!), all terms positive."""
    term = (s / 2) ** x / math.factorial(x)
    total, m = Decimal(0), 0
    while term > total * Decimal("1e-115"):
        total, m = total + term, m + 1
        term *= (s / 2) ** 2 / (m * (m + x))
    return total


@cache
def probabilities(sigma: float, farthest: int) -> list[Decimal]:
    """P(0), P(1), .. P(farthest), to 110 digits or more."""
    with localcontext() as context:
        context.prec = 120
        s = Decimal(sigma) ** 2
        return [(-s).exp() * bessel(x, s) for x in range(farthest + 1)]


def test_the_series_is_the_difference_of_two_poisson_variables() -> None:
    sigma, reach = SIGMA_MIN, 200
    poisson = [Decimal(-8).exp() * 8**k / math.factorial(k) for k in range(2 * reach)]
    for x in (0, 1, 5, 30):
        direct = sum(poisson[k] * poisson[k + x] for k in range(reach))
        assert float(direct / probabilities(sigma, 30)[x]) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_every_weight_is_as_exact_as_it_says(sigma: float) -> None:
    weights = Skellam.weights(sigma)
    exact = probabilities(sigma, len(weights) - 1)
    assert len(weights) == Skellam.largest(sigma) + 1
    with localcontext() as context:
        context.prec = 120
        errors = [abs(Decimal(found) / 2**FIXED_BITS - p / exact[0]) for found, p in zip(weights, exact, strict=True)]
        assert max(errors) < Decimal(2) ** -210


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_table_is_within_its_stated_distance_of_the_ideal(sigma: float) -> None:
    largest, far = Skellam.largest(sigma), Skellam.largest(sigma) + 200
    steps = [Fraction(value, 2**192) for value in cumulative(Skellam, sigma)] + [Fraction(1)]
    table = [after - before for before, after in zip([Fraction(0), *steps], steps, strict=False)]
    exact = probabilities(sigma, far)
    with localcontext() as context:
        context.prec = 120
        assert abs(2 * sum(exact) - exact[0] - 1) < Decimal("1e-100")
        tails = 2 * sum(exact[largest + 1 :])
        inside = sum(
            abs(Decimal(p.numerator) / Decimal(p.denominator) - exact[abs(x)])
            for p, x in zip(table, range(-largest, largest + 1), strict=True)
        )
        assert tails < Decimal(2) ** -128
        assert (inside + tails) / 2 < Decimal(TableSampler.DISTANCE)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_table_has_the_moments_of_the_law(sigma: float) -> None:
    """Mean 0, variance s, fourth moment 3 s^2 + s: of the table itself, in fractions, not of samples."""
    largest = Skellam.largest(sigma)
    steps = [Fraction(value, 2**192) for value in cumulative(Skellam, sigma)] + [Fraction(1)]
    table = [after - before for before, after in zip([Fraction(0), *steps], steps, strict=False)]
    first, second, fourth = (
        sum(p * x**power for p, x in zip(table, range(-largest, largest + 1), strict=True)) for power in (1, 2, 4)
    )
    s = Fraction(sigma) ** 2
    assert abs(first) < Fraction(1, 2**110)
    assert abs(second - s) < Fraction(1, 2**105)
    assert abs(fourth - (3 * s**2 + s)) < Fraction(1, 2**90)


@pytest.mark.parametrize("sigma", [*SIGMAS, 1000.0, SIGMA_MAX])
def test_the_support_covers_the_tails_and_not_much_more(sigma: float) -> None:
    largest = Skellam.largest(sigma)
    assert 13 * sigma < largest < 17 * sigma
    if sigma in SIGMAS:
        shorter = probabilities(sigma, largest + 200)[int(0.95 * largest) :]
        assert 2 * sum(shorter) > Decimal(2) ** -128


def test_shares_add_up_to_the_same_law() -> None:
    """What a discrete Gaussian does only nearly: two shares of variance 18 are one Skellam variable of variance 36."""
    share = [float(p) for p in probabilities(math.sqrt(18), 120)]
    both = np.convolve([*share[:0:-1], *share], [*share[:0:-1], *share])
    whole = np.diff([0.0, *(value / 2**192 for value in cumulative(Skellam, 6.0)), 1.0])
    middle, largest = len(both) // 2, Skellam.largest(6.0)
    np.testing.assert_allclose(both[middle - largest : middle + largest + 1], whole, atol=1e-15)


def test_samples_have_the_variance_and_the_heavier_tails(random: Callable[[int], bytes]) -> None:
    """At s = 16 a fourth moment is 784, and a Gaussian's 768; its estimate spreads by 7.8 over so many samples."""
    samples = Skellam(4.0).sample(1_000_000, random).astype(float)
    assert abs(samples.mean()) < 5 * 4 / 1000
    assert samples.var() == pytest.approx(16, abs=5 * math.sqrt(784 - 256) / 1000)
    assert np.abs(samples).max() <= Skellam.largest(4.0)


# Renyi divergences, which are all that a Skellam release is accounted by


def bound(order: int, squared: float, absolute: float, variance: float) -> float:
    """Agarwal, Kairouz, Liu 2021, Theorem 3.5, its tighter part: for integer orders."""
    return order * squared / (2 * variance) + ((2 * order - 1) * squared + 6 * absolute) / (4 * variance**2)


def divergence(order: int, shift: int, sigma: float) -> float:
    """Exact Renyi divergence of X + shift from X: log of sum P(x - shift)^order P(x)^(1 - order), over (order - 1)."""
    reach = Skellam.largest(sigma) + 3 * order * shift
    p = probabilities(sigma, reach + shift)
    with localcontext() as context:
        context.prec = 60
        terms = [p[abs(x - shift)] * (p[abs(x - shift)] / p[abs(x)]) ** (order - 1) for x in range(-reach, reach + 1)]
        assert max(terms[0], terms[-1]) < max(terms) * Decimal("1e-15")
        return float(sum(terms).ln()) / (order - 1)


@pytest.mark.parametrize("sigma", [4.0, 11.0])
@pytest.mark.parametrize("shift", [1, 2, 5])
def test_no_divergence_of_a_shifted_law_exceeds_the_bound(sigma: float, shift: int) -> None:
    """In one dimension; for vectors of integers, divergences and bound both add up over coordinates."""
    for order in (2, 3, 4, 8, 16, 32):
        exact, gaussian = divergence(order, shift, sigma), order * shift**2 / (2 * sigma**2)
        assert exact <= bound(order, shift**2, shift, sigma**2)
        if order * shift <= sigma**2 / 8:
            assert exact == pytest.approx(gaussian, rel=0.01)
