"""Subjects out of doors: land, water and sky."""

import numpy as np

from ..sketch import Sketch, bow, ridge, star
from .settings import M, Rng, clouds, hills, land, small_tree


def mountains(s: Sketch, rng: Rng) -> None:
    """Three snowy peaks behind a meadow."""
    h = land(s, M.LEAF, 0.4)
    clouds(s, rng, 2)
    s.begin_subject()
    for x, top, width, value in ((0.25, 0.22, 0.34, 0.5), (0.78, 0.27, 0.36, 0.55), (0.5, 0.1, 0.4, 0.42)):
        s.polygon([(x - width, h + 0.12), (x, top), (x + width, h + 0.12)], M.STONE, value, lit=0.15)
        s.polygon([(x, top), (x + width, h + 0.12), (x + 0.05, h + 0.12), (x - 0.03, top + 0.2)], M.STONE, value - 0.2)
        s.polygon(
            [(x - 0.11, top + 0.12), (x, top), (x + 0.11, top + 0.12), (x + 0.03, top + 0.1), (x - 0.02, top + 0.16)],
            M.SNOW,
            0.95,
        )
    hills(s, rng, h + 0.1, M.LEAF, 0.4, swell=0.03)


def sea(s: Sketch, rng: Rng) -> None:
    """Waves that roll onto a beach."""
    h = land(s, M.WATER, 0.42, 0.82)
    clouds(s, rng)
    for row in range(6):
        y = h + 0.04 + row * row * 0.016
        for x in rng.uniform(0, 1, 4).tolist():
            s.polygon(bow(x - 0.09, y, x + 0.09, y, 0.02 + row * 0.004), M.SNOW, 0.88)
    s.polygon(ridge(bow(-0.1, 0.97, 1.1, 0.9, 0.05)), M.EARTH, 0.72)


def sunrise(s: Sketch, rng: Rng) -> None:
    """The sun between hills."""
    h = land(s, M.EARTH, 0.4, 0.7)
    s.begin_subject()
    s.disc(0.5, h - 0.08, 0.3, M.GOLD, 0.82)
    s.disc(0.5, h - 0.08, 0.19, M.FRUIT, 0.75, lit=0.1)
    hills(s, rng, h + 0.02, M.STONE, 0.45, swell=0.04)
    hills(s, rng, h + 0.14, M.LEAF, 0.35)
    hills(s, rng, h + 0.28, M.EARTH, 0.22)


def tree(s: Sketch, rng: Rng) -> None:
    """One tree in a field."""
    h = land(s)
    hills(s, rng, h - 0.03, M.STONE, 0.6, swell=0.03)
    hills(s, rng, h + 0.08, M.LEAF, 0.55, swell=0.03)
    s.begin_subject()
    s.disc(0.55, 0.85, 0.3, M.LEAF, 0.25, tall=0.15)
    small_tree(s, 0.5, 0.86, 0.85)


def forest(s: Sketch, rng: Rng) -> None:
    """Firs in three rows."""
    land(s, M.EARTH, 0.4)
    for depth, (y, size, value) in enumerate(((0.72, 0.45, 0.55), (0.82, 0.6, 0.42), (0.96, 0.8, 0.28))):
        spots = np.linspace(0.05, 0.95, 6 - depth)
        for x in (spots + rng.uniform(-0.05, 0.05, len(spots))).tolist():
            s.box(x - 0.02 * size, y - 0.3 * size, x + 0.02 * size, y, M.WOOD, value - 0.15)
            for k in range(3):
                top, half = y - size + k * 0.22 * size, (0.12 + 0.06 * k) * size
                s.polygon(
                    [(x - half, top + 0.36 * size), (x, top), (x + half, top + 0.36 * size)], M.LEAF, value, lit=0.15
                )


def road(s: Sketch, rng: Rng) -> None:
    """A road between cypresses."""
    h = land(s, M.GOLD, 0.62)
    clouds(s, rng, 2)
    hills(s, rng, h, M.STONE, 0.5, swell=0.03)
    s.box(0, h + 0.06, 1, 1.2, M.GOLD, 0.62, fade=-0.15)
    bend = float(rng.uniform(-0.15, 0.15))
    s.polygon([(0.48 + bend, h + 0.06), (0.52 + bend, h + 0.06), (0.9, 1.1), (0.1, 1.1)], M.EARTH, 0.78)
    s.begin_subject()
    for x, y, size in (
        (0.36, 0.74, 0.3),
        (0.64, 0.74, 0.3),
        (0.24, 0.86, 0.5),
        (0.78, 0.86, 0.5),
        (0.04, 1.02, 0.85),
        (0.97, 1.02, 0.85),
    ):
        s.disc(x, y - 0.38 * size, 0.085 * size, M.LEAF, 0.36, tall=4, lit=0.18)
        s.line([(x, y), (x, y - 0.15 * size)], 0.03 * size, M.WOOD, 0.22)


def waterfall(s: Sketch, rng: Rng) -> None:
    """Water between two cliffs."""
    s.box(0, 0, 1, 1, M.SKY, 0.8)
    clouds(s, rng, 2)
    s.begin_subject()
    s.polygon([(-0.5, 1.4), (-0.5, 0.24), (0.1, 0.22), (0.4, 0.28), (0.42, 1.4)], M.STONE, 0.38, lit=0.15)
    s.polygon([(0.6, 1.4), (0.6, 0.28), (0.82, 0.2), (1.5, 0.25), (1.5, 1.4)], M.STONE, 0.46, lit=0.15)
    s.polygon([(0.38, 0.26), (0.62, 0.26), (0.68, 0.84), (0.32, 0.84)], M.SNOW, 0.9, fade=-0.1)
    for x in rng.uniform(0.4, 0.6, 4).tolist():
        s.line([(x, 0.27), (0.5 + (x - 0.5) * 1.4, 0.82)], 0.014, M.WATER, 0.6)
    s.box(-1, 0.82, 2, 1.5, M.WATER, 0.42, fade=0.2)
    for x in (0.36, 0.5, 0.64):
        s.disc(x, 0.83, 0.09, M.CLOUD, 0.93, tall=0.5)
    for x in (0.08, 0.24, 0.78, 0.94):
        s.disc(x, 0.22, 0.11, M.LEAF, 0.4, tall=0.8, lit=0.2)


def moonlight(s: Sketch, rng: Rng) -> None:
    """The moon over water."""
    s.box(0, 0, 1, 1, M.NIGHT, 0.22, fade=0.15)
    h = s.pose.horizon
    for x, y in rng.uniform((0, 0), (1, 0.5), (9, 2)).tolist():
        s.disc(x, y, 0.012, M.GOLD, 0.9)
    s.begin_subject()
    s.disc(0.62, 0.28, 0.17, M.NIGHT, 0.4)
    s.disc(0.62, 0.28, 0.125, M.GOLD, 0.93, lit=0.05)
    hills(s, rng, h, M.NIGHT, 0.14, swell=0.06)
    s.box(-1, h + 0.1, 2, 1.4, M.WATER, 0.25)
    for k in range(5):
        s.disc(0.62, h + 0.14 + 0.055 * k, 0.05 + 0.02 * k, M.GOLD, 0.75, tall=0.16)


def cactus(s: Sketch, rng: Rng) -> None:
    """A cactus in the desert."""
    h = land(s, M.EARTH, 0.62, 0.85)
    hills(s, rng, h - 0.02, M.BRICK, 0.5, swell=0.04)
    s.box(0, h + 0.08, 1, 1.2, M.EARTH, 0.7, fade=-0.15)
    s.begin_subject()
    s.disc(0.6, 0.93, 0.24, M.EARTH, 0.4, tall=0.16)
    for points in ([(0.5, 0.7), (0.26, 0.68), (0.26, 0.42)], [(0.5, 0.62), (0.74, 0.6), (0.74, 0.32)]):
        s.line(points, 0.095, M.LEAF, 0.38)
        s.disc(points[-1][0], points[-1][1], 0.048, M.LEAF, 0.42)
    s.box(0.42, 0.22, 0.58, 0.93, M.LEAF, 0.42, lit=0.2)
    s.disc(0.5, 0.22, 0.08, M.LEAF, 0.48)
    s.polygon(star(0.5, 0.14, 0.07, 0.03, 6), M.PETAL, 0.75)


def boat(s: Sketch, rng: Rng) -> None:
    """A sailing boat."""
    h = land(s, M.WATER, 0.45)
    hills(s, rng, h - 0.03, M.STONE, 0.6, swell=0.02)
    s.box(0, h, 1, 1.2, M.WATER, 0.48, fade=-0.25)
    s.begin_subject()
    s.polygon([(0.3, 0.84), (0.72, 0.84), (0.6, 0.97), (0.42, 0.97)], M.INK, 0.3)
    s.polygon([(0.49, 0.12), (0.49, 0.68), (0.2, 0.68)], M.CLOTH, 0.85, lit=0.1)
    s.polygon([(0.53, 0.2), (0.53, 0.68), (0.76, 0.68)], M.SNOW, 0.9)
    s.box(0.49, 0.1, 0.52, 0.74, M.WOOD, 0.25)
    s.polygon([(0.15, 0.71), (0.86, 0.71), (0.73, 0.85), (0.28, 0.85)], M.BRICK, 0.38, lit=0.1)
