import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.transparency.tree import Tree
from fedstyle_secure.wire.log import LogReader, decode_entries, decode_proof, encode_entries, encode_proof
from tests.transparency.test_watch import HISTORY, TREE, WATCH, note

ENTRIES = [leaf.encode() for leaf in HISTORY]


def platform(path):
    """A platform that gives out three entries at a time."""
    route, _, query = path.partition("?")
    numbers = {name: int(value) for name, value in (part.split("=") for part in query.split("&") if part)}
    match route:
        case "/v1/log/checkpoint":
            return note(9)
        case "/v1/log/consistency":
            return encode_proof(TREE.prove_growth(numbers["old"], numbers["new"]))
        case "/v1/log/inclusion":
            return encode_proof(TREE.prove_entry(numbers["leaf"], numbers["size"]))
        case "/v1/log/leaves":
            return encode_entries(ENTRIES[numbers["start"] : min(numbers["end"], numbers["start"] + 3)])
    raise AssertionError(path)


def test_a_log_is_followed_and_read_over_its_routes():
    reader = LogReader(platform)
    for seen in (WATCH, WATCH.take(note(4), ()), WATCH.take(note(9), ())):
        watch = reader.follow(seen)
        assert watch.size == 9
        assert watch.read(ENTRIES[: seen.size] + reader.entries(seen.size, 9)) == HISTORY[:9]
    watch.check(HISTORY[5], reader.place(5, 9))


def test_wlg1_more_or_less_than_was_asked_for_is_refused():
    for answer in (encode_entries([]), encode_entries(ENTRIES)):
        with pytest.raises(InputError, match="came back"):
            LogReader(lambda _path, answer=answer: answer).entries(0, 5)
    with pytest.raises(InputError, match="more than"):
        LogReader(platform).entries(0, 1 << 30)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"hashes": 1}', b'{"hashes": [1]}', b'{"hashes": ["00"]}', b'{"hashes": [], "more": 1}'],
)
def test_wlg1_what_is_no_proof_is_refused(body):
    with pytest.raises(InputError):
        decode_proof(body)
    with pytest.raises(InputError):
        decode_entries(body)


def test_proofs_and_entries_come_back_as_they_were():
    assert decode_proof(encode_proof(TREE.prove_entry(3, 9))) == TREE.prove_entry(3, 9)
    assert decode_entries(encode_entries(ENTRIES)) == ENTRIES
    assert Tree(decode_entries(encode_entries(ENTRIES))).root() == TREE.root()
