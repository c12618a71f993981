"""One cell of an experiment: a method under a privacy budget with a seed, run from cached features to plain values.

CEL-1  FedStyle's cells walk the same way as `fedstyle train` (`run.walk`): masks, noise, ledgers, signatures and all.
CEL-2  All cells of a seed share the split, the features, the whitening and the head's start.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..config import Settings
from ..privacy.mechanism import View
from ..privacy.sizing import Mode
from ..runs.buyer import score_buyer
from ..runs.dataset import derive_seed
from ..runs.evaluation import score
from ..runs.ledgers import scratch_ledgers
from ..runs.progress import Silent
from ..runs.spending import finite
from ..runs.stages import Prepared
from ..runs.train import first_model, walk
from ..training.baselines import BASELINES
from .rivals import EMBEDDINGS, HEAD_ALONE, RESIDUAL, compare, fit, ranked

FORMAT: Final = "fedstyle-cell-1"
FEDSTYLE: Final = "fedstyle"
UNTRAINED: Final = ("random-head", "no-training")
METHODS: Final = (*UNTRAINED, *BASELINES, FEDSTYLE)

_DECIMALS = 4  # of a published signature, for the map


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Cell:
    """What is run.

    Attributes:
        method: One of `METHODS`.
        privacy: FedStyle's mode; none for all others.
        epsilon: Limit on all releases; None where there is none.
        seed: Of split, crops, codewords and start.
    """

    method: str
    privacy: Mode = Mode.NONE
    epsilon: float | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """Distinct for each cell, fit for a file."""
        parts = [self.method]
        if self.method == FEDSTYLE:
            parts.append(self.privacy)
        if self.epsilon is not None:
            parts.append(f"epsilon-{self.epsilon:g}")
        return "-".join([*parts, f"seed-{self.seed}"])

    def settings(self, common: Settings) -> Settings:
        """The run's settings."""
        epsilon = common.epsilon if self.epsilon is None else self.epsilon
        return replace(common, seed=self.seed, privacy=self.privacy, epsilon=epsilon)


def run_cell(cell: Cell, prepared: Prepared) -> dict[str, Any]:
    """Run one cell.

    Args:
        cell: What to run.
        prepared: For the cell's settings.

    Returns:
        Plain values for JSON; infinite epsilon is None, as in a run's summary.
    """
    begun = perf_counter()
    if cell.method == FEDSTYLE:
        found = _fedstyle(prepared)
    elif cell.method in BASELINES:
        found = _rival(cell.method, prepared)
    else:
        found = _untrained(cell.method, prepared)
    facts = {
        "format": FORMAT,
        "method": cell.method,
        "privacy": cell.privacy.value,
        "limit": cell.epsilon,
        "seed": cell.seed,
        "artists": list(prepared.training),
        "public_artists": len(prepared.public),
        "queries": sum(map(len, prepared.held_out.values())),
        "warnings": list(prepared.dataset.warnings),
    }
    return facts | found | {"seconds": round(perf_counter() - begun, 3)}


def _fedstyle(prepared: Prepared) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="fedstyle-cell-") as scratch:
        trained, index = walk(prepared, scratch_ledgers(prepared, Path(scratch)), None, Silent())
        ledger = trained.fullest_ledger
        epsilons = {view.value: finite(ledger.epsilon(view)) for view in View}
    model = trained.model
    heads = model.head[None]
    measured = {
        name: compare(heads, model, prepared.training, prepared.held_out, embedding=name) for name in EMBEDDINGS
    }
    found = _measures(measured)
    if index is not None:
        found["buyer"] = score_buyer(prepared, trained, index)
        found["scores"]["signatures"] = found["buyer"]["references"]["1"]
        found["signatures"] = {
            "artists": list(index.artists),
            "vectors": np.round(index.vectors.astype(np.float64), _DECIMALS).tolist(),
        }
    artists, engine = len(trained.artists), trained.engine
    return found | {
        "epsilon": epsilons,
        "bytes_up": sum(engine.bytes_from.values()) // artists,
        "bytes_down": sum(engine.bytes_to.values()) // artists,
        "recipe": None,
    }


def _rival(method: str, prepared: Prepared) -> dict[str, Any]:
    start = first_model(prepared)
    baseline = BASELINES[method]
    fitted = fit(baseline, prepared, start)
    measured = {
        name: compare(fitted.heads, start, prepared.training, prepared.held_out, embedding=name) for name in EMBEDDINGS
    }
    sends = baseline.uploads is not None or method == "centralised"
    recipe = {
        "learning_rate": fitted.recipe.learning_rate,
        "local_steps": fitted.recipe.local_steps,
        "rounds": fitted.rounds,
    }
    return _measures(measured) | {
        "epsilon": _epsilons(None if sends else 0.0),
        "bytes_up": fitted.bytes_up,
        "bytes_down": fitted.bytes_down,
        "recipe": recipe,
    }


def _untrained(method: str, prepared: Prepared) -> dict[str, Any]:
    """The whitened features by themselves, or a random head on them."""
    start = first_model(prepared)
    d = start.head.shape[1]
    plain = replace(start, alignment=np.eye(d, dtype=np.float32))
    if method == "no-training":
        heads, embeddings = np.eye(d, dtype=np.float32)[None], {RESIDUAL: HEAD_ALONE}
    else:
        rng = np.random.Generator(np.random.PCG64(derive_seed(prepared.settings.seed, "random head")))
        heads, embeddings = (
            rng.normal(size=(1, *start.head.shape)).astype(np.float32),
            {name: name for name in EMBEDDINGS},
        )
    measured = {
        name: compare(heads, plain, prepared.training, prepared.held_out, embedding=embedding)
        for name, embedding in embeddings.items()
    }
    return _measures(measured) | {
        "epsilon": _epsilons(0.0),
        "bytes_up": 0,
        "bytes_down": 0,
        "recipe": None,
    }


def _measures(measured: dict[str, tuple[NDArray[np.float32], list[int]]]) -> dict[str, Any]:
    """Scores of each embedding, and who was taken for whom by the first of them."""
    similarities, truth = next(iter(measured.values()))
    return {
        "scores": {name: score(ranked(cosines), truth).as_dict() for name, (cosines, truth) in measured.items()},
        "confusion": _confusion(ranked(similarities)[:, 0], truth, similarities.shape[1]),
    }


def _confusion(answers: NDArray[np.intp], truth: Sequence[int], artists: int) -> list[list[int]]:
    counts = np.zeros((artists, artists), dtype=np.int64)
    np.add.at(counts, (np.asarray(truth), answers), 1)
    return [[int(count) for count in row] for row in counts]


def _epsilons(value: float | None) -> dict[str, float | None]:
    return {view.value: value for view in View}
