"""BEA-1: the beacon as an artist reads it, before a platform that lies."""

from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.artist.draws import WatchedBeacon
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.leaves import Drawn, Epoch, Joined
from fedstyle_secure.transparency.tree import ProofError, Tree
from fedstyle_secure.transparency.watch import ForkError, Watch
from fedstyle_secure.wire.log import LogReader, encode_entries, encode_proof
from fedstyle_secure.wire.routes import Route

KEY = Ed25519PrivateKey.generate()
NOBODY = Watch(origin="gallery.example/log/1", key=KEY.public_key().public_bytes_raw())
BEGUN = [Epoch(number=1, size=0, root=bytes(32)).encode(), Joined(commitment=bytes(32)).encode()]


class Log:
    """What a platform shows: a signed log, and perhaps other entries than it signed."""

    def __init__(self, *leaves):
        self.entries = [*BEGUN, *(leaf.encode() for leaf in leaves)]
        self.shown = self.entries
        self.asked_from = []

    def note(self):
        tree = Tree(self.entries)
        return Checkpoint(origin=NOBODY.origin, size=len(tree), root=tree.root()).sign(KEY)

    def get(self, path):
        query = {name: int(value[0]) for name, value in parse_qs(urlsplit(path).query).items()}
        if path == Route.CHECKPOINT:
            return self.note()
        if path.startswith(Route.LEAVES):
            self.asked_from.append(query["start"])
            return encode_entries(self.shown[query["start"] : query["end"]])
        return encode_proof(Tree(self.entries).prove_growth(query["old"], query["new"]))


def beacon_of(log):
    seen = NOBODY.take(Checkpoint(origin=NOBODY.origin, size=2, root=Tree(BEGUN).root()).sign(KEY), ())
    return WatchedBeacon(lambda: seen, LogReader(log.get))


def test_bea1_a_pulse_is_the_logs_root_with_its_draw_the_last_entry():
    log = Log(Drawn(session=3), Joined(commitment=bytes(32)))
    assert beacon_of(log).newest == 3
    assert beacon_of(log).pulse(3) == Tree(log.entries[:3]).root()
    with pytest.raises(FedStyleError, match="session 4 was not drawn in the log yet"):
        beacon_of(log).pulse(4)


def test_bea1_entries_that_the_log_did_not_sign_draw_nothing():
    log = Log(Drawn(session=3))
    log.shown = [*log.entries[:2], Drawn(session=4).encode()]
    for read in (lambda beacon: beacon.newest, lambda beacon: beacon.pulse(4)):
        with pytest.raises(ProofError):
            read(beacon_of(log))


def test_bea1_a_log_that_did_not_grow_out_of_what_was_agreed_to_is_a_fork():
    log = Log(Drawn(session=3))
    log.entries = log.shown = [BEGUN[0], Joined(commitment=b"x" * 32).encode(), Drawn(session=3).encode()]
    with pytest.raises(ForkError):
        beacon_of(log).pulse(3)


def test_what_was_read_of_the_log_is_not_asked_for_again():
    log = Log(Drawn(session=3))
    beacon = beacon_of(log)
    assert beacon.newest == 3
    log.entries.append(Drawn(session=4).encode())
    assert (beacon.newest, beacon.pulse(4)) == (4, Tree(log.entries).root())
    assert log.asked_from == [0, 3]


def test_bea1_a_log_that_changes_what_was_read_draws_nothing():
    log = Log(Drawn(session=3))
    beacon = beacon_of(log)
    assert beacon.newest == 3
    log.entries[2:] = [Joined(commitment=bytes(32)).encode(), Drawn(session=4).encode()]
    with pytest.raises(ProofError):
        beacon.pulse(4)
