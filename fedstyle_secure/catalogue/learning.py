"""Learn, on public artists, how near strangers come to a catalogue and how near artists are to their signatures."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..encoder.whitening import to_unit
from .index import StyleIndex
from .nearness import Nearness
from .search import REFERENCES, OwnerView, gather
from .strangers import choose_strangers, handicaps

_FEW: Final = 0.1  # of strangers come nearer than "near" begins; of works by one's own hand lie farther


def learn_nearness(
    public: Sequence[NDArray[np.float32]],
    index: StyleIndex,
    *,
    noise: float,
    works: float,
    rng: np.random.Generator,
) -> Nearness:
    """What is near in a catalogue (NER-1); public artists sign with every other work and ask with the rest.

    Nothing of this is a release: it looks at public works, and at signatures that are published.

    Args:
        public: Of each public artist, unit embeddings [works, e].
        index: The catalogue.
        noise: Multiplier of a signature's noise.
        works: How many an artist signs with.
        rng: Of the noise in what public artists would have published.
    """
    points = [index.space.apply(each) for each in public]
    signing = [(rows, _others(index, points, place)) for place, rows in enumerate(points) if len(rows) > 1]
    bounds: dict[int, tuple[float, float]] = {}
    for count in REFERENCES:
        strangers = _joined([_best(index, gather(rows, count)) for rows in public])
        own = _joined(
            [
                _found(gather(rows[1::2], count), _signed(rows[::2], noise * len(rows[::2]) / works, rng), others)
                for rows, others in signing
            ]
        )
        if len(strangers) and len(own):
            marks = np.clip([np.quantile(own, _FEW), np.quantile(strangers, 1 - _FEW)], -1, 1)
            bounds[count] = (float(marks.min()), float(marks.max()))
    return Nearness(bounds)


def _signed(rows: NDArray[np.float32], noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A signature of these works, of which the noise hides as much as planned."""
    return to_unit((rows.sum(axis=0) + noise * rng.normal(size=rows.shape[1])).astype(np.float32))


def _found(
    points: NDArray[np.float32], signature: NDArray[np.float32], strangers: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Scores of points by a signature, whose strangers are all public artists but its own."""
    scores: NDArray[np.float64] = points @ signature - handicaps(signature[None], strangers)
    return scores


def _best(index: StyleIndex, queries: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score of each query's nearest signature; as many as there are queries."""
    return np.array([answers[0].score for answers in OwnerView(index).search(queries, 1)])


def _others(index: StyleIndex, points: list[NDArray[np.float32]], place: int) -> NDArray[np.float32]:
    """Who is a stranger to the artist in a place: all others, if the catalogue knows of any."""
    if not len(index.strangers):
        return index.strangers
    return choose_strangers(np.concatenate([*points[:place], *points[place + 1 :], points[place][:0]]))


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.zeros(0)
