"""The numbers behind one release: what was chosen (fields) and what follows from it (properties).

Sources: Kairouz, Liu, Steinke 2021 (The Distributed Discrete Gaussian Mechanism), sections 3 and 4; for `SMOOTHING`,
Peikert 2010 (An Efficient and Parallel Gaussian Sampler for Lattices), Theorem 3.1.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..errors import InputError
from ..training.updates import Layout
from .clipping import FRACTION_BITS, MAX_ARTWORKS, Unit
from .discrete_gaussian import DiscreteGaussian
from .inversion import TableSampler
from .rotation import SEED_BYTES, padded_dimension
from .skellam import Skellam

BETA: Final = 2.0**-40
"""Probability, over the rounding, that two neighboring sums end up further apart than `Sizing.sensitivity`."""
SMOOTHING: Final = 2.0
"""Standard deviation, in grid units, set aside to derive the discrete Gaussian from a continuous one.

Rounding a continuous Gaussian at random, with a discrete Gaussian of this scale, gives the discrete Gaussian of the
summed variances, up to a ratio of 1 +- 4 exp(-2 pi^2 SMOOTHING^2) = 1 +- 2^-111 in each coordinate's probabilities, far
below one rounding of epsilon. So the discrete noise protects like a continuous one with SMOOTHING^2 less variance.
"""
EPSILON_CEILING: Final = 32.0
"""`Sizing.delta_slack` holds for every epsilon up to here. A larger one protects nothing, slack or not."""
_HEADROOM: Final = 6.0  # the clamp, in root mean squares of a rotated coordinate


class Mode(StrEnum):
    """Where the noise comes from."""

    DISTRIBUTED = "distributed"
    """The honest survivors' noise shares protect together, behind secure aggregation."""
    LOCAL = "local"
    """One share protects alone: each artist's own upload holds all the noise that is promised."""
    NONE = "none"
    """No noise: nothing is protected. For comparison only."""


class Noise(StrEnum):
    """The law of the integer noise shares."""

    GAUSSIAN = "gaussian"
    """Discrete Gaussian: accounted for as the continuous one that dominates it, so by privacy loss distributions."""
    SKELLAM = "skellam"
    """Differences of Poisson variables, whose sums are exactly of the same kind: accounted for by Renyi divergences."""

    @property
    def sampler(self) -> type[TableSampler]:
        """Draws a share, given its standard deviation in grid units."""
        return DiscreteGaussian if self is Noise.GAUSSIAN else Skellam


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A candidate for a `Mechanism`: sound choices whose sizes nobody checked yet. All derived sizes are in grid units.

    Attributes:
        mode: Where the noise comes from.
        unit: What neighboring data sets differ in.
        layout: The upload vector with its clip norms.
        noise_multiplier: Standard deviation / sensitivity: of the honest survivors' sum in distributed mode, of one
            artist's own noise in local mode, 0 in mode none.
        clients: Clients of the session; the ring holds the sum of all of them.
        corrupt: At most this many clients work with the server.
        min_survivors: The session aborts below this many survivors.
        max_artworks: Public bound on each artist's artworks.
        rotation_seed: 32 public bytes.
        gain: Integer 128 .. 255, see `scale`.
        shift: Bits, see `scale`.
        modulus_bits: Size of the ring: 16, 24 or 32.
        noise: The law of noise shares.
        sampling_rate: Probability with which an artist takes each artwork into the release, in secret.

    Raises:
        InputError: If the choices contradict each other.
    """

    mode: Mode
    unit: Unit
    layout: Layout
    noise_multiplier: float
    clients: int
    corrupt: int
    min_survivors: int
    max_artworks: int
    rotation_seed: bytes
    gain: int
    shift: int
    modulus_bits: int
    noise: Noise = Noise.GAUSSIAN
    sampling_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.corrupt < self.min_survivors <= self.clients:
            raise InputError(
                "a release needs 0 <= corrupt < min_survivors <= clients, or no honest survivor is certain; got "
                f"corrupt {self.corrupt}, min_survivors {self.min_survivors}, clients {self.clients}"
            )
        if not 1 <= self.max_artworks <= MAX_ARTWORKS:
            raise InputError(f"max_artworks must be between 1 and {MAX_ARTWORKS}, got {self.max_artworks}")
        if len(self.rotation_seed) != SEED_BYTES:
            raise InputError(f"a rotation seed has {SEED_BYTES} bytes, got {len(self.rotation_seed)}")
        if not (math.isfinite(self.noise_multiplier) and self.noise_multiplier >= 0):
            raise InputError(f"a noise multiplier is a number >= 0, got {self.noise_multiplier}")
        if (self.noise_multiplier == 0) != (self.mode is Mode.NONE):
            raise InputError(
                f"noise multiplier {self.noise_multiplier} does not go with mode {self.mode}: 0 means none"
            )
        if self.noise is not Noise.GAUSSIAN and self.mode is Mode.NONE:
            raise InputError(f"a release without noise has no {self.noise} noise: leave the noise at its default")
        if not 0 < self.sampling_rate <= 1:
            raise InputError(f"a sampling rate lies above 0 and is at most 1, got {self.sampling_rate}")
        if self.sampling_rate < 1 and (self.unit, self.noise) != (Unit.ARTWORK, Noise.GAUSSIAN):
            raise InputError(
                f"sampling artworks buys privacy for an artwork under Gaussian noise only, not per {self.unit} under "
                f"{self.noise} noise: use sampling rate 1"
            )

    @property
    def length(self) -> int:
        """Coordinates of the upload before padding."""
        return self.layout.length

    @property
    def dimension(self) -> int:
        """Coordinates of the upload after padding, a power of two."""
        return padded_dimension(self.length)

    @property
    def honest(self) -> int:
        """Survivors whose noise the adversary cannot know."""
        return self.min_survivors - self.corrupt

    @property
    def shares(self) -> int:
        """Noise shares that carry the noise multiplier together: all honest survivors', or in mode local one alone."""
        return 1 if self.mode is Mode.LOCAL else self.honest

    @property
    def max_norm(self) -> int:
        """L2 bound of one artist's clipped sum, in units of the clip norm."""
        return self.max_artworks if self.unit is Unit.ARTWORK else 1

    @property
    def scale(self) -> float:
        """Grid units per unit of clip norm: gain * 2^(30 - shift) * sqrt(dimension)."""
        return math.ldexp(self.gain, FRACTION_BITS - self.shift) * math.sqrt(self.dimension)

    @property
    def sensitivity(self) -> float:
        """L2 distance of two neighboring, quantized sums, except with probability `BETA`.

        Both sums see the same dither, so the difference is an unbiased rounding of a fixed vector x, |x| <= scale, with
        independent coordinates floor(x_i) + Bernoulli(p_i). Its norm is at most |x| + sqrt(d). Its squared norm has
        mean at most |x|^2 + d/4, to which Hoeffding's inequality adds sqrt(2 ln(1/beta)) (|x| + sqrt(d)/2)
        (Kairouz, Liu, Steinke 2021, section 4).
        """
        scale, root = self.scale, math.sqrt(self.dimension)
        deviation = math.sqrt(2 * math.log(1 / BETA)) * (scale + root / 2)
        return min(scale + root, math.sqrt(scale**2 + self.dimension / 4 + deviation)) * (1 + 1e-12)

    @property
    def sensitivity_l1(self) -> float:
        """L1 distance of two neighboring, quantized sums: integers, so at most `sensitivity` squared."""
        return self.sensitivity * min(math.sqrt(self.dimension), self.sensitivity)

    @property
    def smoothing(self) -> float:
        """What discrete noise is worth less than a continuous Gaussian (`SMOOTHING`); Skellam needs none."""
        return SMOOTHING if self.noise is Noise.GAUSSIAN else 0.0

    @property
    def sigma_share(self) -> float:
        """Scale of one client's noise share; `shares` of them carry noise_multiplier * sensitivity. 0 in mode none."""
        if self.mode is Mode.NONE:
            return 0.0
        return math.sqrt(((self.noise_multiplier * self.sensitivity) ** 2 + self.smoothing**2) / self.shares)

    @property
    def clamp(self) -> int:
        """Bound on a quantized coordinate before its noise share is added, at 6 root mean squares of the longest sum.

        Clamping before the noise brings sums closer together, never apart.
        """
        return math.ceil(_HEADROOM * self.max_norm * self.scale / math.sqrt(self.dimension)) + 1

    @property
    def max_abs_input(self) -> int:
        """Bound on every coordinate a client uploads: the clamp and the support of its noise share."""
        return self.clamp + (0 if self.mode is Mode.NONE else self.noise.sampler.largest(self.sigma_share))

    @property
    def max_abs_sum(self) -> int:
        """Bound on every coordinate of the sum of all clients' uploads."""
        return self.clients * self.max_abs_input

    @property
    def max_l1_norm(self) -> int:
        """Bound on the sum of absolute values before rotation, in units of the clip norm: it must fit 64 bits."""
        return (math.isqrt(self.dimension) + 1) * self.max_norm

    @property
    def delta_slack(self) -> float:
        """What each release adds to delta: `BETA`, and the samplers' distance to the ideal, on both sides."""
        if self.mode is Mode.NONE:
            return 0.0
        samplers = self.honest * self.dimension * TableSampler.DISTANCE
        return BETA + samplers * (1 + math.exp(EPSILON_CEILING))
