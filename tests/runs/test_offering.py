"""What a platform plans within artists' stated terms is what their agents agree to."""

from dataclasses import replace

import pytest

from fedstyle_secure.artist.joining import statement
from fedstyle_secure.artist.offers import OfferError, check_offer
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.termsfile import StandingTerms, write_terms
from fedstyle_secure.config import Settings
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.offering import draft_training, least_corrupt, stated
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.training.codebook import OUTPUTS
from fedstyle_secure.wire.enrolment import Pins
from fedstyle_secure.wire.trainings import Facts

ROSTER = [number.to_bytes(32, "big") for number in range(8)]


@pytest.fixture(scope="module")
def terms(tmp_path_factory):
    path = tmp_path_factory.mktemp("terms") / "terms.toml"
    path.write_text(write_terms({"encoders": ("synthetic@0",)}), encoding="utf-8")
    return StandingTerms.read(path)


@pytest.fixture
def foundation(town):
    head = town.model().head
    wider = head.repeat(-(-OUTPUTS // len(head)), axis=0)[:OUTPUTS]
    return Foundation(model=replace(town.model(), head=wider), public=[each.views for each in town.public_features()])


def draft(statements, foundation, roster=8, **own):
    values = {"artworks": "a", "out": "b", "corrupt": least_corrupt(statements, roster), "drop_rate": 0.25}
    settings = Settings.from_values(values | {"iterations": 2} | stated(statements, foundation.model.encoder) | own)
    return draft_training(
        settings,
        foundation,
        clients=roster,
        seed=bytes(32),
        announcement_seconds=60,
        round_seconds=30,
        attempts=2,
    )


def facts_of(made, foundation, roster=ROSTER):
    model = foundation.model
    return Facts(
        number=1,
        generation=1,
        roster=tuple(roster),
        salt=bytes(32),
        plan=made.plan,
        asked=made.asked,
        prototype=made.prototype,
        style_space=model.style_space_digest,
        model=model.digest,
        architecture=model.architecture_digest,
        anchors=made.anchors,
        announcement_seconds=made.announcement_seconds,
        round_seconds=made.round_seconds,
    )


def pins_of(foundation):
    model = foundation.model
    space = Pins(
        style_space=model.style_space_digest,
        architecture=model.architecture_digest,
        encoder=model.encoder,
        log_origin="gallery.example/log/1",
        leaf=1,
        salt=bytes(32),
    )
    return PlatformPins(
        address="https://gallery.example",
        certificates="",
        platform_key=bytes(32),
        log_key=bytes(32),
        identity=ROSTER[0],
        name="artist",
        link=None,
        space=space,
    )


def judge(facts, terms, foundation):
    check_offer(facts, terms=terms, pins=pins_of(foundation), accepted=(), agreed_to="", last_training=0)


def test_artists_with_the_proposed_terms_agree_to_what_is_planned_within_them(terms, foundation):
    made = draft([statement(terms)] * 8, foundation)
    assert (made.plan.corrupt, made.plan.min_cohort, made.plan.min_survivors) == (1, 5, 6)
    assert 0 < made.asked.aggregate < terms.epsilon
    assert made.asked.aggregate < made.asked.local
    judge(facts_of(made, foundation), terms, foundation)


def test_accomplices_grow_with_the_roster_as_terms_have_it(terms, foundation):
    roster = [number.to_bytes(32, "big") for number in range(24)]
    assert least_corrupt([statement(terms)], 24) == terms.corrupt(24) == 3
    bold = replace(statement(terms), corrupt=0, corrupt_share=0.0)
    assert least_corrupt([bold], 24) == 0
    assert least_corrupt([bold, statement(terms)], 24) == 3
    judge(facts_of(draft([statement(terms)] * 24, foundation, roster=24), foundation, roster), terms, foundation)


def test_the_most_careful_artist_is_planned_for(terms, foundation):
    careful = replace(statement(terms), epsilon=2.0, max_artworks=200, min_cohort=6, corrupt_share=0.2)
    made = draft([statement(terms)] * 7 + [careful], foundation, drop_rate=0.0)
    assert made.asked.aggregate < 2
    assert (made.plan.max_artworks, made.plan.min_cohort, made.plan.corrupt) == (200, 6, 2)


def test_what_an_operator_asks_beyond_the_terms_the_artist_refuses(terms, foundation):
    made = draft([statement(terms)] * 8, foundation, epsilon=20.0)
    with pytest.raises(OfferError, match="is asked for, not 8 at 1e-05"):
        judge(facts_of(made, foundation), terms, foundation)


def test_artists_who_exclude_each_other_are_told_apart_by_what_they_insist_on(terms):
    other = replace(statement(terms), mode=Mode.LOCAL)
    with pytest.raises(InputError, match=r"different values of privacy \(distributed, local\)"):
        stated([statement(terms), other], terms.encoders[0])
    other = replace(statement(terms), encoders=("lite0@0",))
    with pytest.raises(InputError, match="1 of 2 artists do not agree to the encoder synthetic@0"):
        stated([statement(terms), other], terms.encoders[0])
    with pytest.raises(InputError, match="nobody stated any terms"):
        stated([], terms.encoders[0])
