"""TM-11: masks alone give artworks away; noise, clipping and the allow-list are each missed."""

import numpy as np
import pytest

from threat_models.reconstruction import psnr
from threat_models.tm11_imprint import ALLOW_LIST, DESIGNS, Design, Size, is_trained, reconstruct

TINY = Size(artists=5, artworks=1, bins=20, iterations=1)
FEW_NUMBERS = Design(is_sparse=True, directions=8)


def test_a_real_artist_refuses_to_train_a_model_that_sees_pixels():
    assert not is_trained(frozenset())
    assert is_trained(frozenset({ALLOW_LIST}))


@pytest.mark.usefixtures("atelier_is_small")
def test_masks_alone_give_away_all_that_the_layer_sees():
    scene, images = reconstruct(FEW_NUMBERS, TINY, frozenset({"noise"}))
    alone = np.bincount(scene.bins)[scene.bins] == 1
    seen = scene.layer.show(scene.layer.look(scene.truth))
    assert alone.any()
    assert psnr(seen[alone], images[alone]).min() > 60


@pytest.mark.usefixtures("atelier_is_small")
def test_noise_leaves_little_of_it():
    scene, images = reconstruct(FEW_NUMBERS, TINY, frozenset())
    _, seen = reconstruct(FEW_NUMBERS, TINY, frozenset({"noise"}))
    gain = np.mean(psnr(scene.truth, images) - scene.floor)
    assert gain < np.mean(psnr(scene.truth, seen) - scene.floor) / 2


def test_the_papers_layer_is_among_the_designs():
    assert DESIGNS["dense"] == Design(is_sparse=False)
