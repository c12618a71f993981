"""An experiment: a grid of cells over seeds, each run once, whoever stops it and however often it is started again.

EXP-1  A finished cell is one file, written beside its place and renamed when whole; a cell with a file is never run.
EXP-2  A folder belongs to one set of settings: others are refused, with what differs, before anything is run.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ..config import Settings, Split
from ..errors import FedStyleError, InputError
from ..privacy.sizing import Mode
from ..runs.progress import Progress, Silent
from ..training.baselines import BASELINES
from .bench import Bench, identity, with_split
from .cells import FEDSTYLE, FORMAT, UNTRAINED, Cell, run_cell

SETTINGS_FILE: Final = "experiment.json"
CELLS_FOLDER: Final = "cells"
SETTINGS_FORMAT: Final = "fedstyle-experiment-1"


class Engine(Protocol):
    """Runs cells somewhere."""

    def run(self, bench: Bench, cells: Sequence[Cell]) -> Iterator[Cell]:
        """Run every cell and write its file; yields each when that is done."""
        ...


def baseline_cells(*, epsilons: Sequence[float | None], seeds: int) -> list[Cell]:
    """Rivals and FedStyle, local and distributed; None stands for no privacy, which is there in any case."""
    methods = (*UNTRAINED, *BASELINES)
    finite = [epsilon for epsilon in epsilons if epsilon is not None]
    return [
        cell
        for seed in range(seeds)
        for cell in (
            *(Cell(method=method, seed=seed) for method in methods),
            *_fedstyle_cells(finite, seed),
        )
    ]


def budget_cells(*, epsilons: Sequence[float | None], seeds: int) -> list[Cell]:
    """FedStyle under every budget, beside no training; None stands for no privacy."""
    finite = [epsilon for epsilon in epsilons if epsilon is not None]
    return [
        cell
        for seed in range(seeds)
        for cell in (Cell(method="no-training", seed=seed), *_fedstyle_cells(finite, seed))
    ]


COMPARISONS = {"baselines": baseline_cells, "privacy-budget": budget_cells}
"""The cells of an experiment, by its name on the command line."""


def _fedstyle_cells(epsilons: Sequence[float], seed: int) -> list[Cell]:
    private = [
        Cell(method=FEDSTYLE, privacy=mode, epsilon=epsilon, seed=seed)
        for mode in (Mode.DISTRIBUTED, Mode.LOCAL)
        for epsilon in epsilons
    ]
    return [Cell(method=FEDSTYLE, seed=seed), *private]


def run_experiment(
    common: Settings,
    cells: Sequence[Cell],
    *,
    split: Split | None,
    engine: Engine,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Run the cells that have no file yet.

    Args:
        common: Settings of all cells; `out` is the experiment's folder, and may hold finished cells.
        cells: What to run.
        split: None for the default, see `with_split`.
        engine: Where cells are run.
        progress: Where to show how far it is.

    Returns:
        What each cell came to, in the order of `cells`.

    Raises:
        InputError: The artworks or settings cannot make a run, or the folder belongs to other settings.
        PrivacyError: A budget cannot be kept.
        FedStyleError: A session did not complete, or the disk failed.
    """
    progress = progress or Silent()
    bench = Bench(common=common)
    with progress.stage("Reading artworks", None):
        gallery = bench.galleries[0]
    bench.common = with_split(common, gallery, split)
    missing = [cell for cell in cells if not cell_path(common.out, cell).exists()]
    bench.check(missing)
    _claim(common.out, identity(bench))
    if missing:
        bench.fill(progress)
        with progress.stage("Running cells", len(cells)) as advance:
            advance(len(cells) - len(missing))
            for _ in engine.run(bench, missing):
                advance(1)
    return [read_cell(common.out, cell) for cell in cells]


def execute(bench: Bench, cell: Cell) -> None:
    """Run one cell and write its file (EXP-1)."""
    found = run_cell(cell, bench.prepare(cell))
    text = json.dumps(found, allow_nan=False) + "\n"
    write_whole(cell_path(bench.common.out, cell), text.encode())


def cell_path(out: Path, cell: Cell) -> Path:
    """Where a finished cell is."""
    return out / CELLS_FOLDER / f"{cell.name}.json"


def read_cell(out: Path, cell: Cell) -> dict[str, Any]:
    """What a finished cell came to.

    Raises:
        InputError: Its file is missing or damaged.
    """
    path = cell_path(out, cell)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the cell {path} cannot be read ({error}); remove the file, and start again") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT}; remove the file, and start again")
    return found


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the place and rename: a file is whole or not there.

    Raises:
        FedStyleError: The disk refuses.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise FedStyleError(f"{path} cannot be written ({error.strerror}); what was finished is kept") from error
    finally:
        draft.unlink(missing_ok=True)


def _claim(out: Path, facts: dict[str, Any]) -> None:
    """Take a new folder for these settings, or find that it is theirs already (EXP-2)."""
    path = out / SETTINGS_FILE
    written = json.loads(json.dumps(facts))
    if path.exists():
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); choose another --out") from error
        if not isinstance(earlier, dict) or earlier.get("format") != SETTINGS_FORMAT:
            raise InputError(f"{path} is not of format {SETTINGS_FORMAT}; choose another --out")
        before = earlier["settings"]
        different = sorted(name for name in before.keys() | written.keys() if before.get(name) != written.get(name))
        if different:
            name = different[0]
            raise InputError(
                f"{out} holds an experiment with another {name.replace('_', ' ')} ({_short(before.get(name))} there, "
                f"{_short(written.get(name))} here): choose another --out, or the settings it was started with"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already and holds no experiment; choose another --out")
    content = json.dumps({"format": SETTINGS_FORMAT, "settings": written}, indent=2) + "\n"
    write_whole(path, content.encode())


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
