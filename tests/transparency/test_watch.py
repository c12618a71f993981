import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.errors import InputError
from fedstyle_secure.transparency.checkpoints import Checkpoint, CheckpointError
from fedstyle_secure.transparency.leaves import Epoch, Published, Withdrawn
from fedstyle_secure.transparency.tree import ProofError, Tree
from fedstyle_secure.transparency.watch import ForkError, Place, Watch

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WATCH = Watch(origin="gallery.example/log/1", key=KEY.public_key().public_bytes_raw())
HISTORY = [Epoch(number=1, size=0, root=bytes(32)), *(Published(digest=bytes([number]) * 32) for number in range(9))]
TREE = Tree(leaf.encode() for leaf in HISTORY)
OTHER = Tree(leaf.encode() for leaf in [*HISTORY[:4], Withdrawn(digest=bytes(32)), *HISTORY[5:]])


def note(size, tree=TREE, key=KEY):
    return Checkpoint(origin=WATCH.origin, size=size, root=tree.root(size)).sign(key)


def seen(size):
    return WATCH.take(note(size), ())


def test_wat1_a_log_is_followed_as_it_grows():
    watch = WATCH
    assert watch.size == 0
    for size in range(1, 11):
        watch = watch.take(note(size), TREE.prove_growth(watch.size, size))
        assert (watch.size, watch.newest.root) == (size, TREE.root(size))
    assert watch.take(watch.note, ()) == watch
    assert Watch(origin=watch.origin, key=watch.key, note=watch.note) == watch


def test_wat1_what_the_log_did_not_sign_is_no_checkpoint_and_no_fork():
    with pytest.raises(CheckpointError):
        seen(3).take(note(5, key=Ed25519PrivateKey.generate()), TREE.prove_growth(3, 5))
    with pytest.raises(CheckpointError):
        Watch(origin="another", key=WATCH.key, note=note(3))


@pytest.mark.parametrize(
    ("size", "tree", "proof"),
    [
        (7, OTHER, OTHER.prove_growth(6, 7)),
        (6, OTHER, ()),
        (5, TREE, TREE.prove_growth(5, 6)),
        (7, TREE, ()),
        (7, TREE, TREE.prove_growth(5, 7)),
    ],
    ids=["another history", "another root", "went back", "no proof", "another proof"],
)
def test_wat2_what_did_not_grow_out_of_what_was_seen_is_refused_and_kept_as_evidence(size, tree, proof):
    watch = seen(6)
    with pytest.raises(ForkError, match="another history") as refused:
        watch.take(note(size, tree), proof)
    evidence = json.loads(refused.value.evidence)
    assert evidence["consistency"] == [node.hex() for node in proof]
    for which, expected in (("seen", note(6)), ("shown", note(size, tree))):
        Checkpoint.open(evidence[which].encode(), origin=evidence["log"], key=bytes.fromhex(evidence["key"]))
        assert evidence[which].encode() == expected


def test_wat3_only_what_stands_in_a_checkpoint_that_was_taken_is_believed():
    watch = seen(6)
    watch.check(HISTORY[4], Place(leaf=4, proof=TREE.prove_entry(4, 6)))
    for leaf, place in (
        (Withdrawn(digest=bytes(32)), Place(leaf=4, proof=TREE.prove_entry(4, 6))),
        (HISTORY[4], Place(leaf=3, proof=TREE.prove_entry(4, 6))),
        (HISTORY[7], Place(leaf=7, proof=TREE.prove_entry(7, 8))),
    ):
        with pytest.raises(ProofError):
            watch.check(leaf, place)
    with pytest.raises(InputError, match="no checkpoint"):
        WATCH.check(HISTORY[0], Place(leaf=0, proof=()))


def test_wat3_a_whole_log_is_read_only_as_what_leads_to_its_root():
    entries = [leaf.encode() for leaf in HISTORY]
    assert seen(6).read(entries[:6]) == HISTORY[:6]
    for wrong in (entries[:5], entries[:7], [*entries[:5], entries[6]], entries[1::-1] + entries[2:6]):
        with pytest.raises(ProofError, match="are not the 6"):
            seen(6).read(wrong)


def test_an_entry_of_no_known_kind_is_named():
    tree = Tree([b"nonsense"])
    with pytest.raises(InputError, match="begins with one of"):
        WATCH.take(note(1, tree), ()).read([b"nonsense"])
