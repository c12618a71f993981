"""Put a clipped update on the integer grid: rotate, scale, round with a dither, clamp; and an aggregate back.

QNT-1  Everything from the clipped values on is integer arithmetic: no guarantee rests on floating point rounding.
QNT-2  The dither is uniform on the whole fraction, fresh for every update: floor(a + u) - floor(b + u) is exactly a
       random rounding of a - b, so `Sizing.sensitivity` holds for any two neighboring sums, not just x and nothing.
QNT-3  Coordinates are clamped before noise is added, so noise is never cut and no sum wraps (MEC-2).
"""

import math
from dataclasses import InitVar, dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PrivacyError
from .clipping import FRACTION_BITS, ClippedUpdate
from .mechanism import Mechanism
from .randomness import RandomBytes, random_words
from .rotation import rotate, unrotate
from .sealing import SEAL, check_seal, freeze


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantizedUpdate:
    """A clipped update on the grid, without noise yet; made only by `quantize`. Never leaves the artist's machine.

    Attributes:
        values: int64 [mechanism.dimension], each within +-mechanism.clamp.
        mechanism: What the values are meant for.
    """

    values: NDArray[np.int64] = field(repr=False)
    mechanism: Mechanism
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "privacy.quantization.quantize")
        freeze(self.values)


def quantize(clipped: ClippedUpdate, mechanism: Mechanism, random: RandomBytes) -> QuantizedUpdate:
    """Rotate, scale, round with a fresh dither and clamp (QNT-1, QNT-2, QNT-3).

    Args:
        clipped: The artist's clipped sum.
        mechanism: The release it is meant for.
        random: Source of ``8 * mechanism.dimension`` bytes.

    Raises:
        PrivacyError: If the update was clipped for another unit, layout or number of artworks than promised.
    """
    if (clipped.unit, clipped.layout) != (mechanism.unit, mechanism.layout):
        raise PrivacyError(
            f"the update was clipped per {clipped.unit} for another release than this one per {mechanism.unit}"
        )
    if clipped.max_artworks > mechanism.max_artworks:
        raise PrivacyError(f"the update may hold {clipped.max_artworks} artworks, the release {mechanism.max_artworks}")
    return QuantizedUpdate(values=to_grid(clipped.values, mechanism, random), mechanism=mechanism, seal=SEAL)


def to_grid(values: NDArray[np.float64], mechanism: Mechanism, random: RandomBytes) -> NDArray[np.int64]:
    """Multiples of 2^-30, [length] -> int64 [dimension] within +-clamp."""
    fixed = np.ldexp(values, FRACTION_BITS).astype(np.int64)
    rotated = mechanism.gain * rotate(fixed, mechanism.rotation_seed)
    dither = (random_words(mechanism.dimension, random) >> np.uint64(64 - mechanism.shift)).astype(np.int64)
    rounded: NDArray[np.int64] = (rotated + dither) >> mechanism.shift
    return np.clip(rounded, -mechanism.clamp, mechanism.clamp)


def dequantize(total: NDArray[np.int64], mechanism: Mechanism) -> NDArray[np.float64]:
    """Turn an aggregate of grid units back into a vector for `Layout.split`.

    Args:
        total: int64 [mechanism.dimension], a sum of uploads, already lifted from the ring to signed numbers.
        mechanism: The release.

    Returns:
        float64 [mechanism.length], in units of the joint clip norm: the sum of the clipped rows and the noise.

    Raises:
        InputError: If `total` has another shape or type, or is larger than the release's uploads can sum to.
    """
    if total.shape != (mechanism.dimension,) or total.dtype != np.int64:
        raise InputError(f"an aggregate is int64 [{mechanism.dimension}], got {total.dtype} {total.shape}")
    if total.max() > mechanism.max_abs_sum or total.min() < -mechanism.max_abs_sum:
        raise InputError(f"an aggregate of {mechanism.clients} uploads stays within +-{mechanism.max_abs_sum}")
    summed = unrotate(total, mechanism.rotation_seed, mechanism.length).astype(np.float64)
    return summed / (mechanism.scale * math.sqrt(mechanism.dimension))
