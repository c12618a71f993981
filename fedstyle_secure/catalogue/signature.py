"""What an artist who opts in publishes: a name and one unit vector in a public space.

PUB-1  A signature is public from the moment it exists: its noise was added before it came here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..encoder.whitening import to_unit
from ..errors import InputError
from ..names import check_name

MAX_DIMENSIONS: Final = 128
"""Longest signature: longer ones let members be told from strangers, and drown in noise at the same epsilon."""

_UNIT_TOLERANCE: Final = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """One artist's published style.

    Attributes:
        artist: Name under which the artist is found; 1 to 255 bytes of UTF-8, as NAM-1 says.
        vector: float32 [d], 1 <= d <= 128, finite, of length 1; read-only.

    Raises:
        InputError: If one of these does not hold.
    """

    artist: str
    vector: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_name(self.artist)
        vector = np.array(self.vector)
        if vector.dtype != np.float32 or vector.ndim != 1 or not 1 <= len(vector) <= MAX_DIMENSIONS:
            raise InputError(
                f"the signature of {self.artist!r} must be float32 with 1 to {MAX_DIMENSIONS} numbers, "
                f"got {vector.dtype} {vector.shape}"
            )
        if not _is_bounded(vector) or abs(float(np.linalg.norm(vector)) - 1) > _UNIT_TOLERANCE:
            raise InputError(f"the signature of {self.artist!r} is not a finite vector of length 1; scale it first")
        vector.setflags(write=False)
        object.__setattr__(self, "vector", vector)


@dataclass(frozen=True, slots=True, eq=False)
class SignatureSpace:
    """The public map from embeddings to the shorter vectors that signatures are.

    Attributes:
        projection: float32 [e, d], orthonormal columns, 1 <= d <= min(e, 128); read-only.

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


def _is_bounded(numbers: NDArray[np.float32]) -> bool:
    """Whether all could be parts of unit vectors: nothing infinite, nothing whose square overflows."""
    return bool(np.isfinite(numbers).all()) and float(np.abs(numbers).max()) <= 1 + _UNIT_TOLERANCE


def _is_orthonormal(projection: NDArray[np.float32]) -> bool:
    gram = projection.T.astype(np.float64) @ projection
    return float(np.abs(gram - np.eye(len(gram))).max()) <= _UNIT_TOLERANCE
