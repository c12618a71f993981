"""One encoding for each record, and no other is read."""

import json
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure import canonical
from fedstyle_secure.errors import InputError


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    ratio: float
    color: Color

    def __post_init__(self):
        if self.ratio < 0:
            raise InputError("a ratio is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    number: int
    text: str
    blob: bytes
    is_so: bool
    maybe: float | None
    inners: tuple[Inner, ...]
    blobs: tuple[bytes, ...]


FLOATS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
RECORDS = st.builds(
    Outer,
    number=st.integers(),
    text=TEXTS,
    blob=st.binary(),
    is_so=st.booleans(),
    maybe=st.none() | FLOATS,
    inners=st.lists(st.builds(Inner, ratio=FLOATS, color=st.sampled_from(Color))).map(tuple),
    blobs=st.lists(st.binary()).map(tuple),
)
ONE = Outer(
    number=7, text="Ä\n", blob=b"\xab", is_so=True, maybe=None, inners=(Inner(ratio=0.5, color=Color.RED),), blobs=()
)


@given(RECORDS)
def test_can1_what_was_encoded_comes_back(record):
    assert canonical.decode(Outer, canonical.encode(record)) == record


def test_can1_the_bytes_are_these():
    assert (
        canonical.encode(ONE)
        == (
            '{"blob":"ab","blobs":[],"inners":[{"color":"red","ratio":0.5}],"is_so":true,"maybe":null,"number":7,'
            '"text":"Ä\\n"}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"number":7', '"number":7.0'),
        ('"number":7', '"number":true'),
        ('"number":7', '"number":"7"'),
        ('"number":7', '"number":' + "7" * 5000),
        ('"ratio":0.5', '"ratio":0.50'),
        ('"ratio":0.5', '"ratio":1'),
        ('"ratio":0.5', '"ratio":NaN'),
        ('"ratio":0.5', '"ratio":-0.5'),
        ('"blob":"ab"', '"blob":"AB"'),
        ('"blob":"ab"', '"blob":"a b"'),
        ('"blob":"ab"', '"blob":"xy"'),
        ('"blob":"ab"', '"blob":["ab"]'),
        ('"blobs":[]', '"blobs":{}'),
        ('"blobs":[]', '"blobs": []'),
        ('"color":"red"', '"color":"green"'),
        ('"is_so":true', '"is_so":1'),
        ('"maybe":null', '"maybe":"null"'),
        ('"maybe":null,', ""),
        ('"maybe":null', '"maybe":null,"more":1'),
        ('"blob":"ab"', '"blob":"00","blob":"ab"'),
        ("Ä", "\\u00c4"),
        ("Ä", "\\ud800"),
        ('"blobs":[]', '"blobs":' + "[" * 100_000),
    ],
)
def test_can1_every_other_encoding_is_refused(old, new):
    data = canonical.encode(ONE).decode()
    assert data.count(old) == 1
    with pytest.raises(InputError, match="no Outer"):
        canonical.decode(Outer, data.replace(old, new).encode())


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_can1_what_is_no_record_is_refused(data):
    with pytest.raises(InputError, match="no Outer"):
        canonical.decode(Outer, data)


@pytest.mark.parametrize("wrong", [{"number": 1.0}, {"maybe": float("inf")}, {"blobs": ["ab"]}, {"is_so": 1}])
def test_a_field_of_another_kind_is_not_encoded(wrong):
    fields = {name: getattr(ONE, name) for name in Outer.__slots__} | wrong
    with pytest.raises(InputError, match=f"Outer.{next(iter(wrong))} is a?"):
        canonical.encode(Outer(**fields))
