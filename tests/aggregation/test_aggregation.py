"""The one door: what may be masked, that masks change no integer of the sum, and what artists refuse to be part of."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from fedstyle_secure.aggregation import summing
from fedstyle_secure.aggregation.letters import Purpose, answering, exchange
from fedstyle_secure.aggregation.masking import REFUSALS, Part, mask
from fedstyle_secure.aggregation.session import SupportError, check_support, fewest_survivors, session_params
from fedstyle_secure.aggregation.summing import AggregationAborted, aggregate
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize, quantize
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.tensors import head_segment, moments_segment
from fedstyle_secure.training.updates import Layout, Support
from protocols import ClientPolicy, Envelope, PolicyRule, PolicyViolationError, ProtocolError
from protocols.envelope import ENVELOPE_SIZE
from protocols.secagg.messages import MaskedInputResponse
from protocols.wire import HEADER_SIZE

ARTISTS = 8
NAMES = [f"artist {number}" for number in range(ARTISTS)]
MASKED_INPUT = 2
"""Number of the message by which an artist's update leaves; who answers it is in the sum."""


def silent_from(message, session):
    """A mailbox whose owner vanishes before its answer number `message`."""
    answered = []

    def mailbox(request):
        if len(answered) == message:
            raise Unreachable
        answered.append(request)
        return session(request)

    return mailbox


FACTS = {"session": 1, "server_key": bytes(32)}


@dataclass(frozen=True)
class Cohort:
    """Eight artists, each with the real way from features to a session."""

    town: object

    def mechanism(self, *arguments, **changes):
        return self.town.mechanism(*arguments, **changes)

    def contributions(self, number, mechanism):
        town = self.town
        return contribute(town.features(number), town.model(), mechanism, town.codebook(), codeword=number)

    def updates(self, mechanism):
        return [
            protect(self.contributions(number, mechanism), mechanism, self.town.scripted(f"noise {number}"))
            for number in range(ARTISTS)
        ]

    def mailboxes(self, updates, mechanism=None):
        """Artists who were told of this mechanism; by default, the one under which the updates were made."""
        mechanism = mechanism or updates[-1].mechanism
        return {
            name: mask(
                Part(
                    protected=partial(updates.__getitem__, number),
                    mechanism=mechanism,
                    subject=self.town.subject(),
                    last_session=0,
                    enrolment=self.town.enrolment(number, artists=ARTISTS),
                    conditions=self.town.terms(),
                ),
                random=self.town.scripted(f"mask {number}"),
            ).receive
            for number, name in enumerate(NAMES)
        }

    def engine(self, mailboxes):
        """Each mailbox opens what the platform signed, and signs what the artist answers."""
        return MemoryEngine(
            {
                name: answering(
                    mailbox,
                    Purpose.SESSION,
                    identity=self.town.identity(NAMES.index(name)),
                    server_key=self.town.SERVER_KEY,
                )
                for name, mailbox in mailboxes.items()
            },
            REFUSALS,
        )

    def params(self, mechanism, **subject):
        identities = [self.town.public_key(number) for number in range(ARTISTS)]
        return session_params(
            identities, self.town.subject(**subject), mechanism, session=1, server_key=self.town.SERVER_KEY
        )

    def run(self, mechanism, mailboxes):
        return aggregate(self.params(mechanism), mechanism, self.engine(mailboxes), NAMES, identity=self.town.PLATFORM)

    def clipped_sum(self, mechanism):
        clipped = (clip(self.contributions(n, mechanism), Unit.ARTWORK, max_artworks=20) for n in range(ARTISTS))
        return mechanism.layout.split(np.sum([each.values for each in clipped], axis=0))


@pytest.fixture
def cohort(town):
    return Cohort(town)


@pytest.fixture
def totals(monkeypatch):
    """Every integer sum that is read back, as it comes out of the protocol."""
    seen = []

    def recorded(total, mechanism):
        seen.append(total.copy())
        return dequantize(total, mechanism)

    monkeypatch.setattr(summing, "dequantize", recorded)
    return seen


# The same integers


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("mode", list(Mode))
def test_masked_and_unmasked_aggregates_are_identical_to_the_integer(mode, unit, cohort, totals):
    mechanism = cohort.mechanism(mode=mode, unit=unit)
    made = cohort.updates(mechanism)
    summed = cohort.run(mechanism, cohort.mailboxes(made))
    plain = np.sum([update.values for update in made], axis=0)
    np.testing.assert_array_equal(totals[0], plain)
    assert summed.survivors == ARTISTS
    for name, tensor in mechanism.layout.split(dequantize(plain, mechanism)).items():
        np.testing.assert_array_equal(summed.tensors[name], tensor)


@pytest.mark.parametrize("message", range(5))
@pytest.mark.parametrize("mode", list(Mode))
def test_the_integers_are_the_same_with_dropouts(mode, message, cohort, totals):
    """Two artists vanish, one a message before the other; whoever's update was out already is in the sum."""
    mechanism = cohort.mechanism(mode=mode)
    made = cohort.updates(mechanism)
    mailboxes = cohort.mailboxes(made)
    vanish = {1: message, 6: max(0, message - 1)}
    for number, when in vanish.items():
        mailboxes[NAMES[number]] = silent_from(when, mailboxes[NAMES[number]])
    summed = cohort.run(mechanism, mailboxes)
    survivors = [number for number in range(ARTISTS) if vanish.get(number, 9) > MASKED_INPUT]
    np.testing.assert_array_equal(totals[0], np.sum([made[number].values for number in survivors], axis=0))
    assert summed.survivors == len(survivors)


def test_an_upload_by_itself_looks_uniform(cohort):
    mechanism = cohort.mechanism(mode=Mode.NONE)
    packed = []

    def listen(session):
        def mailbox(request):
            reply = session(request)
            if reply[0] == MaskedInputResponse.TAG:
                packed.append(reply[HEADER_SIZE:])
            return reply

        return mailbox

    made = cohort.updates(mechanism)
    mailboxes = {name: listen(session) for name, session in cohort.mailboxes(made).items()}
    cohort.run(mechanism, mailboxes)
    values = np.frombuffer(b"".join(packed), np.uint8)
    counts = np.bincount(values, minlength=256)
    expected = len(values) / 256
    # Chi squared with 255 degrees of freedom stays below 400 with probability 1 - 1e-8.
    assert np.sum((counts - expected) ** 2 / expected) < 400
    assert len(packed) == ARTISTS


def test_the_sum_is_read_back_in_the_tensors_own_units(cohort):
    mechanism = cohort.mechanism(mode=Mode.NONE)
    summed = cohort.run(mechanism, cohort.mailboxes(cohort.updates(mechanism)))
    for name, expected in cohort.clipped_sum(mechanism).items():
        np.testing.assert_allclose(summed.tensors[name], expected, atol=0.01 * np.abs(expected).max())
    assert set(summed.noise.values()) == {0.0}


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_the_noise_it_declares_is_the_noise_there_is(mode, cohort):
    mechanism = cohort.mechanism(mode=mode, noise_multiplier=20.0)
    summed = cohort.run(mechanism, cohort.mailboxes(cohort.updates(mechanism)))
    for name, exact in cohort.clipped_sum(mechanism).items():
        found = np.std(summed.tensors[name] - exact)
        assert found == pytest.approx(summed.noise[name], rel=0.4)


# What can be masked


@pytest.mark.parametrize("step", ["contributions", "clipped", "quantized", "array", "integers"])
def test_only_a_noisy_update_can_be_masked(step, cohort):
    """AGG-1."""
    mechanism = cohort.mechanism()
    made = cohort.contributions(0, mechanism)
    random = cohort.town.scripted("noise")
    clipped = clip(made, Unit.ARTWORK, max_artworks=mechanism.max_artworks)
    update = {
        "contributions": lambda: made,
        "clipped": lambda: clipped,
        "quantized": lambda: quantize(clipped, mechanism, random),
        "array": lambda: clipped.values,
        "integers": lambda: quantize(clipped, mechanism, random).values,
    }[step]()
    updates = [update, *cohort.updates(mechanism)[1:]]
    engine = cohort.engine(cohort.mailboxes(updates))
    summed = aggregate(cohort.params(mechanism), mechanism, engine, NAMES, identity=cohort.town.PLATFORM)
    assert summed.survivors == ARTISTS - 1
    assert engine.refusals == {NAMES[0]: f"only a NoisyUpdate can be masked, got {type(update).__name__}"}


def test_an_update_under_another_mechanism_than_the_announced_one_is_not_masked(cohort):
    """AGG-1: half the noise, in a ring of the same size."""
    mechanism = cohort.mechanism()
    weaker = cohort.mechanism(noise_multiplier=mechanism.noise_multiplier / 2)
    updates = [*cohort.updates(weaker)[:1], *cohort.updates(mechanism)[1:]]
    engine = cohort.engine(cohort.mailboxes(updates))
    assert (
        aggregate(cohort.params(mechanism), mechanism, engine, NAMES, identity=cohort.town.PLATFORM).survivors
        == ARTISTS - 1
    )
    assert engine.refusals == {NAMES[0]: "an update was made under another mechanism than the one announced"}


@pytest.mark.parametrize(("number", "asked"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)])
def test_an_update_is_asked_for_when_everything_before_it_is_checked_and_once(number, asked, cohort):
    """AGG-7: a session that ends in round 0 or 1 costs nobody an update, and a repeated request no second one."""
    mechanism = cohort.mechanism()
    updates, made = cohort.updates(mechanism), []

    def protected():
        made.append(0)
        return updates[0]

    session = mask(
        Part(
            protected=protected,
            mechanism=mechanism,
            subject=cohort.town.subject(),
            last_session=0,
            enrolment=cohort.town.enrolment(0, artists=ARTISTS),
            conditions=cohort.town.terms(),
        ),
        random=cohort.town.scripted("mask 0"),
    )
    answered = []

    def until(request):
        if len(answered) > number:
            raise Unreachable
        answered.append(session.receive(request))
        assert session.receive(request) == answered[-1]
        return answered[-1]

    aggregate(
        cohort.params(mechanism),
        mechanism,
        cohort.engine(cohort.mailboxes(updates) | {NAMES[0]: until}),
        NAMES,
        identity=cohort.town.PLATFORM,
    )
    assert len(made) == asked


def attempt(town, mechanism, *, min_cohort=5):
    def no_random(_size):
        pytest.fail("a key was made for an update that must not be sent")

    return mask(
        Part(
            protected=lambda: pytest.fail("an update was made that must not be sent"),
            mechanism=mechanism,
            subject=town.subject(),
            last_session=0,
            enrolment=town.enrolment(0, artists=ARTISTS),
            conditions=town.terms(min_cohort=min_cohort),
        ),
        random=no_random,
    )


def test_support_rule_nothing_is_masked_that_one_artist_fills_alone(cohort):
    """AGG-2: a table with a row per artist would show each artist its own row's sum."""
    segments = (
        moments_segment(cohort.town.D, 0.4),
        replace(head_segment(cohort.town.D, cohort.town.H, 0.6), support=Support.ARTIST),
    )
    mechanism = cohort.mechanism(Layout(segments))
    with pytest.raises(SupportError, match=r"'head' has 1 artist\(s\) behind a coordinate, fewer than .* of 5"):
        attempt(cohort.town, mechanism)


def test_support_rule_nothing_is_masked_for_fewer_survivors_than_the_minimum_cohort(cohort):
    mechanism = cohort.mechanism()
    with pytest.raises(SupportError, match=r"'moments' has 6 artist\(s\).*cohort of 7"):
        attempt(cohort.town, mechanism, min_cohort=7)
    check_support(mechanism, 6)


# What artists refuse


def uploads(engine):
    return {name: count for name, count in engine.bytes_from.items() if count > 0}


@pytest.fixture
def refused_by_all(cohort):
    """Runs a session about something else than the artists expect; returns the rules they name."""

    def run(mechanism, params):
        rules = []

        def listen(session):
            def mailbox(request):
                try:
                    return session(request)
                except PolicyViolationError as error:
                    rules.append(error.rule)
                    raise

            return mailbox

        mailboxes = {name: listen(session) for name, session in cohort.mailboxes(cohort.updates(mechanism)).items()}
        engine = cohort.engine(mailboxes)
        with pytest.raises(AggregationAborted, match="too few clients advertised keys"):
            aggregate(params, mechanism, engine, NAMES, identity=cohort.town.PLATFORM)
        assert uploads(engine) == {}
        assert len(rules) == ARTISTS
        return set(rules)

    return run


def test_a_session_about_another_model_than_the_announced_one_gets_no_upload(cohort, refused_by_all):
    mechanism = cohort.mechanism()
    params = cohort.params(mechanism, model_digest=bytes(32))
    assert refused_by_all(mechanism, params) == {PolicyRule.MODEL}


def test_a_session_about_other_anchors_or_architecture_gets_no_upload(cohort, refused_by_all):
    mechanism = cohort.mechanism()
    assert refused_by_all(mechanism, cohort.params(mechanism, anchors_digest=bytes(32))) == {PolicyRule.ANCHORS}
    params = cohort.params(mechanism, architecture_digest=bytes(32))
    assert refused_by_all(mechanism, params) == {PolicyRule.ARCHITECTURE}


def test_a_session_with_fewer_survivors_than_the_noise_was_sized_for_is_refused(cohort, refused_by_all):
    """AGG-3."""
    mechanism = cohort.mechanism(min_survivors=7)
    params = replace(cohort.params(mechanism), min_survivors=6)
    assert refused_by_all(mechanism, params) == {PolicyRule.MIN_SURVIVORS}


def test_a_session_with_fewer_corrupt_artists_than_the_noise_was_sized_for_is_refused(cohort, refused_by_all):
    """AGG-3."""
    mechanism = cohort.mechanism(corrupt=2)
    params = replace(cohort.params(mechanism), corrupt=1)
    assert refused_by_all(mechanism, params) == {PolicyRule.MIN_CORRUPT}


def test_a_session_under_another_mechanism_is_refused(cohort, refused_by_all):
    mechanism = cohort.mechanism()
    weaker = cohort.mechanism(noise_multiplier=mechanism.noise_multiplier / 2)
    params = replace(cohort.params(mechanism), privacy_digest=weaker.digest)
    assert refused_by_all(mechanism, params) == {PolicyRule.PRIVACY}


def test_an_update_is_sent_once(cohort):
    mechanism = cohort.mechanism()
    mailboxes = cohort.mailboxes(cohort.updates(mechanism))
    engine = cohort.engine(mailboxes)
    aggregate(cohort.params(mechanism), mechanism, engine, NAMES, identity=cohort.town.PLATFORM)
    before = dict(engine.bytes_from)
    with pytest.raises(AggregationAborted):
        aggregate(cohort.params(mechanism), mechanism, engine, NAMES, identity=cohort.town.PLATFORM)
    assert engine.bytes_from == before


# What the server bears


def corrupting(message, session):
    """A mailbox whose answer number `message` has one bit flipped."""
    answered = []

    def mailbox(request):
        reply = bytearray(session(request))
        if len(answered) == message:
            reply[0] ^= 0x80
        answered.append(request)
        return bytes(reply)

    return mailbox


@pytest.mark.parametrize("message", range(5))
def test_a_faulty_reply_makes_a_dropout(message, cohort, totals):
    mechanism = cohort.mechanism()
    made = cohort.updates(mechanism)
    mailboxes = cohort.mailboxes(made)
    mailboxes[NAMES[3]] = corrupting(message, mailboxes[NAMES[3]])
    summed = cohort.run(mechanism, mailboxes)
    inside = [number for number in range(ARTISTS) if number != 3 or message > MASKED_INPUT]
    assert summed.survivors == len(inside)
    np.testing.assert_array_equal(totals[0], np.sum([made[number].values for number in inside], axis=0))


REASONS = ["advertised keys", "shared their secrets", "delivered a masked input", "signed", "released their shares"]


@pytest.mark.parametrize("message", range(5))
@pytest.mark.parametrize("how", [silent_from, corrupting])
def test_too_many_dropouts_abort_with_the_reason(how, message, cohort, totals):
    mechanism = cohort.mechanism()
    mailboxes = cohort.mailboxes(cohort.updates(mechanism))
    for name in NAMES[:4]:
        mailboxes[name] = how(message, mailboxes[name])
    with pytest.raises(AggregationAborted, match=rf"iteration 1: too few .*{REASONS[message]}.*4.*, at least"):
        cohort.run(mechanism, mailboxes)
    assert totals == []


@pytest.mark.parametrize(("clients", "corrupt"), [(2, 0), (3, 0), (4, 0), (4, 1), (8, 1), (9, 3), (64, 21)])
def test_the_fewest_survivors_are_the_fewest_that_the_protocol_accepts(cohort, clients, corrupt):
    fewest = fewest_survivors(clients, corrupt)
    identities = [number.to_bytes(32, "big") for number in range(clients)]
    for min_survivors, fits in ((fewest, True), (fewest - 1, False)):
        if min_survivors <= corrupt:
            continue
        mechanism = cohort.mechanism(clients=clients, corrupt=corrupt, min_survivors=min_survivors)
        if fits:
            params = session_params(identities, cohort.town.subject(), mechanism, **FACTS)
            assert params.degree == clients - 1
            assert 2 * params.confirmations > clients + corrupt
        else:
            with pytest.raises(InputError, match="min_survivors"):
                session_params(identities, cohort.town.subject(), mechanism, **FACTS)


def test_many_artists_share_masks_with_some_only(cohort):
    clients = 100
    mechanism = cohort.mechanism(clients=clients, corrupt=5, min_survivors=90)
    identities = [number.to_bytes(32, "big") for number in range(clients)]
    params = session_params(identities, cohort.town.subject(), mechanism, **FACTS)
    assert params.degree < clients - 1
    policy = ClientPolicy(
        roster=frozenset(identities),
        min_cohort=50,
        min_survivors=90,
        min_corrupt=5,
        server_key=params.server_key,
        iteration=params.iteration,
        last_session=0,
        vectors=params.vectors,
        architectures=frozenset({params.architecture_digest}),
        model_digest=params.model_digest,
        anchors_digest=params.anchors_digest,
        privacy_digest=params.privacy_digest,
    )
    policy.check(params)


def test_a_cohort_that_cannot_bear_its_promises_is_refused_with_the_reason(cohort):
    mechanism = cohort.mechanism(clients=8, corrupt=4, min_survivors=6)
    with pytest.raises(InputError, match="no secure session fits this cohort: min_survivors"):
        cohort.params(mechanism)
    with pytest.raises(InputError, match="distinct"):
        session_params([cohort.town.public_key(0)] * ARTISTS, cohort.town.subject(), cohort.mechanism(), **FACTS)


# Letters


def altered(mailbox, change):
    """A mailbox whose answer with masked vectors is changed on its way."""

    def answer(data):
        reply = mailbox(data)
        return change(reply) if reply[ENVELOPE_SIZE] == MaskedInputResponse.TAG else reply

    return answer


def plus_seven(reply):
    """Seven more on the last coordinate of the masked input, a little-endian word of whole bytes."""
    return reply[:-2] + bytes([(reply[-2] + 7) % 256]) + reply[-1:]


def test_a_coordinate_that_was_forged_on_the_way_is_not_summed(cohort):
    """LET-1: the artist is a dropout, and the sum is that of the others, to the integer."""
    mechanism = cohort.mechanism(mode=Mode.NONE)
    updates = cohort.updates(mechanism)
    engine = cohort.engine(cohort.mailboxes(updates))
    engine._mailboxes[NAMES[2]] = altered(engine._mailboxes[NAMES[2]], plus_seven)
    summed = aggregate(cohort.params(mechanism), mechanism, engine, NAMES, identity=cohort.town.PLATFORM)
    assert summed.survivors == ARTISTS - 1
    exact = np.sum([update.values for number, update in enumerate(updates) if number != 2], axis=0)
    for name, tensor in mechanism.layout.split(dequantize(exact, mechanism)).items():
        np.testing.assert_array_equal(summed.tensors[name], tensor)


def letter(town, body=b"request", *, number=0, signer=None, **changes):
    signer = signer or town.PLATFORM
    facts = {
        "sender": signer.public_key().public_bytes_raw(),
        "recipient": town.public_key(number),
        "purpose": Purpose.SESSION,
        "session": 1,
        "round": 0,
    }
    return Envelope(**(facts | changes), body=body).seal(signer)


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: b"request",
        lambda _: b"",
        lambda town: letter(town, signer=town.identity(1)),
        lambda town: letter(town, number=1),
        lambda town: letter(town, purpose=Purpose.ANNOUNCEMENT),
        lambda town: letter(town)[:-1],
        lambda town: letter(town)[:-1] + b"T",
    ],
    ids=["no envelope", "nothing", "another sender", "another recipient", "another purpose", "cut short", "altered"],
)
def test_what_the_platform_did_not_sign_reaches_no_artist_and_changes_nothing(cohort, forge):
    """LET-2."""
    town, asked = cohort.town, []
    keys = {"identity": town.identity(0), "server_key": town.SERVER_KEY}
    mailbox = answering(lambda data: asked.append(data) or b"reply", Purpose.SESSION, **keys)
    with pytest.raises(ProtocolError):
        mailbox(forge(town))
    assert asked == []
    assert mailbox(letter(town)).endswith(b"reply")
    assert asked == [b"request"]


@pytest.mark.parametrize(
    "reply",
    [
        lambda _, __: b"reply",
        lambda _, request: request,
        lambda town, _: answer_of(town, signer=town.identity(1)),
        lambda town, _: answer_of(town, session=2),
        lambda town, _: answer_of(town, round=1),
        lambda town, _: answer_of(town, recipient=town.public_key(1)),
        lambda town, _: answer_of(town, purpose=Purpose.ANNOUNCEMENT),
    ],
    ids=["no envelope", "reflected", "another artist", "another session", "another round", "to another", "a receipt"],
)
def test_what_the_artist_did_not_sign_for_this_round_is_no_reply(cohort, reply):
    """LET-1."""
    town = cohort.town
    artists = {NAMES[0]: town.public_key(0)}
    arguments = {"name": "a", "wait": FOREVER.until(1), "identity": town.PLATFORM, "session": 1, "round_": 0}
    forged = MemoryEngine({NAMES[0]: lambda request: reply(town, request)})
    assert list(exchange(forged, {NAMES[0]: b"request"}, artists, Purpose.SESSION, **arguments)) == []
    honest = MemoryEngine({NAMES[0]: lambda _: answer_of(town)})
    replies = exchange(honest, {NAMES[0]: b"request"}, artists, Purpose.SESSION, **arguments)
    assert list(replies) == [(NAMES[0], b"reply")]


def test_a_reply_is_folded_in_before_the_next_artist_is_asked(cohort, monkeypatch):
    """ENG-2: what is acknowledged is in the sum."""
    asked, folded = [], []
    mechanism = cohort.mechanism()
    mailboxes = cohort.mailboxes(cohort.updates(mechanism))

    def watched(name, mailbox):
        def answer(request):
            assert len(folded) == len(asked)
            asked.append(name)
            return mailbox(request)

        return answer

    def receive(server, index, reply):
        folded.append(index)
        server.receive(index, reply)

    monkeypatch.setattr(summing, "_receive", receive)
    cohort.run(mechanism, {name: watched(name, mailbox) for name, mailbox in mailboxes.items()})
    assert len(folded) == 5 * ARTISTS


def answer_of(town, *, signer=None, **changes):
    signer = signer or town.identity(0)
    return letter(town, b"reply", signer=signer, **({"recipient": town.SERVER_KEY} | changes))
