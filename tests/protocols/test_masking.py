from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import pack, unpack, word_type
from protocols.errors import InvalidKeyError
from protocols.graph import Graph
from protocols.masking import Crew, add_masks, from_ring, pairwise_mask, remove_masks, self_mask, to_ring
from protocols.primitives.key_agreement import KeyPair

GRAPH, SEED = Graph(order=(0, 1, 2, 3), degree=3, digest=bytes(32)), bytes(range(32))
OTHER = Graph(order=(0, 1, 2, 3), degree=3, digest=b"\1" + bytes(31))
KEYS = [KeyPair(bytes([index + 1] * 32)) for index in range(3)]


def words_of(mask, bits=32, length=20):
    words = np.zeros(length, word_type(bits))
    add_masks([words], [mask])
    return words


def own(seed=SEED, graph=GRAPH, index=0):
    return self_mask(seed=seed, graph=graph, index=index)


def shared(index, peer, graph=GRAPH):
    return pairwise_mask(keys=KEYS[index], peer_key=KEYS[peer].public, graph=graph, index=index, peer=peer)


@given(st.integers(8, 64), st.data())
def test_the_ring_holds_every_signed_integer(bits, data):
    limit = 2 ** (bits - 1)
    values = data.draw(st.lists(st.integers(-limit, limit - 1), min_size=1, max_size=8))
    words = to_ring(np.array(values, np.int64), bits)
    assert words.dtype == word_type(bits)
    assert from_ring(words, bits).tolist() == values
    assert from_ring(unpack(pack(words, bits), len(values), bits), bits).tolist() == values


@given(st.integers(8, 64), st.data())
def test_bits_above_the_modulus_mean_nothing(bits, data):
    word = data.draw(st.integers(0, 2**64 - 1))
    words = np.array([word], np.uint64).astype(word_type(bits))
    low = word % 2**bits
    assert from_ring(words, bits).tolist() == [low - 2**bits if low >= 2 ** (bits - 1) else low]


@pytest.mark.parametrize("bits", [8, 16, 20, 24, 32, 40, 64])
def test_a_pair_of_masks_cancels(bits):
    mine, theirs = words_of(shared(0, 1), bits), words_of(shared(1, 0), bits)
    assert mine.any()
    assert not (mine + theirs).any()


@pytest.mark.parametrize("length", [1, 16383, 16384, 16385, 50000])
def test_masks_can_be_removed_again_in_any_order(length):
    words = np.arange(length, dtype=np.uint32)
    add_masks([words], [own(index=2), shared(2, 0), shared(1, 2)])
    assert not np.array_equal(words, np.arange(length))
    remove_masks([words], [shared(1, 2)])
    remove_masks([words], [shared(2, 0), own(index=2)])
    assert np.array_equal(words, np.arange(length))


def test_either_side_of_a_pair_can_name_the_mask():
    """The server removes a survivor's mask with the dropout's key."""
    words = words_of(shared(1, 0))
    same = pairwise_mask(keys=KEYS[0], peer_key=KEYS[1].public, graph=GRAPH, index=1, peer=0)
    remove_masks([words], [same])
    assert not words.any()


def test_a_mask_is_bound_to_its_graph_its_clients_and_its_purpose():
    masks = [
        own(),
        own(graph=OTHER),
        own(index=1),
        own(seed=b"\x80" + SEED[1:]),
        shared(0, 1),
        shared(0, 1, graph=OTHER),
        shared(0, 2),
        shared(1, 2),
    ]
    assert len({words_of(mask).tobytes() for mask in masks}) == len(masks)


def test_the_same_keys_mask_differently_for_another_pair():
    masks = [
        pairwise_mask(keys=KEYS[0], peer_key=KEYS[1].public, graph=GRAPH, index=index, peer=peer)
        for index, peer in ((0, 1), (0, 2), (3, 4))
    ]
    assert len({words_of(mask).tobytes() for mask in masks}) == len(masks)


@pytest.mark.parametrize("bits", [8, 11, 16])
def test_every_residue_occurs_the_top_one_too(bits):
    length = 64 * 2**bits
    for mask in (own(), shared(1, 2)):
        residues = unpack(pack(words_of(mask, bits, length), bits), length, bits)
        counts = np.bincount(residues, minlength=2**bits)
        assert len(counts) == 2**bits
        assert counts.min() > 0
        # Chi-square in units of its own standard deviation; the streams are fixed, so this is not a matter of luck.
        statistic = ((counts - 64) ** 2 / 64).sum()
        assert abs(statistic - (2**bits - 1)) < 4 * np.sqrt(2 * 2**bits)


@pytest.mark.parametrize("bits", [24, 32, 40, 64])
def test_every_bit_of_a_wide_mask_is_fair(bits):
    words = words_of(own(), bits, 4096)
    ones = [int(((words >> bit) & 1).sum()) for bit in range(bits)]
    assert all(abs(count - 2048) < 5 * 32 for count in ones)


def test_masks_do_not_repeat_from_block_to_block():
    words = words_of(own(), 32, 65536).reshape(4, 16384)
    assert len({block.tobytes() for block in words}) == 4


def test_one_stream_runs_on_through_all_vectors():
    """The second vector's mask goes on where the first one's ended: the two are one long mask, never the same twice."""
    long = words_of(own(), 32, 30000)
    parts = [np.zeros(length, np.uint32) for length in (20000, 1, 9999)]
    add_masks(parts, [own()])
    assert np.array_equal(np.concatenate(parts), long)
    assert not np.array_equal(parts[0][:9999], parts[2])


@pytest.mark.parametrize("order", [(8, 64, 11), (64, 11, 8), (11, 32, 24)])
def test_vectors_of_different_widths_are_masked_together(order):
    vectors = [np.arange(length).astype(word_type(bits)) for bits, length in zip(order, (70000, 3, 1), strict=True)]
    before = [vector.copy() for vector in vectors]
    add_masks(vectors, [own(), shared(0, 1)])
    assert all((vector != start).any() for vector, start in zip(vectors, before, strict=True))
    remove_masks(vectors, [own(), shared(0, 1)])
    assert all(np.array_equal(vector, start) for vector, start in zip(vectors, before, strict=True))


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_crew_folds_in_the_same_masks(size):
    with ThreadPoolExecutor(size) as pool:
        for lengths in ((1,), (70000, 3, 9001), (2, 50000)):
            bits = (8, 64, 11)[: len(lengths)]
            alone, spread = (
                [np.arange(length).astype(word_type(b)) for b, length in zip(bits, lengths, strict=True)]
                for _ in range(2)
            )
            add_masks(alone, [own(), shared(0, 1), shared(1, 0), shared(2, 1)])
            add_masks(spread, [own(), shared(0, 1), shared(1, 0), shared(2, 1)], Crew(size, pool.map))
            assert all(map(np.array_equal, alone, spread))
            remove_masks(spread, [own(), shared(2, 1)], Crew(size, pool.map))
            assert all(np.array_equal(vector, np.arange(len(vector)).astype(vector.dtype)) for vector in spread)


def test_a_crew_that_fails_leaves_no_vector_half_masked_and_sent():
    def broken(function, parts):
        yield function(next(iter(parts)))
        raise RuntimeError("a thread died")

    with pytest.raises(RuntimeError):
        add_masks([np.zeros(10, np.uint32)], [own()], Crew(2, broken))


@given(st.integers(0, 255))
def test_a_seed_with_one_flipped_bit_gives_another_mask(bit):
    other = (int.from_bytes(SEED, "big") ^ 1 << bit).to_bytes(32, "big")
    assert (words_of(own(seed=other)) != words_of(own())).mean() > 0.9


def test_a_peer_key_of_small_order_is_refused():
    with pytest.raises(InvalidKeyError):
        pairwise_mask(keys=KEYS[0], peer_key=bytes(32), graph=GRAPH, index=0, peer=1)
