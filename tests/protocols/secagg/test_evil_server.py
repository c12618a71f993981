"""A server that lies: honest runs with one thing bent, and what must not come out of them.

The server here knows everything the real one knows and owns the identities of the corrupt clients.
"""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import FaultyClientError, FaultyServerError, PolicyRule, PolicyViolationError, RemoteError, SessionParams
from protocols.errors import LocalProtocolError, ProtocolError
from protocols.primitives.key_agreement import KeyPair
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise, sign_survivors

CLIENTS = 4
quick = settings(deadline=None, max_examples=60)


def answers(clients, requests):
    """What clients answer to whatever they are sent; a refusal is no answer."""
    given = {}
    for index, request in requests.items():
        try:
            given[index] = clients[index].receive(request)
        except ProtocolError:
            continue
    return given


# Keys


@pytest.mark.parametrize("signer", ["nobody", "the server", "another client", "the same client, another session"])
def test_substituted_keys_get_no_box(house, signer):
    """The server in the middle: it replaces client 2's keys by its own in what client 0 is told."""
    cohort = house.cohort().run(1)
    honest = ShareKeysRequest.decode(cohort.requests[1][0], cohort.params)
    mine = {"seal_key": KeyPair(b"s" * 32).public, "mask_key": KeyPair(b"m" * 32).public, "commitment": bytes(32)}
    forged = {
        "nobody": replace(honest.advertisements[2], **mine),
        "the server": advertise(cohort.params, 2, house.identity(99), **mine),
        "another client": advertise(cohort.params, 2, house.identity(3), **mine),
        "the same client, another session": advertise(house.params(iteration=8), 2, house.identity(2), **mine),
    }[signer]
    request = ShareKeysRequest(advertisements={**honest.advertisements, 2: forged})
    with pytest.raises(FaultyServerError, match="signature"):
        cohort.clients[0].receive(request.encode())


@quick
@given(st.data())
def test_no_client_goes_on_with_keys_another_did_not_sign(house, data):
    """Any advertisement altered in any bit, or moved to any place: no box."""
    cohort = house.cohort().run(1)
    honest = dict(ShareKeysRequest.decode(cohort.requests[1][0], cohort.params).advertisements)
    victim, source = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    if victim == source:
        encoding = bytearray(honest[victim].encode())
        bit = data.draw(st.integers(0, 8 * len(encoding) - 1))
        encoding[bit // 8] ^= 1 << bit % 8
        honest[victim] = type(honest[victim]).decode(bytes(encoding))
    else:
        honest[victim] = honest[source]
    with pytest.raises(FaultyServerError):
        cohort.clients[0].receive(ShareKeysRequest(advertisements=honest).encode())


# Boxes


@quick
@given(st.permutations(range(3)), st.integers(0, 2))
def test_boxes_open_only_for_their_sender_and_recipient(house, order, sender):
    """The boxes of a client handed over in another order, or one client's boxes for all others."""
    cohort = house.cohort().run(2)
    honest = MaskedInputRequest.decode(cohort.requests[2][3], cohort.params).boxes
    bent = {i: honest[order[i]] for i in range(3)} if order != [0, 1, 2] else dict.fromkeys(honest, honest[sender])
    with pytest.raises(FaultyServerError, match="open"):
        cohort.clients[3].receive(MaskedInputRequest(boxes=bent).encode())


# Sessions


@quick
@given(st.integers(0, 4), st.integers(0, 3), st.sampled_from(["iteration", "model_digest", "min_survivors"]))
def test_messages_of_another_session_do_not_pass_in_this_one(house, number, index, name):
    """The same clients run two sessions; a request of one is replayed in the other."""
    value = {"iteration": 8, "model_digest": house.digest("other"), "min_survivors": 4}[name]
    other = house.cohort(**{name: value})
    for i in range(CLIENTS):
        other.clients[i] = house.client(
            other.params, i, model_digest=other.params.model_digest, vector=house.vector(other.params, i)
        )
    other.run()
    cohort = house.cohort().run(number)
    replayed = other.requests[number][index]
    client = cohort.clients[index]
    if number == 0:
        session = AdvertiseKeysRequest.decode(replayed).params
        if name != "model_digest":
            response = AdvertiseKeysResponse.decode(client.receive(replayed), session)
            assert response.advertisement.signature not in cohort.requests[0][index]
            return
    if number == 3:
        # A survivor set carries no session: what the client signs does.
        signature = ConsistencyCheckResponse.decode(client.receive(replayed), cohort.params).signature
        assert signature not in other.responses[3][index]
        return
    with pytest.raises(RemoteError):
        client.receive(replayed)


def test_a_client_told_of_another_model_uploads_nothing(house):
    """Model inconsistency (Pasquini et al., CCS 2022): the session is about a model client 2 did not receive."""
    cohort = house.cohort()
    cohort.clients[2] = house.client(cohort.params, 2, model_digest=house.digest("crafted for client 2"))
    with pytest.raises(PolicyViolationError) as caught:
        cohort.clients[2].receive(cohort.requests[0][2])
    assert caught.value.rule is PolicyRule.MODEL


@pytest.mark.parametrize(
    "name", ["model_digest", "anchors_digest", "privacy_digest", "architecture_digest", "iteration"]
)
def test_nobody_uploads_when_one_client_is_shown_another_session(house, name):
    """The server fits the parameters to what it gave each client, so that every policy is met: keys and signatures
    of the two sessions still do not match, and there are no uploads at all."""
    params = house.params()
    crafted = replace(params, **{name: 8 if name == "iteration" else house.digest("other architecture")})
    views = {index: crafted if index == 2 else params for index in range(CLIENTS)}
    policy = {} if name in ("iteration", "architecture_digest") else {name: getattr(crafted, name)}
    clients = [house.client(views[index], index, **(policy if index == 2 else {})) for index in range(CLIENTS)]
    requests = {index: AdvertiseKeysRequest(params=view).encode() for index, view in views.items()}
    advertised = {
        index: AdvertiseKeysResponse.decode(data, params).advertisement
        for index, data in answers(clients, requests).items()
    }
    assert len(advertised) == CLIENTS
    boxes = answers(clients, dict.fromkeys(range(CLIENTS), ShareKeysRequest(advertisements=advertised).encode()))
    assert boxes == {}


def test_sessions_share_no_box_and_no_mask(house):
    """Equal randomness, equal vectors, another iteration: nothing that is sent after the keys is equal."""
    first, second = house.cohort().run(3), house.cohort(iteration=8).run(3)
    for number in (1, 2):
        for index in range(CLIENTS):
            assert first.responses[number][index] != second.responses[number][index]
    boxes = [ShareKeysResponse.decode(run.responses[1][0], run.params).boxes[1] for run in (first, second)]
    assert boxes[0] != boxes[1]


# Survivor sets


def split_views(house, cohort, views, corrupt=frozenset()):
    """Shows each client its own survivor set, then tries to have each unmasked with every signature there is."""
    params, holders = cohort.params, frozenset(range(cohort.params.clients))
    asked = {i: ConsistencyCheckRequest(survivors=view).encode() for i, view in views.items() if i not in corrupt}
    signed = answers(cohort.clients, asked)
    released = {}
    genuine = {i: ConsistencyCheckResponse.decode(data, params).signature for i, data in signed.items()}
    for view in set(views.values()):
        signatures = {i: signature for i, signature in genuine.items() if views[i] == view}
        if len(signatures) + len(corrupt & view) < params.threshold:
            # Not enough: pass off signatures on the other set as signatures on this one.
            signatures = {i: signature for i, signature in genuine.items() if i in view}
        signatures |= {i: sign_survivors(params, house.identity(i), view) for i in corrupt & view}
        request = UnmaskingRequest(survivors=view, dropouts=holders - view, signatures=signatures).encode()
        for index, data in answers(cohort.clients, {i: request for i in signed if views[i] == view}).items():
            released[index] = view, UnmaskingResponse.decode(data, params)
    return released


@quick
@given(st.data())
def test_a_split_view_of_the_survivors_is_revealed_for_one_set_at_most(house, data):
    corrupt = data.draw(st.sampled_from([frozenset(), frozenset({4})]))
    threshold = 4 if corrupt else 3
    cohort = house.cohort(5, corrupt=len(corrupt), threshold=threshold, min_survivors=threshold).run(3)
    sets = [frozenset(view) for size in (threshold, 5) for view in combinations(range(5), size)]
    first, second = data.draw(st.sampled_from(sets)), data.draw(st.sampled_from(sets))
    views = {i: data.draw(st.sampled_from([first, second])) for i in range(5)}
    released = split_views(house, cohort, views, corrupt)
    assert len({view for view, _ in released.values()}) <= 1


def test_a_threshold_too_low_would_let_a_split_view_take_both_secrets(house, monkeypatch):
    """The other side of the boundary: without the rule 2 * threshold > n + corrupt the attack works."""
    monkeypatch.setattr(SessionParams, "_check_guarantees", lambda _: None)
    cohort = house.cohort(4, threshold=2, min_survivors=2).run(3)
    here, there = frozenset({0, 1}), frozenset({2, 3})
    released = split_views(house, cohort, {0: here, 1: here, 2: there, 3: there})
    assert sum(0 in response.self_mask_shares for _, response in released.values()) == 2
    assert sum(0 in response.mask_key_shares for _, response in released.values()) == 2


def test_signatures_on_another_survivor_set_do_not_confirm_this_one(house):
    """Client 0 is shown {0, 1, 2}, the others {0, 1, 2, 3}: their signatures are genuine and not on its set."""
    cohort = house.cohort().run(3)
    view = frozenset({0, 1, 2})
    everyone = frozenset(range(4))
    signed = answers(cohort.clients, {i: ConsistencyCheckRequest(survivors=everyone).encode() for i in (1, 2, 3)})
    own = cohort.clients[0].receive(ConsistencyCheckRequest(survivors=view).encode())
    signatures = {i: ConsistencyCheckResponse.decode(data, cohort.params).signature for i, data in signed.items()}
    signatures = {0: ConsistencyCheckResponse.decode(own, cohort.params).signature, 1: signatures[1], 2: signatures[2]}
    request = UnmaskingRequest(survivors=view, dropouts=frozenset({3}), signatures=signatures)
    with pytest.raises(FaultyServerError, match="does not verify"):
        cohort.clients[0].receive(request.encode())


# Reveals


@st.composite
def near_honest_unmasking(draw, honest):
    """The honest request, or one with a client moved, doubled, forgotten, or a signature removed or forged."""
    survivors, dropouts, signatures = set(honest.survivors), set(honest.dropouts), dict(honest.signatures)
    for _ in range(draw(st.integers(0, 2))):
        index = draw(st.integers(0, 4))
        bend = draw(st.sampled_from(["to survivors", "to dropouts", "to both", "to none", "unsign", "forge"]))
        for group, joins in ((survivors, "to survivors"), (dropouts, "to dropouts")):
            if bend in (joins, "to both"):
                group.add(index)
            elif bend.startswith("to "):
                group.discard(index)
        if bend == "unsign":
            signatures.pop(index, None)
        elif bend == "forge":
            signatures[index] = draw(st.sampled_from([bytes(64), *honest.signatures.values()]))
    if draw(st.booleans()) and draw(st.booleans()):
        survivors, dropouts = dropouts, survivors
    return UnmaskingRequest(
        survivors=frozenset(survivors), dropouts=frozenset(dropouts), signatures=signatures
    ).encode()


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_two_requests_extract_both_shares_of_a_client(house, data):
    cohort = house.cohort(5, threshold=3).run(4, silent_from={4: 2})
    honest = UnmaskingRequest.decode(cohort.requests[4][0], cohort.params)
    self_masks, mask_keys, replies = set(), set(), 0
    for _ in range(3):
        try:
            reply = cohort.clients[0].receive(data.draw(near_honest_unmasking(honest)))
        except (FaultyServerError, LocalProtocolError):
            continue
        response = UnmaskingResponse.decode(reply, cohort.params)
        self_masks |= response.self_mask_shares.keys()
        mask_keys |= response.mask_key_shares.keys()
        replies += 1
    assert not self_masks & mask_keys
    assert replies <= 1
    assert self_masks | mask_keys in (set(), set(range(5)))


def test_a_client_reveals_once_even_if_the_second_request_is_honest_too(house):
    """After the honest reveal the server asks again, for the same sets, and for a survivor as a dropout."""
    for again in ({}, {"survivors": frozenset({0, 1, 2}), "dropouts": frozenset({3})}):
        cohort = house.cohort().run(4)
        honest = cohort.requests[4][0]
        cohort.clients[0].receive(honest)
        with pytest.raises(FaultyServerError):
            cohort.clients[0].receive(house.bend(honest, UnmaskingRequest, cohort.params, **again))


@pytest.mark.parametrize("number", range(5))
def test_a_refused_request_cannot_be_followed_by_a_better_one(house, number):
    """State is taken out before a request is looked at: after any failure the honest request gets nothing either."""
    cohort = house.cohort().run(number)
    client, honest = cohort.clients[0], cohort.requests[number][0]
    with pytest.raises(FaultyServerError):
        client.receive(honest + b"\0")
    with pytest.raises(LocalProtocolError):
        client.receive(honest)


@pytest.mark.parametrize("number", range(5))
def test_no_request_is_answered_twice(house, number):
    cohort = house.cohort().run(number)
    client, honest = cohort.clients[0], cohort.requests[number][0]
    client.receive(honest)
    with pytest.raises(RemoteError):
        client.receive(honest)


# Anything else


def bent(data, honest):
    """One bit flipped, some bytes cut off, added, or overwritten with extreme numbers."""
    altered = bytearray(honest)
    start = data.draw(st.integers(0, len(altered) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "add", "zeros", "ones"]))
    if kind == "flip":
        altered[start] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del altered[start:]
    elif kind == "add":
        altered += data.draw(st.binary(min_size=1, max_size=8))
    else:
        altered[start : start + 8] = (b"\0" if kind == "zeros" else b"\xff") * len(altered[start : start + 8])
    return bytes(altered)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 4), st.data())
def test_a_bent_request_is_refused_with_a_name_and_never_crashes_a_client(house, number, data):
    cohort = house.cohort(5, threshold=3).run(number, silent_from={4: 2})
    honest = cohort.requests[number][0]
    request = bent(data, honest)
    try:
        cohort.clients[0].receive(request)
    except RemoteError:
        with pytest.raises(LocalProtocolError):
            cohort.clients[0].receive(honest)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 4), st.data())
def test_a_bent_response_is_refused_with_a_name_and_never_crashes_the_server(house, number, data):
    cohort = house.cohort(5, threshold=3).run(number, silent_from={4: 2})
    honest = cohort.clients[0].receive(cohort.requests[number][0])
    blamed = None
    try:
        cohort.server.receive(0, bent(data, honest))
    except FaultyClientError as error:
        blamed = error.index
        cohort.server.receive(0, honest)
    assert blamed in (None, 0)


# Small cohorts


@quick
@given(st.integers(1, 3), st.frozensets(st.integers(0, 4), max_size=5))
def test_nothing_is_given_for_fewer_clients_than_the_promised_survivors(house, number, chosen):
    """The server narrows the circle to `chosen` after it promised four: client 0 stops there."""
    cohort = house.cohort(5, threshold=3, min_survivors=4).run(number)
    message, name = {
        1: (ShareKeysRequest, "advertisements"),
        2: (MaskedInputRequest, "boxes"),
        3: (ConsistencyCheckRequest, "survivors"),
    }[number]
    client, honest, circle = cohort.clients[0], cohort.requests[number][0], chosen | {0}
    items = getattr(message.decode(honest, cohort.params), name)
    kept = items & circle if number == 3 else {i: item for i, item in items.items() if i in circle}
    request = house.bend(honest, message, cohort.params, **{name: kept})
    if len(circle) >= 4:
        client.receive(request)
    else:
        with pytest.raises(FaultyServerError, match="at least 4"):
            client.receive(request)


def test_a_cohort_below_the_clients_minimum_gets_no_keys(house):
    cohort = house.cohort(4)
    cohort.clients[0] = house.client(cohort.params, 0, min_cohort=5)
    with pytest.raises(PolicyViolationError) as caught:
        cohort.clients[0].receive(cohort.requests[0][0])
    assert caught.value.rule is PolicyRule.MIN_COHORT
