"""Settings that subjects share: land and sky, a room, hills, clouds, a tree."""

from typing import TypeAlias

import numpy as np

from ..sketch import Material, Sketch, ridge

Rng: TypeAlias = np.random.Generator
M: TypeAlias = Material


def land(s: Sketch, ground: M = M.LEAF, value: float = 0.45, sky: float = 0.8) -> float:
    """Sky over ground; returns the horizon."""
    horizon = s.pose.horizon
    s.box(0, 0, 1, 1, M.SKY, sky, fade=0.2)
    s.box(0, horizon, 1, 1.2, ground, value, fade=-0.2)
    return horizon


def room(s: Sketch, wall: M = M.CREAM, table: M = M.WOOD, light: float = 0.62) -> None:
    """A wall behind a table or floor."""
    edge = 0.5 + s.pose.horizon * 0.3
    s.box(0, 0, 1, 1, wall, light, fade=-0.15)
    s.box(0, edge, 1, 1.2, table, light - 0.22, fade=0.15)
    s.begin_subject()


def hills(s: Sketch, rng: Rng, top: float, material: M, value: float, *, swell: float = 0.05) -> None:
    """One skyline of rolling hills, filled down to the bottom."""
    phases = rng.uniform(0, 6.3, 2)
    xs = np.linspace(-0.1, 1.1, 25)
    ys = top + swell * np.sin(5 * xs + phases[0]) + 0.4 * swell * np.sin(13 * xs + phases[1])
    s.polygon(ridge(list(zip(xs.tolist(), ys.tolist(), strict=True))), material, value, fade=-0.15)


def clouds(s: Sketch, rng: Rng, count: int = 3) -> None:
    """Clouds in the upper half of the sky."""
    for x, y in rng.uniform((0.05, 0.06), (0.95, s.pose.horizon * 0.5), (count, 2)).tolist():
        for step in (-0.07, 0.0, 0.07):
            s.disc(x + step, y - (0.02 if step == 0 else 0), 0.07, M.CLOUD, 0.92, tall=0.5, lit=0.08)


def small_tree(s: Sketch, x: float, y: float, size: float, value: float = 0.4) -> None:
    """A tree of this height whose foot is at (x, y)."""
    s.polygon(
        [
            (x - 0.05 * size, y),
            (x - 0.03 * size, y - 0.5 * size),
            (x + 0.03 * size, y - 0.5 * size),
            (x + 0.06 * size, y),
        ],
        M.WOOD,
        0.25,
    )
    for dx, dy, radius in ((-0.17, -0.5, 0.17), (0.17, -0.52, 0.18), (0.0, -0.68, 0.22), (0.02, -0.48, 0.17)):
        s.disc(x + dx * size, y + dy * size, radius * size, M.LEAF, value, lit=0.22)
