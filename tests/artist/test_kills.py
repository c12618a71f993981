"""AGT-9: an artist killed (SIGKILL, a real process) at any line goes on where it was, for one charge a session."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch

from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.announcement import ACKNOWLEDGMENT
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.memory import Memory
from fedstyle_secure.artist.store import FileStore, StoreError
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.updates import Layout, Segment, Support
from protocols import PolicyViolationError
from tests.artist.hall import Hall
from threat_models.mortal import Mortal

_WATCHED = (
    "fedstyle_secure/artist/",
    "fedstyle_secure/aggregation/speaking",
    "fedstyle_secure/privacy/ledger",
    "fedstyle_secure/durable",
    "protocols/answering",
    "secagg/client",
    "speakonce/client",
)
"""Where an artist may be killed: wherever it charges, remembers or answers."""


class SharedBeacon:
    """One that several processes of a test read."""

    def __init__(self, folder):
        self._path = folder / "pulses"

    @property
    def newest(self):
        return int(self._path.read_text()) if self._path.exists() else 0

    def pulse(self, number):
        self._path.write_text(str(max(number, self.newest)))
        return sha256(b"pulse %d" % number).digest()


class MortalArtist(Mortal):
    """An artist in a process of its own, who is killed at the lines that it is told, and made again each time."""

    def __init__(self, town, folder, beacon=None):
        self.folder, self.beacon = folder, beacon
        super().__init__(partial(living, town, folder, beacon), _WATCHED)

    def receive_announcement(self, data):
        return self.ask(("receive_announcement", data))

    def receive_request(self, data):
        return self.ask(("receive_request", data))


def make_artist(town, folder, beacon=None, **terms):
    return Artist(
        features=town.features(0),
        codebook=town.codebook(),
        codeword=town.codebook().draw(os.urandom),  # what is kept has the last word
        enrolment=town.enrolment(0, artists=8),
        terms=town.terms(mode=Mode.NONE, max_uploads=1, max_jump=1, **terms),
        agreed=NO_LOG,
        ledger=Ledger.open(folder / "ledger.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE),
        store=FileStore.open(folder / "state"),
        random=os.urandom,
        beacon=beacon,
    )


@contextmanager
def living(town, folder, beacon):
    torch.set_num_threads(1)  # of the parent's threads none is here, and whoever waits for one waits for ever
    artist = make_artist(town, folder, beacon)
    yield lambda question: getattr(artist, question[0])(question[1])


@pytest.fixture
def mortal(town, tmp_path) -> Iterator[MortalArtist]:
    folder = tmp_path / "mortal"
    folder.mkdir()
    with closing(MortalArtist(town, folder)) as mortal:
        yield mortal


def session(hall, town, iteration, *, asked_again=False):
    """A whole session; the sum holds all artworks of all artists, once, whatever happened in between."""
    mechanism = town.mechanism(mode=Mode.NONE)
    assert hall.announce(town.announcement(mechanism, iteration=iteration)) == ACKNOWLEDGMENT
    server, requests = hall.invite(mechanism, iteration=iteration)
    while requests:
        (answer,) = hall.play(server, requests)
        if asked_again:
            hall.artists[0].end()
            assert hall.artists[0].receive_request(requests[0]) == answer
        requests = dict(server.close_round())
    assert len(server.survivors) == 8
    packed = mechanism.layout.split(dequantize(server.aggregate()["update"], mechanism))["moments"]
    rows, columns = np.triu_indices(town.D)
    assert packed[rows == columns].sum() == pytest.approx(8 * town.ARTWORKS, rel=1e-3)


def charged(folder: Path) -> list[int]:
    ledger = Ledger.read(folder / "ledger.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE)
    return [release.session.number for release in ledger.releases]


def survive(mortal, town, kills):
    """Sessions with so many kills, spread evenly over the lines of a session."""
    hall = Hall(town, mortal, mode=Mode.NONE)
    session(hall, town, 1)
    total = mortal.lines
    for number, point in enumerate(np.linspace(1, total, kills, dtype=int), start=2):
        mortal.end()
        mortal.kill_at = [int(point)]
        mortal.end()  # the next life is the doomed one
        session(hall, town, number)
    assert mortal.deaths >= 0.9 * kills
    assert charged(mortal.folder) == list(range(1, kills + 2))


def test_an_artist_killed_at_some_lines_of_a_session_completes_each(mortal, town):
    survive(mortal, town, 4)


@pytest.mark.slow
def test_an_artist_killed_at_two_hundred_lines_completes_each_session(mortal, town):
    survive(mortal, town, 200)


def survive_windows(mortal, town, kills):
    """Windows with so many kills, spread evenly over the lines of one; every artist is in every sum, and paid once."""
    multipliers = (0.0,) * (kills + 1)
    federation = town.federation(mode=Mode.NONE, multipliers=multipliers, beacon=mortal.beacon, min_survivors=8)
    signed = partial(answering, identity=town.identity(0), server_key=town.SERVER_KEY)
    federation.engine._mailboxes |= {
        "artist 0/announcement": signed(mortal.receive_announcement, Purpose.ANNOUNCEMENT),
        "artist 0/session": signed(mortal.receive_request, Purpose.SESSION),
    }
    loop = federation.loop()
    outcomes = [next(loop)]
    for point in np.linspace(1, mortal.lines, kills, endpoint=False, dtype=int):  # not all windows have as many
        mortal.end()
        mortal.kill_at = [int(point)]
        mortal.end()  # the next life is the doomed one
        outcomes.append(next(loop))
    assert [outcome.problem for outcome in outcomes] == [""] * (kills + 1)
    assert {outcome.aggregate.survivors for outcome in outcomes} == {8}
    assert mortal.deaths >= 0.8 * kills
    assert charged(mortal.folder) == list(range(1, kills + 2))


@pytest.fixture
def speaker(town, tmp_path) -> Iterator[MortalArtist]:
    folder = tmp_path / "mortal"
    folder.mkdir()
    with closing(MortalArtist(town, folder, SharedBeacon(folder))) as mortal:
        yield mortal


def test_an_artist_killed_at_some_lines_of_a_window_speaks_in_each_and_pays_once(speaker, town):
    survive_windows(speaker, town, 3)


@pytest.mark.slow
def test_an_artist_killed_at_a_hundred_lines_of_windows_speaks_in_each_and_pays_once(speaker, town):
    survive_windows(speaker, town, 100)


def test_an_answer_that_was_lost_is_given_again_byte_for_byte_by_the_next_life(mortal, town):
    hall = Hall(town, mortal, mode=Mode.NONE)
    for number in (1, 2):
        session(hall, town, number, asked_again=True)
    assert charged(mortal.folder) == [1, 2]


def test_what_an_artist_keeps_outlives_it(town, tmp_path):
    """The secret anchor, the prototype, the style space, the cohorts; and nothing of an artwork."""
    artist = make_artist(town, tmp_path)
    hall = Hall(town, artist, mode=Mode.NONE)
    session(hall, town, 1)
    artist.store.close()
    again = make_artist(town, tmp_path)
    with closing(again.store):
        assert again.codeword == artist.codeword
        assert again.whitening.digest == town.model().whitening.digest
        assert list(again.cohorts) == [frozenset(hall.identities)]
        assert not [name for name in again.store.names("") if "feature" in name]


def test_where_the_state_is_lost_the_ledger_still_keeps_sessions_from_beginning_again(town, tmp_path):
    """What is lost is named in docs/privacy.md: here the cohorts; charges and numbers are not."""
    artist = make_artist(town, tmp_path)
    session(Hall(town, artist, mode=Mode.NONE), town, 1)
    artist.store.close()
    for path in tmp_path.glob("state*"):
        path.unlink()
    again = make_artist(town, tmp_path)
    with closing(again.store):
        hall, mechanism = Hall(town, again, mode=Mode.NONE), town.mechanism(mode=Mode.NONE)
        assert (len(again.cohorts), again.whitening, charged(tmp_path)) == (0, None, [1])
        with pytest.raises(PrivacyError, match="iteration 1 was uploaded to 1 times"):
            hall.announce(town.announcement(mechanism))
        hall.announce(town.announcement(mechanism, iteration=2))
        with pytest.raises(PolicyViolationError, match="session 1 is not after 1"):
            hall.walk(mechanism, rounds=1, iteration=2)
    assert charged(tmp_path) == [1]


def test_an_invitation_that_was_refused_leaves_what_is_kept(town, tmp_path):
    """AGT-8, in the store too: the session in flight goes on after a crash."""
    artist = make_artist(town, tmp_path)
    hall, mechanism = Hall(town, artist, mode=Mode.NONE), town.mechanism(mode=Mode.NONE)
    hall.announce(town.announcement(mechanism))
    _, request = hall.walk(mechanism, rounds=2)
    with pytest.raises(PolicyViolationError):
        artist.receive_request(hall.invite(mechanism, iteration=3)[1][0])
    artist.store.close()
    again = make_artist(town, tmp_path)
    with closing(again.store):
        assert again.receive_request(request)


def test_an_altered_state_is_no_reason_to_begin_anew(town, tmp_path):
    artist = make_artist(town, tmp_path)
    hall = Hall(town, artist, mode=Mode.NONE)
    hall.announce(town.announcement(town.mechanism(mode=Mode.NONE)))
    artist.store._database.execute("UPDATE kept SET value = x'00' WHERE name = 'announcement'")
    artist.store.close()
    with pytest.raises(StoreError, match="'announcement' was altered"):
        make_artist(town, tmp_path)


def test_a_session_whose_terms_changed_meanwhile_does_not_go_on(town, tmp_path, caplog):
    artist = make_artist(town, tmp_path)
    hall, mechanism = Hall(town, artist, mode=Mode.NONE), town.mechanism(mode=Mode.NONE)
    hall.announce(town.announcement(mechanism))
    _, request = hall.walk(mechanism, rounds=2)
    artist.store.close()
    again = make_artist(town, tmp_path, corrupt=3)
    with closing(again.store), pytest.raises(PrivacyError, match="before its iteration was announced"):
        again.receive_request(request)
    assert "the announcement that was in hand is refused now" in caplog.text
    assert charged(tmp_path) == []


class Killed(BaseException):
    """Stands for a SIGKILL between a charge and the keeping of what was paid for."""


@pytest.mark.parametrize("release", ["prototype", "signature"])
def test_agt12_what_was_paid_for_and_lost_is_made_again_for_the_same_charge(town, tmp_path, monkeypatch, release):
    mechanism = alone(town, release)

    def make(artist):
        if release == "prototype":
            return artist.release_prototype(town.model(), mechanism)
        return artist.publish_signature(town.model().whiten, mechanism, publication="first")

    def die(*_arguments):
        raise Killed

    artist = make_artist(town, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Memory, f"keep_{release}", die)
        with pytest.raises(Killed):
            make(artist)
    artist.store.close()
    again = make_artist(town, tmp_path)
    with closing(again.store):
        first = make(again)
        np.testing.assert_array_equal(first, make(again))
        assert [each.name for each in again.ledger.releases] == [release]
        if release == "signature":
            again.publish_signature(town.model().whiten, mechanism, publication="second")
            assert len(again.ledger.releases) == 2


def alone(town, name):
    """A release of one artist alone."""
    segment = Segment(name=name, length=town.D, support=Support.ARTIST, clip_norm=1.0, share=1.0)
    return town.mechanism(Layout((segment,)), mode=Mode.NONE, clients=1, corrupt=0, min_survivors=1)
