"""Charts of an experiment: accuracy against epsilon or bytes, and who was taken for whom."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..web.html import Html, join, tag
from ..web.svg import WIDE, svg, text, text_width
from .charts import percentage, spread

_LINE: Final = 16  # height of a line of text
_LEFT: Final = 46.0  # for the vertical scale
_MOST_NAMES: Final = 60  # artists whose squares still have names


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement: `y` between 0 and 1, and how far it spreads over seeds, if known."""

    x: float
    y: float
    spread: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points in the order in which a line joins them; a kind names its color."""

    label: str
    kind: str
    points: Sequence[Point]
    is_joined: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The horizontal scale, logarithmic or from 0."""

    title: str
    is_log: bool
    low: float
    high: float
    ticks: Sequence[float]

    @classmethod
    def logarithmic(cls, title: str, values: Sequence[float]) -> "Axis":
        """From a little below the smallest to a little above the largest value above 0."""
        low, high = min(values), max(values)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = (1, 2, 5) if len(decades) <= 4 else (1,)
        candidates = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in candidates if low * 0.8 <= tick <= high * 1.25]
        return cls(title=title, is_log=True, low=low * 0.8, high=high * 1.25, ticks=ticks)

    @classmethod
    def from_zero(cls, title: str, values: Sequence[float]) -> "Axis":
        """From 0 to the largest value."""
        high = max([*values, 1e-9])
        unit = 10.0 ** math.floor(math.log10(high))
        step = next(unit * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 5) if high / (unit * part) <= 5)
        ticks = [step * number for number in range(math.ceil(high / step) + 1)]
        return cls(title=title, is_log=False, low=0.0, high=ticks[-1], ticks=ticks)

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the left to 1 at the right."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def draw_curves(
    series: Sequence[Series], levels: Sequence[tuple[str, float]], axis: Axis, width: int, label: str
) -> Html:
    """Accuracy over one number: lines or single points with their spread, named at the right, and level lines.

    Args:
        series: What is drawn.
        levels: Named accuracies that hold everywhere, drawn as dashed lines.
        axis: The horizontal scale.
        width: Of the drawing.
        label: What it shows, in words.
    """
    is_wide = width >= WIDE
    longest = 1.1 * max(text_width(name) for name in [*(one.label for one in series), *(name for name, _ in levels)])
    beside = is_wide or longest < 0.36 * width
    names = [*(one.label for one in series), *(name for name, _ in levels)]
    chart = 300.0 if is_wide else 250.0
    top, bottom = 24.0, chart - 44.0
    right = width - (longest + 18 if beside else 8.0)
    heights = [point.y for one in series for point in one.points] + [value for _, value in levels]
    low, high = _reach(heights)

    def x(value: float) -> float:
        return _LEFT + (right - _LEFT) * axis.share(value)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    ends = [*(one.points[-1].y for one in series), *(value for _, value in levels)]
    kinds = [*(f"end {one.kind}" for one in series), *("end" for _ in levels)]
    if beside:
        places = spread([y(end) for end in ends], _LINE)
        labels = [
            text(right + 12, place + 4, name, kind) for name, place, kind in zip(names, places, kinds, strict=True)
        ]
    else:
        labels = [
            text(_LEFT, chart + _LINE * (number + 1), f"{name} {percentage(end)}", kind)
            for number, (name, end, kind) in enumerate(zip(names, ends, kinds, strict=True))
        ]
    height = chart if beside else chart + _LINE * (len(names) + 1)
    return svg(
        width,
        height,
        label,
        *(_horizontal(tick, y(tick), right) for tick in _ticks(low, high)),
        *(tag("line", x1=_LEFT, x2=right, y1=y(value), y2=y(value), class_="level") for _, value in levels),
        tag("line", x1=_LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"),
        *(text(x(tick), bottom + 18, f"{tick:g}", "small", "middle") for tick in axis.ticks),
        text((_LEFT + right) / 2, bottom + 36, axis.title, "small", "middle"),
        text(0, 12, "accuracy@1", "small"),
        *(_draw_series(one, x, y) for one in series),
        *labels,
    )


def draw_confusion(artists: Sequence[str], counts: Sequence[Sequence[int]], width: int, label: str) -> Html:
    """A square for each pair: the darker, the larger the part of the row's queries that were answered so."""
    is_named = width >= WIDE and len(artists) <= _MOST_NAMES
    left = min(0.3 * width, max(text_width(name) for name in artists)) + 8 if is_named else 0.0
    size = min(26.0, (width - left) / len(artists))
    squares: list[Html] = []
    for row, (artist, line) in enumerate(zip(artists, counts, strict=True)):
        total = sum(line) or 1
        squares.append(tag("rect", x=left, y=row * size, width=size * len(artists), height=size - 1, class_="track"))
        if is_named:
            squares.append(text(left - 8, row * size + size / 2 + 4, artist, "place-name", "end"))
        for column, count in enumerate(line):
            if count:
                kind = "hit" if row == column else "slip"
                square = tag(
                    "rect",
                    tag("title", f"{artist}: {artists[column]} named first for {count} of {total} queries"),
                    x=left + column * size,
                    y=row * size,
                    width=size - 1,
                    height=size - 1,
                    class_=kind,
                    fill_opacity=0.15 + 0.85 * count / total,
                )
                squares.append(square)
    return svg(left + size * len(artists), size * len(artists), label, *squares)


def _draw_series(one: Series, x: Callable[[float], float], y: Callable[[float], float]) -> Html:
    points = [(x(point.x), y(point.y), point) for point in one.points]
    path = "M" + " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in points)
    bars = [
        tag(
            "line", x1=a, x2=a, y1=y(point.y - point.spread), y2=y(point.y + point.spread), class_=f"whisker {one.kind}"
        )
        for a, _, point in points
        if point.spread
    ]
    return join(
        tag("path", d=path, class_=f"line {one.kind}") if one.is_joined and len(points) > 1 else None,
        *bars,
        *(tag("circle", cx=a, cy=b, r=4, class_=f"dot {one.kind}") for a, b, _ in points),
    )


def _horizontal(tick: float, y: float, right: float) -> Html:
    return join(
        tag("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="grid"),
        text(_LEFT - 8, y + 4, f"{100 * tick:.0f} %", "small", "end"),
    )


def _reach(values: Sequence[float]) -> tuple[float, float]:
    """Round bounds that leave a little room around the values."""
    low, high = min(values), max(values)
    step = _step(max(high - low, 0.02))
    return max(0.0, math.floor((low - step / 4) / step) * step), min(1.0, math.ceil((high + step / 4) / step) * step)


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _step(reach: float) -> float:
    return next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if reach / step <= 6 or step == 0.2)
