"""QNT-1 to QNT-3: exact integers, a coupling that keeps neighbors close, and clamps before noise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.clipping import FRACTION_BITS, Unit, clip
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.quantization import dequantize, quantize, to_grid
from fedstyle_secure.privacy.rotation import rotate
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

RandomBytes = Callable[[int], bytes]
MakeMechanism = Callable[..., Mechanism]
MakeContributions = Callable[..., Contributions]


def on_grid(values: np.ndarray) -> np.ndarray:
    """Truncate to the multiples of 2^-30 that clipping makes."""
    return np.trunc(values * 2**FRACTION_BITS) / 2**FRACTION_BITS


def exact_image(values: np.ndarray, mechanism: Mechanism) -> np.ndarray:
    """What rounding rounds, in units of 2^-shift grid units: int64 [dimension]."""
    return mechanism.gain * rotate(np.ldexp(values, FRACTION_BITS).astype(np.int64), mechanism.rotation_seed)


def test_an_update_comes_back_to_within_the_grid(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    mechanism = make_mechanism()
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    quantized = quantize(clipped, mechanism, random)
    assert quantized.values.dtype == np.int64
    assert quantized.values.shape == (mechanism.dimension,)
    error = dequantize(quantized.values, mechanism) - clipped.values
    assert np.linalg.norm(error) <= math.sqrt(mechanism.dimension) / mechanism.scale
    assert np.abs(error).max() > 0


def test_rounding_is_unbiased(make_mechanism: MakeMechanism, random: RandomBytes) -> None:
    mechanism, repeats = make_mechanism(), 3000
    values = on_grid(np.random.default_rng(3).normal(size=100) / 20)
    exact = exact_image(values, mechanism) / 2.0**mechanism.shift
    mean = np.mean([to_grid(values, mechanism, random) for _ in range(repeats)], axis=0)
    assert np.abs(mean - exact).max() < 5 * 0.5 / math.sqrt(repeats)
    fraction = exact % 1
    assert fraction.min() < 0.1
    assert fraction.max() > 0.9


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), dither=st.integers(0, 2**32), size=st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
def test_two_sums_with_one_dither_differ_by_a_rounding_of_their_difference(
    make_mechanism: MakeMechanism, seed: int, dither: int, size: float
) -> None:
    mechanism = make_mechanism()
    generator = np.random.default_rng(seed)
    base, row = on_grid(size * generator.normal(size=100)), on_grid(generator.normal(size=100) / 12)
    same = np.random.default_rng(dither).bytes(8 * mechanism.dimension)
    moved = to_grid(base + row, mechanism, lambda _: same) - to_grid(base, mechanism, lambda _: same)
    exact = exact_image(row, mechanism) / 2.0**mechanism.shift
    clamped = np.abs(to_grid(base, mechanism, lambda _: same)) > 0.9 * mechanism.clamp
    assert np.all((np.floor(exact) <= moved) & (moved <= np.ceil(exact)) | clamped)
    assert np.linalg.norm(moved) <= mechanism.scale * np.linalg.norm(row) + math.sqrt(mechanism.dimension)


def test_neighbors_stay_within_the_sensitivity_over_ten_thousand_dithers(
    make_mechanism: MakeMechanism, random: RandomBytes
) -> None:
    mechanism = make_mechanism()
    generator = np.random.default_rng(5)
    base = on_grid(generator.normal(size=100))
    row = generator.normal(size=100)
    row = on_grid(row / np.linalg.norm(row))
    norms = []
    for _ in range(10_000):
        same = random(8 * mechanism.dimension)
        moved = to_grid(base + row, mechanism, lambda _, same=same: same)
        moved -= to_grid(base, mechanism, lambda _, same=same: same)
        norms.append(np.linalg.norm(moved))
    assert max(norms) <= mechanism.sensitivity
    assert np.mean(norms) > 0.99 * mechanism.scale  # the bound is not loose: rows at the clip norm use it up


def test_the_sensitivity_covers_rounding_on_the_coarsest_grid(
    make_mechanism: MakeMechanism, random: RandomBytes
) -> None:
    """Where rounding dominates: a row of norm 1 on a grid whose scale is about sqrt(d)."""
    fine = make_mechanism()
    coarse = Mechanism(
        **{name: getattr(fine, name) for name in Mechanism.__dataclass_fields__} | {"shift": fine.shift + 7}
    )
    assert coarse.scale < 1.5 * math.sqrt(coarse.dimension)
    assert coarse.sensitivity > 1.3 * coarse.scale
    row = on_grid(np.full(100, 0.0999))
    worst = 0.0
    for _ in range(2000):
        same = random(8 * coarse.dimension)
        moved = to_grid(row, coarse, lambda _, same=same: same) - to_grid(0 * row, coarse, lambda _, same=same: same)
        worst = max(worst, float(np.linalg.norm(moved)))
    assert coarse.scale < worst <= coarse.sensitivity


def test_a_sum_that_is_too_concentrated_is_clamped_not_wrapped(
    make_mechanism: MakeMechanism, random: RandomBytes
) -> None:
    mechanism = make_mechanism()
    signs = np.array([rotate(unit, mechanism.rotation_seed)[0] for unit in np.eye(128, dtype=np.int64)])
    values = to_grid(on_grid(5.0 * signs[:100]), mechanism, random)  # all of it on the first rotated coordinate
    assert np.abs(values).max() == values[0] == mechanism.clamp
    values = to_grid(on_grid(50.0 * np.eye(1, 100)[0]), mechanism, random)
    assert np.abs(values).max() < 0.2 * mechanism.clamp


def test_each_update_gets_its_own_dither(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    clipped, mechanism = clip(make_contributions(), Unit.ARTWORK, max_artworks=50), make_mechanism()
    first, second = (quantize(clipped, mechanism, random).values for _ in range(2))
    assert np.abs(first - second).max() == 1
    with pytest.raises(PrivacyError, match="random source"):
        quantize(clipped, mechanism, lambda _: bytes(8))


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.NONE])
def test_an_update_clipped_for_another_release_is_refused(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes, mode: Mode
) -> None:
    settings = {"mode": mode, "noise_multiplier": 0.0 if mode is Mode.NONE else 1.0}
    per_artist = make_mechanism(unit=Unit.ARTIST, **settings)
    with pytest.raises(PrivacyError, match="per artwork"):
        quantize(clip(make_contributions(), Unit.ARTWORK, max_artworks=50), per_artist, random)
    with pytest.raises(PrivacyError, match="51 artworks"):
        quantize(clip(make_contributions(), Unit.ARTWORK, max_artworks=51), make_mechanism(**settings), random)
    other = Layout((Segment(name="head", length=100, support=Support.COHORT, clip_norm=9.0, share=1.0),))
    with pytest.raises(PrivacyError, match="another release"):
        quantize(
            clip(make_contributions(), Unit.ARTWORK, max_artworks=50), make_mechanism(layout=other, **settings), random
        )


def test_an_aggregate_of_another_shape_type_or_size_is_refused(make_mechanism: MakeMechanism) -> None:
    mechanism = make_mechanism()
    zeros = np.zeros(mechanism.dimension, dtype=np.int64)
    for wrong in (
        zeros[1:],
        zeros.astype(np.float64),
        zeros + mechanism.max_abs_sum + 1,
        zeros - mechanism.max_abs_sum - 1,
    ):
        with pytest.raises(InputError, match="aggregate"):
            dequantize(wrong, mechanism)
