"""A training is started: made of public facts, entered into the log, and left to whoever leads."""

from dataclasses import dataclass

from ...aggregation.session import Cohorts, check_cohort
from ...errors import InputError
from ...privacy.mechanism import Mechanism
from ...server.checkpoint import Checkpoint
from ...server.foundation import Foundation
from ...server.robust import deal
from ...transparency.leaves import Training as TrainingLeaf
from ...wire.trainings import Asked, Facts, Plan
from ..store.database import Database
from ..store.files import keep_file
from ..store.log import enter
from ..store.trainings import State, Training, add_training, all_trainings, find_training, next_training
from .generations import Proposal, keep_roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an operator decides about a training.

    Attributes:
        plan: How its cohort is protected.
        asked: What it costs an artist.
        prototype: The release before the first iteration.
        signature: The release after the last.
        anchors: Digest of the style codebook.
        announcement_seconds: How long artists have for an offer, an announcement and an outcome.
        round_seconds: How long they have for a round of a session.
        attempts: How often an iteration is tried.
    """

    plan: Plan
    asked: Asked
    prototype: Mechanism
    signature: Mechanism
    anchors: bytes
    announcement_seconds: int
    round_seconds: int
    attempts: int


def start_training(database: Database, foundation: Foundation, proposal: Proposal, draft: Draft) -> Training:
    """Enter a training into store and log.

    Args:
        database: Of the platform.
        foundation: What it begins with.
        proposal: Its roster.
        draft: Its plan.

    Raises:
        InputError: The cohort differs in too few artists from an earlier one, or the plan does not fit it.
        StorageError: The database cannot be used now.
    """
    model = foundation.model
    with database.writing() as connection:
        roster = keep_roster(connection, proposal)
        facts = Facts(
            number=next_training(connection),
            generation=roster.number,
            roster=roster.members,
            salt=roster.salt,
            plan=draft.plan,
            asked=draft.asked,
            prototype=draft.prototype,
            style_space=model.style_space_digest,
            model=keep_file(connection, model.encode()),
            architecture=model.architecture_digest,
            anchors=draft.anchors,
            announcement_seconds=draft.announcement_seconds,
            round_seconds=draft.round_seconds,
        )
        register = register_of(all_trainings(connection))
        for cohort in cohorts_of(facts):
            check_cohort(cohort, register, facts.plan.min_cohort)
        add_training(
            connection,
            facts,
            leaf=enter(connection, TrainingLeaf(digest=facts.digest, generation=facts.generation)),
            start=Checkpoint(model=model, alignment=foundation.alignment()).encode(),
            signature=draft.signature,
            attempts=draft.attempts,
        )
        training = find_training(connection, facts.number)
    if training is None:
        raise InputError(f"training {facts.number} was not kept: start it again")
    return training


def cohorts_of(facts: Facts) -> list[list[bytes]]:
    """Whom the sums of a training are over: its roster, or each of its buckets."""
    buckets = deal(facts.roster, facts.plan.buckets, facts.plan.seed)
    return [[facts.roster[index] for index in bucket] for bucket in buckets]


def register_of(trainings: list[Training]) -> Cohorts:
    """All cohorts there ever were a sum over, or may have been."""
    return Cohorts(
        cohort for training in trainings if training.state is not State.OFFERED for cohort in cohorts_of(training.facts)
    )
