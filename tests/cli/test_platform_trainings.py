"""`fedstyle platform train`: trainings are started within what artists stated, followed and stopped."""

import json
from dataclasses import replace

import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.platform.store.artists import find_identity, retire
from fedstyle_secure.platform.store.exchanges import open_exchange
from fedstyle_secure.platform.store.trainings import Attempt, add_attempt, find_training
from fedstyle_secure.privacy.sizing import Mode
from tests.platform.house import TERMS, join, make, opened_database
from tests.platform.letters import artist_key, asked, public


@pytest.fixture
def folder(tmp_path, shared_town):
    return make(tmp_path / "platform", shared_town)


def train(call, folder, *arguments):
    return call("platform", "train", *arguments, "--platform", str(folder.path), "--json")


def start(call, folder, *arguments):
    done = train(call, folder, "start", "--iterations", "2", *arguments)
    assert done.code == 0, done
    return json.loads(done.out)


def test_a_training_is_started_within_what_all_artists_stated_and_waits_to_be_led(call, folder):
    join(folder, *range(7))
    join(folder, 7, terms=replace(TERMS, epsilon=3.0, max_artworks=80))
    told = start(call, folder)
    assert (told["training"], told["generation"], told["artists"], told["state"]) == (1, 1, 8, "offered")
    assert 0 < told["epsilon"]["aggregate"] < 3
    assert (told["agreed"], told["waiting"], told["attempts"]) == (None, None, [])
    with opened_database(folder) as database, database.reading() as connection:
        training = find_training(connection, 1)
    plan = training.facts.plan
    assert (plan.max_artworks, plan.min_cohort, plan.min_survivors, plan.corrupt) == (80, 5, 6, 1)
    assert len(plan.multipliers) == 2
    assert training.facts.digest.hex() == told["digest"]
    assert json.loads(train(call, folder, "show").out) == told


def test_what_a_training_waits_for_and_has_come_to_is_told(call, folder):
    join(folder, *range(8))
    start(call, folder)
    with opened_database(folder) as database, database.writing() as connection:
        open_exchange(connection, training=1, name="session 1 round 2", requests=asked(8), reply_limit=100)
        attempt = Attempt(iteration=1, survivors=7, sum_digest=b"\x17" * 32, problem="")
        add_attempt(connection, 1, attempt, b"")
    told = json.loads(train(call, folder, "show", "1").out)
    assert told["waiting"] == {"for": "session 1 round 2", "asked": 8, "replied": 0}
    assert told["attempts"] == [{"iteration": 1, "survivors": 7, "sum": "17" * 32, "problem": ""}]
    assert told["over"] == 1
    table = call("platform", "train", "show", "--platform", str(folder.path)).out
    for words in (
        "session 1 round 2: 0 of 8 replied",
        "1 of 2",
        "distributed per artwork: epsilon",
        "1717171717171717",
    ):
        assert words in table
    assert not any(public(artist_key(number)).hex()[:16] in table for number in range(8))


def test_a_training_is_asked_to_stop(call, folder):
    join(folder, *range(8))
    start(call, folder)
    assert json.loads(train(call, folder, "stop").out)["stopping"]
    assert "stopping" in call("platform", "train", "show", "--platform", str(folder.path)).out


def test_who_left_stays_on_the_roster_and_the_operator_hears_of_it(call, folder):
    join(folder, *range(8))
    start(call, folder)
    with opened_database(folder) as database, database.writing() as connection:
        retire(connection, find_identity(connection, public(artist_key(3))).artist, now=1)
    join(folder, 8)
    done = train(call, folder, "start")
    told = json.loads(done.out)
    assert (told["training"], told["generation"], told["artists"]) == (2, 1, 8)
    assert "1 on the roster have left and drop out of every session, 1 wait to join" in done.err


def test_artists_speak_once_where_the_operator_says_so_and_everybody_is_still_there(call, folder):
    join(folder, *range(8))
    assert start(call, folder, "--protocol", "speakonce")["protocol"] == "speakonce"
    with opened_database(folder) as database, database.writing() as connection:
        assert find_training(connection, 1).facts.plan.protocol is Protocol.SPEAKONCE
        retire(connection, find_identity(connection, public(artist_key(3))).artist, now=1)
    told = train(call, folder, "start", "--protocol", "speakonce")
    assert told.code == 2
    assert "1 on the roster have left and give no keys ahead" in told.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("artists", "options", "words"),
    [
        ((), (), "nobody stated any terms"),
        (range(4), (), "4 artists can take part, 5 is the minimum cohort"),
        (range(8), ("--drop-rate", "0.5"), "lower --drop-rate"),
        (range(8), ("--attempts", "0"), "--attempts"),
        (range(8), ("--epsilon", "0.001"), "--epsilon 0.001 cannot be met"),
    ],
)
def test_what_cannot_be_started_is_said_in_one_sentence(call, folder, artists, options, words):
    join(folder, *artists)
    done = train(call, folder, "start", *options)
    assert done.code in {1, 2}
    assert words in done.err.replace("\n", " ")
    assert done.out == ""


def test_artists_whose_terms_exclude_each_other_start_nothing(call, folder):
    join(folder, *range(7))
    join(folder, 7, terms=replace(TERMS, mode=Mode.LOCAL))
    assert "artists insist on different values of privacy" in train(call, folder, "start").err.replace("\n", " ")


def test_artists_who_agree_to_another_encoder_start_nothing(call, folder):
    join(folder, *range(7))
    join(folder, 7, terms=replace(TERMS, encoders=("lite0@0",)))
    told = train(call, folder, "start").err.replace("\n", " ")
    assert "1 of 8 artists do not agree to the encoder synthetic@0" in told


def test_a_training_that_is_not_there_is_said_to_be(call, folder):
    assert "there are: none" in train(call, folder, "show").err
    join(folder, *range(8))
    start(call, folder)
    assert "there is no training 5; there are: 1" in train(call, folder, "stop", "5").err
