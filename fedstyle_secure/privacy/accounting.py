"""What a list of releases costs: epsilon from `dp_accounting`, and noise multipliers planned from a budget.

ACC-1  The neighboring relation is add or remove one unit, everywhere.
ACC-2  An event no accountant knows is refused, never skipped; a non-private one costs infinity.
ACC-3  Failure probabilities of a mechanism (`delta_slack`) are paid out of delta before epsilon is computed.

Sources: Doroshenko et al. 2022 (arXiv:2207.04380) for the PLD accountant; Balle, Wang 2018 (arXiv:1805.06530), Theorem
8, for the Gaussian's closed form; Dong, Roth, Su 2022 (Gaussian Differential Privacy), Corollary 2, for mu^2; Mironov
2017 (arXiv:1702.07476) and Bun, Steinke 2016 (arXiv:1605.02065) for Renyi divergences and zCDP.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    NeighboringRelation,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    PrivacyAccountant,
    SelfComposedDpEvent,
    UnsupportedEventError,
    ZCDpEvent,
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
_ORDERS: Final = [*range(2, 65), *range(72, 129, 8), *range(144, 257, 16), 384, 512, 768, 1024]
"""Renyi orders: whole numbers, because the bound for Skellam noise is proven for no others."""
_HEADROOM: Final = 1 + 1e-6  # on planned noise: the PLD accountant rounds epsilon up by less than this buys
_LEAST_LEFT: Final = 0.01
_EXP_LIMIT: Final = 700.0  # largest exponent of a float64, about


def gaussian_mu(events: Iterable[DpEvent]) -> float:
    """The one parameter of composed Gaussian events: mu = sqrt(sum of 1 / noise_multiplier^2); infinite if non-private.

    Raises:
        PrivacyError: If an event is neither `GaussianDpEvent` nor `NonPrivateDpEvent`.
    """
    return math.sqrt(math.fsum(_squared_mu(event) for event in events))


def epsilon(events: Iterable[DpEvent], delta: float, *, delta_slack: float = 0.0) -> float:
    """Epsilon of all events together.

    By the PLD accountant: an upper bound, tight to about 1e-6 of its value. Where an event is known by its Renyi
    divergences alone (`ZCDpEvent`), by the RDP accountant: about a tenth looser.

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
    gaussians, others = [], Counter[DpEvent]()
    for event in events:
        if isinstance(event, GaussianDpEvent | NonPrivateDpEvent):
            gaussians.append(event)
        else:
            others[event] += 1
    mu = gaussian_mu(gaussians)
    _check_delta(delta)
    if math.isinf(mu) or delta_slack >= delta:
        return math.inf
    return _epsilon_of(mu, frozenset(others.items()), delta - delta_slack)


@lru_cache(maxsize=4096)
def _epsilon_of(mu: float, others: frozenset[tuple[DpEvent, int]], delta: float) -> float:
    """Epsilon of Gaussian events and counted other ones. Artists of one run spend alike: ask the accountant once."""
    merged = [GaussianDpEvent(1 / mu)] if mu > 0 else []
    accountant: PrivacyAccountant
    if any(isinstance(event, ZCDpEvent) for event, _ in others):
        accountant = RdpAccountant(_ORDERS, _RELATION)
    else:
        scale = loss_scale([*merged, *(event for event, _ in others)])
        if math.isinf(scale):
            return math.inf
        accountant = PLDAccountant(_RELATION, value_discretization_interval=_RESOLUTION * scale)
    return _ask(accountant, [*merged, *(SelfComposedDpEvent(event, count) for event, count in others)], delta)


def loss_scale(events: Iterable[DpEvent]) -> float:
    """How wide the privacy loss of events spreads, at least 1, for the resolution of PLD: infinite if without noise.

    A sampled release's single loss is as wide as that of the same release without sampling.
    """
    inner = [event.event if isinstance(event, PoissonSampledDpEvent) else event for event in events]
    return max(1.0, *(_squared_mu(event) for event in inner if isinstance(event, GaussianDpEvent)), 0.0)


def epsilon_rdp(events: Iterable[DpEvent], delta: float, *, delta_slack: float = 0.0) -> float:
    """Epsilon by Renyi differential privacy: looser, on another road; a cross-check of `epsilon`, same arguments."""
    _check_delta(delta)
    if delta_slack >= delta:
        return math.inf
    return _ask(RdpAccountant(neighboring_relation=_RELATION), list(events), delta - delta_slack)


def quick_epsilon(events: Iterable[DpEvent], delta: float, *, delta_slack: float = 0.0) -> float:
    """`epsilon`, by the closed form where all events are Gaussian: a thousand times faster, equal within 1e-3."""
    events = list(events)
    if not all_gaussian(events):
        return epsilon(events, delta, delta_slack=delta_slack)
    return epsilon_of_mu(gaussian_mu(events), delta - delta_slack) if delta_slack < delta else math.inf


def is_within(events: Iterable[DpEvent], epsilon_limit: float, delta: float, *, delta_slack: float = 0.0) -> bool:
    """Whether all events together meet (epsilon_limit, delta); of Gaussian ones decided without any search."""
    events = list(events)
    if all_gaussian(events):
        return delta_of_mu(gaussian_mu(events), epsilon_limit) <= delta - delta_slack
    return epsilon(events, delta, delta_slack=delta_slack) <= epsilon_limit


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


def naming_bound(mu: float, candidates: int) -> float:
    """How often whoever knows all else names the one of equally likely candidates that a Gaussian release is about.

    A guess is right no more often than the trade-off curve lets it be, of what it would be without the one (Dong, Roth,
    Su 2022): Phi(mu + Phi^-1(q)) for a guess that is made with probability q there. These add up to 1 over all guesses
    and the curve is concave, so that 1 / candidates for each is the most. Whatever candidates look like, it holds.

    Args:
        mu: As of `gaussian_mu`.
        candidates: At least 2, one of which is right.
    """
    normal = NormalDist()
    return normal.cdf(mu + normal.inv_cdf(1 / candidates))


def plan_multipliers(
    epsilon: float, delta: float, shares: Mapping[str, float], *, delta_slack: float = 0.0, spent_mu: float = 0.0
) -> dict[str, float]:
    """Noise multipliers of releases that together meet (epsilon, delta), both by closed form and by PLD.

    Args:
        epsilon: Budget, positive.
        delta: Between 0 and 1.
        shares: For each release (one entry each, however often its kind is repeated) its positive share of mu^2; the
            shares sum to at most 1.
        delta_slack: Failure probabilities of all releases together (ACC-3), those before included.
        spent_mu: `gaussian_mu` of what was released before, which the budget holds as well.

    Returns:
        For each release, the noise multiplier 1 / (mu sqrt(share)) of what is left, with one millionth of headroom.

    Raises:
        InputError: If the shares are not positive or sum to more than 1, or the slack eats all of delta.
        PrivacyError: If what was released before leaves less than a hundredth of the budget, counted in mu^2.
    """
    if not shares or min(shares.values()) <= 0 or math.fsum(shares.values()) > 1 + 1e-9:
        raise InputError(f"shares of a budget are positive and sum to at most 1, got {dict(shares)}")
    budget = mu_of(epsilon, delta - delta_slack) ** 2
    left = budget - spent_mu**2
    if left < _LEAST_LEFT * budget:
        raise PrivacyError(f"what was released before leaves nothing of epsilon {epsilon:g} to plan with")
    return {name: _HEADROOM / math.sqrt(left * share) for name, share in shares.items()}


def encode_event(event: DpEvent) -> dict[str, str | float]:
    """An event as JSON fields: its class name and its parameters.

    Raises:
        PrivacyError: If the event is none of those a release can cost.
    """
    match event:
        case GaussianDpEvent():
            return {"class": "GaussianDpEvent", "noise_multiplier": event.noise_multiplier}
        case PoissonSampledDpEvent(event=GaussianDpEvent() as inner):
            return {
                "class": "PoissonSampledDpEvent",
                "sampling_probability": event.sampling_probability,
                "noise_multiplier": inner.noise_multiplier,
            }
        case ZCDpEvent():
            return {"class": "ZCDpEvent", "rho": event.rho, "xi": event.xi}
        case NonPrivateDpEvent():
            return {"class": "NonPrivateDpEvent"}
    raise PrivacyError(f"{event} cannot be written down: only Gaussian, sampled Gaussian, zCDP and non-private can")


def decode_event(fields: object) -> DpEvent:
    """The inverse of `encode_event`.

    Raises:
        PrivacyError: If the fields are none of a known event.
    """
    match fields:
        case {"class": "GaussianDpEvent", "noise_multiplier": int() | float() as multiplier, **rest} if not rest:
            if 0 < multiplier < math.inf:
                return GaussianDpEvent(float(multiplier))
        case {
            "class": "PoissonSampledDpEvent",
            "sampling_probability": float(rate),
            "noise_multiplier": float(multiplier),
            **rest,
        } if not rest:
            if 0 < rate < 1 and 0 < multiplier < math.inf:
                return PoissonSampledDpEvent(rate, GaussianDpEvent(multiplier))
        case {"class": "ZCDpEvent", "rho": float(rho), "xi": float(xi), **rest} if not rest:
            if 0 < rho < math.inf and 0 <= xi < math.inf:
                return ZCDpEvent(rho=rho, xi=xi)
        case {"class": "NonPrivateDpEvent", **rest} if not rest:
            return NonPrivateDpEvent()
    raise PrivacyError(f"{fields} is no event this accountant knows")


def all_gaussian(events: Iterable[DpEvent]) -> bool:
    """Whether a closed form composes all of them."""
    return all(isinstance(event, GaussianDpEvent | NonPrivateDpEvent) for event in events)


def _squared_mu(event: DpEvent) -> float:
    match event:
        case GaussianDpEvent():
            return event.noise_multiplier**-2 if event.noise_multiplier > 0 else math.inf
        case NonPrivateDpEvent():
            return math.inf
    raise PrivacyError(f"{event} is not Gaussian: ask `epsilon`, which composes any event dp_accounting knows")


def _ask(accountant: PrivacyAccountant, events: Iterable[DpEvent], delta: float) -> float:
    try:
        for event in events:
            accountant.compose(event)
    except UnsupportedEventError as error:
        raise PrivacyError(f"no accountant here knows this event: {error}") from error
    except (ValueError, ArithmeticError) as error:  # numbers beyond what its grids hold
        raise PrivacyError(f"the accountant cannot compute with this event: {error}") from error
    return float(accountant.get_epsilon(delta))


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise InputError(f"delta must lie between 0 and 1 after slack, both excluded, got {delta}")
