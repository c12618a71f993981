"""What a buyer gets: how well artists are found by what they published, and by what they would publish untrained.

BUY-1  Both catalogues cost an artist the same epsilon: where nothing is trained, one signature has the whole of it.
BUY-2  The catalogue without training is played for the experimenter, by the same mechanism with fresh noise. Nothing of
       it is published, and so nothing of it is charged.
"""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artist.showcase import with_showcase
from ..catalogue.index import StyleIndex
from ..catalogue.search import REFERENCES, gather, search
from ..catalogue.signature import Signature
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.styles import signature_space
from ..encoder.whitening import to_unit
from ..privacy.pipeline import protect
from ..privacy.quantization import dequantize
from ..training.updates import Contributions, one_by_one
from .budget import untrained_budget
from .evaluation import Embed, RetrievalScores, score
from .signing import catalogue
from .stages import Prepared, Trained, stopwatch


def score_buyer(prepared: Prepared, trained: Trained, index: StyleIndex) -> dict[str, Any]:
    """Scores of searches with one, three and five pictures, by the catalogue and by one without any training.

    Returns:
        ``references`` and ``no_training``: by number of pictures, `RetrievalScores` as a dictionary, or None where no
        artist holds out so many artworks, and the same twice where the run itself trained nothing; and ``epsilon``, of
        all an artist released, in the limited view.
    """
    with stopwatch(prepared.seconds, "search"):
        found = score_catalogue(prepared, trained.model.embed, index)
    untrained = found
    if trained.outcomes:
        untrained = score_catalogue(prepared, trained.start.embed, untrained_catalogue(prepared, trained.start))
    ledger = trained.fullest_ledger
    epsilon = ledger.epsilon(prepared.budget.view)
    return {
        "references": found,
        "no_training": untrained,
        "epsilon": round(epsilon, 4) if np.isfinite(epsilon) else None,
    }


def score_catalogue(prepared: Prepared, embed: Embed, index: StyleIndex) -> dict[str, dict[str, float] | None]:
    """Find artists as a buyer does, with each of `REFERENCES` numbers of pictures."""
    embeddings = {name: embed(features.views[:, 0]) for name, features in prepared.held_out.items()}
    found = {str(count): _score(embeddings, index, count) for count in REFERENCES}
    return {count: None if scores is None else scores.as_dict() for count, scores in found.items()}


def _score(embeddings: dict[str, NDArray[np.float32]], index: StyleIndex, count: int) -> RetrievalScores | None:
    names = list(embeddings)
    position = {name: number for number, name in enumerate(names)}
    queries = {name: gather(rows, count) for name, rows in embeddings.items()}
    truth = [position[name] for name, rows in queries.items() for _ in rows]
    if not truth:
        return None
    answers = search(index, np.concatenate(list(queries.values())), len(names))
    return score(np.array([[position[found.artist] for found in answer] for answer in answers]), truth)


def untrained_catalogue(prepared: Prepared, start: StyleModel) -> StyleIndex:
    """What would be published without any training, at the same epsilon (BUY-1, BUY-2)."""
    budget = untrained_budget(prepared.settings, len(prepared.training))
    length = budget.signature_length(prepared.expected_artworks)
    space = signature_space(start, [features.views for features in prepared.public.values()], length)
    mechanism = budget.signature_mechanism(space.dimensions)

    def embed(features: StyleFeatures) -> NDArray[np.float32]:
        return one_by_one(lambda artwork: space.apply(start.embed(artwork)), features.views[:, 0])

    def vector(name: str) -> NDArray[np.float32]:
        rows = embed(prepared.training[name])
        noisy = protect(Contributions(rows, mechanism.layout), mechanism, os.urandom)
        released = dequantize(noisy.values, mechanism)
        if name in prepared.showcase:
            released = with_showcase(released, mechanism.sigma_share / mechanism.scale, embed(prepared.showcase[name]))
        return to_unit(released.astype(np.float32))

    signatures = (Signature(name, vector(name)) for name in prepared.training)
    return catalogue(prepared, start, space, signatures)
