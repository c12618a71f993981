import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import codec
from protocols.errors import MalformedMessageError

BITS = st.integers(8, 64)


@settings(deadline=None)
@given(BITS, st.data())
def test_vectors_survive_packing(bits, data):
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=40))
    packed = codec.pack(np.array(values, codec.word_type(bits)), bits)
    assert len(packed) == codec.packed_size(len(values), bits) == -(-len(values) * bits // 8)
    # The definition, written with one big integer: coordinate j occupies bits j * b to (j + 1) * b.
    assert int.from_bytes(packed, "little") == sum(value << bits * j for j, value in enumerate(values))
    assert codec.unpack(packed, len(values), bits).tolist() == values


@pytest.mark.parametrize("bits", range(8, 65))
def test_packing_works_across_blocks_and_ignores_unused_bits(bits):
    length = 2 * codec._PACKING_BLOCK + 3
    words = np.random.default_rng(bits).integers(0, 2**64, length, np.uint64).astype(codec.word_type(bits))
    low = words & codec.word_type(bits).type(2**bits - 1)
    assert np.array_equal(codec.unpack(codec.pack(words, bits), length, bits), low)


@given(BITS, st.integers(1, 20), st.integers(-3, 3).filter(bool))
def test_a_packed_vector_of_another_size_is_refused(bits, length, excess):
    size = max(0, codec.packed_size(length, bits) + excess)
    with pytest.raises(MalformedMessageError):
        codec.unpack(bytes(size), length, bits)


def test_padding_bits_must_be_zero():
    assert codec.unpack(b"\xff\x07", 1, 11).tolist() == [2047]
    with pytest.raises(MalformedMessageError, match="padding"):
        codec.unpack(b"\xff\x0f", 1, 11)


@pytest.mark.parametrize(("bits", "size"), [(8, 1), (9, 2), (16, 2), (17, 4), (24, 4), (32, 4), (33, 8), (64, 8)])
def test_the_word_is_the_narrowest_that_holds_the_bits(bits, size):
    assert codec.word_type(bits).itemsize == size


@given(st.dictionaries(st.integers(0, 99), st.binary(min_size=3, max_size=3), max_size=8))
def test_tables_survive_their_encoding(table):
    reader = codec.Reader(codec.encode_table(table), "table")
    assert reader.table(100, 3) == table
    reader.finish()


@given(st.frozensets(st.integers(0, 99), max_size=8))
def test_index_sets_survive_their_encoding(indices):
    reader = codec.Reader(codec.encode_indices(indices), "set")
    assert reader.indices(100) == indices
    reader.finish()


@pytest.mark.parametrize("indices", [(1, 1), (2, 1), (0, 5), (5,), (2**32 - 1,)])
def test_indices_that_repeat_fall_or_exceed_the_limit_are_refused(indices):
    data = codec.uint(len(indices), 4) + b"".join(codec.uint(index, 4) for index in indices)
    for read in (codec.Reader.indices, lambda reader, limit: list(reader.increasing(limit))):
        with pytest.raises(MalformedMessageError, match="increase"):
            read(codec.Reader(data, "set"), 5)


@pytest.mark.parametrize("read", ["table", "array"])
def test_a_promise_of_many_entries_is_checked_before_it_is_believed(read):
    reader = codec.Reader(b"\xff\xff\xff\xff" + bytes(64), "bomb")
    with pytest.raises(MalformedMessageError):
        reader.table(2**32, 32) if read == "table" else reader.array(32)


def test_bytes_left_over_or_missing_are_refused_with_name_and_place():
    reader = codec.Reader(b"abc", "note")
    assert reader.take(2) == b"ab"
    with pytest.raises(MalformedMessageError, match="note, offset 2: has 1 bytes left over"):
        reader.finish()
    with pytest.raises(MalformedMessageError, match="note, offset 2: needs 2 more bytes"):
        reader.take(2)


def test_no_domain_is_the_beginning_of_another():
    values = [domain.value for domain in codec.Domain]
    assert all(value.endswith(b"\0") and value.count(b"\0") == 1 for value in values)
    assert not [(a, b) for a in values for b in values if a is not b and b.startswith(a)]
    assert len(set(values)) == len(codec.Domain)


def test_what_a_domain_binds_can_be_read_in_one_way():
    """Digest and indices have fixed widths: no two contexts are the same bytes, and none is the beginning of one."""
    digests = [bytes(32), b"\1" + bytes(31)]
    bound = [
        domain.bind(digest, *indices)
        for domain in codec.Domain
        for digest in digests
        for indices in ((0, 1), (1, 0), (0, 256), (256, 0))
    ]
    assert len(set(bound)) == len(bound)
    assert not [(a, b) for a in bound for b in bound if a is not b and b.startswith(a)]
    assert codec.Domain.BOX.bind(bytes(32), 1, 2) == b"secagg/2/box\0" + bytes(32) + b"\0\0\0\1\0\0\0\2"
