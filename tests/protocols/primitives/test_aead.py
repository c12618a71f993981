import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidBoxError
from protocols.primitives.aead import TAG_SIZE, seal, unseal

KEY, CONTEXT = bytes(range(32)), b"session, from, to"


def test_aes_256_gcm_with_the_constant_nonce():
    # Test cases 13 and 14 of the GCM specification (McGrew and Viega): zero key, zero nonce.
    assert seal(bytes(32), b"", b"").hex() == "530f8afbc74536b9a963b4f1c4cb738b"
    expected = "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"
    assert seal(bytes(32), bytes(16), b"").hex() == expected


@given(st.binary(max_size=100))
def test_a_box_opens_to_its_content(content):
    box = seal(KEY, content, CONTEXT)
    assert len(box) == len(content) + TAG_SIZE
    assert unseal(KEY, box, CONTEXT) == content


@given(st.integers(0, 8 * (66 + TAG_SIZE) - 1))
def test_a_box_with_any_flipped_bit_stays_shut(bit):
    box = bytearray(seal(KEY, bytes(66), CONTEXT))
    box[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidBoxError):
        unseal(KEY, bytes(box), CONTEXT)


@pytest.mark.parametrize(("key", "context"), [(bytes(32), CONTEXT), (KEY, b"session, to, from"), (KEY, b"")])
def test_a_box_in_another_envelope_stays_shut(key, context):
    with pytest.raises(InvalidBoxError):
        unseal(key, seal(KEY, b"content", CONTEXT), context)


@pytest.mark.parametrize("size", [0, 1, TAG_SIZE - 1])
def test_a_box_too_short_to_be_one_stays_shut(size):
    with pytest.raises(InvalidBoxError):
        unseal(KEY, bytes(size), CONTEXT)
