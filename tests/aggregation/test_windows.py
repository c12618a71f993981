"""Artists who speak once: the same integers as in five rounds, under a roster that was frozen before its beacon."""

import time
from dataclasses import dataclass, replace
from functools import partial

import pytest

from fedstyle_secure.aggregation.joining import join, rejoin
from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.masking import IN_PROCESS, REFUSALS, Keeping, Part, Stage
from fedstyle_secure.aggregation.opening import open_window
from fedstyle_secure.aggregation.session import session_params
from fedstyle_secure.aggregation.speaking import SpokenSession
from fedstyle_secure.aggregation.summing import AggregationAborted, aggregate, digest_of, ring_sum
from fedstyle_secure.aggregation.transcripts import audit_transcripts
from fedstyle_secure.aggregation.windows import SEEN, Frozen, KeysWanted, Opening, OwnBeacon, Speaking
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.pipeline import protect
from protocols import FaultyServerError, PolicyRule, PolicyViolationError, ProtocolError
from protocols.secagg.messages import AdvertiseKeysRequest
from protocols.speakonce import client as client_module
from protocols.speakonce.messages import OpenBoxesRequest, SpeakRequest

ARTISTS = 8
NAMES = [f"artist {number}" for number in range(ARTISTS)]
KEYS, FROZEN, SPEAK, OPEN = (bytes((tag,)) for tag in (0x20, 0x2F, SpeakRequest.TAG, OpenBoxesRequest.TAG))


def rows_of(town, number, mechanism):
    return contribute(town.features(number), town.model(), mechanism, town.codebook(), codeword=number)


class Clock:
    """The time as a test sets it."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@dataclass
class Kept:
    """A store for one session: what would be there after a crash."""

    key: bytes = bytes(32)
    stage: Stage = Stage.INVITED
    snapshot: bytes = b""
    full: bool = False

    def keeping(self):
        return Keeping(key=self.key, keep=self._keep)

    def _keep(self, stage, snapshot):
        if self.full:
            raise OSError("no space left")
        self.stage, self.snapshot = stage, snapshot


class Hall:
    """A platform and eight artists, each of them with its own way to a session."""

    def __init__(self, town, *, drawn=0, **changes):
        self.town, self.clock = town, Clock()
        self.mechanism = town.mechanism(**changes)
        self.beacon = OwnBeacon(town.scripted("beacon"))
        self.kept = [Kept() for _ in NAMES]
        self.asked = [0] * ARTISTS
        self.updates = [
            protect(rows_of(town, number, self.mechanism), self.mechanism, town.scripted(f"noise {number}"))
            for number in range(ARTISTS)
        ]
        self.sessions = [self.session(number) for number in range(ARTISTS)]
        for number in range(drawn):
            self.beacon.pulse(number + 1)

    def part(self, number, **changes):
        town = self.town
        part = Part(
            protected=partial(self.update, number),
            mechanism=self.mechanism,
            subject=town.subject(),
            last_session=0,
            enrolment=town.enrolment(number, artists=ARTISTS),
            conditions=town.terms(),
            clock=self.clock,
        )
        return replace(part, **changes)

    def update(self, number):
        self.asked[number] += 1
        return self.updates[number]

    def session(self, number, **changes):
        return join(
            self.part(number, **changes),
            beacon=self.beacon,
            random=self.town.scripted(f"keys {number}"),
            keeping=self.kept[number].keeping(),
        )

    def restart(self, number, **changes):
        """The artist is made again from what it kept."""
        self.sessions[number] = rejoin(
            self.kept[number].snapshot,
            self.part(number, **changes),
            beacon=self.beacon,
            random=self.town.scripted(f"other keys {number}"),
            keeping=self.kept[number].keeping(),
        )
        return self.sessions[number]

    def engine(self, guards):
        def mailbox(number):
            def answer(request):
                return self.sessions[number].receive(request)  # which may have been made again

            guarded = guards.get(number, lambda answer: answer)(answer)
            key = self.town.identity(number)
            return answering(guarded, Purpose.SESSION, identity=key, server_key=self.town.SERVER_KEY)

        return MemoryEngine({name: mailbox(number) for number, name in enumerate(NAMES)}, REFUSALS)

    def opening(self, _session):
        return Opening(pulse=1, end=int(self.clock()) + 3600)

    def open(self, engine):
        return open_window(
            self.town.subject(),
            self.mechanism,
            engine,
            {name: self.town.public_key(number) for number, name in enumerate(NAMES)},
            session=1,
            identity=self.town.PLATFORM,
            speaking=Speaking(beacon=self.beacon, opening=self.opening),
            take=lambda _mailbox, reply: reply,
            window=FOREVER,
        )

    def run(self, guards=None, transcript=None):
        engine = self.engine(guards or {})
        params = self.open(engine)
        identity = self.town.PLATFORM
        return aggregate(params, self.mechanism, engine, NAMES, identity=identity, transcript=transcript)


def silent_at(*tags):
    """A guard: an artist who does not answer these requests."""

    def guard(answer):
        def mailbox(request):
            if request[:1] in tags:
                raise Unreachable
            return answer(request)

        return mailbox

    return guard


@pytest.fixture
def hall(town):
    return Hall(town)


class Archive:
    """An engine that keeps what passes, as a platform's does."""

    def __init__(self, engine):
        self.engine, self.kept = engine, {}

    def exchange(self, requests, *, name, wait):
        for mailbox, reply in self.engine.exchange(requests, name=name, wait=wait):
            self.kept[name, mailbox] = reply
            yield mailbox, reply

    def recall(self, name, mailbox):
        return self.kept[name, mailbox]


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_came_with_boxes_that_do_not_open_is_taken_back_where_messages_are_kept(hall, monkeypatch, is_kept):
    """ADR 12: whoever spoils boxes is left out, and costs the others nothing."""
    dealer, original = 3, client_module.seal

    def seal(params, keys, sender, contents):
        boxes = original(params, keys, sender, contents)
        return [bytes(len(box)) for box in boxes] if sender == dealer else boxes

    monkeypatch.setattr(client_module, "seal", seal)
    engine = Archive(hall.engine({}))
    run = partial(aggregate, hall.open(engine), hall.mechanism, engine, NAMES, identity=hall.town.PLATFORM)
    if not is_kept:
        with pytest.raises(AggregationAborted, match="do not open, and what it said was not kept"):
            run()
        return
    summed = run(recall=engine.recall)
    others = [update.values for number, update in enumerate(hall.updates) if number != dealer]
    assert summed.survivors == len(others)
    assert summed.digest == digest_of(ring_sum(others, hall.mechanism))


# The same integers


@pytest.mark.parametrize("absent", [(), (2,), (2, 5)])
def test_a_window_sums_to_the_same_integers_as_five_rounds_and_as_no_masks(hall, absent):
    town, mechanism = hall.town, hall.mechanism
    summed = hall.run({number: silent_at(SPEAK) for number in absent})
    present = [update.values for number, update in enumerate(hall.updates) if number not in absent]
    assert summed.survivors == len(present)
    assert summed.digest == digest_of(ring_sum(present, mechanism))
    five = {
        name: join(hall.part(n), beacon=None, random=town.scripted(f"five {n}"), keeping=Kept().keeping()).receive
        for n, name in enumerate(NAMES)
    }
    engine = MemoryEngine(
        {
            name: answering(
                silent_at(b"\x05")(answer) if number in absent else answer,
                Purpose.SESSION,
                identity=town.identity(number),
                server_key=town.SERVER_KEY,
            )
            for number, (name, answer) in enumerate(five.items())
        },
        REFUSALS,
    )
    identities = [town.public_key(number) for number in range(ARTISTS)]
    params = session_params(identities, town.subject(), mechanism, session=1, server_key=town.SERVER_KEY)
    assert aggregate(params, mechanism, engine, NAMES, identity=town.PLATFORM).digest == summed.digest


def test_agg7_the_update_is_asked_for_once_when_everything_else_was_checked(hall):
    seen = []

    def guard(answer):
        def mailbox(request):
            seen.append((request[:1], hall.asked[0]))
            return answer(request)

        return mailbox

    hall.run({0: guard})
    assert [entry for entry in seen if entry[0] in {KEYS, FROZEN, SPEAK}] == [(KEYS, 0), (FROZEN, 0), (SPEAK, 0)]
    assert hall.asked == [1] * ARTISTS


def test_members_see_a_window_to_its_end_and_others_have_given_their_update(hall):
    hall.run()
    stages = {kept.stage for kept in hall.kept}
    assert stages == {Stage.INPUT_MASKED, Stage.UNMASKED}
    assert {session.stage for session in hall.sessions} == stages


def test_a_transcript_of_a_window_is_audited(hall, tmp_path):
    path = tmp_path / "window.json"
    hall.run({3: silent_at(SPEAK)}, transcript=path)
    findings = audit_transcripts([("window.json", path.read_bytes())])
    assert findings["holds"], findings["problems"]
    (session,) = findings["sessions"]
    assert session["survivors"] == [0, 1, 2, 4, 5, 6, 7]
    assert session["leaks"] == [dict.fromkeys(session["survivors"], 1)]


# What comes before


@pytest.mark.parametrize("reply", [b"", bytes(128), bytes(127)])
def test_wnd2_without_the_keys_of_the_whole_cohort_there_is_no_window(hall, reply):
    engine = hall.engine({4: lambda answer: lambda request: reply if request[:1] == KEYS else answer(request)})
    with pytest.raises(AggregationAborted, match="1 of 8 artists gave no keys ahead, and a cohort stays together"):
        hall.open(engine)
    assert hall.asked == [0] * ARTISTS


def test_wnd1_nobody_takes_note_of_a_roster_whose_beacon_was_drawn_before(town):
    hall = Hall(town, drawn=1)
    with pytest.raises(AggregationAborted):
        hall.run()
    assert hall.asked == [0] * ARTISTS
    assert hall.sessions[0].receive(KeysWanted(session=1).encode())
    with pytest.raises(PolicyViolationError, match="pulse 1 was drawn before this artist saw") as refusal:
        hall.sessions[0].receive(Frozen(session=1, pulse=1, digest=bytes(32)).encode())
    assert refusal.value.rule is PolicyRule.BEACON


def test_spk1_of_one_session_one_roster_is_noted_and_only_under_that_an_artist_speaks(hall):
    session = hall.sessions[0]
    session.receive(KeysWanted(session=1).encode())
    first = Frozen(session=1, pulse=1, digest=bytes(32)).encode()
    assert session.receive(first) == SEEN
    session = hall.restart(0)
    with pytest.raises(PolicyViolationError, match="a second roster of one session"):
        session.receive(Frozen(session=1, pulse=2, digest=bytes(32)).encode())
    assert session.receive(first) == SEEN
    hall.beacon.pulse(1)
    assert session.receive(first) == SEEN
    others = hall.engine({0: silent_at(FROZEN)})
    hall.sessions[0] = session
    params = hall.open(others)
    with pytest.raises(PolicyViolationError, match="not the one that was published before the beacon"):
        session.receive(SpeakRequest(params=params).encode())
    assert session.stage is Stage.ABORTED
    assert hall.asked[0] == 0


def test_spk1_nobody_speaks_who_saw_no_frozen_roster(hall):
    params = hall.open(hall.engine({0: silent_at(FROZEN)}))
    with pytest.raises(PolicyViolationError, match="opened before its roster was frozen"):
        hall.sessions[0].receive(SpeakRequest(params=params).encode())
    assert hall.asked[0] == 0
    assert hall.sessions[0].stage is Stage.KEYS_ADVERTISED


def test_what_comes_out_of_order_is_refused(hall):
    session = hall.sessions[0]
    frozen = Frozen(session=1, pulse=1, digest=bytes(32))
    for early in (frozen.encode(), SPEAK, OPEN + bytes(40), b"", b"\x77"):
        with pytest.raises(FaultyServerError, match="no keys were given"):
            session.receive(early)
    session.receive(KeysWanted(session=1).encode())
    for other in (KeysWanted(session=2), replace(frozen, session=2)):
        with pytest.raises(FaultyServerError):
            session.receive(other.encode())
    for bent in (KEYS, KEYS + bytes(9), FROZEN + bytes(47), FROZEN + bytes(49)):
        with pytest.raises(ProtocolError):
            session.receive(bent)
    hall.run()
    with pytest.raises(FaultyServerError, match="no keys wait"):
        session.receive(frozen.encode())


def test_session_numbers_only_rise(hall):
    session = hall.session(0, last_session=5)
    with pytest.raises(PolicyViolationError, match="session 5 is not after 5") as refusal:
        session.receive(KeysWanted(session=5).encode())
    assert refusal.value.rule is PolicyRule.SESSION
    assert session.receive(KeysWanted(session=6).encode())


def test_joi1_the_kind_of_a_session_is_the_artists_own_choice(hall, town):
    rounds = join(hall.part(0), beacon=None, random=town.scripted("x"), keeping=Kept().keeping())
    with pytest.raises(ProtocolError):
        rounds.receive(KeysWanted(session=1).encode())
    identities = [town.public_key(number) for number in range(ARTISTS)]
    params = session_params(identities, town.subject(), hall.mechanism, session=1, server_key=town.SERVER_KEY)
    with pytest.raises(FaultyServerError, match="no keys were given"):
        hall.sessions[0].receive(AdvertiseKeysRequest(params=params).encode())


def test_a_cohort_that_cannot_bear_its_promises_is_refused(town):
    hall = Hall(town)
    hall.mechanism = town.mechanism(corrupt=4, min_survivors=6)
    with pytest.raises(InputError, match="no secure window fits this cohort"):
        hall.open(hall.engine({}))


# Time


def test_spk2_keys_die_with_the_artists_patience(hall):
    session = hall.sessions[0]
    params = hall.open(hall.engine({}))
    hall.clock.now += IN_PROCESS - 1
    session.expire()
    assert session.stage is Stage.KEYS_ADVERTISED
    hall.clock.now += 2
    session.expire()
    assert session.stage is Stage.ABORTED
    with pytest.raises(ProtocolError):
        session.receive(SpeakRequest(params=params).encode())
    assert hall.asked[0] == 0


def test_spk2_a_window_that_outlasts_the_artists_patience_is_refused(hall):
    hall.opening = lambda _session: Opening(pulse=1, end=int(hall.clock()) + IN_PROCESS + 1)
    with pytest.raises(AggregationAborted):
        hall.run()
    assert hall.asked == [0] * ARTISTS


def test_spk2_a_member_forgets_its_boxes_but_repeats_its_message(hall):
    said = {}

    def guard(answer):
        def mailbox(request):
            if request[:1] not in {KEYS, FROZEN, SPEAK}:
                raise Unreachable
            said["request"], said["answer"] = request, answer(request)
            return said["answer"]

        return mailbox

    with pytest.raises(AggregationAborted):
        hall.run(dict.fromkeys(range(ARTISTS), guard))
    member = next(session for session in hall.sessions if not session._client.finished)
    hall.clock.now += IN_PROCESS + 1
    member.expire()
    assert member.stage is Stage.ABORTED
    hall.sessions[-1].expire()
    assert hall.sessions[-1].receive(said["request"]) == said["answer"]


# Crashes


@pytest.mark.parametrize("before", ["keys", "frozen", "speak", "open", "sign", "release"])
def test_spk3_an_artist_that_is_made_again_at_any_moment_says_the_same(hall, before):
    """Between any two requests, and each of them is asked again after the crash."""
    tags = {"keys": KEYS, "frozen": FROZEN, "speak": SPEAK, "open": OPEN, "sign": b"\x25", "release": b"\x27"}

    def guard(number):
        def around(answer):
            def mailbox(request):
                reply = answer(request)
                if request[:1] == tags[before]:
                    session = hall.restart(number)
                    assert session.has_answered(request) or before == "frozen"
                    assert session.receive(request) == reply
                    assert (session.roster != frozenset()) == (before not in {"keys", "frozen"}) or before == "release"
                return reply

            return mailbox

        return around

    summed = hall.run({number: guard(number) for number in range(ARTISTS)})
    assert summed.digest == digest_of(ring_sum([update.values for update in hall.updates], hall.mechanism))
    assert hall.asked == [1] * ARTISTS


def test_what_is_not_kept_is_not_answered(hall):
    session, kept = hall.sessions[0], hall.kept[0]
    for request in (KeysWanted(session=1).encode(), Frozen(session=1, pulse=1, digest=bytes(32)).encode()):
        kept.full = True
        with pytest.raises(OSError, match="no space"):
            session.receive(request)
        kept.full = False
        assert session.receive(request)


def test_a_snapshot_of_another_session_is_refused(hall):
    hall.open(hall.engine({}))
    with pytest.raises(ProtocolError):
        hall.restart(0, last_session=2)
    assert isinstance(hall.restart(0, last_session=1), SpokenSession)


def test_the_beacon_of_one_process_is_drawn_when_it_is_asked_for(town):
    beacon = OwnBeacon(town.scripted("beacon"))
    assert beacon.newest == 0
    assert beacon.pulse(3) == beacon.pulse(3) != beacon.pulse(4)
    assert beacon.newest == 4
