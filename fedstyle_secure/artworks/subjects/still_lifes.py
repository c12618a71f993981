"""Subjects that keep still: plants and things, most of them on a table."""

import numpy as np

from ..sketch import Sketch, bow, star
from .settings import M, Rng, room


def vase(s: Sketch, rng: Rng) -> None:
    """Flowers in a vase."""
    room(s)
    for x, y in zip(np.linspace(0.26, 0.74, 6).tolist(), rng.uniform(0.14, 0.38, 6).tolist(), strict=True):
        s.line([(0.5, 0.58), (x, y)], 0.012, M.LEAF, 0.35)
        s.polygon(star(x, y, 0.095, 0.055, 7), M.PETAL, 0.65, lit=0.2)
        s.disc(x, y, 0.03, M.GOLD, 0.75)
    s.polygon(
        [(0.43, 0.5), (0.57, 0.5), (0.57, 0.56), (0.68, 0.7), (0.62, 0.88), (0.38, 0.88), (0.32, 0.7), (0.43, 0.56)],
        M.WATER,
        0.5,
        lit=0.3,
    )


def flower(s: Sketch, rng: Rng) -> None:
    """One large flower."""
    s.box(0, 0, 1, 1, M.LEAF, 0.35, fade=0.2)
    s.begin_subject()
    s.line(bow(0.5, 0.45, 0.46, 1.2, float(rng.uniform(-0.06, 0.06))), 0.035, M.LEAF, 0.6)
    s.polygon([(0.48, 0.9), (0.7, 0.7), (0.84, 0.72), (0.68, 0.86)], M.LEAF, 0.62)
    s.polygon([(0.48, 0.98), (0.28, 0.8), (0.14, 0.84), (0.3, 0.96)], M.LEAF, 0.55)
    turn = float(rng.uniform(0, 1))
    for k in range(8):
        angle = (k + turn) * np.pi / 4
        s.disc(
            0.5 + 0.2 * float(np.cos(angle)),
            0.4 + 0.2 * float(np.sin(angle)),
            0.115,
            M.PETAL,
            0.68 + 0.06 * (k % 2),
            lit=0.2,
        )
    s.disc(0.5, 0.4, 0.115, M.GOLD, 0.6, lit=0.25)


def fruit_bowl(s: Sketch, rng: Rng) -> None:
    """Fruit in a bowl on a cloth."""
    room(s, M.STONE)
    s.polygon([(0.05, 0.84), (0.5, 0.74), (0.95, 0.84), (0.6, 1.1)], M.SNOW, 0.85)
    for x, y, material in (
        (0.34, 0.52, M.FRUIT),
        (0.64, 0.52, M.LEAF),
        (0.49, 0.44, M.GOLD),
        (0.44, 0.57, M.FRUIT),
        (0.58, 0.58, M.GOLD),
    ):
        s.disc(x, y + float(rng.uniform(-0.02, 0.02)), 0.115, material, 0.55, lit=0.28)
    s.polygon([(0.2, 0.58), (0.8, 0.58), (0.68, 0.8), (0.58, 0.85), (0.42, 0.85), (0.32, 0.8)], M.WATER, 0.45, lit=0.22)
    s.disc(0.84, 0.84, 0.085, M.FRUIT, 0.5, lit=0.28)


def apple(s: Sketch, rng: Rng) -> None:
    """One apple with a leaf."""
    room(s, M.NIGHT, M.SNOW, 0.5)
    s.disc(0.58, 0.86, 0.3, M.INK, 0.25, tall=0.16)
    for x in (0.41, 0.59):
        s.disc(x, 0.6, 0.2, M.FRUIT, 0.52, tall=1.3, lit=0.3)
    s.disc(0.5, 0.62, 0.2, M.FRUIT, 0.52, tall=1.2, lit=0.2)
    s.line(bow(0.5, 0.4, 0.56, 0.2, float(rng.uniform(-0.05, 0.05))), 0.03, M.WOOD, 0.2)
    s.polygon([(0.54, 0.3), (0.64, 0.18), (0.8, 0.2), (0.68, 0.32)], M.LEAF, 0.5, lit=0.15)


def teapot(s: Sketch, rng: Rng) -> None:
    """A teapot."""
    room(s, M.LEAF, M.CREAM)
    s.disc(0.76, 0.58, 0.14, M.SNOW, 0.75)
    s.disc(0.75, 0.58, 0.085, M.LEAF, 0.5)
    s.polygon([(0.34, 0.62), (0.1, 0.4), (0.17, 0.37), (0.38, 0.52)], M.SNOW, 0.72)
    s.disc(0.51, 0.62, 0.245, M.SNOW, 0.78, tall=0.85, lit=0.2)
    for x in np.linspace(0.36, 0.66, 4).tolist():
        s.polygon(star(x, 0.62 + float(rng.uniform(-0.04, 0.04)), 0.045, 0.02, 5), M.WATER, 0.42)
    s.disc(0.51, 0.43, 0.13, M.SNOW, 0.65, tall=0.35)
    s.disc(0.51, 0.37, 0.035, M.CLOTH, 0.5)


def bottles(s: Sketch, rng: Rng) -> None:
    """Four bottles in a row."""
    room(s, M.EARTH, M.STONE)
    for x, height, width, material in (
        (0.22, 0.5, 0.075, M.LEAF),
        (0.42, 0.66, 0.07, M.WATER),
        (0.62, 0.42, 0.085, M.BRICK),
        (0.82, 0.58, 0.07, M.SNOW),
    ):
        top = 0.88 - height * float(rng.uniform(0.9, 1.1))
        shoulder = top + 0.4 * (0.88 - top)
        s.polygon(
            [
                (x - 0.03, top),
                (x + 0.03, top),
                (x + 0.03, shoulder - 0.08),
                (x + width, shoulder),
                (x + width, 0.88),
                (x - width, 0.88),
                (x - width, shoulder),
                (x - 0.03, shoulder - 0.08),
            ],
            material,
            0.45,
            lit=0.28,
        )
        s.box(x - width, 0.66, x + width, 0.76, M.CREAM, 0.85)


def mushrooms(s: Sketch, rng: Rng) -> None:
    """A large and a small mushroom."""
    s.box(0, 0, 1, 1, M.LEAF, 0.28, fade=0.25)
    s.box(0, 0.84, 1, 1.2, M.EARTH, 0.32)
    s.begin_subject()
    for x, y, size in ((0.72, 0.56, 0.6), (0.36, 0.42, 1.0)):
        s.polygon(
            [(x - 0.06 * size, y), (x + 0.06 * size, y), (x + 0.09 * size, 0.9), (x - 0.09 * size, 0.9)],
            M.CREAM,
            0.82,
            lit=0.12,
        )
        s.polygon(bow(x - 0.26 * size, y + 0.05, x + 0.26 * size, y + 0.05, 0.32 * size), M.FRUIT, 0.48, lit=0.2)
        for dx, dy in ((-0.12, -0.02), (0.02, -0.12), (0.13, -0.02)):
            s.disc(x + dx * size, y + dy * size, 0.035 * size * float(rng.uniform(0.8, 1.3)), M.SNOW, 0.92)


def chair(s: Sketch, rng: Rng) -> None:
    """A chair with a cushion."""
    room(s, M.WATER, M.BRICK, 0.68)
    for x, top in ((0.3, 0.16), (0.6, 0.16)):
        s.line([(x, top), (x, 0.9)], 0.045, M.WOOD, 0.42)
    for y in (0.2, 0.32, 0.44):
        s.line([(0.3, y), (0.6, y)], 0.035, M.WOOD, 0.5)
    for x in (0.4, 0.74):
        s.line([(x, 0.64), (x, 0.98)], 0.045, M.WOOD, 0.38)
    s.polygon([(0.28, 0.56), (0.62, 0.56), (0.78, 0.68), (0.38, 0.68)], M.GOLD, 0.75)
    s.disc(0.53, 0.61, 0.09 * float(rng.uniform(0.8, 1.2)), M.CLOTH, 0.5, tall=0.4)
