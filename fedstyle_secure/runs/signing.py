"""The catalogue of a run: the space that signatures live in, and the signatures themselves."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..catalogue.index import StyleIndex
from ..catalogue.signature import Signature
from ..catalogue.strangers import choose_strangers
from ..encoder.model import StyleModel
from ..encoder.signature_space import SignatureSpace
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

    signatures = (
        Signature(name, artist.publish_signature(embed, mechanism)) for name, artist in trained.artists.items()
    )
    return catalogue(prepared, model, space, signatures)


def catalogue(
    prepared: Prepared, model: StyleModel, space: SignatureSpace, signatures: Iterable[Signature]
) -> StyleIndex:
    """Signatures, and strangers to them (STR-1): public artists' works, where those were drawn from the same folder.

    Public art from elsewhere does not come near as other artists' works do.
    """
    if prepared.settings.public_art is not None:
        return StyleIndex(space, signatures)
    public = np.concatenate([features.views[:, 0] for features in prepared.public.values()])
    return StyleIndex(space, signatures, strangers=choose_strangers(space.apply(model.embed(public))))
