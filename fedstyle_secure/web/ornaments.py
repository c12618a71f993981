"""A small ornament for every artist, drawn from the published signature and nothing else; near styles look alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .html import Html, join, tag

_NUMBERS = 12
"""Leading signature coordinates that shape an ornament."""

_SAMPLES = 14
"""Points along each petal."""


class Ornaments:
    """Draws each artist's ornament once and refers to it afterwards.

    Args:
        artists: Names, in the order of `signatures`.
        signatures: float32 [artists, d], as published.
    """

    def __init__(self, artists: Sequence[str], signatures: NDArray[np.float32]) -> None:
        self._numbers = {artist: number for number, artist in enumerate(artists)}
        self._shapes = _standardize(signatures) if artists else signatures
        self._used: dict[str, Html] = {}

    def draw(self, artist: str, *, size: float | None = None, x: float = 0, y: float = 0) -> Html | None:
        """A reference to the artist's ornament, for use inside an SVG; None for an artist without signature."""
        if artist not in self._numbers:
            return None
        number = self._numbers[artist]
        name = f"ornament-{number}"
        if artist not in self._used:
            self._used[artist] = tag("symbol", _paint(self._shapes[number]), id=name, viewBox="-50 -50 100 100")
        return tag("use", href=f"#{name}", x=x, y=y, width=size, height=size)

    def definitions(self) -> Html:
        """All ornaments drawn so far, invisible; belongs once into the page."""
        return tag("svg", *self._used.values(), class_="definitions", aria_hidden="true", width=0, height=0)


def _standardize(signatures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each coordinate in units of its spread over the artists: what tells them apart, not what they share."""
    scaled: NDArray[np.float32] = (signatures - signatures.mean(axis=0)) / (signatures.std(axis=0) + np.float32(1e-6))
    return scaled


def _paint(row: NDArray[np.float32]) -> Html:
    numbers = np.resize(row, _NUMBERS).astype(np.float64)
    u = np.tanh(numbers / 1.4)
    petals = 5 + round(2 * (u[3] + 1))
    hue = float(np.degrees(np.arctan2(numbers[1], numbers[0])))
    second = hue + 55 + 45 * u[2]
    return join(
        tag("circle", r=49, class_="seal"),
        _rosette(46, petals, depth=0.34 + 0.2 * u[4], fullness=u[5], swirl=u[6], turn=0.0, fill=_color(0.63, hue)),
        _rosette(
            33,
            petals,
            depth=0.4 + 0.22 * u[7],
            fullness=u[8],
            swirl=-u[6],
            turn=np.pi / petals,
            fill=_color(0.8, second),
        ),
        _rosette(
            20,
            petals,
            depth=0.36 + 0.24 * u[9],
            fullness=u[10],
            swirl=u[6],
            turn=0.0,
            fill=_color(0.5, hue + 20 * u[11]),
        ),
        tag("circle", r=4.5, fill=_color(0.88, second)),
    )


def _rosette(
    radius: float, petals: int, *, depth: float, fullness: float, swirl: float, turn: float, fill: str
) -> Html:
    """A closed curve of equal petals.

    Args:
        radius: Of the petals' tips.
        petals: How many.
        depth: How far the notches between petals go in, as a share of the radius.
        fullness: From pointed (-1) to round (1).
        swirl: How far tips lean, -1 to 1.
        turn: Angle of the first petal.
        fill: Color.
    """
    angles = np.linspace(0, 2 * np.pi, petals * _SAMPLES, endpoint=False)
    notch = (0.5 - 0.5 * np.cos(petals * angles)) ** (2.0 ** (1.2 * fullness))
    radii = radius * (1 - depth * notch)
    leaned = angles + turn + 0.9 * swirl * (radii / radius) ** 2
    x, y = radii * np.sin(leaned), -radii * np.cos(leaned)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return tag("path", d=f"M{points}Z", fill=fill)


def _color(lightness: float, hue: float) -> str:
    return f"oklch({lightness:.2f} 0.1 {hue % 360:.0f})"
