"""Layouts, mechanisms and repeatable random bytes for the privacy tests."""

import hashlib
from collections.abc import Callable
from itertools import count

import numpy as np
import pytest

from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

MakeMechanism = Callable[..., Mechanism]


@pytest.fixture
def random() -> Callable[[int], bytes]:
    """Repeatable bytes, different at each call."""
    calls = count()
    return lambda size: hashlib.shake_256(b"test" + next(calls).to_bytes(8, "little")).digest(size)


@pytest.fixture
def layout() -> Layout:
    """Two segments of different sizes, norms and shares; 100 coordinates, padded to 128."""
    head = Segment(name="head", length=90, support=Support.COHORT, clip_norm=0.5, share=0.7)
    moments = Segment(name="moments", length=10, support=Support.COHORT, clip_norm=20.0, share=0.3)
    return Layout((head, moments))


@pytest.fixture
def make_mechanism(layout: Layout) -> MakeMechanism:
    """`plan` with defaults."""

    def make(**changes: object) -> Mechanism:
        settings: dict[str, object] = {
            "mode": Mode.DISTRIBUTED,
            "unit": Unit.ARTWORK,
            "layout": layout,
            "noise_multiplier": 1.0,
            "clients": 10,
            "corrupt": 2,
            "min_survivors": 8,
            "max_artworks": 50,
            "rotation_seed": bytes(range(32)),
        }
        return plan(**(settings | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_contributions(layout: Layout) -> Callable[..., Contributions]:
    """Rows of normal numbers, `scale` long in each coordinate."""

    def make(artworks: int = 20, *, scale: float = 1.0, seed: int = 0) -> Contributions:
        rows = scale * np.random.default_rng(seed).normal(size=(artworks, layout.length))
        return Contributions(rows.astype(np.float32), layout)

    return make
