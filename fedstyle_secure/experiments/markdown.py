"""An experiment's tables for a page of documentation: what the report shows, in Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..privacy.mechanism import View
from .rivals import RESIDUAL
from .statistics import BOUGHT, Row, Spread, tabulate

_PLUS_MINUS: Final = "\N{PLUS-MINUS SIGN}"
_HEADS: Final = (
    "method",
    *BOUGHT,
    "exact",
    "head alone",
    "to FedStyle",
    "recall@5",
    "MRR",
    "macro-F1",
    "epsilon: aggregate, local, worst case",
    "MB up",
    "MB down",
    "seconds",
)


def render_table(cells: Sequence[Mapping[str, Any]], *, command: str) -> str:
    """What was run on, the table, and the command."""
    rows = tabulate(cells)
    first = cells[0]
    lines = [" | ".join(_HEADS), "|".join(["---"] * len(_HEADS)), *(" | ".join(_values(row)) for row in rows)]
    table = "".join(f"| {line} |\n" if not line.startswith("---") else f"|{line}|\n" for line in lines)
    return (
        f"{len(first['artists'])} artists, {first['public_artists']} public ones, {first['queries']} queries a seed, "
        f"{rows[0].seeds} seed(s), chance {rows[0].chance:.3f}:\n\n"
        f"```\n{command}\n```\n\n{table}"
    )


def _values(row: Row) -> list[str]:
    scores = row.scores[RESIDUAL]
    views = ", ".join(_bound(row.epsilon[view.value]) for view in (View.AGGREGATE, View.LOCAL, View.WORST_CASE))
    return [
        row.title,
        *(_number(spread) for spread in (*row.bought, row.accuracy, row.head_alone)),
        _number(row.difference, sign="+"),
        *(_number(scores[name]) for name in ("recall_at_5", "mrr", "macro_f1")),
        views,
        f"{row.bytes_up / 1e6:.2f}",
        f"{row.bytes_down / 1e6:.2f}",
        f"{row.seconds.mean:.0f}",
    ]


def _number(spread: Spread | None, sign: str = "") -> str:
    if spread is None:
        return ""
    return f"{spread.mean:{sign}.3f}" + ("" if spread.std is None else f" {_PLUS_MINUS} {spread.std:.3f}")


def _bound(epsilon: float) -> str:
    return "inf" if math.isinf(epsilon) else f"{epsilon:.2f}"
