"""Subjects that people built, seen from outside."""

import numpy as np

from ..sketch import Sketch, bow, ridge
from .settings import M, Rng, clouds, hills, land, small_tree


def house(s: Sketch, rng: Rng) -> None:
    """A house with a path and a small tree."""
    h = land(s)
    hills(s, rng, h - 0.04, M.LEAF, 0.6, swell=0.03)
    s.polygon([(0.42, h + 0.2), (0.52, h + 0.2), (0.8, 1.05), (0.3, 1.05)], M.EARTH, 0.75)
    s.begin_subject()
    s.box(0.25, 0.46, 0.6, 0.8, M.CREAM, 0.85)
    s.polygon([(0.6, 0.46), (0.8, 0.44), (0.8, 0.76), (0.6, 0.8)], M.CREAM, 0.6)
    s.polygon([(0.19, 0.48), (0.36, 0.26), (0.72, 0.25), (0.63, 0.48)], M.BRICK, 0.48)
    s.polygon([(0.63, 0.48), (0.72, 0.25), (0.84, 0.45)], M.BRICK, 0.35)
    s.box(0.42, 0.16, 0.49, 0.32, M.BRICK, 0.4)
    s.box(0.38, 0.6, 0.47, 0.8, M.WOOD, 0.3)
    for x in (0.29, 0.51):
        s.box(x, 0.55, x + 0.06, 0.65, M.NIGHT, 0.25)
    small_tree(s, 0.12, 0.82, 0.4)


def city(s: Sketch, rng: Rng) -> None:
    """Two rows of houses with lit windows."""
    land(s, M.STONE, 0.4, 0.75)
    s.begin_subject()
    for base, value, heights in ((0.72, 0.6, rng.uniform(0.25, 0.5, 7)), (0.86, 0.38, rng.uniform(0.2, 0.55, 5))):
        width = 1.1 / len(heights)
        for k, height in enumerate(heights.tolist()):
            x, material = -0.05 + k * width, (M.BRICK, M.STONE, M.CREAM)[k % 3]
            s.box(x, base - height, x + width * 0.92, base + 0.3, material, value + 0.06 * (k % 3), fade=-0.1)
            for row in range(2):
                for column in range(2):
                    left, top = x + width * (0.15 + 0.42 * column), base - height + 0.06 + 0.12 * row
                    s.box(left, top, left + width * 0.2, top + 0.055, M.GOLD, 0.88 - 0.5 * ((k + row + column) % 2))


def bridge(s: Sketch, rng: Rng) -> None:
    """A stone bridge of three arches."""
    h = land(s, M.WATER, 0.45)
    hills(s, rng, h - 0.06, M.LEAF, 0.55, swell=0.05)
    s.box(0, h + 0.06, 1, 1.2, M.WATER, 0.5, fade=-0.2)
    s.begin_subject()
    deck = bow(-0.3, 0.6, 1.3, 0.6, 0.16)
    s.polygon([*deck, (1.3, 0.88), (-0.3, 0.88)], M.STONE, 0.62, lit=0.1)
    for x in (0.08, 0.5, 0.92):
        s.disc(x, 0.84, 0.155, M.WATER, 0.3, tall=1.35)
    s.line([(x, y + 0.01) for x, y in deck], 0.03, M.CREAM, 0.85)
    s.polygon([(-0.5, 0.86), (1.5, 0.86), (1.5, 1.4), (-0.5, 1.4)], M.WATER, 0.42, fade=0.1)


def windmill(s: Sketch, rng: Rng) -> None:
    """A windmill in a field."""
    h = land(s, M.GOLD, 0.62)
    clouds(s, rng)
    hills(s, rng, h + 0.12, M.LEAF, 0.45, swell=0.03)
    s.begin_subject()
    s.polygon([(0.36, 0.92), (0.43, 0.42), (0.57, 0.42), (0.64, 0.92)], M.BRICK, 0.5, lit=0.15)
    s.polygon([(0.41, 0.43), (0.5, 0.3), (0.59, 0.43)], M.WOOD, 0.28)
    turn = float(rng.uniform(0.3, 1.2))
    for k in range(4):
        c, d = float(np.cos(turn + k * np.pi / 2)), float(np.sin(turn + k * np.pi / 2))
        tip = (0.5 + 0.34 * c, 0.4 + 0.34 * d)
        s.polygon(
            [
                (0.5 + 0.06 * c, 0.4 + 0.06 * d),
                tip,
                (tip[0] - 0.09 * d, tip[1] + 0.09 * c),
                (0.5 + 0.06 * c - 0.07 * d, 0.4 + 0.06 * d + 0.07 * c),
            ],
            M.SNOW,
            0.88,
        )
        s.line([(0.5, 0.4), tip], 0.018, M.WOOD, 0.2)
    s.box(0.47, 0.76, 0.54, 0.92, M.INK, 0.15)


def lighthouse(s: Sketch, rng: Rng) -> None:
    """A striped lighthouse on a rock."""
    h = land(s, M.WATER, 0.42, 0.72)
    clouds(s, rng, 2)
    s.polygon([(0.0, 1.05), (0.12, h + 0.16), (0.45, h + 0.1), (0.8, h + 0.18), (1.0, 1.05)], M.STONE, 0.35, lit=0.15)
    s.begin_subject()
    s.polygon([(0.39, 0.82), (0.44, 0.26), (0.56, 0.26), (0.61, 0.82)], M.SNOW, 0.9, lit=0.12)
    for y in (0.36, 0.58):
        s.polygon(
            [
                (0.43 - (y - 0.36) * 0.08, y),
                (0.57 + (y - 0.36) * 0.08, y),
                (0.58 + (y - 0.36) * 0.08, y + 0.1),
                (0.42 - (y - 0.36) * 0.08, y + 0.1),
            ],
            M.CLOTH,
            0.45,
        )
    s.box(0.45, 0.16, 0.55, 0.26, M.GOLD, 0.92)
    s.polygon([(0.42, 0.17), (0.5, 0.07), (0.58, 0.17)], M.BRICK, 0.35)


def castle(s: Sketch, rng: Rng) -> None:
    """A castle with three towers."""
    h = land(s)
    hills(s, rng, h + 0.02, M.LEAF, 0.5)
    s.begin_subject()
    s.box(0.22, 0.5, 0.78, 0.86, M.STONE, 0.62)
    for x, top in ((0.14, 0.34), (0.68, 0.3), (0.42, 0.22)):
        s.box(x, top, x + 0.18, 0.86, M.STONE, 0.55, lit=0.18)
        s.polygon([(x - 0.03, top), (x + 0.09, top - 0.2), (x + 0.21, top)], M.BRICK, 0.4, lit=0.1)
        s.box(x + 0.07, top + 0.1, x + 0.11, top + 0.2, M.INK, 0.15)
    s.disc(0.51, 0.8, 0.07, M.WOOD, 0.2, tall=1.5)
    hills(s, rng, 0.88, M.LEAF, 0.38, swell=0.02)


def church(s: Sketch, rng: Rng) -> None:
    """A church in the snow."""
    h = land(s, M.SNOW, 0.88, 0.55)
    hills(s, rng, h, M.SNOW, 0.8, swell=0.03)
    s.begin_subject()
    s.box(0.4, 0.5, 0.82, 0.84, M.CREAM, 0.75)
    s.polygon([(0.36, 0.52), (0.46, 0.36), (0.78, 0.36), (0.87, 0.52)], M.BRICK, 0.4)
    s.box(0.22, 0.36, 0.42, 0.84, M.CREAM, 0.68, lit=0.1)
    s.polygon([(0.19, 0.37), (0.32, 0.04), (0.45, 0.37)], M.NIGHT, 0.3, lit=0.12)
    s.box(0.28, 0.66, 0.36, 0.84, M.WOOD, 0.22)
    for x in (0.5, 0.6, 0.7):
        s.disc(x, 0.66, 0.03, M.NIGHT, 0.22, tall=2)
    for x in (0.08, 0.93):
        s.line([(x, 0.88), (x, 0.6)], 0.02, M.INK, 0.15)
        s.line([(x - 0.07, 0.6), (x, 0.72), (x + 0.07, 0.58)], 0.012, M.INK, 0.15)


def train(s: Sketch, rng: Rng) -> None:
    """A steam engine."""
    h = land(s, M.GOLD, 0.58)
    hills(s, rng, h - 0.02, M.LEAF, 0.5, swell=0.03)
    for k in range(4):
        s.disc(0.3 + 0.15 * k, 0.24 - 0.03 * k, 0.07 + 0.02 * k, M.CLOUD, 0.88, tall=0.7, lit=0.12)
    s.box(0, 0.86, 1, 0.92, M.EARTH, 0.35)
    s.begin_subject()
    s.box(0.2, 0.52, 0.6, 0.78, M.CLOTH, 0.4, lit=0.2)
    s.box(0.58, 0.36, 0.84, 0.8, M.INK, 0.3, lit=0.12)
    s.box(0.64, 0.43, 0.78, 0.56, M.GOLD, 0.85)
    s.box(0.25, 0.34, 0.32, 0.53, M.INK, 0.22)
    s.polygon([(0.08, 0.86), (0.2, 0.7), (0.2, 0.86)], M.BRICK, 0.4)
    for x, radius in ((0.28, 0.075), (0.45, 0.075), (0.7, 0.1)):
        s.disc(x, 0.85, radius, M.INK, 0.12)
        s.disc(x, 0.85, radius * 0.45, M.BRICK, 0.5)


def umbrella(s: Sketch, rng: Rng) -> None:
    """A parasol on the beach."""
    h = land(s, M.WATER, 0.55, 0.85)
    s.polygon(ridge(bow(-0.1, h + 0.18, 1.1, h + 0.14, 0.02)), M.EARTH, 0.78)
    s.begin_subject()
    s.disc(0.6, 0.92, 0.3, M.EARTH, 0.5, tall=0.14)
    s.line([(0.5, 0.3), (0.54, 0.92)], 0.022, M.WOOD, 0.3)
    s.polygon(bow(0.12, 0.5, 0.88, 0.46, 0.3), M.CLOTH, 0.5, lit=0.15)
    stripes = 3 + 2 * int(rng.integers(2))
    rim = [(0.12 + 0.76 * k / stripes, 0.5 - 0.04 * k / stripes) for k in range(stripes + 1)]
    for k in range(0, stripes, 2):
        s.polygon([(0.5, 0.17), rim[k], rim[k + 1]], M.SNOW, 0.88)
    s.disc(0.24, 0.88, 0.07, M.FRUIT, 0.6, lit=0.25)
