"""Synthetic artists for attacks that need many: style features as a backbone might give them, and what is public.

An artist is a point; its artworks are scattered around it, and views around the artworks. A few loud features speak of
subjects and not of style: only training can learn to ignore them, so that there is something to spoil.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.server.alignment import Alignment
from fedstyle_secure.training.codebook import Codebook


@dataclass(frozen=True, kw_only=True)
class World:
    """How artists paint, and how large everything is.

    Attributes:
        raw: Raw features, the last fifth of them a pooled embedding.
        dimensions: d of the style space.
        outputs: h of the head.
        loud: How many features speak of subjects.
        subjects: How loud they are, in multiples of what else varies between artworks.
        between: How much artists differ, in the same units.
        views: K.
        publics: Public artists.
    """

    raw: int = 20
    dimensions: int = 12
    outputs: int = 4
    loud: int = 4
    subjects: float = 5.0
    between: float = 1.0
    views: int = 3
    publics: int = 6

    def features(self, seed: int, artworks: int, *, subjects: float | None = None) -> StyleFeatures:
        """One artist's artworks; the first of them are the same however many there are."""
        style = self.between * np.random.default_rng(seed).normal(size=self.raw)
        rng = np.random.default_rng([seed, 1])
        loudness = np.where(np.arange(self.raw) < self.loud, self.subjects if subjects is None else subjects, 1.0)
        each = style + loudness * rng.normal(size=(artworks, 1, self.raw))
        views = np.random.default_rng([seed, 2]).normal(size=(artworks, 1 + self.views, self.raw))
        return StyleFeatures((each + 0.3 * views).astype(np.float32))

    @cached_property
    def public(self) -> list[StyleFeatures]:
        """Public artists, whose subjects are not loud: what the clients' do is unknown to the server."""
        return [self.features(1_000_000 + number, 10, subjects=1.0) for number in range(self.publics)]

    @cached_property
    def model(self) -> StyleModel:
        """Where training starts."""
        rows = np.concatenate([features.views[:, 0] for features in self.public])
        rng = np.random.default_rng(3)
        head = np.linalg.qr(rng.normal(size=(self.dimensions, self.outputs)))[0].T
        return StyleModel(
            whitening=Whitening.fit(rows, pooled_size=self.raw // 5, dimensions=self.dimensions),
            alignment=np.eye(self.dimensions, dtype=np.float32),
            head=head.astype(np.float32),
            residual=0.5,
            encoder="synthetic@0",
        )

    @cached_property
    def alignment(self) -> Alignment:
        """What the server knows before any aggregate."""
        return Alignment.start(
            self.model, np.concatenate([self.model.whiten(each.views[:, 0]) for each in self.public])
        )

    @cached_property
    def codebook(self) -> Codebook:
        """Public anchors."""
        return Codebook.from_seed(b"synthetic", dimensions=self.outputs)
