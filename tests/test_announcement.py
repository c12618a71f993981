"""Announcements: one round trip, and refusals of whatever is not one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.announcement import RECEIPT_BYTES, Announcement
from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError
from fedstyle_secure.privacy.sizing import Mode


@pytest.fixture(scope="module")
def honest(shared_town) -> bytes:
    return shared_town.announcement(iteration=7).encode()


START = RECEIPT_BYTES + 4


def end_of(data: bytes) -> int:
    return START + int.from_bytes(data[RECEIPT_BYTES:START], "big")


def facts_of(data: bytes) -> dict:
    return json.loads(data[START : end_of(data)])


def rewrite(data: bytes, facts: object) -> bytes:
    """The announcement with other facts and the same model."""
    canonical = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    text = (facts if isinstance(facts, str) else json.dumps(facts, **canonical)).encode()
    return data[:RECEIPT_BYTES] + len(text).to_bytes(4, "big") + text + data[end_of(data) :]


@pytest.mark.parametrize("mode", list(Mode))
def test_round_trip(mode, town):
    announcement = town.announcement(town.mechanism(mode=mode), iteration=3, receipt=bytes(range(RECEIPT_BYTES)))
    decoded = Announcement.decode(announcement.encode())
    assert decoded.receipt == announcement.receipt
    assert decoded.mechanism == announcement.mechanism
    assert decoded.mechanism.digest == announcement.mechanism.digest
    assert decoded.model.digest == announcement.model.digest
    assert decoded.iteration == 3
    assert decoded.encode() == announcement.encode()


def test_an_announcement_without_the_whitening_announces_the_same_model(town):
    """ANN-2."""
    announcement = town.announcement(iteration=3)
    data = announcement.encode(whitening=False)
    decoded = Announcement.decode(data, town.model().whitening)
    assert decoded.model.digest == announcement.model.digest
    assert decoded.encode() == announcement.encode()
    assert decoded.encode(whitening=False) == data
    with pytest.raises(InputError, match="leaves out a whitening"):
        Announcement.decode(data)


@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_announcement_is_refused(honest, part):
    with pytest.raises(InputError):
        Announcement.decode(honest[: int(part * len(honest))])


@given(st.binary(max_size=100))
def test_bytes_that_are_no_announcement_are_refused(data):
    with pytest.raises(InputError):
        Announcement.decode(data)


@given(st.data())
def test_a_flipped_bit_is_refused_or_announces_something_else(honest, data):
    """What survives decoding has other digests, so artists would refuse the session, or train what it says."""
    bit = data.draw(st.integers(0, 8 * len(honest) - 1))
    bent = bytearray(honest)
    bent[bit // 8] ^= 1 << bit % 8
    try:
        decoded = Announcement.decode(bytes(bent))
    except FedStyleError:
        return
    assert decoded.encode() == bytes(bent)
    original = Announcement.decode(honest)
    facts = [(each.iteration, each.mechanism.digest, each.model.digest, each.receipt) for each in (decoded, original)]
    assert facts[0] != facts[1]


def paths(value, prefix=()):
    """Every place in nested JSON."""
    yield prefix
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(inner, (*prefix, key))


ODD = [None, True, -1, 0, 3.5, 10**400, float("nan"), float("inf"), "", "head", "zz", [], [[]], {}, {"a": 1}]


def replaced(value, path, other):
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], other)
    return copy


def test_any_fact_may_be_anything_and_only_typed_errors_come_out(honest):
    facts = facts_of(honest)
    accepted = []
    for path in paths(facts):
        for other in ODD:
            try:
                decoded = Announcement.decode(rewrite(honest, replaced(facts, path, other)))
            except (InputError, PrivacyError):
                continue
            accepted.append((path[-1], other))
            assert type(decoded.iteration) is int
            assert isinstance(decoded.mechanism.digest, bytes)
    # A mechanism may really assume no corrupt artist, a tensor may have any name or another clip norm.
    harmless = {"corrupt", "name", "clip_norm", "noise_multiplier", "clients", "sampling_rate"}
    assert {name for name, _ in accepted} <= harmless


def test_facts_left_out_or_added_are_refused(honest):
    facts = facts_of(honest)
    for path in list(paths(facts))[1:]:
        if isinstance(path[-1], str):
            inner = facts
            for key in path[:-1]:
                inner = inner[key]
            without = {name: value for name, value in inner.items() if name != path[-1]}
            with pytest.raises((InputError, PrivacyError)):
                Announcement.decode(rewrite(honest, replaced(facts, path[:-1], without)))
    for path in ((), ("mechanism",), ("mechanism", "layout"), ("mechanism", "layout", "segments", 0)):
        inner = facts
        for key in path:
            inner = inner[key]
        with pytest.raises((InputError, PrivacyError)):
            Announcement.decode(rewrite(honest, replaced(facts, path, {**inner, "extra": 1})))


@pytest.mark.parametrize("facts", ["", "[", "[" * 100_000, "null", "7", "[]", '"x"', "{}", '{"mechanism": {}}'])
def test_facts_that_are_none_are_refused(facts, honest):
    with pytest.raises(InputError, match="announce"):
        Announcement.decode(rewrite(honest, facts))


@pytest.mark.parametrize("iteration", [0, -1, 1.0, "1", None, True, 1 << 32])
def test_iterations_count_from_1(iteration, honest):
    with pytest.raises(InputError, match="iteration"):
        Announcement.decode(rewrite(honest, facts_of(honest) | {"iteration": iteration}))


@pytest.mark.parametrize("name", ["noise_multiplier", "modulus_bits", "shift"])
def test_a_mechanism_that_does_not_hold_together_is_refused(name, honest):
    """ANN-1: sizes are checked, never believed."""
    facts = facts_of(honest)
    facts["mechanism"][name] = {"noise_multiplier": 1e-9, "modulus_bits": 16, "shift": 2}[name]
    with pytest.raises((InputError, PrivacyError)):
        Announcement.decode(rewrite(honest, facts))
