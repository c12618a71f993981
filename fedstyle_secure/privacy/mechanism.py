"""One release as all parties agree on it, the facts it gives an accountant, and the plan that sizes it.

Whoever receives a `Mechanism` checks the whole promise by building it: sizes are derived, never believed.

MEC-1  Noise shares are sized for the honest survivors (min_survivors - corrupt), never for all clients; in mode local
       each for itself, as if there were no other.
MEC-2  clients * max_abs_input < 2^(modulus_bits - 1): no sum wraps, whatever the data and the noise.
MEC-3  An event claims no more than is proven of the noise as it is: of discrete Gaussians, the continuous Gaussian that
       dominates them; of Skellam noise, a bound on its Renyi divergences; of sampling, the rate that was agreed.

Source: Agarwal, Kairouz, Liu 2021 (The Skellam Mechanism for Differentially Private Federated Learning), Theorem 3.5.
"""

import hashlib
import json
import math
from bisect import bisect_left
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..errors import InputError, PrivacyError
from ..training.updates import Layout
from .clipping import FRACTION_BITS, Unit
from .inversion import SIGMA_MAX, SIGMA_MIN
from .sizing import SMOOTHING, Mode, Noise, Sizing

if TYPE_CHECKING:
    from dp_accounting import DpEvent

MODULUS_BITS: Final = (16, 24, 32)
_GAINS: Final = range(128, 256)  # so a scale is met to within 1 %
_SHIFTS: Final = range(61, 0, -1)  # from the coarsest grid to the finest
_GOOD, _FINE, _WORST = 1.002, 1.01, 1.1  # sensitivity / scale: wanted, accepted, accepted at the largest modulus


class View(StrEnum):
    """Whom a guarantee trusts."""

    LOCAL = "local"
    """Nobody: only the noise in this artist's own upload counts."""
    AGGREGATE = "aggregate"
    """Secure aggregation, at most `corrupt` corrupt clients, at least `min_survivors` survivors."""
    WORST_CASE = "worst_case"
    """Nobody, and every other client is corrupt. Equals the local view: both count no noise but the artist's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism(Sizing):
    """Everything public about one release; clients bind `digest` into the session. See `Sizing` for its fields.

    Raises:
        InputError: If the fields contradict each other.
        PrivacyError: If the ring does not hold the sum, or the noise is too small or too large for its sampler.
    """

    def __post_init__(self) -> None:
        Sizing.__post_init__(self)
        self._check_grid()
        self._check_noise()

    def _check_grid(self) -> None:
        if self.gain not in _GAINS or self.shift not in _SHIFTS or self.modulus_bits not in MODULUS_BITS:
            raise InputError(
                f"gain {self.gain}, shift {self.shift}, modulus_bits {self.modulus_bits} are none `plan` makes"
            )
        if _GAINS.stop * self.max_l1_norm << FRACTION_BITS >= 1 << 61:
            raise InputError(
                f"{self.length} coordinates of up to {self.max_artworks} artworks overflow 64 bits: plan fewer"
            )
        if self.max_abs_sum >= 1 << (self.modulus_bits - 1):
            raise PrivacyError(
                f"{self.clients} uploads of up to {self.max_abs_input} grid units do not fit {self.modulus_bits} bits: "
                "plan the release again"
            )

    def _check_noise(self) -> None:
        if self.mode is not Mode.NONE and self.sigma_share < SIGMA_MIN:
            raise PrivacyError(f"noise of {self.sigma_share:.3g} grid units is lost on the grid: choose more noise")
        if self.sigma_share > SIGMA_MAX:
            raise PrivacyError(
                f"a noise share of {self.sigma_share:.6g} grid units is beyond its sampler's {SIGMA_MAX:g}: "
                "choose less noise or more honest survivors"
            )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON of all fields, 32 bytes."""
        content = asdict(self) | {"rotation_seed": self.rotation_seed.hex(), "version": 1}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()

    def event(self, view: View) -> "DpEvent":
        """What this release costs, as an accountant's event; neighboring data sets add or remove one `unit`.

        `delta_slack` comes on top of it.
        """
        from dp_accounting import GaussianDpEvent, NonPrivateDpEvent, PoissonSampledDpEvent

        if self.mode is Mode.NONE:
            return NonPrivateDpEvent()
        shares = self.honest if view is View.AGGREGATE else 1
        if self.noise is Noise.SKELLAM:
            return self._skellam_event(shares * self.sigma_share**2)
        # What so many shares are at least worth, as one continuous Gaussian.
        event = GaussianDpEvent(math.sqrt(shares * self.sigma_share**2 - SMOOTHING**2) / self.sensitivity)
        return event if self.sampling_rate == 1 else PoissonSampledDpEvent(self.sampling_rate, event)

    def _skellam_event(self, variance: float) -> "DpEvent":
        """The bound on Renyi divergences of integer order a, a D^2 / (2 v) + ((2 a - 1) D^2 + 6 D1) / (4 v^2), as zCDP.

        With v the variance, D and D1 the sensitivities in L2 and L1. The first part is a Gaussian's own.
        """
        from dp_accounting import ZCDpEvent

        squared, absolute = self.sensitivity**2, self.sensitivity_l1
        return ZCDpEvent(
            rho=squared / (2 * variance) * (1 + 1 / variance),
            xi=max(0.0, (6 * absolute - squared) / (4 * variance**2)),
        )


def plan(
    *,
    mode: Mode,
    unit: Unit,
    layout: Layout,
    noise_multiplier: float,
    clients: int,
    corrupt: int,
    min_survivors: int,
    max_artworks: int,
    rotation_seed: bytes,
    noise: Noise = Noise.GAUSSIAN,
    sampling_rate: float = 1.0,
) -> Mechanism:
    """Size scale, noise share and modulus together.

    Takes the smallest modulus whose ring holds a grid so fine that rounding costs at most 1 % of the noise; in it, the
    coarsest grid that costs at most 0.2 %, else the finest. The largest modulus may cost up to 10 %.

    Args:
        mode: Where the noise comes from.
        unit: What neighboring data sets differ in.
        layout: The upload vector.
        noise_multiplier: As in `Sizing`; 0 in mode none.
        clients: Clients of the session; 1 (and min_survivors 1, corrupt 0) for a release of one artist alone.
        corrupt: Corrupt clients to bear.
        min_survivors: Survivors below which the session aborts.
        max_artworks: Public bound on each artist's artworks.
        rotation_seed: 32 public bytes.
        noise: The law of noise shares.
        sampling_rate: Probability with which each artwork takes part.

    Returns:
        A mechanism that fits its ring.

    Raises:
        InputError: If the numbers contradict each other.
        PrivacyError: If no modulus holds the release.
    """

    def candidate(fineness: int, bits: int) -> Sizing:
        return Sizing(
            mode=mode,
            unit=unit,
            layout=layout,
            noise_multiplier=noise_multiplier,
            clients=clients,
            corrupt=corrupt,
            min_survivors=min_survivors,
            max_artworks=max_artworks,
            rotation_seed=rotation_seed,
            gain=_GAINS[fineness % len(_GAINS)],
            shift=_SHIFTS[fineness // len(_GAINS)],
            modulus_bits=bits,
            noise=noise,
            sampling_rate=sampling_rate,
        )

    grids = range(len(_GAINS) * len(_SHIFTS))
    wanted = bisect_left(grids, True, key=lambda grid: _is_fine_enough(candidate(grid, MODULUS_BITS[-1])))
    for bits in MODULUS_BITS:
        fitting = bisect_left(grids, True, key=lambda grid: _is_too_fine(candidate(grid, bits)))
        best = candidate(max(min(wanted, fitting - 1), 0), bits)
        if fitting > 0 and best.sensitivity <= best.scale * (_FINE if bits < MODULUS_BITS[-1] else _WORST):
            return Mechanism(**{item.name: getattr(best, item.name) for item in fields(best)})
    raise PrivacyError(
        f"no ring of up to {MODULUS_BITS[-1]} bits holds {clients} uploads with noise multiplier {noise_multiplier}: "
        "use fewer clients, fewer artworks, a smaller layout or less noise"
    )


def with_length(mechanism: Mechanism, length: int) -> Mechanism:
    """The same promise for a release of one tensor, of another length.

    Raises:
        PrivacyError: No ring holds it.
    """
    (segment,) = mechanism.layout.segments
    planned = {item.name: getattr(mechanism, item.name) for item in fields(mechanism)}
    for chosen in ("gain", "shift", "modulus_bits"):
        del planned[chosen]
    return plan(**(planned | {"layout": Layout((replace(segment, length=length),))}))


def _is_fine_enough(sizing: Sizing) -> bool:
    """Whether rounding costs next to nothing and the noise is wide enough for its sampler's grid."""
    is_noisy_enough = sizing.mode is Mode.NONE or sizing.sigma_share >= SIGMA_MIN
    return is_noisy_enough and sizing.sensitivity <= _GOOD * sizing.scale


def _is_too_fine(sizing: Sizing) -> bool:
    """Whether the ring or the sampler's table is too small for the grid."""
    return sizing.max_abs_sum >= 1 << (sizing.modulus_bits - 1) or sizing.sigma_share > SIGMA_MAX
