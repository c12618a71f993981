"""What an experiment leaves behind: ``results.parquet``, one line for each cell and embedding, and ``report.html``."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from ..privacy.mechanism import View
from .experiment import write_whole
from .report.comparison import render_experiment
from .statistics import SCORES, Row, tabulate

RESULTS_FILE, REPORT_FILE = "results.parquet", "report.html"

_TEXT, _NUMBER, _COUNT = pyarrow.string(), pyarrow.float64(), pyarrow.int64()

SCHEMA: Final = pyarrow.schema(
    [
        ("method", _TEXT),
        ("privacy", _TEXT),
        ("limit", _NUMBER),
        ("seed", _COUNT),
        ("embedding", _TEXT),
        *((name, _NUMBER) for name in (*SCORES, "chance")),
        *((f"epsilon_{view.value}", _NUMBER) for view in View),
        ("bytes_up_per_artist", _COUNT),
        ("bytes_down_per_artist", _COUNT),
        ("seconds", _NUMBER),
        ("artists", _COUNT),
        ("public_artists", _COUNT),
        ("queries", _COUNT),
        ("learning_rate", _NUMBER),
        ("local_steps", _COUNT),
        ("rounds", _COUNT),
    ]
)
"""Columns; a limit or an epsilon that is null is infinite."""


def write_results(out: Path, cells: Sequence[Mapping[str, Any]], *, command: str, delta: float) -> list[Row]:
    """Write both files anew.

    Args:
        out: The experiment's folder.
        cells: As `experiment.run_experiment` gives them.
        command: What reproduces them.
        delta: At which epsilon is stated.

    Returns:
        The rows of the table.

    Raises:
        FedStyleError: The disk refuses.
    """
    rows = tabulate(cells)
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(flatten(cells), schema=SCHEMA), buffer)
    write_whole(out / RESULTS_FILE, buffer.getvalue())
    write_whole(out / REPORT_FILE, render_experiment(cells, command=command, delta=delta).encode())
    return rows


def flatten(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One plain record for each cell and embedding."""
    return [
        {
            **{name: cell[name] for name in ("method", "privacy", "limit", "seed", "seconds")},
            "embedding": embedding,
            **scores,
            **{f"epsilon_{view.value}": cell["epsilon"][view] for view in View},
            "bytes_up_per_artist": cell["bytes_up"],
            "bytes_down_per_artist": cell["bytes_down"],
            "artists": len(cell["artists"]),
            "public_artists": cell["public_artists"],
            "queries": cell["queries"],
            **(cell["recipe"] or {}),
        }
        for cell in cells
        for embedding, scores in cell["scores"].items()
    ]
