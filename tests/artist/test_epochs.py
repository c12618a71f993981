"""EPO-1, EPO-2: a log that begins anew, before a platform that a test scripts."""

import json
from contextlib import closing
from dataclasses import replace

import pytest

from fedstyle_secure.artist.client import Line
from fedstyle_secure.artist.engagement import Engagement
from fedstyle_secure.artist.epochs import EpochError, confirm_epoch, look_for_epoch
from fedstyle_secure.artist.home import log_note, read_pins
from fedstyle_secure.artist.offers import OfferError
from fedstyle_secure.transparency.checkpoints import Checkpoint, CheckpointError
from fedstyle_secure.transparency.leaves import Epoch, Joined, commit_identity
from fedstyle_secure.transparency.tree import ProofError, Tree
from fedstyle_secure.wire.log import encode_entries
from fedstyle_secure.wire.routes import Route, Status
from fedstyle_secure.wire.trainings import Offer
from tests.artist import stage
from tests.artist.stage import LOG, ORIGIN, PLATFORM, SALT, Stage, public
from tests.artist.street import Authority, open_street

SECOND = "gallery.example/log/2"


@pytest.fixture
def met(tmp_path, art, monkeypatch):
    """A platform, an artist who saw four entries of its log, and the line between them."""
    authority, told = Authority(), Stage()
    with open_street(tmp_path / "street", authority) as street:
        made = stage.settle(tmp_path / "home", art, monkeypatch, address=street.address, certificates=authority.pem)
        with closing(made) as home, Line(street.address, authority.pem) as line:
            street.answer = told.serve
            Engagement(home, line).receive_offer(told.offer(told.facts(home)).encode())
            yield told, home, line, street


def anew(told, home, street, *, size=4, root=None, origin=SECOND, number=2, key=LOG, own=True, opening=None):
    """The platform's log begins anew: what it answers from now on."""
    before = told.tree.root() if root is None else root
    leaves = [
        opening or Epoch(number=number, size=size, root=before),
        Joined(commitment=commit_identity(public(home.identity), SALT) if own else bytes(32)),
    ]
    tree = Tree(leaf.encode() for leaf in leaves)
    note = Checkpoint(origin=origin, size=len(tree), root=tree.root()).sign(key)
    told.leaves = leaves

    def serve(path, body):
        if path == Route.CHECKPOINT:
            return Status.DONE, note
        if path.startswith(Route.LEAVES):
            return Status.DONE, encode_entries([leaves[0].encode()])
        return told.serve(path, body)

    street.answer = serve
    return note


def kept(home):
    return sorted(path.name.partition("-")[0] for path in (home.folder / "evidence").iterdir())


@pytest.mark.parametrize("size", [4, 9])
def test_epo1_a_new_epoch_is_pinned_by_the_artists_word_alone_and_what_was_shown_is_kept(met, size):
    told, home, line, street = met
    seen = home.store.read(log_note(ORIGIN))
    note = anew(told, home, street, size=size)
    epoch = look_for_epoch(home, line)
    assert (epoch.opening.size, epoch.seen, epoch.newest.origin) == (size, 4, SECOND)
    assert read_pins(home.folder).space.log_origin == ORIGIN
    (path,) = (home.folder / "evidence").iterdir()
    evidence = json.loads(path.read_bytes())
    assert (evidence["seen"], evidence["shown"]) == (seen.decode(), note.decode())
    confirm_epoch(home, epoch)
    assert read_pins(home.folder).space.log_origin == SECOND
    assert Engagement(home, line)._seen().newest == epoch.newest
    with pytest.raises(EpochError, match="there is no new epoch"):
        look_for_epoch(home, line)


def test_epo1_an_offer_on_a_new_log_is_refused_until_then_and_says_what_to_do(met, monkeypatch):
    told, home, line, street = met
    facts = replace(told.facts(home), number=2)
    anew(told, home, street)
    monkeypatch.setattr(stage, "ORIGIN", SECOND)
    offer = told.offer(facts).encode()
    with pytest.raises(OfferError, match="fedstyle artist confirm-log"):
        Engagement(home, line).receive_offer(offer)
    confirm_epoch(home, look_for_epoch(home, line))
    street.answer = told.serve
    agreed = Engagement(home, line)
    agreed.receive_offer(replace(Offer.decode(offer), since=2, consistency=told.tree.prove_growth(2, 4)).encode())
    assert agreed.facts == facts


def test_epo1_a_person_names_the_log_that_was_told_another_way(met, call):
    told, home, _, street = met
    anew(told, home, street)
    home.close()
    confirm = ("artist", "confirm-log", "--home", home.folder)
    assert "name the new log with --name" in call(*confirm).err
    assert "is gallery.example/log/2, and not the one" in call(*confirm, "--name", "gallery.example/log/3").err
    assert read_pins(home.folder).space.log_origin == ORIGIN
    shown = call(*confirm, "--name", SECOND)
    assert "of which you saw 4 entries, ended with 4" in shown.out.replace("\n", " ")
    assert read_pins(home.folder).space.log_origin == SECOND


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"size": 3}, EpochError, "ended with 3 entries, and it was signed with 4 others"),
        ({"root": bytes(32)}, EpochError, "do not go on"),
        ({"origin": "gallery.example/log/1"}, EpochError, "no new epoch"),
        ({"origin": "elsewhere.example/log/2"}, EpochError, "no new epoch"),
        ({"number": 3}, EpochError, "does not begin as an epoch"),
        ({"opening": Joined(commitment=bytes(32))}, EpochError, "does not begin as an epoch"),
        ({"key": PLATFORM}, CheckpointError, "another key"),
        ({"own": False}, ProofError, "entry"),
    ],
    ids=["short", "other root", "same name", "other name", "its number", "no epoch", "other key", "not in it"],
)
def test_epo2_what_contradicts_what_was_seen_or_pinned_is_not_offered_for_confirmation(met, changes, error, words):
    told, home, line, street = met
    anew(told, home, street, **changes)
    with pytest.raises(error, match=words):
        look_for_epoch(home, line)
    assert read_pins(home.folder).space.log_origin == ORIGIN
    if "size" in changes or "root" in changes:
        assert kept(home) == ["epoch"]
