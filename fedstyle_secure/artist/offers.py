"""A training that a platform offers, held against what the artist insists on before anything is made or charged.

OFR-1  An offer is taken only if all it is about is what was pinned, if all it promises is at least what the terms
       insist on, and if the artist's own key is on its roster.
OFR-2  A roster with more newcomers than the terms allow is shown to the artist, and taken only by the name of its
       digest.
OFR-3  Numbers of trainings only rise; one that is in hand stays what it is.
OFR-4  The model is the one whose digest was offered, of the pinned architecture and style space; it is decoded, which
       runs nothing of it.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Final

from ..aggregation.kinds import Protocol
from ..encoder.model import StyleModel
from ..errors import InputError, PrivacyError
from ..privacy.accounting import is_within
from ..privacy.mechanism import Mechanism, View
from ..training.codebook import new_codebook
from ..wire.trainings import Facts
from .pins import PlatformPins
from .termsfile import StandingTerms

WINDOWS: Final = 3
"""While keys for a session live, its artists have as many windows: for keys, for what was frozen, and to speak."""


class OfferError(PrivacyError):
    """A training is not taken part in; nothing was charged and nothing was sent."""


class RosterError(OfferError):
    """The roster itself is what is refused.

    Attributes:
        roster: Identities on it.
    """

    def __init__(self, message: str, roster: Sequence[bytes]) -> None:
        super().__init__(message)
        self.roster = tuple(roster)


def roster_name(roster: Sequence[bytes]) -> str:
    """What a person calls a roster by: the first 64 bits of its SHA-256."""
    return sha256(b"".join(roster)).hexdigest()[:16]


def check_offer(
    facts: Facts,
    *,
    terms: StandingTerms,
    pins: PlatformPins,
    accepted: Collection[bytes],
    agreed_to: str,
    last_training: int,
) -> None:
    """Hold an offer against the terms (OFR-1 to OFR-3).

    Args:
        facts: What is offered.
        terms: The artist's own.
        pins: What was pinned when it joined.
        accepted: The roster that was taken part in last; empty for none.
        agreed_to: Name of a roster that the artist has agreed to itself (OFR-2); "" for none.
        last_training: Highest number of a training that was agreed to, 0 for none.

    Raises:
        OfferError: Names what is not as it must be.
    """
    _check_roster(facts, terms, pins, accepted, agreed_to)
    plan, size = facts.plan, len(facts.roster)
    cohort, corrupt = size // plan.buckets if plan.buckets else 0, terms.corrupt(size)
    window = min(facts.round_seconds, facts.announcement_seconds)
    spoken = plan.protocol is Protocol.SPEAKONCE
    asked = facts.asked.local if terms.view is View.LOCAL else facts.asked.aggregate
    lines = (
        (facts.number > last_training, f"training {facts.number} is offered after training {last_training}"),
        (facts.style_space == pins.space.style_space, "it is about another style space than the one that was pinned"),
        (facts.architecture == pins.space.architecture, "its model has another architecture than the pinned one"),
        (facts.anchors == new_codebook().digest, "its anchors are not the public ones"),
        (
            (plan.mode, plan.unit) == (terms.privacy, terms.unit),
            f"{plan.mode} per {plan.unit} is offered, {terms.privacy} per {terms.unit} is in the terms",
        ),
        (
            plan.sampling_rate == terms.sampling_rate,
            f"sampling rate {plan.sampling_rate:g} is offered, {terms.sampling_rate:g} is in the terms",
        ),
        (
            plan.corrupt >= corrupt,
            f"noise against {plan.corrupt} accomplices is offered, {corrupt} are the least among {size}",
        ),
        (
            min(cohort, plan.min_cohort, plan.min_survivors) >= terms.min_cohort,
            f"cohorts of {cohort}, and sums of {plan.min_survivors}, are offered; {terms.min_cohort} is the least",
        ),
        (
            plan.max_artworks >= terms.max_artworks,
            f"a bound of {plan.max_artworks} artworks is offered, {terms.max_artworks} is in the terms",
        ),
        (
            window >= terms.answer_seconds,
            f"{window} seconds are left for an answer, {terms.answer_seconds} are the least",
        ),
        (
            plan.protocol in terms.protocols,
            f"{plan.protocol} is offered, {' or '.join(terms.protocols)} is in the terms",
        ),
        (
            not spoken or WINDOWS * facts.announcement_seconds <= terms.patience,
            f"{WINDOWS} windows of {facts.announcement_seconds} seconds are longer than patience, {terms.patience}",
        ),
        (
            asked is not None and asked <= terms.epsilon and facts.asked.delta == terms.delta,
            f"epsilon {asked} at delta {facts.asked.delta:g} is asked for, not {terms.epsilon:g} at {terms.delta:g}",
        ),
    )
    for holds, problem in lines:
        if not holds:
            raise OfferError(f"training {facts.number} is refused: {problem}")
    check_prototype(facts.prototype, terms)


def check_prototype(mechanism: Mechanism, terms: StandingTerms) -> None:
    """Refuse a prototype's release that costs more than a session may.

    Raises:
        OfferError: It does.
    """
    if not is_within(
        [mechanism.event(terms.view)], terms.iteration_epsilon, terms.delta, delta_slack=mechanism.delta_slack
    ):
        raise OfferError(f"a prototype would cost more than {terms.iteration_epsilon:g}, the most that one release may")


def _check_roster(
    facts: Facts, terms: StandingTerms, pins: PlatformPins, accepted: Collection[bytes], agreed_to: str
) -> None:
    if pins.identity not in facts.roster:
        raise RosterError(
            f"training {facts.number} is refused: this artist's own key is not on the roster of generation "
            f"{facts.generation}: the platform has put another in its place, or left it out; ask the operator",
            facts.roster,
        )
    newcomers, name = terms.newcomers(facts.roster, accepted), roster_name(facts.roster)
    if newcomers and name != agreed_to:
        raise RosterError(
            f"training {facts.number} is refused: {newcomers} of {len(facts.roster)} artists on its roster are new, "
            f"more than roster_growth allows: ask the operator who they are, then `fedstyle artist run "
            f"--accept-roster {name}`",
            facts.roster,
        )


def read_model(data: bytes, *, digest: bytes, pins: PlatformPins) -> StyleModel:
    """The model of these bytes (OFR-4).

    Args:
        data: As they were fetched.
        digest: SHA-256 that was promised.
        pins: Whose architecture and style space it must have.

    Raises:
        OfferError: Another model.
    """
    if sha256(data).digest() != digest:
        raise OfferError("the platform serves another model than it offered")
    try:
        model = StyleModel.decode(data)
    except InputError as error:
        raise OfferError(f"the platform's model cannot be read: {error}") from error
    if model.architecture_digest != pins.space.architecture:
        raise OfferError("the platform's model has another architecture than the pinned one")
    if (model.style_space_digest, model.encoder) != (pins.space.style_space, pins.space.encoder):
        raise OfferError("the platform's model is about another style space than the pinned one")
    return model
