"""``fedstyle experiment``: FedStyle against its rivals, and against its own privacy budget, on real art."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..allocator import keep_freed_memory
from ..bounds import EPSILON, JOBS, REPETITIONS
from ..config import Settings, Split
from .options import Json, number, numbers, with_settings
from .screen import command_line, plain, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..experiments.cells import Cell
    from ..experiments.statistics import Row, Spread

experiment_app = typer.Typer(
    name="experiment",
    help="Compare FedStyle with its rivals, and with itself under other budgets.",
    no_args_is_help=True,
)

_COMMON = ("artworks", "public", "public_art", "encoder", "weights", "device", "features_cache")
QUICK_VIEWS = 2
QUICK_EPSILONS = "2,8,inf"
EPSILONS = "1,2,4,8,inf"


Out = Annotated[Path, typer.Option(help="Folder for cells and report; a stopped experiment goes on there.")]
Splits = Annotated[
    Split | None, typer.Option(help="Hold out artworks by artist or by content (default: content, if all have one).")
]
Epsilons = Annotated[str | None, typer.Option(metavar="E,E,...", help=f"Budgets to compare (default: {EPSILONS}).")]
Seeds = Annotated[int, number("Seeds 0, 1, ...: splits, codewords and starts.", REPETITIONS)]
Quick = Annotated[
    bool, typer.Option("--quick", help=f"{QUICK_VIEWS} views instead of 4, and budgets {QUICK_EPSILONS}.")
]
Jobs = Annotated[int | None, number("Processes (default: one for each processor).", JOBS)]
Where = Annotated[str, typer.Option("--engine", help="local, or ray for a cluster (optional extra).")]


def _add_comparison(name: str, about: str) -> None:
    """Add a command: its options are those of the others, the cells it runs its own."""

    @experiment_app.command(name, help=about)
    # An experiment publishes no model, and whoever runs it holds all the art.
    @with_settings(*_COMMON, file=False, out="run", all_agreed=True)
    def compare(
        settings: Settings,
        out: Out = Path("build") / name,
        split: Splits = None,
        epsilons: Epsilons = None,
        seeds: Seeds = 3,
        quick: Quick = False,
        jobs: Jobs = None,
        engine: Where = "local",
        as_json: Json = False,
    ) -> None:
        budgets = _epsilons(epsilons, quick=quick)
        from ..experiments.experiment import COMPARISONS

        common = replace(settings, out=out, views=QUICK_VIEWS if quick else settings.views)
        cells = COMPARISONS[name](epsilons=budgets, seeds=seeds)
        _run(common, cells, split=split, jobs=jobs, engine=engine, as_json=as_json)


_add_comparison(
    "baselines",
    "FedStyle against no training, local only, FedAvg, FedProx, MOON, FedProto and the centralised ceiling.",
)
_add_comparison(
    "privacy-budget",
    "FedStyle with distributed and with local noise at every budget: accuracy against epsilon in the three views.",
)


def _epsilons(text: str | None, *, quick: bool) -> list[float | None]:
    """Budgets in the order given; None for inf."""
    wanted = text if text is not None else QUICK_EPSILONS if quick else EPSILONS
    values = numbers(wanted, "--epsilons", EPSILON, float, allow_infinite=True)
    return [value if math.isfinite(value) else None for value in values]


def _run(
    common: Settings,
    cells: "Sequence[Cell]",
    *,
    split: Split | None,
    jobs: int | None,
    engine: str,
    as_json: bool,
) -> None:
    from ..experiments.experiment import run_experiment
    from ..experiments.outcomes import write_results
    from ..experiments.pool import choose_engine

    keep_freed_memory()
    command = command_line()
    chosen = choose_engine(engine, jobs if jobs is not None else os.cpu_count() or 1)
    found = run_experiment(common, cells, split=split, engine=chosen, progress=screen)
    for warning in sorted({warning for cell in found for warning in cell["warnings"]}):
        screen.warn(warning)
    rows = write_results(common.out, found, command=command, delta=common.delta)
    if as_json:
        screen.json(results_json(rows, command))
        return
    screen.show(_table(rows))
    screen.show("Report:", plain(str(common.out / "report.html")))


def results_json(rows: "Sequence[Row]", command: str) -> dict[str, Any]:
    """What ``--json`` prints: spreads are [mean, standard deviation or null]."""
    return {"format": "fedstyle-experiment-1", "command": command, "rows": [row.as_dict() for row in rows]}


def _table(rows: "Sequence[Row]") -> Table:
    from ..experiments.statistics import BOUGHT, counted_seeds

    table = screen.table(title=f"accuracy@1, {counted_seeds(rows[0].seeds)}")
    table.add_column("method")
    for heading in (*BOUGHT, "exact", "head alone", "to FedStyle", "epsilon"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.title,
            *map(_cell, (*row.bought, row.accuracy, row.head_alone)),
            "" if row.difference is None else _cell(row.difference, sign="+"),
            "inf" if math.isinf(row.promised) else f"{row.promised:.2f}",
        )
    table.caption = (
        f"chance {rows[0].chance:.3f}; buyer: by published signatures, with 1, 3 and 5 pictures; untrained: the same "
        "at the same epsilon without training, which is every rival's buyer too; exact: the head's output beside the "
        "whitened features, by exact prototypes; head alone: as the rivals' papers use it; to FedStyle: difference of "
        "exact to FedStyle without privacy, seed by seed; epsilon: in the view that is limited"
    )
    return table


def _cell(spread: "Spread | None", sign: str = "") -> str:
    if spread is None:
        return ""
    return f"{spread.mean:{sign}.3f}" + ("" if spread.std is None else f" \N{PLUS-MINUS SIGN} {spread.std:.3f}")
