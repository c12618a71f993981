"""Raw features of all artworks, extracted once for all cells and seeds of an experiment.

FCA-1  A chunk's file is named by what decides its content: encoder, number of views, and the artworks' digests. Another
       folder, encoder or number of views never finds it.
FCA-2  A chunk is written beside its place and renamed when whole: a killed extraction goes on after the last one.

An artwork's features are its own (FEA-2), whatever run or seed: every seed splits the same ones anew.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..artworks.artwork import Artwork, Portfolio
from ..encoder.backbones import Backbone
from ..encoder.features import StyleFeatures, extract
from ..errors import FedStyleError, InputError
from ..runs.progress import Progress

CHUNK: Final = 16
"""Artworks in a file."""

_FORMAT, _VIEWS = "fedstyle-features-2", "views"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Where features are, and of what.

    Attributes:
        folder: Holds one file for each chunk.
        encoder: Name and digest of the backbone.
        views: K, augmented views of each artwork beside the unaltered one.
        pooled_size: How many of the last raw features are the pooled embedding.
    """

    folder: Path
    encoder: str
    views: int
    pooled_size: int

    def fill(self, artworks: Iterable[Artwork], backbone: Backbone, progress: Progress) -> None:
        """Extract what is missing.

        Raises:
            FedStyleError: A chunk cannot be written.
        """
        chunks = list(_chunks(artworks))
        missing = [chunk for chunk in chunks if not self._path(chunk).exists()]
        total, todo = sum(map(len, chunks)), sum(map(len, missing))
        with progress.stage("Encoding artworks", total) as advance:
            advance(total - todo)
            for chunk in missing:
                features = extract(chunk, backbone, views=self.views)
                self._write(self._path(chunk), features)
                advance(len(chunk))

    def read(self, artworks: Iterable[Artwork]) -> dict[bytes, NDArray[np.float32]]:
        """Features of each artwork by its digest, float32 [1 + K, features].

        Raises:
            InputError: A chunk is missing or damaged.
        """
        rows: dict[bytes, NDArray[np.float32]] = {}
        for chunk in _chunks(artworks):
            path = self._path(chunk)
            try:
                views = load(path.read_bytes())[_VIEWS]
            except (OSError, SafetensorError, KeyError) as error:
                raise InputError(
                    f"the features {path} cannot be read ({error}); remove the file, start again"
                ) from error
            if views.shape[:2] != (len(chunk), 1 + self.views):
                raise InputError(f"the features {path} are of other artworks; remove the file, start again")
            rows |= {artwork.digest: row for artwork, row in zip(chunk, views, strict=True)}
        return rows

    def _path(self, chunk: Sequence[Artwork]) -> Path:
        return self.folder / f"{self._digest(chunk).hex()[:32]}.safetensors"

    def _digest(self, chunk: Sequence[Artwork]) -> bytes:
        facts = hashlib.sha256(f"{_FORMAT}\0{self.encoder}\0{self.views}\0".encode())
        for artwork in chunk:
            facts.update(artwork.digest)
        return facts.digest()

    def _write(self, path: Path, features: StyleFeatures) -> None:
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(save({_VIEWS: np.ascontiguousarray(features.views)}))
            draft.replace(path)
        except OSError as error:
            raise FedStyleError(f"the features {path} cannot be written ({error.strerror})") from error
        finally:
            draft.unlink(missing_ok=True)


def gather(
    portfolios: Sequence[Portfolio], rows: dict[bytes, NDArray[np.float32]], *, augmented: bool
) -> dict[str, StyleFeatures]:
    """Features by artist, with all views or the unaltered one alone."""
    stop = None if augmented else 1
    return {
        portfolio.artist: StyleFeatures(np.stack([rows[artwork.digest][:stop] for artwork in portfolio.artworks]))
        for portfolio in portfolios
    }


def _chunks(artworks: Iterable[Artwork]) -> Iterable[list[Artwork]]:
    """Distinct artworks in the order of their digests, so many at a time."""
    distinct = {artwork.digest: artwork for artwork in artworks}
    ordered = [distinct[digest] for digest in sorted(distinct)]
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
