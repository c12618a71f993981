"""Paints a scene in one hand: strokes laid in layers over a washed ground, all in numpy, at twice the final size.

A stroke is a strip that follows a direction field. Its strip is cut into samples; a later stroke's samples hide
earlier ones at the same pixel. Only the winning samples are then shaded, with the furrows of the brush along them.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .colors import to_ab, to_srgb
from .hands import Hand
from .sketch import Scene
from .study import Study, make_study

_OVERSAMPLING: Final = 2
_BENDS: Final = 5
"""Pieces of a bent stroke."""
_BRUSHES: Final = 48
"""Different bristle patterns in one layer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Easel:
    """A picture in the making, with all that goes into it; the canvas changes in place.

    `paint` is float32 [R, R, 3] sRGB and `relief` float32 [R, R] the height of the paint, R the oversampled side.
    """

    hand: Hand
    study: Study
    rng: np.random.Generator
    paint: NDArray[np.float32]
    relief: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.study.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brush:
    """One layer's strokes: width in pixels of the scene, and samples along and across a stroke."""

    width: float
    elongation: float
    is_outline: bool = False

    @property
    def along(self) -> int:
        return max(3, ceil(self.width * self.elongation * _OVERSAMPLING))

    @property
    def across(self) -> int:
        return max(3, ceil(self.width * _OVERSAMPLING * 1.2))


def paint(scene: Scene, hand: Hand, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint `scene` [S, S] as `hand` does, and photograph it: uint8 [S, S, 3] sRGB."""
    easel = _prime(hand, make_study(scene, hand, rng), rng)
    size, edges = easel.size, easel.study.edges
    width = hand.stroke_width * size
    for scale, density in ((2.2, 0.6), (1.0, 1.0)):
        brush = _Brush(width=width * scale, elongation=hand.elongation)
        _lay(easel, brush, _scatter(easel, brush, density))
    fine = max(width * 0.45, 0.9)
    chosen = edges[rng.random(len(edges)) < (0.08 + 0.3 * hand.detail) / fine**0.5]
    _lay(easel, _Brush(width=fine, elongation=min(hand.elongation, 3)), chosen)
    if hand.outline > 0.25:
        chosen = edges[rng.random(len(edges)) < 0.35]
        _lay(easel, _Brush(width=hand.outline_width * size, elongation=5, is_outline=True), chosen)
    return _photograph(_light(easel), rng)


def _prime(hand: Hand, study: Study, rng: np.random.Generator) -> _Easel:
    """The ground, and on it a thin wash of what is to come: it shows wherever strokes leave gaps."""
    wash = study.lab[::2, ::2]
    ground = np.array([hand.ground, *to_ab(*hand.palette[0]) * 0.5], np.float32)
    thin = to_srgb((ground + np.float32(hand.coverage) * (wash - ground)).reshape(-1, 3)).reshape(wash.shape)
    side = len(study.shape) * _OVERSAMPLING
    paint = thin.repeat(2 * _OVERSAMPLING, axis=0).repeat(2 * _OVERSAMPLING, axis=1)[:side, :side]
    return _Easel(hand, study, rng, np.ascontiguousarray(paint), np.zeros((side, side), np.float32))


def _scatter(easel: _Easel, brush: _Brush, density: float) -> NDArray[np.float32]:
    """Starting points [strokes, 2] as (x, y) in pixels of the scene, on a shaken grid, in random order."""
    spacing = brush.width * brush.elongation**0.5 * 0.7 / (density * (0.5 + 0.5 * easel.hand.coverage))
    ticks = np.arange(-spacing, easel.size + spacing, spacing, dtype=np.float32)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    points += easel.rng.uniform(-0.6 * spacing, 0.6 * spacing, points.shape).astype(np.float32)
    return easel.rng.permutation(points)


def _lay(easel: _Easel, brush: _Brush, starts: NDArray[np.float32]) -> None:
    """Lay one layer of strokes, one from each start."""
    margin = easel.hand.margin * easel.size * easel.rng.uniform(0.8, 1.2, starts.shape)
    if easel.hand.margin > 0.01:
        starts = starts[np.all((starts >= margin) & (starts < easel.size - margin), axis=1)]
    if not len(starts):
        return
    colors = _pick_colors(easel, brush, starts)
    tone, opacity, height = _load(easel, brush)
    top = _splat(_trace(easel, brush, starts), brush, easel.hand.taper, len(easel.relief))
    pixels = np.flatnonzero(top >= 0)
    sample = top.take(pixels)
    pattern = sample % np.int32(len(tone))
    tint = colors.take(sample // np.int32(brush.along * brush.across), axis=0)
    tint *= tone.take(pattern)[:, None]
    covers = opacity.take(pattern)
    paint, relief = easel.paint.reshape(-1, 3), easel.relief.reshape(-1)
    below = paint.take(pixels, axis=0)
    tint -= below
    tint *= covers[:, None]
    tint += below
    paint[pixels] = tint
    relief[pixels] = relief.take(pixels) * np.float32(0.3) + covers * height.take(pattern)


def _load(easel: _Easel, brush: _Brush) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Tone, opacity and height of the paint at every sample of every brush: three [_BRUSHES * along * across]."""
    hand, rng, along, across = easel.hand, easel.rng, brush.along, brush.across
    # Furrows change across a stroke and hardly along it.
    furrow = rng.uniform(-1, 1, (_BRUSHES, 1, across)).astype(np.float32)
    change = rng.uniform(-0.5, 0.5, (_BRUSHES, 1 + along // 6, across)).astype(np.float32)
    furrow = furrow + change.repeat(6, axis=1)[:, :along]
    rim = np.linspace(-1, 1, across, dtype=np.float32) ** 4
    if brush.is_outline:
        opacity = np.full(furrow.shape, min(1, (hand.outline - 0.25) / 0.45), np.float32)
        return np.ones(furrow.size, np.float32), opacity.reshape(-1), (0.5 + 0.5 * rim + 0 * furrow).reshape(-1)
    # A dry brush lets the layer below through in its furrows, most of all towards the end of a stroke.
    end = np.linspace(0, 1, along, dtype=np.float32)[:, None]
    opacity = 1 - np.clip(3 * (np.float32(2.2 * hand.dryness) * (0.3 + end) + furrow - 1.6), 0, 1)
    tone, height = 1 + np.float32(0.22 * hand.bristle) * furrow, 0.5 + 0.5 * rim + 0.6 * furrow
    return tone.reshape(-1), opacity.reshape(-1), height.reshape(-1)


def _pick_colors(easel: _Easel, brush: _Brush, starts: NDArray[np.float32]) -> NDArray[np.float32]:
    """The color sRGB [strokes, 3] of each stroke: what is seen at its start, scattered as the hand does."""
    x, y = _pixels(starts, easel.size)
    lab = easel.study.lab[y, x]
    if brush.is_outline:
        lab[:, 0] = lab[:, 0] * 0.25 + 0.08
        lab[:, 1:] = to_ab(*easel.hand.palette[3]) * 0.5
    else:
        scatter = np.array([0.012, 0.006, 0.006]) + easel.hand.broken_color * np.array([0.045, 0.04, 0.04])
        lab += (easel.rng.standard_normal(lab.shape) * scatter).astype(np.float32)
    return to_srgb(lab)


def _trace(easel: _Easel, brush: _Brush, starts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Follow the flow from each start: [strokes, _BENDS + 1, 2]; a stroke stops where it would leave its shape."""
    hand, study = easel.hand, easel.study
    field, curvature = (study.contour, 1.0) if brush.is_outline else (study.flow, hand.curvature)
    turn = easel.rng.standard_normal(len(starts)).astype(np.float32) * (0 if brush.is_outline else 1.2 * hand.tremor)
    cos, sin = np.cos(turn), np.sin(turn)

    def look(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        x, y = _pixels(points, easel.size)
        fx, fy = field[y, x].T
        return np.stack([fx * cos - fy * sin, fx * sin + fy * cos], axis=1), study.shape[y, x]

    heading, home = look(starts)
    heading *= easel.rng.choice(np.array([-1, 1], np.float32), len(starts))[:, None]
    stride = np.float32(brush.width * brush.elongation / _BENDS)
    moves = np.ones(len(starts), bool)
    points = [starts]
    for _ in range(_BENDS):
        step = points[-1] + heading * stride
        flow, shape = look(step)
        moves &= (shape == home) | brush.is_outline
        points.append(np.where(moves[:, None], step, points[-1] + heading * np.float32(0.1)))
        flow *= np.where(np.sum(flow * heading, axis=1) < 0, np.float32(-1), np.float32(1))[:, None]
        heading = heading + np.float32(curvature) * (flow - heading)
        heading /= np.hypot(heading[:, 0], heading[:, 1])[:, None] + np.float32(1e-6)
    return np.stack(points, axis=1)


def _pixels(points: NDArray[np.float32], size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    x, y = np.clip(points, 0, size - 1).astype(np.intp).T
    return x, y


def _splat(paths: NDArray[np.float32], brush: _Brush, taper: float, side: int) -> NDArray[np.int32]:
    """Number of the topmost sample at each of side * side pixels, -1 where there is none.

    Sample (stroke, s, t) has the number (stroke * along + s) * across + t.
    """
    spots = np.linspace(0, _BENDS, brush.along, dtype=np.float32)
    weights = np.maximum(0, 1 - np.abs(spots - np.arange(_BENDS + 1, dtype=np.float32)[:, None]))
    speeds = np.gradient(weights, axis=1).astype(np.float32)
    x, y = (np.ascontiguousarray(paths[:, :, axis]) * np.float32(_OVERSAMPLING) for axis in (0, 1))
    dx, dy = x @ speeds, y @ speeds
    end = np.abs(np.linspace(-1, 1, brush.along, dtype=np.float32))
    half = 0.5 * brush.width * _OVERSAMPLING * (1 - taper * end**1.5) * np.sqrt(np.maximum(1 - end**6, 0.15))
    reach = half.astype(np.float32) / (np.hypot(dx, dy) + np.float32(1e-6))
    t = np.linspace(-1, 1, brush.across, dtype=np.float32)
    columns = ((x @ weights)[:, :, None] - (dy * reach)[:, :, None] * t).astype(np.int32)
    rows = ((y @ weights)[:, :, None] + (dx * reach)[:, :, None] * t).astype(np.int32)
    # As unsigned numbers, negative coordinates are huge: one comparison checks both ends.
    inside = (columns.view(np.uint32) < side) & (rows.view(np.uint32) < side)
    numbers = np.flatnonzero(inside)
    top = np.full(side * side, -1, np.int32)
    top[(rows * np.int32(side) + columns).reshape(-1)[numbers]] = numbers
    return top


def _light(easel: _Easel) -> NDArray[np.float32]:
    """Light the relief from the upper left, press the weave through, and reduce to the final size [S, S, 3]."""
    hand, relief = easel.hand, easel.relief
    slope = np.zeros_like(relief)
    slope[1:, 1:] = np.clip(relief[1:, 1:] - relief[:-1, :-1], -1.2, 1.2)
    shade = 1 + np.float32(0.16 * hand.impasto) * slope + np.float32(0.16 * hand.grain) * _weave(len(relief))
    lit = easel.paint * shade[..., None]
    reduced: NDArray[np.float32] = (lit[::2, ::2] + lit[1::2, ::2] + lit[::2, 1::2] + lit[1::2, 1::2]) / np.float32(4)
    return reduced


@lru_cache(maxsize=4)
def _weave(side: int) -> NDArray[np.float32]:
    """A plain weave, -1 to 1: threads pass over and under each other every 5 pixels."""
    thread = np.sin(np.arange(side, dtype=np.float32) * np.float32(2 * np.pi / 5))
    over = np.sign(np.sin(np.arange(side, dtype=np.float32) * np.float32(np.pi / 5)))
    weave: NDArray[np.float32] = (thread[:, None] * over + np.float32(0.7) * thread) / np.float32(1.7)
    return weave


def _photograph(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pictures reach a gallery through cameras: exposure, white balance, focus and noise differ, and say nothing."""
    exposure = rng.normal(1, 0.06) * rng.normal(1, 0.03, 3)
    sharp = np.clip(picture * exposure.astype(np.float32), 0, 1)
    image = Image.fromarray((sharp * 255 + 0.5).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.7))), np.float32)
    noisy = soft + rng.standard_normal(soft.shape, np.float32) * np.float32(rng.uniform(0, 4))
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
