"""AGE-1 to AGE-5: the agent, before a platform that a test scripts; a real one is in tests/platform."""

import json
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist import acts
from fedstyle_secure.artist.agent import Agent, StoppedError
from fedstyle_secure.artist.home import Home, read_status
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.store import FileStore, StoreError
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.errors import InputError
from fedstyle_secure.wire.enrolment import Entered, Leave, Withdraw
from fedstyle_secure.wire.routes import INSTANCE_BYTES, Route, Status, encode_error
from tests.artist.test_home import INVITATION, SPACE

PLATFORM = Ed25519PrivateKey.generate()
PLATFORM_KEY = PLATFORM.public_key().public_bytes_raw()
NEXT, ANSWERS = Route.NEXT.value, Route.ANSWERS.value


@pytest.fixture
def home(tmp_path, street, authority):
    with closing(Home.make(tmp_path / "home", write_terms())) as home:
        facts = {name: getattr(INVITATION, name) for name in ("log_key",)}
        pins = PlatformPins(
            address=street.address,
            certificates=authority.pem,
            platform_key=PLATFORM_KEY,
            identity=home.identity.public_key().public_bytes_raw(),
            name="Ada",
            link=None,
            space=SPACE,
            **facts,
        )
        home.pin(pins)
        yield home


class Naps:
    """Instead of sleeping; enough of them end the agent."""

    def __init__(self, most=100):
        self.seconds, self.most = [], most

    def __call__(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) >= self.most:
            raise KeyboardInterrupt


def ask(home, body, purpose=Purpose.SESSION, *, sender=PLATFORM, session=1, round_=0):
    """A request on its way to the artist."""
    envelope = Envelope(
        sender=sender.public_key().public_bytes_raw(),
        recipient=home.identity.public_key().public_bytes_raw(),
        purpose=purpose,
        session=session,
        round=round_,
        body=body,
    )
    return envelope.seal(sender)


class Echo:
    """Stands in for what knows of trainings."""

    facts = None

    def __init__(self):
        self.asked = []
        self.fails = []

    def receive_request(self, body):
        self.asked.append(body)
        if self.fails:
            raise self.fails.pop(0)
        return b"answer to " + body

    def forget(self):
        self.asked.append("forget")

    def expire(self):
        self.asked.append("expire")


def run(home, street, requests, *, most_naps=1, echo=None):
    """An agent that is given these requests and then nothing, until it has napped so often or is interrupted."""
    street.scripted.setdefault(NEXT, [(Status.DONE, request, {}) for request in requests])
    words, naps = [], Naps(most_naps)
    agent = Agent(home, tell=words.append, sleep=naps)
    agent._engagement = echo = echo or Echo()
    left = [len(requests) + 1]

    def until():
        left[0] -= 1
        return left[0] < 0

    agent.run(until=until)
    return words, echo


def test_age1_a_request_is_answered_in_an_envelope_of_the_artists_own(home, street):
    street.answer = lambda path, _body: (Status.DONE if path == ANSWERS else Status.NOTHING, b"")
    words, echo = run(home, street, [ask(home, b"one"), ask(home, b"two", round_=1)])
    assert echo.asked == [b"one", b"two"]
    own = home.identity.public_key().public_bytes_raw()
    for number, sent in enumerate(street.calls(ANSWERS)):
        reply = Envelope.open(sent, sender=own, recipient=PLATFORM_KEY, purpose=Purpose.SESSION)
        assert (reply.session, reply.round) == (1, number)
        assert reply.body == b"answer to " + echo.asked[number]
    assert words[-1].answered == 2
    assert read_status(home.folder)["answered"] == 2


def test_age1_what_another_signed_is_refused_before_anybody_looks_at_it(home, street):
    words, echo = run(home, street, [ask(home, b"one", sender=Ed25519PrivateKey.generate())])
    assert echo.asked == []
    assert street.calls(ANSWERS) == []
    assert "of another sender" in words[-1].problem


@pytest.mark.parametrize("purpose", [Purpose.POLL, Purpose.JOIN, Purpose.PUBLISH, Purpose.LEAVE])
def test_what_is_not_for_an_artist_to_answer_is_not(home, street, purpose):
    words, _ = run(home, street, [ask(home, b"", purpose)])
    assert "which is not for an artist to answer" in words[-1].problem
    assert street.calls(ANSWERS) == []


def test_age3_every_start_has_a_number_of_its_own_that_rises(home, street):
    own = home.identity.public_key().public_bytes_raw()
    starts = []
    for number in (1, 2, 3):
        run(home, street, [])
        poll = Envelope.open(street.calls(NEXT)[-1], sender=own, recipient=PLATFORM_KEY, purpose=Purpose.POLL)
        assert (poll.session, len(poll.body)) == (number, INSTANCE_BYTES)
        starts.append(poll.body)
    assert len(set(starts)) == 3


@pytest.mark.parametrize(
    ("status", "reason", "sentence"),
    [
        (
            Status.CONFLICT,
            "start 7 is at work",
            "another agent with this key is at work, or this folder is an old copy",
        ),
        (Status.UNKNOWN, "no such key", "ask the operator for a new invitation"),
        (Status.MALFORMED, "version 1, this code speaks 3 only", "do not understand each other: install the newest"),
        (Status.MISSING, "no such page", "the platform refuses this agent"),
    ],
)
def test_age3_an_agent_that_is_not_wanted_stops_and_says_what_to_do(home, street, status, reason, sentence):
    street.scripted[NEXT] = [(status, encode_error(reason), {})]
    with pytest.raises(StoppedError) as told:
        run(home, street, [])
    assert sentence in str(told.value)
    assert reason in str(told.value)


@pytest.mark.parametrize("status", [Status.CONFLICT, Status.UNKNOWN])
def test_age3_an_answer_of_another_start_ends_this_one(home, street, status):
    street.scripted[ANSWERS] = [(status, encode_error("another answer was first"), {})]
    with pytest.raises(StoppedError, match="another answer was first"):
        run(home, street, [ask(home, b"one")])


def test_a_late_answer_is_told_and_nothing_more(home, street):
    street.scripted[ANSWERS] = [(Status.GONE, encode_error("closed"), {}), (Status.DONE, b"", {})]
    words, echo = run(home, street, [ask(home, b"one"), ask(home, b"two")])
    assert "an answer came too late: the round was closed without it" in [word.problem for word in words]
    assert len(echo.asked) == words[-1].answered + 1 == 2


def test_age2_an_answer_goes_again_until_it_is_taken(home, street):
    street.scripted[ANSWERS] = [(Status.NOT_NOW, encode_error("away"), {}), (None, b"", {}), (Status.DONE, b"", {})]
    words, _ = run(home, street, [ask(home, b"one")], most_naps=9)
    assert len(street.calls(ANSWERS)) == 3
    assert len(set(street.calls(ANSWERS))) == 1
    assert words[-1].answered == 1


def test_age4_a_refusal_is_counted_for_the_artist_and_is_silence_to_the_platform(home, street):
    """A request stays until its time is over: it is looked at once, and the agent does not run in circles."""
    echo = Echo()
    echo.fails = [InputError("too dear")]
    request = ask(home, b"one")
    with pytest.raises(KeyboardInterrupt):
        run(home, street, [request] * 5, most_naps=3, echo=echo)
    assert echo.asked == [b"one"]
    assert street.calls(ANSWERS) == []
    status = read_status(home.folder)
    assert status["refused"] == 1
    assert [each["reason"] for each in status["refusals"]] == ["too dear"]


def test_age5_a_disk_that_is_full_answers_nothing_and_the_agent_goes_on_when_it_is_not(home, street):
    echo = Echo()
    echo.fails = [StoreError("the disk is full"), OSError(28, "No space left on device")]
    street.scripted[ANSWERS] = [(Status.DONE, b"", {})]
    words, _ = run(home, street, [ask(home, b"one")] * 3, most_naps=9, echo=echo)
    assert echo.asked == [b"one", "forget", b"one", "forget", b"one"]
    assert "the disk is full" in [word.problem for word in words]
    assert words[-1].answered == 1
    assert read_status(home.folder)["refused"] == 0


def test_wrong_terms_are_told_before_anything_else(home, street):
    (home.folder / "terms.toml").write_text("epsilon = 1\n")
    with pytest.raises(InputError, match="does not say delta"):
        run(home, street, [])
    assert street.came == []


class TestActs:
    def entered(self, home, purpose, leaf=7):
        """The platform's answer to the act of this purpose."""

        def answer(_path, body):
            asked = Envelope.claims(body)
            reply = Envelope(
                sender=PLATFORM_KEY,
                recipient=home.identity.public_key().public_bytes_raw(),
                purpose=purpose,
                session=0,
                round=asked.round,
                body=Entered(leaf=leaf).encode(),
            )
            return Status.DONE, reply.seal(PLATFORM)

        return answer

    def pins(self, home):
        from fedstyle_secure.artist.home import read_pins

        return read_pins(home.folder)

    def line(self, home):
        from fedstyle_secure.artist.client import Line

        return Line(self.pins(home).address, self.pins(home).certificates)

    def test_act1_numbers_rise_and_what_was_begun_is_sent_again_as_it_was(self, home, street):
        street.answer = self.entered(home, Purpose.WITHDRAW)
        with self.line(home) as line:
            assert acts.act(home, line, Withdraw()) == 7
            street.scripted[Route.WITHDRAW.value] = [(None, b"", {})]
            line._sleep = Naps(1)
            with pytest.raises(KeyboardInterrupt):  # as if killed while the platform was away
                acts.act(home, line, Withdraw())
            home.close()
            home.store = FileStore.open(home.store.path)
            assert acts.finish(home, line) == 7
            assert acts.finish(home, line) == -1
        first, second, third = street.calls(Route.WITHDRAW.value)
        assert second == third
        assert [Envelope.claims(each).round for each in (first, second)] == [1, 2]

    def test_act2_only_the_platform_itself_can_say_that_it_did_it(self, home, street):
        street.answer = self.entered(home, Purpose.LEAVE)
        with self.line(home) as line:
            with pytest.raises(acts.ActError, match="is not the platform that was joined"):
                acts.act(home, line, Withdraw())
            street.answer = self.entered(home, Purpose.WITHDRAW)
            street.scripted[Route.LEAVE.value] = [(Status.CONFLICT, encode_error("you left already"), {})]
            with pytest.raises(acts.ActError, match="you left already"):
                acts.act(home, line, Leave())
        first, second = street.calls(Route.WITHDRAW.value)
        assert first == second, "what was asked for first is asked for first"

    def test_an_agent_finishes_what_was_begun(self, home, street):
        street.answer = self.entered(home, Purpose.WITHDRAW)
        street.scripted[Route.WITHDRAW.value] = [(None, b"", {})]
        line = self.line(home)
        line._sleep = Naps(1)
        with line, pytest.raises(KeyboardInterrupt):
            acts.act(home, line, Withdraw())
        street.scripted[NEXT] = [(Status.NOTHING, b"", {})]
        run(home, street, [])
        assert len(set(street.calls(Route.WITHDRAW.value))) == 1
        assert home.store.read("act") is None


def test_age7_keys_for_a_window_are_forgotten_on_time_though_nobody_asks(home, street):  # noqa: ARG001  (it answers)
    home.store.write({"keys until": b"1000"})
    for now, asked in ((1000, []), (1001, ["expire"])):
        agent = Agent(home, clock=lambda now=now: now)
        agent._engagement = echo = Echo()
        polls = iter((False, True))
        agent.run(until=lambda polls=polls: next(polls))
        assert echo.asked == asked


def test_the_agent_keeps_no_more_refusals_than_a_person_reads(home, street):
    for number in range(12):
        run(home, street, [ask(home, b"%d" % number, Purpose.POLL)])
        street.scripted.pop(NEXT, None)
    assert json.loads(home.store.read("refusals"))["count"] == 12
    assert len(read_status(home.folder)["refusals"]) == 10
