"""Whitening fitted on declared public artists: the public style space every client starts from."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

POOLED_WEIGHT = 0.2
"""Weight of the pooled embedding beside the style statistics; content helps a little, more of it hurts."""

SHRINKAGE = 0.3
"""Added to every variance, in units of the mean kept variance: keeps rare directions from being blown up."""


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
    def fit(cls, public: NDArray[np.float32], *, pooled_size: int, dimensions: int) -> "Whitening":
        """Principal components of standardized features, scaled to equal variance.

        Args:
            public: Raw features of public artworks, float32 [artworks, features].
            pooled_size: How many of the last features are the pooled embedding.
            dimensions: d, how many components to keep at most; fewer when the public art does not span so many.

        Raises:
            InputError: Fewer than two public artworks, or no two different ones.
        """
        if len(public) < 2:
            raise InputError(
                f"whitening needs at least two public artworks, got {len(public)}; declare more public artists"
            )
        weights = np.ones(public.shape[1])
        weights[public.shape[1] - pooled_size :] = POOLED_WEIGHT
        center = public.mean(0, dtype=np.float64)
        scale = weights / (public.std(0, dtype=np.float64) + 1e-6)
        standardized = (public - center) * scale
        values, vectors = np.linalg.eigh(standardized.T @ standardized / len(public))
        kept = min(dimensions, len(public) - 1)
        values, vectors = values[::-1][:kept], vectors[:, ::-1][:, :kept]
        if not values.mean() > 0:
            raise InputError("all public artworks look the same: whitening needs different ones")
        projection = scale[:, None] * vectors / np.sqrt(values + SHRINKAGE * values.mean())
        return cls(center=center.astype(np.float32), projection=projection.astype(np.float32))

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


def to_unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors [..., d] to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return unit
