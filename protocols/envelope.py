"""One signed envelope for all that crosses the wall, in both directions and over every engine.

An envelope is a header (version, purpose, sender, recipient, session, round: 82 bytes), the sender's signature (64)
and the body. What is signed is the header and the SHA-256 digest of the body.

ENV-1  An envelope opens only as what the one sender whom the recipient expects signed for it: one bit of header or body
       altered, another sender or another recipient, and there is no body.
ENV-2  It says what it is for: what was signed for one purpose, session and round is nothing in another.
ENV-3  One encoding for each envelope: fixed sizes, one version, only purposes that exist.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .codec import Domain, Reader, uint
from .errors import InvalidSignatureError, LocalProtocolError, MalformedMessageError
from .primitives import signing

ENVELOPE_VERSION = 1
"""The only version this code speaks."""
ENVELOPE_SIZE = 1 + 1 + 2 * signing.IDENTITY_SIZE + 8 + 8 + signing.SIGNATURE_SIZE
"""Bytes an envelope is longer than its body."""


class Purpose(IntEnum):
    """What an envelope is for."""

    ANNOUNCEMENT = 1
    """An iteration is announced, or that is answered."""
    SESSION = 2
    """A round of a session is asked for, or answered."""
    POLL = 3
    """An artist asks what there is to answer."""
    JOIN = 4
    """An artist enrols, or is told that it is enrolled."""
    OFFER = 5
    """A training is proposed, or that is answered."""
    PUBLISH = 6
    """An artist publishes a signature, or is told that it is entered; likewise the next three."""
    WITHDRAW = 7
    """A published signature is withdrawn."""
    LEAVE = 8
    """An artist leaves."""
    RENEW = 9
    """An artist replaces its key."""
    OUTCOME = 10
    """A training is over, or that is answered."""


_NUMBERS = frozenset(Purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What was sent, by whom, to whom and what for.

    Attributes:
        sender: Ed25519 public key of who signs, 32 bytes.
        recipient: Public key of whom it is for, 32 bytes.
        purpose: What it is for.
        session: Number of the session, 0 outside of any.
        round: Round of the session, from 0; of an announcement, the iteration.
        body: The message.
    """

    sender: bytes
    recipient: bytes
    purpose: Purpose
    session: int
    round: int
    body: bytes = field(repr=False)

    def seal(self, identity: Ed25519PrivateKey) -> bytes:
        """Signs and encodes it; `ENVELOPE_SIZE` bytes more than the body.

        Raises:
            LocalProtocolError: `identity` is not the sender's.
        """
        if signing.identity_of(identity) != self.sender:
            raise LocalProtocolError("envelope: signed by another than its sender")
        return self._header() + signing.sign(identity, Domain.ENVELOPE.value, self._statement()) + self.body

    @classmethod
    def open(cls, data: bytes, *, sender: bytes, recipient: bytes, purpose: Purpose) -> Self:
        """Reads an envelope that must come from this sender, to this recipient, for this purpose.

        Raises:
            MalformedMessageError: no envelope, or one for another recipient or purpose.
            InvalidSignatureError: the sender did not sign it, or it is another's.
        """
        envelope, signature = cls._read(data)
        if envelope.purpose is not purpose:
            raise MalformedMessageError(
                f"envelope: for purpose {envelope.purpose.value}, not for {purpose.name.lower()}"
            )
        if envelope.recipient != recipient:
            raise MalformedMessageError("envelope: for another recipient")
        if envelope.sender != sender:
            raise InvalidSignatureError("envelope: of another sender")
        signing.verify(sender, signature, Domain.ENVELOPE.value, envelope._statement())
        return envelope

    @classmethod
    def claims(cls, data: bytes) -> Self:
        """Reads what an envelope says of itself, whoever made it: nothing of this is true before `open` says so.

        Whoever expects envelopes of many senders learns here whose to look for. The body may still be on its way.

        Args:
            data: At least the first `ENVELOPE_SIZE` bytes.

        Raises:
            MalformedMessageError: no envelope.
        """
        return cls._read(data)[0]

    @classmethod
    def _read(cls, data: bytes) -> tuple[Self, bytes]:
        """Header and body, and the signature."""
        reader = Reader(data, cls.__name__)
        if (version := reader.uint(1)) != ENVELOPE_VERSION:
            raise MalformedMessageError(f"envelope: version {version}, this code speaks {ENVELOPE_VERSION} only")
        if (number := reader.uint(1)) not in _NUMBERS:
            raise MalformedMessageError(f"envelope: for purpose {number}, which there is not")
        sender, recipient = reader.take(signing.IDENTITY_SIZE), reader.take(signing.IDENTITY_SIZE)
        session, round_ = reader.uint(8), reader.uint(8)
        signature = reader.take(signing.SIGNATURE_SIZE)
        envelope = cls(
            sender=sender,
            recipient=recipient,
            purpose=Purpose(number),
            session=session,
            round=round_,
            body=data[ENVELOPE_SIZE:],
        )
        return envelope, signature

    def _header(self) -> bytes:
        numbers = uint(self.session, 8) + uint(self.round, 8)
        return bytes((ENVELOPE_VERSION, self.purpose)) + self.sender + self.recipient + numbers

    def _statement(self) -> bytes:
        return self._header() + sha256(self.body).digest()
