"""How well artists are found by style: rankings of artists for held-out artworks, and what they score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..encoder.whitening import to_unit
from ..errors import InputError

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From raw features [works, features] to unit vectors [works, e]."""

RECALL_DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalScores:
    """Quality of rankings, each number between 0 and 1.

    Attributes:
        accuracy_at_1: Queries whose own artist comes first.
        recall_at_5: Queries whose own artist is among the first five.
        mrr: Mean of 1 / position of the own artist.
        macro_f1: F1 of the first answer, averaged over artists, so that small portfolios count as much as large ones.
        chance: accuracy_at_1 of guessing, 1 / artists.
    """

    accuracy_at_1: float
    recall_at_5: float
    mrr: float
    macro_f1: float
    chance: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def prototypes(embeddings: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Unit mean embedding of each artist, [artists, e], in the mapping's order. Exact, hence never released."""
    return to_unit(np.stack([rows.mean(0) for rows in embeddings.values()]))


def rank(queries: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of targets [artists, e] for each query [queries, e], nearest by cosine first."""
    return np.argsort(-(queries @ targets.T), axis=1, kind="stable")


def score(rankings: NDArray[np.intp], truth: Sequence[int]) -> RetrievalScores:
    """Score rankings [queries, artists] against each query's own artist.

    Raises:
        InputError: No query at all.
    """
    if len(truth) == 0:
        raise InputError("there is no held-out artwork to ask about")
    expected = np.asarray(truth)
    positions = np.argmax(rankings == expected[:, None], axis=1)
    return RetrievalScores(
        accuracy_at_1=float(np.mean(positions == 0)),
        recall_at_5=float(np.mean(positions < RECALL_DEPTH)),
        mrr=float(np.mean(1 / (positions + 1))),
        macro_f1=_macro_f1(rankings[:, 0], expected),
        chance=1 / rankings.shape[1],
    )


def _macro_f1(answers: NDArray[np.intp], truth: NDArray[np.intp]) -> float:
    """F1 = 2 TP / (answered + true), for every artist that has a query, averaged."""
    f1 = [
        2 * np.sum((answers == artist) & (truth == artist)) / (np.sum(answers == artist) + np.sum(truth == artist))
        for artist in np.unique(truth)
    ]
    return float(np.mean(f1))
