"""From cells to rows: mean and standard deviation over seeds, and differences paired by seed, because splits differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..catalogue.search import REFERENCES
from ..privacy.mechanism import View
from ..privacy.sizing import Mode
from ..training.baselines import BASELINES
from .cells import FEDSTYLE, METHODS
from .rivals import HEAD_ALONE, RESIDUAL

SCORES: Final = ("accuracy_at_1", "recall_at_5", "mrr", "macro_f1")

BOUGHT: Final = tuple(f"{who}, {count}" for who in ("buyer", "untrained") for count in REFERENCES)
"""Headings of `Row.bought`."""

_TITLES = {"no-training": "no training (whitened features)", "random-head": "random head"} | {
    name: baseline.title for name, baseline in BASELINES.items()
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation over seeds; the second is None for one seed."""

    mean: float
    std: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), std)

    def as_list(self) -> list[float | None]:
        """For JSON."""
        return [self.mean, self.std]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method under one budget, over all seeds.

    Attributes:
        method: As in cells.
        privacy: Mode.
        limit: Limit on epsilon; None where there is none.
        seeds: How many.
        scores: By embedding (`rivals.EMBEDDINGS`, and the published signatures), then by score.
        buyer: accuracy@1 by published signatures, by number of pictures asked with; empty where nobody signs.
        untrained: The same without any training, by signatures that cost the same epsilon.
        difference: accuracy@1 minus that of FedStyle without privacy with the same seed; None where that is missing.
        epsilon: By view, the largest over the seeds; infinity where nothing is bounded.
        bytes_up: Of each artist.
        bytes_down: Of each artist.
        seconds: Of one cell.
        recipes: What was chosen for each seed, in words.
        chance: accuracy@1 of guessing.
    """

    method: str
    privacy: str
    limit: float | None
    seeds: int
    scores: Mapping[str, Mapping[str, Spread]]
    buyer: Mapping[str, Spread]
    untrained: Mapping[str, Spread]
    difference: Spread | None
    epsilon: Mapping[str, float]
    bytes_up: float
    bytes_down: float
    seconds: Spread
    recipes: Sequence[str]
    chance: float

    @property
    def title(self) -> str:
        """As in tables."""
        if self.method != FEDSTYLE:
            return _TITLES[self.method]
        if self.limit is None:
            return "FedStyle, no privacy"
        mode = "local DP" if self.privacy == Mode.LOCAL else "distributed DP"
        return f"FedStyle, {mode}, \N{GREEK SMALL LETTER EPSILON} = {self.limit:g}"

    @property
    def promised(self) -> float:
        """Epsilon in the view that a budget limits: an artist's own under local noise, else the aggregate's."""
        return self.epsilon[View.LOCAL if self.privacy == Mode.LOCAL else View.AGGREGATE]

    @property
    def accuracy(self) -> Spread:
        """accuracy@1 beside the whitened features, the column that all methods have."""
        return self.scores[RESIDUAL]["accuracy_at_1"]

    @property
    def bought(self) -> list[Spread | None]:
        """A buyer's columns: with each number of pictures, and then the same without training."""
        return [kind.get(str(count)) for kind in (self.buyer, self.untrained) for count in REFERENCES]

    @property
    def head_alone(self) -> Spread | None:
        """accuracy@1 of the head's output by itself, where there is a head."""
        return self.scores[HEAD_ALONE]["accuracy_at_1"] if HEAD_ALONE in self.scores else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; infinite epsilon is null."""
        return {
            "method": self.method,
            "title": self.title,
            "privacy": self.privacy,
            "limit": self.limit,
            "seeds": self.seeds,
            "scores": {
                embedding: {name: spread.as_list() for name, spread in scores.items()}
                for embedding, scores in self.scores.items()
            },
            "buyer": {count: spread.as_list() for count, spread in self.buyer.items()},
            "buyer_without_training": {count: spread.as_list() for count, spread in self.untrained.items()},
            "difference_to_fedstyle": None if self.difference is None else self.difference.as_list(),
            "epsilon": {view: value if math.isfinite(value) else None for view, value in self.epsilon.items()},
            "bytes_up_per_artist": self.bytes_up,
            "bytes_down_per_artist": self.bytes_down,
            "seconds": self.seconds.as_list(),
            "recipes": list(self.recipes),
            "chance": self.chance,
        }


def counted_seeds(seeds: int) -> str:
    """What numbers are over so many seeds, in words."""
    return "one seed" if seeds == 1 else f"mean \N{PLUS-MINUS SIGN} standard deviation over {seeds} seeds"


def tabulate(cells: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row for each method and budget, in the order of the tables: rivals first, FedStyle last."""
    groups: dict[tuple[int, str, float], list[Mapping[str, Any]]] = {}
    for cell in cells:
        limit = math.inf if cell["limit"] is None else cell["limit"]
        groups.setdefault((METHODS.index(cell["method"]), _mode_order(cell), -limit), []).append(cell)
    own = {cell["seed"]: _accuracy(cell) for cell in cells if cell["method"] == FEDSTYLE and cell["limit"] is None}
    return [_row(groups[key], own) for key in sorted(groups)]


def _mode_order(cell: Mapping[str, Any]) -> str:
    return {Mode.NONE: "0", Mode.DISTRIBUTED: "1", Mode.LOCAL: "2"}[Mode(cell["privacy"])]


def _row(cells: Sequence[Mapping[str, Any]], own: Mapping[int, float]) -> Row:
    first = cells[0]
    scores = {
        embedding: {name: Spread.of([cell["scores"][embedding][name] for cell in cells]) for name in SCORES}
        for embedding in first["scores"]
    }
    paired = [_accuracy(cell) - own[cell["seed"]] for cell in cells if cell["seed"] in own]
    return Row(
        method=first["method"],
        privacy=first["privacy"],
        limit=first["limit"],
        seeds=len(cells),
        scores=scores,
        buyer=_bought(cells, "references"),
        untrained=_bought(cells, "no_training"),
        difference=Spread.of(paired) if len(paired) == len(cells) else None,
        epsilon={view.value: max(_bound(cell["epsilon"][view]) for cell in cells) for view in View},
        bytes_up=float(np.mean([cell["bytes_up"] for cell in cells])),
        bytes_down=float(np.mean([cell["bytes_down"] for cell in cells])),
        seconds=Spread.of([cell["seconds"] for cell in cells]),
        recipes=[_recipe(cell["recipe"]) for cell in cells if cell["recipe"] is not None],
        chance=float(first["scores"][RESIDUAL]["chance"]),
    )


def _bought(cells: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Spread]:
    found = [cell["buyer"][kind] if "buyer" in cell else {} for cell in cells]
    counts = [count for count in found[0] if all(each.get(count) is not None for each in found)]
    return {count: Spread.of([each[count]["accuracy_at_1"] for each in found]) for count in counts}


def _accuracy(cell: Mapping[str, Any]) -> float:
    return float(cell["scores"][RESIDUAL]["accuracy_at_1"])


def _bound(epsilon: float | None) -> float:
    return math.inf if epsilon is None else epsilon


def _recipe(recipe: Mapping[str, Any]) -> str:
    return f"learning rate {recipe['learning_rate']:g}, {recipe['local_steps']} local steps, {recipe['rounds']} rounds"
