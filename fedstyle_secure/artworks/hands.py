"""A hand: everything that makes one painter's pictures look alike, whatever they show.

The numbers of a hand are public and known, so distances between styles are known too: retrieval can be checked
against them. Colors are written in OKLab and its polar form OKLCh (Ottosson 2020, "A perceptual color space").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, dist, log, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .seeding import named_rng

# fmt: off
_GIVEN_NAMES: Final = (
    "ada", "aino", "bela", "cleo", "dario", "elif", "emil", "esme", "fela", "greta", "hugo", "ines", "ivo", "jun",
    "kaya", "lena", "milo", "nadia", "otto", "pia", "rosa", "sana", "tove", "uma",
)
_PIGMENTS: Final = (
    "amber", "azurite", "bistre", "carmine", "celadon", "cinnabar", "cobalt", "ecru", "fuchsite", "gamboge",
    "indigo", "jasper", "lapis", "madder", "malachite", "ochre", "orpiment", "realgar", "saffron", "sepia",
    "sienna", "umber", "verdigris", "vermilion", "woad",
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """The style parameters of one painter. Lengths are shares of the picture's side, strengths lie in [0, 1].

    Attributes:
        artist: The painter's name, unique within an atelier.
        palette: Four colors as (hue in degrees, chroma) of OKLCh.
        loyalty: How far the palette overrides a thing's own color.
        boldness: Turn, in degrees, between a thing's own hue and the color of the palette that stands for it.
        key: Mean lightness.
        contrast: Gain of lightness about the key.
        temperature: Cool shadows and warm lights (1) or the reverse (-1).
        ground: Lightness of the primed canvas, in the first color of the palette.
        stroke_width: Width of a main stroke.
        elongation: Length of a stroke in widths.
        curvature: 0 straight strokes, 1 strokes that follow the flow.
        taper: 0 blunt ends, 1 pointed ends.
        follow: How far strokes follow the forms.
        swirl: How far they follow whirls of the painter's own.
        angle: Direction of strokes that follow neither, in [0, pi).
        tremor: Scatter of directions.
        coverage: Share of the ground that the main strokes can cover.
        broken_color: Scatter of color between neighboring strokes.
        bristle: Depth of the furrows that the brush leaves.
        dryness: How much paint skips over the layer below.
        impasto: Height of the paint, seen by its own shadow.
        grain: Depth of the canvas weave.
        outline: Strength of contours; from 0.25, where there are none, to 0.7, where they are solid.
        outline_width: Width of contours.
        flatness: 0 full modeling, 1 flat tones.
        wobble: How far forms are bent.
        detail: Density of small strokes along edges.
        margin: Width of the unpainted border.
        horizon: Preferred height of the horizon from the top.
        scale: Preferred size of subjects.
    """

    artist: str
    palette: tuple[tuple[float, float], ...]
    loyalty: float
    boldness: float
    key: float
    contrast: float
    temperature: float
    ground: float
    stroke_width: float
    elongation: float
    curvature: float
    taper: float
    follow: float
    swirl: float
    angle: float
    tremor: float
    coverage: float
    broken_color: float
    bristle: float
    dryness: float
    impasto: float
    grain: float
    outline: float
    outline_width: float
    flatness: float
    wobble: float
    detail: float
    margin: float
    horizon: float
    scale: float


_RANGES: Final[dict[str, tuple[float, float]]] = {
    "loyalty": (0.5, 0.95),
    "boldness": (0, 180),
    "key": (0.57, 0.78),
    "contrast": (0.45, 1.0),
    "temperature": (-1, 1),
    "ground": (0.2, 0.95),
    "stroke_width": (0.013, 0.05),
    "elongation": (1.2, 9),
    "curvature": (0, 1),
    "taper": (0, 1),
    "follow": (0, 1),
    "swirl": (0, 1),
    "angle": (0, pi),
    "tremor": (0, 1),
    "coverage": (0.4, 1),
    "broken_color": (0, 1),
    "bristle": (0, 1),
    "dryness": (0, 0.8),
    "impasto": (0, 1),
    "grain": (0, 1),
    "outline": (0, 1),
    "outline_width": (0.006, 0.02),
    "flatness": (0, 1),
    "wobble": (0, 0.035),
    "detail": (0, 1),
    "margin": (0, 0.08),
    "horizon": (0.45, 0.66),
    "scale": (0.82, 1.12),
}
_LOGARITHMIC: Final = frozenset({"stroke_width", "elongation"})
_SPARING: Final = {
    "outline": 1.3,
    "boldness": 1.6,
    "swirl": 2.0,
    "tremor": 2.5,
    "broken_color": 1.5,
    "dryness": 1.5,
    "wobble": 2.0,
    "margin": 2.5,
    "grain": 1.5,
}
"""Exponents on the uniform draw: most painters have little of these, so that those who have much stand out."""

_SCHOOLS: Final = 6
"""Painters 0, 6, 12 ... learned together, 1, 7, 13 ... as well: styles have near and far neighbors."""
_SCHOOLING: Final = 0.6
"""How much of a painter is the school's."""
_DRIFT: Final = 0.13
"""Standard deviation of a parameter from picture to picture, as a share of its range."""
_PALETTE_DRAWS: Final = 3

_COLOR_WEIGHT: Final = 3.0
"""The palette counts as much as this many other parameters in a style distance."""


def make_hands(artists: int, *, seed: int) -> tuple[Hand, ...]:
    """Invent painters; the first k of a larger atelier are those of a smaller one with the same seed.

    Each parameter steps through its range by its own irrational stride (a Kronecker sequence), so that painters spread
    evenly over the styles; the painters of a school share most of it.

    Raises:
        InputError: Fewer than one artist, or a negative seed.
    """
    if artists < 1:
        raise InputError(f"an atelier needs at least one artist, got {artists}")
    count = len(_RANGES) + _PALETTE_DRAWS
    starts, school_starts = named_rng(seed, "hands").random((2, count))
    strides = np.sqrt(np.array(_primes(count), np.float64)) % 1
    return tuple(
        _make_hand(index, (starts + index * strides) % 1, (school_starts + index % _SCHOOLS * strides) % 1)
        for index in range(artists)
    )


def style_distance(hand_a: Hand, hand_b: Hand) -> float:
    """Distance between two styles: root mean square over all parameters, each scaled to its range; 0 for equal hands.

    A metric on hands: symmetric, non-negative, with the triangle inequality. Names do not count.
    """
    squares = [_COLOR_WEIGHT * _palette_distance(hand_a, hand_b) ** 2]
    for name in _RANGES:
        a, b = _position(hand_a, name), _position(hand_b, name)
        # Directions half a turn apart are the same: compare angles on the circle they live on.
        gap = sin(pi * (a - b)) if name == "angle" else a - b
        squares.append(gap**2)
    return float((sum(squares) / (len(_RANGES) + _COLOR_WEIGHT)) ** 0.5)


def vary(hand: Hand, rng: np.random.Generator) -> Hand:
    """The same hand on another day: light and colors drift most, the way of handling the brush less."""
    steps = dict(zip(_RANGES, rng.standard_normal(len(_RANGES)).tolist(), strict=True))
    values = {name: _value(name, _position(hand, name) + _DRIFT * step) for name, step in steps.items()}
    turn = float(rng.normal(0, 18))
    palette = tuple(((hue + turn) % 360, chroma * float(rng.uniform(0.8, 1.2))) for hue, chroma in hand.palette)
    return replace(hand, palette=palette, **values)  # type: ignore[arg-type]  # no key is 'artist'


def _make_hand(index: int, own: NDArray[np.float64], school: NDArray[np.float64]) -> Hand:
    """Mix a painter's own draws with those of the school, and stretch them back over the whole range."""
    draws = np.clip(0.5 + 1.25 * (_SCHOOLING * school + (1 - _SCHOOLING) * own - 0.5), 0, 1).tolist()
    values = {name: _value(name, draw ** _SPARING.get(name, 1.0)) for name, draw in zip(_RANGES, draws, strict=False)}
    spread, chroma = draws[-2:]
    hue = 360 * float(school[-3]) + 150 * (float(own[-3]) - 0.5)
    # From four neighboring hues to hues all around the circle; from muted to vivid.
    turns = tuple((0.2 + 0.8 * spread) * turn for turn in (0, 65, 170, 240))
    strengths = tuple((0.3 + chroma) * strength for strength in (0.075, 0.095, 0.1, 0.085))
    palette = tuple(((hue + turn) % 360, strength) for turn, strength in zip(turns, strengths, strict=True))
    return Hand(artist=_name(index), palette=palette, **values)


def _value(name: str, position: float) -> float:
    """The parameter at a position in its range; positions outside [0, 1] are moved to its ends, angles go round."""
    low, high = _RANGES[name]
    share = position % 1 if name == "angle" else min(max(position, 0.0), 1.0)
    return low * (high / low) ** share if name in _LOGARITHMIC else low + (high - low) * share


def _name(index: int) -> str:
    # 24 and 25 have no common divisor, so 600 artists pass before a pair of names comes back.
    name = f"{_GIVEN_NAMES[index % 24]}-{_PIGMENTS[index % 25]}"
    return name if index < 600 else f"{name}-{index // 600 + 1}"


def _position(hand: Hand, name: str) -> float:
    """Where a parameter lies in its range, 0 to 1."""
    low, high = _RANGES[name]
    value: float = getattr(hand, name)
    if name in _LOGARITHMIC:
        return log(value / low) / log(high / low)
    return (value - low) / (high - low)


def _palette_distance(hand_a: Hand, hand_b: Hand) -> float:
    """Euclidean distance of the palettes in the a-b plane of OKLab, scaled to about 1 for opposite ones."""
    return dist(_flatten(hand_a.palette), _flatten(hand_b.palette)) / 0.5


def _flatten(palette: Sequence[tuple[float, float]]) -> list[float]:
    return [c * wave(h * pi / 180) for h, c in palette for wave in (cos, sin)]


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found
