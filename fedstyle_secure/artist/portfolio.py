"""An artist's artworks, read once: their features stay in the home, encrypted, and the pictures are not needed again.

POR-1  Features are made by the one encoder that was pinned, which is on the artist's own list, and by no other.
POR-2  Artworks that are added later are the same artist's: one ledger, one limit, one public bound on their number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from .. import canonical
from ..artworks.artwork import Gallery
from ..encoder.encoder import Encoder
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import StyleFeatures, extract
from ..encoder.opening import open_encoder
from ..encoder.spec import BackboneSpec
from ..errors import InputError
from .home import FEATURES_FOLDER, Home
from .store import StoreError

VIEWS: Final = 4
"""Crops of each artwork beside the artwork itself."""
_KEPT: Final = "portfolio"
_NO_LIMIT: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Which features there are.

    Attributes:
        encoder: What made them.
        runtime: What computed.
        artworks: Digests, in order.
    """

    encoder: str
    runtime: str
    artworks: tuple[bytes, ...]


def choose_encoder(name: str, allowed: tuple[str, ...], weights: Path | None) -> Encoder:
    """The encoder that a platform names, if the artist agrees to it (POR-1).

    Args:
        name: ``network@digest of its weights``.
        allowed: The artist's own list.
        weights: File of a network that is not packaged.

    Raises:
        InputError: It is not on the list, or not what is installed here.
    """
    if name not in allowed:
        raise InputError(
            f"the platform wants artworks looked at by {name!r:.100}, which is not among the encoders of terms.toml: "
            "add it there only if you know where it comes from"
        )
    encoder = open_encoder(BackboneSpec(name=name.partition("@")[0], weights=weights))
    if encoder.name != name:
        raise InputError(f"the encoder here is {encoder.name}, the platform's is {name}: install those weights")
    return encoder


def keep_features(
    home: Home,
    gallery: Gallery,
    encoder: Encoder,
    on_progress: Callable[[int], None],
    *,
    before: Sequence[bytes] = (),
) -> None:
    """Look at each artwork once, and keep what was seen in the home.

    Args:
        home: Where.
        gallery: Of one artist.
        encoder: The pinned one.
        on_progress: Called with 1 after each artwork.
        before: Artworks that were kept, and stay.

    Raises:
        StoreError: They could not be written.
    """
    artworks = gallery.portfolios[0].artworks
    extract(artworks, encoder, views=VIEWS, cache=_cache(home), on_progress=on_progress)
    digests = dict.fromkeys([*before, *(artwork.digest for artwork in artworks)])
    kept = _Kept(encoder=encoder.name, runtime=encoder.runtime, artworks=tuple(digests))
    home.store.write({_KEPT: canonical.encode(kept)})
    load_features(home)  # a disk that was full says so now


def add_artworks(home: Home, gallery: Gallery, encoder: Encoder, on_progress: Callable[[int], None]) -> tuple[int, int]:
    """Look at more artworks of the same artist; those that were looked at before count once (POR-2).

    Args:
        home: Of an artist who joined.
        gallery: Its artworks; all of them, or the new ones alone.
        encoder: The pinned one.
        on_progress: Called with 1 after each artwork.

    Returns:
        How many are new, and how many there are now.

    Raises:
        InputError: There are more than the terms' public bound, or the encoder computes otherwise than before.
        StoreError: They could not be written.
    """
    kept, most = _read_kept(home), home.terms.max_artworks
    before = () if kept is None else kept.artworks
    if kept is not None and (kept.encoder, kept.runtime) != (encoder.name, encoder.runtime):
        raise InputError(
            f"artworks were looked at with {kept.encoder} by {kept.runtime}, and here is {encoder.name} by "
            f"{encoder.runtime}: install what was there before"
        )
    total = len({*before, *(artwork.digest for artwork in gallery.portfolios[0].artworks)})
    if total > most:
        raise InputError(
            f"with these there would be {total} artworks, and max_artworks in {home.folder}/terms.toml is {most}: "
            "raise it, or leave some out"
        )
    keep_features(home, gallery, encoder, on_progress, before=before)
    return total - len(before), total


def load_features(home: Home) -> StyleFeatures:
    """What was kept.

    Raises:
        StoreError: It is not there, or not whole.
    """
    kept, cache = _read_kept(home), _cache(home)
    rows = [] if kept is None else [cache.find(digest, kept.encoder, kept.runtime) for digest in kept.artworks]
    whole = [row for row in rows if row is not None]
    if not rows or len(whole) < len(rows):
        raise StoreError(
            f"{home.folder / FEATURES_FOLDER} lacks the features of {len(rows) - len(whole)} of {len(rows)} artworks: "
            "free some disk space and join again, or restore a copy of the whole folder"
        )
    return StyleFeatures(np.stack(whole))


def _read_kept(home: Home) -> _Kept | None:
    data = home.store.read(_KEPT)
    return None if data is None else canonical.decode(_Kept, data)


def _cache(home: Home) -> FeatureCache:
    """Nothing is ever thrown out of it: the pictures may be gone."""
    return FeatureCache(home.folder / FEATURES_FOLDER, limit=_NO_LIMIT, key=home.features_key)
