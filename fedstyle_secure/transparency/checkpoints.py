"""Checkpoints: a log's size and root, signed (C2SP tlog-checkpoint and signed-note, Ed25519).

CHK-1  One form: what opens is byte for byte what `sign` makes, under one origin and one key; nothing follows it.
CHK-2  A checkpoint's digest fixes origin, size and root, and through the root every entry: sessions are bound to it.
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols.errors import InvalidSignatureError
from protocols.primitives import signing

from ..errors import InputError
from .tree import HASH_BYTES

MAX_SIZE: Final = 1 << 48
MAX_NOTE: Final = 1024
"""Bytes of the longest checkpoint."""

_ORIGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,127}")
_NOTE: Final = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/=]{44})\n)\n"
    r"\u2014 (?P<name>[^ \n]+) (?P<signature>[A-Za-z0-9+/=]{92})\n"
)
_ED25519: Final = b"\1"
_KEY_ID_BYTES: Final = 4


class CheckpointError(InputError):
    """Bytes that are no checkpoint of the log whose key and origin are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log at one moment.

    Attributes:
        origin: The log's name, unique in the world: host and path, without a scheme.
        size: Number of entries.
        root: Root of the tree over them, 32 bytes.

    Raises:
        CheckpointError: A field is out of range.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise CheckpointError(f"a checkpoint has a size up to 2^48 and a root of {HASH_BYTES} bytes")

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is signed, 32 bytes (CHK-2)."""
        return sha256(self._text().encode()).digest()

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """The signed note."""
        signature = key.sign(self._text().encode())
        marked = _key_id(self.origin, signing.identity_of(key)) + signature
        return f"{self._text()}\n\u2014 {self.origin} {b64encode(marked).decode()}\n".encode()

    @classmethod
    def open(cls, note: bytes, *, origin: str, key: bytes) -> Self:
        """Read a signed note that must be of this log (CHK-1).

        Args:
            note: The bytes.
            origin: The log's name.
            key: Its Ed25519 public key, 32 bytes.

        Raises:
            CheckpointError: Of another log, not signed by it, or written otherwise.
        """
        try:
            parts = _NOTE.fullmatch(note[: MAX_NOTE + 1].decode()) if len(note) <= MAX_NOTE else None
            if parts is None:
                raise CheckpointError("these bytes are no signed checkpoint of a log: ask the platform for its newest")
            marked, root = (b64decode(parts[name], validate=True) for name in ("signature", "root"))
            checkpoint = cls(origin=parts["origin"], size=int(parts["size"]), root=root)
            if {parts["origin"], parts["name"]} != {origin}:
                raise CheckpointError(
                    f"this is a checkpoint of the log {parts['origin']!r}, not of {origin!r}: a platform that opened a "
                    "new log must tell its artists and buyers why, and they pin its name anew"
                )
            if marked[:_KEY_ID_BYTES] != _key_id(origin, key):
                raise CheckpointError(f"the checkpoint of {origin!r} was signed with another key than the pinned one")
            signing.verify(key, marked[_KEY_ID_BYTES:], b"", parts["text"].encode())
        except (ValueError, InvalidSignatureError) as error:
            raise CheckpointError(f"the log {origin!r} did not sign this checkpoint") from error
        if b64encode(root).decode() != parts["root"] or b64encode(marked).decode() != parts["signature"]:
            raise CheckpointError(f"the checkpoint of {origin!r} is not written in its one form")
        return checkpoint

    def _text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def check_origin(origin: str) -> None:
    """Refuse what cannot name a log.

    Raises:
        CheckpointError: Says what can.
    """
    if not _ORIGIN.fullmatch(origin):
        raise CheckpointError(
            f"{origin!r:.60} does not name a log: up to 128 letters, digits and . : / _ -, like gallery.example/log"
        )


def _key_id(name: str, key: bytes) -> bytes:
    """C2SP signed-note: four bytes that tell keys of one name apart."""
    return sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:_KEY_ID_BYTES]
