"""What lies where in a run's folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError

FORMAT = "fedstyle-run-1"
SUMMARY_FILE, MODEL_FILE, ENCODER_FILE = "summary.json", "model.safetensors", "encoder.safetensors"
REPORT_FILE = "report.html"
CATALOGUE_FOLDER, LEDGER_FOLDER = "catalogue", "ledger"

PRIVATE_FILES = frozenset({SUMMARY_FILE, REPORT_FILE})
"""What the experimenter alone may read."""


def refuse_existing(out: Path, *, option: str = "--out") -> None:
    """Runs are never overwritten.

    Raises:
        InputError: Something is at `out` already, be it a link that leads nowhere.
    """
    if os.path.lexists(out):
        raise InputError(
            f"{out} exists already; choose another {option}, or remove it first: runs are never overwritten"
        )


def encode_summary(summary: Mapping[str, Any]) -> bytes:
    """The content of ``summary.json``."""
    return (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode()


def read_summary(run: Path) -> dict[str, Any]:
    """The content of ``summary.json``.

    Raises:
        InputError: The folder holds no run.
    """
    path = run / SUMMARY_FILE
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{run} is not a run: cannot read {path} ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(summary, dict) or summary.get("format") != FORMAT:
        raise InputError(f"{path} is not a summary of format {FORMAT}")
    return summary
