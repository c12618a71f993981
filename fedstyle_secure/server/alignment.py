"""The stairs: from one aggregate to the next style model. The server sees sums and knows how much noise is in them.

Everything here is post-processing of what secure aggregation released: it costs no privacy.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..aggregation.summing import Aggregate
from ..encoder.model import StyleModel
from ..errors import InputError
from ..privacy.shrinkage import kept_fraction
from ..training.moments import packed_length, unpack_moments
from ..training.tensors import HEAD, MOMENTS

RIDGE = 1.0
"""Added to every eigenvalue of the style space's second moment, whose mean is 1, before it is inverted."""

MARGIN = 3.0
"""Standard deviations of the noise's squared norm that moments must exceed, beside its mean, before they are believed.

Large noise is a thousand times as long as the public moments, so that the little it exceeds its mean by chance would
bury them.
"""

STEP, MOMENTUM = 0.15, 0.8
"""Length of a step of the head, relative to the head's own norm, and how much of the last direction it keeps."""

_TENSORS: Final = ("public_moments", "direction", "direction_noise")


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The server's state between iterations.

    Attributes:
        public_moments: Second moment [d, d] of public artworks without their artists' styles, trace d: what is assumed
            before any aggregate.
        direction: Smoothed gradient of the head, float64 [h * d].
        direction_noise: Variance of the noise in a coordinate of `direction`.
    """

    public_moments: NDArray[np.float64]
    direction: NDArray[np.float64]
    direction_noise: float

    @classmethod
    def start(cls, model: StyleModel, public: NDArray[np.float32]) -> "Alignment":
        """Begin with public knowledge: of public artworks, the unit vectors [artworks, d] that moments are made of."""
        moments = public.T.astype(np.float64) @ public
        return cls(moments * (len(moments) / np.trace(moments)), np.zeros(model.head.size), 0.0)

    def encode(self) -> bytes:
        """Canonical safetensors bytes."""
        tensors = (self.public_moments, self.direction, np.array([self.direction_noise]))
        return save(dict(zip(_TENSORS, map(np.ascontiguousarray, tensors), strict=True)))

    @classmethod
    def decode(cls, data: bytes) -> "Alignment":
        """Parse `encode`'s bytes, and no others.

        Raises:
            InputError: Something else.
        """
        try:
            tensors = load(data)
            moments, direction, noise = (tensors[name] for name in _TENSORS)
            alignment = cls(moments, direction, float(noise[0]))
        except (SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"not the state of an alignment: {error}") from error
        if {tensor.dtype for tensor in (moments, direction, noise)} != {np.dtype(np.float64)}:
            raise InputError("not the state of an alignment: its numbers are not float64")
        if moments.ndim != 2 or moments.shape[0] != moments.shape[1] or direction.ndim != 1:
            raise InputError("not the state of an alignment: it has square moments and one direction")
        if alignment.encode() != data:
            raise InputError("not the state of an alignment: its bytes are not the ones it is written as")
        return alignment

    def advance(self, model: StyleModel, aggregate: Aggregate) -> "tuple[Alignment, StyleModel]":
        """The next state and the next model; each tensor the aggregate holds moves its part."""
        state = self
        if MOMENTS in aggregate.tensors:
            model = replace(model, alignment=self._realign(aggregate))
        if HEAD in aggregate.tensors:
            state, model = self._step(model, aggregate)
        return state, model

    def _realign(self, aggregate: Aggregate) -> NDArray[np.float32]:
        """Re-whiten the style space by the cohort's own second moment, as far as it stands out of the noise."""
        d = len(self.public_moments)
        summed = unpack_moments(aggregate.tensors[MOMENTS], d)
        unit = d / max(float(np.trace(summed)), 1.0)  # the trace tells how much was summed: no count is needed
        difference = summed * unit - self.public_moments
        # Of each coordinate its variance; the deviation is that of a chi-square variable.
        coordinates = packed_length(d)
        noise = (aggregate.noise[MOMENTS] * unit) ** 2 * (coordinates + MARGIN * math.sqrt(2 * coordinates))
        moments = self.public_moments + kept_fraction(difference, noise) * difference
        values, vectors = np.linalg.eigh(moments)
        alignment: NDArray[np.float64] = (vectors / np.sqrt(np.maximum(values, 0) + RIDGE)) @ vectors.T
        return alignment.astype(np.float32)

    def _step(self, model: StyleModel, aggregate: Aggregate) -> "tuple[Alignment, StyleModel]":
        """Move the head against the smoothed gradient, as far as that stands out of the noise."""
        gradient = aggregate.tensors[HEAD]
        direction = MOMENTUM * self.direction + gradient
        variance = MOMENTUM**2 * self.direction_noise + aggregate.noise[HEAD] ** 2
        state = replace(self, direction=direction, direction_noise=variance)
        norm = float(np.linalg.norm(direction))
        if norm == 0:
            return state, model
        length = STEP * kept_fraction(direction, variance * direction.size) * float(np.linalg.norm(model.head)) / norm
        head = model.head - length * direction.reshape(model.head.shape)
        return state, replace(model, head=head.astype(np.float32))


def artworks_each(aggregate: Aggregate, sampling_rate: float, dimensions: int) -> float:
    """How many artworks an artist sums in the mean, as far as noisy moments tell; 0 where none came.

    An artwork's row adds 1 to their trace; where noise hides a whole artist, its rows together add at most 1. They
    are released already, so that knowing this costs no privacy.

    Args:
        aggregate: Of an iteration.
        sampling_rate: With which each artwork took part.
        dimensions: d of the style space.
    """
    if MOMENTS not in aggregate.tensors:
        return 0.0
    moments = unpack_moments(aggregate.tensors[MOMENTS], dimensions)
    return max(float(np.trace(moments)), 0.0) / sampling_rate / aggregate.survivors
