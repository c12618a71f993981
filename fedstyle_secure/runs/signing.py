"""The catalogue of a run: the space that signatures live in, and the signatures themselves."""

import numpy as np
from numpy.typing import NDArray

from ..catalogue.index import StyleIndex
from ..catalogue.signature import Signature
from ..encoder.styles import signature_space
from .stages import Prepared, Trained


def sign(prepared: Prepared, trained: Trained) -> StyleIndex:
    """Every artist opts in and publishes a private signature; the catalogue indexes them."""
    model = trained.model
    artworks = trained.artworks_each() if trained.outcomes else prepared.expected_artworks
    length = prepared.budget.signature_length(artworks)
    space = signature_space(model, [features.views for features in prepared.public.values()], length)
    mechanism = prepared.budget.signature_mechanism(space.dimensions)

    def embed(raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return space.apply(model.embed(raw))

    return StyleIndex(
        space, [Signature(name, artist.publish_signature(embed, mechanism)) for name, artist in trained.artists.items()]
    )
