from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidProofError
from protocols.primitives.merkle import Tree, verify

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
