"""The artist's side: a noisy update goes in, and a client comes out that answers the server in bytes.

AGG-1  Only a `NoisyUpdate` can be masked: what leaves an artist was clipped, quantized and made noisy, in this order.
AGG-3  A client insists on at least as many survivors, and assumes at least as many corrupt clients, as its noise share
       was sized for, and as its own conditions say.
AGG-7  The update is asked for when all that comes before the masked vectors has been checked, and not before: until
       then nothing has to be charged, and no artwork touched.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, Position, ProtocolError, Vault

from ..errors import PrivacyError
from ..privacy.mechanism import Mechanism
from ..privacy.noise import NoisyUpdate
from ..privacy.randomness import RandomBytes
from ..privacy.releases import SessionMark
from .session import UPDATE, Cohorts, Subject, check_support, update_spec
from .windows import AnyParams, Opening

REFUSALS: tuple[type[Exception], ...] = (ProtocolError,)
"""What a client raises instead of answering; an engine reports it as no reply."""

IN_PROCESS: Final = 24 * 3600
"""Patience where all roles run in one process: a busy machine is slow, not hostile."""

SNAPSHOT_KEY_BYTES: Final = 32
"""Size of a key that snapshots of one session are encrypted under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What an artist insists on in every session, whoever proposes it.

    Attributes:
        platform_key: Pinned Ed25519 public key of the platform, 32 bytes.
        architectures: Digests of the model architectures this artist agrees to train.
        corrupt: Artists that may work with the platform, among all on the roster: it picks who is in a cohort.
        min_cohort: Fewest artists this artist hides among.
        min_survivors: Fewest artists in a sum that this artist is part of.
        patience: Seconds in which the platform must show this artist its neighbors' keys; where artists speak once,
            for which keys that were given ahead live.
    """

    platform_key: bytes
    architectures: frozenset[bytes]
    corrupt: int
    min_cohort: int
    min_survivors: int
    patience: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Who an artist is, and among whom.

    Attributes:
        identity: Long-lived Ed25519 signing key.
        roster: Pinned identities of all artists, its own included, 32 bytes each.
    """

    identity: Ed25519PrivateKey
    roster: frozenset[bytes]


class Stage(IntEnum):
    """How far an artist is in a session, by what it answered last."""

    INVITED = 0
    KEYS_ADVERTISED = 1
    KEYS_SHARED = 2
    INPUT_MASKED = 3
    SURVIVORS_SIGNED = 4
    UNMASKED = 5
    ABORTED = 6
    BOXES_OPENED = 7
    """Between the fourth and the fifth of these, for a member of a committee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Where the state of a session is kept before an answer leaves.

    Attributes:
        key: 32 bytes that encrypt this session's snapshots and nothing else.
        keep: Stores a snapshot durably, with whatever else belongs to that stage, or raises: then nothing is answered.
    """

    key: bytes
    keep: Callable[[Stage, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What an artist brings into a session.

    Attributes:
        protected: Makes the only kind of update that can leave an artist (AGG-1), under this mechanism; called once,
            when all that comes before has been checked (AGG-7), and again if nothing made of it was kept before a
            crash. What it raises, the caller of `receive` gets, and the session is over.
        mechanism: The announced one.
        subject: What this artist believes the session is about.
        last_session: Highest number of a session this artist took part in before.
        enrolment: The artist's key, and whom it knows.
        conditions: What the artist insists on.
        earlier: Cohorts of the sessions this artist uploaded to before (AGG-5).
        clock: Tells the time in seconds, from a moment that a restart does not change.
    """

    protected: Callable[[], NoisyUpdate]
    mechanism: Mechanism
    subject: Subject
    last_session: int
    enrolment: Enrolment
    conditions: Conditions
    earlier: Cohorts = field(default_factory=Cohorts)
    clock: Callable[[], float] = time.time


class MaskedSession:
    """One artist's side of one session: bytes in, bytes out, and a `ProtocolError` whenever the server is faulty.

    Args:
        client: Who answers; made by `mask` or `resume`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._mark: SessionMark | None = None
        self._note_mark()

    @property
    def mark(self) -> SessionMark | None:
        """Which session it is; None before this artist agreed to it."""
        return self._mark

    @property
    def stage(self) -> Stage:
        """What this artist answered last."""
        return Stage(self._client.position.sequence)

    @property
    def last_session(self) -> int:
        """Highest number of a session this artist took part in, this one or one before."""
        return self._client.last_session

    @property
    def roster(self) -> frozenset[bytes]:
        """Identities in the session, once the masked update is on its way; empty before."""
        return self._client.roster

    def has_answered(self, data: bytes) -> bool:
        """Whether this is the request that was answered last; its answer is given again."""
        return self._client.has_answered(data)

    def receive(self, data: bytes) -> bytes:
        """Answer one request.

        Raises:
            ProtocolError: The client refuses.
            Exception: What making or keeping the update raised; nothing was answered.
        """
        response = self._client.receive(data)
        self._note_mark()
        return response

    def _note_mark(self) -> None:
        """The mark is needed while the client is busy, and after it has forgotten its session."""
        params = self._client.params
        if params is not None:
            self._mark = mark_of(params)


def mask(part: Part, *, random: RandomBytes, keeping: Keeping | None = None) -> MaskedSession:
    """Arm a protocol client for one session of five rounds.

    Args:
        part: What the artist brings into it.
        random: Source of secret random bytes.
        keeping: Where the session's state goes; None for nowhere: then a crash ends it.

    Returns:
        The artist's side of a session that is about this subject.

    Raises:
        SupportError: A tensor's support is below the minimum cohort (AGG-2).
    """
    check_support(part.mechanism, part.conditions.min_cohort)
    client = Client(
        identity=part.enrolment.identity,
        policy=policy_of(part, last_session=part.last_session),
        vectors=vectors_of(part),
        random=random(CLIENT_RANDOM_BYTES),
        clock=part.clock,
        vault=None if keeping is None else _vault(keeping),
    )
    return MaskedSession(client)


def resume(snapshot: bytes, part: Part, *, keeping: Keeping) -> MaskedSession:
    """Go on in a session from what was kept last.

    Args:
        snapshot: What `keeping` was given last.
        part: As before; its `last_session` is the highest that is known to have been taken part in.
        keeping: With the same key as before.

    Raises:
        ProtocolError: The snapshot does not open, or is older than `part.last_session`.
    """
    client = Client.restore(
        snapshot,
        identity=part.enrolment.identity,
        vectors=vectors_of(part),
        clock=part.clock,
        vault=_vault(keeping),
        at_least=Position(session=part.last_session),
    )
    return MaskedSession(client)


def policy_of(part: Part, *, last_session: int) -> ClientPolicy:
    """What an artist insists on in a session, after this one (AGG-3)."""
    conditions, mechanism, subject = part.conditions, part.mechanism, part.subject
    return ClientPolicy(
        roster=part.enrolment.roster,
        min_cohort=conditions.min_cohort,
        min_survivors=max(conditions.min_cohort, conditions.min_survivors, mechanism.min_survivors),
        min_corrupt=max(conditions.corrupt, mechanism.corrupt),
        patience=conditions.patience,
        server_key=conditions.platform_key,
        iteration=subject.iteration,
        last_session=last_session,
        vectors=(update_spec(mechanism),),
        earlier=part.earlier,
        architectures=conditions.architectures,
        model_digest=subject.model_digest,
        anchors_digest=subject.anchors_digest,
        privacy_digest=mechanism.digest,
        training_digest=subject.agreed.training_digest,
        checkpoint_digest=subject.agreed.checkpoint_digest,
    )


def mark_of(params: AnyParams) -> SessionMark:
    """Which session it is, as a ledger says it."""
    return SessionMark(
        number=params.session,
        session_id=params.session_id,
        roster=params.roster_root,
        platform=params.server_key,
    )


def number_of(snapshot: bytes) -> int:
    """The number of the session that a snapshot was taken in, or of the one before if that was refused."""
    return Position.of(snapshot).session


def vectors_of(part: Part) -> Callable[[], Mapping[str, NDArray[np.int64]]]:
    """What a client brings to a sum: made when it is asked for (AGG-7), and of one type only (AGG-1)."""

    def vectors() -> Mapping[str, NDArray[np.int64]]:
        update = part.protected()
        if not isinstance(update, NoisyUpdate):
            raise PrivacyError(f"only a NoisyUpdate can be masked, got {type(update).__name__}")
        if update.mechanism != part.mechanism:
            raise PrivacyError("an update was made under another mechanism than the one announced")
        return {UPDATE: update.values}

    return vectors


def half_a_day(session: int) -> Opening:
    """A window that ends while artists are patient who are all in one process; a beacon's pulse for each session."""
    return Opening(pulse=session, end=int(time.time()) + IN_PROCESS // 2)


def _vault(keeping: Keeping) -> Vault:
    return Vault(key=keeping.key, keep=lambda snapshot: keeping.keep(Stage(Position.of(snapshot).sequence), snapshot))
