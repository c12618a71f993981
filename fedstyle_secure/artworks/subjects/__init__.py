"""What the atelier paints: 36 subjects, each a handful of shapes; pose and random generator vary them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from ..sketch import Pose, Scene, Sketch
from . import buildings, creatures, landscapes, still_lifes

__all__ = ["SUBJECTS", "draw_scene"]


def draw_scene(subject: str, pose: Pose, rng: np.random.Generator, size: int) -> Scene:
    """Sketch one of `SUBJECTS` on a square of `size` pixels."""
    sketch = Sketch(size, pose)
    SUBJECTS[subject](sketch, rng)
    return sketch.finish()


SUBJECTS: Final[Mapping[str, Callable[[Sketch, np.random.Generator], None]]] = MappingProxyType(
    {
        draw.__name__.replace("_", "-"): draw
        for draw in (
            landscapes.mountains,
            landscapes.tree,
            creatures.bust,
            landscapes.boat,
            still_lifes.vase,
            buildings.house,
            landscapes.moonlight,
            creatures.cat,
            landscapes.sea,
            buildings.city,
            still_lifes.flower,
            buildings.bridge,
            creatures.fish,
            landscapes.sunrise,
            creatures.owl,
            still_lifes.fruit_bowl,
            buildings.windmill,
            creatures.horse,
            landscapes.forest,
            creatures.butterfly,
            buildings.lighthouse,
            creatures.dancers,
            still_lifes.teapot,
            buildings.castle,
            creatures.bird,
            landscapes.road,
            still_lifes.apple,
            buildings.train,
            landscapes.cactus,
            landscapes.waterfall,
            buildings.church,
            creatures.cow,
            still_lifes.bottles,
            still_lifes.mushrooms,
            still_lifes.chair,
            buildings.umbrella,
        )
    }
)
"""Subject name -> how to draw it, in the order in which the atelier paints them."""
