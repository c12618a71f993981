"""An artist's page: what it shows, and that what is pressed is done by the agent that runs, as the commands do it."""

import threading
import time
from contextlib import closing

import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist import acts, agent
from fedstyle_secure.artist.agent import Agent, StoppedError
from fedstyle_secure.artist.home import read_pins
from fedstyle_secure.artist.portfolio import load_features, show_works
from fedstyle_secure.artist.recovery import open_ledger
from fedstyle_secure.artist.showcase import read_showcase
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.desks.artist import artist_desk
from fedstyle_secure.wire.enrolment import Withdraw
from fedstyle_secure.wire.routes import Route, Status, encode_error
from tests.artist import stage
from tests.artist.street import Authority, open_street
from tests.desks.scenes import finish_training, gallery, running, sign_here
from tests.stand_ins import Eye


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def street(tmp_path, authority):
    with open_street(tmp_path / "street", authority) as street:
        yield street


@pytest.fixture
def home(tmp_path, art, monkeypatch, street, authority):
    folder = tmp_path / "home"
    with closing(stage.settle(folder, art, monkeypatch, address=street.address, certificates=authority.pem)) as home:
        yield home


@pytest.fixture
def over(home, street, authority):
    """A training that is over; and a platform that enters what is asked for."""
    return finish_training(home, street, authority.pem)


def released(home):
    return [release.name for release in open_ledger(home.ledger_path, home.terms).releases]


@pytest.mark.usefixtures("over")
def test_what_was_spent_on_what_and_what_is_left_in_each_view(home):
    with running(home) as at:
        budget, sessions = at.part("budget"), at.part("sessions")
    spent = open_ledger(home.ledger_path, home.terms)
    assert f">{spent.spent(spent.view):.3g}<" in budget
    assert f">{spent.limit - spent.spent(spent.view):.3g}<" in budget
    for view in ("Aggregate view", "Local view", "Worst case"):
        assert view in budget
    assert "prototype" in sessions
    assert "0 sessions, 1 release in all" in sessions


@pytest.mark.usefixtures("over")
def test_whom_the_artist_joined_and_how_far_the_log_was_seen(home):
    pins = read_pins(home.folder)
    with running(home) as at:
        shown, agent_ = at.part("platform"), at.part("agent")
    assert pins.fingerprint in shown
    assert "4 entries" in shown
    assert f"number {pins.space.leaf}" in shown
    assert "Training 1" in agent_
    assert "over; sums of" in agent_


def test_what_was_refused_is_told_with_its_reason_and_no_markup_of_the_platforms(home):
    home.tell({"state": "waiting", "refused": 1, "refusals": [{"time": 0, "reason": "<script>alert(1)</script>"}]})
    desk = artist_desk(home, Agent(home))
    assert "&lt;script&gt;alert(1)" in desk.show("refused")
    home.tell({"state": "waiting", "problem": "<b>bad</b>", "refused": 0, "refusals": []})
    assert "&lt;b&gt;bad" in desk.show("agent")
    assert "Nothing." in desk.show("refused")


class TestActs:
    @pytest.mark.usefixtures("over")
    def test_arp1_publishing_says_its_price_and_costs_that_once(self, home, street):
        before = open_ledger(home.ledger_path, home.terms)
        with running(home) as at:
            asked = at.caller.press("publish").json
            assert asked["question"] == "Publish your signature of training 1?"
            assert released(home) == ["prototype"]
            assert at.caller.do("publish") == "Signed (entry 9 of the log): buyers find you in the next catalogue."
            after = open_ledger(home.ledger_path, home.terms)
            assert f"{after.spent(after.view):.3g} of 8 will be" in asked["body"]
            assert f"{before.spent(before.view):.3g} is spent" in asked["body"]
            assert "It was charged already" in at.caller.press("publish").json["body"]
            at.caller.do("publish")
        assert released(home) == ["prototype", "signature"]
        assert len(street.calls(Route.PUBLISH.value)) == 2

    @pytest.mark.usefixtures("over")
    def test_publishing_says_how_many_works_that_are_shown_join(self, home, art):
        def asked(at):
            return at.caller.press("publish").json["body"]

        with running(home) as at:
            assert "showcase" not in asked(at)
        folder = sorted(path for path in art.iterdir() if path.is_dir())[1]
        show_works(home, read_showcase(folder), Eye(), lambda _done: None)
        with running(home) as at:
            assert "6 works of your showcase will be in it, at no cost" in asked(at)
            at.caller.do("publish")
            assert "showcase" not in asked(at), "it was made, and is published as it is"

    @pytest.mark.usefixtures("over")
    def test_withdrawing_and_leaving_are_asked_once_more(self, home, street):
        with running(home) as at:
            assert at.caller.press("withdraw").json["question"] == "Withdraw your signature?"
            assert street.calls(Route.WITHDRAW.value) == []
            assert at.caller.do("withdraw") == "Withdrawn (entry 9 of the log): you are not in the next catalogue."
            assert at.caller.press("leave").json["question"] == f"Leave {street.address}?"
            assert street.calls(Route.LEAVE.value) == []
            assert at.caller.do("leave").startswith("Left (entry 9 of the log).")
            at.thread.join(timeout=60)
        assert at.ended == [f"you left {street.address} (entry 9 of its log)"]
        with pytest.raises(StoppedError, match="you left"):
            Agent(home).run()

    @pytest.mark.usefixtures("over")
    def test_act4_who_left_and_was_killed_before_the_answer_is_told_so_too(self, home, street):
        """What was begun is finished at the next start, and that ends it."""
        street.scripted[Route.LEAVE.value] = [(None, b"", {})]
        with running(home) as at:
            asked = at.caller.press("leave").json
            heard = at.caller.press("leave", {"answer": asked["answer"]})
            assert heard.status == 409
            assert "cannot be reached" in heard.error
            assert "your agent does it as soon as it can" in heard.error
            at.thread.join(timeout=60)
        assert at.ended == [f"you left {street.address} (entry 9 of its log)"]
        first, *others = street.calls(Route.LEAVE.value)
        assert others
        assert set(others) == {first}

    @pytest.mark.usefixtures("over")
    def test_age6_nothing_is_done_while_the_agent_answers(self, home, street, monkeypatch):
        """A session is in hand: the act waits, and is refused in the end; nothing was sent for it."""
        monkeypatch.setattr(agent, "_ASIDE_SECONDS", 0.2)
        in_hand, go_on = threading.Event(), threading.Event()

        def take_up(_agent, _data):
            in_hand.set()
            go_on.wait(60)

        monkeypatch.setattr(Agent, "_take_up", take_up)
        street.scripted[Route.NEXT.value] = [(Status.DONE, b"a request", {})]
        with running(home) as at:
            assert in_hand.wait(60)
            asked = at.caller.press("withdraw").json
            heard = at.caller.press("withdraw", {"answer": asked["answer"]})
            go_on.set()
            assert (heard.status, "in the middle of a session" in heard.error) == (409, True)
            assert street.calls(Route.WITHDRAW.value) == []
            at.caller.do("withdraw")

    @pytest.mark.usefixtures("over")
    def test_what_the_ledger_refuses_is_refused_here(self, home, street):
        text = write_terms(
            {"epsilon": 0.2, "iteration_epsilon": 0.1, "unsummed_epsilon": 0.2, "encoders": ("lite0@0",)}
        )
        (home.folder / "terms.toml").write_text(text)
        with running(home) as at:
            asked = at.caller.press("publish").json
            assert "more than you allow" in asked["body"]
            heard = at.caller.press("publish", {"answer": asked["answer"]})
        assert heard.status == 409
        assert "raise the limit" in heard.error
        assert street.calls(Route.PUBLISH.value) == []

    def test_without_a_training_there_is_nothing_to_publish(self, home):
        with running(home) as at:
            assert at.caller.press("publish").error == "no training is over yet: there is nothing to sign"

    @pytest.mark.usefixtures("over")
    def test_what_the_platform_refuses_is_told_in_its_words_and_the_agent_goes_on(self, home, street):
        street.scripted[Route.WITHDRAW.value] = [(Status.CONFLICT, encode_error("there is no signature"), {})]
        with running(home) as at:
            asked = at.caller.press("withdraw").json
            assert "there is no signature" in at.caller.press("withdraw", {"answer": asked["answer"]}).error
            assert at.thread.is_alive()
        assert home.store.read("act") is None


class TestMirror:
    @pytest.fixture
    def shown(self, tmp_path, home, street):
        with gallery(tmp_path / "platform", home, street) as shown:
            yield shown

    def test_an_artist_finds_itself_with_its_own_work(self, home, shown):
        sign_here(home, shown)
        seen = artist_desk(home, Agent.__new__(Agent)).show("published")
        works = len(load_features(home).views)
        assert f"one of your {works} works finds you first with" in seen
        assert "https://ada.example" in seen
        assert "Tomás &lt;O&#x27;Neill&gt;" in seen
        assert "<use href" in seen

    @pytest.mark.usefixtures("shown")
    def test_numbers_under_its_name_that_it_did_not_sign_are_an_alarm(self, home):
        seen = artist_desk(home, Agent.__new__(Agent)).show("published")
        assert "were not signed with this folder" in seen

    def test_who_is_not_there_is_told_so(self, home, shown):
        shown.withdraw("Ada")
        seen = artist_desk(home, Agent.__new__(Agent)).show("published")
        assert "You are not in the catalogue, which shows 5 artists" in seen


@pytest.mark.usefixtures("over")
def test_act1_an_act_on_its_way_is_finished_while_the_agent_runs(home, street):
    street.scripted[Route.WITHDRAW.value] = [(None, b"", {})]
    with running(home) as at:
        with at.agent.aside() as (own, line), pytest.raises(Exception, match="cannot be reached"):
            acts.act(own, line, Withdraw())
        until = time.monotonic() + 60
        while home.store.read("act") is not None and time.monotonic() < until:
            time.sleep(0.01)
    first, second, *_ = street.calls(Route.WITHDRAW.value)
    assert first == second
    assert Envelope.claims(first).purpose is Purpose.WITHDRAW
