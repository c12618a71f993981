"""The page and the picture of a growth experiment."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..web.html import Html, join, tag
from ..web.layout import paragraph, section, table
from ..web.svg import WIDE, both_widths, text
from ..writing import write_whole
from .charts import bound, percentage, spread
from .study import points, row, spread_of, study_page

REPORT_FILE, PICTURE_FILE = "report.html", "growth.svg"

Scale = Callable[[float], float]
"""From a value to a place on the drawing."""

_LINE: Final = 16
_KINDS: Final = ("aggregate", "local", "worst_case")
# Colors of the report's paper, written out: viewers of single SVG files know no variables.
_STYLE: Final = """
text { font-family: Seravek, Ubuntu, Calibri, Inter, 'Helvetica Neue', 'DejaVu Sans', sans-serif; font-size: 13px;
  fill: #1b1e21; }
.small { font-size: 12px; fill: #626a70; }
.paper { fill: #fdfdfc; }
.grid, .axis { stroke: #d5d9db; }
.line { fill: none; stroke-width: 2.5; }
.line.aggregate, .reach.aggregate { stroke: #14566b; }
.line.local, .reach.local { stroke: #a06c14; }
.line.worst_case, .reach.worst_case { stroke: #b2331f; }
.dot.aggregate, text.aggregate { fill: #14566b; }
.dot.local, text.local { fill: #a06c14; }
.dot.worst_case, text.worst_case { fill: #b2331f; }
.chance { stroke: #b2331f; stroke-dasharray: 2 3; }
"""


def write_growth(folder: Path, results: Mapping[str, Any]) -> None:
    """Write ``report.html`` and ``growth.svg``, replacing older ones.

    Args:
        folder: Of the experiment.
        results: As `growth.measure_growth` gives them.

    Raises:
        OSError: They cannot be written.
    """
    picture = join(draw_costs(results["rows"], WIDE, is_alone=True), Html("\n"))
    write_whole(folder / PICTURE_FILE, picture.encode())
    write_whole(folder / REPORT_FILE, render_growth(results).encode())


def render_growth(results: Mapping[str, Any]) -> Html:
    """The whole page."""
    rows, answers = results["rows"], results["answers"]
    sizes = sorted({entry["artists"] for entry in rows})
    runs = f"{len(results['cells'])} trainings through masked sessions, of {sizes[0]:,} to {sizes[-1]:,} artists."
    costs = section(
        "What privacy costs as the cohort grows",
        paragraph(
            "Points of accuracy@1 that a run loses to one of the same artists, codewords and queries without any "
            "noise. The noise in a sum stays the same however many artists add to it; what they have in common grows."
        ),
        both_widths(
            lambda width: draw_costs(rows, width),
            "Mean over runs; a bar reaches one standard deviation up and down. Dotted: one point.",
        ),
        table(
            ("artists", *(_epsilon(entry) for entry in _at(rows, sizes[0]) if entry["epsilon"] is not None)),
            [
                row(
                    f"{size:,}",
                    *(
                        spread_of(points(entry["cost"]), entry["cost_std"])
                        for entry in _at(rows, size)
                        if entry["epsilon"] is not None
                    ),
                )
                for size in sizes
            ],
        ),
    )
    accuracies = section(
        "How well artists are found",
        paragraph(
            "accuracy@1 of held-out subjects, by exact prototypes, against the same features without training. "
            "Each cohort is searched by itself, so that larger ones are harder."
        ),
        table(
            ("artists", "no training", *(_epsilon(entry) for entry in _at(rows, sizes[0]))),
            [_accuracy_row(size, _at(rows, size)) for size in sizes],
        ),
        paragraph(_untrained(rows)),
        paragraph(
            "All of epsilon goes to the training here, and nothing is signed: a signature's noise is its artist's own, "
            "so what a signature costs does not shrink with the cohort.",
            class_="note",
        ),
    )
    effort = section(
        "What it takes of an artist",
        paragraph("For a whole run, all messages counted; everyone's work done one after the other in one process."),
        table(
            ("artists", "runs", "MB up", "MB down", "seconds"),
            [_effort_row(size, entry) for size in sizes for entry in _at(rows, size)[:1]],
        ),
    )
    return study_page(
        name="growth with the cohort",
        claim=answers[0]["sentence"],
        lead=" ".join([runs, *(answer["sentence"] for answer in answers[1:])]),
        sections=[costs, accuracies, effort],
        command=results["command"],
    )


def draw_costs(rows: Sequence[Mapping[str, Any]], width: int, *, is_alone: bool = False) -> Html:
    """Cost in points over the number of artists, on a logarithmic scale, one line for each epsilon."""
    private = [entry for entry in rows if entry["epsilon"] is not None]
    sizes = sorted({entry["artists"] for entry in private})
    epsilons = sorted({entry["epsilon"] for entry in private})
    height = 320.0
    left, right, top, bottom = 44.0, width - 76.0, 34.0, height - 46.0
    reaches = [100 * (entry["cost"] + side * (entry["cost_std"] or 0)) for entry in private for side in (-1, 1)]
    low, high = min(0.0, *reaches), max(1.5, *reaches)
    step = next(step for step in (0.5, 1, 2, 5, 10, 20, 50) if (high - low) / step <= 7)
    ticks = [step * number for number in range(math.floor(low / step), math.ceil(high / step) + 1)]

    def x(size: float) -> float:
        span = math.log(sizes[-1] / sizes[0])
        return left + (right - left) * (math.log(size / sizes[0]) / span if span else 0.5)

    def y(cost: float) -> float:
        return bottom - (bottom - top) * (cost - ticks[0]) / (ticks[-1] - ticks[0])

    marks = [
        join(
            tag("line", x1=left, x2=right, y1=y(tick), y2=y(tick), class_="axis" if tick == 0 else "grid"),
            text(left - 8, y(tick) + 4, f"{tick:g}", "small", "end"),
        )
        for tick in ticks
    ]
    names = [text(x(size), bottom + 20, f"{size:,}", "small", "middle") for size in sizes]
    lines, ends = [], []
    for number, epsilon in enumerate(epsilons):
        kind = _KINDS[number % len(_KINDS)]
        chosen = sorted((entry for entry in private if entry["epsilon"] == epsilon), key=lambda one: one["artists"])
        lines.append(_line(chosen, kind, x, y))
        ends.append((y(100 * chosen[-1]["cost"]), f"ε = {bound(epsilon)}", kind))
    placed = spread([end for end, _, _ in ends], _LINE)
    lift = max(0.0, max(placed) - bottom)  # what stands below the axis would stand on the sizes
    labels = [
        text(right + 10, place - lift + 4, name, f"end {kind}")
        for place, (_, name, kind) in zip(placed, ends, strict=True)
    ]
    described = "; ".join(
        f"epsilon {entry['epsilon']:g} with {entry['artists']} artists {100 * entry['cost']:.1f}" for entry in private
    )
    return tag(
        "svg",
        tag("style", Html(_STYLE)) if is_alone else None,
        tag("rect", width=width, height=height, class_="paper") if is_alone else None,
        *marks,
        text(0, 14, "points of accuracy@1 lost to privacy", "small"),
        tag("line", x1=left, x2=right, y1=y(1), y2=y(1), class_="chance"),
        *names,
        text(right, bottom + 40, "artists, logarithmic scale", "small", "end"),
        *lines,
        *labels,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=f"Points lost to privacy: {described}",
    )


def _line(chosen: Sequence[Mapping[str, Any]], kind: str, x: Scale, y: Scale) -> Html:
    at = [(x(entry["artists"]), y(100 * entry["cost"])) for entry in chosen]
    reaches = [
        tag(
            "line",
            x1=across,
            x2=across,
            y1=y(100 * (entry["cost"] - entry["cost_std"])),
            y2=y(100 * (entry["cost"] + entry["cost_std"])),
            class_=f"reach line {kind}",
        )
        for (across, _), entry in zip(at, chosen, strict=True)
        if entry["cost_std"]
    ]
    return join(
        *reaches,
        tag("path", d="M" + " ".join(f"{a:.1f},{b:.1f}" for a, b in at), class_=f"line {kind}"),
        *(tag("circle", cx=a, cy=b, r=3.5, class_=f"dot {kind}") for a, b in at),
    )


def _at(rows: Sequence[Mapping[str, Any]], artists: int) -> list[Mapping[str, Any]]:
    return [entry for entry in rows if entry["artists"] == artists]


def _epsilon(entry: Mapping[str, Any]) -> str:
    return "no noise" if entry["epsilon"] is None else f"ε = {bound(entry['epsilon'])}"


def _untrained(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where nothing was trained, in a sentence."""
    left = [entry for entry in rows if entry["trained"] < entry["seeds"]]
    if not left:
        return "Every run trained."
    cells = ", ".join(f"{entry['artists']:,} at {_epsilon(entry)}" for entry in left)
    return f"A rehearsal on public painters found that some or all runs had better train nothing: {cells} artists."


def _accuracy_row(size: int, entries: Sequence[Mapping[str, Any]]) -> Html:
    cells = [spread_of(percentage(entry["accuracy_at_1"]), entry["accuracy_std"]) for entry in entries]
    return row(f"{size:,}", percentage(entries[0]["no_training"]), *cells)


def _effort_row(size: int, entry: Mapping[str, Any]) -> Html:
    cells = (f"{entry['bytes_up'] / 1e6:.2f}", f"{entry['bytes_down'] / 1e6:.2f}", f"{entry['seconds_per_artist']:.2f}")
    return row(f"{size:,}", f"{entry['seeds']}", *cells)
