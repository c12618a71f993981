"""SAM-1 and SAM-2: who takes part is decided by one independent coin each, from the bytes that are handed in."""

from collections.abc import Callable

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent

from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sampling import sample
from fedstyle_secure.privacy.sizing import Mode, Noise

RandomBytes = Callable[[int], bytes]


def words(*values: int) -> RandomBytes:
    return lambda _: b"".join(value.to_bytes(8, "little") for value in values)


def test_each_row_has_its_own_coin(make_contributions) -> None:
    rows = make_contributions(4)
    half = 1 << 63
    kept = sample(rows, 0.5, words(half - 1, half, 0, (1 << 64) - 1))
    np.testing.assert_array_equal(kept.rows, rows.rows[[0, 2]])
    assert kept.layout == rows.layout


def test_at_rate_1_everything_is_taken_and_no_coin_thrown(make_contributions) -> None:
    rows = make_contributions(4)
    assert sample(rows, 1.0, lambda _: pytest.fail("a coin")) is rows


def test_a_tiny_rate_takes_almost_nothing_and_no_row_is_no_error(make_contributions, make_mechanism, random) -> None:
    mechanism = make_mechanism(sampling_rate=1e-9)
    assert len(sample(make_contributions(20), 1e-9, random).rows) == 0
    update = protect(make_contributions(20), mechanism, random)
    total = dequantize(update.values, mechanism)
    # Noise alone: nothing of twenty rows of norm 1 is left in it.
    assert np.sqrt(np.mean(total**2)) == pytest.approx(mechanism.sigma_share / mechanism.scale, rel=0.4)


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_protect_samples_before_it_clips(mode, make_contributions, make_mechanism, random) -> None:
    """A row that lost its coin leaves no trace: the mean over many releases is the rate times the row."""
    mechanism = make_mechanism(mode=mode, sampling_rate=0.25, noise_multiplier=1.0)
    rows = make_contributions(1, scale=100.0)
    released = np.array([dequantize(protect(rows, mechanism, random).values, mechanism) for _ in range(2000)])
    direction = np.concatenate(
        [
            part / np.linalg.norm(part) * np.sqrt(segment.share)
            for segment, part in zip(mechanism.layout.segments, np.split(rows.rows[0], [90]), strict=True)
        ]
    )
    scores = released @ direction
    spread = np.sqrt(0.25 * 0.75 + (mechanism.sigma_share / mechanism.scale) ** 2)
    assert scores.mean() == pytest.approx(0.25, abs=5 * spread / np.sqrt(len(scores)))


def test_a_sampled_release_is_accounted_for_at_its_rate(make_mechanism) -> None:
    full, sampled = make_mechanism(), make_mechanism(sampling_rate=0.1)
    for view in View:
        event = sampled.event(view)
        assert event == PoissonSampledDpEvent(0.1, full.event(view))
        assert isinstance(full.event(view), GaussianDpEvent)
    assert sampled.digest != full.digest


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_rates_that_are_none_are_refused(rate, make_mechanism) -> None:
    with pytest.raises(InputError, match="sampling rate lies above 0"):
        make_mechanism(sampling_rate=rate)


@pytest.mark.parametrize("changes", [{"unit": Unit.ARTIST}, {"noise": Noise.SKELLAM}])
def test_sampling_that_no_accounting_covers_is_refused(changes, make_mechanism) -> None:
    with pytest.raises(InputError, match="sampling artworks buys privacy"):
        make_mechanism(sampling_rate=0.5, **changes)


def test_no_law_is_chosen_for_noise_that_is_not_there(make_mechanism) -> None:
    with pytest.raises(InputError, match="has no skellam noise"):
        make_mechanism(mode=Mode.NONE, noise=Noise.SKELLAM, noise_multiplier=0.0)
