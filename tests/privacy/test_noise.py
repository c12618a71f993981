"""NOI-1 and NOI-2: the noise is there, it is enough for the honest survivors, and nothing leaves without it."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.noise import add_noise_share, without_noise
from fedstyle_secure.privacy.quantization import QuantizedUpdate, dequantize, quantize
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

RandomBytes = Callable[[int], bytes]
WIDE = Layout((Segment(name="head", length=16384, support=Support.COHORT, clip_norm=1.0, share=1.0),))


@pytest.fixture
def silent(make_mechanism: Callable[..., Mechanism], random: RandomBytes) -> QuantizedUpdate:
    """The update of an artist who owns nothing: all that leaves is rounding and noise."""
    nothing = Contributions(np.zeros((0, WIDE.length), dtype=np.float32), WIDE)
    return quantize(clip(nothing, Unit.ARTWORK, max_artworks=50), make_mechanism(layout=WIDE), random)


def test_an_upload_holds_a_full_noise_share(silent: QuantizedUpdate, random: RandomBytes) -> None:
    values = add_noise_share(silent, random).values
    deviation = 5 / math.sqrt(2 * len(values))
    assert values.std() == pytest.approx(silent.mechanism.sigma_share, rel=deviation)
    assert len(np.unique(np.abs(values))) > 1000


def test_the_honest_survivors_alone_reach_the_claimed_multiplier(silent: QuantizedUpdate, random: RandomBytes) -> None:
    mechanism = silent.mechanism
    assert (mechanism.clients, mechanism.honest) == (10, 6)
    total = sum(add_noise_share(silent, random).values for _ in range(mechanism.honest))
    claimed = mechanism.event(View.AGGREGATE).noise_multiplier * mechanism.sensitivity
    assert claimed == pytest.approx(1.0 * mechanism.sensitivity)
    assert total.std() > claimed * (1 - 3 / math.sqrt(2 * mechanism.dimension))
    one_too_few = math.sqrt((mechanism.honest - 1) / mechanism.honest)
    assert total.std() * one_too_few < claimed


def test_every_upload_has_fresh_noise(silent: QuantizedUpdate, random: RandomBytes) -> None:
    first, second = (add_noise_share(silent, random).values.astype(float) for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(len(first))


def test_neither_the_largest_update_nor_the_largest_noise_leaves_the_ring(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], random: RandomBytes
) -> None:
    mechanism = make_mechanism()
    clipped = clip(make_contributions(50, scale=1e6), Unit.ARTWORK, max_artworks=50)
    quantized = quantize(clipped, mechanism, random)
    for extreme in (b"\x00", b"\xff"):
        values = add_noise_share(quantized, lambda size, extreme=extreme: extreme * size).values
        assert np.abs(values).max() <= mechanism.max_abs_input
    assert mechanism.clients * mechanism.max_abs_input < 2 ** (mechanism.modulus_bits - 1)


def test_a_sum_decodes_to_the_clipped_rows_and_the_planned_noise(
    make_mechanism: Callable[..., Mechanism], random: RandomBytes
) -> None:
    mechanism, generator = make_mechanism(layout=WIDE), np.random.default_rng(0)
    total, exact = np.zeros(mechanism.dimension, dtype=np.int64), np.zeros(WIDE.length)
    for _ in range(mechanism.clients):
        rows = generator.normal(size=(10, WIDE.length)).astype(np.float32)
        clipped = clip(Contributions(rows, WIDE), Unit.ARTWORK, max_artworks=50)
        exact += clipped.values
        total += add_noise_share(quantize(clipped, mechanism, random), random).values
    error = dequantize(total, mechanism) - exact
    planned = math.sqrt(mechanism.clients / mechanism.honest) * 1.0
    assert error.std() == pytest.approx(planned, rel=0.03)


def test_a_share_is_refused_where_none_was_planned(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], random: RandomBytes
) -> None:
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    quantized = quantize(clipped, make_mechanism(mode=Mode.NONE, noise_multiplier=0.0), random)
    with pytest.raises(PrivacyError, match="no noise share"):
        add_noise_share(quantized, random)


def test_a_share_of_mode_local_is_all_the_noise_that_is_promised(
    make_mechanism: Callable[..., Mechanism], random: RandomBytes
) -> None:
    """MEC-1: whoever else is honest, and whatever the cohort is."""
    mechanism = make_mechanism(mode=Mode.LOCAL, layout=WIDE)
    nothing = clip(Contributions(np.zeros((0, WIDE.length), np.float32), WIDE), Unit.ARTWORK, max_artworks=50)
    share = add_noise_share(quantize(nothing, mechanism, random), random).values
    assert share.std() >= 0.98 * mechanism.sensitivity
    assert share.std() == pytest.approx(mechanism.sigma_share, rel=0.03)


def test_an_update_leaves_without_noise_only_where_nothing_is_promised(
    make_mechanism: Callable[..., Mechanism], make_contributions: Callable[..., Contributions], random: RandomBytes
) -> None:
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    for mode in (Mode.DISTRIBUTED, Mode.LOCAL):
        with pytest.raises(PrivacyError, match="promises noise"):
            without_noise(quantize(clipped, make_mechanism(mode=mode), random))
    bare = quantize(clipped, make_mechanism(mode=Mode.NONE, noise_multiplier=0.0), random)
    np.testing.assert_array_equal(without_noise(bare).values, bare.values)
