"""What all iterations of a training have in common: the cohort, its promises, and how its budget is shared out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, plan
from ..privacy.sizing import Mode, Noise
from ..training.tensors import head_segment, moments_segment
from ..training.updates import Layout

ALIGNMENT_SHARE = 0.9
"""The moments' share of the squared sensitivity in the first iteration; the head's first gradient takes the rest."""

FIRST_SHARE = 0.8
"""The first iteration's share of the training budget, counted in mu squared; the others divide what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortPlan:
    """The cohort and its promises, the same for all iterations of a run.

    Attributes:
        mode: Where the noise comes from.
        unit: What is protected.
        clients: Artists in a session: the whole cohort, or its largest bucket.
        corrupt: Artists assumed to work with the server, at most.
        min_cohort: Fewest artists that an artist hides among: so many join or leave at once, or none.
        min_survivors: Artists below which a session aborts.
        max_artworks: Public bound on an artist's artworks.
        noise: The law of noise shares.
        sampling_rate: Probability with which each artwork takes part in an iteration.
        multipliers: Noise multiplier of each iteration; all 0 in mode none.
        seed: Public bytes from which rotations and buckets are derived.
        buckets: Sessions that the cohort is cut into; 1, or at least 3 to bear poisoned uploads.
    """

    mode: Mode
    unit: Unit
    clients: int
    corrupt: int
    min_cohort: int
    min_survivors: int
    max_artworks: int
    noise: Noise
    sampling_rate: float
    multipliers: Sequence[float]
    seed: bytes
    buckets: int = 1

    def mechanism(self, iteration: int, *, dimensions: int, outputs: int) -> Mechanism:
        """The release of one iteration, from 1: moments and head first, then the head alone.

        Args:
            iteration: Number of the model update.
            dimensions: d of the style space.
            outputs: h of the head.

        Raises:
            PrivacyError: No ring holds such a release.
        """
        segments = (
            (moments_segment(dimensions, ALIGNMENT_SHARE), head_segment(dimensions, outputs, 1 - ALIGNMENT_SHARE))
            if iteration == 1
            else (head_segment(dimensions, outputs, 1.0),)
        )
        return plan(
            mode=self.mode,
            unit=self.unit,
            layout=Layout(segments),
            noise_multiplier=self.multipliers[iteration - 1],
            clients=self.clients,
            corrupt=self.corrupt,
            min_survivors=self.min_survivors,
            max_artworks=self.max_artworks,
            noise=self.noise,
            sampling_rate=self.sampling_rate,
            rotation_seed=hashlib.sha256(self.seed + iteration.to_bytes(4, "big")).digest(),
        )


def training_shares(iterations: int) -> list[float]:
    """Each iteration's share of the training budget, in mu squared; they sum to 1."""
    if iterations == 1:
        return [1.0]
    return [FIRST_SHARE, *[(1 - FIRST_SHARE) / (iterations - 1)] * (iterations - 1)]
