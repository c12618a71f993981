"""Sealed envelopes between a platform and artists, with keys that are the same every time."""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Envelope, Purpose

PLATFORM = Ed25519PrivateKey.from_private_bytes(sha256(b"platform").digest())


def artist_key(index: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(b"artist %d" % index).digest())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def sealed(
    sender: Ed25519PrivateKey,
    recipient: Ed25519PrivateKey = PLATFORM,
    *,
    body: bytes = b"",
    purpose: Purpose = Purpose.SESSION,
    session: int = 1,
    round_: int = 0,
) -> bytes:
    envelope = Envelope(
        sender=public(sender), recipient=public(recipient), purpose=purpose, session=session, round=round_, body=body
    )
    return envelope.seal(sender)


def asked(count: int = 3, **about: object) -> dict[str, bytes]:
    """One request of the platform for each of the first artists, by mailbox."""
    return {
        f"{public(artist_key(index)).hex()}/session": sealed(PLATFORM, artist_key(index), body=b"asked", **about)
        for index in range(count)
    }


def answer(index: int, body: bytes = b"answer", **about: object) -> tuple[Envelope, bytes]:
    """An artist's answer, opened, and its bytes."""
    data = sealed(artist_key(index), body=body, **about)
    return Envelope.claims(data), data
