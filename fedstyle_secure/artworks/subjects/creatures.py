"""Subjects that breathe."""

from ..sketch import Sketch, bow, ridge, star
from .settings import M, Rng, clouds, hills, land, room


def bust(s: Sketch, rng: Rng) -> None:
    """Head and shoulders of a sitter."""
    s.box(0, 0, 1, 1, M.NIGHT, 0.4, fade=float(rng.uniform(-0.2, 0.2)))
    s.begin_subject()
    s.disc(0.5, 0.38, 0.24, M.WOOD, 0.2, tall=1.2)
    s.polygon([(0.12, 1.2), (0.18, 0.84), (0.4, 0.74), (0.6, 0.74), (0.82, 0.84), (0.88, 1.2)], M.CLOTH, 0.42, lit=0.15)
    s.box(0.43, 0.58, 0.57, 0.78, M.SKIN, 0.55)
    s.disc(0.5, 0.42, 0.175, M.SKIN, 0.7, tall=1.35, lit=0.22)
    s.polygon(bow(0.31, 0.36, 0.69, 0.36, 0.22), M.WOOD, 0.22)
    for x in (0.43, 0.57):
        s.disc(x, 0.42, 0.025, M.INK, 0.12, tall=0.6)
    s.polygon([(0.5, 0.42), (0.53, 0.52), (0.48, 0.52)], M.SKIN, 0.48)
    s.disc(0.5, 0.58, 0.045, M.FRUIT, 0.42, tall=0.35)
    s.polygon([(0.4, 0.75), (0.6, 0.75), (0.5, 0.92)], M.SNOW, 0.85)


def dancers(s: Sketch, rng: Rng) -> None:
    """Three dancers with raised arms."""
    room(s, M.BRICK, M.WOOD, 0.55)
    for x, material in ((0.24, M.WATER), (0.52, M.CLOTH), (0.8, M.PETAL)):
        lean = float(rng.uniform(-0.06, 0.06))
        for side in (-0.03, 0.04):
            s.line([(x + side, 0.72), (x + side - lean, 0.95)], 0.028, M.SKIN, 0.6)
        for side in (-1, 1):
            s.line(
                [(x + lean, 0.42), (x + lean + side * 0.1, 0.3), (x + lean + side * 0.05, 0.14)], 0.026, M.SKIN, 0.68
            )
        s.polygon(
            [(x + lean - 0.04, 0.4), (x + lean + 0.04, 0.4), (x + 0.15, 0.74), (x - 0.15, 0.74)], material, 0.7, lit=0.2
        )
        s.disc(x + lean, 0.32, 0.05, M.SKIN, 0.72, tall=1.2, lit=0.1)
        s.disc(x + lean, 0.27, 0.045, M.WOOD, 0.2, tall=0.6)


def cat(s: Sketch, rng: Rng) -> None:
    """A cat, seated."""
    room(s, M.BRICK, M.CLOTH, 0.66)
    s.line(bow(0.62, 0.86, 0.88, 0.5, float(rng.uniform(-0.12, -0.04))), 0.055, M.INK, 0.25)
    s.disc(0.5, 0.72, 0.2, M.INK, 0.28, tall=1.1, lit=0.15)
    s.disc(0.45, 0.42, 0.15, M.INK, 0.3, tall=0.9, lit=0.12)
    for x in (0.31, 0.47):
        s.polygon([(x, 0.36), (x + 0.03, 0.2), (x + 0.13, 0.33)], M.INK, 0.25)
    for x in (0.39, 0.51):
        s.disc(x, 0.41, 0.033, M.GOLD, 0.85)
        s.disc(x, 0.41, 0.012, M.INK, 0.05, tall=2)
    s.polygon([(0.43, 0.46), (0.47, 0.46), (0.45, 0.49)], M.PETAL, 0.7)
    s.disc(0.45, 0.72, 0.08, M.SNOW, 0.8, tall=1.4)


def bird(s: Sketch, rng: Rng) -> None:
    """A bird on a branch."""
    s.box(0, 0, 1, 1, M.SKY, 0.78, fade=0.1)
    clouds(s, rng, 2)
    s.begin_subject()
    s.line([(0.0, 0.8), (0.45, 0.74), (1.0, 0.86)], 0.045, M.WOOD, 0.25)
    for x, y in ((0.14, 0.7), (0.8, 0.74), (0.9, 0.9)):
        s.disc(x, y, 0.07, M.LEAF, 0.45, tall=0.5, lit=0.15)
    s.polygon([(0.62, 0.6), (0.92, 0.66), (0.88, 0.78), (0.6, 0.7)], M.NIGHT, 0.3)
    s.disc(0.48, 0.56, 0.2, M.WATER, 0.5, tall=0.85, lit=0.2)
    s.disc(0.42, 0.62, 0.12, M.FRUIT, 0.62, tall=0.9, lit=0.15)
    s.disc(0.33, 0.38, 0.115, M.WATER, 0.48, lit=0.2)
    s.polygon([(0.12, 0.42), (0.24, 0.35), (0.25, 0.43)], M.GOLD, 0.7)
    s.disc(0.3, 0.36, 0.022, M.INK, 0.05)
    s.polygon([(0.45, 0.45), (0.72, 0.58), (0.7, 0.68), (0.5, 0.64)], M.NIGHT, 0.36)


def fish(s: Sketch, rng: Rng) -> None:
    """A striped fish among weeds."""
    s.box(0, 0, 1, 1, M.WATER, 0.5, fade=-0.3)
    for x, y in rng.uniform(0.05, 0.95, (6, 2)).tolist():
        s.disc(x, y, 0.025, M.CLOUD, 0.85)
    s.polygon(ridge(bow(-0.1, 0.95, 1.1, 0.93, 0.03)), M.EARTH, 0.6)
    for x in (0.1, 0.88):
        s.line(bow(x, 0.95, x + 0.05, 0.55, 0.05), 0.03, M.LEAF, 0.35)
    s.begin_subject()
    s.polygon([(0.68, 0.5), (0.94, 0.3), (0.88, 0.5), (0.94, 0.72)], M.FRUIT, 0.5)
    s.polygon([(0.35, 0.4), (0.5, 0.2), (0.66, 0.4)], M.FRUIT, 0.45)
    s.disc(0.45, 0.5, 0.29, M.FRUIT, 0.6, tall=0.62, lit=0.25)
    for x in (0.4, 0.54):
        s.polygon([(x, 0.34), (x + 0.06, 0.35), (x + 0.05, 0.65), (x, 0.67)], M.SNOW, 0.85)
    s.disc(0.27, 0.46, 0.04, M.SNOW, 0.95)
    s.disc(0.265, 0.46, 0.02, M.INK, 0.05)


def owl(s: Sketch, rng: Rng) -> None:
    """An owl at night."""
    s.box(0, 0, 1, 1, M.NIGHT, 0.28, fade=0.15)
    s.disc(float(rng.uniform(0.15, 0.3)), 0.2, 0.13, M.GOLD, 0.85)
    s.begin_subject()
    s.line([(-0.2, 0.9), (1.2, 0.84)], 0.07, M.WOOD, 0.3)
    s.disc(0.5, 0.6, 0.24, M.WOOD, 0.45, tall=1.2, lit=0.15)
    s.disc(0.5, 0.68, 0.15, M.CREAM, 0.7, tall=1.2)
    s.polygon([(0.28, 0.22), (0.4, 0.27), (0.6, 0.27), (0.72, 0.22), (0.7, 0.48), (0.3, 0.48)], M.WOOD, 0.38)
    for x in (0.4, 0.6):
        s.disc(x, 0.41, 0.1, M.CREAM, 0.88)
        s.disc(x, 0.41, 0.055, M.GOLD, 0.7)
        s.disc(x, 0.41, 0.03, M.INK, 0.05)
    s.polygon([(0.47, 0.46), (0.53, 0.46), (0.5, 0.55)], M.FRUIT, 0.6)


def butterfly(s: Sketch, rng: Rng) -> None:
    """A butterfly with open wings."""
    s.box(0, 0, 1, 1, M.LEAF, 0.66, fade=-0.2)
    for x, y in rng.uniform(0.05, 0.95, (7, 2)).tolist():
        s.polygon(star(x, y, 0.05, 0.025, 5), M.CREAM, 0.85)
    s.begin_subject()
    for side in (-1, 1):
        for dx, dy, radius, tall, material in ((0.2, 0.42, 0.19, 1.1, M.FRUIT), (0.15, 0.72, 0.14, 1.0, M.PETAL)):
            s.disc(0.5 + side * dx, dy, radius, M.INK, 0.15, tall=tall)
            s.disc(0.5 + side * dx, dy, radius * 0.8, material, 0.65, tall=tall, lit=0.15)
            s.disc(0.5 + side * dx * 1.15, dy, radius * 0.32, M.GOLD, 0.85)
        s.line(bow(0.5, 0.38, 0.5 + side * 0.13, 0.12, 0.02), 0.015, M.INK, 0.1)
    s.disc(0.5, 0.57, 0.035, M.INK, 0.12, tall=6.5)


def horse(s: Sketch, rng: Rng) -> None:
    """A horse, standing."""
    h = land(s)
    hills(s, rng, h + 0.03, M.LEAF, 0.52, swell=0.03)
    s.begin_subject()
    for x, lean in ((0.32, -0.03), (0.4, 0.04), (0.64, -0.03), (0.7, 0.05)):
        s.line([(x, 0.62), (x + lean * 0.4, 0.76), (x + lean, 0.94)], 0.045, M.WOOD, 0.3)
    s.disc(0.51, 0.57, 0.235, M.WOOD, 0.42, tall=0.55, lit=0.2)
    s.polygon([(0.22, 0.26), (0.34, 0.24), (0.5, 0.5), (0.32, 0.64)], M.WOOD, 0.4)
    s.polygon([(0.08, 0.42), (0.22, 0.2), (0.32, 0.26), (0.26, 0.36), (0.14, 0.47)], M.WOOD, 0.45)
    s.polygon([(0.27, 0.16), (0.36, 0.22), (0.52, 0.48), (0.44, 0.46)], M.INK, 0.18)
    s.line(bow(0.72, 0.52, 0.86, 0.8, 0.06), 0.055, M.INK, 0.18)


def cow(s: Sketch, rng: Rng) -> None:
    """A spotted cow."""
    h = land(s)
    clouds(s, rng, 2)
    hills(s, rng, h + 0.02, M.LEAF, 0.58, swell=0.02)
    s.begin_subject()
    for x in (0.3, 0.4, 0.66, 0.76):
        s.box(x, 0.66, x + 0.055, 0.92, M.CREAM, 0.6)
    s.polygon([(0.26, 0.44), (0.8, 0.42), (0.84, 0.7), (0.7, 0.75), (0.3, 0.75)], M.CREAM, 0.85, lit=0.15)
    for x, y, radius in ((0.44, 0.52, 0.09), (0.66, 0.58, 0.1), (0.78, 0.48, 0.05)):
        s.disc(x, y, radius, M.INK, 0.2)
    s.polygon([(0.1, 0.34), (0.28, 0.34), (0.3, 0.5), (0.22, 0.62), (0.13, 0.6)], M.INK, 0.25)
    s.disc(0.16, 0.58, 0.07, M.PETAL, 0.72, tall=0.7)
    s.line(bow(0.08, 0.3, 0.3, 0.3, -0.06), 0.025, M.SNOW, 0.9)
