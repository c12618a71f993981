"""An artist's artworks, read once: their features stay in the home, encrypted, and the pictures are not needed again.

POR-1  Features are made by the one encoder that was pinned, which is on the artist's own list, and by no other.
POR-2  Artworks that are added later are the same artist's: one ledger, one limit, one public bound on their number. A
       copy of one that was there before counts once, though that picture may be gone (GATE-3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Final

import numpy as np

from .. import canonical
from ..artworks.artwork import Gallery
from ..artworks.copies import Look
from ..encoder.encoder import Encoder
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import StyleFeatures, extract
from ..encoder.opening import open_encoder
from ..encoder.spec import BackboneSpec
from ..errors import InputError
from .home import FEATURES_FOLDER, Home
from .showcase import Showcase, are_private
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
        artworks: All that were added, in order; those that are shown, too.
    """

    encoder: str
    runtime: str
    artworks: tuple[Look, ...]

    def private(self, showcase: Showcase) -> list[Look]:
        """Those that are not shown (SHC-2)."""
        return list(compress(self.artworks, are_private(self.artworks, showcase.works)))


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


def keep_features(home: Home, gallery: Gallery, encoder: Encoder, on_progress: Callable[[int], None]) -> None:
    """Look at each artwork once, and keep what was seen in the home.

    Args:
        home: Where; of an artist who joins.
        gallery: Of one artist.
        encoder: The pinned one.
        on_progress: Called with 1 after each artwork.

    Raises:
        StoreError: They could not be written.
    """
    kept = _Kept(encoder=encoder.name, runtime=encoder.runtime, artworks=_looks(gallery))
    _look_at(home, gallery, encoder, VIEWS, on_progress)
    home.store.write({_KEPT: canonical.encode(kept)})


def add_artworks(home: Home, gallery: Gallery, encoder: Encoder, on_progress: Callable[[int], None]) -> tuple[int, int]:
    """Look at more artworks of the same artist; those that were there before count once (POR-2), shown ones never.

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
    kept, showcase = _kept_by(home, encoder), Showcase.read(home.folder)
    more = replace(kept, artworks=tuple(dict.fromkeys([*kept.artworks, *_looks(gallery)])))
    total = _count(home, more, showcase)
    _look_at(home, gallery, encoder, VIEWS, on_progress)
    home.store.write({_KEPT: canonical.encode(more)})
    return total - len(kept.private(showcase)), total


def show_works(home: Home, gallery: Gallery, encoder: Encoder, on_progress: Callable[[int], None]) -> tuple[int, int]:
    """Show these works, and none that were shown before: they join signatures that are made from now on (SHC-1).

    Args:
        home: Of an artist who joined.
        gallery: What is shown (`read_showcase`).
        encoder: The pinned one.
        on_progress: Called with 1 after each work.

    Returns:
        How many artworks they are copies of, and how many artworks are left without these (SHC-2).

    Raises:
        InputError: No artwork is left, or the encoder computes otherwise than before.
        StoreError: They could not be written.
    """
    kept, showcase = _kept_by(home, encoder), Showcase(works=_looks(gallery))
    left = _count(home, kept, showcase)
    _look_at(home, gallery, encoder, 0, on_progress)
    _show(home, showcase)
    return len(kept.private(Showcase())) - left, left


def hide_works(home: Home) -> int:
    """Show nothing from now on; artworks that were shown count again.

    Returns:
        How many artworks there are now.

    Raises:
        InputError: There are more than the terms' public bound.
        StoreError: It could not be written.
    """
    total = _count(home, _read_kept(home), Showcase())
    _show(home, Showcase())
    return total


def load_features(home: Home) -> StyleFeatures:
    """What was kept of the artworks that are not shown (SHC-2).

    Raises:
        InputError: The showcase is damaged.
        StoreError: They are not there, or not whole.
    """
    kept = _read_kept(home)
    return _load(home, kept, kept.private(Showcase.read(home.folder)), VIEWS)


def load_showcase(home: Home) -> StyleFeatures | None:
    """What was kept of the works that are shown; None if there are none.

    Raises:
        InputError: The showcase is damaged.
        StoreError: They are not there, or not whole.
    """
    works = Showcase.read(home.folder).works
    return _load(home, _read_kept(home), works, 0) if works else None


def _looks(gallery: Gallery) -> tuple[Look, ...]:
    return tuple(Look.of(artwork) for artwork in gallery.portfolios[0].artworks)


def _look_at(home: Home, gallery: Gallery, encoder: Encoder, views: int, on_progress: Callable[[int], None]) -> None:
    """Keep features of whole pictures and of so many crops; a disk that is full says so now."""
    extract(gallery.portfolios[0].artworks, encoder, views=views, cache=_cache(home), on_progress=on_progress)
    seen = _Kept(encoder=encoder.name, runtime=encoder.runtime, artworks=_looks(gallery))
    _load(home, seen, seen.artworks, views)


def _load(home: Home, kept: _Kept, looks: Sequence[Look], views: int) -> StyleFeatures:
    cache = _cache(home)
    rows = [cache.find(look.digest, kept.encoder, kept.runtime) for look in looks]
    whole = [row[: 1 + views] for row in rows if row is not None]
    if len(whole) < len(rows):
        raise StoreError(
            f"{home.folder / FEATURES_FOLDER} lacks the features of {len(rows) - len(whole)} of {len(rows)} artworks: "
            "free some disk space and join again, or restore a copy of the whole folder"
        )
    return StyleFeatures(np.stack(whole))


def _count(home: Home, kept: _Kept, showcase: Showcase) -> int:
    """How many artworks there are beside a showcase: one at least, and no more than the terms' public bound."""
    total, most = len(kept.private(showcase)), home.terms.max_artworks
    if not total:
        raise InputError(
            f"all {len(kept.artworks)} artworks in {home.folder} would be in the showcase, and none left to take part "
            "with: show fewer, or `fedstyle artist add` some that you do not show"
        )
    if total > most:
        raise InputError(
            f"there would be {total} artworks, and max_artworks in {home.folder}/terms.toml is {most}: raise it, or "
            "leave some out"
        )
    return total


def _show(home: Home, showcase: Showcase) -> None:
    try:
        showcase.write(home.folder)
    except OSError as error:
        raise StoreError(f"the showcase cannot be kept in {home.folder}: {error.strerror}") from error


def _read_kept(home: Home) -> _Kept:
    data = home.store.read(_KEPT)
    if data is None:
        raise StoreError(f"{home.folder} has no artworks: join again, or restore a copy of the whole folder")
    try:
        return canonical.decode(_Kept, data)
    except InputError as error:
        raise StoreError(
            f"the artworks of {home.folder} were kept by another release ({error}): join with a new --home, and "
            "recover the ledger there"
        ) from error


def _kept_by(home: Home, encoder: Encoder) -> _Kept:
    """What this encoder made, and no other (POR-1)."""
    kept = _read_kept(home)
    if (kept.encoder, kept.runtime) != (encoder.name, encoder.runtime):
        raise InputError(
            f"artworks were looked at with {kept.encoder} by {kept.runtime}, and here is {encoder.name} by "
            f"{encoder.runtime}: install what was there before"
        )
    return kept


def _cache(home: Home) -> FeatureCache:
    """Nothing is ever thrown out of it: the pictures may be gone."""
    return FeatureCache(home.folder / FEATURES_FOLDER, limit=_NO_LIMIT, key=home.features_key)
