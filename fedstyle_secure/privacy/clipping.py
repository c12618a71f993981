"""Clip the rows of one artist and sum them: the only place where a contribution's influence is bounded.

CLP-1  Adding or removing one unit (an artwork's row, or all rows of the artist) moves the sum by at most 1 in L2: each
       row is clipped by itself, then truncated toward zero to multiples of 2^-30, which add up without rounding. That
       an artwork is one such row, and in no other one, is for UPD-2 and FEA-2 to see to.
CLP-2  Each segment of a row is clipped to its own `clip_norm` and scaled to sqrt(share), so a joint norm is at most 1.
CLP-3  A row with a number that is not finite counts as zero, and is found before any norm is taken.
"""

from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..training.updates import Contributions, Layout
from .sealing import SEAL, check_seal, freeze

FRACTION_BITS: Final = 30
"""Clipped values are multiples of 2^-30."""
MAX_ARTWORKS: Final = 1 << 20
"""More rows than this could leave the range in which float64 sums on the grid are exact (2^30 * 2^20 < 2^53)."""
_SAFETY: Final = 1.0 - 2.0**-30  # covers the float64 rounding of a norm over up to 2^22 coordinates


class Unit(StrEnum):
    """What neighboring data sets differ in (add or remove one)."""

    ARTWORK = "artwork"
    """One artwork of one artist."""
    ARTIST = "artist"
    """All artworks of one artist."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClippedUpdate:
    """One artist's sum of clipped rows; made only by `clip`. Never leaves the artist's machine.

    Attributes:
        values: float64 [layout.length], multiples of 2^-30, in units of the joint clip norm.
        layout: Where each tensor stands.
        unit: What CLP-1 bounds.
        max_artworks: The public bound on the number of rows that the sum was checked against.
        dropped_rows: Rows with numbers that were not finite (private: for the artist's own eyes).
    """

    values: NDArray[np.float64] = field(repr=False)
    layout: Layout
    unit: Unit
    max_artworks: int
    dropped_rows: int = field(repr=False)
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "privacy.clipping.clip")
        freeze(self.values)


def clip(contributions: Contributions, unit: Unit, *, max_artworks: int) -> ClippedUpdate:
    """Clip each unit to a joint L2 norm of at most 1 and sum (CLP-1, CLP-2, CLP-3).

    Args:
        contributions: One row per artwork.
        unit: What the guarantee protects.
        max_artworks: Public bound on the number of rows; it sizes the ring, so it must not depend on the artist's data.

    Returns:
        The sum, in units of the joint clip norm; `Layout.split` turns an aggregate back into the tensors' own units.

    Raises:
        InputError: If there are more than `max_artworks` rows, or `max_artworks` is not between 1 and `MAX_ARTWORKS`.
    """
    if not 1 <= max_artworks <= MAX_ARTWORKS:
        raise InputError(f"max_artworks must be between 1 and {MAX_ARTWORKS}, got {max_artworks}")
    if len(contributions.rows) > max_artworks:
        raise InputError(
            f"{len(contributions.rows)} artworks exceed the public bound of {max_artworks}: "
            "choose at most that many, or plan the iteration with a larger max_artworks"
        )
    finite = np.all(np.isfinite(contributions.rows), axis=1, keepdims=True)
    rows = np.where(finite, contributions.rows, np.float32(0))
    if unit is Unit.ARTIST:
        rows = rows.sum(axis=0, keepdims=True, dtype=np.float64)
    total = np.zeros(contributions.layout.length, dtype=np.int64)
    for row in rows:
        total += _clip_row(row, contributions.layout)
    return ClippedUpdate(
        values=np.ldexp(total.astype(np.float64), -FRACTION_BITS),
        layout=contributions.layout,
        unit=unit,
        max_artworks=max_artworks,
        dropped_rows=int(np.count_nonzero(~finite)),
        seal=SEAL,
    )


def _clip_row(row: NDArray[np.floating], layout: Layout) -> NDArray[np.int64]:
    """One unit's row in multiples of 2^-30 of the joint clip norm, at most 1 long (CLP-2)."""
    clipped = row.astype(np.float64)
    ends = list(accumulate(segment.length for segment in layout.segments))
    for segment, end in zip(layout.segments, ends, strict=True):
        part = clipped[end - segment.length : end]
        part *= _SAFETY * np.sqrt(segment.share) / max(np.linalg.norm(part), segment.clip_norm)
    return np.trunc(np.ldexp(clipped, FRACTION_BITS)).astype(np.int64)
