"""One training, from its offer to its outcome.

COO-1  Nothing that matters is in memory: killed at any moment and started again, here or elsewhere, a training goes on
       in the same exchange, comes to the same sums, and asks no artist for what it has answered.
COO-2  A training's offers and sessions stand on one checkpoint of the log, chosen and kept before the first offer.
COO-3  A training ends with its outcome, or with one sentence that says why there is none; its operator may end it at
       any time, and then what it has come to is its outcome.
COO-4  No number of a session or an iteration is used again, not even one of a training that ended in the middle:
       artists take part in nothing that is older than what they have seen.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from ...aggregation.kinds import Protocol
from ...aggregation.letters import Purpose, exchange
from ...aggregation.session import Agreed
from ...aggregation.windows import Opening, Speaking
from ...encoder.signature_space import signature_length
from ...engines.courier import Letters, Window
from ...engines.http import HttpEngine
from ...errors import InputError, PrivacyError
from ...privacy.mechanism import with_length
from ...server.checkpoint import Checkpoint
from ...server.cohort import CohortPlan
from ...server.foundation import Foundation
from ...server.iterations import Outcome, Windows, run
from ...transparency.checkpoints import Checkpoint as LogCheckpoint
from ...transparency.leaves import Model, Session
from ...wire.routes import AGREED
from ...wire.trainings import Facts, Offer
from ...wire.trainings import Outcome as ToldOutcome
from ..logbook import Logbook
from ..signer import Signer
from ..store import trainings as store
from ..store.exchanges import abort_open, forget_messages, kept_reply
from ..store.files import keep_file
from ..store.journal import DatabaseJournal
from ..store.log import enter
from ..store.numbers import LAST_ITERATION, LAST_SESSION, raise_number, read_number
from ..store.trainings import Attempt, State, Training
from .draws import LogBeacon
from .lead import Lead, LedJournal, Stopped
from .starting import register_of

Tell = Callable[..., None]
"""Is told of an event by its name, and of facts about it, none of which names an artist."""

GRACE: Final = 0.25
"""Of a window, what is left for the others when enough have replied."""
_BOX_BYTES: Final = 1024
"""More than what an artist sends a neighbor in a session."""
_REST_BYTES: Final = 1 << 16
"""More than what else is in an answer."""


def silent(_event: str, **_facts: object) -> None:
    """Tells nobody."""


class Leading:
    """A training as it is led; may be made again at any time.

    Args:
        lead: Of this process.
        training: As the store has it.
        signer: The platform's identity.
        logbook: Its log.
        tell: Is told what happens.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        lead: Lead,
        training: Training,
        *,
        signer: Signer,
        logbook: Logbook,
        tell: Tell = silent,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._lead, self._signer, self._logbook = lead, signer, logbook
        self._facts, self._number = training.facts, training.number
        self._tell: Tell = partial(tell, training=training.number)
        self._cohort = cohort_plan(training.facts)
        self._names = [identity.hex() for identity in training.facts.roster]
        journal = DatabaseJournal(
            lead.database, training=training.number, epoch=lead.epoch, reply_limit=largest_reply(training)
        )
        self._may_stop = True
        self._engine = HttpEngine(LedJournal(journal, self._look))

    def go_on(self) -> None:
        """Bring it to its end, from wherever it is.

        Raises:
            Leaving: The process is to end.
            LeaseLostError: Another leads.
            StorageError: The database cannot be used now.
        """
        try:
            for state, step in ((State.OFFERED, self._offer), (State.RUNNING, self._iterate)):
                if self._read().state is state:
                    step()
        except Stopped:
            self._tell("stopped")
            self._sum_up()
        except (InputError, PrivacyError) as error:
            self._fail(str(error))
        if self._read().state is State.CLOSING:
            self._close()

    def _look(self) -> None:
        self._lead.look(self._number if self._may_stop else None)

    def _read(self) -> Training:
        with self._lead.database.reading() as connection:
            training = store.find_training(connection, self._number)
        if training is None:
            raise InputError(f"training {self._number} is not in the store")
        return training

    def _offer(self) -> None:
        """Ask all artists on the roster whether they take part."""
        offer = self._written_offer()
        agreed = sum(reply == AGREED for _, reply in self._ask("offer", Purpose.OFFER, offer.encode()))
        needed = self._cohort.min_survivors * self._cohort.buckets
        if agreed < needed:
            self._fail(f"{agreed} of {len(self._names)} artists agreed, {needed} are needed", agreed=agreed)
            return

        def write(connection: store.Connection) -> None:
            start = replace(
                Checkpoint.decode(self._read().start),
                last_session=read_number(connection, LAST_SESSION),
                last_iteration=read_number(connection, LAST_ITERATION),
            )
            store.begin_iterations(connection, self._number, agreed=agreed, start=start.encode())
            forget_messages(connection, self._number)

        self._forget(write)
        self._tell("agreed", artists=agreed)

    def _written_offer(self) -> Offer:
        """The same whenever it is made (COO-2)."""
        training = self._read()
        if training.size is None or training.note is None:
            note = self._logbook.checkpoint()
            size = LogCheckpoint.open(note, origin=self._logbook.origin, key=self._signer.log_key).size
            self._lead.write(lambda connection: store.stand_on(connection, self._number, size=size, note=note))
            return self._written_offer()
        with self._lead.database.reading() as connection:
            roster = store.rosters(connection)[self._facts.generation - 1]
        return Offer(
            facts=self._facts,
            checkpoint=training.note,
            since=0,
            consistency=(),
            roster_place=self._logbook.place(roster.leaf, training.size),
            training_place=self._logbook.place(training.leaf, training.size),
        )

    def _iterate(self) -> None:
        """Run all iterations that are left, each committed as it is over."""
        training, facts = self._read(), self._facts
        with self._lead.database.reading() as connection:
            begin = store.newest_checkpoint(connection, self._number) or training.start
            register = register_of(store.all_trainings(connection))
        loop = run(
            checkpoint=Checkpoint.decode(begin),
            cohort=self._cohort,
            anchors_digest=facts.anchors,
            agreed=Agreed(training_digest=facts.digest, checkpoint_digest=self._logbook.digest(training.size or 0)),
            identity=self._signer.identity,
            identities=facts.roster,
            engine=self._engine,
            artists=self._names,
            windows=Windows(announcement=self._window, round=_window(facts.round_seconds)),
            attempts=training.attempts,
            register=register,
            speaking=self._speaking,
        )
        for outcome in loop:
            self._commit(outcome)
            self._look()
        self._sum_up()

    @property
    def _speaking(self) -> Speaking | None:
        """How artists speak once; None in trainings of five rounds."""
        if self._facts.plan.protocol is not Protocol.SPEAKONCE:
            return None
        return Speaking(beacon=LogBeacon(self._lead, self._logbook), opening=self._opening, recall=self._recall)

    def _recall(self, name: str, mailbox: str) -> bytes:
        """What an artist answered, which is kept until the attempt is committed."""
        with self._lead.database.reading() as connection:
            return kept_reply(connection, training=self._number, name=name, mailbox=mailbox)

    def _opening(self, session: int) -> Opening:
        """When a window ends: what is frozen is shown, then all speak; the same whenever it is asked."""
        name = f"end of window {session}"
        with self._lead.database.reading() as connection:
            end = read_number(connection, name)
        if not end:
            end = int(self._clock()) + 2 * self._facts.announcement_seconds
            self._lead.write(lambda connection: raise_number(connection, name, end))
        return Opening(pulse=session, end=end)

    def _commit(self, outcome: Outcome) -> None:
        """What an attempt came to, its sessions in the log, and where to go on: all of it, or nothing."""
        summed = outcome.aggregate
        attempt = Attempt(
            iteration=outcome.iteration,
            survivors=0 if summed is None else summed.survivors,
            sum_digest=b"" if summed is None else summed.digest,
            problem="; ".join([outcome.problem, *outcome.left_out] if outcome.problem else outcome.left_out),
        )

        def write(connection: store.Connection) -> None:
            store.add_attempt(connection, self._number, attempt, outcome.checkpoint.encode())
            for ended in outcome.sessions:
                enter(
                    connection,
                    Session(digest=ended.session_id, training=self._facts.digest, survivors=ended.survivors),
                )
            raise_number(connection, LAST_SESSION, outcome.checkpoint.last_session)
            raise_number(connection, LAST_ITERATION, outcome.iteration)
            forget_messages(connection, self._number)

        self._forget(write)
        self._tell("attempt", iteration=outcome.iteration, survivors=attempt.survivors, problem=attempt.problem)

    def _sum_up(self) -> None:
        """Say what it came to: a model, and the space of signatures; or why it came to nothing."""
        with self._lead.database.reading() as connection:
            attempts, newest = (
                store.attempts_of(connection, self._number),
                store.newest_checkpoint(connection, self._number),
            )
            laid = store.read_foundation(connection)
        summed = [attempt for attempt in attempts if attempt.survivors]
        if newest is None or laid is None or not summed:
            self._fail(attempts[0].problem if attempts else "its operator ended it before anything came of it")
            return
        reached, signature = Checkpoint.decode(newest), self._read().signature
        if reached.artworks:
            length = signature_length(signature.noise_multiplier, reached.artworks)
        else:  # no moments came: as long as it was planned for artists like the public ones
            length = signature.length
        space = Foundation.decode(laid).signature_space(reached.model, length)

        def write(connection: store.Connection) -> None:
            outcome = ToldOutcome(
                training=self._facts.digest,
                model=keep_file(connection, reached.model.encode()),
                signature_space=keep_file(connection, space.encode()),
                signature=with_length(signature, space.dimensions),
                sums=tuple(attempt.sum_digest for attempt in last_attempts(attempts)),
                survivors=tuple(attempt.survivors for attempt in last_attempts(attempts)),
            )
            enter(connection, Model(digest=outcome.model, space=outcome.signature_space, training=self._facts.digest))
            store.close_training(connection, self._number, outcome.encode())
            self._pass_by(connection)

        self._forget(write)

    def _close(self) -> None:
        """Tell all artists what it came to; that is not stopped."""
        self._may_stop = False
        outcome = self._read().outcome or b""
        noted = sum(1 for _ in self._ask("outcome", Purpose.OUTCOME, outcome))

        def write(connection: store.Connection) -> None:
            store.end_training(connection, self._number)
            forget_messages(connection, self._number)

        self._forget(write)
        self._tell("ended", artists=noted)

    def _fail(self, problem: str, *, agreed: int | None = None) -> None:
        def write(connection: store.Connection) -> None:
            store.fail_training(connection, self._number, problem, agreed=agreed)
            self._pass_by(connection)

        self._forget(write)
        self._tell("failed", problem=problem)

    def _pass_by(self, connection: store.Connection) -> None:
        """Leave behind what is open, and every number that an artist may have been shown (COO-4)."""
        abort_open(connection)
        last = Checkpoint.decode(store.newest_checkpoint(connection, self._number) or self._read().start)
        if last.step < len(self._cohort.multipliers):
            raise_number(connection, LAST_SESSION, last.last_session + self._cohort.buckets)
            raise_number(connection, LAST_ITERATION, last.last_iteration + 1)

    def _forget(self, write: Callable[[store.Connection], None]) -> None:
        """Commit something that deletes what was said, and leave no other trace of it."""
        self._lead.write(write)
        self._lead.database.forget_writes()

    def _ask(self, what: str, purpose: Purpose, body: bytes) -> Iterator[tuple[str, bytes]]:
        """Send the same to all artists on the roster."""
        mailboxes = [f"{name}/{what}" for name in self._names]
        return exchange(
            self._engine,
            Letters(mailboxes, lambda _mailbox: body),
            dict(zip(mailboxes, self._facts.roster, strict=True)),
            purpose,
            name=what,
            wait=self._window.until(self._cohort.min_survivors * self._cohort.buckets),
            identity=self._signer.identity,
            round_=self._number,
        )

    @property
    def _window(self) -> Window:
        return _window(self._facts.announcement_seconds)


def cohort_plan(facts: Facts) -> CohortPlan:
    """What all iterations of a training have in common."""
    plan = facts.plan
    return CohortPlan(
        mode=plan.mode,
        unit=plan.unit,
        clients=-(-len(facts.roster) // plan.buckets),
        corrupt=plan.corrupt,
        min_cohort=plan.min_cohort,
        min_survivors=plan.min_survivors,
        max_artworks=plan.max_artworks,
        noise=plan.noise,
        sampling_rate=plan.sampling_rate,
        multipliers=plan.multipliers,
        seed=plan.seed,
        buckets=plan.buckets,
    )


def largest_reply(training: Training) -> int:
    """Bytes that no honest answer exceeds: a masked vector of the first iteration, or boxes for all neighbors."""
    model, cohort = Checkpoint.decode(training.start).model, cohort_plan(training.facts)
    outputs, dimensions = model.head.shape
    first = cohort.mechanism(1, dimensions=dimensions, outputs=outputs)
    return first.dimension * first.modulus_bits // 8 + _BOX_BYTES * cohort.clients + _REST_BYTES


def last_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Of each iteration, the attempt that counts."""
    return list({attempt.iteration: attempt for attempt in attempts}.values())


def _window(seconds: int) -> Window:
    return Window(deadline=float(seconds), grace=GRACE * seconds)
