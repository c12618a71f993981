"""An operator's page: what it shows, what it does, and that the public door does not have it."""

import json
import logging
import socket
import time
from contextlib import closing
from dataclasses import replace

import pytest

from fedstyle_secure.desks import operator
from fedstyle_secure.desks.door import Pass, serving
from fedstyle_secure.desks.operator import operator_desk, operator_page
from fedstyle_secure.platform.settings import SETTINGS_FILE
from fedstyle_secure.platform.store.exchanges import note_opening, open_exchange
from fedstyle_secure.platform.store.lease import take_lease
from fedstyle_secure.platform.store.trainings import Attempt, add_attempt, all_trainings, find_training
from fedstyle_secure.transparency.leaves import Generation, Stopped, Training, decode
from fedstyle_secure.wire.enrolment import Invitation
from tests.desks.knock import Caller
from tests.platform import house
from tests.platform.house import TERMS, join, make
from tests.platform.letters import asked

PLAN = {"iterations": "2", "drop_rate": "0.25", "attempts": "2", "announcement_seconds": "600", "round_seconds": "60"}


@pytest.fixture
def folder(tmp_path, shared_town):
    return make(tmp_path / "platform", shared_town)


@pytest.fixture
def at(folder):
    """A platform that listens, and its operator's page beside it."""
    with (
        house.serving(folder) as served,
        serving(operator_desk(served.service), Pass.new(), on_fault=print) as page,
    ):
        yield Operator(served, Caller(page.pass_.port, page.pass_.token))


class Operator:
    def __init__(self, served, caller):
        self.house, self.caller = served, caller

    def part(self, name):
        heard = self.caller.get(f"/parts/{name}")
        assert heard.status == 200, heard
        return heard.body.decode()

    def read(self, look, *about):
        with self.house.service.database.reading() as connection:
            return look(connection, *about)

    def kinds(self):
        return [type(decode(entry)) for entry in self.house.service.logbook.snapshot()[1]]


def test_a_training_is_priced_before_it_starts_and_costs_just_that(at, folder):
    join(folder, *range(7))
    join(folder, 7, terms=replace(TERMS, epsilon=3.0))
    assert "None was started yet" in at.part("training")
    priced = at.caller.press("start", PLAN).json
    assert priced["question"] == "Start a training of 2 updates?"
    assert at.read(all_trainings) == []
    done = at.caller.press("start", PLAN | {"answer": priced["answer"]}).json["done"]
    assert done == "Training 1 is started: artists are asked whether they take part."
    training = at.read(find_training, 1)
    assert 0 < training.facts.asked.aggregate < 3
    assert f"<dt>Epsilon, aggregate</dt><dd>{training.facts.asked.aggregate:.3g}</dd>" in priced["body"]
    assert f"<dt>Epsilon, local</dt><dd>{training.facts.asked.local:.3g}</dd>" in priced["body"]
    assert (training.attempts, training.facts.round_seconds, len(training.facts.roster)) == (2, 60, 8)
    assert at.kinds()[-2:] == [Generation, Training]


def test_opp2_what_came_out_otherwise_meanwhile_is_asked_again(at, folder):
    join(folder, *range(7))
    priced = at.caller.press("start", PLAN).json
    join(folder, 7)
    again = at.caller.press("start", PLAN | {"answer": priced["answer"]}).json
    assert again["question"]
    assert again["body"] != priced["body"]
    assert at.read(all_trainings) == []


def test_a_training_is_followed_as_it_goes(at, folder):
    join(folder, *range(8))
    at.caller.do("start", PLAN)
    with at.house.service.database.writing() as connection:
        exchange = open_exchange(connection, training=1, name="session 1 round 2", requests=asked(8), reply_limit=100)
        note_opening(connection, exchange.id, now=int(time.time()) - 18)
        add_attempt(connection, 1, Attempt(iteration=1, survivors=0, sum_digest=b"", problem="3 <b> vanished"), b"")
    shown = at.part("training")
    assert "Training 1 is offered." in shown
    assert "Session 1 round 2</strong>: 0 of 8 answered, 4" in shown  # some 42 of 60 seconds are left
    assert "of 60 s left" in shown
    assert "Not yet: artist 0, artist 1" in shown
    assert "3 &lt;b&gt; vanished" in shown
    assert "0 of 2" in shown


def test_stopping_is_asked_once_more_and_is_in_the_log_once(at, folder):
    join(folder, *range(8))
    at.caller.do("start", PLAN)
    assert at.caller.press("stop", {"training": "1"}).json["question"] == "Stop training 1?"
    assert not at.read(find_training, 1).stop
    for _ in range(2):
        at.caller.do("stop", {"training": "1"})
    assert at.read(find_training, 1).stop
    assert at.kinds().count(Stopped) == 1
    assert "Training 1 is stopping." in at.part("training")
    assert "there is no training 7" in at.caller.press("stop", {"training": "7"}).error


def test_an_invitation_is_made_handed_over_once_and_revoked(at):
    asked_ = at.caller.press("invite", {"label": "zoe", "days": "3"}).json
    assert asked_["question"] == "Invite zoe?"
    assert "Nobody yet" in at.part("artists")
    done = at.caller.press("invite", {"label": "zoe", "days": "3", "answer": asked_["answer"]}).json
    name, content = done["file"]
    invitation = Invitation.decode(content.encode())
    assert name == "zoe.invitation"
    assert 0 < invitation.expires - time.time() <= 3 * 24 * 3600
    assert at.house.service.signer.platform_key == invitation.platform_key
    shown = at.part("artists")
    assert "Revoke ..." in shown
    assert invitation.token.hex() not in shown
    assert at.caller.do("revoke", {"label": "zoe"}) == "Invitations revoked for zoe: 1"
    assert at.house.join(0, invitation).status == 410
    again = at.caller.press(
        "invite", {"label": "zoe"} | {"answer": at.caller.press("invite", {"label": "zoe"}).json["answer"]}
    )
    assert at.house.join(0, Invitation.decode(again.json["file"][1].encode())).status == 200


def test_catalogue_log_and_health(at, folder):
    join(folder, *range(2))
    assert "Nobody has published" in at.part("catalogue")
    log = at.part("log")
    assert "tests.example/log/1" in log
    assert ">epoch<" in log
    assert "nobody leads trainings" in at.part("health")
    with at.house.service.database.writing() as connection:
        take_lease(connection, holder=bytes(16), now=int(time.time()), seconds=60)
    health = at.part("health")
    assert "The database answers; a process leads trainings." in health
    assert "Polls that wait for a request" in health
    artists = at.part("artists")
    assert "2 can take part, of 2 who were invited." in artists


@pytest.mark.parametrize(
    ("act", "fields", "words"),
    [
        ("start", PLAN | {"iterations": "many"}, "iterations: 'many' is not a whole number"),
        ("start", PLAN | {"epsilon": "0"}, "epsilon must lie between 0.001"),
        ("start", PLAN | {"round_seconds": ""}, "round seconds: fill in a number"),
        ("start", PLAN, "nobody stated any terms: invite artists first"),
        ("stop", {}, "training: say which"),
        ("invite", {"label": " "}, "name: say what you call the artist"),
        ("invite", {"label": "zo\u202ee"}, "control characters"),
        ("invite", {"label": "zoe", "days": "0"}, "days must lie between 1 and 365"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(at, act, fields, words):
    heard = at.caller.press(act, fields)
    assert (heard.status, words in heard.error) == (409, True), heard.error


def test_opp1_each_act_is_a_line_of_the_platforms_log_that_names_nobody(at, caplog):
    with caplog.at_level(logging.INFO):
        at.caller.do("invite", {"label": "zoe"})
        asked_ = at.caller.press("stop", {"training": "1"})
        assert asked_.status == 409
    lines = [record.msg for record in caplog.records if "operator" in str(record.msg)]
    assert [(line["act"], line["outcome"]) for line in lines] == [("invite", "done")]
    assert "zoe" not in json.dumps([str(line) for line in lines])


def test_opp1_an_act_that_fails_is_a_line_too(at, caplog, monkeypatch):
    def fail(*_arguments, **_named):
        raise OSError("no space")

    monkeypatch.setattr(operator, "hand_invitation", fail)
    asked_ = at.caller.press("invite", {"label": "zoe"}).json
    with caplog.at_level(logging.INFO):
        assert at.caller.press("invite", {"label": "zoe", "answer": asked_["answer"]}).status == 500
    lines = [record.msg for record in caplog.records if "operator" in str(record.msg)]
    assert [(line["act"], line["outcome"]) for line in lines] == [("invite", "failed")]


def test_opp3_the_public_door_has_nothing_of_it(at):
    """By any of its paths, with the token even; and the page's door has nothing of the public one."""
    token = {"Authorization": f"Bearer {at.caller.token}"}
    paths = [f"/parts/{name}" for name in ("health", "training", "artists", "catalogue", "log")]
    paths += [f"/acts/{name}" for name in ("start", "stop", "invite", "revoke")]
    for path in paths:
        for method in ("GET", "POST"):
            heard = at.house.door.call(method, path, headers=token)
            assert heard.status in {404, 405}, (method, path)
    for path in ("/v1/pins", "/v1/catalogue", "/metrics", "/healthz"):
        assert at.caller.get(path).status == 404


def test_it_listens_where_platform_toml_says_and_prints_a_new_token_each_time(folder):
    told = []
    for _ in range(2):
        with house.serving(folder) as served, operator_page(served.service, told.append):
            pass
    assert len(set(told)) == 2
    assert all(line.startswith("the operator's page, for you alone: http://127.0.0.1:") for line in told)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    text = (folder.path / SETTINGS_FILE).read_text().replace("operator_port = 0", f"operator_port = {port}")
    (folder.path / SETTINGS_FILE).write_text(text)
    with house.serving(folder) as served, operator_page(served.service, told.append):
        pass
    assert f"http://127.0.0.1:{port}/#" in told[-1]
