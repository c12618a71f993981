"""The artist's side: a noisy update goes in, and a client comes out that answers the server in bytes.

AGG-1  Only a `NoisyUpdate` can be masked: what leaves an artist was clipped, quantized and made noisy, in this order.
AGG-3  A client insists on at least as many survivors, and assumes at least as many corrupt clients, as its noise share
       was sized for.
"""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, ProtocolError

from ..errors import PrivacyError
from ..privacy.noise import NoisyUpdate
from ..privacy.randomness import RandomBytes
from .session import UPDATE, Cohorts, Subject, check_support

REFUSALS: tuple[type[Exception], ...] = (ProtocolError,)
"""What a client raises instead of answering; an engine reports it as no reply."""


class MaskedSession(Protocol):
    """One artist's side of one session: bytes in, bytes out, and a `ProtocolError` whenever the server is faulty."""

    @property
    def roster(self) -> frozenset[bytes]:
        """Identities in the session, once the masked update is on its way; empty before."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What an artist brings to every session.

    Attributes:
        identity: Long-lived Ed25519 signing key.
        roster: Pinned identities of all artists, its own included, 32 bytes each.
        architectures: Digests of the model architectures this artist agrees to train.
        min_cohort: Fewest artists this artist hides among.
    """

    identity: Ed25519PrivateKey
    roster: frozenset[bytes]
    architectures: frozenset[bytes]
    min_cohort: int


def mask(
    update: NoisyUpdate,
    *,
    subject: Subject,
    last_iteration: int,
    enrolment: Enrolment,
    random: RandomBytes,
    earlier: Cohorts | None = None,
) -> MaskedSession:
    """Arm a protocol client with a noisy update.

    Args:
        update: The only kind of update that can leave an artist (AGG-1).
        subject: What this artist believes the session is about.
        last_iteration: Newest iteration this artist took part in before.
        enrolment: The artist's key and conditions.
        random: Source of secret random bytes.
        earlier: Cohorts of the sessions this artist uploaded to before (AGG-5); None for none.

    Returns:
        A client that answers the server's requests, once.

    Raises:
        SupportError: A tensor's support is below the minimum cohort (AGG-2).
    """
    if not isinstance(update, NoisyUpdate):
        raise PrivacyError(f"only a NoisyUpdate can be masked, got {type(update).__name__}")
    mechanism = update.mechanism
    check_support(mechanism, enrolment.min_cohort)
    policy = ClientPolicy(
        roster=enrolment.roster,
        min_cohort=enrolment.min_cohort,
        min_survivors=max(enrolment.min_cohort, mechanism.min_survivors),
        min_corrupt=mechanism.corrupt,
        last_iteration=last_iteration,
        earlier=Cohorts() if earlier is None else earlier,
        architectures=enrolment.architectures,
        model_digest=subject.model_digest,
        anchors_digest=subject.anchors_digest,
        privacy_digest=mechanism.digest,
    )
    return Client(
        identity=enrolment.identity,
        policy=policy,
        vectors={UPDATE: update.values},
        random=random(CLIENT_RANDOM_BYTES),
    )
