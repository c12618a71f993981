from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocols.errors import InvalidDataError, MalformedMessageError
from protocols.secagg import messages
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    MaskedInputResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    request_type,
    response_type,
)
from protocols.secagg.statements import advertise
from protocols.wire import HEADER_SIZE

OPENING = HEADER_SIZE + 4 + 64
"""Bytes of a MaskedInputResponse before its vectors, if it names nobody."""


@pytest.fixture(scope="module")
def transcript(house):
    """Every message client 1 received or sent in a session in which client 3 drops out before MaskedInput."""
    vectors = (house.spec(modulus_bits=20), house.spec(name="head", length=3, modulus_bits=11))
    cohort = house.cohort(vectors=vectors).run(silent_from={3: 2})
    exchanged = [*(requests[1] for requests in cohort.requests[:5]), *(responses[1] for responses in cohort.responses)]
    return cohort.params, exchanged


def type_of(data):
    return request_type(data) if data[0] % 2 else response_type(data)


def decode(data, params):
    message = type_of(data)
    return message.decode(data) if message is AdvertiseKeysRequest else message.decode(data, params)


def encode(message, params):
    return message.encode() if isinstance(message, AdvertiseKeysRequest) else message.encode(params)


def test_every_message_survives_its_encoding(transcript):
    params, exchanged = transcript
    assert {type_of(data) for data in exchanged} == {*get_args(messages.Request), *get_args(messages.Response)}
    for data in exchanged:
        assert encode(decode(data, params), params) == data


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_bent_message_is_refused_or_is_another_message(transcript, data):
    params, exchanged = transcript
    honest = data.draw(st.sampled_from(exchanged))
    bent = bytearray(honest)
    kind = data.draw(st.sampled_from(["truncate", "extend", "flip", "overwrite"]))
    if kind == "truncate":
        del bent[data.draw(st.integers(1, len(bent) - 1)) :]
    elif kind == "extend":
        bent += data.draw(st.binary(min_size=1, max_size=40))
    elif kind == "flip":
        bit = data.draw(st.integers(8, 8 * len(bent) - 1))
        bent[bit // 8] ^= 1 << bit % 8
    else:
        start = data.draw(st.integers(1, len(bent) - 1))
        patch = data.draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1"]))
        bent[start : start + 4] = patch[: len(bent) - start]
    bent = bytes(bent)
    assume(bent != honest)
    try:
        message = decode(bent, params)
    except InvalidDataError:
        return
    assert kind in ("flip", "overwrite")
    assert encode(message, params) == bent
    assert message != decode(honest, params)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0b\x01", b"\xff" * 9])
def test_an_unknown_tag_is_refused(data):
    for find in (request_type, response_type):
        with pytest.raises(MalformedMessageError):
            find(data)


def test_requests_and_responses_do_not_pass_for_each_other(transcript):
    _, exchanged = transcript
    for data in exchanged[:5]:
        with pytest.raises(MalformedMessageError):
            response_type(data)
    for data in exchanged[5:]:
        with pytest.raises(MalformedMessageError):
            request_type(data)


def test_another_version_is_refused(transcript):
    params, exchanged = transcript
    for data in exchanged:
        with pytest.raises(MalformedMessageError, match="version"):
            decode(data[:1] + b"\x01" + data[2:], params)


def test_a_message_under_another_tag_is_refused(transcript):
    params, exchanged = transcript
    for data in exchanged:
        message = type_of(data)
        with pytest.raises(MalformedMessageError, match="tag"):
            message.decode(b"\x7f" + data[1:], *(() if message is AdvertiseKeysRequest else (params,)))


def test_every_message_but_the_first_names_its_session(transcript):
    params, exchanged = transcript
    for data in exchanged:
        if type_of(data) is not AdvertiseKeysRequest:
            assert data[2:HEADER_SIZE] == params.session_id


@pytest.mark.parametrize(
    "field", ["session", "min_survivors", "identities", "vectors", "model_digest", "privacy_digest"]
)
def test_a_message_of_another_session_is_refused_whatever_makes_it_another(transcript, house, field):
    """The same clients, and for the most part the same sizes: all fields would decode."""
    params, exchanged = transcript
    value = {
        "session": 8,
        "min_survivors": 4,
        "identities": params.identities[::-1],
        "vectors": (params.vectors[0], replace(params.vectors[1], max_abs_input=14)),
    }.get(field, house.digest("another"))
    other = replace(params, **{field: value})
    for data in exchanged:
        if type_of(data) is not AdvertiseKeysRequest:
            with pytest.raises(MalformedMessageError, match="another session"):
                decode(data, other)
            assert encode(decode(data, params), other) == data[:2] + other.session_id + data[HEADER_SIZE:]


@given(st.data())
def test_a_session_id_with_one_wrong_bit_is_another_session(transcript, data):
    params, exchanged = transcript
    honest = data.draw(st.sampled_from([data for data in exchanged if type_of(data) is not AdvertiseKeysRequest]))
    bit = data.draw(st.integers(16, 8 * HEADER_SIZE - 1))
    bent = bytearray(honest)
    bent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(MalformedMessageError, match="another session"):
        decode(bytes(bent), params)


@settings(deadline=None)
@given(st.data())
def test_a_flip_in_the_masked_vectors_is_just_another_masked_input(transcript, data):
    params, exchanged = transcript
    honest = bytearray(exchanged[7])
    first, second = params.vectors
    bits = first.length * first.modulus_bits  # 120: no padding; the second vector has 33 bits and 7 of padding
    bit = 8 * OPENING + data.draw(st.integers(0, bits + second.length * second.modulus_bits - 1))
    honest[bit // 8] ^= 1 << bit % 8
    assert MaskedInputResponse.decode(bytes(honest), params).encode(params) == honest


def test_padding_bits_of_each_vector_must_be_zero(house):
    """Padding of the first vector lies in the middle of the message."""
    params = house.params(vectors=(house.spec(name="a", length=1, modulus_bits=11), house.spec(name="b", length=1)))
    honest = MaskedInputResponse(unopened=frozenset(), signature=bytes(64), packed=[b"\xff\x07", bytes(4)]).encode(
        params
    )
    assert MaskedInputResponse.decode(honest, params).packed == [b"\xff\x07", bytes(4)]
    with pytest.raises(MalformedMessageError, match="padding"):
        MaskedInputResponse.decode(honest[:OPENING] + b"\xff\x0f" + bytes(4), params)


@pytest.mark.parametrize(("bits", "size"), [(8, 10), (9, 12), (20, 25), (24, 30), (32, 40), (40, 50), (64, 80)])
def test_an_upload_costs_an_opening_and_its_bits(house, bits, size):
    cohort = house.cohort(length=10, modulus_bits=bits).run(3)
    assert {len(response) for response in cohort.responses[2].values()} == {102 + size}


def test_an_upload_of_several_vectors_costs_an_opening_and_their_bits(house):
    widths = (8, 11, 24, 32, 64)
    vectors = tuple(house.spec(name=f"v{bits}", length=9, modulus_bits=bits) for bits in widths)
    cohort = house.cohort(vectors=vectors).run(3)
    size = 102 + sum(-(-9 * bits // 8) for bits in widths)
    assert {len(response) for response in cohort.responses[2].values()} == {size}
    assert size == OPENING + sum(vector.packed_size for vector in vectors)


@pytest.mark.parametrize(("bits", "megabytes"), [(24, 3), (32, 4)])
def test_an_upload_of_a_million_coordinates_costs_as_many_bits_as_the_sum_needs(house, bits, megabytes):
    params = house.params(length=10**6, modulus_bits=bits)
    assert OPENING + sum(vector.packed_size for vector in params.vectors) == 102 + megabytes * 10**6


def test_the_server_is_sent_nothing_but_what_the_letterbox_names():
    """What an upload could carry is the sum of the response types' fields; a new field must be argued for here."""
    sent = {item.__name__: [field.name for field in fields(item)] for item in get_args(messages.Response)}
    assert sent == {
        "AdvertiseKeysResponse": ["advertisement"],
        "ShareKeysResponse": ["boxes"],
        "MaskedInputResponse": ["unopened", "signature", "packed"],
        "ConsistencyCheckResponse": ["signature"],
        "UnmaskingResponse": ["self_mask_shares", "mask_key_shares"],
    }
    assert [field.name for field in fields(messages.Advertisement)] == [
        "seal_key",
        "mask_key",
        "commitment",
        "signature",
    ]


def test_what_travels_inside_messages_has_one_size(house):
    advertisement = advertise(
        house.params(), 0, house.identity(0), seal_key=bytes(32), mask_key=bytes(32), commitment=bytes(32)
    )
    pair = messages.SharePair(self_mask=1, mask_key=2)
    for item, size in ((advertisement, 160), (pair, 66)):
        encoding = item.encode()
        assert len(encoding) == size == item.SIZE
        assert type(item).decode(encoding) == item
        for bent in (encoding + b"\0", encoding[:-1]):
            with pytest.raises(InvalidDataError):
                type(item).decode(bent)
    assert messages.BOX_SIZE == 82


def test_the_unmasking_request_names_nobody_to_unmask():
    """What cannot be expressed cannot be asked for: the second secret of a client."""
    assert [field.name for field in fields(UnmaskingRequest)] == ["signatures"]


def test_secret_shares_do_not_show():
    shares = UnmaskingResponse(self_mask_shares={1: 123456789}, mask_key_shares={2: 987654321})
    pair = messages.SharePair(self_mask=123456789, mask_key=987654321)
    assert "123456789" not in repr(shares) + repr(pair)
    assert "987654321" not in repr(shares) + repr(pair)


def test_decoding_allocates_nothing_for_lengths_that_are_not_there(house):
    params = house.params(length=2**32 - 1, modulus_bits=64)
    with pytest.raises(MalformedMessageError, match="needs 34359738360 more bytes, has 64"):
        MaskedInputResponse.decode(b"\x06\x02" + params.session_id + bytes(132), params)
