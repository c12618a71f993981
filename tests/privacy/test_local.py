"""LOC-1 to LOC-3: Opacus clips as we do, its noise is as wide as claimed, and no update passes without it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opacus.optimizers import DPPerLayerOptimizer

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy import local
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.privacy.local import clip_and_noise, quantize_local
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

RandomBytes = Callable[[int], bytes]
MakeMechanism = Callable[..., Mechanism]
MakeContributions = Callable[..., Contributions]
WIDE = Layout((Segment(name="head", length=20_000, support=Support.COHORT, clip_norm=1.0, share=1.0),))


@pytest.fixture
def noiseless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opacus with its noise turned off, to look at the clipped sum alone."""
    monkeypatch.setattr(DPPerLayerOptimizer, "add_noise", _without_noise)


def _without_noise(optimizer: DPPerLayerOptimizer) -> None:
    for parameter in optimizer.params:
        parameter.grad = parameter.summed_grad


@pytest.mark.usefixtures("noiseless")
@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("scale", [1e-3, 0.05, 1.0, 1e3])
def test_opacus_clips_to_the_same_sum_as_we_do(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes, unit: Unit, scale: float
) -> None:
    contributions = make_contributions(30, scale=scale)
    theirs = clip_and_noise(contributions, make_mechanism(mode=Mode.LOCAL, unit=unit), random).values
    ours = clip(contributions, unit, max_artworks=50).values
    np.testing.assert_allclose(theirs[:100], ours, atol=1e-5 * max(1.0, np.abs(ours).max()))
    assert not theirs[100:].any()


@pytest.mark.usefixtures("noiseless")
def test_one_more_artwork_moves_opacus_sum_by_at_most_one(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    contributions, mechanism = make_contributions(12, scale=1e4), make_mechanism(mode=Mode.LOCAL)
    fewer = Contributions(contributions.rows[1:], contributions.layout)
    moved = clip_and_noise(contributions, mechanism, random).values - clip_and_noise(fewer, mechanism, random).values
    assert 0.99 < np.linalg.norm(moved) <= 1


@pytest.mark.parametrize("artworks", [0, 3])
def test_the_noise_is_as_wide_as_claimed_and_covers_the_padding(
    make_mechanism: MakeMechanism, random: RandomBytes, artworks: int
) -> None:
    mechanism = make_mechanism(mode=Mode.LOCAL, layout=WIDE, noise_multiplier=1.7)
    rows = np.zeros((artworks, WIDE.length), dtype=np.float32)
    values = clip_and_noise(Contributions(rows, WIDE), mechanism, random).values
    for part in (values[: WIDE.length], values[WIDE.length :]):
        assert part.std() == pytest.approx(1.7, rel=5 / math.sqrt(2 * len(part)))


def test_no_two_updates_share_their_noise(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    contributions, mechanism = make_contributions(0), make_mechanism(mode=Mode.LOCAL)
    torch.manual_seed(0)
    first = clip_and_noise(contributions, mechanism, random).values
    torch.manual_seed(0)
    second = clip_and_noise(contributions, mechanism, random).values
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(len(first))


def test_opacus_draws_it_in_secure_mode(
    make_mechanism: MakeMechanism,
    make_contributions: MakeContributions,
    random: RandomBytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[DPPerLayerOptimizer] = []
    original = DPPerLayerOptimizer.add_noise
    monkeypatch.setattr(DPPerLayerOptimizer, "add_noise", lambda self: (seen.append(self), original(self)))
    clip_and_noise(make_contributions(), make_mechanism(mode=Mode.LOCAL), random)
    assert [optimizer.secure_mode for optimizer in seen] == [True]
    assert seen[0].max_grad_norm == pytest.approx(1.0, abs=1e-6)


def test_it_reaches_the_grid_as_it_was(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    mechanism = make_mechanism(mode=Mode.LOCAL)
    update = clip_and_noise(make_contributions(), mechanism, random)
    noisy = quantize_local(update, random)
    error = dequantize(noisy.values, mechanism) - update.values[:100]
    assert np.linalg.norm(error) <= math.sqrt(mechanism.dimension) / mechanism.scale
    assert np.abs(noisy.values).max() <= mechanism.max_abs_input


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spikes=st.lists(st.sampled_from([0.0, 1e3, -1e6, 1e12, -1e300]), min_size=128, max_size=128))
def test_even_absurd_noise_stays_inside_the_ring(make_mechanism: MakeMechanism, spikes: list[float]) -> None:
    mechanism = make_mechanism(mode=Mode.LOCAL)
    update = local.LocallyNoisyUpdate(values=np.array(spikes), mechanism=mechanism, dropped_rows=0, seal=local.SEAL)
    assert np.abs(quantize_local(update, bytes).values).max() <= mechanism.max_abs_input


def test_data_alone_cannot_reach_the_clamp(make_mechanism: MakeMechanism, random: RandomBytes) -> None:
    mechanism = make_mechanism(mode=Mode.LOCAL, noise_multiplier=0.5)
    concentrated = np.zeros((50, 100), dtype=np.float32)
    concentrated[:, 0] = 1e6
    noisy = quantize_local(clip_and_noise(Contributions(concentrated, mechanism.layout), mechanism, random), random)
    assert np.abs(noisy.values).max() < mechanism.clamp


def test_a_merely_clipped_update_cannot_take_the_local_way(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    clipped = clip(make_contributions(), Unit.ARTWORK, max_artworks=50)
    with pytest.raises(PrivacyError, match="ClippedUpdate carries no local noise"):
        quantize_local(clipped, random)  # type: ignore[arg-type]
    with pytest.raises(PrivacyError, match=r"only privacy\.local\.clip_and_noise"):
        local.LocallyNoisyUpdate(
            values=clipped.values, mechanism=make_mechanism(mode=Mode.LOCAL), dropped_rows=0, seal=None
        )


def test_another_mode_layout_or_too_many_rows_are_refused(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    with pytest.raises(PrivacyError, match="mode distributed"):
        clip_and_noise(make_contributions(), make_mechanism(), random)
    with pytest.raises(PrivacyError, match="not made for this release"):
        clip_and_noise(make_contributions(), make_mechanism(mode=Mode.LOCAL, layout=WIDE), random)
    with pytest.raises(InputError, match="51 artworks"):
        clip_and_noise(make_contributions(51), make_mechanism(mode=Mode.LOCAL), random)


def test_rows_that_are_not_finite_are_dropped_before_opacus_sees_them(
    make_mechanism: MakeMechanism, make_contributions: MakeContributions, random: RandomBytes
) -> None:
    contributions = make_contributions(4)
    contributions.rows[2, 5] = np.inf
    update = clip_and_noise(contributions, make_mechanism(mode=Mode.LOCAL), random)
    assert update.dropped_rows == 1
    assert np.isfinite(update.values).all()
