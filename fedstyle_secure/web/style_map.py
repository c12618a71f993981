"""A map of the style space: the two main directions of the published signatures, and nothing that was not published."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .html import Html, join, tag
from .ornaments import Ornaments
from .svg import WIDE, svg, text, text_width

MIN_ARTISTS = 3
"""Fewer signatures do not span a plane."""

_MAX_ORNAMENTS = 80
"""Beyond so many artists, dots."""

_LINE = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleMap:
    """Where each artist is.

    Attributes:
        artists: Names.
        positions: float64 [artists, 2].
        share: Part of the signatures' variance that the two directions hold, 0 to 1.
    """

    artists: Sequence[str]
    positions: NDArray[np.float64]
    share: float

    @classmethod
    def of(cls, artists: Sequence[str], signatures: NDArray[np.float32]) -> "StyleMap":
        """Principal components of published signatures [artists, d], at least `MIN_ARTISTS` of them."""
        centered = signatures.astype(np.float64) - signatures.mean(axis=0, dtype=np.float64)
        left, sizes, right = np.linalg.svd(centered, full_matrices=False)
        directions = right[:2]
        # The sign of a component means nothing; fix it, so that equal catalogues give equal maps.
        signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
        positions = np.zeros((len(signatures), 2))
        positions[:, : len(directions)] = left[:, :2] * sizes[:2] * signs
        total = float((sizes**2).sum())
        return cls(artists=artists, positions=positions, share=float((sizes[:2] ** 2).sum()) / total if total else 0.0)

    def draw(self, ornaments: Ornaments, width: int, link: Callable[[str], str] | None = None) -> Html:
        """The map with as many names as fit; the others appear when pointed at.

        Args:
            ornaments: Of all artists.
            width: Of the drawing.
            link: Where an artist's place leads to; None for nowhere.
        """
        points, height = self._place(width)
        size = min(34.0, max(13.0, 0.25 * (width * height / len(points)) ** 0.5))
        is_ornamental = len(points) <= _MAX_ORNAMENTS
        marks = [
            tag(
                "g" if link is None else "a",
                tag("title", artist),
                ornaments.draw(artist, size=size, x=x - size / 2, y=y - size / 2)
                if is_ornamental
                else tag("circle", cx=x, cy=y, r=3, class_="place"),
                href=None if link is None else link(artist),
            )
            for artist, (x, y) in zip(self.artists, points, strict=True)
        ]
        names = _label(self.artists, points, size if is_ornamental else 6.0, width, height)
        role = "img" if link is None else "group"
        return svg(width, height, "Map of the published signatures", join(*marks), join(*names), role=role)

    def _place(self, width: int) -> tuple[list[tuple[float, float]], float]:
        """Positions at one scale in both directions, and the height they need; narrow maps stand upright."""
        is_wide = width >= WIDE
        across, down, highest = (96, 30, 560) if is_wide else (40, 26, 560)
        positions = self.positions * [1, -1] if is_wide else self.positions[:, ::-1]
        low, high = positions.min(axis=0), positions.max(axis=0)
        span = np.maximum(high - low, 1e-9)
        scale = min((width - 2 * across) / span[0], (highest - 2 * down) / span[1])
        height = scale * span[1] + 2 * down
        placed = (positions - (low + high) / 2) * scale + [width / 2, height / 2]
        return [(float(x), float(y)) for x, y in placed], float(height)


def _label(
    artists: Sequence[str], points: Sequence[tuple[float, float]], size: float, width: float, height: float
) -> list[Html]:
    """Names beside their points wherever they cover neither each other nor another point."""
    reach = size / 2 + 8  # a ring about a place that was found has room
    taken = [(x - size / 2, y - size / 2, x + size / 2, y + size / 2) for x, y in points]
    labels = []
    # The outermost first: they have room, and leave it to the crowd in the middle.
    order = sorted(range(len(points)), key=lambda i: -np.hypot(points[i][0] - width / 2, points[i][1] - height / 2))
    for index in order:
        x, y = points[index]
        long = text_width(artists[index])
        choices = (
            (x + reach, y + 4, None, x + reach),
            (x - reach, y + 4, "end", x - reach - long),
            (x, y - reach, "middle", x - long / 2),
            (x, y + reach + 9, "middle", x - long / 2),
            (x + 0.6 * reach, y - 0.8 * reach, None, x + 0.6 * reach),
            (x + 0.6 * reach, y + 0.8 * reach + 8, None, x + 0.6 * reach),
            (x - 0.6 * reach, y - 0.8 * reach, "end", x - 0.6 * reach - long),
            (x - 0.6 * reach, y + 0.8 * reach + 8, "end", x - 0.6 * reach - long),
        )
        for at, baseline, anchor, start in choices:
            box = (start, baseline - 10, start + long, baseline - 10 + _LINE)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                labels.append(text(at, baseline, artists[index], "place-name", anchor))
                break
    return labels


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
