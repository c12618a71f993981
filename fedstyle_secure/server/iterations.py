"""The one loop: announce, aggregate, align, again. This is the server; it holds models, sums and nothing of an artist.

ITE-1  All that comes from artists passes through `aggregation.aggregate`, but for receipts, which tell nothing and are
       brought back with the next announcement; announcements are answered with one word. Where the cohort is cut into
       buckets, each of them has a session of its own (`robust`).
ITE-2  A cohort and its buckets are the same for all iterations of a run, and are refused before anything is announced
       if they differ in too few artists from any cohort that ever was: each is entered in a register.
ITE-3  Run again from a checkpoint, the loop asks the same for the same, byte for byte, under the same names, whatever
       ended it: on an engine that keeps what passed, nobody answers twice and no sum differs.
ITE-4  A session that ended without a sum is tried again as a new one of the same iteration, a limited number of times;
       which of them an artist takes part in, its own terms decide.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..aggregation.letters import Purpose, exchange
from ..aggregation.opening import open_window
from ..aggregation.session import Agreed, Cohorts, Subject, check_cohort, session_params
from ..aggregation.summing import Aggregate, AggregationAborted, aggregate
from ..aggregation.windows import AnyParams, Speaking
from ..announcement import ACKNOWLEDGMENT, NO_RECEIPT, Announcement
from ..encoder.model import StyleModel
from ..engines.courier import FOREVER, Engine, Letters, Window
from ..privacy.mechanism import Mechanism
from .alignment import artworks_each
from .checkpoint import Checkpoint
from .cohort import CohortPlan
from .receipts import ReceiptDesk
from .robust import aggregate_buckets, deal


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long artists have to answer.

    Attributes:
        announcement: An announcement, or the one message of a session in which they speak once: their machines may be
            asleep.
        round: A round of a session.
    """

    announcement: Window
    round: Window


IN_ONE_PROCESS = Windows(announcement=FOREVER, round=FOREVER)
"""Where nobody can be silent for long."""


NEVER_OPENED: Final = bytes(32)
"""Stands for the id of a session that ended before it had one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session that is over.

    Attributes:
        session_id: Fixes all its parameters; `NEVER_OPENED` if not even those came about.
        survivors: Artists in its sum; 0 where there is none.
    """

    session_id: bytes
    survivors: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What one iteration came to, or one attempt at it.

    Attributes:
        iteration: Its number, from 1.
        model: The model after it; unchanged if the session aborted.
        aggregate: What the server learned, or None.
        problem: Why the session aborted, or an empty string.
        mechanism: The release.
        checkpoint: Where to go on; at the same iteration if there is to be another attempt.
        sessions: How each session ended, in order.
        left_out: A sentence about each bucket that is not in the aggregate.
    """

    iteration: int
    model: StyleModel
    aggregate: Aggregate | None
    problem: str
    mechanism: Mechanism
    checkpoint: Checkpoint
    sessions: Sequence[Ended]
    left_out: Sequence[str] = ()


def run(
    *,
    checkpoint: Checkpoint,
    cohort: CohortPlan,
    anchors_digest: bytes,
    agreed: Agreed,
    identity: Ed25519PrivateKey,
    identities: Sequence[bytes],
    engine: Engine,
    artists: Sequence[str],
    on_session: Callable[[], None] = lambda: None,
    windows: Windows = IN_ONE_PROCESS,
    attempts: int = 1,
    transcripts: Path | None = None,
    register: Cohorts | None = None,
    speaking: Speaking | None = None,
) -> Iterator[Outcome]:
    """Train, one attempt at an iteration at each step of the iterator.

    Args:
        checkpoint: Where to begin, or where an earlier call was when it ended (ITE-3).
        cohort: Promises and noise.
        anchors_digest: SHA-256 of the style codebook.
        agreed: The training, and the checkpoint of the log in which the artists were shown it.
        identity: The platform's own signing key; every artist pinned its public half.
        identities: The artists' Ed25519 public keys.
        engine: Has a mailbox ``NAME/announcement`` and one ``NAME/session`` for each artist.
        artists: Mailbox names, in the order of `identities`.
        on_session: Called when all artists have heard of an iteration and its sessions begin.
        windows: How long artists have to answer.
        attempts: How often an iteration is tried, until there is a sum (ITE-4).
        transcripts: Folder in which every session is written down as the server saw it; None for nowhere.
        register: All cohorts there ever were; those of this run are added. None for none before.
        speaking: How artists speak once; None for sessions of five rounds.

    Yields:
        The outcome of each attempt. An aborted session changes nothing; what it cost stays charged.

    Raises:
        InputError: The cohort cannot bear its own promises, or differs from an earlier one in too few artists.
    """
    buckets = deal(identities, cohort.buckets, cohort.seed)
    register = Cohorts() if register is None else register
    summed_over = [[identities[index] for index in bucket] for bucket in buckets]
    for members in summed_over:
        check_cohort(members, register, cohort.min_cohort)
    for members in summed_over:
        register.add(members)
    hall = _Hall(
        cohort=cohort,
        buckets=buckets,
        anchors_digest=anchors_digest,
        agreed=agreed,
        identity=identity,
        identities=identities,
        engine=engine,
        artists=artists,
        on_session=on_session,
        windows=windows,
        attempts=attempts,
        transcripts=transcripts,
        speaking=speaking,
    )
    while checkpoint.step < len(cohort.multipliers):
        outcome = hall.attempt(checkpoint)
        checkpoint = outcome.checkpoint
        yield outcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hall:
    """What stays the same in all attempts; the attributes are `run`'s."""

    cohort: CohortPlan
    buckets: Sequence[Sequence[int]]
    anchors_digest: bytes
    agreed: Agreed
    identity: Ed25519PrivateKey
    identities: Sequence[bytes]
    engine: Engine
    artists: Sequence[str]
    on_session: Callable[[], None]
    windows: Windows
    attempts: int
    transcripts: Path | None
    speaking: Speaking | None

    def attempt(self, checkpoint: Checkpoint) -> Outcome:
        """Announce the next iteration, run its sessions, and align."""
        model, iteration = checkpoint.model, checkpoint.last_iteration + 1
        mechanism = self.cohort.mechanism(checkpoint.step + 1, dimensions=model.head.shape[1], outputs=len(model.head))
        informed = self._announce(checkpoint, Announcement(iteration=iteration, mechanism=mechanism, model=model))
        self.on_session()
        desk, ended = ReceiptDesk(), list[Ended]()
        session = partial(self._session, checkpoint=checkpoint, mechanism=mechanism, desk=desk, ended=ended)
        summed, problem, left_out = None, "", list[str]()
        alignment, artworks = checkpoint.alignment, checkpoint.artworks
        try:
            summed, left_out = aggregate_buckets(self.buckets, session)
        except AggregationAborted as error:
            problem = str(error)
        else:
            alignment, model = alignment.advance(model, summed)
            artworks = artworks or artworks_each(summed, mechanism.sampling_rate, model.whitening.dimensions)
        last_session = checkpoint.last_session + len(ended)
        if problem and checkpoint.attempt + 1 < self.attempts:
            after = checkpoint.try_again(last_session=last_session, given=desk.receipts)
        else:
            after = checkpoint.go_on(
                model=model,
                alignment=alignment,
                last_session=last_session,
                given=desk.receipts,
                informed=informed,
                artworks=artworks,
            )
        return Outcome(
            iteration=iteration,
            model=model,
            aggregate=summed,
            problem=problem,
            mechanism=mechanism,
            checkpoint=after,
            sessions=ended,
            left_out=left_out,
        )

    def _announce(self, checkpoint: Checkpoint, announcement: Announcement) -> frozenset[str]:
        """One body for all, and each artist's own receipt before it; returns who agreed.

        Whoever agreed to the last announcement holds the whitening; who did not is sent it again.
        """
        artist_of = {f"{name}/announcement": name for name in self.artists}
        body = cache(lambda whitening: announcement.body(whitening=whitening))

        def write(mailbox: str) -> bytes:
            name = artist_of[mailbox]
            return checkpoint.receipts.get(name, NO_RECEIPT) + body(name not in checkpoint.informed)

        replies = exchange(
            self.engine,
            Letters(artist_of, write),
            dict(zip(artist_of, self.identities, strict=True)),
            Purpose.ANNOUNCEMENT,
            name=f"announcement {announcement.iteration} attempt {checkpoint.attempt + 1}",
            wait=self.windows.announcement.until(self.cohort.min_survivors * self.cohort.buckets),
            identity=self.identity,
            round_=announcement.iteration,
        )
        return frozenset(artist_of[mailbox] for mailbox, reply in replies if reply == ACKNOWLEDGMENT)

    def _session(
        self,
        number: int,
        bucket: Sequence[int],
        *,
        checkpoint: Checkpoint,
        mechanism: Mechanism,
        desk: ReceiptDesk,
        ended: list[Ended],
    ) -> Aggregate:
        """The session of one bucket."""
        subject = Subject(
            iteration=checkpoint.last_iteration + 1,
            model_digest=checkpoint.model.digest,
            architecture_digest=checkpoint.model.architecture_digest,
            anchors_digest=self.anchors_digest,
            agreed=self.agreed,
        )
        artist_of = {f"{self.artists[index]}/session": self.artists[index] for index in bucket}
        take = partial(_take, desk, artist_of)
        session = checkpoint.last_session + len(ended) + 1
        session_id, summed = NEVER_OPENED, None
        try:
            params = self._params(session, bucket, subject, mechanism, take)
            session_id = params.session_id
            summed = aggregate(
                params,
                mechanism,
                self.engine,
                list(artist_of),
                identity=self.identity,
                take=take,
                window=self.windows.round,
                speaking=self.windows.announcement,
                recall=None if self.speaking is None else self.speaking.recall,
                transcript=self._transcript(number, checkpoint),
            )
            return summed
        finally:
            ended.append(Ended(session_id=session_id, survivors=0 if summed is None else summed.survivors))

    def _params(
        self,
        session: int,
        bucket: Sequence[int],
        subject: Subject,
        mechanism: Mechanism,
        take: Callable[[str, bytes], bytes],
    ) -> AnyParams:
        """A session's parameters, of the kind that this platform runs."""
        cohort = {f"{self.artists[index]}/session": self.identities[index] for index in bucket}
        if self.speaking is None:
            server_key = self.identity.public_key().public_bytes_raw()
            return session_params(list(cohort.values()), subject, mechanism, session=session, server_key=server_key)
        return open_window(
            subject,
            mechanism,
            self.engine,
            cohort,
            session=session,
            identity=self.identity,
            speaking=self.speaking,
            take=take,
            window=self.windows.announcement,
        )

    def _transcript(self, number: int, checkpoint: Checkpoint) -> Path | None:
        """Where a session is written down; those of each bucket but the first in a folder of their own."""
        if self.transcripts is None:
            return None
        folder = self.transcripts if number == 0 else self.transcripts / f"bucket-{number + 1}"
        folder.mkdir(exist_ok=True)
        again = f"-attempt-{checkpoint.attempt + 1}" if checkpoint.attempt else ""
        return folder / f"iteration-{checkpoint.last_iteration + 1:04d}{again}.json"


def _take(desk: ReceiptDesk, artist_of: Mapping[str, str], mailbox: str, reply: bytes) -> bytes:
    """Keep an artist's receipt; the rest is the session's."""
    return desk.take(artist_of[mailbox], reply)
