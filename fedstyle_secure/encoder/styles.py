"""Which directions of embeddings carry style, as far as public artworks tell."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .model import StyleModel
from .signature_space import SignatureSpace


def signature_space(model: StyleModel, public: Sequence[NDArray[np.float32]], length: int) -> SignatureSpace:
    """The directions in which public artworks differ most; the head, which repeats them, is left out.

    Args:
        model: Gives the embeddings.
        public: For each public artist, raw features [artworks, 1 + K, features], of which crops do not count.
        length: How many directions; fewer where embeddings have not so many.
    """
    artworks = model.align(model.whiten(np.concatenate([views[:, 0] for views in public]))).astype(np.float64)
    aligned = SignatureSpace.fit(artworks.T @ artworks, min(length, artworks.shape[1]))
    return SignatureSpace(np.pad(aligned.projection, ((0, len(model.head)), (0, 0))))
