"""TM-12: a gradient without noise is its artwork; noise and clipping are each missed."""

import numpy as np
import pytest
import torch

from threat_models import tm12_inversion
from threat_models.claim import Effort
from threat_models.masked_sum import CLIPPING, NOISE
from threat_models.reconstruction import Prior, paint, paint_public, pixels, psnr
from threat_models.tm12_inversion import SEED, SIDE, invert, search, start_training

PIXELS = SIDE * SIDE * 3


@pytest.fixture
def prior():
    return Prior.fit(np.random.default_rng(0).uniform(size=(20, PIXELS)))


@pytest.mark.usefixtures("atelier_is_small")
def test_a_gradient_without_noise_gives_its_artwork_away(monkeypatch):
    monkeypatch.setattr(tm12_inversion, "STEPS", {Effort.FAST: 35})
    truth = pixels(paint(1, 1, seed=SEED, size=SIDE))[0]
    floor = Prior.fit(pixels(paint_public(SIDE))).floor(truth)
    training = start_training()
    gain = {
        off: psnr(truth, invert(training, truth, off, Effort.FAST)) - floor
        for off in (frozenset({NOISE}), frozenset({CLIPPING}), frozenset())
    }
    assert gain[frozenset({NOISE})] > 3
    assert gain[frozenset({CLIPPING})] > 1
    assert gain[frozenset()] < 1


def test_a_search_without_noise_finds_the_image(prior):
    truth = torch.rand(3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = search(lambda image: image.flatten(), truth.flatten(), 1e-6, prior, steps=100)
    assert psnr(truth.permute(1, 2, 0).flatten().numpy(), found) > 50


def test_a_search_in_much_noise_stays_at_the_public_mean(prior):
    observed = 1e3 * torch.randn(PIXELS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = search(lambda image: image.flatten(), observed, 1e3, prior, steps=100)
    assert psnr(prior.mean, found) > 40
