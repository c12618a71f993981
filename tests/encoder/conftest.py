"""The real encoder and a small random one, each as a graph and on torch, and synthetic artworks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.encoder.backbones import Backbone, load_lite0, wrap_small
from fedstyle_secure.encoder.encoder import Encoder
from fedstyle_secure.encoder.opening import open_encoder, open_weights
from fedstyle_secure.encoder.small import SmallEncoder
from fedstyle_secure.encoder.spec import BackboneSpec


@pytest.fixture(scope="session")
def lite0_backbone() -> Backbone:
    return load_lite0()


@pytest.fixture(scope="session")
def small_backbone() -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return wrap_small(SmallEncoder())


@pytest.fixture(scope="session")
def lite0() -> Encoder:
    return open_encoder(BackboneSpec(name="lite0"))


@pytest.fixture(scope="session")
def small(small_backbone: Backbone) -> Encoder:
    return open_weights("small", small_backbone.weights())


@pytest.fixture
def make_artwork() -> Callable[..., Artwork]:
    """Waves of color, the same on every machine: no random generator, no floating point sine at the limit."""

    def make(height: int = 60, width: int = 80, *, phase: int = 0) -> Artwork:
        rows, columns = np.mgrid[:height, :width]
        channels = [(rows * (3 + c) + columns * (5 - c) + phase * 17 * (c + 1)) % 256 for c in range(3)]
        return Artwork(np.stack(channels, axis=-1).astype(np.uint8))

    return make
