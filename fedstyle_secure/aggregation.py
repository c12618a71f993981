"""The one door to secure aggregation: artists put noisy updates in, the server takes one aggregate out.

AGG-1  Only a `NoisyUpdate` can be masked: what leaves an artist was clipped, quantized and made noisy, in this order.
AGG-2  Nothing is masked whose layout has a tensor with fewer artists behind a coordinate than the minimum cohort: masks
       hide an artist in a sum, and a coordinate that one artist fills alone is no sum (threat TM-8).
AGG-3  A client insists on at least as many survivors, and assumes at least as many corrupt clients, as its noise share
       was sized for.
AGG-4  The server's side handles protocol bytes and the final sum, nothing else.
AGG-5  A cohort stays together: where cohorts are chosen, over a register of all there ever were, and again by each
       client over those that it uploaded to, one is refused that fewer artists than the minimum cohort joined or left
       since an earlier one (threat TM-7).
AGG-6  A sum that no honest uploads can reach ends its session like any other failure: nothing is made of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import iadd
from pathlib import Path
from typing import Any, Protocol

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
    VectorSpec,
    parameters,
)
from protocols.audit import Exchange, Transcript, audit, omit_input
from protocols.secagg.cohorts import Cohorts as Cohorts  # noqa: PLC0414  (whoever keeps one gets it from here)
from protocols.secagg.masking import from_ring, to_ring

from .engines.memory import Engine
from .errors import FedStyleError, InputError, PrivacyError
from .privacy.mechanism import Mechanism
from .privacy.noise import NoisyUpdate
from .privacy.quantization import dequantize
from .privacy.randomness import RandomBytes

COMPLETE_UP_TO = 64
"""Artists up to which everyone is everyone's neighbor (Bonawitz et al., CCS 2017); beyond, a sparse graph."""
_UPDATE = "update"

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


def fewest_survivors(clients: int, corrupt: int) -> int:
    """Fewest artists that must stay for a session to be secure among so many, so many of them corrupt."""
    return max((clients + corrupt) // 2 + 1, _complete_threshold(clients, corrupt) + 1, corrupt + 2)


def _complete_threshold(clients: int, corrupt: int) -> int:
    """Smallest t with 2 t > degree + corrupt when everyone is everyone's neighbor."""
    return (clients - 1 + corrupt) // 2 + 1


def _degree_and_threshold(clients: int, corrupt: int, min_survivors: int) -> tuple[int, int]:
    """The complete graph among few artists; among many, the sparse one that withstands a lying server."""
    if clients <= COMPLETE_UP_TO:
        return clients - 1, _complete_threshold(clients, corrupt)
    graph = parameters(clients, corrupt=corrupt / clients, dropout=1 - min_survivors / clients)
    return graph.degree, graph.threshold


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
        vectors={_UPDATE: update.values},
        random=random(CLIENT_RANDOM_BYTES),
    )


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


def check_cohort(identities: Collection[bytes], register: Cohorts, min_cohort: int) -> None:
    """Refuse a cohort that differs from an earlier one in too few artists (AGG-5); every artist refuses it too.

    Args:
        identities: The cohort.
        register: All cohorts of earlier sessions, whoever was in them.
        min_cohort: Fewest artists that an artist hides among.

    Raises:
        InputError: Says how many have left and joined.
    """
    conflict = register.conflict(identities, min_cohort)
    if conflict:
        raise InputError(f"{conflict}; keep the cohort as it was, or let {min_cohort} or more join or leave at once")


def session_params(identities: Sequence[bytes], subject: Subject, mechanism: Mechanism) -> SessionParams:
    """The session's public parameters, as the server announces them.

    Raises:
        InputError: The cohort cannot bear the corrupt clients or dropouts that the mechanism assumes.
    """
    try:
        degree, threshold = _degree_and_threshold(len(identities), mechanism.corrupt, mechanism.min_survivors)
        update = VectorSpec(
            name=_UPDATE,
            length=mechanism.dimension,
            modulus_bits=mechanism.modulus_bits,
            max_abs_input=mechanism.max_abs_input,
        )
        return SessionParams(
            iteration=subject.iteration,
            identities=tuple(identities),
            vectors=(update,),
            degree=degree,
            threshold=threshold,
            corrupt=mechanism.corrupt,
            min_survivors=mechanism.min_survivors,
            model_digest=subject.model_digest,
            architecture_digest=subject.architecture_digest,
            anchors_digest=subject.anchors_digest,
            privacy_digest=mechanism.digest,
        )
    except ProtocolError as error:
        raise InputError(f"no secure session fits this cohort: {error}") from error


def aggregate(
    params: SessionParams,
    mechanism: Mechanism,
    engine: Engine,
    mailboxes: Sequence[str],
    *,
    transcripts: Path | None = None,
) -> Aggregate:
    """Run one session as the server: only protocol bytes come in, only the sum comes out (AGG-4).

    Args:
        params: The session.
        mechanism: How the sum is read back.
        engine: Moves the bytes; whoever does not reply in a round has dropped out.
        mailboxes: The artists' mailbox names, in the order of `params.identities`.
        transcripts: Folder in which to write down all that was sent and received, masked vectors left out; None for
            nowhere. Aborted sessions are written down too.

    Raises:
        AggregationAborted: Too few artists stayed, a recovered secret was not what had been promised, or the sum is
            none of honest uploads (AGG-5).
        OSError: The transcript cannot be written.
    """
    server = Server(params)
    index_of = {name: index for index, name in enumerate(mailboxes)}
    exchanges: list[Exchange] = []
    requests = server.start()
    try:
        while requests:
            sent = {mailboxes[index]: request for index, request in requests.items()}
            replies = engine.exchange(sent)
            if transcripts is not None:
                exchanges += [
                    Exchange(index_of[name], request, omit_input(replies.get(name))) for name, request in sent.items()
                ]
            for name, reply in replies.items():
                _receive(server, index_of[name], reply)
            requests = server.close_round()
    except SessionAborted as error:
        raise AggregationAborted(f"iteration {params.iteration}: {error}") from error
    finally:
        if transcripts is not None:
            path = transcripts / f"iteration-{params.iteration:04d}.json"
            path.write_bytes(Transcript(params, tuple(exchanges)).encode())
    try:
        return _open(server.aggregate()[_UPDATE], len(server.survivors), mechanism)
    except InputError as error:
        raise AggregationAborted(
            f"iteration {params.iteration}: some artist's upload is out of bounds: {error}"
        ) from error


def audit_transcripts(
    transcripts: Sequence[tuple[str, bytes]], *, corrupt: Collection[int] = (), same_inputs: bool = False
) -> dict[str, Any]:
    """Compute exactly what leaked in sessions that were written down.

    Args:
        transcripts: Names and contents of transcript files.
        corrupt: Artists that work with the server, by position in the first session's roster.
        same_inputs: Whether artists brought the same updates to all sessions (`protocols.audit.audit`).

    Returns:
        The findings in plain values: whether the promise `holds`, `problems` as sentences, the `leaks` of all sessions
        together, and each of the `sessions`. A leak maps an artist's index (in the leaks of several sessions together,
        the number that `protocols.audit.Findings` gives it) to the coefficient of its update.

    Raises:
        InputError: A file is no transcript, or `corrupt` names nobody.
    """
    sessions = []
    for name, data in transcripts:
        try:
            sessions.append(Transcript.decode(data))
        except ProtocolError as error:
            raise InputError(f"{name} is no transcript: {error}") from error
    try:
        findings = audit(sessions, corrupt=corrupt, same_inputs=same_inputs)
    except ProtocolError as error:
        raise InputError(f"these transcripts cannot be audited: {error}") from error
    return {
        "holds": findings.holds,
        "problems": list(findings.problems),
        "leaks": list(findings.leaks),
        "sessions": [
            {
                "file": name,
                "iteration": session.iteration,
                "artists": session.clients,
                "survivors": sorted(session.survivors),
                "corrupt": sorted(session.corrupt),
                "leaks": list(session.leaks),
                "in_words": session.in_words,
            }
            for (name, _), session in zip(transcripts, findings.sessions, strict=True)
        ],
    }


def ring_sum(uploads: Iterable[NDArray[np.int64]], mechanism: Mechanism) -> NDArray[np.int64]:
    """What a session would sum these uploads to, without masks: modulo 2^modulus_bits, read back as signed numbers.

    For auditors, who hold all uploads and need thousands of sums.

    Args:
        uploads: At least one, each int64 [..., mechanism.dimension].
        mechanism: Names the ring.

    Returns:
        int64 [..., mechanism.dimension].
    """
    bits = mechanism.modulus_bits
    return from_ring(reduce(iadd, (to_ring(upload, bits) for upload in uploads)), bits)


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
