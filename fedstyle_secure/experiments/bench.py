"""What the cells of an experiment share: artworks read once, features from the cache, a split for each seed."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artworks.artwork import Artwork, Gallery
from ..config import Settings, Split
from ..encoder.features import StyleFeatures
from ..encoder.small import SMALL
from ..errors import InputError
from ..runs.budget import plan_budget
from ..runs.dataset import Dataset, divide, read_galleries
from ..runs.progress import Progress
from ..runs.stages import Prepared
from ..runs.train import DIMENSIONS, OUTPUTS, choose_backbone, new_codebook
from .cells import Cell
from .feature_cache import FeatureCache, gather

FEATURES_FOLDER = "features"
_UNFILLED = "features were not extracted yet"

Divided = tuple[Dataset, tuple[dict[str, StyleFeatures], ...]]


@dataclass(slots=False, kw_only=True, eq=False)
class Bench:
    """Everything a process needs to run cells.

    Attributes:
        common: Settings of all cells; seed, privacy and epsilon are each cell's own.
        cache: Where features are; None before `fill`.
    """

    common: Settings
    cache: FeatureCache | None = None
    _seeds: dict[int, Divided] = field(default_factory=dict, repr=False)

    @cached_property
    def galleries(self) -> tuple[Gallery, Gallery | None]:
        """The folder of artworks, and the one of public art if there is one."""
        return read_galleries(self.common)

    @cached_property
    def features(self) -> dict[bytes, NDArray[np.float32]]:
        """Of every artwork, all views."""
        if self.cache is None:
            raise InputError(_UNFILLED)
        return self.cache.read(self._artworks())

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
        """Extract all features that are not in the cache yet.

        Raises:
            InputError: The encoder cannot be had.
        """
        backbone, encoder = choose_backbone(self.common, (), self.common.out, progress)
        self.cache = FeatureCache(
            folder=self.common.out / FEATURES_FOLDER,
            encoder=encoder,
            views=self.common.views,
            pooled_size=backbone.pooled_size,
        )
        self.cache.fill(self._artworks(), backbone, progress)

    def check(self, cells: list[Cell]) -> None:
        """Refuse before the long work what a cell could not keep.

        Raises:
            InputError: The galleries or settings cannot make a run, or the encoder is not the same for all seeds.
            PrivacyError: A budget cannot be kept.
        """
        if self.common.encoder == SMALL:
            raise InputError(
                "an experiment shares features among its seeds, but --encoder small is trained anew for each: "
                "choose another encoder"
            )
        for settings in {cell.settings(self.common) for cell in cells}:
            clients = len(divide(settings, *self.galleries).training)
            plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)

    def prepare(self, cell: Cell) -> Prepared:
        """All that comes before training, from the cache."""
        settings = cell.settings(self.common)
        dataset, (public, training, held_out) = self._divide(settings)
        if self.cache is None:
            raise InputError(_UNFILLED)
        return Prepared(
            settings=settings,
            dataset=dataset,
            budget=plan_budget(settings, clients=len(training), dimensions=DIMENSIONS, outputs=OUTPUTS),
            codebook=new_codebook(),
            public=public,
            training=training,
            held_out=held_out,
            encoder=self.cache.encoder,
            pooled_size=self.cache.pooled_size,
            seconds={},
        )

    def _divide(self, settings: Settings) -> Divided:
        if settings.seed not in self._seeds:
            dataset = divide(settings, *self.galleries)
            roles = ((dataset.public, True), (dataset.training, True), (dataset.held_out, False))
            features = tuple(gather(portfolios, self.features, augmented=augmented) for portfolios, augmented in roles)
            self._seeds[settings.seed] = dataset, features
        return self._seeds[settings.seed]

    def _artworks(self) -> list[Artwork]:
        portfolios = chain.from_iterable(gallery.portfolios for gallery in self.galleries if gallery is not None)
        return [artwork for portfolio in portfolios for artwork in portfolio.artworks]


def with_split(common: Settings, gallery: Gallery, split: Split | None) -> Settings:
    """The split asked for; by default by content where an index names every artwork's, else by artist."""
    if split is None:
        artworks = (artwork for portfolio in gallery.portfolios for artwork in portfolio.artworks)
        split = Split.CONTENT if all(artwork.content is not None for artwork in artworks) else Split.ARTIST
    return replace(common, split=split)


def identity(bench: Bench) -> dict[str, Any]:
    """What may not change in a folder that has cells already."""
    own = {"out", "seed", "privacy", "epsilon", "transcripts"}
    settings = {name: value for name, value in bench.common.as_dict().items() if name not in own}
    return settings | {"content of the artworks": bench.digest()}
