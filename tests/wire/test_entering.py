"""An offer is entered into on the log alone: what a platform tells one artist otherwise than others comes out here."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.transparency.checkpoints import Checkpoint, CheckpointError
from fedstyle_secure.transparency.leaves import Epoch, Generation, Joined, Training, commit_roster
from fedstyle_secure.transparency.tree import ProofError, Tree
from fedstyle_secure.transparency.watch import ForkError, Place, Watch
from tests.wire.test_bodies import FACTS, KEY, OFFER

LOG_KEY = Ed25519PrivateKey.from_private_bytes(KEY)
WATCH = Watch(origin="gallery.example/log/1", key=LOG_KEY.public_key().public_bytes_raw())
ROSTER = Generation(
    number=FACTS.generation, members=len(FACTS.roster), commitment=commit_roster(FACTS.roster, FACTS.salt)
)
TRAINING = Training(digest=FACTS.digest, generation=FACTS.generation)
BEGUN = [Epoch(number=1, size=0, root=bytes(32)), Joined(commitment=KEY)]


def note(leaves):
    tree = Tree(leaf.encode() for leaf in leaves)
    return Checkpoint(origin=WATCH.origin, size=len(tree), root=tree.root()).sign(LOG_KEY)


def offered(leaves, *, since=2, places=(2, 3)):
    """The offer of FACTS on the log with these entries."""
    tree = Tree(leaf.encode() for leaf in leaves)
    roster, training = (Place(leaf=place, proof=tree.prove_entry(place, len(tree))) for place in places)
    return replace(
        OFFER,
        checkpoint=note(leaves),
        since=since,
        consistency=tree.prove_growth(since, len(tree)),
        roster_place=roster,
        training_place=training,
    )


SEEN = WATCH.take(note(BEGUN), ())


def test_off1_what_stands_in_the_log_is_what_sessions_stand_on():
    offer = offered([*BEGUN, ROSTER, TRAINING])
    watch, agreed = offer.enter(SEEN)
    assert watch.note == offer.checkpoint
    assert (agreed.training_digest, agreed.checkpoint_digest) == (FACTS.digest, watch.newest.digest)
    first, _ = offered([*BEGUN, ROSTER, TRAINING], since=0).enter(WATCH)
    assert first == watch
    later = offered([*BEGUN, ROSTER, TRAINING, BEGUN[1]], since=0)
    proof = Tree(leaf.encode() for leaf in [*BEGUN, ROSTER, TRAINING, BEGUN[1]]).prove_growth(4, 5)
    assert later.enter(watch, proof)[0].size == 5


@pytest.mark.parametrize(
    ("leaves", "error"),
    [
        ([*BEGUN, replace(ROSTER, members=3), TRAINING], ProofError),
        ([*BEGUN, replace(ROSTER, commitment=commit_roster(FACTS.roster[::-1], FACTS.salt)), TRAINING], ProofError),
        ([*BEGUN, replace(ROSTER, number=3), TRAINING], ProofError),
        ([*BEGUN, ROSTER, replace(TRAINING, digest=KEY)], ProofError),
        ([BEGUN[0], replace(BEGUN[1], commitment=bytes(32)), ROSTER, TRAINING], ForkError),
    ],
    ids=["fewer members", "another roster", "another generation", "another training", "another history"],
)
def test_off1_what_the_log_does_not_say_is_not_entered_into(leaves, error):
    with pytest.raises(error):
        offered(leaves).enter(SEEN)


def test_off1_a_checkpoint_that_the_log_did_not_sign_is_none():
    with pytest.raises(CheckpointError):
        replace(offered([*BEGUN, ROSTER, TRAINING]), checkpoint=OFFER.checkpoint).enter(SEEN)


def test_off1_a_training_differs_in_its_digest_by_each_of_its_facts():
    assert replace(FACTS, number=2).digest != FACTS.digest
    with pytest.raises(ProofError):
        replace(offered([*BEGUN, ROSTER, TRAINING]), facts=replace(FACTS, round_seconds=31)).enter(SEEN)
