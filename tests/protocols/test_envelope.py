"""Signed envelopes: what opens, and that nothing else does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import Envelope, LocalProtocolError, Purpose
from protocols.envelope import ENVELOPE_SIZE
from protocols.errors import InvalidDataError, InvalidSignatureError, MalformedMessageError


def envelope(house, **changes) -> Envelope:
    facts = {
        "sender": house.public(0),
        "recipient": house.public(1),
        "purpose": Purpose.SESSION,
        "session": 2**64 - 1,
        "round": 4,
        "body": b"a message",
    }
    return Envelope(**(facts | changes))


def opened(house, data, **changes) -> Envelope:
    return Envelope.open(
        data, **({"sender": house.public(0), "recipient": house.public(1), "purpose": Purpose.SESSION} | changes)
    )


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("body", [b"", b"x", bytes(100_000)])
def test_what_was_sealed_opens_as_it_was(house, purpose, body):
    sent = envelope(house, purpose=purpose, body=body)
    data = sent.seal(house.identity(0))
    assert len(data) == ENVELOPE_SIZE + len(body) == 146 + len(body)
    assert opened(house, data, purpose=purpose) == sent
    assert sent.seal(house.identity(0)) == data


def test_only_the_sender_seals(house):
    with pytest.raises(LocalProtocolError, match="another than its sender"):
        envelope(house).seal(house.identity(1))


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"sender": 2}, InvalidSignatureError, "another sender"),
        ({"recipient": 0}, MalformedMessageError, "another recipient"),
        ({"purpose": Purpose.ANNOUNCEMENT}, MalformedMessageError, "purpose 2, not for announcement"),
    ],
)
def test_an_envelope_is_from_one_to_one_for_one_purpose(house, changes, error, match):
    changes = {name: house.public(value) if name != "purpose" else value for name, value in changes.items()}
    with pytest.raises(error, match=match):
        opened(house, envelope(house).seal(house.identity(0)), **changes)


@pytest.mark.parametrize("number", [0, len(Purpose) + 1, 255])
def test_only_purposes_that_exist(house, number):
    sealed = bytearray(envelope(house).seal(house.identity(0)))
    sealed[1] = number
    for read in (Envelope.claims, lambda data: opened(house, data)):
        with pytest.raises(MalformedMessageError, match=f"purpose {number}, which there is not"):
            read(bytes(sealed))


def test_what_an_envelope_says_of_itself_is_read_before_its_body_is_there(house):
    sent = envelope(house)
    sealed = sent.seal(house.identity(0))
    assert Envelope.claims(sealed) == sent
    assert Envelope.claims(sealed[:ENVELOPE_SIZE]) == replace(sent, body=b"")
    with pytest.raises(MalformedMessageError):
        Envelope.claims(sealed[: ENVELOPE_SIZE - 1])


@given(st.data())
def test_one_altered_bit_anywhere_and_it_does_not_open(house, data):
    sealed = bytearray(envelope(house).seal(house.identity(0)))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidDataError):
        opened(house, bytes(sealed))


@given(st.data())
def test_a_cut_or_longer_envelope_does_not_open(house, data):
    sealed = envelope(house).seal(house.identity(0))
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for wrong in (sealed[:cut], sealed + bytes(cut + 1)):
        with pytest.raises(InvalidDataError):
            opened(house, wrong)


@pytest.mark.parametrize("changes", [{"session": 1}, {"round": 3}, {"body": b"A message"}])
def test_a_signature_is_worth_nothing_on_another_envelope(house, changes):
    """ENV-2: the signature of one on the header and body of another."""
    sealed, other = envelope(house).seal(house.identity(0)), replace(envelope(house), **changes)
    moved = other.seal(house.identity(0))
    with pytest.raises(InvalidSignatureError):
        opened(house, moved[:82] + sealed[82:146] + moved[146:])


def test_an_identity_of_small_order_signs_nothing(house):
    anybody = bytes([1]) + bytes(31)
    forged = envelope(house, sender=anybody)
    data = forged._header() + anybody + bytes(32) + forged.body
    with pytest.raises(InvalidSignatureError, match="small order"):
        opened(house, data, sender=anybody)
