"""Boxes: AES-256-GCM (NIST SP 800-38D) under keys that seal exactly one message each.

BOX-1  The nonce is constant *because* a key seals one box: it is derived from fresh key pairs for one session and one
       direction, and a client seals once per peer and session. A key that could seal twice must not come here.
BOX-2  Sender, recipient and session travel as associated data: a box put into another envelope does not open.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import InvalidBoxError

TAG_SIZE = 16
"""Bytes a box is longer than its content."""

_NONCE = bytes(12)


def seal(key: bytes, content: bytes, associated_data: bytes) -> bytes:
    """Encrypts and authenticates `content` under a 32-byte key which is used for nothing else."""
    return AESGCM(key).encrypt(_NONCE, content, associated_data)


def unseal(key: bytes, box: bytes, associated_data: bytes) -> bytes:
    """Opens a box.

    Raises:
        InvalidBoxError: other key, other associated data, or altered bytes.
    """
    try:
        return AESGCM(key).decrypt(_NONCE, box, associated_data)
    except InvalidTag as error:
        raise InvalidBoxError(
            "the box does not open: altered, or sealed for another sender, recipient or session"
        ) from error
