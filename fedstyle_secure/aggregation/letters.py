"""What crosses the wall, in signed envelopes, whatever engine carries it.

LET-1  The platform takes a reply only as what the artist who was asked signed for this purpose, session and round: one
       that was altered on the way, another's or an old one is no reply.
LET-2  An artist answers only what the platform whose key it pinned signed for it. What anybody else sends is refused
       before the artist or its session sees it, and changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import Envelope as Envelope  # noqa: PLC0414  (whoever sends a letter gets it, and the rest, from here)
from protocols import ProtocolError as ProtocolError  # noqa: PLC0414
from protocols import Purpose as Purpose  # noqa: PLC0414
from protocols.envelope import ENVELOPE_SIZE as ENVELOPE_SIZE  # noqa: PLC0414

from ..engines.courier import Engine, Letters, Wait


def answering(
    answer: Callable[[bytes], bytes], purpose: Purpose, *, identity: Ed25519PrivateKey, server_key: bytes
) -> Callable[[bytes], bytes]:
    """An artist's mailbox: opens what the platform sends, and signs the answer to it (LET-2).

    Args:
        answer: Answers one request.
        purpose: What this mailbox is for.
        identity: The artist's long-lived signing key.
        server_key: The platform's pinned Ed25519 public key, 32 bytes.

    Returns:
        Answers one envelope with another; raises `ProtocolError` for what is no envelope of the platform's.
    """
    own = _public(identity)

    def mailbox(data: bytes) -> bytes:
        request = Envelope.open(data, sender=server_key, recipient=own, purpose=purpose)
        reply = answer(request.body)
        return replace(request, sender=own, recipient=server_key, body=reply).seal(identity)

    return mailbox


def exchange(
    engine: Engine,
    requests: Mapping[str, bytes],
    artists: Mapping[str, bytes],
    purpose: Purpose,
    *,
    name: str,
    wait: Wait,
    identity: Ed25519PrivateKey,
    session: int = 0,
    round_: int = 0,
) -> Iterator[tuple[str, bytes]]:
    """Send requests in envelopes, and yield what comes back in envelopes that fit, as it comes (LET-1).

    Args:
        engine: Moves the bytes.
        requests: By mailbox.
        artists: Whose mailbox each is: Ed25519 public keys, 32 bytes.
        purpose: What the requests are for.
        name: The exchange's own (`Engine.exchange`).
        wait: When to stop waiting.
        identity: The platform's signing key.
        session: Number of the session, 0 outside of any.
        round_: Round of the session; of an announcement, the iteration.

    Yields:
        A mailbox and its reply. Asking for the next acknowledges it, the end closes the exchange.
    """
    own = _public(identity)

    def seal(mailbox: str) -> bytes:
        return Envelope(
            sender=own,
            recipient=artists[mailbox],
            purpose=purpose,
            session=session,
            round=round_,
            body=requests[mailbox],
        ).seal(identity)

    for mailbox, data in engine.exchange(Letters(requests, seal), name=name, wait=wait):
        try:
            reply = Envelope.open(data, sender=artists[mailbox], recipient=own, purpose=purpose)
        except ProtocolError:
            continue
        if (reply.session, reply.round) == (session, round_):
            yield mailbox, reply.body


def _public(identity: Ed25519PrivateKey) -> bytes:
    return identity.public_key().public_bytes_raw()
