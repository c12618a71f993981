"""Where snapshots of clients go: an encrypted record each, at a position that never decreases, for the caller to store.

What a snapshot holds, and what follows from that, is each protocol's business (SNP-1 to SNP-5).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from .codec import Reader, uint
from .errors import InvalidDataError, LocalProtocolError
from .held import Answer
from .params import DIGEST_SIZE
from .primitives import aead

SNAPSHOT_FORMAT = 2
"""The only format this code reads and writes."""
NOTHING_KEPT = b"\0"
"""What a snapshot holds that says its position alone: not every OpenSSL seals the empty string under AES-GCM-SIV."""

_HEADER_SIZE = 1 + aead.RECORD_NONCE_SIZE  # the format, and the position, which is the nonce

T = TypeVar("T")


class SnapshotError(LocalProtocolError):
    """A snapshot was refused: it does not open, or is not the newest. No peer is to blame, only what was stored."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Position:
    """How far a client is; compares by session, then by sequence.

    Attributes:
        session: Newest session in which the client took part, 0 for none.
        sequence: How many rounds it answered there, 1 to 5, or 6 when the session failed; 0 is before all of them.
    """

    session: int
    sequence: int = 0

    @classmethod
    def of(cls, snapshot: bytes) -> Self:
        """Reads the position that a snapshot claims. Only restoring a client finds out whether the claim is true.

        Raises:
            SnapshotError: too short, or of another format.
        """
        if len(snapshot) < _HEADER_SIZE + aead.TAG_SIZE:
            raise SnapshotError(f"{len(snapshot)} bytes are too short for a snapshot")
        if snapshot[0] != SNAPSHOT_FORMAT:
            raise SnapshotError(f"a snapshot of format {snapshot[0]}, this code reads {SNAPSHOT_FORMAT} only")
        reader = Reader(snapshot[1:_HEADER_SIZE], cls.__name__)
        return cls(session=reader.uint(8), sequence=reader.uint(4))

    def encode(self) -> bytes:
        """Returns 12 bytes which sort as positions do."""
        return uint(self.session, 8) + uint(self.sequence, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where a client's snapshots go.

    Attributes:
        key: 32 uniform bytes that encrypt snapshots and nothing else. A key made for one session and destroyed after it
            makes unreadable what a disk still holds of older snapshots.
        keep: Stores a snapshot in place of the one before, or raises; the client answers only after it has returned.
            What this package cannot do is its business: the snapshot must survive a crash when it returns (write to a
            new file, fsync, rename over the old one, fsync the folder), and a crash in the middle must leave the old
            one or the new one, no mixture and no third copy. If two processes could restore the same client, it must
            also refuse a snapshot at the stored one's position or before (`Position.of`), unless the bytes are equal.

    Raises:
        LocalProtocolError: the key is not 32 bytes.
    """

    key: bytes = field(repr=False)
    keep: Callable[[bytes], None]

    def __post_init__(self) -> None:
        if len(self.key) != aead.RECORD_KEY_SIZE:
            raise LocalProtocolError(f"vault: a key has {aead.RECORD_KEY_SIZE} bytes, got {len(self.key)}")


def seal_snapshot(content: bytes, position: Position, *, key: bytes, identity: bytes, domain: bytes) -> bytes:
    """Makes a snapshot.

    Args:
        content: What it holds, at least one byte.
        position: How far the client is; the nonce.
        key: 32 bytes.
        identity: The client's Ed25519 public key, 32 bytes.
        domain: Of whose states it is.

    Returns:
        Format, position and tag, 29 bytes, and the encrypted content.
    """
    header = uint(SNAPSHOT_FORMAT, 1) + position.encode()
    return header + aead.seal_record(key, header[1:], content, domain + header + identity)


def open_snapshot(
    snapshot: bytes,
    read: Callable[[Position, Reader], T],
    *,
    key: bytes,
    identity: bytes,
    domain: bytes,
    at_least: Position,
) -> tuple[Position, T]:
    """Opens what `seal_snapshot` made.

    Args:
        snapshot: The snapshot.
        read: Reads all of its content.
        key: As it was sealed.
        identity: As it was sealed.
        domain: As it was sealed.
        at_least: The newest position the caller knows of.

    Returns:
        Its position, and what `read` returned.

    Raises:
        SnapshotError: altered, cut short, of another format, identity or key, or older than `at_least`.
    """
    position = Position.of(snapshot)
    header = snapshot[:_HEADER_SIZE]
    try:
        content = aead.unseal_record(key, header[1:], memoryview(snapshot)[_HEADER_SIZE:], domain + header + identity)
        reader = Reader(content, "Snapshot")
        state = read(position, reader)
        reader.finish()
    except InvalidDataError as error:
        raise SnapshotError(
            "the snapshot does not open: altered, cut short, of another client, or sealed under another key"
        ) from error
    if position < at_least:
        raise SnapshotError(f"a snapshot of {position}, although {at_least} has been reached: it was rolled back")
    return position, state


def write_answer(answer: Answer | None) -> tuple[bytes, ...]:
    """Encodes an answer; nothing of none."""
    return () if answer is None else (answer.request, uint(len(answer.response), 8), answer.response)


def read_answer(reader: Reader) -> Answer:
    """Reads what `write_answer` made of an answer."""
    return Answer(reader.take(DIGEST_SIZE), reader.take(reader.uint(8)))
