"""What a training asks of artists, planned within the terms that they stated when they joined."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .. import canonical
from ..config import Protocol, Settings
from ..errors import InputError
from ..platform.coordinator.generations import Proposal, propose_roster
from ..platform.coordinator.starting import Draft
from ..platform.store.database import Database
from ..platform.store.trainings import active_identities, read_foundation, statements_of
from ..privacy.accounting import quick_epsilon
from ..privacy.mechanism import Mechanism, View
from ..privacy.sizing import Mode
from ..server.foundation import Foundation
from ..training.codebook import new_codebook
from ..wire.enrolment import Statement
from ..wire.trainings import Asked, Plan
from .budget import plan_budget

_NOT_LOOKED_AT: Final[dict[str, object]] = {"artworks": "artworks", "out": "run"}  # a training has neither
_SEED_BYTES: Final = 32


def stated(statements: Sequence[Statement], encoder: str) -> dict[str, Any]:
    """Settings of a training that all artists agree to, as far as their terms say.

    Args:
        statements: Of all artists on the roster who are still there.
        encoder: The platform's.

    Raises:
        InputError: There is none, or they insist on what excludes each other, or on another encoder.
    """
    if not statements:
        raise InputError("nobody stated any terms: invite artists first")
    unwilling = sum(encoder not in each.encoders for each in statements)
    if unwilling:
        raise InputError(
            f"{unwilling} of {len(statements)} artists do not agree to the encoder {encoder}: ask them why"
        )
    agreed: dict[str, Any] = {}
    for name, values in (
        ("privacy", {each.mode for each in statements}),
        ("unit", {each.unit for each in statements}),
        ("delta", {each.delta for each in statements}),
        ("sampling_rate", {each.sampling_rate for each in statements}),
    ):
        if len(values) > 1:
            told = ", ".join(sorted(map(str, values)))
            raise InputError(f"artists insist on different values of {name} ({told}): one training has one")
        (agreed[name],) = values
    limits = [each.epsilon for each in statements if each.epsilon is not None]
    return agreed | {
        **({"epsilon": min(limits)} if limits else {}),
        "min_cohort": max(max(each.min_cohort, each.min_survivors) for each in statements),
        "max_artworks": max(each.max_artworks for each in statements),
    }


def least_corrupt(statements: Sequence[Statement], clients: int) -> int:
    """Accomplices that all artists on a roster of this size are content with."""
    return max(each.least_corrupt(clients) for each in statements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A training that could be started.

    Attributes:
        foundation: What it begins with.
        proposal: Its roster.
        draft: Its plan.
    """

    foundation: Foundation
    proposal: Proposal
    draft: Draft


def plan_training(
    database: Database,
    own: Mapping[str, Any],
    *,
    announcement_seconds: int,
    round_seconds: int,
    attempts: int,
) -> Planned:
    """Plan a training of all artists who can take part, within what they stated when they joined.

    Args:
        database: Of the platform.
        own: An operator's settings, over what the artists' terms say.
        announcement_seconds: As for `draft_training`.
        round_seconds: As for `draft_training`.
        attempts: As for `draft_training`.

    Raises:
        InputError: There are not enough artists, or they cannot bear what is asked for.
        PrivacyError: No noise meets epsilon.
        StorageError: The database cannot be used now.
    """
    with database.reading() as connection:
        laid = read_foundation(connection)
        if laid is None:
            raise InputError("this platform has no style space: `fedstyle platform init` makes it")
        foundation = Foundation.decode(laid)
        everybody = [
            canonical.decode(Statement, data) for data in statements_of(connection, list(active_identities(connection)))
        ]
        agreed = {**stated(everybody, foundation.model.encoder), **own}
        proposal = propose_roster(connection, Settings.from_values(_NOT_LOOKED_AT | agreed).min_cohort)
    clients = len(proposal.members)
    settings = Settings.from_values(_NOT_LOOKED_AT | {"corrupt": least_corrupt(everybody, clients)} | agreed)
    if proposal.gone and settings.protocol is Protocol.SPEAKONCE:
        raise InputError(
            f"{proposal.gone} on the roster have left and give no keys ahead, which {settings.protocol} needs of "
            "everybody: start one of five rounds (--protocol secagg) until the roster changes"
        )
    draft = draft_training(
        settings,
        foundation,
        clients=clients,
        seed=os.urandom(_SEED_BYTES),  # public, and drawn when everybody has enrolled
        announcement_seconds=announcement_seconds,
        round_seconds=round_seconds,
        attempts=attempts,
    )
    return Planned(foundation=foundation, proposal=proposal, draft=draft)


def draft_training(
    settings: Settings,
    foundation: Foundation,
    *,
    clients: int,
    seed: bytes,
    announcement_seconds: int,
    round_seconds: int,
    attempts: int,
) -> Draft:
    """Plan a training.

    Args:
        settings: How it protects and what it may cost; what concerns artworks is not looked at.
        foundation: What it begins with.
        clients: Artists on the roster.
        seed: Public bytes, 32, drawn after everybody has enrolled.
        announcement_seconds: How long artists have for an offer, an announcement and an outcome.
        round_seconds: How long they have for a round of a session.
        attempts: How often an iteration is tried.

    Raises:
        InputError: The cohort cannot bear what was asked for.
        PrivacyError: No noise meets epsilon.
    """
    outputs, dimensions = foundation.model.head.shape
    budget = plan_budget(settings, clients=clients, dimensions=dimensions, outputs=outputs)
    cohort = budget.cohort
    plan = Plan(
        mode=cohort.mode,
        unit=cohort.unit,
        noise=cohort.noise,
        sampling_rate=float(cohort.sampling_rate),
        corrupt=cohort.corrupt,
        min_cohort=cohort.min_cohort,
        min_survivors=cohort.min_survivors,
        max_artworks=cohort.max_artworks,
        multipliers=tuple(float(multiplier) for multiplier in cohort.multipliers),
        buckets=cohort.buckets,
        seed=seed,
        protocol=settings.protocol,
    )
    prototype = budget.prototype_mechanism(dimensions)
    releases = [
        *(
            cohort.mechanism(step, dimensions=dimensions, outputs=outputs)
            for step in range(1, len(cohort.multipliers) + 1)
        ),
        prototype,
    ]
    each = float(np.mean([len(views) for views in foundation.public]))
    return Draft(
        plan=plan,
        asked=_asked(releases, settings),
        prototype=prototype,
        signature=budget.signature_mechanism(budget.signature_length(min(each, settings.max_artworks))),
        anchors=new_codebook().digest,
        announcement_seconds=announcement_seconds,
        round_seconds=round_seconds,
        attempts=attempts,
    )


def _asked(releases: Sequence[Mechanism], settings: Settings) -> Asked:
    """What all releases cost together, in each view."""

    def cost(view: View) -> float | None:
        if settings.privacy is Mode.NONE:
            return None
        slack = sum(release.delta_slack for release in releases)
        epsilon = float(quick_epsilon([release.event(view) for release in releases], settings.delta, delta_slack=slack))
        return epsilon if math.isfinite(epsilon) else None

    return Asked(
        aggregate=cost(View.AGGREGATE),
        local=cost(View.LOCAL),
        worst_case=cost(View.WORST_CASE),
        delta=settings.delta,
    )
