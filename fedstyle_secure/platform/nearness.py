"""What is near in a platform's catalogue, learned on the public artists of its foundation alone (NER-1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..catalogue.index import StyleIndex
from ..catalogue.learning import learn_nearness
from ..catalogue.signature import Signature
from ..encoder.model import StyleModel
from ..encoder.signature_space import SignatureSpace
from ..privacy.clipping import Unit
from ..server.foundation import Foundation
from ..transparency.leaves import Model
from ..wire.catalogue import Listed
from .store.files import read_file
from .store.trainings import Connection, read_foundation, signature_release


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Public:
    """Public artists, as a model sees them.

    Attributes:
        model: The log's entry of it.
        space: Where signatures live.
        embeddings: Of each artist, [works, e].
        noise: Multiplier of a signature's noise.
        works: How many an artist signs with, if it has as many as public ones have.
    """

    model: Model
    space: SignatureSpace
    embeddings: Sequence[NDArray[np.float32]] = field(repr=False)
    noise: float
    works: float


class Yardstick:
    """Learns what is near; keeps what it learned of each model until something else is published of it."""

    def __init__(self) -> None:
        self._public: _Public | None = None
        self._learned: dict[Model, tuple[Sequence[Listed], bytes]] = {}

    def learn(self, connection: Connection, model: Model, listed: Sequence[Listed]) -> bytes | None:
        """The file beside a collection of signatures; None where what it is learned of is not in the store.

        Args:
            connection: Of a reader.
            model: Whose signatures they are.
            listed: What is published of it.
        """
        known = self._learned.get(model)
        if known is not None and known[0] == listed:
            return known[1]
        found = self._learn(connection, model, listed)
        if found is not None:
            self._learned[model] = listed, found
        return found

    def _learn(self, connection: Connection, model: Model, listed: Sequence[Listed]) -> bytes | None:
        if self._public is None or self._public.model != model:
            self._public = _look(connection, model)
        public = self._public
        if public is None:
            return None
        vectors = [np.frombuffer(each.vector, "<f4").astype(np.float32) for each in listed]
        index = StyleIndex(
            public.space, [Signature(each.name, vector) for each, vector in zip(listed, vectors, strict=True)]
        )
        rng = np.random.Generator(np.random.PCG64(int.from_bytes(model.digest, "big")))
        found = learn_nearness(public.embeddings, index, noise=public.noise, works=public.works, rng=rng)
        return found.encode() if found.bounds else None


def _look(connection: Connection, model: Model) -> _Public | None:
    laid, release = read_foundation(connection), signature_release(connection, model.training)
    network, space = read_file(connection, model.digest), read_file(connection, model.space)
    if laid is None or release is None or network is None or space is None:
        return None
    embed = StyleModel.decode(network).embed
    embeddings = [embed(views[:, 0]) for views in Foundation.decode(laid).public]
    works = min(float(np.mean([len(rows) for rows in embeddings])), release.max_artworks)
    return _Public(
        model=model,
        space=SignatureSpace.decode(space),
        embeddings=embeddings,
        noise=release.noise_multiplier,
        works=1.0 if release.unit is Unit.ARTIST else works,
    )
