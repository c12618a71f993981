"""Shown works beside a release: believed by precision, and none of the privacy's business (SHC-1)."""

import numpy as np
import pytest

from fedstyle_secure.artist import artist as module
from fedstyle_secure.artist.showcase import LEAST_SHOWN, with_showcase
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.privacy.sizing import Mode
from tests.artist.test_artist import itself, signature_mechanism
from threat_models.scripted import scripted

D, SPREAD = 64, 1.2


def hand(rng: np.random.Generator, count: int, style: np.ndarray) -> np.ndarray:
    """Unit vectors around one style."""
    return to_unit((style + SPREAD * rng.normal(size=(count, D)) / np.sqrt(D)).astype(np.float32))


def test_without_noise_all_works_count_alike_and_drowned_in_it_only_shown_ones_do() -> None:
    rng = np.random.default_rng(0)
    style = to_unit(rng.normal(size=D))
    own, shown = hand(rng, 20, style), hand(rng, 5, style)
    clear = with_showcase(own.sum(axis=0, dtype=np.float64), 0.0, shown)
    np.testing.assert_allclose(clear, own.sum(axis=0, dtype=np.float64) + shown.sum(axis=0), rtol=1e-6)
    drowned = with_showcase(1e4 * rng.normal(size=D), 1e5, shown)
    np.testing.assert_allclose(drowned, shown.sum(axis=0), atol=1e-3)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_together_they_are_nearer_to_the_style_than_either_alone_or_their_plain_sum(noise: float) -> None:
    rng = np.random.default_rng(1)
    found: dict[str, list[float]] = {"released": [], "shown": [], "sum": [], "both": []}
    for _ in range(200):
        style = to_unit(rng.normal(size=D))
        shown = hand(rng, 4, style)
        released = hand(rng, 12, style).sum(axis=0, dtype=np.float64) + noise * rng.normal(size=D)
        total = shown.sum(axis=0, dtype=np.float64)
        vectors = (released, total, released + total, with_showcase(released, noise, shown))
        for name, vector in zip(found, vectors, strict=True):
            found[name].append(float(to_unit(vector) @ style))
    means = {name: np.mean(values) for name, values in found.items()}
    assert means["both"] > max(means["released"], means["shown"])
    assert means["both"] > means["sum"] - 1e-3
    assert noise < 1 or means["both"] > means["sum"] + 0.01


@pytest.mark.parametrize("shown", [np.eye(6)[:2], -np.eye(6)[[0, 0]], np.repeat(np.eye(6)[:1], 9, axis=0)])
def test_whatever_is_shown_gives_finite_numbers(shown: np.ndarray) -> None:
    for summed in (np.zeros(6), np.eye(6)[0], -40 * np.eye(6)[3]):
        for noise in (0.0, 1e-9, 5.0):
            assert np.isfinite(with_showcase(summed, noise, shown.astype(np.float32))).all()
    assert len(shown) >= LEAST_SHOWN


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.NONE])
def test_shc1_no_shown_work_is_in_what_is_clipped_noised_and_charged(
    mode: Mode, town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows as long and as many as an adversary likes: what is protected is the same to the last bit."""
    rng = np.random.default_rng(2)
    features = StyleFeatures(to_unit(rng.normal(size=(10, 1, 6)).astype(np.float32)))
    mechanism = signature_mechanism(mode=mode, noise_multiplier=0.0 if mode is Mode.NONE else 1.0)
    protect, rows, noisy = module.protect, [], []

    def watch(contributions, *others):
        rows.append(contributions.rows)
        update = protect(contributions, *others)
        noisy.append(update.values)
        return update

    monkeypatch.setattr(module, "protect", watch)
    costs, signatures = [], []
    for shown in (None, 50 * np.eye(6)[[0, 0, 0]], np.repeat(features.views[:1, 0], 400, axis=0)):
        artist = town.artist(
            terms=town.terms(mode=mode),
            features=features,
            random=scripted("the same noise"),
            showcase=None if shown is None else StyleFeatures(shown[:, None].astype(np.float32)),
        )
        signatures.append(artist.publish_signature(itself, mechanism))
        costs.append(artist.ledger.releases[-1].events)
    for each in (1, 2):
        np.testing.assert_array_equal(rows[each], rows[0])
        np.testing.assert_array_equal(noisy[each], noisy[0])
        assert costs[each] == costs[0]
        assert np.abs(signatures[each] - signatures[0]).max() > 0.01
