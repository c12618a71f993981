"""The stairs: from one aggregate to the next style model. The server sees sums and knows how much noise is in them.

Everything here is post-processing of what secure aggregation released: it costs no privacy.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..aggregation.summing import Aggregate
from ..encoder.model import StyleModel
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
