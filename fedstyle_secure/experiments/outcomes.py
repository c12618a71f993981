"""What an experiment leaves behind: its cells as JSON and, one line for each embedding, as parquet; and a page."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from ..errors import InputError
from ..privacy.mechanism import View
from .comparison import render_experiment
from .experiment import write_whole
from .statistics import SCORES, Row, tabulate

RESULTS_FILE, REPORT_FILE, OUTCOMES_FILE = "results.parquet", "report.html", "results.json"
FORMAT: Final = "fedstyle-results-1"

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
    """Write all files anew.

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
    facts = {"format": FORMAT, "command": command, "cells": [dict(cell) for cell in cells]}
    write_whole(out / OUTCOMES_FILE, (json.dumps(facts, allow_nan=False) + "\n").encode())
    write_whole(out / REPORT_FILE, render_experiment(cells, command=command, delta=delta).encode())
    return rows


def read_results(out: Path) -> tuple[list[dict[str, Any]], str]:
    """The cells of a finished experiment, and the command that reproduces them.

    Raises:
        InputError: The folder holds no finished experiment.
    """
    path = out / OUTCOMES_FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{out} holds no finished experiment: {path} cannot be read ({error})") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT}")
    return facts["cells"], facts["command"]


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
