"""The server's side: protocol bytes come in, one aggregate comes out.

AGG-4  The server's side handles protocol bytes and the final sum, nothing else.
AGG-6  A sum that no honest uploads can reach ends its session like any other failure: nothing is made of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from itertools import count
from operator import iadd
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import FaultyClientError, Server, SessionAborted, SessionParams
from protocols.audit import Exchange, OmittedInput, Transcript, omit_input
from protocols.masking import from_ring, to_ring
from protocols.speakonce import Server as WindowServer

from ..engines.courier import FOREVER, Engine, Letters, Wait, Window
from ..errors import FedStyleError, InputError
from ..privacy.mechanism import Mechanism
from ..privacy.quantization import dequantize
from .letters import Envelope, Purpose, exchange
from .session import UPDATE
from .windows import ROUNDS_AHEAD, AnyParams, Recall


class AggregationAborted(FedStyleError):  # noqa: N818 - an outcome the caller plans for
    """The session ended without a sum; the message says why. Nothing was learned and nothing is lost but the time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate:
    """The sum over the survivors: all the server ever learns of an iteration.

    Attributes:
        tensors: Each tensor's sum of clipped rows with noise, float64, in the tensor's own units.
        noise: Standard deviation of the noise in a coordinate of each tensor.
        survivors: Number of artists in the sum.
        digest: SHA-256 of the integers that it was read from, which whoever has all uploads can compute again.
    """

    tensors: Mapping[str, NDArray[np.float64]]
    noise: Mapping[str, float]
    survivors: int
    digest: bytes


def digest_of(total: NDArray[np.int64]) -> bytes:
    """SHA-256 of a sum, its coordinates as 8 bytes each, little end first."""
    return sha256(total.astype("<i8").tobytes()).digest()


def _whole(_mailbox: str, reply: bytes) -> bytes:
    return reply


def aggregate(
    params: AnyParams,
    mechanism: Mechanism,
    engine: Engine,
    mailboxes: Sequence[str],
    *,
    identity: Ed25519PrivateKey,
    take: Callable[[str, bytes], bytes] = _whole,
    window: Window = FOREVER,
    speaking: Window = FOREVER,
    recall: Recall | None = None,
    transcript: Path | None = None,
) -> Aggregate:
    """Run one session as the server: only protocol bytes come in, only the sum comes out (AGG-4).

    Args:
        params: The session.
        mechanism: How the sum is read back.
        engine: Moves the bytes; whoever does not reply in a round has dropped out.
        mailboxes: The artists' mailbox names, in the order of `params.identities`.
        identity: The platform's signing key, whose public half the session names; every request and reply travels in
            a signed envelope (`letters`), and a reply that is not its artist's own is none.
        take: Of a mailbox and its reply, takes off what else its artist put into it, and returns the session's own.
        window: How long artists have for each round; enough have replied when a sum may come of it.
        speaking: How long they have for the one message of a session in which they speak once.
        recall: Gives back what a mailbox answered in an exchange, where that is kept; see `Speaking.recall`.
        transcript: File in which to write down all that was sent and received, masked vectors left out; None for
            nowhere. Aborted sessions are written down too.

    Raises:
        AggregationAborted: Too few artists stayed, a recovered secret was not what had been promised, or the sum is
            none of honest uploads (AGG-5).
        OSError: The transcript cannot be written.
    """

    def again(index: int) -> bytes:
        """An artist's one message, to be taken back out of the accumulator."""
        if recall is None:
            raise AggregationAborted(
                f"iteration {params.iteration}: an artist's boxes do not open, and what it said was not kept"
            )
        kept = recall(_exchange_name(params, before), mailboxes[index])
        own, sender = identity.public_key().public_bytes_raw(), params.identities[index]
        return take(mailboxes[index], Envelope.open(kept, sender=sender, recipient=own, purpose=Purpose.SESSION).body)

    server, before = _server(params, again)
    index_of = {name: index for index, name in enumerate(mailboxes)}
    exchanges: list[Exchange] = []
    artists = dict(zip(mailboxes, params.identities, strict=True))
    rounds = count(before)
    requests = server.start()
    try:
        while requests:
            sent = _by_mailbox(requests, mailboxes)
            responses: dict[str, bytes | OmittedInput | None] = {}
            round_ = next(rounds)
            for name, reply in exchange(
                engine,
                sent,
                artists,
                Purpose.SESSION,
                name=_exchange_name(params, round_),
                wait=_wait(params, round_ - before, window, speaking),
                identity=identity,
                session=params.session,
                round_=round_,
            ):
                response = take(name, reply)
                _receive(server, index_of[name], response)
                if transcript is not None:
                    responses[name] = omit_input(sent[name], response)
            if transcript is not None:
                exchanges += [Exchange(index_of[name], sent[name], responses.get(name)) for name in sent]
            requests = server.close_round()
    except SessionAborted as error:
        raise AggregationAborted(f"iteration {params.iteration}: {error}") from error
    finally:
        if transcript is not None:
            transcript.write_bytes(Transcript(params, tuple(exchanges)).encode())
    try:
        return _open(server.aggregate()[UPDATE], len(server.survivors), mechanism)
    except InputError as error:
        raise AggregationAborted(
            f"iteration {params.iteration}: some artist's upload is out of bounds: {error}"
        ) from error


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


def _by_mailbox(requests: Mapping[int, bytes], mailboxes: Sequence[str]) -> Letters:
    index_of = {mailboxes[index]: index for index in requests}
    return Letters(index_of, lambda name: requests[index_of[name]])


def _exchange_name(params: AnyParams, round_: int) -> str:
    return f"session {params.session} round {round_}"


def _server(params: AnyParams, again: Callable[[int], bytes]) -> tuple[Server | WindowServer, int]:
    """The machine that fits, and how many rounds of the session came before it."""
    if isinstance(params, SessionParams):
        return Server(params), 0
    return WindowServer(params, again), ROUNDS_AHEAD


def _wait(params: AnyParams, number: int, window: Window, speaking: Window) -> Wait:
    """Until a sum may come of a round: enough artists, or members of the committee."""
    if isinstance(params, SessionParams):
        return window.until(params.min_survivors)
    return window.until(params.quorum) if number else speaking.until(params.clients)


def _receive(server: Server | WindowServer, index: int, reply: bytes) -> None:
    """A faulty reply makes its sender a dropout; the session goes on as long as enough others stay."""
    try:
        server.receive(index, reply)
    except FaultyClientError:
        return


def _open(total: NDArray[np.int64], survivors: int, mechanism: Mechanism) -> Aggregate:
    tensors = mechanism.layout.split(dequantize(total, mechanism))
    unit = np.sqrt(survivors) * mechanism.sigma_share / mechanism.scale
    noise = {s.name: float(unit * s.clip_norm / np.sqrt(s.share)) for s in mechanism.layout.segments}
    return Aggregate(tensors=tensors, noise=noise, survivors=survivors, digest=digest_of(total))
