"""What an audit measured against what was claimed, as one SVG file that stands alone.

Both error rates are drawn on normal scales (the DET curve, Martin et al. 1997): a Gaussian mechanism's trade-off curve
is a straight line there, and a small epsilon is seen as well as a large one.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

from ..web.html import Html, join, tag
from ..web.svg import text
from .charts import bound

_NORMAL: Final = NormalDist()
_REACH: Final = 3.3  # of the scales, in standard deviations
_FAR: Final = 8.0  # where rates of 0 and 1 are put, outside the frame
_TICKS: Final = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)
_LEFT, _TOP, _SIZE, _WIDTH, _HEIGHT = 64.0, 62.0, 420.0, 760, 540
_BESIDE: Final = _LEFT + _SIZE + 28
# Colors of the report's paper, written out: viewers of single SVG files know no variables.
_STYLE: Final = """
text { font-family: Seravek, Ubuntu, Calibri, Inter, 'Helvetica Neue', 'DejaVu Sans', sans-serif; font-size: 13px;
  fill: #1b1e21; }
.title { font-size: 17px; }
.small { font-size: 12px; fill: #626a70; }
.paper { fill: #fdfdfc; }
.frame { fill: none; stroke: #626a70; }
.grid { stroke: #eaeced; }
.forbidden { fill: #b2331f; opacity: .07; }
.claimed { fill: none; stroke: #14566b; stroke-width: 2.5; }
.bound { fill: none; stroke: #a06c14; stroke-width: 2; stroke-dasharray: 7 4; }
.blind { stroke: #626a70; stroke-dasharray: 2 4; }
.reach { fill: none; stroke: #1b1e21; stroke-width: 1; }
.rate { fill: #1b1e21; }
.corner { fill: #fdfdfc; stroke: #1b1e21; stroke-width: 1.4; }
.verdict { font-size: 16px; font-weight: 600; fill: #14566b; }
.refuted { fill: #b2331f; }
"""


def draw_audit(found: Mapping[str, Any]) -> Html:
    """Draw one audit's findings.

    Args:
        found: As `privacy_audit` writes them.

    Returns:
        An SVG document.
    """
    claimed = f"ε ≤ {bound(found['claim'])}"
    shown = f"ε ≥ {bound(found['lower_bound'])}" if "bound_curve" in found else "nothing"
    verdict = "The claim holds" if found["holds"] else "The claim is refuted"
    label = f"{found['title']}: claimed {claimed}, measured {shown}. {verdict}."
    return join(
        tag(
            "svg",
            tag("style", Html(_STYLE)),
            tag("clipPath", tag("rect", x=_LEFT, y=_TOP, width=_SIZE, height=_SIZE), id="frame"),
            tag("rect", width=_WIDTH, height=_HEIGHT, class_="paper"),
            text(_LEFT, 32, found["title"], "title"),
            _axes(),
            tag("g", *_curves(found), *(_point(point) for point in found["points"]), clip_path="url(#frame)"),
            tag("rect", x=_LEFT, y=_TOP, width=_SIZE, height=_SIZE, class_="frame"),
            _legend(found, claimed, shown, verdict),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            width=_WIDTH,
            height=_HEIGHT,
            role="img",
            aria_label=label,
        ),
        Html("\n"),
    )


def _x(rate: float) -> float:
    return _LEFT + _SIZE * (_deviations(rate) + _REACH) / (2 * _REACH)


def _y(rate: float) -> float:
    return _TOP + _SIZE * (_REACH - _deviations(rate)) / (2 * _REACH)


def _deviations(rate: float) -> float:
    return _NORMAL.inv_cdf(rate) if 0 < rate < 1 else _FAR * (1 if rate > 0.5 else -1)


def _axes() -> Html:
    low, high = _TOP + _SIZE, _LEFT + _SIZE
    lines = [
        join(
            tag("line", x1=_x(rate), x2=_x(rate), y1=_TOP, y2=low, class_="grid"),
            tag("line", x1=_LEFT, x2=high, y1=_y(rate), y2=_y(rate), class_="grid"),
            text(_x(rate), low + 18, f"{100 * rate:g}", "small", "middle"),
            text(_LEFT - 8, _y(rate) + 4, f"{100 * rate:g}", "small", "end"),
        )
        for rate in _TICKS
    ]
    return join(
        *lines,
        tag("line", x1=_LEFT, y1=_TOP, x2=high, y2=low, class_="blind"),
        text(high, low + 40, "false positives, % (normal scale)", "small", "end"),
        text(_LEFT, _TOP - 10, "false negatives, % (normal scale)", "small"),
    )


def _curves(found: Mapping[str, Any]) -> list[Html]:
    claimed = _path(found["claimed_curve"])
    corner = f"L{_x(1):.1f},{_y(0):.1f}L{_x(0):.1f},{_y(0):.1f}Z"
    drawn = [tag("path", d=claimed + corner, class_="forbidden"), tag("path", d=claimed, class_="claimed")]
    if "bound_curve" in found:
        drawn.append(tag("path", d=_path(found["bound_curve"]), class_="bound"))
    return drawn


def _path(curve: Sequence[Sequence[float]]) -> str:
    return "M" + "L".join(f"{_x(positives):.1f},{_y(negatives):.1f}" for positives, negatives in curve)


def _point(point: Mapping[str, Any]) -> Html:
    """Measured rates, and how far up both may lie in truth."""
    x = _x(point["false_positives"] / max(1, point["absent"]))
    y = _y(point["false_negatives"] / max(1, point["present"]))
    right, top = _x(point["false_positives_at_most"]), _y(point["false_negatives_at_most"])
    return join(
        tag("path", d=f"M{x:.1f},{y:.1f}H{right:.1f}V{top:.1f}", class_="reach"),
        tag("circle", cx=x, cy=y, r=3, class_="rate"),
        tag("rect", x=right - 3, y=top - 3, width=6, height=6, class_="corner"),
    )


def _legend(found: Mapping[str, Any], claimed: str, shown: str, verdict: str) -> Html:
    x, y = _BESIDE, _TOP + 16
    key, beside = x + 15, x + 40
    return join(
        text(x, y, verdict, "verdict" if found["holds"] else "verdict refuted"),
        text(x, y + 20, f"at δ = {found['delta']:g}, confidence {100 * found['confidence']:g} %", "small"),
        tag("path", d=f"M{x:.1f},{y + 52:.1f}h30", class_="claimed"),
        text(beside, y + 56, f"claimed: {claimed}"),
        tag("path", d=f"M{x:.1f},{y + 78:.1f}h30", class_="bound"),
        text(beside, y + 82, f"measured: {shown}"),
        tag("rect", x=x, y=y + 96, width=30, height=14, class_="forbidden"),
        text(beside, y + 108, "no test may err so little"),
        tag("line", x1=x, x2=x + 30, y1=y + 130, y2=y + 130, class_="blind"),
        text(beside, y + 134, "guesses without a look"),
        tag("circle", cx=key, cy=y + 156, r=3, class_="rate"),
        text(beside, y + 160, "rates counted"),
        tag("rect", x=key - 3, y=y + 179, width=6, height=6, class_="corner"),
        text(beside, y + 186, "rates at most, jointly"),
        text(x, y + 222, "A square inside the shaded", "small"),
        text(x, y + 238, "area refutes the claim.", "small"),
    )
