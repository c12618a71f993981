"""What a run came to, as plain values: the content of ``summary.json``."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artist.artist import SIGNATURE
from ..catalogue.index import StyleIndex
from ..encoder.whitening import to_unit
from ..privacy.accounting import epsilon
from ..privacy.ledger import Ledger
from ..privacy.mechanism import View
from ..privacy.sizing import Mode
from ..server.iterations import Outcome
from .buyer import score_buyer
from .dataset import derive_seed
from .evaluation import prototypes, rank, score
from .files import FORMAT
from .stages import Prepared, Trained

EXAMPLES = 8
"""Queries shown in the report."""


def summarize(prepared: Prepared, trained: Trained, index: StyleIndex | None) -> dict[str, Any]:
    """Everything the report and a program want to know; infinite epsilon is written as null."""
    settings, cohort, dataset = prepared.settings, prepared.budget.cohort, prepared.dataset
    outcomes, artists, engine = trained.outcomes, trained.artists, trained.engine
    completed = [outcome.aggregate.survivors for outcome in outcomes if outcome.aggregate is not None]
    ledger = next(iter(artists.values())).ledger
    mechanism = outcomes[0].mechanism
    return {
        "format": FORMAT,
        "artists": len(artists),
        "public_artists": [portfolio.artist for portfolio in dataset.public],
        "artworks": sum(len(p.artworks) for p in (*dataset.training, *dataset.held_out)),
        "queries": sum(len(p.artworks) for p in dataset.held_out),
        **(evaluate(prepared, trained, index) if prepared.held_out else {}),
        "privacy": {
            "mode": settings.privacy,
            "unit": settings.unit,
            "delta": settings.delta,
            "epsilon": {view.value: finite(ledger.epsilon(view)) for view in View},
            "limit": None if settings.privacy is Mode.NONE else settings.epsilon,
            "limited_view": prepared.budget.view,
            "corrupt": cohort.corrupt,
            "min_survivors": cohort.min_survivors,
            "releases": [{"name": release.name, "iteration": release.iteration} for release in ledger.releases],
        },
        "ledgers": {
            name: {"file": artist.ledger.path.name, "head": artist.ledger.head} for name, artist in artists.items()
        },
        "communication": {
            "bytes_up_per_artist": sum(engine.bytes_from.values()) // len(artists),
            "bytes_down_per_artist": sum(engine.bytes_to.values()) // len(artists),
        },
        "aggregation": {
            "sessions": len(outcomes),
            "completed": len(completed),
            "aborted": len(outcomes) - len(completed),
            "survivors_min": min(completed, default=0),
            "survivors_max": max(completed, default=0),
            "modulus_bits": mechanism.modulus_bits,
            "vector_length": mechanism.dimension,
        },
        "seconds": {name: round(value, 3) for name, value in prepared.seconds.items()},
        "history": _history(outcomes, ledger),
        "settings": settings.as_dict(),
        "left_out": [asdict(each) for each in dataset.left_out],
        "warnings": [*dataset.warnings, *trained.check()],
    }


def _history(outcomes: Sequence[Outcome], ledger: Ledger) -> list[dict[str, object]]:
    """One entry for each iteration: how it ended and what an artist had spent by then."""
    entries: list[dict[str, object]] = []
    for outcome in outcomes:
        spent = [release for release in ledger.releases if release.iteration <= outcome.iteration]
        spent = [release for release in spent if release.name != SIGNATURE]
        slack = sum(release.delta_slack for release in spent)
        epsilons = {
            view.value: finite(epsilon([release.events[view] for release in spent], ledger.delta, delta_slack=slack))
            for view in View
        }
        entries.append(
            {
                "iteration": outcome.iteration,
                "outcome": f"aborted: {outcome.problem}" if outcome.problem else "completed",
                "survivors": outcome.aggregate.survivors if outcome.aggregate else 0,
                "epsilon": epsilons,
            }
        )
    return entries


def evaluate(prepared: Prepared, trained: Trained, index: StyleIndex | None) -> dict[str, object]:
    """The same queries by what a buyer has, and by exact prototypes: trained, without training, with a random head."""
    training, held_out = prepared.training, prepared.held_out
    start, model = trained.start, trained.model
    names = list(training)
    truth = [names.index(name) for name, features in held_out.items() for _ in range(len(features))]

    def retrieval(embed: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> NDArray[np.intp]:
        targets = prototypes({name: embed(features.views[:, 0]) for name, features in training.items()})
        return rank(np.concatenate([embed(features.views[:, 0]) for features in held_out.values()]), targets)

    rng = np.random.Generator(np.random.PCG64(derive_seed(prepared.settings.seed, "random head")))
    random_head = rng.normal(size=model.head.shape).astype(np.float32)
    rankings = retrieval(model.embed)
    result: dict[str, object] = {
        "retrieval": score(rankings, truth).as_dict(),
        "no_training": score(retrieval(start.whiten), truth).as_dict(),
        "random_head": score(retrieval(lambda raw: to_unit(start.whiten(raw) @ random_head.T)), truth).as_dict(),
    }
    if index is not None:
        result["buyer"] = score_buyer(prepared, trained, index)
    chosen = sorted(rng.permutation(len(truth))[:EXAMPLES].tolist(), key=lambda query: truth[query])
    result["examples"] = [
        {
            "artist": names[truth[query]],
            "ranking": [names[i] for i in rankings[query, :5]],
            "position": int(np.flatnonzero(rankings[query] == truth[query])[0]) + 1,
        }
        for query in chosen
    ]
    return result


def finite(value: float) -> float | None:
    """To four decimals for JSON, infinity as null."""
    return round(value, 4) if np.isfinite(value) else None
