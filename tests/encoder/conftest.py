"""The real backbone, loaded once, a small random one, and synthetic artworks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.encoder.backbones import Backbone, BackboneSpec, load_backbone, wrap_small
from fedstyle_secure.encoder.small import SmallEncoder


@pytest.fixture(scope="session")
def lite0() -> Backbone:
    return load_backbone(BackboneSpec(name="lite0"))


@pytest.fixture(scope="session")
def small() -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return wrap_small(SmallEncoder())


@pytest.fixture
def make_artwork() -> Callable[..., Artwork]:
    """Waves of color, the same on every machine: no random generator, no floating point sine at the limit."""

    def make(height: int = 60, width: int = 80, *, phase: int = 0) -> Artwork:
        rows, columns = np.mgrid[:height, :width]
        channels = [(rows * (3 + c) + columns * (5 - c) + phase * 17 * (c + 1)) % 256 for c in range(3)]
        return Artwork(np.stack(channels, axis=-1).astype(np.uint8))

    return make
