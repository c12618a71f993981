from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidProofError
from protocols.primitives.merkle import Tree, verify, verify_growth

NODE = b"node\0"


def leaves_of(count):
    return [sha256(b"%d" % number).digest() for number in range(count)]


def by_definition(leaves):
    """RFC 6962, section 2.1: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(NODE + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


@pytest.mark.parametrize("count", range(1, 40))
def test_the_root_is_that_of_the_rfc(count):
    assert Tree(leaves_of(count), NODE).root == by_definition(leaves_of(count))


@given(st.integers(1, 40), st.data())
def test_what_is_proved_verifies_and_nothing_else(count, data):
    leaves, tree = leaves_of(count), Tree(leaves_of(count), NODE)
    places = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    proof = tree.prove(places)
    shown = {place: leaves[place] for place in places}
    verify(shown, count, proof, tree.root, NODE)
    place = data.draw(st.sampled_from(sorted(places)))
    for wrong, hashes in (
        ({**shown, place: sha256(b"other").digest()}, proof),
        (shown, (*proof, bytes(32))),
        (shown, proof[:-1] or (bytes(32),)),
    ):
        with pytest.raises(InvalidProofError):
            verify(wrong, count, hashes, tree.root, NODE)
    with pytest.raises(InvalidProofError):
        verify(shown, count, proof, sha256(b"another root").digest(), NODE)


def test_a_proof_of_everything_is_empty():
    tree = Tree(leaves_of(7), NODE)
    assert tree.prove(range(7)) == ()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.data())
def test_a_tree_that_grew_is_the_tree_and_remembers_every_earlier_one(numbers, data):
    leaves = [sha256(b"%d" % number).digest() for number in numbers]
    grown = Tree([], NODE)
    for leaf in leaves:
        grown.append(leaf)
    assert len(grown) == len(leaves)
    assert grown.root == by_definition(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    assert grown.root_of(size) == by_definition(leaves[:size])
    places = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    assert grown.prove(places, size) == Tree(leaves[:size], NODE).prove(places)


def growth_by_definition(old, leaves, is_old=True):
    """RFC 9162, section 2.1.4.1."""
    if old == len(leaves):
        return [] if is_old else [by_definition(leaves)]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = leaves[:half], leaves[half:]
    if old <= half:
        return [*growth_by_definition(old, left, is_old), by_definition(right)]
    return [*growth_by_definition(old - half, right, False), by_definition(left)]


def test_mrk3_growth_is_proved_as_the_rfc_says_and_nothing_else_is_taken():
    tree = Tree(leaves_of(19), NODE)
    for size in range(1, 20):
        for old in range(1, size + 1):
            proof = tree.prove_growth(old, size)
            assert list(proof) == growth_by_definition(old, leaves_of(size))
            before, after = (old, tree.root_of(old)), (size, tree.root_of(size))
            verify_growth(before, after, proof, NODE)
            bent = [(*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]) for at in range(len(proof))]
            for wrong in [*bent, (*proof, bytes(32)), *([proof[1:], proof[:-1]] if proof else [])]:
                with pytest.raises(InvalidProofError):
                    verify_growth(before, after, wrong, NODE)
            other = sha256(b"another").digest()
            for roots in (((old, other), after), (before, (size, other))):
                with pytest.raises(InvalidProofError):
                    verify_growth(*roots, proof, NODE)


@pytest.mark.parametrize("old", [0, 4])
def test_mrk3_no_tree_grew_out_of_none_or_out_of_a_larger_one(old):
    root = Tree(leaves_of(3), NODE).root
    with pytest.raises(InvalidProofError):
        verify_growth((old, root), (3, root), (), NODE)
