"""The small encoder learns public hands from scratch, the same way every time."""

import numpy as np
import pytest
import torch

from fedstyle_secure.artworks import paint_atelier
from fedstyle_secure.encoder.backbones import wrap_small
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.training import scratch
from fedstyle_secure.training.objective import anchor_loss
from fedstyle_secure.training.scratch import EPOCHS, train_small

ARTISTS, ARTWORKS = 2, 3


@pytest.fixture(scope="module")
def atelier():
    return paint_atelier(artists=ARTISTS, artworks=ARTWORKS, seed=0, size=48)


def test_training_reduces_the_loss_is_reproducible_and_reports_progress(atelier, monkeypatch):
    losses, done = [], []

    def recorded(*arguments):
        loss = anchor_loss(*arguments)
        losses.append(float(loss.detach().mean()))
        return loss

    monkeypatch.setattr(scratch, "anchor_loss", recorded)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_small(atelier, seed=4, on_progress=done.append)
    assert torch.equal(torch.get_rng_state(), before), "the caller's own randomness was used up"
    assert sum(done) == EPOCHS * ARTISTS * ARTWORKS
    assert len(losses) == EPOCHS
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])

    torch.manual_seed(2)
    again = train_small(atelier, seed=4)
    assert wrap_small(first).digest() == wrap_small(again).digest()

    features = extract(atelier[0].artworks, NetworkEncoder(wrap_small(again), "small"), views=0).views
    assert features.shape[0] == ARTWORKS
    assert np.isfinite(features).all()


def test_another_seed_gives_another_encoder(atelier, monkeypatch):
    monkeypatch.setattr(scratch, "EPOCHS", 1)
    first, second = (wrap_small(train_small(atelier, seed=seed)).digest() for seed in (0, 1))
    assert first != second
