"""What a run came to, as plain values: the content of ``summary.json``."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artist.artist import SIGNATURE
from ..catalogue.index import StyleIndex
from ..config import SETTINGS, Settings
from ..encoder.whitening import to_unit
from ..privacy.ledger import Ledger
from ..privacy.mechanism import View
from ..privacy.releases import Release
from ..privacy.sizing import Mode
from ..server.iterations import Outcome
from .buyer import score_buyer
from .dataset import derive_seed
from .evaluation import prototypes, rank, score
from .files import FORMAT, LEDGER_FOLDER
from .spending import cumulative, finite
from .stages import Prepared, Trained

EXAMPLES = 8
"""Queries shown in the report."""


def summarize(
    prepared: Prepared, trained: Trained, index: StyleIndex | None, before: Mapping[str, str]
) -> dict[str, Any]:
    """What happened in a run, as it was when it ended; infinite epsilon is written as null.

    Args:
        prepared: Before training.
        trained: After training.
        index: The catalogue.
        before: The head of each artist's ledger before the run.
    """
    settings, cohort, dataset = prepared.settings, prepared.budget.cohort, prepared.dataset
    outcomes, artists, engine = trained.outcomes, trained.artists, trained.engine
    completed = [outcome.aggregate.survivors for outcome in outcomes if outcome.aggregate is not None]
    ledgers = {name: artist.ledger for name, artist in artists.items()}
    most = max(ledgers, key=lambda name: ledgers[name].spent(settings.limited_view))
    earlier = [ledger.releases_until(before[name]) for name, ledger in ledgers.items()]
    mechanism = outcomes[0].mechanism if outcomes else None
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
            "epsilon": _most([ledger.releases for ledger in ledgers.values()], settings.delta),
            "before": _most(earlier, settings.delta),
            "fresh": settings.fresh_ledgers,
            "limit": None if settings.privacy is Mode.NONE else settings.epsilon,
            "limited_view": prepared.budget.view,
            "corrupt": cohort.corrupt,
            "min_survivors": cohort.min_survivors,
        },
        "ledgers": {
            "folder": LEDGER_FOLDER if settings.fresh_ledgers else str(ledgers[most].path.parent.absolute()),
            "artists": {
                name: {"file": ledger.path.name, "before": before[name], "head": ledger.head}
                for name, ledger in ledgers.items()
            },
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
            "modulus_bits": mechanism.modulus_bits if mechanism else 0,
            "vector_length": mechanism.dimension if mechanism else 0,
        },
        "seconds": {name: round(value, 3) for name, value in prepared.seconds.items()},
        "space": prepared.space,
        "rehearsal": list(prepared.rehearsal),
        "history": _history(outcomes, ledgers[most], ledgers[most].releases_until(before[most])),
        "settings": _located(settings),
        "left_out": [asdict(each) for each in dataset.left_out],
        "warnings": [*dataset.warnings, *trained.check()],
    }


def _most(spent: Sequence[Sequence[Release]], delta: float) -> dict[str, float | None]:
    """The largest epsilon of any artist, by view."""
    found = [cumulative(releases, delta) for releases in spent]
    return {
        view.value: finite(max(math.inf if (value := each[view.value]) is None else value for each in found))
        for view in View
    }


def _located(settings: Settings) -> dict[str, object]:
    """Settings as plain values, with paths that hold from whatever folder the run is looked at later."""
    places = {name: place for name in SETTINGS if isinstance(place := getattr(settings, name), Path)}
    return settings.as_dict() | {name: str(place.absolute()) for name, place in places.items()}


def _history(outcomes: Sequence[Outcome], ledger: Ledger, before: Sequence[Release]) -> list[dict[str, object]]:
    """One entry for each iteration: how it ended and what the artist who spent most had spent by then."""
    entries: list[dict[str, object]] = []
    for outcome in outcomes:
        own = [release for release in ledger.releases[len(before) :] if release.name != SIGNATURE]
        spent = [*before, *(release for release in own if release.iteration <= outcome.iteration)]
        entries.append(
            {
                "iteration": outcome.iteration,
                "outcome": f"aborted: {outcome.problem}" if outcome.problem else "completed",
                "survivors": outcome.aggregate.survivors if outcome.aggregate else 0,
                "epsilon": cumulative(spent, ledger.delta),
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
