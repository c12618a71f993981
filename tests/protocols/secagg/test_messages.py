from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocols.errors import InvalidDataError, MalformedMessageError
from protocols.secagg import messages
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    MaskedInputResponse,
    UnmaskingResponse,
    request_type,
    response_type,
)


@pytest.fixture(scope="module")
def transcript(house):
    """Every message client 1 received or sent in a session in which client 3 drops out before MaskedInput."""
    cohort = house.cohort(modulus_bits=20).run(silent_from={3: 2})
    exchanged = [*(requests[1] for requests in cohort.requests[:5]), *(responses[1] for responses in cohort.responses)]
    return cohort.params, exchanged


def type_of(data):
    return request_type(data) if data[0] % 2 else response_type(data)


def decode(data, params):
    message = type_of(data)
    return message.decode(data) if message is AdvertiseKeysRequest else message.decode(data, params)


def test_every_message_survives_its_encoding(transcript):
    params, exchanged = transcript
    assert {type_of(data) for data in exchanged} == {*get_args(messages.Request), *get_args(messages.Response)}
    for data in exchanged:
        assert decode(data, params).encode() == data


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
    assert message.encode() == bent
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
            decode(data[:1] + b"\x02" + data[2:], params)


def test_a_message_under_another_tag_is_refused(transcript):
    params, exchanged = transcript
    for data in exchanged:
        message = type_of(data)
        with pytest.raises(MalformedMessageError, match="tag"):
            message.decode(b"\x7f" + data[1:], *(() if message is AdvertiseKeysRequest else (params,)))


@settings(deadline=None)
@given(st.data())
def test_a_flip_in_the_masked_vector_is_just_another_masked_vector(transcript, data):
    params, exchanged = transcript
    honest = bytearray(exchanged[7])
    bit = data.draw(st.integers(16, 16 + params.vector_length * params.modulus_bits - 1))
    honest[bit // 8] ^= 1 << bit % 8
    assert MaskedInputResponse.decode(bytes(honest), params).encode() == honest


@pytest.mark.parametrize(("bits", "size"), [(8, 10), (9, 12), (20, 25), (24, 30), (32, 40), (40, 50), (64, 80)])
def test_an_upload_costs_two_bytes_and_its_bits(house, bits, size):
    cohort = house.cohort(vector_length=10, modulus_bits=bits).run(3)
    assert {len(response) for response in cohort.responses[2].values()} == {2 + size}


def test_the_server_is_sent_nothing_but_what_the_letterbox_names():
    """What an upload could carry is the sum of the response types' fields; a new field must be argued for here."""
    sent = {item.__name__: [field.name for field in fields(item)] for item in get_args(messages.Response)}
    assert sent == {
        "AdvertiseKeysResponse": ["advertisement"],
        "ShareKeysResponse": ["boxes"],
        "MaskedInputResponse": ["packed"],
        "ConsistencyCheckResponse": ["signature"],
        "UnmaskingResponse": ["self_mask_shares", "mask_key_shares"],
    }
    assert [field.name for field in fields(messages.Advertisement)] == [
        "seal_key",
        "mask_key",
        "commitment",
        "signature",
    ]


def test_secret_shares_do_not_show():
    shares = UnmaskingResponse(self_mask_shares={1: 123456789}, mask_key_shares={2: 987654321})
    pair = messages.SharePair(self_mask=123456789, mask_key=987654321)
    assert "123456789" not in repr(shares) + repr(pair)
    assert "987654321" not in repr(shares) + repr(pair)


def test_decoding_allocates_nothing_for_lengths_that_are_not_there(house):
    params = house.params(vector_length=2**32 - 1, modulus_bits=64)
    with pytest.raises(MalformedMessageError):
        MaskedInputResponse.decode(b"\x06\x01" + bytes(64), params)
