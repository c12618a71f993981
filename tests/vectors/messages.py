"""vectors/messages.json: every message, and what is not one."""

from .cases import Cases, Json
from .independent import encode_params, indices, session_id, table
from .materials import PRIME, fixed, fixed_element, params_of, vector

_CLIENTS = 5
# 33 bits of the first vector are packed into 5 bytes, 80 bits of the second into 10, 18 bits of the third into 3.
_PARAMS = params_of(
    _CLIENTS, vectors=[vector("head", 3, 11, 200), vector("moments", 2, 40, 9), vector("count", 2, 9, 1)]
)
_ENCODED = encode_params(_PARAMS)
_ID = session_id(_PARAMS)
_OTHER_ID = session_id(_PARAMS | {"session": 8})
_TAGS = {
    "AdvertiseKeysRequest": 1,
    "AdvertiseKeysResponse": 2,
    "ShareKeysRequest": 3,
    "ShareKeysResponse": 4,
    "MaskedInputRequest": 5,
    "MaskedInputResponse": 6,
    "ConsistencyCheckRequest": 7,
    "ConsistencyCheckResponse": 8,
    "UnmaskingRequest": 9,
    "UnmaskingResponse": 10,
}
_MALFORMED = "MalformedMessageError"


def messages() -> Json:
    cases = Cases(
        "The ten messages. `decode` reads one of the kind named by `message` in the session of `params`; "
        "`request_type` and `response_type` name the kind of whatever comes to a client or to the server.",
        params=_ENCODED.hex(),
    )
    _tags(cases)
    _keys(cases)
    _tables(cases)
    _inputs(cases)
    _sets(cases)
    _unmasking_responses(cases)
    return cases.file()


def _tags(cases: Cases) -> None:
    for message, tag in _TAGS.items():
        asked, other = ("request_type", "response_type") if tag % 2 else ("response_type", "request_type")
        cases.good(f"the tag of {message}", asked, bytes=f"{tag:02x}")
        cases.refused(_MALFORMED, f"the tag of {message} on the other side", other, bytes=f"{tag:02x}")
    for comment, data in (("nothing", ""), ("tag 0", "00"), ("the first tag of none", "0b"), ("tag 255", "ff01")):
        for side in ("request_type", "response_type"):
            cases.refused(_MALFORMED, comment, side, bytes=data)


def _keys(cases: Cases) -> None:
    """The two messages of round 0, and the one that is a signature alone."""
    good = b"\1\2" + _ENCODED
    _good(cases, "AdvertiseKeysRequest", "the parameters", good)
    _wrong_outside(cases, "AdvertiseKeysRequest", good)
    refused = _ENCODED[:-32] + _ENCODED[-64:-32]  # the last client is the one before
    _refused(cases, "AdvertiseKeysRequest", "parameters that are refused", b"\1\2" + refused)
    _refused(cases, "AdvertiseKeysRequest", "parameters of another version", b"\1\2\0\1" + _ENCODED[2:])
    _refused(cases, "AdvertiseKeysRequest", "a session id before the parameters", b"\1\2" + _ID + _ENCODED)
    for message, size in (("AdvertiseKeysResponse", 160), ("ConsistencyCheckResponse", 64)):
        good = _message(message, fixed(message, 0, size))
        _good(cases, message, "any bytes of this size: what they say is checked later", good)
        _wrong_outside(cases, message, good)
        _refused(cases, message, "32 bytes short", good[:-32])
        _refused(cases, message, "32 bytes left over", good + bytes(32))


def _tables(cases: Cases) -> None:
    """Messages which are tables of entries of fixed size."""
    for message, size in (("ShareKeysResponse", 82), ("MaskedInputRequest", 82), ("UnmaskingRequest", 64)):
        entries = {index: fixed(message, index, size) for index in (0, 2, 4)}
        _good(cases, message, "three entries", _message(message, table(entries)))
        _good(cases, message, "no entry: how many there must be is checked later", _message(message, table({})))
        _wrong_outside(cases, message, _message(message, table(entries)))
        _wrong_tables(cases, message, entries, b"", b"")
    message = "ShareKeysRequest"
    advertisements = {index: fixed("advertisement", index, 160) for index in (0, 3)}
    digests = {index: fixed("digest", index) for index in (1, 4)}
    good = _message(message, table(advertisements), table(digests))
    _good(cases, message, "two advertisements and two digests", good)
    _good(cases, message, "two advertisements, no digests", _message(message, table(advertisements), table({})))
    _wrong_outside(cases, message, good)
    _wrong_tables(cases, message, advertisements, b"", table(digests))
    _wrong_tables(cases, message, digests, table(advertisements), b"")
    _refused(cases, message, "the second table missing", _message(message, table(advertisements)))
    _refused(cases, message, "a third table", good + table({}))
    _refused(cases, message, "both tables swapped", _message(message, table(digests), table(advertisements)))


def _inputs(cases: Cases) -> None:
    message = "MaskedInputResponse"
    packed = [b"\xff" * 4 + b"\x01", b"\xff" * 10, b"\xff\xff\x03"]
    opening = indices(()) + fixed("a signature", 0, 64)
    naming = indices((0, 2, 4)) + fixed("a signature", 0, 64)
    _good(cases, message, "the largest words", _message(message, opening, *packed))
    zeros = [bytes(len(part)) for part in packed]
    _good(cases, message, "zeros, and three senders named", _message(message, naming, *zeros))
    _wrong_outside(cases, message, _message(message, opening, *packed))
    _wrong_tables(cases, message, dict.fromkeys((0, 2, 4), b""), b"", b"".join((fixed("a signature", 0, 64), *packed)))
    _refused(cases, message, "the set of senders missing", _message(message, opening[4:], *packed))
    _refused(cases, message, "the signature missing", _message(message, opening[:4], *packed))
    for number, name in ((0, "first"), (2, "third")):
        for bit in (1, 7) if number == 0 else (2, 7):
            dirty = [bytearray(part) for part in packed]
            dirty[number][-1] |= 1 << bit
            _refused(cases, message, f"padding bit {bit} of the {name} vector set", _message(message, opening, *dirty))
    _refused(cases, message, "the third vector missing", _message(message, opening, *packed[:2]))
    _refused(cases, message, "vectors in another order", _message(message, opening, *packed[::-1]))
    everything = int.from_bytes(b"\xff" * 17, "little") >> 5
    one_run = _message(message, opening, everything.to_bytes(17, "little"))
    _refused(cases, message, "all vectors in one run of bits", one_run)


def _sets(cases: Cases) -> None:
    message = "ConsistencyCheckRequest"
    for comment, members in (
        ("three clients", (0, 2, 4)),
        ("everybody", range(_CLIENTS)),
        ("nobody: checked later", ()),
    ):
        _good(cases, message, comment, _message(message, indices(members)))
    _wrong_outside(cases, message, _message(message, indices((0, 2, 4))))
    _wrong_tables(cases, message, dict.fromkeys((0, 2, 4), b""), b"", b"")


def _unmasking_responses(cases: Cases) -> None:
    message = "UnmaskingResponse"
    seeds = {index: _share(fixed_element("seed share", index)) for index in (1, 2, 4)}
    keys = {0: _share(0), 3: _share(PRIME - 1)}
    good = _message(message, table(seeds), table(keys))
    _good(cases, message, "three seed shares, two key shares, the ends of the field among them", good)
    _good(cases, message, "nobody dropped out", _message(message, table(seeds), table({})))
    _wrong_outside(cases, message, good)
    _wrong_tables(cases, message, seeds, b"", table(keys))
    _wrong_tables(cases, message, keys, table(seeds), b"")
    for comment, share in (("the prime", _share(PRIME)), ("the largest 33 bytes", b"\xff" * 33)):
        error, beyond = "InvalidShareError", {1: share, 2: seeds[2]}
        _refused(cases, message, f"a seed share is {comment}", _message(message, table(beyond), table(keys)), error)
        _refused(cases, message, f"a key share is {comment}", _message(message, table(seeds), table(beyond)), error)
    _refused(cases, message, "the second table missing", _message(message, table(seeds)))
    _refused(cases, message, "a third table", good + table({}))


def _wrong_outside(cases: Cases, message: str, good: bytes) -> None:
    """What can be wrong with any message: its size and its header."""
    tag = good[0]
    for comment, data in (
        ("nothing", b""),
        ("the tag alone", good[:1]),
        ("tag and version alone", good[:2]),
        ("the last byte missing", good[:-1]),
        ("one byte left over", good + b"\0"),
        ("twice", good + good),
        ("the next message's tag", bytes([tag + 1]) + good[1:]),
        ("tag 0", b"\0" + good[1:]),
        ("version 0", good[:1] + b"\0" + good[2:]),
        ("version 1", good[:1] + b"\1" + good[2:]),
    ):
        _refused(cases, message, comment, data)
    if message != "AdvertiseKeysRequest":
        _refused(cases, message, "cut inside the session id", good[:33])
        _refused(cases, message, "the header alone", good[:34])
        _refused(cases, message, "another session", good[:2] + _OTHER_ID + good[34:])
        _refused(cases, message, "the session id missing", good[:2] + good[34:])


def _wrong_tables(cases: Cases, message: str, entries: dict[int, bytes], before: bytes, after: bytes) -> None:
    """What can be wrong with a table of two entries or more."""
    where = "second table: " if before else "first table: " if after else ""
    rows = [index.to_bytes(4, "big") + entries[index] for index in sorted(entries)]
    count = len(rows)

    def body(announced: int, chosen: list[bytes]) -> bytes:
        return _message(message, before, announced.to_bytes(4, "big"), *chosen, after)

    def renamed(index: int) -> list[bytes]:
        return [*rows[:-1], index.to_bytes(4, "big") + rows[-1][4:]]

    for comment, data in (
        ("one entry more announced", body(count + 1, rows)),
        ("one entry fewer announced", body(count - 1, rows)),
        ("2^32 - 1 entries announced", body(2**32 - 1, rows)),
        ("entries announced, none there", body(count, [])),
        ("indices out of order", body(count, rows[::-1])),
        ("an entry twice", body(count + 1, [rows[0], *rows])),
        ("two entries of one index", body(count, renamed(sorted(entries)[-2]))),
        ("an index equal to the number of clients", body(count, renamed(_CLIENTS))),
        ("an index of 2^32 - 1", body(count, renamed(2**32 - 1))),
    ):
        # A table that is too long by itself may swallow the beginning of the next: refused all the same.
        _refused(cases, message, where + comment, data)


def _message(message: str, *parts: bytes) -> bytes:
    return bytes([_TAGS[message], 2]) + _ID + b"".join(parts)


def _share(value: int) -> bytes:
    return value.to_bytes(33, "big")


def _good(cases: Cases, message: str, comment: str, data: bytes) -> None:
    cases.good(f"{message}: {comment}", "decode", message=message, bytes=data.hex())


def _refused(cases: Cases, message: str, comment: str, data: bytes, error: str = _MALFORMED) -> None:
    cases.refused(error, f"{message}: {comment}", "decode", message=message, bytes=data.hex())
