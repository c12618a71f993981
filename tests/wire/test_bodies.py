"""Bodies: each comes back as it was, and what breaks its own rule is neither made nor read."""

from dataclasses import replace

import pytest

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.transparency.watch import Place
from fedstyle_secure.wire.enrolment import Entered, Invitation, Join, Leave, Pins, Publish, Renew, Statement, Withdraw
from fedstyle_secure.wire.routes import LIMITS
from fedstyle_secure.wire.trainings import Asked, Facts, Offer, Outcome, Plan
from threat_models.town import make_mechanism

DIGEST, KEY = bytes(range(32)), bytes(range(1, 33))
STATEMENT = Statement(
    mode=Mode.DISTRIBUTED,
    unit=Unit.ARTIST,
    epsilon=8.0,
    delta=1e-5,
    iteration_epsilon=None,
    corrupt=1,
    corrupt_share=0.1,
    min_cohort=6,
    min_survivors=5,
    sampling_rate=1.0,
    max_artworks=64,
    encoders=("small@0",),
)
JOIN = Join(token=KEY, name="Zoë", link="https://zoe.example/works?page=1", terms=STATEMENT)
FACTS = Facts(
    number=1,
    generation=2,
    roster=(DIGEST, KEY),
    salt=KEY,
    plan=Plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTIST,
        noise=Noise.GAUSSIAN,
        sampling_rate=1.0,
        corrupt=1,
        min_cohort=6,
        min_survivors=5,
        max_artworks=64,
        multipliers=(2.0, 3.5),
        buckets=1,
        seed=DIGEST,
    ),
    asked=Asked(aggregate=3.5, local=None, worst_case=None, delta=1e-5),
    prototype=make_mechanism(),
    style_space=DIGEST,
    model=DIGEST,
    architecture=DIGEST,
    anchors=DIGEST,
    announcement_seconds=60,
    round_seconds=30,
)
OFFER = Offer(
    facts=FACTS,
    checkpoint=b"origin\n2\n",
    since=1,
    consistency=(DIGEST,),
    roster_place=Place(leaf=0, proof=(DIGEST,)),
    training_place=Place(leaf=1, proof=(DIGEST,)),
)
OUTCOME = Outcome(
    training=DIGEST, model=DIGEST, signature_space=KEY, signature=make_mechanism(), sums=(DIGEST, b""), survivors=(6, 0)
)
PUBLISH = Publish(training=DIGEST, vector=bytes(4 * 24), name="Zoë", link=None)
INVITATION = Invitation(
    address="https://127.0.0.1:8443",
    certificates="PEM",
    platform_key=KEY,
    log_key=DIGEST,
    log_origin="example.org/log",
    token=DIGEST,
    expires=2_000_000_000,
)
BODIES = [
    JOIN,
    Pins(style_space=DIGEST, architecture=KEY, encoder="small", log_origin="example.org/log", leaf=3, salt=KEY),
    FACTS,
    FACTS.public,
    OFFER,
    OUTCOME,
    PUBLISH,
    Withdraw(),
    Leave(),
    Renew(identity=KEY, proof=b"an envelope"),
    Entered(leaf=9),
    INVITATION,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_body_comes_back_as_it_was_and_no_byte_is_too_many(body):
    data = body.encode()
    assert type(body).decode(data) == body
    for wrong in (data + b" ", data[:-1], b"", data[:-1] + b',"more":1}'):
        with pytest.raises(InputError):
            type(body).decode(wrong)


@pytest.mark.parametrize("body", [JOIN, PUBLISH, Withdraw(), Leave(), Renew(identity=KEY, proof=bytes(178))])
def test_what_an_artist_sends_is_far_below_its_limit(body):
    assert 2 * len(body.encode()) <= LIMITS[body.PURPOSE]


def test_every_purpose_has_a_limit():
    assert set(LIMITS) == set(Purpose)


@pytest.mark.parametrize(
    ("body", "changes", "match"),
    [
        (STATEMENT, {"encoders": ()}, "at least one encoder"),
        (STATEMENT, {"corrupt_share": 1.0}, "a part of the roster"),
        (JOIN, {"token": KEY[:31]}, "Join.token has 32 bytes, not 31"),
        (JOIN, {"name": "two\nlines"}, "control characters"),
        (JOIN, {"link": "http://zoe.example"}, "https://"),
        (JOIN, {"link": "https://zoe.example/<b>"}, "https://"),
        (JOIN, {"link": "https://zoe.example/" + "x" * 300}, "at most 300"),
        (FACTS, {"roster": (KEY,)}, "2 to 10000 identities"),
        (FACTS, {"roster": (KEY, KEY)}, "distinct"),
        (FACTS, {"roster": (KEY, b"short")}, "32 bytes"),
        (FACTS, {"round_seconds": 0}, "1 to 2"),
        (FACTS, {"model": b""}, "Facts.model has 32 bytes"),
        (OFFER, {"consistency": (b"x",)}, "a node of a proof"),
        (OFFER, {"since": -1}, "a log's size"),
        (OUTCOME, {"sums": (DIGEST,)}, "one sum and one number"),
        (OUTCOME, {"survivors": (6, 5)}, "a sum's digest has 32 bytes, not 0"),
        (PUBLISH, {"vector": b""}, "1 to 384 numbers"),
        (PUBLISH, {"vector": bytes(4 * 385)}, "1 to 384 numbers"),
        (PUBLISH, {"vector": bytes(5)}, "1 to 384 numbers"),
        (INVITATION, {"address": "http://127.0.0.1"}, "https://"),
        (INVITATION, {"platform_key": b""}, "32 bytes"),
    ],
)
def test_a_body_keeps_its_own_rule(body, changes, match):
    with pytest.raises(InputError, match=match):
        replace(body, **changes)


def test_what_a_constructor_refuses_cannot_be_received():
    data = PUBLISH.encode().replace(b'"name":"Zo\xc3\xab"', b'"name":""')
    with pytest.raises(InputError, match="no Publish: an artist name has 1 to 255 bytes"):
        Publish.decode(data)
