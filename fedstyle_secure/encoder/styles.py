"""Which directions of embeddings carry style, as far as public artworks tell."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .model import StyleModel
from .signature_space import SignatureSpace

CROP_WEIGHT: Final = 2.0
"""Against what varies between artworks, the weight of what varies between crops of one."""


def signature_space(model: StyleModel, public: Sequence[NDArray[np.float32]], length: int) -> SignatureSpace:
    """The directions that carry most style, by public artists alone; the head, which repeats them, is left out.

    Args:
        model: Gives the embeddings.
        public: For each public artist, raw features [artworks, 1 + K, features].
        length: How many directions; fewer where embeddings have not so many.
    """
    scatter = style_scatter([model.align(model.whiten(views)) for views in public])
    aligned = SignatureSpace.fit(scatter, min(length, len(scatter)))
    return SignatureSpace(np.pad(aligned.projection, ((0, len(model.head)), (0, 0))))


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
