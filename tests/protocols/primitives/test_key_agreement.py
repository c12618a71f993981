"""X25519 against RFC 7748, HKDF against RFC 5869 written out with the standard library."""

import hmac

import pytest

from protocols.errors import InvalidKeyError, LocalProtocolError
from protocols.primitives.key_agreement import KeyPair, check_public_key

# RFC 7748, section 6.1
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICE_PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")

PRIME = 2**255 - 19
SMALL_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
    PRIME,
    PRIME + 1,
]


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """One block of RFC 5869."""
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info + b"\x01", "sha256")


def test_our_hkdf_is_the_one_of_rfc_5869():
    # Appendix A.1, first 32 bytes of the output
    okm = hkdf_sha256(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_public_keys_are_those_of_rfc_7748():
    assert KeyPair(ALICE).public == ALICE_PUBLIC
    assert KeyPair(BOB).public == BOB_PUBLIC


def test_agreed_keys_are_hkdf_of_the_secret_of_rfc_7748():
    expected = hkdf_sha256(SHARED, bytes(32), b"purpose")
    assert KeyPair(ALICE).agree(BOB_PUBLIC, b"purpose") == expected
    assert KeyPair(BOB).agree(ALICE_PUBLIC, b"purpose") == expected


def test_the_purpose_separates_keys():
    assert KeyPair(ALICE).agree(BOB_PUBLIC, b"a") != KeyPair(ALICE).agree(BOB_PUBLIC, b"b")


@pytest.mark.parametrize("point", SMALL_ORDER)
@pytest.mark.parametrize("top_bit", [0, 1])
def test_points_of_small_order_are_refused(point, top_bit):
    public = (point | top_bit << 255).to_bytes(32, "little")
    with pytest.raises(InvalidKeyError):
        KeyPair(ALICE).agree(public, b"")
    with pytest.raises(InvalidKeyError):
        check_public_key(public)


def test_an_honest_key_passes_the_check():
    check_public_key(ALICE_PUBLIC)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_size_are_refused(size):
    with pytest.raises(InvalidKeyError):
        KeyPair(ALICE).agree(bytes([9] * size), b"")
    with pytest.raises(LocalProtocolError):
        KeyPair(bytes(size))


def test_a_key_pair_does_not_show_its_private_key():
    assert ALICE.hex() not in repr(KeyPair(ALICE))
    assert repr(ALICE) not in repr(KeyPair(ALICE))


def test_meeting_ahead_of_time_refuses_the_same_keys_and_agrees_on_the_same(monkeypatch):
    alice = KeyPair(ALICE)
    with pytest.raises(InvalidKeyError):
        alice.meet(bytes(32))
    alice.meet(BOB_PUBLIC)
    with monkeypatch.context() as patch:
        patch.setattr(alice, "_private", None)  # the point was computed once and for all
        assert alice.agree(BOB_PUBLIC, b"purpose") == KeyPair(ALICE).agree(BOB_PUBLIC, b"purpose")
    assert alice.agree(ALICE_PUBLIC, b"") != alice.agree(BOB_PUBLIC, b"")
