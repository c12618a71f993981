"""The artist's side: a noisy update goes in, and a client comes out that answers the server in bytes.

AGG-1  Only a `NoisyUpdate` can be masked: what leaves an artist was clipped, quantized and made noisy, in this order.
AGG-7  The update is asked for when all that comes before the masked vectors has been checked, and not before: until
       then nothing has to be charged, and no artwork touched.
AGG-3  A client insists on at least as many survivors, and assumes at least as many corrupt clients, as its noise share
       was sized for.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, ProtocolError

from ..errors import PrivacyError
from ..privacy.mechanism import Mechanism
from ..privacy.noise import NoisyUpdate
from ..privacy.randomness import RandomBytes
from .session import UPDATE, Cohorts, Subject, check_support, update_spec

REFUSALS: tuple[type[Exception], ...] = (ProtocolError,)
"""What a client raises instead of answering; an engine reports it as no reply."""


class MaskedSession(Protocol):
    """One artist's side of one session: bytes in, bytes out, and a `ProtocolError` whenever the server is faulty."""

    @property
    def roster(self) -> frozenset[bytes]:
        """Identities in the session, once the masked update is on its way; empty before."""
        ...

    @property
    def last_session(self) -> int:
        """Highest number of a session this artist took part in, this one or one before."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What an artist brings to every session.

    Attributes:
        identity: Long-lived Ed25519 signing key.
        server_key: Pinned Ed25519 public key of the platform, 32 bytes.
        roster: Pinned identities of all artists, its own included, 32 bytes each.
        architectures: Digests of the model architectures this artist agrees to train.
        min_cohort: Fewest artists this artist hides among.
    """

    identity: Ed25519PrivateKey
    server_key: bytes
    roster: frozenset[bytes]
    architectures: frozenset[bytes]
    min_cohort: int


def mask(
    protected: Callable[[], NoisyUpdate],
    *,
    mechanism: Mechanism,
    subject: Subject,
    last_session: int,
    enrolment: Enrolment,
    random: RandomBytes,
    earlier: Cohorts | None = None,
    clock: Callable[[], float] = time.time,
) -> MaskedSession:
    """Arm a protocol client for one session.

    Args:
        protected: Makes the only kind of update that can leave an artist (AGG-1), under this mechanism; called once,
            when enough neighbors have shared their secrets (AGG-7). What it raises, the caller of `receive` gets, and
            the session is over.
        mechanism: The announced one.
        subject: What this artist believes the session is about.
        last_session: Highest number of a session this artist took part in before.
        enrolment: The artist's key and conditions.
        random: Source of secret random bytes.
        earlier: Cohorts of the sessions this artist uploaded to before (AGG-5); None for none.
        clock: Tells the time in seconds, from a moment that a restart does not change.

    Returns:
        A client that answers the server's requests, once.

    Raises:
        SupportError: A tensor's support is below the minimum cohort (AGG-2).
    """
    check_support(mechanism, enrolment.min_cohort)
    policy = ClientPolicy(
        roster=enrolment.roster,
        min_cohort=enrolment.min_cohort,
        min_survivors=max(enrolment.min_cohort, mechanism.min_survivors),
        min_corrupt=mechanism.corrupt,
        server_key=enrolment.server_key,
        iteration=subject.iteration,
        last_session=last_session,
        vectors=(update_spec(mechanism),),
        earlier=Cohorts() if earlier is None else earlier,
        architectures=enrolment.architectures,
        model_digest=subject.model_digest,
        anchors_digest=subject.anchors_digest,
        privacy_digest=mechanism.digest,
    )

    def vectors() -> Mapping[str, NDArray[np.int64]]:
        update = protected()
        if not isinstance(update, NoisyUpdate):
            raise PrivacyError(f"only a NoisyUpdate can be masked, got {type(update).__name__}")
        if update.mechanism != mechanism:
            raise PrivacyError("an update was made under another mechanism than the one announced")
        return {UPDATE: update.values}

    return Client(
        identity=enrolment.identity,
        policy=policy,
        vectors=vectors,
        random=random(CLIENT_RANDOM_BYTES),
        clock=clock,
    )
