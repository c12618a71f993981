from contextlib import suppress
from itertools import product

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocols.errors import InvalidSignatureError
from protocols.primitives.signing import SMALL_ORDER, identity_of, sign, verify

# RFC 8032, section 7.1, TEST 2
PRIVATE = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_signatures_are_those_of_rfc_8032():
    assert identity_of(PRIVATE) == PUBLIC
    assert sign(PRIVATE, b"", b"\x72") == SIGNATURE
    assert sign(PRIVATE, b"\x72", b"") == SIGNATURE
    verify(PUBLIC, SIGNATURE, b"", b"\x72")


@pytest.mark.parametrize("bit", [0, 7, 255, 256, 400, 511])
def test_a_flipped_bit_does_not_verify(bit):
    forged = (int.from_bytes(SIGNATURE, "big") ^ 1 << bit).to_bytes(64, "big")
    with pytest.raises(InvalidSignatureError):
        verify(PUBLIC, forged, b"", b"\x72")


@pytest.mark.parametrize(
    ("identity", "signature", "context", "message"),
    [
        (identity_of(Ed25519PrivateKey.from_private_bytes(bytes(32))), SIGNATURE, b"", b"\x72"),
        (PUBLIC, SIGNATURE, b"other", b"\x72"),
        (PUBLIC, SIGNATURE, b"", b"\x73"),
        (PUBLIC, SIGNATURE[:-1], b"", b"\x72"),
        (PUBLIC, b"", b"", b"\x72"),
        (PUBLIC[:-1], SIGNATURE, b"", b"\x72"),
    ],
)
def test_anything_else_does_not_verify(identity, signature, context, message):
    with pytest.raises(InvalidSignatureError):
        verify(identity, signature, context, message)


def forgery(identity: bytes) -> tuple[bytes, bytes]:
    """A message and a signature that the library accepts although nobody made it: R of small order, and S = 0."""
    key = Ed25519PublicKey.from_public_bytes(identity)
    for message, point in product((b"%d" % number for number in range(100)), sorted(SMALL_ORDER)):
        with suppress(InvalidSignature):
            key.verify(point + bytes(32), message)
            return message, point + bytes(32)
    raise AssertionError("no forgery in 1,400 trials")


@pytest.mark.parametrize("identity", sorted(SMALL_ORDER), ids=bytes.hex)
def test_an_identity_of_small_order_verifies_nothing(identity):
    """SIG-2, for every encoding; without it anybody signs in that identity's name."""
    message, signature = forgery(identity)
    with pytest.raises(InvalidSignatureError, match="small order"):
        verify(identity, signature, b"", message)
