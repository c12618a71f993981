"""Ed25519 signatures (RFC 8032) by long-lived identities.

SIG-1  What is signed starts with the caller's context (purpose and session, prefix-free), so that no signature means
       anything in another place.
SIG-2  An identity of small order, under which anybody can sign, verifies nothing.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import InvalidSignatureError

IDENTITY_SIZE = 32
"""Bytes of a public key."""
SIGNATURE_SIZE = 64
"""Bytes of a signature."""

_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # y of the points of order 8 is +-this
SMALL_ORDER = frozenset(
    (y | sign << 255).to_bytes(IDENTITY_SIZE, "little")
    for y in (0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8)
    for sign in (0, 1)
)
"""Every encoding of the 8 points of small order, with y beyond the prime and the other sign of x = 0 too: 14 in all."""


def identity_of(private: Ed25519PrivateKey) -> bytes:
    """Returns the public key, 32 bytes."""
    return private.public_key().public_bytes_raw()


def sign(private: Ed25519PrivateKey, context: bytes, message: bytes) -> bytes:
    """Signs `context || message`; 64 bytes."""
    return private.sign(context + message)


def verify(identity: bytes, signature: bytes, context: bytes, message: bytes) -> None:
    """Checks a signature over `context || message`.

    Raises:
        InvalidSignatureError: it does not verify, or `identity` is no public key, or one of small order.
    """
    if identity in SMALL_ORDER:
        raise InvalidSignatureError("the identity is of small order: anybody can sign under it")
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, context + message)
    except (InvalidSignature, ValueError) as error:
        raise InvalidSignatureError("the signature does not verify under this identity") from error
