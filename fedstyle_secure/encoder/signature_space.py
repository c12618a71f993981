"""Where signatures live: the public map from embeddings to shorter vectors, and its one encoding.

SPA-1  What decodes is byte for byte what encodes, and no projection that a constructor refuses.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import InputError
from .whitening import to_unit

FORMAT: Final = "fedstyle-signature-space-1"
MAX_DIMENSIONS: Final = 384
"""Longest signature: longer ones drown in noise at the same epsilon."""

LEAST_DIMENSIONS, _DETAIL = 24, 2.5
"""Shortest signature; and how many numbers are worth their noise for each deviation of it in an artist's sum."""

UNIT_TOLERANCE: Final = 1e-4
"""How far the length of a unit vector of float32 numbers may be from 1."""
_PROJECTION: Final = "projection"


@dataclass(frozen=True, slots=True, eq=False)
class SignatureSpace:
    """The public map from embeddings to the shorter vectors that signatures are.

    Attributes:
        projection: float32 [e, d], orthonormal columns, 1 <= d <= min(e, 384); read-only.

    Raises:
        InputError: The projection is of another shape or type, or its columns are not orthonormal.
    """

    projection: NDArray[np.float32]

    def __post_init__(self) -> None:
        projection = np.array(self.projection, order="C")
        if (
            projection.dtype != np.float32
            or projection.ndim != 2
            or not 1 <= projection.shape[1] <= min(projection.shape[0], MAX_DIMENSIONS)
        ):
            raise InputError(
                f"a signature space is float32 [e, d] with 1 <= d <= min(e, {MAX_DIMENSIONS}), "
                f"got {projection.dtype} {projection.shape}"
            )
        if not _is_bounded(projection) or not _is_orthonormal(projection):
            raise InputError("the columns of a signature space must be orthonormal; fit it from a second moment")
        projection.setflags(write=False)
        object.__setattr__(self, "projection", projection)

    @classmethod
    def fit(cls, second_moment: NDArray[np.float64], dimensions: int) -> "SignatureSpace":
        """Keep the directions in which embeddings are largest.

        Args:
            second_moment: Sum or mean of ``z z^T`` over embeddings ``z`` that are public, or an already released
                estimate of it; symmetric float64 [e, e]. Never one of private embeddings.
            dimensions: d, how many directions to keep.

        Returns:
            The top eigenvectors, largest first, each with its largest component positive.

        Raises:
            InputError: The moment is not a finite symmetric matrix, or `dimensions` does not fit.
        """
        moment = np.asarray(second_moment, dtype=np.float64)
        if moment.ndim != 2 or moment.shape[0] != moment.shape[1] or not np.isfinite(moment).all():
            raise InputError(f"a second moment is a finite matrix [e, e], got shape {moment.shape}")
        if not np.allclose(moment, moment.T, rtol=1e-6, atol=1e-6 * float(np.abs(moment).max(initial=0))):
            raise InputError("a second moment is symmetric, this one is not; sum the outer products z z^T")
        if not 1 <= dimensions <= min(len(moment), MAX_DIMENSIONS):
            raise InputError(
                f"a signature space of {len(moment)}-dimensional embeddings has 1 to "
                f"{min(len(moment), MAX_DIMENSIONS)} dimensions, got {dimensions}"
            )
        vectors = np.linalg.eigh(moment)[1][:, ::-1][:, :dimensions]
        peaks = vectors[np.abs(vectors).argmax(axis=0), np.arange(dimensions)]
        return cls((vectors * np.where(peaks < 0, -1, 1)).astype(np.float32))

    @property
    def embedding_size(self) -> int:
        """Length of the embeddings it takes, e."""
        return int(self.projection.shape[0])

    @property
    def dimensions(self) -> int:
        """Length of the signatures it gives, d."""
        return int(self.projection.shape[1])

    def apply(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map embeddings [..., e] to unit vectors [..., d]; one with nothing in the space becomes zero.

        Raises:
            InputError: Embeddings of another length, or not finite.
        """
        if embeddings.ndim == 0 or embeddings.shape[-1] != self.embedding_size:
            raise InputError(
                f"this signature space takes embeddings of {self.embedding_size} numbers, got shape {embeddings.shape}"
            )
        if not np.isfinite(embeddings).all():
            raise InputError("an embedding holds numbers that are not finite")
        return to_unit(np.asarray(embeddings @ self.projection, dtype=np.float32))

    def encode(self) -> bytes:
        """Canonical safetensors bytes; equal spaces give equal bytes."""
        return save({_PROJECTION: self.projection}, {"format": FORMAT})

    @classmethod
    def decode(cls, data: bytes) -> "SignatureSpace":
        """The inverse of `encode` (SPA-1).

        Raises:
            InputError: Other bytes.
        """
        try:
            space = cls(load(data)[_PROJECTION])
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"not a signature space: {error}") from error
        if space.encode() != data:
            raise InputError("not a signature space: its bytes are not the ones it is written as")
        return space


def _is_bounded(numbers: NDArray[np.float32]) -> bool:
    """Whether all could be parts of unit vectors: nothing infinite, nothing whose square overflows."""
    return bool(np.isfinite(numbers).all()) and float(np.abs(numbers).max(initial=0)) <= 1 + UNIT_TOLERANCE


def are_unit(vectors: NDArray[np.float32]) -> bool:
    """Whether vectors [..., d] are finite and all of length 1."""
    return _is_bounded(vectors) and bool((np.abs(np.linalg.norm(vectors, axis=-1) - 1) <= UNIT_TOLERANCE).all())


def _is_orthonormal(projection: NDArray[np.float32]) -> bool:
    gram = projection.T.astype(np.float64) @ projection
    return float(np.abs(gram - np.eye(len(gram))).max()) <= UNIT_TOLERANCE


def signature_length(noise_multiplier: float, artworks: float) -> int:
    """How many numbers a signature should have: noise grows with them, detail too.

    Args:
        noise_multiplier: Of its release; 0 for none.
        artworks: Of an artist, as many as it sums in the mean; 1 where noise hides a whole artist.
    """
    if not noise_multiplier:
        return MAX_DIMENSIONS
    return round(min(max(_DETAIL * artworks / noise_multiplier, LEAST_DIMENSIONS), MAX_DIMENSIONS))
