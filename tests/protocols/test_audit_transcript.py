"""Transcript files: one text for each transcript, no vector and no secret in it, and damage is named by its place."""

import json
from dataclasses import replace
from hashlib import sha256, shake_256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import CLIENT_RANDOM_BYTES, ParametersError
from protocols.audit import Exchange, OmittedInput, Transcript, audit, omit_input
from protocols.errors import MalformedMessageError
from protocols.secagg.messages import MaskedInputResponse, UnmaskingResponse
from protocols.wire import HEADER_SIZE
from threat_models.attacker import Wire

OPENING = HEADER_SIZE + 4 + 64
"""Bytes of a MaskedInputResponse before its vectors, if it names nobody."""


@pytest.fixture(scope="module")
def cohort(house):
    """Of seven clients one vanishes early and one late; two vectors, one of them not of whole bytes."""
    specs = (house.spec(length=40), house.spec(name="extra", length=5, modulus_bits=11))
    return house.cohort(7, threshold=4, vectors=specs).run(silent_from={2: 2, 4: 4})


@pytest.fixture(scope="module")
def transcript(cohort):
    return Wire(cohort).transcript


def test_a_transcript_comes_back_without_its_vectors(transcript):
    kept = Transcript.decode(transcript.encode())
    assert kept.params == transcript.params
    assert kept.encode() == transcript.encode()
    assert kept == Transcript.decode(kept.encode())
    for before, after in zip(transcript.exchanges, kept.exchanges, strict=True):
        assert after == replace(before, response=omit_input(before.request, before.response))
        if before.response is not None and before.response[0] == MaskedInputResponse.TAG:
            vectors = before.response[OPENING:]
            assert after.response == OmittedInput(
                header=before.response[:OPENING], size=len(vectors), digest=sha256(vectors).digest()
            )
        else:
            assert after.response == before.response
    assert [each.response for each in kept.exchanges].count(None) == 2
    assert audit([kept]) == audit([transcript])


def test_no_secret_of_anybody_is_in_a_transcript(cohort, transcript, house):
    text = transcript.encode()

    def holds(secret):
        return secret.hex().encode() in text or secret in text

    for index in range(7):
        random = shake_256(b"random %d" % index).digest(CLIENT_RANDOM_BYTES)
        secrets = [random[start : start + 32] for start in range(0, CLIENT_RANDOM_BYTES, 32)]
        vectors = house.vectors(cohort.params, index).values()
        plain = [vector.astype(f"<i{size}").tobytes() for vector in vectors for size in (4, 8)]
        assert not any(map(holds, [house.identity(index).private_bytes_raw(), *secrets, *plain]))
    uploads = [data for data in cohort.responses[2].values() if data[0] == MaskedInputResponse.TAG]
    assert len(uploads) == 6
    assert not any(holds(data[start : start + 4 * 8]) for data in uploads for start in (OPENING, len(data) - 32))
    # The search finds what is there: shares that were released, and public keys.
    released = UnmaskingResponse.decode(cohort.responses[4][0], cohort.params)
    assert all(holds(share.to_bytes(33, "big")) for share in released.self_mask_shares.values())


def test_only_the_vectors_of_a_masked_input_are_left_out():
    full = bytes((MaskedInputResponse.TAG, 2)) + bytes(OPENING - 2)
    naming = full[:HEADER_SIZE] + (3).to_bytes(4, "big") + bytes(3 * 4 + 64)
    for other in (None, b"", full, b"\x05" + full[1:] + b"more", full[:HEADER_SIZE], naming):
        assert omit_input(b"", other) is other
    omitted = omit_input(b"", full + b"x")
    assert omitted == OmittedInput(header=full, size=1, digest=sha256(b"x").digest())
    assert omit_input(b"", omitted) is omitted
    assert omit_input(b"", naming + b"x") == replace(omitted, header=naming)


def test_an_exchange_with_nobody_is_refused(transcript):
    for index in (-1, 7, True, "0"):
        with pytest.raises(ParametersError, match=r"exchange 1, index: .* there are 7"):
            Transcript(transcript.params, (Exchange(0, b"", None), Exchange(index, b"", None)))


def upload_of(content):
    """Number of the first exchange that leaves out its vectors."""
    return next(i for i, each in enumerate(content["exchanges"]) if isinstance(each["response"], dict))


def set_upload(field, value):
    def bend(content):
        content["exchanges"][upload_of(content)]["response"][field] = value

    return bend


def set_exchange(field, value, *, number=3):
    def bend(content):
        content["exchanges"][number][field] = value

    return bend


def set_field(field, value):
    def bend(content):
        content[field] = value

    return bend


def set_entries(content):
    content["exchanges"][3] = []


def write_in_full(content):
    content["exchanges"][upload_of(content)]["response"] = "06" + "00" * 200


BENT = {
    "other format": (set_field("format", "secagg-transcript/2"), "format: 'secagg-transcript/2' is not"),
    "no format": (lambda content: content.pop("format"), "format, params and a list of exchanges"),
    "no params": (lambda content: content.pop("params"), "format, params and a list of exchanges"),
    "params of another type": (set_field("params", 3), "params: hexadecimal"),
    "params cut short": (set_field("params", "0001"), "SessionParams, offset 2"),
    "exchanges of another type": (set_field("exchanges", {}), "a list of exchanges"),
    "one field more": (set_field("comment", ""), "not the canonical text"),
    "an exchange of another type": (set_entries, "exchange 3: a number as index"),
    "an exchange without response": (lambda content: content["exchanges"][3].pop("response"), "exchange 3: a number"),
    "one field more in an exchange": (set_exchange("time", 0), "not the canonical text"),
    "an index beyond the roster": (set_exchange("index", 7), "exchange 3, index: 7 is no client"),
    "an index below 0": (set_exchange("index", -1), "exchange 3, index: -1 is no client"),
    "an index that is no number": (set_exchange("index", "3"), "exchange 3: a number as index"),
    "an index that is true": (set_exchange("index", True), "exchange 3, index: True is no client"),
    "a request that is no text": (set_exchange("request", None), "exchange 3, request: hexadecimal"),
    "a request of half a byte": (set_exchange("request", "012"), "exchange 3, request: hexadecimal"),
    "a request in capitals": (set_exchange("request", "0A"), "not the canonical text"),
    "a request with spaces": (set_exchange("request", "0a 0a"), "not the canonical text"),
    "a response of another type": (set_exchange("response", 3), "exchange 3, response: hexadecimal"),
    "a response that is no digits": (set_exchange("response", "xy"), "exchange 3, response: hexadecimal"),
    "an upload in full": (write_in_full, "not the canonical text"),
    "another message left out": (set_upload("header", "04" + "00" * 33), "header: only the vectors"),
    "a header cut short": (set_upload("header", "06"), "header: only the vectors"),
    "nothing left out": (set_upload("omitted_bytes", 0), "omitted_bytes is at least 1"),
    "true left out": (set_upload("omitted_bytes", True), "omitted_bytes is at least 1"),
    "a digest cut short": (set_upload("sha256", "00"), "sha256 has 32 bytes"),
    "a digest that is no text": (set_upload("sha256", 0), "sha256: hexadecimal"),
    "one field more in an upload": (set_upload("note", 0), "not the canonical text"),
}


@pytest.mark.parametrize(("bend", "complaint"), BENT.values(), ids=BENT)
def test_a_bent_file_is_refused_by_its_place(transcript, bend, complaint):
    content = json.loads(transcript.encode())
    bend(content)
    with pytest.raises(MalformedMessageError, match=complaint):
        Transcript.decode(json.dumps(content, indent=1).encode() + b"\n")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:0],
        lambda text: text[:-2],
        lambda text: text + b"{}",
        lambda text: b"[" * 100_000 + text,
        lambda text: b"\xff" + text,
        lambda text: b"1" * 5000 + text,
    ],
)
def test_what_is_no_json_is_refused(transcript, damage):
    with pytest.raises(MalformedMessageError, match="not JSON"):
        Transcript.decode(damage(transcript.encode()))


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.rstrip(),
        lambda text: text.replace(b"\n", b""),
        lambda text: text.replace(b'{\n "format"', b'{\n "format": "",\n "format"', 1),
        lambda text: text.decode().encode("utf-16"),
    ],
)
def test_another_text_of_the_same_content_is_refused(transcript, rewrite):
    assert json.loads(rewrite(transcript.encode())) == json.loads(transcript.encode())
    with pytest.raises(MalformedMessageError, match="not the canonical text"):
        Transcript.decode(rewrite(transcript.encode()))


@given(st.data())
def test_a_bent_byte_gives_another_transcript_or_a_named_error(transcript, data):
    text = bytearray(transcript.encode())
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(b'0a"{}[],: \nA\xff'))
    try:
        decoded = Transcript.decode(bytes(text))
    except MalformedMessageError:
        return
    assert decoded.encode() == bytes(text)
