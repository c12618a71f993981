"""A training from offer to outcome, on real databases with real artists, led by processes that die."""

import threading
import time
from contextlib import contextmanager
from hashlib import sha256

import pytest
from sqlalchemy import update

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.aggregation.session import Agreed
from fedstyle_secure.aggregation.windows import Opening
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.signature_space import SignatureSpace, signature_length
from fedstyle_secure.platform.coordinator.coordinator import Coordinator
from fedstyle_secure.platform.coordinator.draws import LogBeacon
from fedstyle_secure.platform.coordinator.lead import Lead
from fedstyle_secure.platform.coordinator.leading import Leading, cohort_plan
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.store.exchanges import EXCHANGES
from fedstyle_secure.platform.store.files import read_file
from fedstyle_secure.platform.store.journal import DatabaseJournal
from fedstyle_secure.platform.store.lease import LeaseLostError
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.trainings import (
    State,
    all_trainings,
    attempts_of,
    find_training,
    newest_checkpoint,
    request_stop,
    waiting_for,
)
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server.checkpoint import Checkpoint
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.transparency import leaves
from fedstyle_secure.wire.trainings import Outcome
from threat_models.gallery import ARTISTS, Postman


class KilledError(Exception):
    """The process is gone."""


def die_after(monkeypatch, kind, name, *, once=False):
    """Have the process die when a call is done: always, or the first time it is about this."""
    seen, real = set(), getattr(kind, name)

    def call(self, about, *arguments, **named):
        result = real(self, about, *arguments, **named)
        if once and about in seen:
            return result
        seen.add(about)
        raise KilledError

    monkeypatch.setattr(kind, name, call)


def lead(gallery):
    return Lead.take(gallery.database, b"this process", threading.Event())


both_kinds = pytest.mark.parametrize("gallery_url", ["sqlite", "postgresql"], indirect=True)


def read(gallery, number=1):
    with gallery.database.reading() as connection:
        return find_training(connection, number)


def go_on(gallery, number=1, led=None):
    """One life of a leader."""
    Leading(led or lead(gallery), read(gallery, number), signer=gallery.signer, logbook=gallery.logbook).go_on()


def attempts(gallery, number=1):
    with gallery.database.reading() as connection:
        return attempts_of(connection, number)


def has_begun(gallery, *, session, artists):
    """Whether so many have answered the first request of a session."""
    with gallery.database.reading() as connection:
        waiting = waiting_for(connection, 1)
    return waiting is not None and (waiting.name, waiting.replied) == (f"session {session} round 0", artists)


def entries(gallery, kind):
    return [leaf for leaf in map(leaves.decode, gallery.logbook.snapshot()[1]) if isinstance(leaf, kind)]


def by_memory_engine(gallery, training):
    """Digests of the sums that the same artists come to by the embedded engine, with the same random bytes."""
    again = gallery.town.bend(gallery.town, folder=gallery.town.folder / "again")
    federation = again.federation(clients=ARTISTS, min_survivors=5, corrupt=0, mode=Mode.DISTRIBUTED)
    facts = training.facts
    agreed = Agreed(training_digest=facts.digest, checkpoint_digest=gallery.logbook.digest(training.size))
    order = [list(federation.identities).index(identity) for identity in facts.roster]
    for artist in federation.artists.values():
        artist.agreed = agreed
    names = [federation.names[index] for index in order]
    loop = federation.loop(
        checkpoint=Checkpoint(model=gallery.foundation.model, alignment=gallery.foundation.alignment()),
        cohort=cohort_plan(facts),
        agreed=agreed,
        artists=names,
        identities=facts.roster,
    )
    return [outcome.aggregate.digest for outcome in loop]


def test_a_training_goes_from_offer_to_outcome_and_sums_are_those_of_the_memory_engine(gallery):
    training = gallery.start()
    with Postman(gallery):
        go_on(gallery)
    over = read(gallery)
    assert (over.state, over.agreed, over.problem) == (State.ENDED, ARTISTS, "")
    found = attempts(gallery)
    assert [(each.iteration, each.survivors, each.problem) for each in found] == [(1, ARTISTS, ""), (2, ARTISTS, "")]
    assert [each.sum_digest for each in found] == by_memory_engine(gallery, over)
    outcome = Outcome.decode(over.outcome)
    assert set(gallery.outcomes.values()) == {over.outcome}
    assert len(gallery.outcomes) == ARTISTS
    assert (outcome.sums, outcome.survivors) == (tuple(each.sum_digest for each in found), (ARTISTS, ARTISTS))
    with gallery.database.reading() as connection:
        model, space = (read_file(connection, digest) for digest in (outcome.model, outcome.signature_space))
    assert StyleModel.decode(model).digest != gallery.town.model().digest
    assert SignatureSpace.decode(space).dimensions == outcome.signature.length
    assert [leaf.digest for leaf in entries(gallery, leaves.Training)] == [training.facts.digest]
    assert [leaf.survivors for leaf in entries(gallery, leaves.Session)] == [ARTISTS, ARTISTS]
    assert [(leaf.digest, leaf.space) for leaf in entries(gallery, leaves.Model)] == [
        (outcome.model, outcome.signature_space)
    ]
    assert gallery.refusals == []


def test_a_window_ends_when_it_was_first_said_to_whoever_leads_and_is_drawn_once(gallery):
    training = gallery.start()
    led = lead(gallery)
    leading = [
        Leading(led, training, signer=gallery.signer, logbook=gallery.logbook, clock=lambda now=now: now)
        for now in (1000, 2000)
    ]
    first, again = (each._opening(7) for each in leading)
    assert first == again == Opening(pulse=7, end=1000 + 2 * training.facts.announcement_seconds)
    beacons = [LogBeacon(led, gallery.logbook), LogBeacon(led, Logbook(gallery.database, gallery.signer))]
    assert beacons[0].newest == 0
    assert len({each.pulse(7) for each in beacons}) == 1
    assert [leaf.session for leaf in entries(gallery, leaves.Drawn)] == [7]
    assert beacons[1].newest == 7


def test_a_signature_is_as_long_as_the_artworks_that_were_summed_are_worth(gallery, monkeypatch):
    """As in a run: what the first moments told decides, and the space may be shorter still."""
    asked, real = [], Foundation.signature_space

    def noted(foundation, model, length):
        asked.append(length)
        return real(foundation, model, min(length, 7))

    monkeypatch.setattr(Foundation, "signature_space", noted)
    gallery.start()
    with Postman(gallery):
        go_on(gallery)
    with gallery.database.reading() as connection:
        artworks = Checkpoint.decode(newest_checkpoint(connection, 1)).artworks
    planned, outcome = read(gallery).signature, Outcome.decode(read(gallery).outcome)
    each = [len(artist.features) for _, artist in gallery.artists.values()]
    assert artworks == pytest.approx(sum(each) / len(each), rel=0.5)
    assert asked == [signature_length(planned.noise_multiplier, artworks)]
    assert (outcome.signature.length, outcome.signature.noise_multiplier) == (7, planned.noise_multiplier)


@both_kinds
def test_killed_after_each_commit_it_comes_to_the_same(gallery, monkeypatch):
    """COO-1, COO-2."""
    gallery.start()
    die_after(monkeypatch, DatabaseJournal, "open", once=True)
    die_after(monkeypatch, DatabaseJournal, "close", once=True)
    die_after(monkeypatch, Lead, "write")
    exchanges = 1 + 2 * (1 + 5) + 1  # an offer, two iterations, an outcome
    lives = 2 * exchanges + 1 + 1 + 2 + 1 + 1  # the log's checkpoint; agreed; two attempts; summed up; ended
    with Postman(gallery):
        for _ in range(lives):
            with pytest.raises(KilledError):
                go_on(gallery)
    over = read(gallery)
    assert over.state is State.ENDED
    assert [each.sum_digest for each in attempts(gallery)] == by_memory_engine(gallery, over)
    assert {len(artist.ledger.releases) for _, artist in gallery.artists.values()} == {2}
    assert len(entries(gallery, leaves.Session)) == 2
    assert gallery.refusals == []


def test_offers_stand_on_one_checkpoint_whatever_the_log_has_since(gallery, monkeypatch):
    """COO-2."""
    gallery.start()
    with monkeypatch.context() as patch:
        die_after(patch, DatabaseJournal, "open")
        with pytest.raises(KilledError):
            go_on(gallery)
    with gallery.database.writing() as connection:
        enter(connection, leaves.Joined(commitment=bytes(32)))
    gallery.silent[Purpose.ANNOUNCEMENT] = set(range(ARTISTS))
    die_after(monkeypatch, DatabaseJournal, "close")
    with Postman(gallery), pytest.raises(KilledError):
        go_on(gallery)
    assert read(gallery).state is State.OFFERED
    assert read(gallery).size == 3  # the log's opening, the generation and the training


@both_kinds
def test_who_was_overtaken_writes_nothing_more(gallery):
    """LDR-1."""
    gallery.start()
    overtaken = lead(gallery)
    lead(gallery)
    with Postman(gallery), pytest.raises(LeaseLostError):
        go_on(gallery, led=overtaken)
    assert (read(gallery).state, read(gallery).note) == (State.OFFERED, None)


def test_too_few_who_agree_end_it_in_a_sentence(gallery):
    """COO-3."""
    gallery.silent[Purpose.OFFER] = {0, 1}
    gallery.start(announcement_seconds=1)
    with Postman(gallery):
        go_on(gallery)
    over = read(gallery)
    assert over.state is State.FAILED
    assert over.agreed <= ARTISTS - 2  # a second may be too short for some
    assert over.problem == f"{over.agreed} of 6 artists agreed, 5 are needed"
    assert all(not artist.ledger.releases for _, artist in gallery.artists.values())


def test_an_artist_who_is_silent_is_waited_for_as_long_as_was_said(gallery):
    gallery.silent = {purpose: {3} for purpose in Purpose}
    gallery.start(announcement_seconds=8, round_seconds=8, multipliers=(1.0,))
    with Postman(gallery):
        go_on(gallery)
    assert [each.survivors for each in attempts(gallery)] == [ARTISTS - 1]
    assert read(gallery).state is State.ENDED


def test_a_session_without_a_sum_is_tried_again(gallery):
    gallery.silent[Purpose.SESSION] = {0, 1}
    gallery.start(round_seconds=1, multipliers=(1.0,), attempts=2)
    with Postman(gallery):
        go_on(gallery)
    over = read(gallery)
    assert [each.iteration for each in attempts(gallery)] == [1, 1]
    assert over.state is State.FAILED
    assert over.problem.startswith("iteration 1: too few clients advertised keys")
    assert [leaf.survivors for leaf in entries(gallery, leaves.Session)] == [0, 0]


def test_half_of_a_cohort_that_is_gone_costs_nobody_anything(gallery):
    gallery.silent[Purpose.SESSION] = {0, 1, 2}
    gallery.start(round_seconds=1, multipliers=(1.0,))
    with Postman(gallery):
        go_on(gallery)
    assert read(gallery).state is State.FAILED
    assert read(gallery).problem.startswith("iteration 1: too few clients advertised keys")
    assert [artist.ledger.releases for _, artist in gallery.artists.values()] == [()] * ARTISTS


def stop(gallery, number=1):
    with gallery.database.writing() as connection:
        request_stop(connection, number)


@contextmanager
def led(gallery, number=1):
    """A leader at work, until it has nothing more to do."""
    leader = threading.Thread(target=go_on, args=(gallery, number))
    leader.start()
    yield
    leader.join(60)
    assert not leader.is_alive()


def test_a_training_that_is_stopped_before_anything_came_of_it_fails(gallery):
    """COO-3, LDR-2."""
    gallery.start(announcement_seconds=1000)
    gallery.silent[Purpose.OFFER] = {0, 1, 2}
    with Postman(gallery), led(gallery):
        stop(gallery)
    assert read(gallery).state is State.FAILED
    assert read(gallery).problem == "its operator ended it before anything came of it"


def test_what_a_training_came_to_when_it_is_stopped_is_its_outcome_and_the_next_one_goes_on(gallery):
    """COO-3, COO-4: three artists have begun a session that nobody ends."""
    gallery.start(announcement_seconds=1000, round_seconds=1000)
    gallery.silent_from[Purpose.SESSION] = (2, {3, 4, 5})
    with Postman(gallery), led(gallery):
        while not has_begun(gallery, session=2, artists=3):
            time.sleep(0.01)
        stop(gallery)
    assert read(gallery).state is State.ENDED
    assert read(gallery).problem == ""
    assert [each.iteration for each in attempts(gallery)] == [1]
    assert len(gallery.outcomes) == ARTISTS
    gallery.silent_from.clear()
    gallery.start(multipliers=(1.0,))
    with Postman(gallery):
        go_on(gallery, 2)
    assert [(each.iteration, each.survivors) for each in attempts(gallery, 2)] == [(3, ARTISTS)]
    assert gallery.refusals == []


def test_numbers_go_on_from_training_to_training(gallery):
    for number in (1, 2):
        gallery.start(multipliers=(1.0,))
        with Postman(gallery):
            go_on(gallery, number)
    assert [each.iteration for number in (1, 2) for each in attempts(gallery, number)] == [1, 2]
    assert [read(gallery, number).state for number in (1, 2)] == [State.ENDED] * 2
    assert {len(artist.ledger.releases) for _, artist in gallery.artists.values()} == {2}


@both_kinds
def test_a_coordinator_leads_until_it_is_told_to_leave_and_another_goes_on(gallery):
    """LDR-2: two processes, of which one leads."""
    gallery.start(multipliers=(1.0,))
    told = []
    leave = threading.Event()
    coordinators = [
        Coordinator(
            gallery.database,
            gallery.signer,
            gallery.logbook,
            tell=lambda event, number=number, **_: told.append((number, event)),
        )
        for number in range(2)
    ]
    threads = [threading.Thread(target=each.run, args=(leave,)) for each in coordinators]
    with Postman(gallery):
        for thread in threads:
            thread.start()
        while read(gallery).state is not State.ENDED:
            threads[0].join(0.05)
        leave.set()
        for thread in threads:
            thread.join(30)
    assert len({number for number, event in told if event == "leading"}) == 1
    # Who begins at the same moment as the other may have to try again.
    assert [event for _, event in told if event not in {"leading", "waiting"}] == ["agreed", "attempt", "ended"]


def test_a_training_that_was_begun_differently_ends_in_a_sentence(gallery, monkeypatch):
    """What an exchange was begun with is what it goes on with, or it does not."""
    gallery.start()
    with monkeypatch.context() as patch:
        die_after(patch, DatabaseJournal, "open")
        with pytest.raises(KilledError):
            go_on(gallery)
    with gallery.database.writing() as connection:
        connection.execute(update(EXCHANGES).values(digest=b""))
    with Postman(gallery):
        go_on(gallery)
    assert read(gallery).problem == "exchange 'offer' of training 1 was begun with other requests"


def test_all_trainings_are_listed_and_each_is_what_it_was(gallery):
    training = gallery.start()
    with gallery.database.reading() as connection:
        assert [each.facts for each in all_trainings(connection)] == [training.facts]
    assert sha256(training.facts.public.encode()).digest() == training.facts.digest
