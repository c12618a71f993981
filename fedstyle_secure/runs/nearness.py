"""How near is near, learned on a run's public artists."""

import numpy as np

from ..catalogue import learning
from ..catalogue.index import StyleIndex
from ..catalogue.nearness import Nearness
from .dataset import derive_seed
from .stages import Prepared, Trained


def learn_nearness(prepared: Prepared, trained: Trained, index: StyleIndex) -> Nearness:
    """What is near in a run's catalogue; see `learning.learn_nearness`."""
    return learning.learn_nearness(
        [trained.model.embed(features.views[:, 0]) for features in prepared.public.values()],
        index,
        noise=prepared.budget.signature_multiplier or 0.0,
        works=prepared.expected_artworks,
        rng=np.random.Generator(np.random.PCG64(derive_seed(prepared.settings.seed, "nearness"))),
    )
