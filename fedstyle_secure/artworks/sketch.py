"""A sketch says what is where and how light it is; colors, lines and brushwork are the painter's own business."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import cos, pi, sin
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point: TypeAlias = tuple[float, float]


class Material(IntEnum):
    """What a shape is made of; each painter has colors of his own for it."""

    SKY = 0
    CLOUD = 1
    WATER = 2
    LEAF = 3
    EARTH = 4
    STONE = 5
    SNOW = 6
    WOOD = 7
    BRICK = 8
    SKIN = 9
    CLOTH = 10
    GOLD = 11
    FRUIT = 12
    NIGHT = 13
    PETAL = 14
    INK = 15
    CREAM = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a scene is arranged on the canvas, in units of the picture's side.

    Attributes:
        horizon: Height at which sky and ground meet, from the top.
        scale: Size of the subject; 1 fills most of the canvas.
        shift: Where the subject stands off the middle, (right, down).
        is_mirrored: The subject faces the other way.
    """

    horizon: float = 0.6
    scale: float = 1.0
    shift: Point = (0.0, 0.0)
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A finished sketch of side S.

    Attributes:
        value: float32 [S, S]: lightness as drawn, 0 dark to 1 light.
        material: uint8 [S, S]: a `Material` for each pixel.
        shape: uint8 [S, S]: the number of the shape seen at each pixel; outlines run where it changes.
    """

    value: NDArray[np.float32]
    material: NDArray[np.uint8]
    shape: NDArray[np.uint8]


_MIDDLE: Final = 0.5
_FLOOR: Final = 0.62
"""Subjects grow and shrink about this point, so that they keep standing on the ground."""


class Sketch:
    """A square sheet; shapes drawn later hide earlier ones. Coordinates: (0, 0) is top left, (1, 1) bottom right.

    Shapes of the setting are placed as given; after `begin_subject` all shapes follow the pose. `lit` is the gain in
    value towards the upper left of a round shape, `fade` the gain in value from its top to its bottom.
    """

    def __init__(self, size: int, pose: Pose) -> None:
        self.size = size
        self.pose = pose
        self._image = Image.new("L", (size, size))
        self._draw = ImageDraw.Draw(self._image)
        self._shapes: list[tuple[float, ...]] = []
        self._is_posed = False

    def begin_subject(self) -> None:
        """From here on, shapes are scaled, moved and mirrored by the pose."""
        self._is_posed = True

    def polygon(
        self, points: Sequence[Point], material: Material, value: float, *, lit: float = 0, fade: float = 0
    ) -> None:
        """Fill a polygon."""
        placed = [self._place(x, y) for x, y in points]
        xs, ys = [x for x, _ in placed], [y for _, y in placed]
        ink = self._add((min(xs), min(ys), max(xs), max(ys)), material, value, lit, fade)
        self._draw.polygon(placed, fill=ink)

    def box(  # noqa: PLR0917  # four edges and what they hold
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        material: Material,
        value: float,
        *,
        lit: float = 0,
        fade: float = 0,
    ) -> None:
        """Fill an upright rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], material, value, lit=lit, fade=fade)

    def disc(
        self,
        x: float,
        y: float,
        radius: float,
        material: Material,
        value: float,
        *,
        tall: float = 1,
        lit: float = 0,
        fade: float = 0,
    ) -> None:
        """Fill an ellipse of half-width `radius`, `tall` times as high as wide."""
        (ax, ay), (bx, by) = self._place(x - radius, y - radius * tall), self._place(x + radius, y + radius * tall)
        bounds = (min(ax, bx), ay, max(ax, bx), by)
        self._draw.ellipse(bounds, fill=self._add(bounds, material, value, lit, fade))

    def line(self, points: Sequence[Point], width: float, material: Material, value: float) -> None:
        """Draw a line through the points."""
        placed = [self._place(x, y) for x, y in points]
        pixels = max(1, round(width * self.size * (self.pose.scale if self._is_posed else 1)))
        self._draw.line(placed, fill=self._add((0, 0, 1, 1), material, value, 0, 0), width=pixels, joint="curve")

    def finish(self) -> Scene:
        """Work out material and value for every pixel."""
        shape = np.asarray(self._image)
        rows = np.array(self._shapes, np.float32)
        _, value, lit, fade, x, y, rx, ry = rows[shape.astype(np.intp)].transpose(2, 0, 1)
        grid = np.arange(self.size, dtype=np.float32)
        across, down = (grid[None, :] - x) / rx, (grid[:, None] - y) / ry
        light = np.clip(0.75 - ((across + 0.35) ** 2 + (down + 0.4) ** 2), -1, 1)
        value = value + lit * light + fade * down * 0.5
        return Scene(value=np.clip(value, 0, 1), material=rows[:, 0].astype(np.uint8)[shape], shape=shape)

    def _place(self, x: float, y: float) -> Point:
        if self._is_posed:
            pose = self.pose
            x = _MIDDLE + (x - _MIDDLE) * pose.scale * (-1 if pose.is_mirrored else 1) + pose.shift[0]
            y = _FLOOR + (y - _FLOOR) * pose.scale + pose.shift[1]
        return x * self.size, y * self.size

    def _add(
        self, bounds: tuple[float, float, float, float], material: Material, value: float, lit: float, fade: float
    ) -> int:
        x0, y0, x1, y1 = bounds
        center = ((x0 + x1) / 2, (y0 + y1) / 2, max((x1 - x0) / 2, 1.0), max((y1 - y0) / 2, 1.0))
        self._shapes.append((float(material), value, lit, fade, *center))
        return len(self._shapes) - 1


def ridge(points: Sequence[Point], *, floor: float = 1.0) -> list[Point]:
    """Close a skyline, given from left to right, down to `floor`."""
    return [*points, (points[-1][0], floor), (points[0][0], floor)]


def star(x: float, y: float, outer: float, inner: float, rays: int) -> list[Point]:
    """A star's corners, first ray up."""
    turns = [pi * k / rays - pi / 2 for k in range(2 * rays)]
    return [
        (x + (inner if k % 2 else outer) * cos(a), y + (inner if k % 2 else outer) * sin(a))
        for k, a in enumerate(turns)
    ]


def bow(x0: float, y0: float, x1: float, y1: float, rise: float) -> list[Point]:
    """Nine points on an arc from (x0, y0) to (x1, y1) whose middle lies `rise` above the chord."""
    steps = [k / 8 for k in range(9)]
    return [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t - rise * 4 * t * (1 - t)) for t in steps]
