"""Whitening fitted on declared public artists: the public style space every client starts from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

POOLED_WEIGHT = 0.2
"""Weight of the pooled embedding beside the style statistics; content helps a little, more of it hurts."""

SHRINKAGE = 0.3
"""Added to every variance, in units of the mean kept variance: keeps rare directions from being blown up."""

RIDGE = 1.0
"""Added to every variance within artists, in units of the mean variance: few artworks show few directions."""

_SPANNED = 1e-9  # of the largest variance; what is smaller is rounding


class Space(StrEnum):
    """Ways to make a style space of public artists' raw features."""

    PRINCIPAL = "principal"
    """`Whitening.fit`: principal components of all artworks."""
    WITHIN = "within"
    """`Whitening.fit_within`: all directions of the style statistics, by how artworks of one hand vary in them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whitening:
    """An affine map of raw features to a space where public style varies equally in all directions.

    Attributes:
        center: float32 [features], mean over the public artists' artworks.
        projection: float32 [features, d].
    """

    center: NDArray[np.float32]
    projection: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.projection.ndim != 2 or self.center.shape != self.projection.shape[:1]:
            raise InputError(
                f"whitening needs center [features] and projection [features, d], "
                f"got {self.center.shape} and {self.projection.shape}"
            )

    @classmethod
    def fit_space(
        cls, space: Space, portfolios: Sequence[NDArray[np.float32]], *, pooled_size: int, dimensions: int
    ) -> "Whitening":
        """One way or the other; arguments and refusals are those of `fit_within`."""
        if space is Space.WITHIN:
            return cls.fit_within(portfolios, pooled_size=pooled_size, dimensions=dimensions)
        return cls.fit(np.concatenate(portfolios), pooled_size=pooled_size, dimensions=dimensions)

    @classmethod
    def fit(cls, public: NDArray[np.float32], *, pooled_size: int, dimensions: int) -> "Whitening":
        """Principal components of standardized features, scaled to equal variance.

        Args:
            public: Raw features of public artworks, float32 [artworks, features].
            pooled_size: How many of the last features are the pooled embedding.
            dimensions: d, how many components to keep at most; fewer when the public art does not span so many.

        Raises:
            InputError: Fewer than two public artworks, or no two different ones.
        """
        center, scale = _standard(public, pooled_size)
        values, vectors = _principal((public - center) * scale)
        values = values[: min(dimensions, len(public) - 1)] / len(public)
        projection = scale[:, None] * vectors[:, : len(values)] / np.sqrt(values + SHRINKAGE * values.mean())
        return cls(center=center.astype(np.float32), projection=projection.astype(np.float32))

    @classmethod
    def fit_within(cls, portfolios: Sequence[NDArray[np.float32]], *, pooled_size: int, dimensions: int) -> "Whitening":
        """Scale all directions of style statistics by how little one hand varies in them, and keep the largest ones.

        Where public artists paint as the others do, this tells styles apart that principal components do not; where
        public art is of another kind, what varies within its artists is not what varies within the others. The pooled
        embedding is left out: with it exact prototypes tell more, and signatures, which are short, less.

        Args:
            portfolios: Raw features of each public artist's artworks, float32 [artworks, features].
            pooled_size: How many of the last features are the pooled embedding.
            dimensions: d, how many directions to keep at most; fewer when the public art does not span so many.

        Raises:
            InputError: Fewer than two public artworks, no two different ones, or no artist with two different ones.
        """
        statistics = [portfolio[:, : portfolio.shape[1] - pooled_size] for portfolio in portfolios]
        center, scale = _standard(np.concatenate(statistics), 0)
        rows = [(portfolio - center) * scale for portfolio in statistics]
        values, vectors = _principal(np.concatenate([each - each.mean(axis=0) for each in rows]))
        variances = values / sum(len(each) - 1 for each in rows)
        ridge = RIDGE * variances.sum() / len(center)
        rest = 1 / np.sqrt(ridge)  # of all directions in which no artist varies

        def whiten(points: NDArray[np.float64]) -> NDArray[np.float64]:
            spread: NDArray[np.float64] = (points @ vectors) * (1 / np.sqrt(variances + ridge) - rest)
            whitened: NDArray[np.float64] = rest * points + spread @ vectors.T
            return whitened

        whitened = whiten(np.concatenate(rows))
        whitened /= np.maximum(np.linalg.norm(whitened, axis=1, keepdims=True), 1e-12)
        kept = _principal(whitened)[1][:, :dimensions]
        projection = scale[:, None] * whiten(kept.T).T
        return cls(
            center=np.pad(center, (0, pooled_size)).astype(np.float32),
            projection=np.pad(projection, ((0, pooled_size), (0, 0))).astype(np.float32),
        )

    def cut(self, dimensions: int) -> "Whitening":
        """Its first dimensions, which are the largest; all of them if it has no more."""
        return replace(self, projection=np.ascontiguousarray(self.projection[:, :dimensions]))

    @property
    def dimensions(self) -> int:
        """Number of dimensions of the public style space."""
        return int(self.projection.shape[1])

    @property
    def digest(self) -> bytes:
        """SHA-256 over the projection's shape and all numbers, 32 bytes."""
        digest = hashlib.sha256(str(self.projection.shape).encode())
        for tensor in (self.center, self.projection):
            digest.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
        return digest.digest()

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map raw features [..., features] to unit vectors [..., d]."""
        centered: NDArray[np.float32] = raw - self.center
        return to_unit(centered @ self.projection)


def _standard(public: NDArray[np.float32], pooled_size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of raw features [artworks, features], and what brings each to its weight: both [features]."""
    if len(public) < 2:
        raise InputError(
            f"whitening needs at least two public artworks, got {len(public)}; declare more public artists"
        )
    weights = np.ones(public.shape[1])
    weights[public.shape[1] - pooled_size :] = POOLED_WEIGHT
    return public.mean(0, dtype=np.float64), weights / (public.std(0, dtype=np.float64) + 1e-6)


def _principal(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues [r] of rows^T rows and its eigenvectors [features, r], largest first, as far as the rows span any."""
    is_wide = len(rows) < rows.shape[1]
    values, vectors = np.linalg.eigh(rows @ rows.T if is_wide else rows.T @ rows)
    values, vectors = values[::-1], vectors[:, ::-1]
    if not values[0] > 0:
        raise InputError("all public artworks look the same: whitening needs different ones")
    spanned = values > _SPANNED * values[0]
    values, vectors = values[spanned], vectors[:, spanned]
    return values, rows.T @ vectors / np.sqrt(values) if is_wide else vectors


def to_unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors [..., d] to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return unit
