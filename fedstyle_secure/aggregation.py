"""The one door to secure aggregation: artists put noisy updates in, the server takes one aggregate out.

AGG-1  Only a `NoisyUpdate` can be masked: what leaves an artist was clipped, quantized and made noisy, in this order.
AGG-2  Nothing is masked whose layout has a tensor with fewer artists behind a coordinate than the minimum cohort: masks
       hide an artist in a sum, and a coordinate that one artist fills alone is no sum (threat TM-8).
AGG-3  A client insists on at least as many survivors, and assumes at least as many corrupt clients, as its noise share
       was sized for.
AGG-4  The server's side handles protocol bytes and the final sum, nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import (
    CLIENT_RANDOM_BYTES,
    Client,
    ClientPolicy,
    FaultyClientError,
    ProtocolError,
    Server,
    SessionAborted,
    SessionParams,
)

from .engines.memory import Engine
from .errors import FedStyleError, InputError, PrivacyError
from .privacy.mechanism import Mechanism
from .privacy.noise import NoisyUpdate
from .privacy.quantization import dequantize
from .privacy.randomness import RandomBytes

REFUSALS: tuple[type[Exception], ...] = (ProtocolError,)
"""What a client raises instead of answering; an engine reports it as no reply."""


class MaskedSession(Protocol):
    """One artist's side of one session: bytes in, bytes out, and a `ProtocolError` whenever the server is faulty."""

    def receive(self, data: bytes) -> bytes:
        """Answer one request."""
        ...


class SupportError(PrivacyError):
    """A tensor has fewer artists behind some coordinate than the minimum cohort; nothing was sent."""


class AggregationAborted(FedStyleError):  # noqa: N818 - an outcome the caller plans for
    """The session ended without a sum; the message says why. Nothing was learned and nothing is lost but the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a session is about. Each side computes it from what it holds, never from what it is told.

    Attributes:
        iteration: Number of the model update, from 1.
        model_digest: SHA-256 of the model.
        architecture_digest: SHA-256 of what training may not change.
        anchors_digest: SHA-256 of the style codebook.
    """

    iteration: int
    model_digest: bytes
    architecture_digest: bytes
    anchors_digest: bytes


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate:
    """The sum over the survivors: all the server ever learns of an iteration.

    Attributes:
        tensors: Each tensor's sum of clipped rows with noise, float64, in the tensor's own units.
        noise: Standard deviation of the noise in a coordinate of each tensor.
        survivors: Number of artists in the sum.
    """

    tensors: Mapping[str, NDArray[np.float64]]
    noise: Mapping[str, float]
    survivors: int


def threshold(clients: int, corrupt: int) -> int:
    """Fewest shares that recover a secret: two cohorts shown different survivors cannot both reach it.

    2 t > n + c (Bonawitz et al., CCS 2017, section 6.2).
    """
    return (clients + corrupt) // 2 + 1


def mask(
    update: NoisyUpdate, *, subject: Subject, last_iteration: int, enrolment: Enrolment, random: RandomBytes
) -> MaskedSession:
    """Arm a protocol client with a noisy update.

    Args:
        update: The only kind of update that can leave an artist (AGG-1).
        subject: What this artist believes the session is about.
        last_iteration: Newest iteration this artist took part in before.
        enrolment: The artist's key and conditions.
        random: Source of secret random bytes.

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
        architectures=enrolment.architectures,
        model_digest=subject.model_digest,
        anchors_digest=subject.anchors_digest,
        privacy_digest=mechanism.digest,
    )
    return Client(identity=enrolment.identity, policy=policy, vector=update.values, random=random(CLIENT_RANDOM_BYTES))


def check_support(mechanism: Mechanism, min_cohort: int) -> None:
    """Refuse a layout in which some coordinate has fewer than `min_cohort` artists behind it (AGG-2).

    Raises:
        SupportError: Names the tensor.
    """
    for segment in mechanism.layout.segments:
        support = segment.support.size(mechanism.min_survivors)
        if support < min_cohort:
            raise SupportError(
                f"tensor {segment.name!r} has {support} artist(s) behind a coordinate, fewer than the minimum cohort "
                f"of {min_cohort}: its sum would show single artists; send sums over the whole cohort instead"
            )


def session_params(identities: Sequence[bytes], subject: Subject, mechanism: Mechanism) -> SessionParams:
    """The session's public parameters, as the server announces them.

    Raises:
        InputError: The cohort cannot bear the corrupt clients or dropouts that the mechanism assumes.
    """
    try:
        return SessionParams(
            iteration=subject.iteration,
            identities=tuple(identities),
            vector_length=mechanism.dimension,
            modulus_bits=mechanism.modulus_bits,
            threshold=threshold(len(identities), mechanism.corrupt),
            corrupt=mechanism.corrupt,
            min_survivors=mechanism.min_survivors,
            max_abs_input=mechanism.max_abs_input,
            model_digest=subject.model_digest,
            architecture_digest=subject.architecture_digest,
            anchors_digest=subject.anchors_digest,
            privacy_digest=mechanism.digest,
        )
    except ProtocolError as error:
        raise InputError(f"no secure session fits this cohort: {error}") from error


def aggregate(params: SessionParams, mechanism: Mechanism, engine: Engine, mailboxes: Sequence[str]) -> Aggregate:
    """Run one session as the server: only protocol bytes come in, only the sum comes out (AGG-4).

    Args:
        params: The session.
        mechanism: How the sum is read back.
        engine: Moves the bytes; whoever does not reply in a round has dropped out.
        mailboxes: The artists' mailbox names, in the order of `params.identities`.

    Raises:
        AggregationAborted: Too few artists stayed, or a recovered secret was not what had been promised.
    """
    server = Server(params)
    index_of = {name: index for index, name in enumerate(mailboxes)}
    requests = server.start()
    try:
        while requests:
            replies = engine.exchange({mailboxes[index]: request for index, request in requests.items()})
            for name, reply in replies.items():
                _receive(server, index_of[name], reply)
            requests = server.close_round()
    except SessionAborted as error:
        raise AggregationAborted(f"iteration {params.iteration}: {error}") from error
    return _open(server.aggregate(), len(server.survivors), mechanism)


def _receive(server: Server, index: int, reply: bytes) -> None:
    """A faulty reply makes its sender a dropout; the session goes on as long as enough others stay."""
    try:
        server.receive(index, reply)
    except FaultyClientError:
        return


def _open(total: NDArray[np.int64], survivors: int, mechanism: Mechanism) -> Aggregate:
    tensors = mechanism.layout.split(dequantize(total, mechanism))
    unit = np.sqrt(survivors) * mechanism.sigma_own / mechanism.scale
    noise = {s.name: float(unit * s.clip_norm / np.sqrt(s.share)) for s in mechanism.layout.segments}
    return Aggregate(tensors=tensors, noise=noise, survivors=survivors)
