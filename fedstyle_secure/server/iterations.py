"""The one loop: announce, aggregate, align, again. This is the server; it holds models, sums and nothing of an artist.

ITE-1  All that comes from artists passes through `aggregation.aggregate`, but for receipts, which tell nothing and are
       brought back with the next announcement; announcements are answered with one word. Where the cohort is cut into
       buckets, each of them has a session of its own (`robust`).
ITE-2  A cohort and its buckets are the same for all iterations of a run, and are refused before anything is announced
       if they differ in too few artists from any cohort that ever was: each is entered in a register.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..aggregation.letters import Purpose, exchange
from ..aggregation.session import Agreed, Cohorts, Subject, check_cohort, session_params
from ..aggregation.summing import Aggregate, AggregationAborted, aggregate
from ..announcement import ACKNOWLEDGMENT, NO_RECEIPT, Announcement
from ..encoder.model import StyleModel
from ..engines.courier import FOREVER, Engine, Letters, Window
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, plan
from ..privacy.sizing import Mode, Noise
from ..training.tensors import head_segment, moments_segment
from ..training.updates import Layout
from .alignment import Alignment
from .receipts import ReceiptDesk
from .robust import aggregate_buckets, deal

ALIGNMENT_SHARE = 0.9
"""The moments' share of the squared sensitivity in the first iteration; the head's first gradient takes the rest."""

FIRST_SHARE = 0.8
"""The first iteration's share of the training budget, counted in mu squared; the others divide what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortPlan:
    """The cohort and its promises, the same for all iterations of a run.

    Attributes:
        mode: Where the noise comes from.
        unit: What is protected.
        clients: Artists in a session: the whole cohort, or its largest bucket.
        corrupt: Artists assumed to work with the server, at most.
        min_cohort: Fewest artists that an artist hides among: so many join or leave at once, or none.
        min_survivors: Artists below which a session aborts.
        max_artworks: Public bound on an artist's artworks.
        noise: The law of noise shares.
        sampling_rate: Probability with which each artwork takes part in an iteration.
        multipliers: Noise multiplier of each iteration; all 0 in mode none.
        seed: Public bytes from which rotations and buckets are derived.
        buckets: Sessions that the cohort is cut into; 1, or at least 3 to bear poisoned uploads.
    """

    mode: Mode
    unit: Unit
    clients: int
    corrupt: int
    min_cohort: int
    min_survivors: int
    max_artworks: int
    noise: Noise
    sampling_rate: float
    multipliers: Sequence[float]
    seed: bytes
    buckets: int = 1

    def mechanism(self, iteration: int, *, dimensions: int, outputs: int) -> Mechanism:
        """The release of one iteration, from 1: moments and head first, then the head alone.

        Args:
            iteration: Number of the model update.
            dimensions: d of the style space.
            outputs: h of the head.

        Raises:
            PrivacyError: No ring holds such a release.
        """
        segments = (
            (moments_segment(dimensions, ALIGNMENT_SHARE), head_segment(dimensions, outputs, 1 - ALIGNMENT_SHARE))
            if iteration == 1
            else (head_segment(dimensions, outputs, 1.0),)
        )
        return plan(
            mode=self.mode,
            unit=self.unit,
            layout=Layout(segments),
            noise_multiplier=self.multipliers[iteration - 1],
            clients=self.clients,
            corrupt=self.corrupt,
            min_survivors=self.min_survivors,
            max_artworks=self.max_artworks,
            noise=self.noise,
            sampling_rate=self.sampling_rate,
            rotation_seed=hashlib.sha256(self.seed + iteration.to_bytes(4, "big")).digest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long artists have to answer.

    Attributes:
        announcement: An announcement: their machines may be asleep.
        round: A round of a session.
    """

    announcement: Window
    round: Window


IN_ONE_PROCESS = Windows(announcement=FOREVER, round=FOREVER)
"""Where nobody can be silent for long."""


def training_shares(iterations: int) -> list[float]:
    """Each iteration's share of the training budget, in mu squared; they sum to 1."""
    if iterations == 1:
        return [1.0]
    return [FIRST_SHARE, *[(1 - FIRST_SHARE) / (iterations - 1)] * (iterations - 1)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What one iteration came to.

    Attributes:
        iteration: Its number, from 1.
        model: The model after it; unchanged if the session aborted.
        aggregate: What the server learned, or None.
        problem: Why the session aborted, or an empty string.
        mechanism: The release.
        left_out: A sentence about each bucket that is not in the aggregate.
    """

    iteration: int
    model: StyleModel
    aggregate: Aggregate | None
    problem: str
    mechanism: Mechanism
    left_out: Sequence[str] = ()


def run(
    *,
    model: StyleModel,
    alignment: Alignment,
    cohort: CohortPlan,
    anchors_digest: bytes,
    agreed: Agreed,
    identity: Ed25519PrivateKey,
    identities: Sequence[bytes],
    engine: Engine,
    artists: Sequence[str],
    on_session: Callable[[], None] = lambda: None,
    windows: Windows = IN_ONE_PROCESS,
    transcripts: Path | None = None,
    register: Cohorts | None = None,
    last_iteration: int = 0,
    last_session: int = 0,
) -> Iterator[Outcome]:
    """Train, one iteration at each step of the iterator.

    Args:
        model: Where to start.
        alignment: The server's state at the start.
        cohort: Promises and noise.
        anchors_digest: SHA-256 of the style codebook.
        agreed: The training, and the checkpoint of the log in which the artists were shown it.
        identity: The platform's own signing key; every artist pinned its public half.
        identities: The artists' Ed25519 public keys.
        engine: Has a mailbox ``NAME/announcement`` and one ``NAME/session`` for each artist.
        artists: Mailbox names, in the order of `identities`.
        on_session: Called when all artists have heard of an iteration and its sessions begin.
        windows: How long artists have to answer.
        transcripts: Folder in which every session is written down as the server saw it; None for nowhere.
        register: All cohorts there ever were; those of this run are added. None for none before.
        last_iteration: The highest number that any of these artists was ever shown, 0 for none; numbers go on from it.
        last_session: The same of sessions.

    Yields:
        The outcome of each iteration. An aborted session changes nothing; what it cost stays charged.

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
    numbers = count(last_session + 1)
    desk = ReceiptDesk()
    informed: set[str] = set()
    for step in range(1, len(cohort.multipliers) + 1):
        iteration = last_iteration + step
        mechanism = cohort.mechanism(step, dimensions=model.head.shape[1], outputs=len(model.head))
        subject = Subject(
            iteration=iteration,
            model_digest=model.digest,
            architecture_digest=model.architecture_digest,
            anchors_digest=anchors_digest,
            agreed=agreed,
        )
        announcement = Announcement(iteration=iteration, mechanism=mechanism, model=model)
        replies = exchange(
            engine,
            _announcements(announcement, artists, informed=informed, desk=desk),
            dict(zip((f"{name}/announcement" for name in artists), identities, strict=True)),
            Purpose.ANNOUNCEMENT,
            name=f"announcement {iteration}",
            wait=windows.announcement.until(cohort.min_survivors * cohort.buckets),
            identity=identity,
            round_=iteration,
        )
        informed = {mailbox for mailbox, reply in replies if reply == ACKNOWLEDGMENT}
        on_session()
        session = partial(
            _run_session,
            subject=subject,
            mechanism=mechanism,
            numbers=numbers,
            identity=identity,
            identities=identities,
            engine=engine,
            desk=desk,
            artists=artists,
            window=windows.round,
            transcripts=transcripts,
        )
        try:
            summed, left_out = aggregate_buckets(buckets, session)
        except AggregationAborted as error:
            yield Outcome(iteration=iteration, model=model, aggregate=None, problem=str(error), mechanism=mechanism)
            continue
        alignment, model = alignment.advance(model, summed)
        yield Outcome(
            iteration=iteration, model=model, aggregate=summed, problem="", mechanism=mechanism, left_out=left_out
        )


def _announcements(
    announcement: Announcement, artists: Sequence[str], *, informed: Collection[str], desk: ReceiptDesk
) -> Letters:
    """One body for all, and each artist's own receipt before it.

    Whoever agreed to the last announcement holds the whitening; who did not is sent it again.
    """
    body = cache(lambda whitening: announcement.body(whitening=whitening))

    def write(mailbox: str) -> bytes:
        receipt = desk.receipts.get(f"{mailbox.removesuffix('/announcement')}/session", NO_RECEIPT)
        return receipt + body(mailbox not in informed)

    return Letters((f"{name}/announcement" for name in artists), write)


def _run_session(
    number: int,
    bucket: Sequence[int],
    *,
    subject: Subject,
    mechanism: Mechanism,
    numbers: Iterator[int],
    identity: Ed25519PrivateKey,
    identities: Sequence[bytes],
    engine: Engine,
    desk: ReceiptDesk,
    artists: Sequence[str],
    window: Window,
    transcripts: Path | None,
) -> Aggregate:
    """The session of one bucket; the transcripts of each but the first go to a folder of their own."""
    if transcripts is not None and number > 0:
        transcripts = transcripts / f"bucket-{number + 1}"
        transcripts.mkdir(exist_ok=True)
    cohort = [identities[index] for index in bucket]
    params = session_params(
        cohort, subject, mechanism, session=next(numbers), server_key=identity.public_key().public_bytes_raw()
    )
    mailboxes = [f"{artists[index]}/session" for index in bucket]
    return aggregate(
        params, mechanism, engine, mailboxes, identity=identity, take=desk.take, window=window, transcripts=transcripts
    )
