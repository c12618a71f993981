"""A decoder that learned from public art: good where there is something to learn, harmless where there is nothing."""

import numpy as np
import pytest

from threat_models.decoder import Decoder
from threat_models.reconstruction import psnr


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(120, 4))
    images = np.clip(0.5 + 0.1 * vectors @ rng.normal(size=(4, 50)), 0, 1)
    return vectors, images, np.repeat(np.arange(30), 4)


def over_the_floor(decoder, vectors, images):
    return np.mean(psnr(images, decoder.decode(vectors)) - psnr(images, decoder.mean))


def test_it_decodes_vectors_that_it_never_saw(pairs):
    vectors, images, artists = pairs
    decoder = Decoder.fit(vectors[:100], images[:100], artists[:100])
    assert over_the_floor(decoder, vectors[100:], images[100:]) > 5


def test_where_vectors_tell_nothing_it_falls_back_on_the_mean(pairs):
    """IMG-1: chosen by the artists it was trained on, it would believe every vector."""
    _, images, artists = pairs
    noise = np.random.default_rng(1).normal(size=(120, 4))
    decoder = Decoder.fit(noise[:100], images[:100], artists[:100])
    assert over_the_floor(decoder, noise[100:], images[100:]) > -0.5


def test_one_vector_gives_one_image(pairs):
    vectors, images, artists = pairs
    decoder = Decoder.fit(vectors, images, artists)
    np.testing.assert_allclose(decoder.decode(vectors[0]), decoder.decode(vectors[:3])[0])
