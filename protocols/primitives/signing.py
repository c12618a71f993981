"""Ed25519 signatures (RFC 8032) by long-lived identities.

SIG-1  What is signed starts with the caller's context (purpose and session, prefix-free), so that no signature means
       anything in another place.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import InvalidSignatureError

IDENTITY_SIZE = 32
"""Bytes of a public key."""
SIGNATURE_SIZE = 64
"""Bytes of a signature."""


def identity_of(private: Ed25519PrivateKey) -> bytes:
    """Returns the public key, 32 bytes."""
    return private.public_key().public_bytes_raw()


def sign(private: Ed25519PrivateKey, context: bytes, message: bytes) -> bytes:
    """Signs `context || message`; 64 bytes."""
    return private.sign(context + message)


def verify(identity: bytes, signature: bytes, context: bytes, message: bytes) -> None:
    """Checks a signature over `context || message`.

    Raises:
        InvalidSignatureError: it does not verify, or `identity` is no public key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, context + message)
    except (InvalidSignature, ValueError) as error:
        raise InvalidSignatureError("the signature does not verify under this identity") from error
