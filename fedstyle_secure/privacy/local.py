"""Local mode: Opacus clips and adds Gaussian noise in the artist's own upload, then the result goes onto the grid.

LOC-1  Clipping and noise are one step, `clip_and_noise`: no type of this mode holds a clipped update without noise.
LOC-2  Rounding, clamping and masking come after the noise: post-processing, which costs no privacy.
LOC-3  This is floating point noise of torch's Mersenne Twister, seeded with 64 fresh bits for every update and drawn
       as Opacus' secure mode does (sums of four samples, against attacks on float rounding). It is no cryptographic
       noise: the integers of `discrete_gaussian` are stronger.

Source: Opacus 1.6, `DPPerLayerOptimizer`; Holohan, Braghin 2021 (arXiv:2107.10138), section 5.1.
"""

import math
from dataclasses import InitVar, dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from opacus.optimizers import DPPerLayerOptimizer

from ..errors import PrivacyError
from ..training.updates import Contributions
from .clipping import FRACTION_BITS, finite_rows
from .mechanism import Mechanism
from .noise import NoisyUpdate
from .quantization import to_grid
from .randomness import RandomBytes, random_bytes
from .sealing import SEAL, check_seal, freeze
from .sizing import Mode

_SEED_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocallyNoisyUpdate:
    """One artist's clipped sum with Gaussian noise on every coordinate; made only by `clip_and_noise`.

    Attributes:
        values: float64 [mechanism.dimension], in units of the joint clip norm, padding included (it carries noise too).
        mechanism: The release.
        dropped_rows: Rows with numbers that were not finite (private: for the artist's own eyes).
    """

    values: NDArray[np.float64] = field(repr=False)
    mechanism: Mechanism
    dropped_rows: int = field(repr=False)
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "privacy.local.clip_and_noise")
        freeze(self.values)


def clip_and_noise(contributions: Contributions, mechanism: Mechanism, random: RandomBytes) -> LocallyNoisyUpdate:
    """Clip and add noise of standard deviation `noise_multiplier`, both by Opacus, in one step (LOC-1).

    Segments are Opacus' layers: each is clipped to sqrt(share), so that the joint norm, and Opacus' noise, refer to 1.
    Noise also covers the padding, which keeps it alike in every direction of the rotation.

    Args:
        contributions: One row per artwork.
        mechanism: A release of mode local; its unit decides what is clipped.
        random: Source of 8 bytes.

    Raises:
        InputError: If there are more rows than `mechanism.max_artworks`.
        PrivacyError: If the mechanism is not of mode local, or the layout is another one than the mechanism's.
    """
    if mechanism.mode is not Mode.LOCAL or contributions.layout != mechanism.layout:
        raise PrivacyError(f"these contributions were not made for this release of mode {mechanism.mode}")
    rows, dropped = finite_rows(contributions, mechanism.unit, max_artworks=mechanism.max_artworks)
    parameters = _scaled_segments(rows, mechanism)
    optimizer = DPPerLayerOptimizer(
        torch.optim.SGD(parameters, lr=1.0),
        noise_multiplier=mechanism.noise_multiplier,
        max_grad_norm=[math.sqrt(segment.share) for segment in mechanism.layout.segments],
        expected_batch_size=1,
        loss_reduction="sum",
        generator=torch.Generator().manual_seed(int.from_bytes(random_bytes(_SEED_BYTES, random), "little")),
        secure_mode=True,
    )
    optimizer.pre_step()
    values = np.concatenate([parameter.grad.numpy() for parameter in parameters if parameter.grad is not None])
    return LocallyNoisyUpdate(values=values, mechanism=mechanism, dropped_rows=dropped, seal=SEAL)


def quantize_local(update: LocallyNoisyUpdate, random: RandomBytes) -> NoisyUpdate:
    """Put an update that already holds its noise onto the grid of its mechanism (LOC-2).

    Args:
        update: From `clip_and_noise`.
        random: Source of ``8 * dimension`` bytes, for the dither.

    Raises:
        PrivacyError: If `update` is anything but a `LocallyNoisyUpdate`.
    """
    if not isinstance(update, LocallyNoisyUpdate):
        raise PrivacyError(
            f"{type(update).__name__} carries no local noise: only a LocallyNoisyUpdate may take this way"
        )
    mechanism = update.mechanism
    # 64 bits hold any sum and any noise but a Gaussian's beyond 14 standard deviations: shrink that one.
    shrink = min(1.0, mechanism.max_l1_norm / max(1.0, float(np.abs(update.values).sum())))
    values = np.ldexp(np.trunc(np.ldexp(update.values * shrink, FRACTION_BITS)), -FRACTION_BITS)
    return NoisyUpdate(values=to_grid(values, mechanism, random), mechanism=mechanism, seal=SEAL)


def _scaled_segments(rows: NDArray[np.float64], mechanism: Mechanism) -> list[torch.nn.Parameter]:
    """One parameter per segment, its rows as Opacus' per-sample gradients; the last is padded with zeros."""
    segments = mechanism.layout.segments
    ends = list(accumulate(segment.length for segment in segments))
    parameters = []
    for segment, end in zip(segments, ends, strict=True):
        part = rows[:, end - segment.length : end] * (math.sqrt(segment.share) / segment.clip_norm)
        if end == mechanism.length:
            part = np.pad(part, ((0, 0), (0, mechanism.dimension - mechanism.length)))
        parameter = torch.nn.Parameter(torch.zeros(part.shape[1], dtype=torch.float64))
        parameter.grad_sample = torch.from_numpy(part)  # type: ignore[attr-defined]
        parameters.append(parameter)
    return parameters
