"""Artists come, publish, withdraw, change keys and go, over TLS, on both databases."""

import time
from dataclasses import replace

import numpy as np
import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.platform.inviting import listed_artists, revoke_invitations
from fedstyle_secure.platform.store.signatures import public_signatures
from fedstyle_secure.transparency.leaves import Joined, Published, Retired, Withdrawn, commit_identity, decode
from fedstyle_secure.wire.enrolment import Entered, Join, Leave, Pins, Publish, Renew, Withdraw
from fedstyle_secure.wire.routes import Route, decode_error
from tests.platform.house import TRAINING, make, serving
from tests.platform.letters import artist_key, public
from tests.wire.test_bodies import STATEMENT

SPACE = SignatureSpace(np.eye(12, dtype=np.float32)[:, :6])
VECTOR = (np.ones(6, dtype="<f4") / np.sqrt(np.float32(6))).tobytes()


@pytest.fixture
def house(new_url, tmp_path, shared_town):
    with serving(make(tmp_path / "platform", shared_town, new_url())) as house:
        yield house


def leaves(house):
    return [decode(entry) for entry in house.service.logbook.snapshot()[1]]


def signature(**changes):
    return replace(Publish(training=TRAINING, vector=VECTOR, name="Artist 0", link=None), **changes)


def test_an_invited_artist_is_enrolled_once_and_told_what_to_pin(house):
    invitation = house.invite("zoe")
    heard = house.join(0, invitation)
    pins = house.opened(0, heard, Purpose.JOIN, Pins)
    joined = leaves(house)[pins.leaf]
    assert joined == Joined(commitment=commit_identity(public(artist_key(0)), pins.salt))
    assert pins.log_origin == invitation.log_origin
    again = house.opened(0, house.join(0, invitation), Purpose.JOIN, Pins)
    assert again == pins, "the same answer, however often it is lost"
    assert len(leaves(house)) == pins.leaf + 1
    (listed,) = listed_artists(house.folder)
    assert (listed.label, listed.name, listed.identity) == ("zoe", "Artist 0", public(artist_key(0)))


def test_an_invitation_that_is_used_expired_revoked_or_not_of_here_enrols_nobody(house):
    used, expired = house.invite("zoe"), house.invite("ann", clock=lambda: time.time() - 15 * 86400)
    assert house.join(0, used).status == 200
    revoked = house.invite("eve")
    assert revoke_invitations(house.folder, "eve") == 1
    told = [house.join(1, each) for each in (used, expired, revoked, replace(used, token=bytes(32)))]
    assert [heard.status for heard in told] == [410, 410, 410, 401]
    for heard, word in zip(told, ("used", "expired", "revoked", "not of this platform"), strict=True):
        assert word in decode_error(heard.body)
        assert "ask the operator" in decode_error(heard.body)
    assert [each.identity for each in listed_artists(house.folder) if each.label != "zoe"] == [None]


def test_a_new_invitation_of_the_same_artist_replaces_its_key(house):
    house.welcome(0)
    assert house.join(1, house.invite("artist 0"), name="Artist 0").status == 200
    assert [type(leaf) for leaf in leaves(house)][-3:] == [Joined, Retired, Joined]
    assert house.act(0, Route.LEAVE, Leave()).status == 401
    assert house.join(0, house.invite("artist 0")).status == 409, "a retired key never comes back"


def test_two_artists_do_not_have_one_name(house):
    house.welcome(0)
    heard = house.join(1, house.invite("another"), name="ARTIST 0")
    assert heard.status == 409
    assert "--name" in decode_error(heard.body)


def test_enr2_an_act_is_done_once_and_answered_as_often_as_it_is_asked(house):
    house.welcome(0)
    house.finish_training(SPACE)
    first = house.act(0, Route.PUBLISH, signature())
    entered = house.opened(0, first, Purpose.PUBLISH, Entered)
    assert leaves(house)[entered.leaf] == Published(digest=_listed(house)[0].digest)
    assert house.act(0, Route.PUBLISH, signature(), number=1).body == first.body
    assert house.act(0, Route.WITHDRAW, Withdraw()).status == 200
    stale = house.act(0, Route.PUBLISH, signature(), number=1)
    assert stale.status == 409
    assert "the next one is 3" in decode_error(stale.body)
    assert _listed(house) == []
    assert [type(leaf) for leaf in leaves(house)][-2:] == [Published, Withdrawn]


def _listed(house):
    with house.service.database.reading() as connection:
        return public_signatures(connection)


@pytest.mark.parametrize(
    ("changes", "status", "match"),
    [
        ({"vector": VECTOR[:-4]}, 400, "length 1"),
        ({"vector": (np.eye(1, 5, dtype="<f4")).tobytes()}, 400, "has 6 numbers, not 5"),
        ({"vector": np.full(6, np.nan, dtype="<f4").tobytes()}, 400, "finite"),
        ({"training": bytes(32)}, 409, "no training of this digest"),
        ({"name": "Artist 1"}, 409, "another artist here has this name"),
    ],
)
def test_enr4_what_the_catalogue_cannot_hold_is_not_published(house, changes, status, match):
    for index in (0, 1):
        house.welcome(index)
    house.finish_training(SPACE)
    heard = house.act(0, Route.PUBLISH, signature(**changes))
    assert (heard.status, match in decode_error(heard.body)) == (status, True), heard
    assert _listed(house) == []


def test_who_leaves_is_retired_forgotten_and_told_as_often_as_it_asks(house):
    house.welcome(0)
    house.finish_training(SPACE)
    assert house.act(0, Route.PUBLISH, signature()).status == 200
    left = house.act(0, Route.LEAVE, Leave())
    assert left.status == 200
    assert house.act(0, Route.LEAVE, Leave(), number=2).body == left.body
    assert house.act(0, Route.LEAVE, Leave(), number=3).status == 401
    assert house.act(0, Route.WITHDRAW, Withdraw()).status == 401
    assert [type(leaf) for leaf in leaves(house)][-2:] == [Withdrawn, Retired]
    (listed,) = listed_artists(house.folder)
    assert (listed.name, listed.identity) == (None, None)


def renewal(house, *, number=1, signer=1, identity=1, old=0, recipient=None):
    proof = Envelope(
        sender=public(artist_key(signer)),
        recipient=recipient or house.key,
        purpose=Purpose.RENEW,
        session=0,
        round=number,
        body=public(artist_key(old)),
    )
    return Renew(identity=public(artist_key(identity)), proof=proof.seal(artist_key(signer)))


def test_a_key_is_replaced_by_one_that_agrees(house):
    house.welcome(0)
    heard = house.act(0, Route.RENEW, renewal(house))
    pins = house.opened(1, heard, Purpose.RENEW, Pins)
    assert leaves(house)[pins.leaf] == Joined(commitment=commit_identity(public(artist_key(1)), pins.salt))
    assert house.act(0, Route.RENEW, renewal(house), number=1).body == heard.body
    assert house.act(0, Route.LEAVE, Leave()).status == 401
    assert house.act(1, Route.LEAVE, Leave()).status == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"signer": 2}, 400),
        ({"old": 2}, 400),
        ({"number": 2}, 400),
        ({"recipient": bytes(32)}, 400),
        ({"signer": 0, "identity": 0}, 409),
    ],
)
def test_enr3_nobody_is_enrolled_under_a_key_that_did_not_agree(house, changes, status):
    house.welcome(0)
    before = leaves(house)
    assert house.act(0, Route.RENEW, renewal(house, **changes)).status == status
    assert leaves(house) == before


def test_a_join_with_hostile_text_is_refused(house):
    body = Join(token=house.invite("zoe").token, name="Zoe", link=None, terms=STATEMENT).encode()
    for old, new in (
        (b'"Zoe"', b'"Z\\u202eoe"'),
        (b'"Zoe"', b'""'),
        (b"{", b"["),
        (b'"link":null', b'"link":"ftp://x"'),
    ):
        data = house.seal(0, body.replace(old, new, 1), Purpose.JOIN)
        assert house.door.post(Route.JOIN, data).status == 400


def test_every_public_page_answers_and_the_description_is_true(house):
    import json

    described = json.loads(house.door.call("GET", "/openapi.json").body)["paths"]
    for path, operations in described.items():
        (method,) = operations
        if method == "post":
            assert house.door.call("POST", path, b"x" * 146).status == 400
            assert house.door.call("GET", path).status == 405
            continue
        filled = path.replace("{sha256}", "0" * 64).replace("{digest}", "0" * 64)
        query = "&".join(
            f"{each['name']}={number}"
            for number, each in enumerate(
                (each for each in operations["get"].get("parameters", []) if each["in"] == "query"),
                0 if "leaves" in path else 1,
            )
        )
        heard = house.door.call("GET", f"{filled}?{query}" if query else filled)
        assert heard.status in {200, 404} | ({400} if "inclusion" in path or "consistency" in path else set()), path
        assert house.door.call("POST", filled, b"").status == 405
    assert house.door.call("GET", "/nowhere").status == 404


def test_metrics_are_for_this_machine_and_name_no_artist(house):
    house.welcome(0)
    heard = house.door.call("GET", "/metrics")
    assert heard.status == 200
    assert b'route="/v1/join",status="200"' in heard.body
    assert public(artist_key(0)).hex().encode() not in heard.body
    assert house.door.call("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status == 404
