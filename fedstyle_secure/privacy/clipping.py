"""Clip the rows of one artist and sum them: the only place where a contribution's influence is bounded.

CLP-1  Adding or removing one unit (an artwork's row, or all rows of the artist) moves the sum by at most 1 in L2,
       exactly: clipped rows are truncated toward zero to multiples of 2^-30, whose float64 sums have no rounding error.
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


def finite_rows(contributions: Contributions, unit: Unit, *, max_artworks: int) -> tuple[NDArray[np.float64], int]:
    """The rows that clipping bounds one by one: one per artwork, or the artist's single sum.

    Args:
        contributions: Rows in the tensors' own units, float32 [artworks, layout.length].
        unit: Whether each row is a unit or all rows together are one.
        max_artworks: Public bound on the number of rows.

    Returns:
        Finite rows, float64 [artworks or 1, layout.length], and how many rows were dropped (CLP-3).

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
    finite = np.isfinite(contributions.rows).all(axis=1)
    rows = contributions.rows[finite].astype(np.float64)
    if unit is Unit.ARTIST:
        rows = rows.sum(axis=0, keepdims=True)
    return rows, int(np.count_nonzero(~finite))


def clip(contributions: Contributions, unit: Unit, *, max_artworks: int) -> ClippedUpdate:
    """Clip each unit to a joint L2 norm of at most 1 and sum (CLP-1, CLP-2, CLP-3).

    Args:
        contributions: One row per artwork.
        unit: What the guarantee protects.
        max_artworks: Public bound on the number of rows; it sizes the ring, so it must not depend on the artist's data.

    Returns:
        The sum, in units of the joint clip norm; `Layout.split` turns an aggregate back into the tensors' own units.

    Raises:
        InputError: If there are more than `max_artworks` rows.
    """
    rows, dropped = finite_rows(contributions, unit, max_artworks=max_artworks)
    segments = contributions.layout.segments
    ends = list(accumulate(segment.length for segment in segments))
    for segment, end in zip(segments, ends, strict=True):
        part = rows[:, end - segment.length : end]
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        part *= _SAFETY * np.sqrt(segment.share) / np.maximum(norms, segment.clip_norm)
    on_grid = np.trunc(np.ldexp(rows, FRACTION_BITS))
    return ClippedUpdate(
        values=np.ldexp(on_grid.sum(axis=0), -FRACTION_BITS),
        layout=contributions.layout,
        unit=unit,
        max_artworks=max_artworks,
        dropped_rows=dropped,
        seal=SEAL,
    )
