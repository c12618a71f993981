"""The page of a study of content against style."""

from collections.abc import Mapping
from typing import Any, Final

from ..web.html import Html
from ..web.layout import paragraph, section, table
from ..web.svg import both_widths
from .charts import Bar, draw_bars, percentage
from .study import row, study_page

_NAMES: Final = {
    "pooled": "What the encoder sees depicted (pooled embedding)",
    "no_training": "No training: whitened public features",
    "trained": "FedStyle, trained",
    "signatures": "FedStyle, published signatures",
}
_SHORT: Final = {"pooled": "pooled", "no_training": "no training", "trained": "trained"}


def render_content(results: Mapping[str, Any]) -> Html:
    """The whole page."""
    spaces = results["spaces"]
    bars = [
        Bar(label=f"{kind}, {_SHORT[name]}", value=found[kind]["auc"], reach=found[kind]["auc"], kind=color)
        for kind, color in (("style", "published"), ("subject", "random"))
        for name, found in spaces.items()
    ]
    described = "; ".join(f"{bar.label} {percentage(bar.value)}" for bar in bars)
    comparison = section(
        "Style, and subject as a control",
        paragraph(
            f"Each of {spaces['trained']['queries']:,} held-out works asks twice. For its style, among works of other "
            "subjects: is one by the same artist nearer than one by another? For its subject, among works of other "
            "artists: is one of the same subject nearer than one of another? A bar is the probability of yes."
        ),
        both_widths(
            lambda width: draw_bars(bars, 0.5, width, f"Probability of being nearer: {described}"),
            "Dotted: chance, one half. A search by style should be far right of it for style and near it for subject.",
        ),
        paragraph("How often the very nearest is of the same:"),
        table(
            ("", "same style", "chance", "same subject", "chance"),
            [row(_NAMES[name], *_firsts(found), class_=_color(name)) for name, found in spaces.items()],
        ),
        table(
            ("", "style wins over subject"),
            [row(_NAMES[name], percentage(found["style_over_subject"])) for name, found in spaces.items()],
        ),
        paragraph(
            "Style wins where a work of the same style and another subject is nearer than one of the same subject and "
            "another style.",
            class_="note",
        ),
    )
    return study_page(
        name="content against style",
        claim=claim(results),
        lead=(
            f"{results['artists']} artists and {results['contents']} held-out subjects; the run held works out by "
            f"{results['split']}."
        ),
        sections=[comparison, *_distances(results["distances"])],
        command=results["command"],
    )


def claim(results: Mapping[str, Any]) -> str:
    """What was found, in one sentence."""
    trained = results["spaces"]["trained"]
    return (
        f"Style wins over subject in {trained['style_over_subject']:.0%} of comparisons: works of the same style are "
        f"nearer with probability {trained['style']['auc']:.2f}, works of the same subject with "
        f"{trained['subject']['auc']:.2f}."
    )


def _distances(distances: Mapping[str, Any] | None) -> list[Html]:
    if distances is None:
        return []
    rows = [
        row(_NAMES[name], f"{found['spearman']:.2f}", f"{found['p']:.3f}")
        for name, found in distances["spaces"].items()
    ]
    return [
        section(
            "Learned distances and true ones",
            paragraph(
                "The painters of this atelier were invented, so how far apart their styles are is known. "
                "Spearman's rank correlation of true distances with distances between prototypes, over "
                f"{distances['pairs']:,} pairs."
            ),
            table(("", "rank correlation", "p"), rows),
            paragraph(
                "p: how often the artists in random order correlate as much (Mantel's test, 999 shuffles).",
                class_="note",
            ),
        )
    ]


def _firsts(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(percentage(found[kind][name]) for kind in ("style", "subject") for name in ("first", "chance"))


def _color(name: str) -> str | None:
    return "published" if name == "trained" else None
