"""How an artist looks to buyers: the platform's public catalogue, searched on the artist's own machine.

MIR-1  What is searched with goes nowhere: the catalogue comes here, the same public files that everybody gets (VIS-1).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from ..artist.home import SEEN_FOLDER, SIGNATURE, Home, read_pins
from ..artist.portfolio import load_features
from ..catalogue.index import StyleIndex
from ..catalogue.search import search
from ..encoder.model import read_model
from ..runs.files import CATALOGUE_FOLDER, MODEL_FILE
from ..runs.visiting import Visitor
from ..wire.fetching import Fetcher

NEIGHBORS: Final = 5
"""Artists with the nearest styles that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """One artist in the newest catalogue.

    Attributes:
        artists: All who are in it, in the order of `vectors`.
        vectors: Their signatures, float32 [artists, d].
        name: This artist's, as the catalogue writes it; None where it is not there.
        is_own: Whether the numbers under that name are ones that were signed here.
        ranks: For each of its own artworks, at which rank a buyer who asks with that one finds it.
        neighbors: Artists whose styles are nearest to its own, nearest first.
    """

    artists: tuple[str, ...]
    vectors: NDArray[np.float32]
    name: str | None
    is_own: bool = False
    ranks: tuple[int, ...] = ()
    neighbors: tuple[str, ...] = ()


def look(home: Home) -> Mirror:
    """Fetch the newest catalogue, and find this artist in it.

    Args:
        home: Whose; what is fetched is kept in it.

    Raises:
        ForkError: The platform's log shows another history than before.
        InputError: The catalogue cannot be had, or nobody is in it.
        StoreError: The features are not there.
    """
    pins = read_pins(home.folder)
    fetch = Fetcher(pins.address, pins.certificates).get
    edition = Visitor(pins.public, fetch, home.folder / SEEN_FOLDER).fetch_catalogue()
    index = StyleIndex.load(edition / CATALOGUE_FOLDER)
    name = index.find(pins.name)
    if name is None:
        return Mirror(artists=index.artists, vectors=index.vectors, name=None)
    embeddings = read_model(edition / MODEL_FILE).embed(load_features(home).views[:, 0])
    return Mirror(
        artists=index.artists,
        vectors=index.vectors,
        name=name,
        is_own=_is_own(home, index.vectors[index.artists.index(name)]),
        ranks=tuple(
            next(found.rank for found in answers if found.artist == name)
            for answers in search(index, embeddings, len(index))
        ),
        neighbors=_neighbors(index, name),
    )


def _is_own(home: Home, vector: NDArray[np.float32]) -> bool:
    kept = (home.store.read(name) or b"" for name in home.store.names(SIGNATURE))
    return any(np.array_equal(load(data)["vector"].astype(np.float32), vector) for data in kept)


def _neighbors(index: StyleIndex, name: str) -> tuple[str, ...]:
    own = index.artists.index(name)
    ((rows, _),) = index.neighbors.nearest(index.vectors[own : own + 1], min(NEIGHBORS + 1, len(index)))
    return tuple(index.artists[row] for row in rows if row != own)[:NEIGHBORS]
