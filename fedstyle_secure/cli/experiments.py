"""``fedstyle experiment``: FedStyle against its rivals, and against its own privacy budget, on real art.

Screens, bars and safe texts are the command line's own; it hands them down in the context.
"""

import json
import math
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..allocator import keep_freed_memory
from ..config import Settings, Split
from ..encoder.device import Device
from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..experiments.cells import Cell
    from ..experiments.statistics import Row, Spread
    from ..runs.progress import Progress

experiment_app = typer.Typer(
    name="experiment",
    help="Compare FedStyle with its rivals, and with itself under other budgets.",
    no_args_is_help=True,
)

QUICK_VIEWS = 2
QUICK_EPSILONS = "2,8,inf"
EPSILONS = "1,2,4,8,inf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the command line shares with this file."""

    show: Callable[[RenderableType], None]
    note: Callable[[str], None]
    plain: Callable[[str], Text]
    new_table: Callable[..., Table]
    progress: "Progress"


Artworks = Annotated[Path, typer.Option(help="Folder with one folder of artworks for each artist.")]
Out = Annotated[Path, typer.Option(help="Folder for cells and report; a stopped experiment goes on there.")]
Public = Annotated[int | None, typer.Option(help="Declare this many artists public (default: a third).")]
PublicArt = Annotated[Path | None, typer.Option(help="A folder of public artists instead of --public.")]
Splits = Annotated[
    Split | None, typer.Option(help="Hold out artworks by artist or by content (default: content, if all have one).")
]
Epsilons = Annotated[str | None, typer.Option(metavar="E,E,...", help=f"Budgets to compare (default: {EPSILONS}).")]
Seeds = Annotated[int, typer.Option(help="Seeds 0, 1, ...: splits, codewords and starts.")]
Quick = Annotated[
    bool, typer.Option("--quick", help=f"{QUICK_VIEWS} views instead of 4, and budgets {QUICK_EPSILONS}.")
]
Jobs = Annotated[int | None, typer.Option(help="Processes (default: one for each processor).")]
Where = Annotated[str, typer.Option("--engine", help="local, or ray for a cluster (optional extra).")]
Encoder = Annotated[str, typer.Option(help="lite0, timm:NAME or torchvision:NAME.")]
Weights = Annotated[Path | None, typer.Option(help="Local weights file of a timm or torchvision encoder.")]
Computing = Annotated[
    Device | None,
    typer.Option(
        help="Where the encoder computes (default: auto, the processor unless another network gains by more)."
    ),
]
FeaturesCache = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps features of artworks from run to run (default: in your cache folder)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the table as JSON, and nothing else, on standard output.")]


def _add_comparison(name: str, about: str) -> None:
    """Add a command: its options are those of the others, the cells it runs its own."""

    @experiment_app.command(name, help=about)
    def compare(
        context: typer.Context,
        artworks: Artworks,
        out: Out = Path("build") / name,
        public: Public = None,
        public_art: PublicArt = None,
        split: Splits = None,
        epsilons: Epsilons = None,
        seeds: Seeds = 3,
        quick: Quick = False,
        jobs: Jobs = None,
        engine: Where = "local",
        encoder: Encoder = "lite0",
        weights: Weights = None,
        device: Computing = None,
        features_cache: FeaturesCache = None,
        as_json: Json = False,
    ) -> None:
        from ..experiments.experiment import COMPARISONS

        common = Settings(
            artworks=artworks,
            out=out,
            public=public,
            public_art=public_art,
            all_agreed=True,  # an experiment publishes no model, and whoever runs it holds all the art
            encoder=encoder,
            weights=weights,
            device=device or Device.AUTO,
            features_cache=features_cache,
        )
        common = replace(common, views=QUICK_VIEWS) if quick else common
        cells = COMPARISONS[name](epsilons=_epsilons(epsilons, quick=quick), seeds=_positive(seeds))
        _run(context.obj, common, cells, split=split, jobs=jobs, engine=engine, as_json=as_json)


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
    try:
        values = [float(part) for part in wanted.split(",")]
    except ValueError as error:
        raise InputError(f"--epsilons must be numbers with commas between, as in 1,8,inf; got {wanted!r}") from error
    if not values or not all(value > 0 for value in values) or len(set(values)) < len(values):
        raise InputError(f"--epsilons must be different numbers above 0, got {wanted!r}")
    return [value if math.isfinite(value) else None for value in values]


def _positive(seeds: int) -> int:
    if seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {seeds}")
    return seeds


def _run(
    screen: Screen,
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
    command = shlex.join(["fedstyle", *sys.argv[1:]])
    chosen = choose_engine(engine, jobs if jobs is not None else os.cpu_count() or 1)
    found = run_experiment(common, cells, split=split, engine=chosen, progress=screen.progress)
    for warning in sorted({warning for cell in found for warning in cell["warnings"]}):
        screen.note(warning)
    rows = write_results(common.out, found, command=command, delta=common.delta)
    if as_json:
        sys.stdout.write(json.dumps(results_json(rows, command), indent=2) + "\n")
        return
    screen.show(_table(rows, screen))
    screen.show(Text.assemble("Report: ", screen.plain(str(common.out / "report.html"))))


def results_json(rows: "Sequence[Row]", command: str) -> dict[str, Any]:
    """What ``--json`` prints: spreads are [mean, standard deviation or null]."""
    return {"format": "fedstyle-experiment-1", "command": command, "rows": [row.as_dict() for row in rows]}


def _table(rows: "Sequence[Row]", screen: Screen) -> Table:
    from ..experiments.statistics import counted_seeds

    table = screen.new_table(title=f"accuracy@1, {counted_seeds(rows[0].seeds)}")
    table.add_column("method")
    for heading in ("beside whitened", "head alone", "signed", "to FedStyle", "epsilon"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.title,
            *map(_cell, (row.accuracy, row.head_alone, row.signatures)),
            "" if row.difference is None else _cell(row.difference, sign="+"),
            "inf" if math.isinf(row.promised) else f"{row.promised:.2f}",
        )
    table.caption = (
        f"chance {rows[0].chance:.3f}; beside whitened: the head's output beside the whitened features, as FedStyle "
        "uses it; head alone: as the rivals' papers use it; signed: by published signatures; to FedStyle: difference "
        "of the first column to FedStyle without privacy, seed by seed; epsilon: in the view that is limited"
    )
    return table


def _cell(spread: "Spread | None", sign: str = "") -> str:
    if spread is None:
        return ""
    return f"{spread.mean:{sign}.3f}" + ("" if spread.std is None else f" \N{PLUS-MINUS SIGN} {spread.std:.3f}")
