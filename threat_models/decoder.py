"""What an attacker who holds embeddings can make of them: a model trained on public art, and a decoder back to pixels.

IMG-1  A decoder sees public art alone, and is chosen by public artists that it was not trained on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from fedstyle_secure.catalogue.signature import SignatureSpace
from fedstyle_secure.encoder.backbones import wrap_small
from fedstyle_secure.encoder.encoder import Encoder
from fedstyle_secure.encoder.features import StyleFeatures, extract
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.opening import open_encoder, open_weights
from fedstyle_secure.encoder.small import SmallEncoder
from fedstyle_secure.encoder.spec import SMALL, BackboneSpec
from fedstyle_secure.encoder.styles import signature_space
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS, RESIDUAL
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.objective import warm_start

from .reconstruction import paint_public, pixels, psnr

VIEWS = 1
"""Crops of each artwork, as few as there can be."""
SIGNED = 128
"""Numbers of a signature: as many as 30 artworks get with the whole of epsilon 8 (docs/adr/0005-signature-space.md)."""
_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of the kernel, in typical distances between inputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Studio:
    """A frozen encoder with the model that a run starts from, and public art seen through both.

    Attributes:
        encoder: Makes raw features.
        model: Whitened and warm-started on public art.
        space: Of signatures.
        codebook: Public anchors.
        public: Raw features of each public artist.
        images: Public artworks [artworks, pixels], in the order of `public`.
    """

    encoder: Encoder
    model: StyleModel
    space: SignatureSpace
    codebook: Codebook
    public: Sequence[StyleFeatures]
    images: NDArray[np.float64]

    def embed(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """From raw features [..., features] to the vectors that signatures are means of [..., d]."""
        return self.space.apply(self.model.embed(raw))


@cache
def open_studio(name: str, side: int) -> Studio:
    """Set up what a run sets up before its first iteration, with public art painted at `side` pixels.

    Args:
        name: ``lite0``, or ``small`` with random weights: fast, and its features tell more of pixels.
        side: Of the paintings.
    """
    portfolios = paint_public(side)
    if name == SMALL:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = open_weights(SMALL, wrap_small(SmallEncoder()).weights())
    else:
        encoder = open_encoder(BackboneSpec(name=name))
    public = [extract(portfolio.artworks, encoder, views=VIEWS) for portfolio in portfolios]
    raw = np.concatenate([each.views[:, 0] for each in public])
    whitening = Whitening.fit(raw, pooled_size=encoder.pooled_size, dimensions=DIMENSIONS)
    codebook = Codebook.from_seed(b"fedstyle-secure codebook", dimensions=OUTPUTS)
    rng = np.random.default_rng(0)
    d = whitening.dimensions
    head = np.linalg.qr(rng.normal(size=(max(d, OUTPUTS), OUTPUTS)))[0].T[:, :d].astype(np.float32)
    codewords = [int(codeword) for codeword in rng.permutation(len(codebook))[: len(public)]]
    model = StyleModel(
        whitening=whitening,
        alignment=np.eye(d, dtype=np.float32),
        head=warm_start(head, [whitening.apply(each.views[:, 1:]) for each in public], codewords, codebook),
        residual=RESIDUAL,
        encoder=encoder.name,
    )
    space = signature_space(model, [each.views for each in public], SIGNED)
    return Studio(
        encoder=encoder, model=model, space=space, codebook=codebook, public=public, images=pixels(portfolios)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoder:
    """Kernel ridge regression from vectors to images: with few hundred public artworks, deeper models only overfit.

    Attributes:
        mean: The public mean image [pixels].
        inputs: Public vectors [n, d].
        width: Of the Gaussian kernel.
        weights: [n, pixels].
    """

    mean: NDArray[np.float64]
    inputs: NDArray[np.float64]
    width: float
    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, vectors: NDArray[np.float64], images: NDArray[np.float64], artists: NDArray[np.intp]) -> Self:
        """Train on public pairs, with the width and ridge that do best for a quarter of artists left out (IMG-1).

        Args:
            vectors: What the attacker will get, of public artists [n, d].
            images: What it wants [n, pixels].
            artists: Whose each pair is [n].
        """
        held = artists % 4 == 0
        scores = {
            (width, ridge): float(np.mean(psnr(images[held], decoder.decode(vectors[held]))))
            for width, ridge, decoder in cls._candidates(vectors[~held], images[~held])
        }
        best = max(scores, key=lambda setting: scores[setting])
        return next(found for *setting, found in cls._candidates(vectors, images) if tuple(setting) == best)

    @classmethod
    def _candidates(
        cls, vectors: NDArray[np.float64], images: NDArray[np.float64]
    ) -> Iterator[tuple[float, float, Self]]:
        mean = images.mean(axis=0)
        typical = float(np.sqrt(np.median(_squared_distances(vectors, vectors))))
        for factor in _WIDTHS:
            values, basis = np.linalg.eigh(_kernel(vectors, vectors, factor * typical))
            projected = basis.T @ (images - mean)
            for ridge in _RIDGES:
                weights = basis @ (projected / (values + ridge * len(vectors) / 10)[:, None])
                yield factor, ridge, cls(mean=mean, inputs=vectors, width=factor * typical, weights=weights)

    def decode(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Images [..., pixels] from vectors [..., d]."""
        images: NDArray[np.float64] = (
            self.mean + _kernel(np.atleast_2d(vectors), self.inputs, self.width) @ self.weights
        )
        return images.reshape(*vectors.shape[:-1], -1)


def _squared_distances(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1) - 2 * left @ right.T
    distances: NDArray[np.float64] = np.maximum(squared, 0)
    return distances


def _kernel(left: NDArray[np.float64], right: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Gaussian, [left, right]."""
    similarities: NDArray[np.float64] = np.exp(-_squared_distances(left, right) / (2 * width**2))
    return similarities
