"""Growth with the cohort: the same epsilon with more and more artists of one atelier, through the real masked sessions.

The noise of a sum does not grow with the number of artists in it, the signal does: so privacy gets cheaper. All of
epsilon goes to the training here and nothing is signed, because a signature's noise is its artist's own and does not
shrink. Accuracies are those of exact prototypes, which only an experimenter has.

GRO-1  A finished cell is on disk whole and is never run twice; whatever stops the experiment loses one cell at most.
GRO-2  A cost is a difference between runs of one cohort with the same codewords and queries: noise is all that differs,
       and whether a rehearsal with it on public painters (runs/rehearsal.py) found training worth anything.
"""

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..config import Settings, Split
from ..encoder.encoder import Encoder
from ..encoder.opening import open_encoder
from ..encoder.spec import BackboneSpec
from ..engines.memory import MemoryEngine
from ..errors import FedStyleError, InputError
from ..privacy.mechanism import View
from ..privacy.sizing import Mode
from ..report.growth import write_growth
from ..runs.budget import plan_budget
from ..runs.dataset import Dataset, derive_seed
from ..runs.ledgers import scratch_ledgers
from ..runs.progress import Progress, Silent
from ..runs.rehearsal import LENGTHS, Played, Stage, rehearse
from ..runs.spending import finite
from ..runs.stages import Prepared, Trained, stopwatch
from ..runs.summary import evaluate
from ..runs.train import DIMENSIONS, OUTPUTS, first_model, walk
from ..training.codebook import new_codebook
from ..writing import write_whole
from .studio import Painter, Studio, StudioPlan

FORMAT: Final = "fedstyle-growth-1"
CELLS_FOLDER, RESULTS_FILE = "cells", "growth.json"

PUBLIC, PUBLIC_ARTWORKS = 12, 30
"""Declared public painters, two of each school, and their pictures: enough to fill the style space."""

ENCODER: Final = "lite0"

POINT: Final = 0.01
"""The cost that is worth a sentence: one point of accuracy@1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """What to measure.

    Attributes:
        out: Folder of the experiment; continued if it holds one with the same pictures.
        artists: Sizes of cohorts.
        epsilons: Limits on all that an artist releases; infinity for no noise, which is always measured.
        seeds: Runs of each size, no artist in two of them; fewer where the largest cohort has not so many artists.
        artworks: Pictures of an artist, a third of which are held out as queries.
        views: Augmented views of each training picture.
        iterations: Model updates; None for the usual number, or none where a rehearsal finds that better.
    """

    out: Path
    artists: Sequence[int]
    epsilons: Sequence[float]
    seeds: int = 3
    artworks: int = 12
    views: int = 1
    iterations: int | None = None

    def __post_init__(self) -> None:
        if not self.artists or not self.epsilons or self.seeds < 1:
            raise InputError("a growth experiment needs at least one cohort size, one epsilon and one seed")
        for name, numbers in (("--artists", self.artists), ("--epsilons", self.epsilons)):
            if len(set(numbers)) < len(numbers):
                raise InputError(f"{name} names a number twice; drop one of them")
        for epsilon in self.epsilons:
            if not epsilon > 0:
                raise InputError(f"--epsilons must be above 0, got {epsilon:g}")

    def cells(self) -> "Iterator[Cell]":
        """All cells, small cohorts first; runs without noise come before those that are compared with them."""
        epsilons = sorted({*self.epsilons, math.inf}, reverse=True)
        most = max(self.artists)
        for artists in sorted(self.artists):
            for seed in range(min(self.seeds, most // artists)):
                for epsilon in epsilons:
                    yield Cell(artists=artists, first=artists * seed, epsilon=epsilon, seed=seed)

    def settings(self, cell: "Cell") -> Settings:
        """Those of one cell's run."""
        is_free = math.isinf(cell.epsilon)
        return Settings(
            artworks=self.out,
            out=self.out,
            public=PUBLIC,
            split=Split.CONTENT,
            privacy=Mode.NONE if is_free else Mode.DISTRIBUTED,
            epsilon=1.0 if is_free else cell.epsilon,  # without noise there is no limit to keep
            iterations=self.iterations,
            views=self.views,
            max_artworks=self.artworks,
            sign=False,
            seed=cell.seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run: a cohort of `artists` from number `first` on, public ones not counted."""

    artists: int
    first: int
    epsilon: float
    seed: int

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"artists-{self.artists}-from-{self.first}-epsilon-{self.epsilon:g}-seed-{self.seed}"


def measure_growth(plan: GrowthPlan, *, command: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Run all cells that are missing, and write the experiment's results and page.

    Args:
        plan: What to measure.
        command: The command that reproduces the experiment, for the page.
        progress: Where to show how far it is.

    Returns:
        The results, as written to ``growth.json``; infinite epsilon is null.

    Raises:
        InputError: The plan cannot be carried out, or its folder holds something else.
        PrivacyError: An epsilon cannot be kept.
        FedStyleError: No session of a run completed, or the disk failed.
    """
    progress = progress or Silent()
    cells = list(plan.cells())
    for cell in cells:  # whatever cannot work is refused before the long work begins
        plan_budget(plan.settings(cell), clients=cell.artists, dimensions=DIMENSIONS, outputs=OUTPUTS)
    encoder = open_encoder(BackboneSpec(name=ENCODER))
    studio = Studio(plan.out, _studio_plan(plan, encoder.name), encoder)
    painters = PUBLIC + max(plan.artists)
    with progress.stage("Painting and encoding artists", painters) as advance:
        studio.prepare(painters, advance)
    try:
        (plan.out / CELLS_FOLDER).mkdir(exist_ok=True)
        measured = []
        with progress.stage("Training cohorts", sum(cell.artists for cell in cells)) as advance:
            for cell in cells:
                measured.append(_read_or_run(plan, cell, studio, encoder))
                advance(cell.artists)
        results = {"format": FORMAT, "command": command} | tabulate(measured)
        content = json.dumps(results, indent=2, allow_nan=False) + "\n"
        write_whole(plan.out / RESULTS_FILE, content.encode())
        write_growth(plan.out, results)
    except OSError as error:
        raise FedStyleError(f"{plan.out} cannot be written ({error}); finished cells are kept") from error
    return results


def tabulate(measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, costs, and how many artists it takes.

    Args:
        measured: Cells, as `_run` gives them.
    """
    free = {(cell["artists"], cell["first"], cell["seed"]): cell for cell in measured if cell["epsilon"] is None}
    rows = []
    for artists in sorted({cell["artists"] for cell in measured}):
        for epsilon in [*sorted({cell["epsilon"] for cell in measured if cell["epsilon"] is not None}), None]:
            group = [cell for cell in measured if (cell["artists"], cell["epsilon"]) == (artists, epsilon)]
            costs = [
                free[artists, cell["first"], cell["seed"]]["accuracy_at_1"] - cell["accuracy_at_1"] for cell in group
            ]
            rows.append(
                {
                    "artists": artists,
                    "epsilon": epsilon,
                    "seeds": len(group),
                    "trained": sum(cell["iterations"] > 0 for cell in group),
                    "chance": 1 / artists,
                    **{
                        name: _mean([cell[name] for cell in group])
                        for name in ("no_training", "accuracy_at_1", "bytes_up", "bytes_down", "seconds_per_artist")
                    },
                    "accuracy_std": _deviation([cell["accuracy_at_1"] for cell in group]),
                    "gain": _mean([cell["accuracy_at_1"] - cell["no_training"] for cell in group]),
                    "cost": _mean(costs),
                    "cost_std": _deviation(costs),
                    "views": group[0]["views"],
                }
            )
    epsilons = sorted({row["epsilon"] for row in rows if row["epsilon"] is not None})
    return {"rows": rows, "answers": [_answer(rows, epsilon) for epsilon in epsilons], "cells": list(measured)}


def needed_artists(artists: Sequence[int], costs: Sequence[float]) -> float | None:
    """Size of the cohort from which on a cost stays below one point, read off a line through what was measured.

    Args:
        artists: Sizes measured, rising.
        costs: At each of them, as a difference of accuracies.

    Returns:
        The size; the smallest measured one if the cost is below one point everywhere; None if it is not at the largest.
    """
    above = [index for index, cost in enumerate(costs) if cost >= POINT]
    if not above:
        return float(artists[0])
    if (last := above[-1]) == len(costs) - 1:
        return None
    share = (costs[last] - POINT) / (costs[last] - costs[last + 1])
    return float(artists[last] * (artists[last + 1] / artists[last]) ** share)


def _answer(rows: Sequence[dict[str, Any]], epsilon: float) -> dict[str, Any]:
    chosen = [row for row in rows if row["epsilon"] == epsilon]
    artists, costs = [row["artists"] for row in chosen], [row["cost"] for row in chosen]
    needed = needed_artists(artists, costs)
    if needed is None:
        found = (
            f"Epsilon {epsilon:g} still costs {100 * costs[-1]:.1f} points with {artists[-1]:,} artists, the largest "
            "cohort measured: it takes more of them to cost less than one"
        )
    elif needed == artists[0] and costs[0] < POINT:
        found = (
            f"Epsilon {epsilon:g} costs less than one point in every cohort measured, from {artists[0]:,} artists on"
        )
    else:
        found = f"Epsilon {epsilon:g} costs less than one point from about {needed:,.0f} artists on"
    at_stake = next(row["gain"] for row in rows if row["epsilon"] is None and row["artists"] == artists[-1])
    sentence = f"{found}; without noise, training gains {100 * at_stake:+.1f} points with {artists[-1]:,}"
    sentence += "." if at_stake >= POINT else ", so that there is little for noise to take."
    return {"epsilon": epsilon, "artists": None if needed is None else round(needed), "sentence": sentence}


def _studio_plan(plan: GrowthPlan, encoder: str) -> StudioPlan:
    return StudioPlan(
        artworks=plan.artworks,
        public=PUBLIC,
        public_artworks=PUBLIC_ARTWORKS,
        views=plan.views,
        encoder=encoder,
        seed=0,
    )


def _read_or_run(plan: GrowthPlan, cell: Cell, studio: Studio, encoder: Encoder) -> dict[str, Any]:
    """A finished cell from disk, or a new one that is on disk when this returns (GRO-1)."""
    iterations = "rehearsed" if plan.iterations is None else plan.iterations
    path = plan.out / CELLS_FOLDER / f"{cell.name}-iterations-{iterations}.json"
    if path.exists():
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}); remove it to have the cell run again") from error
        return found
    measured = _run(plan, cell, studio, encoder)
    write_whole(path, (json.dumps(measured, indent=2, allow_nan=False) + "\n").encode())
    return measured


def _run(plan: GrowthPlan, cell: Cell, studio: Studio, encoder: Encoder) -> dict[str, Any]:
    """One whole training through masked sessions, and what it came to."""
    public = [studio.painter(number) for number in range(PUBLIC)]
    clients = [studio.painter(PUBLIC + cell.first + number) for number in range(cell.artists)]
    most = max(len(painter.training) for painter in clients)
    settings = replace(plan.settings(cell), max_artworks=most)
    prepared = Prepared(
        settings=settings,
        dataset=Dataset(public=(), training=(), held_out=(), warnings=()),  # no picture is left, only features
        budget=plan_budget(settings, clients=cell.artists, dimensions=DIMENSIONS, outputs=OUTPUTS),
        codebook=new_codebook(),
        public=_by_name(public),
        training=_by_name(clients),
        held_out={painter.name: painter.held_out for painter in clients},
        encoder=encoder.name,
        pooled_size=encoder.pooled_size,
    )
    played = _rehearse(prepared) if plan.iterations is None else ()
    measured: dict[str, Any] = {
        "epsilon": finite(cell.epsilon),
        "iterations": played[0].iterations if played else settings.updates,
        "rehearsal": [asdict(choice) for choice in played],
        "queries": sum(len(painter.held_out) for painter in clients),
    }
    measured |= (_train if measured["iterations"] else _train_nothing)(prepared)
    return asdict(cell) | measured | {"seconds_per_artist": sum(prepared.seconds.values()) / cell.artists}


def _rehearse(prepared: Prepared) -> list[Played]:
    """Whether training served public painters, found by exact prototypes, with the noise that is planned here.

    The style space stays, which cells are compared in.
    """
    settings = prepared.settings
    stage = Stage(
        public=prepared.public,
        pooled_size=prepared.pooled_size,
        dimensions=DIMENSIONS,
        outputs=OUTPUTS,
        clients=len(prepared.training),
        artworks=settings.max_artworks,
        seed=derive_seed(settings.seed, "rehearsal"),
        spaces=(prepared.space,),
        lengths=LENGTHS[:1],
    )
    with stopwatch(prepared.seconds, "rehearsal"):
        return rehearse(stage, {(count, 0.0): prepared.budget for count in (0, settings.updates)})


def _train_nothing(prepared: Prepared) -> dict[str, Any]:
    """What a cohort has that sends and spends nothing."""
    start = first_model(prepared)
    scores: dict[str, Any] = evaluate(
        prepared, Trained(start=start, outcomes=(), artists={}, engine=MemoryEngine({})), None
    )
    accuracy = scores["no_training"]["accuracy_at_1"]
    return {
        "views": dict.fromkeys(map(str, View), 0.0),
        "accuracy_at_1": accuracy,
        "no_training": accuracy,
        "bytes_up": 0.0,
        "bytes_down": 0.0,
        "modulus_bits": 0,
        "warnings": [],
    }


def _train(prepared: Prepared) -> dict[str, Any]:
    """Through masked sessions, charged to ledgers that are thrown away."""
    with tempfile.TemporaryDirectory(prefix="fedstyle-growth-") as scratch:
        trained, _ = walk(prepared, scratch_ledgers(prepared, Path(scratch)), None, Silent())
        warnings = trained.check()
        scores: dict[str, Any] = evaluate(prepared, trained, None)
        ledger = trained.fullest_ledger
        spent = {view.value: ledger.epsilon(view) for view in View}
    engine, artists = trained.engine, len(prepared.training)
    return {
        "views": {view: finite(value) for view, value in spent.items()},
        "accuracy_at_1": scores["retrieval"]["accuracy_at_1"],
        "no_training": scores["no_training"]["accuracy_at_1"],
        "bytes_up": sum(engine.bytes_from.values()) / artists,
        "bytes_down": sum(engine.bytes_to.values()) / artists,
        "modulus_bits": trained.outcomes[0].mechanism.modulus_bits,
        "warnings": warnings,
    }


def _by_name(painters: Sequence[Painter]) -> dict[str, Any]:
    return {painter.name: painter.training for painter in painters}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
