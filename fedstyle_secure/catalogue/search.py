"""The reading room: an embedded image in, artists out, nearest style first.

RNK-1  A buyer gets ranks, never scores: a signature of 64 numbers follows from 64 exact scores by solving linear
       equations, so whoever may ask for scores may copy the catalogue. `OwnerView` is for whoever holds it anyway.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..encoder.whitening import to_unit
from ..errors import InputError
from .index import StyleIndex

REFERENCES = (1, 3, 5)
"""How many pictures of one hand a buyer asks with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """One answer.

    Attributes:
        rank: 1 is the nearest style.
        artist: Who has it.
    """

    rank: int
    artist: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredResult:
    """One answer for the catalogue's owner.

    Attributes:
        rank: 1 is the nearest style.
        artist: Who has it.
        score: Cosine of query and signature, less the signature's handicap (`strangers`).
    """

    rank: int
    artist: str
    score: float


SearchResults = tuple[SearchResult, ...]
"""All answers to one query, by rank."""


def gather(embeddings: NDArray[np.float32], references: int) -> NDArray[np.float32]:
    """Queries of several pictures: the unit means of disjoint groups of one artist's works.

    Works that lie far apart in the artist's folder share a group: neighbors there are often a series.

    Args:
        embeddings: Unit vectors [works, e] of one artist.
        references: Works in a group.

    Returns:
        float32 [works // references, e]; none where there are fewer works than a group has.
    """
    groups = len(embeddings) // references
    return to_unit(embeddings[: groups * references].reshape(references, groups, embeddings.shape[1]).mean(axis=0))


def search(index: StyleIndex, embeddings: NDArray[np.float32], top: int) -> list[SearchResults]:
    """Rank artists for each query, by style alone.

    Args:
        index: The catalogue.
        embeddings: Style embeddings of the queries, float32 [q, e], or one of them, [e].
        top: How many artists to name; all of them where the catalogue holds fewer.

    Returns:
        One tuple of results for each query. Equal styles come in the order of the artists' names.

    Raises:
        InputError: `top` below 1, an empty catalogue, or embeddings that do not fit it.
    """
    return [
        tuple(SearchResult(rank=found.rank, artist=found.artist) for found in answers)
        for answers in OwnerView(index).search(embeddings, top)
    ]


class OwnerView:
    """The same search with scores, for the owner of the catalogue; never hand its answers to a buyer (RNK-1).

    Args:
        index: The catalogue.
    """

    def __init__(self, index: StyleIndex) -> None:
        self._index = index

    def search(self, embeddings: NDArray[np.float32], top: int) -> list[tuple[ScoredResult, ...]]:
        """Like `search`, with each answer's score.

        Raises:
            InputError: As `search` does.
        """
        index = self._index
        if top < 1:
            raise InputError(f"a search names at least one artist, got top = {top}")
        if len(index) == 0:
            raise InputError("the catalogue is empty: no artist has opted in to publish a signature")
        if embeddings.ndim not in (1, 2):
            raise InputError(f"queries are embeddings [q, e] or one [e], got shape {embeddings.shape}")
        points = np.atleast_2d(index.space.apply(embeddings))
        return [
            tuple(
                ScoredResult(rank=rank, artist=index.artists[row], score=float(score))
                for rank, (row, score) in enumerate(zip(rows, scores, strict=True), start=1)
            )
            for rows, scores in index.neighbors.nearest(points, min(top, len(index)))
        ]
