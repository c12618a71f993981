"""What a platform begins with, made of public art: the style space that artists pin, and the first model."""

from pathlib import Path

from ..artworks.reader import read_portfolios
from ..encoder.encoder import title_of
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import extract
from ..encoder.opening import open_encoder
from ..encoder.spec import BackboneSpec
from ..encoder.whitening import Space
from ..names import told_apart
from ..server.foundation import Foundation
from ..training.codebook import new_codebook
from .progress import Progress, Silent
from .train import public_model

VIEWS = 4
"""Augmented views of each public artwork."""


def lay_foundation(
    art: Path,
    backbone: BackboneSpec,
    *,
    space: Space = Space.PRINCIPAL,
    nested: bool = False,
    features_cache: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Foundation:
    """Read public art, and make of it what all trainings of a platform begin with.

    Args:
        art: A folder for each artist who declared all in it public: it is protected by nothing.
        backbone: The encoder that all artists will use.
        space: How features are whitened; `Space.WITHIN` where public artists paint as the others do.
        nested: Take pictures in folders inside an artist's folder, too.
        features_cache: Folder that keeps features; None for the one in the user's cache.
        seed: Decides the head's start.
        progress: Where to show how far it is.

    Raises:
        InputError: The art or the encoder cannot be used.
    """
    progress = progress or Silent()
    with progress.stage("Reading public art", None):
        portfolios = read_portfolios(art, nested=nested).portfolios
    names = told_apart([portfolio.artist for portfolio in portfolios])
    progress.tell(f"declared public, protected by nothing: {', '.join(names)}")
    encoder, cache = open_encoder(backbone), FeatureCache(features_cache)
    with progress.stage(title_of(encoder), sum(len(portfolio.artworks) for portfolio in portfolios)) as advance:
        public = [
            extract(portfolio.artworks, encoder, views=VIEWS, cache=cache, on_progress=advance)
            for portfolio in portfolios
        ]
    model = public_model(
        public,
        new_codebook(),
        pooled_size=encoder.pooled_size,
        encoder=encoder.name,
        seed=seed,
        space=space,
    )
    return Foundation(model=model, public=[features.views for features in public])
