"""Charts as inline SVG, each drawn for a wide and for a narrow page so that its text is never scaled."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ..web.html import Html, join, tag
from ..web.svg import WIDE, svg, text, text_width

_LOG_RATIO: Final = 12
"""Values further apart than this are drawn on a logarithmic scale."""

_LINE: Final = 16  # height of a line of text


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row of `draw_bars`: `value` in full color, `reach` behind it in a pale one, both between 0 and 1."""

    label: str
    value: float
    reach: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of `draw_lines`: one value for each step; infinity means no bound at all."""

    label: str
    values: Sequence[float]
    kind: str


def draw_bars(bars: Sequence[Bar], chance: float, width: int, label: str) -> Html:
    """Horizontal bars with the level of chance across them."""
    beside = width >= WIDE
    left, right, top = (220.0 if beside else 0.0), float(width), (16.0 if beside else 10.0)
    pitch, thickness = (38.0, 16.0) if beside else (52.0, 14.0)
    height = top + pitch * len(bars) + 6
    span = right - left
    at = left + span * chance

    def row(number: int, bar: Bar) -> Html:
        y = top + pitch * number + (pitch - thickness) / 2 + (0 if beside else 8)
        middle = y + thickness / 2 + 4.5
        name = text(0, middle if beside else y - 7, bar.label)
        percent = percentage(bar.value)
        inside = bar.value > 0.2
        return join(
            name,
            tag("rect", x=left, y=y, width=span, height=thickness, class_="track"),
            tag("rect", x=left, y=y, width=span * bar.reach, height=thickness, class_=f"reach {bar.kind}"),
            tag("rect", x=left, y=y, width=span * bar.value, height=thickness, class_=f"bar {bar.kind}"),
            text(
                left + span * bar.value + (-7 if inside else 7),
                middle,
                percent,
                "value inside" if inside else "value",
                "end" if inside else None,
            ),
            tag("line", x1=at, x2=at, y1=y - 4, y2=y + thickness + 4, class_="chance"),
        )

    return svg(
        width,
        height,
        label,
        *(row(number, bar) for number, bar in enumerate(bars)),
        text(at - 2, 12, "chance", "small", None if chance < 0.5 else "end"),
    )


def draw_lines(lines: Sequence[Line], steps: Sequence[str], missed: Sequence[int], width: int, label: str) -> Html:
    """Lines over steps, named at their right end; logarithmic where the values are far apart.

    Args:
        lines: With as many values as there are steps.
        steps: Names of the steps.
        missed: Numbers of the steps to be marked as aborted.
        width: Of the drawing.
        label: What it shows, in words.
    """
    height = 300.0 if width >= WIDE else 270.0
    left, right, top, bottom = 44.0, width - (150.0 if width >= WIDE else 116.0), 26.0, height - 42.0
    scale = _Scale.around([value for line in lines for value in line.values], top=top, bottom=bottom)

    def x(step: int) -> float:
        return left + (right - left) * ((step + 0.5) / len(steps))

    grid = [
        join(
            tag("line", x1=left, x2=right, y1=scale(tick), y2=scale(tick), class_="grid"),
            text(left - 8, scale(tick) + 4, f"{tick:g}", "small", "end"),
        )
        for tick in scale.ticks
    ]
    paths = [_path(line, x, scale) for line in lines]
    ends = spread([scale(line.values[-1]) for line in lines], _LINE)
    names = [
        text(right + 12, y + 4, f"{line.label} {bound(line.values[-1])}", f"end {line.kind}")
        for line, y in zip(lines, ends, strict=True)
    ]
    crosses = [tag("path", d=f"M{x(step) - 4:.1f},{bottom - 4:.1f}l8,8m0,-8l-8,8", class_="missed") for step in missed]
    return svg(
        width,
        height,
        label,
        *grid,
        tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"),
        text(0, 12, f"ε{', logarithmic scale' if scale.is_log else ''}", "small"),
        *_step_labels(steps, x, bottom + 18),
        *paths,
        *crosses,
        *names,
    )


def draw_shares(parts: Sequence[tuple[str, float]], width: int, label: str) -> Html:
    """One bar divided into parts, and what each is."""
    total = sum(value for _, value in parts) or 1.0
    gap, at = 2.0, 0.0
    pieces = []
    for number, (_, value) in enumerate(parts):
        size = max(1.5, (width - gap * (len(parts) - 1)) * value / total)
        pieces.append(tag("rect", x=at, y=0, width=size, height=14, class_=f"share share-{number % 4}"))
        at += size + gap
    return svg(width, 14, label, *pieces)


def spread(wanted: Sequence[float], distance: float) -> list[float]:
    """Positions as near the wanted ones as possible, at least `distance` apart, in the same order of size."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = {index: wanted[index] for index in order}
    for _ in range(50 * len(order)):
        moved = False
        for upper, lower in pairwise(order):
            lack = distance - (placed[lower] - placed[upper])
            if lack > 0.01:
                placed[upper] -= lack / 2
                placed[lower] += lack / 2
                moved = True
        if not moved:
            break
    return [placed[index] for index in range(len(wanted))]


def percentage(value: float) -> str:
    """A share in percent, with one decimal."""
    return f"{value:.1%}"


def bound(value: float) -> str:
    """An epsilon, to three digits."""
    if math.isinf(value):
        return "∞"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    low: float
    high: float
    is_log: bool
    ticks: Sequence[float]
    top: float
    bottom: float

    @classmethod
    def around(cls, values: Sequence[float], *, top: float, bottom: float) -> "_Scale":
        finite = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
        low, high = min(finite), max(finite)
        if high / low > _LOG_RATIO:
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            steps = (1, 2, 5) if len(decades) <= 3 else (1,)
            candidates = [step * 10.0**decade for decade in decades for step in steps]
            below = [tick for tick in candidates if tick <= low]
            above = [tick for tick in candidates if tick >= high]
            ticks = [tick for tick in candidates if below[-1] <= tick <= above[0]]
            return cls(low=ticks[0], high=ticks[-1], is_log=True, ticks=ticks, top=top, bottom=bottom)
        unit = 10.0 ** math.floor(math.log10(high))
        step = next(unit * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 5) if high / (unit * part) <= 5)
        ticks = [step * number for number in range(math.ceil(high / step) + 1)]
        return cls(low=0.0, high=ticks[-1], is_log=False, ticks=ticks, top=top, bottom=bottom)

    def __call__(self, value: float) -> float:
        if math.isinf(value):
            return self.top - 10
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = value / self.high
        return self.bottom - share * (self.bottom - self.top)


def _path(line: Line, x: Callable[[int], float], scale: _Scale) -> Html:
    points = [(x(step), scale(value)) for step, value in enumerate(line.values)]
    return join(
        tag("path", d="M" + " ".join(f"{a:.1f},{b:.1f}" for a, b in points), class_=f"line {line.kind}"),
        tag("circle", cx=points[-1][0], cy=points[-1][1], r=3.5, class_=f"dot {line.kind}"),
    )


def _step_labels(steps: Sequence[str], x: Callable[[int], float], y: float) -> list[Html]:
    """As many names as fit; the last always."""
    labels, free = [], math.inf
    for step in reversed(range(len(steps))):
        half = text_width(steps[step]) / 2
        if x(step) + half < free - 6:
            labels.append(text(x(step), y, steps[step], "small", "middle"))
            free = x(step) - half
    return labels
