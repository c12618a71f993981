"""Trainings in which artists speak once, on a real store and log; led by processes that die."""

import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.platform.coordinator.lead import Lead
from fedstyle_secure.platform.store.journal import DatabaseJournal
from fedstyle_secure.platform.store.trainings import State
from fedstyle_secure.transparency import leaves
from fedstyle_secure.transparency.draws import newest_draw, root_of_draw
from protocols.speakonce import client as client_module
from threat_models.gallery import ARTISTS, Postman

from .test_leading import KilledError, attempts, die_after, entries, go_on, read


class Beacon:
    """As an artist reads it; how it is held against the log is in tests/artist/test_draws.py."""

    def __init__(self, logbook):
        self._logbook = logbook

    @property
    def newest(self):
        return newest_draw(self._logbook.snapshot()[1])

    def pulse(self, number):
        return root_of_draw(self._logbook.snapshot()[1], number)


@pytest.fixture
def spoken(gallery):
    """A training of one iteration that artists speak once in."""
    for _, artist in gallery.artists.values():
        artist.beacon = Beacon(gallery.logbook)
    gallery.start(protocol=Protocol.SPEAKONCE, multipliers=(1.0,))
    return gallery


def test_killed_after_each_commit_a_window_comes_to_its_sum_and_is_drawn_once(spoken, monkeypatch):
    die_after(monkeypatch, DatabaseJournal, "open", once=True)
    die_after(monkeypatch, DatabaseJournal, "close", once=True)
    die_after(monkeypatch, Lead, "write")
    deaths = 0
    with Postman(spoken):
        while read(spoken).state not in {State.ENDED, State.FAILED}:
            try:
                go_on(spoken)
            except KilledError:
                deaths += 1
    assert deaths > 2 * 8
    assert [(each.survivors, each.problem) for each in attempts(spoken)] == [(ARTISTS, "")]
    assert {len(artist.ledger.releases) for _, artist in spoken.artists.values()} == {1}
    assert [leaf.session for leaf in entries(spoken, leaves.Drawn)] == [1]
    assert spoken.refusals == []


def test_an_artist_whose_boxes_do_not_open_is_left_out_of_a_window(spoken, monkeypatch):
    """ADR 12: what it said is in the journal, and is taken back out of the sum."""
    original = client_module.seal

    def seal(params, keys, sender, contents):
        boxes = original(params, keys, sender, contents)
        return [bytes(len(box)) for box in boxes] if sender == 3 else boxes

    monkeypatch.setattr(client_module, "seal", seal)
    with Postman(spoken):
        go_on(spoken)
    assert [(each.survivors, each.problem) for each in attempts(spoken)] == [(ARTISTS - 1, "")]
