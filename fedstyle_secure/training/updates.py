"""What training hands to privacy: one row per artwork, and a layout that declares each tensor's support.

UPD-1  Every uploaded tensor declares its support rule; a layout cannot be built without it.
UPD-2  What is computed of an artwork on the way to a release is computed of it alone (`one_by_one`): its row has the
       same bits whatever other artworks there are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from math import isclose

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PrivacyError


class Support(StrEnum):
    """How many artists stand behind each coordinate of an aggregated tensor (threat TM-8)."""

    COHORT = "cohort"
    """Every artist of the cohort adds to every coordinate: a sum over all hides each."""
    ARTIST = "artist"
    """One artist alone fills some coordinates, such as a table with a row per artist: masks cannot hide that."""

    def size(self, cohort: int) -> int:
        """Smallest number of artists behind a coordinate when `cohort` artists deliver."""
        return cohort if self is Support.COHORT else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One named tensor inside the upload vector.

    Attributes:
        name: Unique within its layout, for example ``head``.
        length: Number of coordinates.
        support: Declared support rule.
        clip_norm: L2 bound of one row's part in this segment, in the tensor's own units.
        share: This segment's share of the squared sensitivity; the shares of a layout sum to 1.
    """

    name: str
    length: int
    support: Support
    clip_norm: float
    share: float

    def __post_init__(self) -> None:
        if self.length < 1 or not self.clip_norm > 0 or not 0 < self.share <= 1:
            raise InputError(f"segment {self.name!r} needs length >= 1, clip_norm > 0 and 0 < share <= 1, got {self}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Public description of the upload vector: which tensor stands where. Segments lie end to end."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        names = [segment.name for segment in self.segments]
        if not names or len(set(names)) != len(names):
            raise InputError(f"a layout needs at least one segment and distinct names, got {names}")
        if not isclose(sum(segment.share for segment in self.segments), 1.0, rel_tol=1e-9):
            raise InputError(f"the shares of a layout sum to 1, got {[segment.share for segment in self.segments]}")

    @property
    def length(self) -> int:
        """Number of coordinates of the upload vector before padding."""
        return sum(segment.length for segment in self.segments)

    def split(self, vector: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Cut an aggregate [length] into its tensors, each in its own units (the sum of the clipped rows)."""
        if vector.shape != (self.length,):
            raise InputError(f"expected a vector of {self.length} coordinates, got shape {vector.shape}")
        ends = list(accumulate(segment.length for segment in self.segments))
        return {
            segment.name: vector[end - segment.length : end] * (segment.clip_norm / np.sqrt(segment.share))
            for segment, end in zip(self.segments, ends, strict=True)
        }


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """Per-artwork rows of one artist for one iteration: float32 [artworks, layout.length], in the tensors' own units.

    Never leaves the artist's machine; `privacy.clipping` bounds and sums the rows.
    """

    rows: NDArray[np.float32]
    layout: Layout

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape[1] != self.layout.length or self.rows.dtype != np.float32:
            raise InputError(
                f"contributions are float32 [artworks, {self.layout.length}], got {self.rows.dtype} {self.rows.shape}"
            )

    @classmethod
    def join(cls, tensors: Mapping[str, NDArray[np.float32]], segments: Sequence[Segment]) -> "Contributions":
        """Lay tensors [artworks, ...] side by side in the order of `segments`."""
        parts = [tensors[segment.name].reshape(len(tensors[segment.name]), -1) for segment in segments]
        return cls(np.concatenate(parts, axis=1, dtype=np.float32), Layout(tuple(segments)))


def one_by_one(
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]], artworks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What `compute` makes of each artwork, shown to it without the others (UPD-2).

    Matrix products round differently for another number of rows, and a hostile model can turn the last bit of a number
    into its first. Calls of one shape, on a fresh copy of one artwork, leave nothing for the others to change.

    Args:
        compute: Maps [1, ...] to [1, ...]; all but the first dimension may change.
        artworks: At least one, [artworks, ...].

    Returns:
        [artworks, ...].

    Raises:
        PrivacyError: `compute` makes more or less than one row of an artwork.
    """
    rows = [compute(artwork[np.newaxis].copy()) for artwork in artworks]
    if any(len(row) != 1 for row in rows):
        raise PrivacyError(f"an artwork is one row of a release, not {len(rows[0])}: its views belong together")
    return np.concatenate(rows)
