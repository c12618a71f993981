"""Inline SVG, drawn once for wide and once for narrow pages, so that its text is never scaled."""

from collections.abc import Callable
from typing import Final

from rich.cells import cell_len

from .html import Child, Html, tag

WIDE: Final = 760
NARROW: Final = 340
_EM: Final = 6.6  # mean width of a letter


def both_widths(draw: Callable[[int], Html], caption: Child) -> Html:
    """A figure with the drawing for wide and for narrow pages, of which a page shows one."""
    return tag(
        "figure",
        tag("div", draw(WIDE), class_="wide"),
        tag("div", draw(NARROW), class_="narrow"),
        tag("figcaption", caption),
    )


def svg(width: float, height: float, label: str, *children: Html | None, role: str = "img") -> Html:
    """A drawing of fixed size that a screen reader announces as `label`, with what is in it if its role is a group."""
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", *children, viewBox=box, width=width, height=height, role=role, aria_label=label)


def text(x: float, y: float, content: str, class_: str = "label", anchor: str | None = None) -> Html:
    """A line of text with its baseline at y."""
    return tag("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def text_width(content: str) -> float:
    """About how wide a label is drawn, in px: an ideogram is two letters wide, a joiner or a lone accent none."""
    return _EM * cell_len(content)
