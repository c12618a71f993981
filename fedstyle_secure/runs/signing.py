"""The catalogue of a run: the space that signatures live in, and the signatures themselves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..catalogue.index import StyleIndex
from ..catalogue.signature import Signature, SignatureSpace
from .stages import Prepared, Trained

CROP_WEIGHT = 2.0
"""Against what varies between artworks, the weight of what varies between crops of one."""


def sign(prepared: Prepared, trained: Trained) -> StyleIndex:
    """Every artist opts in and publishes a private signature; the catalogue indexes them."""
    model = trained.model
    length = prepared.budget.signature_length(trained.artworks_each())
    space = signature_space([model.embed(features.views) for features in prepared.public.values()], length)
    mechanism = prepared.budget.signature_mechanism(space.dimensions)

    def embed(raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return space.apply(model.embed(raw))

    return StyleIndex(
        space, [Signature(name, artist.publish_signature(embed, mechanism)) for name, artist in trained.artists.items()]
    )


def signature_space(embeddings: Sequence[NDArray[np.float32]], length: int) -> SignatureSpace:
    """The directions that carry most style, by public artists alone.

    Args:
        embeddings: For each public artist, [artworks, 1 + K, e].
        length: How many directions; fewer where embeddings have not so many.
    """
    scatter = style_scatter(embeddings)
    return SignatureSpace.fit(scatter, min(length, len(scatter)))


def style_scatter(embeddings: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """How much public artworks differ, minus how much crops of one artwork do: directions that carry style are large.

    Args:
        embeddings: For each public artist, [artworks, 1 + K, e].

    Returns:
        Symmetric float64 [e, e], the difference of two matrices of trace 1, the second counted CROP_WEIGHT times.
    """
    views = np.concatenate(embeddings).astype(np.float64)
    artworks = views[:, 0]
    crops = (views - views.mean(axis=1, keepdims=True)).reshape(-1, views.shape[2])
    between, within = artworks.T @ artworks, crops.T @ crops
    scatter: NDArray[np.float64] = between / np.trace(between) - CROP_WEIGHT * within / np.trace(within)
    return scatter
