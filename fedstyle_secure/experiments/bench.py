"""What the cells of an experiment share: artworks read once, their features, a split for each seed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artworks.artwork import Gallery, Portfolio
from ..config import Settings, Split
from ..encoder.encoder import Encoder, title_of
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import StyleFeatures, extract
from ..encoder.opening import open_encoder
from ..encoder.spec import MADE
from ..errors import InputError
from ..runs.budget import plan_budget
from ..runs.dataset import Dataset, divide, read_galleries
from ..runs.progress import Progress, Silent
from ..runs.stages import Prepared
from ..runs.train import DIMENSIONS, OUTPUTS, rehearsed
from ..training.codebook import new_codebook
from .cells import FEDSTYLE, Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An encoder that has done all its work in another process: it finds features in the cache, and makes none."""

    name: str
    image_size: int
    pooled_size: int
    runtime: str
    workers: int = 1

    @classmethod
    def by(cls, encoder: Encoder) -> "Encoded":
        """What is known of an encoder."""
        return cls(
            name=encoder.name,
            image_size=encoder.image_size,
            pooled_size=encoder.pooled_size,
            runtime=encoder.runtime,
        )

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ARG002 - none is encoded
        """Refuse.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"features by {self.name:.24} are not in the cache (any more): start again, with a --features-cache that "
            "every process sees and nobody empties"
        )


Divided = tuple[Dataset, tuple[dict[str, StyleFeatures], ...]]


@dataclass(slots=False, kw_only=True, eq=False)
class Bench:
    """Everything a process needs to run cells.

    Attributes:
        common: Settings of all cells; seed, privacy and epsilon are each cell's own.
        encoded: In a process of a pool, the encoder that has filled the cache.
    """

    common: Settings
    encoded: Encoded | None = None
    _seeds: dict[int, Divided] = field(default_factory=dict, repr=False)

    @cached_property
    def galleries(self) -> tuple[Gallery, Gallery | None]:
        """The folder of artworks, and the one of public art if there is one."""
        return read_galleries(self.common)

    @cached_property
    def encoder(self) -> Encoder:
        """The real one, or what is known of another process' own."""
        return self.encoded or open_encoder(self.common.backbone, self.common.device)

    @cached_property
    def features(self) -> dict[bytes, NDArray[np.float32]]:
        """Of every artwork by its digest, all views, float32 [1 + K, features]; from the cache after `fill`."""
        return self._extract(Silent())

    def digest(self) -> str:
        """SHA-256 over artists, artworks and contents, in hexadecimal."""
        facts = hashlib.sha256()
        for gallery in self.galleries:
            facts.update(b"gallery")
            for portfolio in gallery.portfolios if gallery is not None else ():
                facts.update(f"\0{portfolio.artist}\0".encode())
                for artwork in portfolio.artworks:
                    facts.update(artwork.digest + f"{artwork.content}\0".encode())
        return facts.hexdigest()

    def fill(self, progress: Progress) -> None:
        """Extract all features, and keep them in the cache for processes that share it.

        Raises:
            InputError: The encoder cannot be had, or the cache's folder not be used.
        """
        self.features = self._extract(progress)

    def check(self, cells: list[Cell]) -> None:
        """Refuse before the long work what a cell could not keep.

        Raises:
            InputError: The galleries or settings cannot make a run, or the encoder is not the same for all seeds.
            PrivacyError: A budget cannot be kept.
        """
        if self.common.encoder in MADE:
            raise InputError(
                f"an experiment shares features among its seeds, but --encoder {self.common.encoder} is trained anew "
                "for each: choose another encoder"
            )
        for settings in {cell.settings(self.common) for cell in cells}:
            clients = len(divide(settings, *self.galleries).training)
            plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)

    def prepare(self, cell: Cell) -> Prepared:
        """All that comes before training."""
        settings = cell.settings(self.common)
        if cell.method != FEDSTYLE:  # whose number of iterations only decides how many bytes rivals may send
            settings = replace(settings, iterations=settings.updates)
        dataset, (public, training, held_out) = self._divide(settings)
        prepared = Prepared(
            settings=settings,
            dataset=dataset,
            budget=plan_budget(settings, clients=len(training), dimensions=DIMENSIONS, outputs=OUTPUTS),
            codebook=new_codebook(),
            public=public,
            training=training,
            held_out=held_out,
            encoder=self.encoder.name,
            pooled_size=self.encoder.pooled_size,
            seconds={},
        )
        return rehearsed(prepared, Silent())

    def _divide(self, settings: Settings) -> Divided:
        if settings.seed not in self._seeds:
            dataset = divide(settings, *self.galleries)
            roles = ((dataset.public, True), (dataset.training, True), (dataset.held_out, False))
            features = tuple(_gather(portfolios, self.features, augmented=augmented) for portfolios, augmented in roles)
            self._seeds[settings.seed] = dataset, features
        return self._seeds[settings.seed]

    def _extract(self, progress: Progress) -> dict[bytes, NDArray[np.float32]]:
        portfolios = chain.from_iterable(gallery.portfolios for gallery in self.galleries if gallery is not None)
        distinct = {artwork.digest: artwork for portfolio in portfolios for artwork in portfolio.artworks}
        cache = FeatureCache(self.common.features_cache)
        with progress.stage(title_of(self.encoder), len(distinct)) as advance:
            found = extract(
                list(distinct.values()), self.encoder, views=self.common.views, cache=cache, on_progress=advance
            )
        return dict(zip(distinct, found.views, strict=True))


def _gather(
    portfolios: Sequence[Portfolio], rows: Mapping[bytes, NDArray[np.float32]], *, augmented: bool
) -> dict[str, StyleFeatures]:
    """Features by artist, with all views or the unaltered one alone."""
    stop = None if augmented else 1
    return {
        portfolio.artist: StyleFeatures(np.stack([rows[artwork.digest][:stop] for artwork in portfolio.artworks]))
        for portfolio in portfolios
    }


def with_split(common: Settings, gallery: Gallery, split: Split | None) -> Settings:
    """The split asked for; by default by content where an index names every artwork's, else by artist."""
    if split is None:
        artworks = (artwork for portfolio in gallery.portfolios for artwork in portfolio.artworks)
        split = Split.CONTENT if all(artwork.content is not None for artwork in artworks) else Split.ARTIST
    return replace(common, split=split)


def identity(bench: Bench) -> dict[str, Any]:
    """What may not change in a folder that has cells already."""
    own = {"out", "seed", "privacy", "epsilon", "transcripts", "device", "features_cache"}
    settings = {name: value for name, value in bench.common.as_dict().items() if name not in own}
    return settings | {"content of the artworks": bench.digest()}
