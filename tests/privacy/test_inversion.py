"""INV-1 and INV-3 for both laws: right out to the last tail, and the same work whatever the update.

Expected frequencies come from weights of another make than the sampler's: each from its definition, to 120 digits.
"""

import math
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from functools import cache
from itertools import accumulate
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fedstyle_secure import privacy
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.privacy.discrete_gaussian import DiscreteGaussian
from fedstyle_secure.privacy.inversion import TableSampler
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.noise import add_noise_share
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import quantize
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.privacy.skellam import Skellam
from fedstyle_secure.training.updates import Contributions

RandomBytes = Callable[[int], bytes]
Law = type[TableSampler]
both_laws = pytest.mark.parametrize("law", [DiscreteGaussian, Skellam])


def weight_of_gaussian(sigma: float, x: int) -> Decimal:
    return (-Decimal(x * x) / (2 * Decimal(sigma) ** 2)).exp()


def weight_of_skellam(sigma: float, x: int) -> Decimal:
    """I_x(s) by its power series, s = sigma^2: sum over m of (s / 2)^(2 m + x) / (m! (m + x)!)."""
    half = Decimal(sigma) ** 2 / 2
    term = half**x / math.factorial(x)
    total, m = Decimal(0), 0
    while term > total * Decimal("1e-110"):
        total, m = total + term, m + 1
        term *= half * half / (m * (m + x))
    return total


@cache
def exact_cumulative(law: Law, sigma: float) -> tuple[list[Decimal], int]:
    """P(X <= x) for x = -far .. far, and far, beyond which next to nothing is left."""
    weight = weight_of_gaussian if law is DiscreteGaussian else weight_of_skellam
    far = law.largest(sigma) + 20
    with localcontext() as context:
        context.prec = 120
        weights = [weight(sigma, x) for x in range(far + 1)]
        total = 2 * sum(weights) - weights[0]
        return list(accumulate(value / total for value in weights[:0:-1] + weights)), far


def expected_in_left_tail(law: Law, sigma: float, bits: int) -> NDArray[np.float64]:
    """Chance of each x from -far on, given that the sampler's uniform number lies below 2^-bits."""
    cumulative, _ = exact_cumulative(law, sigma)
    with localcontext() as context:
        context.prec = 120
        inside = [min(value * 2**bits, Decimal(1)) for value in cumulative]
        return np.array([float(high - low) for low, high in zip([Decimal(0), *inside], inside, strict=False)])


def in_tail(random: RandomBytes, bits: int, *, right: bool) -> RandomBytes:
    """A source whose words all begin with `bits` zeros, or ones; where that is a whole word, the next bits are free."""

    def source(size: int) -> bytes:
        if bits == 64 and size == 16:
            return random(size)
        words = np.frombuffer(random(size), dtype="<u8") >> np.uint64(min(bits, 63))
        words = np.zeros_like(words) if bits == 64 else words
        return (~words if right else words).tobytes()

    return source


def chi_square(observed: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """P value over cells in which at least 5 are expected: values far out are put together until they are enough."""
    cells, cell, filled = np.zeros(len(expected), dtype=np.int64), 0, 0.0
    for index, value in enumerate(expected):
        if filled >= 5 and expected[index:].sum() >= 5:
            cell, filled = cell + 1, 0.0
        cells[index], filled = cell, filled + value
    assert cell >= 2
    counted = (np.bincount(cells, weights) for weights in (observed, expected))
    found, wanted = counted
    return float(stats.chisquare(found, wanted * (found.sum() / wanted.sum())).pvalue)


# Of 64 leading bits, none, 16, 40 or all are given: the middle, and tails from 4.2 to 9.3 standard deviations on.
@both_laws
@pytest.mark.parametrize("sigma", [4.0, 27.5])
@pytest.mark.parametrize("bits", [0, 16, 40, 64])
@pytest.mark.parametrize("right", [False, True])
def test_every_tail_has_exactly_the_weights_of_the_law(
    law: Law, sigma: float, bits: int, right: bool, random: RandomBytes
) -> None:
    sampler, count = law(sigma), 30_000 if bits == 64 else 400_000
    samples = sampler.sample(count, in_tail(random, bits, right=right))
    samples = -samples if right else samples
    far = exact_cumulative(law, sigma)[1]
    expected = count * expected_in_left_tail(law, sigma, bits)
    observed = np.bincount(samples + far, minlength=2 * far + 1)
    assert expected.sum() == pytest.approx(count, rel=1e-12)
    assert not observed[expected == 0].any()
    assert chi_square(observed, expected) > 1e-4


# The same work whatever the update: what can be seen from Python. Inside one call numpy may still branch on values; its
# comparisons, clips and sums do the same arithmetic for every element, and no claim is made below that level.


@both_laws
def test_a_sample_takes_eight_bytes_whatever_it_becomes(law: Law) -> None:
    for words in (b"\x01", b"\x7f", b"\x80", b"\xfe"):
        requests: list[int] = []
        law(9.0).sample(1000, recorded(lambda size, words=words: words * size, requests))
        assert requests == [8000]


def recorded(random: RandomBytes, requests: list[int]) -> RandomBytes:
    def source(size: int) -> bytes:
        requests.append(size)
        return random(size)

    return source


def portfolios(make_contributions: Callable[..., Contributions]) -> Iterator[Contributions]:
    """Twenty artworks each: nothing, ordinary, one spike, far over every clip norm, all alike, no numbers at all."""
    nothing, ordinary = make_contributions(scale=0.0), make_contributions()
    spike, broken = np.zeros_like(ordinary.rows), ordinary.rows.copy()
    spike[3, 7], broken[::3, 5], broken[1, 0] = 1e-30, np.nan, -np.inf
    yield nothing
    yield ordinary
    yield make_contributions(scale=1e30, seed=1)
    yield Contributions(np.ones_like(ordinary.rows), ordinary.layout)
    yield Contributions(spike, ordinary.layout)
    yield Contributions(broken, ordinary.layout)


def steps(work: Callable[[], object]) -> list[tuple[str, int]]:
    """The lines of the privacy package that run, in their order."""
    folder, seen = str(Path(privacy.__file__).parent), []

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            seen.append((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return seen


CHOICES = [
    {"mode": Mode.DISTRIBUTED},
    {"mode": Mode.DISTRIBUTED, "noise": Noise.SKELLAM},
    {"mode": Mode.DISTRIBUTED, "unit": Unit.ARTIST},
    {"mode": Mode.DISTRIBUTED, "sampling_rate": 0.3},
    {"mode": Mode.LOCAL},
    {"mode": Mode.LOCAL, "noise": Noise.SKELLAM},
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "-".join(map(str, choice.values())))
def test_the_same_lines_run_and_the_same_bytes_are_asked_for_whatever_the_artworks(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], choice: dict
) -> None:
    mechanism, found = make_mechanism(**choice), []
    for portfolio in [next(portfolios(make_contributions)), *portfolios(make_contributions)]:
        requests: list[int] = []
        source = recorded(np.random.default_rng(5).bytes, requests)
        found.append((steps(lambda: protect(portfolio, mechanism, source)), requests))  # noqa: B023  (called at once)
    _, first, *others = found  # the very first computes tables that the others find
    assert len(first[0]) > 50
    for other in others:
        assert other == first


@pytest.mark.parametrize("noise", Noise)
def test_the_noise_is_the_same_whatever_the_update(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], noise: Noise
) -> None:
    """Of the same random bytes; not cut where the update has reached its clamp."""
    mechanism, found = make_mechanism(noise=noise), []
    flattened = Contributions(1e6 * np.ones((50, 100), dtype=np.float32), mechanism.layout)
    for portfolio in [flattened, *portfolios(make_contributions)]:
        quantized = quantize(clip(portfolio, Unit.ARTWORK, max_artworks=50), mechanism, np.random.default_rng(6).bytes)
        found.append(add_noise_share(quantized, np.random.default_rng(7).bytes).values - quantized.values)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
