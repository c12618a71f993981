"""What a painter sees before the first stroke: the scene bent, toned and colored by the hand, and where strokes run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .colors import mix_palette
from .hands import Hand
from .sketch import Scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A scene in one painter's eyes, at the scene's side S.

    Attributes:
        lab: float32 [S, S, 3] OKLab.
        shape: uint8 [S, S]: which shape is seen.
        edges: float32 [n, 2]: (x, y) of the pixels where shapes meet.
        flow: float32 [S, S, 2]: unit direction of strokes.
        contour: float32 [S, S, 2]: unit direction along the borders of shapes.
    """

    lab: NDArray[np.float32]
    shape: NDArray[np.uint8]
    edges: NDArray[np.float32]
    flow: NDArray[np.float32]
    contour: NDArray[np.float32]


def make_study(scene: Scene, hand: Hand, rng: np.random.Generator) -> Study:
    """Look at a scene as this painter does."""
    size = len(scene.value)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    down = np.clip(rows + hand.wobble * size * _noise(rng, size, 7), 0, size - 1).astype(np.intp)
    right = np.clip(columns + hand.wobble * size * _noise(rng, size, 7), 0, size - 1).astype(np.intp)
    value, shape = scene.value[down, right], scene.shape[down, right]
    value = value + np.float32(hand.flatness) * (np.round(value * 4) / 4 - value)
    color = mix_palette(hand)[scene.material[down, right]]
    warmth = np.array([0.03, 0.05], np.float32) * np.float32(hand.temperature)
    lightness = hand.key + hand.contrast * (value - 0.52)
    lab = np.concatenate([lightness[..., None], color + warmth * (value[..., None] - 0.5)], axis=2, dtype=np.float32)
    meets = np.zeros((size, size), bool)
    meets[1:] |= shape[1:] != shape[:-1]
    meets[:, 1:] |= shape[:, 1:] != shape[:, :-1]
    edges = np.argwhere(meets)[:, ::-1].astype(np.float32)
    return Study(lab=lab, shape=shape, edges=edges, flow=_flow(value, hand, rng), contour=_contour(shape))


def _flow(value: NDArray[np.float32], hand: Hand, rng: np.random.Generator) -> NDArray[np.float32]:
    """Forms, whirls and habit, averaged as doubled angles: a stroke and its reverse are the same."""
    size = len(value)
    gy, gx = np.gradient(_blur(value, size / 40))
    steep = np.hypot(gx, gy)
    form, form_weight = 2 * np.arctan2(gx, -gy), 3 * hand.follow * steep / (steep + 0.006)
    whirl, whirl_weight = 2 * np.pi * _noise(rng, size, 4), 2 * hand.swirl
    x = form_weight * np.cos(form) + whirl_weight * np.cos(whirl) + 0.7 * np.cos(2 * hand.angle)
    y = form_weight * np.sin(form) + whirl_weight * np.sin(whirl) + 0.7 * np.sin(2 * hand.angle)
    half = np.arctan2(y, x) / 2
    return np.stack([np.cos(half), np.sin(half)], axis=-1).astype(np.float32)


def _contour(shape: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Across the gradient of the blurred shape numbers; a prime stride sets neighboring numbers far apart."""
    gy, gx = np.gradient(_blur((shape * np.uint8(37)).astype(np.float32) / np.float32(255), 1.3))
    steep = np.hypot(gx, gy) + 1e-6
    return np.stack([-gy / steep, gx / steep], axis=-1).astype(np.float32)


def _noise(rng: np.random.Generator, size: int, cells: int) -> NDArray[np.float32]:
    """Smooth noise [size, size], about -1 to 1."""
    coarse = Image.fromarray(rng.uniform(-1.3, 1.3, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def _blur(field: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Gaussian blur of values in [0, 1]."""
    image = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / np.float32(255)
