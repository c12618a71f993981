"""Generations of rosters, trainings, and what became of each attempt at an iteration.

TRA-1  A training is immutable: its facts are written once, in the transaction that enters their digest into the log.
TRA-2  What an attempt came to is written once, with the checkpoint that goes on from it, under the lease, in the
       transaction that enters its sessions into the log and forgets their messages: it never goes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, String, Table, func, insert, select, update
from sqlalchemy import Connection as Connection  # noqa: PLC0414  (who writes in one transaction gets it from here)

from ... import canonical
from ...privacy.mechanism import Mechanism
from ...wire.trainings import Facts
from .artists import ARTISTS, IDENTITIES
from .exchanges import EXCHANGES, REPLIES, REQUESTS
from .numbers import LAST_TRAINING, read_number
from .schema import METADATA, NUMBER

FOUNDATION: Final = Table(
    "foundation",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
GENERATIONS: Final = Table(
    "generations",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("leaf", NUMBER, nullable=False),
)
MEMBERS: Final = Table(
    "members",
    METADATA,
    Column("generation", ForeignKey(GENERATIONS.c.number), primary_key=True, autoincrement=False),
    Column("position", NUMBER, primary_key=True, autoincrement=False),
    Column("identity", ForeignKey(IDENTITIES.c.key), nullable=False),
)
TRAININGS: Final = Table(
    "trainings",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("generation", ForeignKey(GENERATIONS.c.number), nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("facts", LargeBinary, nullable=False),
    Column("leaf", NUMBER, nullable=False),
    Column("start", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("attempts", NUMBER, nullable=False),
    Column("state", String, nullable=False),
    Column("stop", Boolean, nullable=False),
    Column("size", NUMBER),
    Column("note", LargeBinary),
    Column("agreed", NUMBER),
    Column("outcome", LargeBinary),
    Column("problem", String, nullable=False),
)
ATTEMPTS: Final = Table(
    "attempts",
    METADATA,
    Column("training", ForeignKey(TRAININGS.c.number), primary_key=True, autoincrement=False),
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("iteration", NUMBER, nullable=False),
    Column("survivors", NUMBER, nullable=False),
    Column("sum_digest", LargeBinary, nullable=False),
    Column("problem", String, nullable=False),
    Column("checkpoint", LargeBinary, nullable=False),
)
_ONE: Final = 1  # there is one row


class State(StrEnum):
    """How far a training is; each follows the one before."""

    OFFERED = "offered"
    """Artists are asked whether they take part."""
    RUNNING = "running"
    """Enough agreed; iterations are run."""
    CLOSING = "closing"
    """Artists are told what it came to."""
    ENDED = "ended"
    FAILED = "failed"
    """Too few agreed, or nothing came of it; `Training.problem` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A generation of artists.

    Attributes:
        number: From 1.
        salt: Under which the log commits to it, 32 bytes; for its members alone.
        leaf: Where the log enters it.
        members: Identities in order.
    """

    number: int
    salt: bytes = field(repr=False)
    leaf: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training, and how far it is.

    Attributes:
        facts: What it is (TRA-1).
        leaf: Where the log enters it.
        start: The checkpoint that it begins with, encoded.
        signature: The release that signatures after it are.
        attempts: How often an iteration is tried.
        state: How far it is.
        stop: Whether its operator wants it to end.
        size: Entries of the log's checkpoint that it stands on; None before it was chosen.
        note: That checkpoint, signed.
        agreed: How many artists agreed; None before that is known.
        outcome: What artists are told at its end, encoded; None before.
        problem: Why it failed, or an empty string.
    """

    facts: Facts
    leaf: int
    start: bytes = field(repr=False)
    signature: Mechanism
    attempts: int
    state: State
    stop: bool
    size: int | None
    note: bytes | None
    agreed: int | None
    outcome: bytes | None
    problem: str

    @property
    def number(self) -> int:
        """Its own, rising."""
        return self.facts.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one attempt at an iteration came to.

    Attributes:
        iteration: Its number.
        survivors: Artists in the sum; 0 where there is none.
        sum_digest: SHA-256 of the sum; empty where there is none.
        problem: Why there is none, or an empty string.
    """

    iteration: int
    survivors: int
    sum_digest: bytes
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An exchange that is open.

    Attributes:
        name: Its own.
        asked: How many artists were asked.
        replied: How many have replied.
        opened: Since when they have had time, in seconds since 1970; None where it is not known.
    """

    name: str
    asked: int
    replied: int
    opened: int | None


def keep_foundation(connection: Connection, content: bytes) -> bool:
    """Keep what all trainings begin with, once; False if there is one already."""
    if read_foundation(connection) is not None:
        return False
    connection.execute(insert(FOUNDATION).values(id=_ONE, content=content))
    return True


def read_foundation(connection: Connection) -> bytes | None:
    """What all trainings begin with, encoded; None before it was laid."""
    return connection.execute(select(FOUNDATION.c.content).where(FOUNDATION.c.id == _ONE)).scalar_one_or_none()


def active_identities(connection: Connection) -> frozenset[bytes]:
    """Identities that are enrolled and not retired."""
    return frozenset(connection.execute(select(IDENTITIES.c.key).where(IDENTITIES.c.retired.is_(None))).scalars())


def add_generation(connection: Connection, roster: Roster) -> None:
    """Keep a roster; its leaf was entered in the same transaction."""
    connection.execute(insert(GENERATIONS).values(number=roster.number, salt=roster.salt, leaf=roster.leaf))
    for position, identity in enumerate(roster.members):
        connection.execute(insert(MEMBERS).values(generation=roster.number, position=position, identity=identity))


def rosters(connection: Connection) -> list[Roster]:
    """All generations, oldest first."""
    members: dict[int, list[bytes]] = {}
    for row in connection.execute(select(MEMBERS).order_by(MEMBERS.c.generation, MEMBERS.c.position)):
        members.setdefault(row.generation, []).append(row.identity)
    found = connection.execute(select(GENERATIONS).order_by(GENERATIONS.c.number))
    return [
        Roster(number=row.number, salt=row.salt, leaf=row.leaf, members=tuple(members.get(row.number, ())))
        for row in found
    ]


def next_training(connection: Connection) -> int:
    """A number that no training had."""
    newest = connection.execute(select(func.max(TRAININGS.c.number))).scalar_one()
    return max(newest or 0, read_number(connection, LAST_TRAINING)) + 1


def add_training(
    connection: Connection, facts: Facts, *, leaf: int, start: bytes, signature: Mechanism, attempts: int
) -> None:
    """Keep a training; its leaf was entered in the same transaction (TRA-1)."""
    connection.execute(
        insert(TRAININGS).values(
            number=facts.number,
            generation=facts.generation,
            digest=facts.digest,
            facts=facts.encode(),
            leaf=leaf,
            start=start,
            signature=canonical.encode(signature),
            attempts=attempts,
            state=State.OFFERED.value,
            stop=False,
            problem="",
        )
    )


def find_training(connection: Connection, number: int) -> Training | None:
    """The training of a number; None if there is none."""
    row = connection.execute(select(TRAININGS).where(TRAININGS.c.number == number)).one_or_none()
    return None if row is None else _training(row)


def training_facts(connection: Connection, digest: bytes) -> bytes | None:
    """The facts of a training by their digest, encoded; None if there are none."""
    return connection.execute(select(TRAININGS.c.facts).where(TRAININGS.c.digest == digest)).scalar_one_or_none()


def signature_release(connection: Connection, digest: bytes) -> Mechanism | None:
    """The release that signatures after a training are, by its digest; None if there is no such training."""
    content = connection.execute(select(TRAININGS.c.signature).where(TRAININGS.c.digest == digest)).scalar_one_or_none()
    return None if content is None else canonical.decode(Mechanism, content)


def all_trainings(connection: Connection) -> list[Training]:
    """All trainings, oldest first."""
    return [_training(row) for row in connection.execute(select(TRAININGS).order_by(TRAININGS.c.number))]


def open_training(connection: Connection) -> Training | None:
    """The oldest training that is not over."""
    over = [State.ENDED.value, State.FAILED.value]
    row = connection.execute(
        select(TRAININGS).where(TRAININGS.c.state.not_in(over)).order_by(TRAININGS.c.number).limit(1)
    ).one_or_none()
    return None if row is None else _training(row)


def request_stop(connection: Connection, number: int) -> None:
    """Have a training end; whoever leads it sees it."""
    connection.execute(update(TRAININGS).where(TRAININGS.c.number == number).values(stop=True))


def is_stopped(connection: Connection, number: int) -> bool:
    """Whether a training's operator wants it to end."""
    return bool(connection.execute(select(TRAININGS.c.stop).where(TRAININGS.c.number == number)).scalar_one())


def stand_on(connection: Connection, number: int, *, size: int, note: bytes) -> None:
    """Choose the checkpoint of the log that a training stands on."""
    connection.execute(update(TRAININGS).where(TRAININGS.c.number == number).values(size=size, note=note))


def begin_iterations(connection: Connection, number: int, *, agreed: int, start: bytes) -> None:
    """Enough artists agreed; the checkpoint that it begins with knows now from which numbers on."""
    _move(connection, number, State.RUNNING, agreed=agreed, start=start)


def close_training(connection: Connection, number: int, outcome: bytes) -> None:
    """Its iterations are over."""
    _move(connection, number, State.CLOSING, outcome=outcome)


def end_training(connection: Connection, number: int) -> None:
    """It is over."""
    _move(connection, number, State.ENDED)


def fail_training(connection: Connection, number: int, problem: str, *, agreed: int | None = None) -> None:
    """Nothing came of it."""
    told = {} if agreed is None else {"agreed": agreed}
    _move(connection, number, State.FAILED, problem=problem, **told)


def add_attempt(connection: Connection, number: int, attempt: Attempt, checkpoint: bytes) -> None:
    """Keep what an attempt came to, and where to go on (TRA-2)."""
    last = connection.execute(select(func.max(ATTEMPTS.c.number)).where(ATTEMPTS.c.training == number)).scalar_one()
    connection.execute(
        insert(ATTEMPTS).values(
            training=number,
            number=(last or 0) + 1,
            iteration=attempt.iteration,
            survivors=attempt.survivors,
            sum_digest=attempt.sum_digest,
            problem=attempt.problem,
            checkpoint=checkpoint,
        )
    )


def attempts_of(connection: Connection, number: int) -> Sequence[Attempt]:
    """All attempts of a training, in order."""
    columns = [ATTEMPTS.c[name] for name in ("iteration", "survivors", "sum_digest", "problem")]
    rows = connection.execute(select(*columns).where(ATTEMPTS.c.training == number).order_by(ATTEMPTS.c.number))
    return [Attempt(**row._mapping) for row in rows]


def waiting_for(connection: Connection, number: int) -> Waiting | None:
    """What a training waits for; None for nothing."""
    counts = (func.count(REQUESTS.c.id).label("asked"), func.count(REPLIES.c.request).label("replied"))
    row = connection.execute(
        select(EXCHANGES.c.name, EXCHANGES.c.opened, *counts)
        .join_from(EXCHANGES, REQUESTS)
        .outerjoin(REPLIES, REPLIES.c.request == REQUESTS.c.id)
        .where(EXCHANGES.c.training == number, EXCHANGES.c.closed_at.is_(None))
        .group_by(EXCHANGES.c.id, EXCHANGES.c.name, EXCHANGES.c.opened)
        .order_by(EXCHANGES.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Waiting(**row._mapping)


def silent_artists(connection: Connection, number: int) -> list[str]:
    """Who has not replied yet to what a training waits for, as the operator calls them."""
    return list(
        connection.execute(
            select(ARTISTS.c.label)
            .join_from(REQUESTS, EXCHANGES)
            .join(IDENTITIES, IDENTITIES.c.key == REQUESTS.c.identity)
            .join(ARTISTS, ARTISTS.c.id == IDENTITIES.c.artist)
            .outerjoin(REPLIES, REPLIES.c.request == REQUESTS.c.id)
            .where(EXCHANGES.c.training == number, EXCHANGES.c.closed_at.is_(None), REPLIES.c.request.is_(None))
            .order_by(ARTISTS.c.label)
        ).scalars()
    )


def statements_of(connection: Connection, identities: Sequence[bytes]) -> list[bytes]:
    """The terms that artists stated when they joined, encoded, of those identities that are not retired."""
    wanted = (
        select(ARTISTS.c.terms)
        .join_from(ARTISTS, IDENTITIES)
        .where(IDENTITIES.c.key.in_(identities), IDENTITIES.c.retired.is_(None))
    )
    return list(connection.execute(wanted).scalars())


def newest_checkpoint(connection: Connection, number: int) -> bytes | None:
    """Where a training goes on, encoded; None before its first attempt was over."""
    return connection.execute(
        select(ATTEMPTS.c.checkpoint).where(ATTEMPTS.c.training == number).order_by(ATTEMPTS.c.number.desc()).limit(1)
    ).scalar_one_or_none()


def _move(connection: Connection, number: int, state: State, **values: object) -> None:
    connection.execute(update(TRAININGS).where(TRAININGS.c.number == number).values(state=state.value, **values))


def _training(row) -> Training:  # type: ignore[no-untyped-def]  # a row has no type of its own
    facts, signature = Facts.decode(row.facts), canonical.decode(Mechanism, row.signature)
    return Training(
        facts=facts,
        leaf=row.leaf,
        start=row.start,
        signature=signature,
        attempts=row.attempts,
        state=State(row.state),
        stop=row.stop,
        size=row.size,
        note=row.note,
        agreed=row.agreed,
        outcome=row.outcome,
        problem=row.problem,
    )
