"""Judged by the known answers of Certificate Transparency's implementation of RFC 6962, and by sigstore's verifier."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError
from fedstyle_secure.transparency.tree import ProofError, Tree, verify_entry, verify_growth

ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
"""Leaves of the known answers of Certificate Transparency's trees; their roots by size, and some proofs."""
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): INCLUSION[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


def hexed(proof):
    return tuple(node.hex() for node in proof)


def test_roots_and_proofs_are_the_known_ones():
    tree = Tree()
    for size, root in enumerate(ROOTS):
        assert tree.root().hex() == root
        if size < len(ENTRIES):
            tree.append(ENTRIES[size])
    assert [tree.root(size).hex() for size in range(9)] == list(ROOTS)
    assert {key: hexed(tree.prove_entry(*key)) for key in INCLUSION} == INCLUSION
    assert {key: hexed(tree.prove_growth(*key)) for key in CONSISTENCY} == CONSISTENCY


def test_sigstore_takes_every_proof_and_refuses_what_is_bent():
    merkle = pytest.importorskip("sigstore._internal.merkle", reason="pip install sigstore: an independent verifier")
    from sigstore.errors import VerificationError

    def judge(entry, place, size, proof, root):
        inclusion = SimpleNamespace(log_index=place, tree_size=size, hashes=list(proof), root_hash=root)
        merkle.verify_merkle_inclusion(
            SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=inclusion, canonicalized_body=entry))
        )

    entries = [b"entry %d" % number for number in range(70)]
    tree = Tree(entries)
    for size in range(1, 71):
        for place in range(size):
            proof = tree.prove_entry(place, size)
            judge(entries[place], place, size, proof, tree.root(size))
            verify_entry(entries[place], place, proof, size=size, root=tree.root(size))
    for wrong in (
        (b"other", 5, 8, tree.prove_entry(5, 8), tree.root(8)),
        (entries[5], 4, 8, tree.prove_entry(5, 8), tree.root(8)),
        (entries[5], 5, 8, tree.prove_entry(5, 8)[1:], tree.root(8)),
        (entries[5], 5, 8, tree.prove_entry(5, 8), tree.root(9)),
    ):
        entry, place, size, proof, root = wrong
        with pytest.raises(VerificationError):
            judge(*wrong)
        with pytest.raises(ProofError):
            verify_entry(entry, place, proof, size=size, root=root)


@given(st.data())
def test_tre1_what_was_proved_verifies_and_nothing_near_it_does(data):
    size = data.draw(st.integers(1, 50))
    old, place = data.draw(st.integers(0, size)), data.draw(st.integers(0, size - 1))
    entries = [b"%d" % number for number in range(size)]
    tree = Tree(entries)
    entry_proof, growth = tree.prove_entry(place, size), tree.prove_growth(old, size)
    verify_entry(entries[place], place, entry_proof, size=size, root=tree.root())
    verify_growth((old, tree.root(old)), (size, tree.root()), growth)
    at = data.draw(st.integers(0, size - 1))
    other = Tree([*entries[:at], b"other", *entries[at + 1 :]])
    if at != place:
        with pytest.raises(ProofError):
            verify_entry(entries[place], place, other.prove_entry(place, size), size=size, root=tree.root())
    if at < old:
        with pytest.raises(ProofError):
            verify_growth((old, tree.root(old)), (size, other.root()), other.prove_growth(old, size))


@pytest.mark.parametrize("place", [-1, 3, 4])
def test_tre2_a_place_outside_of_the_log_is_refused(place):
    tree = Tree(ENTRIES[:3])
    with pytest.raises(ProofError, match="no entry"):
        verify_entry(ENTRIES[2], place, tree.prove_entry(2, 3), size=3, root=tree.root())


def test_tre2_a_log_does_not_shrink():
    tree = Tree(ENTRIES)
    with pytest.raises(ProofError, match="did not grow"):
        verify_growth((8, tree.root()), (7, tree.root(7)), tree.prove_growth(7, 8))
    with pytest.raises(ProofError, match="did not grow"):
        verify_growth((0, tree.root(0)), (7, tree.root(7)), (bytes(32),))


def test_what_a_log_does_not_have_is_not_proved():
    tree = Tree(ENTRIES)
    for ask in (
        lambda: tree.root(9),
        lambda: tree.prove_entry(0, 9),
        lambda: tree.prove_entry(3, 3),
        lambda: tree.prove_entry(-1, 3),
        lambda: tree.prove_growth(5, 4),
        lambda: tree.prove_growth(5, 9),
    ):
        with pytest.raises(InputError, match="the log here has"):
            ask()
