"""What a list of releases costs: epsilon from `dp_accounting`, and noise multipliers planned from a budget.

ACC-1  The neighboring relation is add or remove one unit, everywhere.
ACC-2  An event no accountant knows is refused, never skipped; a non-private one costs infinity.
ACC-3  Failure probabilities of a mechanism (`delta_slack`) are paid out of delta before epsilon is computed.

Sources: Doroshenko et al. 2022 (arXiv:2207.04380) for the PLD accountant; Balle, Wang 2018 (arXiv:1805.06530), Theorem
8, for the Gaussian's closed form; Dong, Roth, Su 2022 (Gaussian Differential Privacy), Corollary 2, for mu^2.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    NeighboringRelation,
    NonPrivateDpEvent,
    PrivacyAccountant,
    UnsupportedEventError,
    get_epsilon_gaussian,
    get_sigma_gaussian,
)
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from ..errors import InputError, PrivacyError

_RELATION: Final = NeighboringRelation.ADD_OR_REMOVE_ONE
_RESOLUTION: Final = (
    1e-4  # of the privacy loss; widened with its variance, since PLD's error is the resolution's square
)
_HEADROOM: Final = 1 + 1e-6  # on planned noise: the PLD accountant rounds epsilon up by less than this buys
_EXP_LIMIT: Final = 700.0  # largest exponent of a float64, about


def gaussian_mu(events: Iterable[DpEvent]) -> float:
    """The one parameter of composed Gaussian events: mu = sqrt(sum of 1 / noise_multiplier^2); infinite if non-private.

    Raises:
        PrivacyError: If an event is neither `GaussianDpEvent` nor `NonPrivateDpEvent`.
    """
    return math.sqrt(math.fsum(_squared_mu(event) for event in events))


def epsilon(events: Iterable[DpEvent], delta: float, *, delta_slack: float = 0.0) -> float:
    """Epsilon of all events together, by the PLD accountant (an upper bound, tight to about 1e-6 of its value).

    Args:
        events: Any events `dp_accounting` composes; Gaussian ones are first merged into one, which is exact.
        delta: Between 0 and 1.
        delta_slack: Sum of the releases' failure probabilities (ACC-3).

    Returns:
        Epsilon, `math.inf` if an event is non-private or the slack eats all of delta.

    Raises:
        InputError: If delta is not between 0 and 1.
        PrivacyError: If the accountant does not know an event.
    """
    events = list(events)
    gaussians = [event for event in events if isinstance(event, GaussianDpEvent)]
    others = [event for event in events if not isinstance(event, GaussianDpEvent)]
    mu = gaussian_mu(gaussians)
    if math.isinf(mu):
        return math.inf
    merged = [GaussianDpEvent(1 / mu)] if mu > 0 else []
    accountant = PLDAccountant(_RELATION, value_discretization_interval=_RESOLUTION * max(1.0, mu * mu))
    return _epsilon(accountant, others + merged, delta, delta_slack)


def epsilon_rdp(events: Iterable[DpEvent], delta: float, *, delta_slack: float = 0.0) -> float:
    """Epsilon by Renyi differential privacy: looser, on another road; a cross-check of `epsilon`, same arguments."""
    return _epsilon(RdpAccountant(neighboring_relation=_RELATION), list(events), delta, delta_slack)


def delta_of_mu(mu: float, epsilon: float) -> float:
    """Delta of a Gaussian mechanism of sensitivity mu and noise 1 at `epsilon` (Balle, Wang 2018, Theorem 8).

    Where float64 gives out (epsilon above 700), it errs toward a larger delta.
    """
    if mu == 0 or math.isinf(epsilon):
        return 0.0
    if math.isinf(mu):
        return 1.0
    first = math.erfc((epsilon / mu - mu / 2) / math.sqrt(2)) / 2
    second = math.erfc((epsilon / mu + mu / 2) / math.sqrt(2)) / 2
    return max(0.0, first - math.exp(min(epsilon, _EXP_LIMIT)) * second)


def epsilon_of_mu(mu: float, delta: float) -> float:
    """Closed form: epsilon at `delta` of composed Gaussian events with parameter `mu` (see `gaussian_mu`).

    Raises:
        InputError: If delta is not between 0 and 1.
    """
    _check_delta(delta)
    if mu == 0:
        return 0.0
    return math.inf if math.isinf(mu) else float(get_epsilon_gaussian(1 / mu, delta))


def mu_of(epsilon: float, delta: float) -> float:
    """The inverse of `epsilon_of_mu`: the largest mu which meets (epsilon, delta).

    Raises:
        InputError: If epsilon is not positive and finite, or delta not between 0 and 1.
    """
    _check_delta(delta)
    if not 0 < epsilon < math.inf:
        raise InputError(f"epsilon must be positive and finite, got {epsilon}")
    return float(1 / get_sigma_gaussian(epsilon, delta))


def plan_multipliers(
    epsilon: float, delta: float, shares: Mapping[str, float], *, delta_slack: float = 0.0
) -> dict[str, float]:
    """Noise multipliers of releases that together meet (epsilon, delta), both by closed form and by PLD.

    Args:
        epsilon: Budget, positive.
        delta: Between 0 and 1.
        shares: For each release (one entry each, however often its kind is repeated) its positive share of mu^2; the
            shares sum to at most 1.
        delta_slack: Failure probabilities of all releases together (ACC-3).

    Returns:
        For each release, the noise multiplier 1 / (mu sqrt(share)), with one millionth of headroom.

    Raises:
        InputError: If the shares are not positive or sum to more than 1, or the slack eats all of delta.
    """
    if not shares or min(shares.values()) <= 0 or math.fsum(shares.values()) > 1 + 1e-9:
        raise InputError(f"shares of a budget are positive and sum to at most 1, got {dict(shares)}")
    mu = mu_of(epsilon, delta - delta_slack)
    return {name: _HEADROOM / (mu * math.sqrt(share)) for name, share in shares.items()}


def encode_event(event: DpEvent) -> dict[str, str | float]:
    """An event as JSON fields: its class name and its parameters.

    Raises:
        PrivacyError: If the event is neither `GaussianDpEvent` nor `NonPrivateDpEvent`.
    """
    match event:
        case GaussianDpEvent():
            return {"class": "GaussianDpEvent", "noise_multiplier": event.noise_multiplier}
        case NonPrivateDpEvent():
            return {"class": "NonPrivateDpEvent"}
    raise PrivacyError(f"{event} cannot be written down: only GaussianDpEvent and NonPrivateDpEvent can")


def decode_event(fields: object) -> DpEvent:
    """The inverse of `encode_event`.

    Raises:
        PrivacyError: If the fields are none of a known event.
    """
    match fields:
        case {"class": "GaussianDpEvent", "noise_multiplier": int() | float() as multiplier, **rest} if not rest:
            if 0 < multiplier < math.inf:
                return GaussianDpEvent(float(multiplier))
        case {"class": "NonPrivateDpEvent", **rest} if not rest:
            return NonPrivateDpEvent()
    raise PrivacyError(f"{fields} is no event this accountant knows")


def _squared_mu(event: DpEvent) -> float:
    match event:
        case GaussianDpEvent():
            return event.noise_multiplier**-2 if event.noise_multiplier > 0 else math.inf
        case NonPrivateDpEvent():
            return math.inf
    raise PrivacyError(f"{event} is not Gaussian: ask `epsilon`, which composes any event dp_accounting knows")


def _epsilon(accountant: PrivacyAccountant, events: list[DpEvent], delta: float, delta_slack: float) -> float:
    _check_delta(delta)
    if delta_slack >= delta:
        return math.inf
    try:
        for event in events:
            accountant.compose(event)
    except UnsupportedEventError as error:
        raise PrivacyError(f"no accountant here knows this event: {error}") from error
    return float(accountant.get_epsilon(delta - delta_slack))


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise InputError(f"delta must lie between 0 and 1 after slack, both excluded, got {delta}")
