"""A server that lies: honest runs with one thing bent, and what must not come out of them.

The server here knows everything the real one knows and owns the identities of the corrupt clients.
"""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import FaultyClientError, FaultyServerError, PolicyRule, PolicyViolationError, RemoteError, SessionParams
from protocols.errors import LocalProtocolError, ProtocolError
from protocols.graph import Graph
from protocols.primitives.key_agreement import KeyPair
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise, sign_survivors
from threat_models.attacker import Attacker, Wire, key_pairs

CLIENTS = 4
quick = settings(max_examples=60)


def answers(clients, requests):
    """What clients answer to whatever they are sent; a refusal is no answer."""
    given = {}
    for index, request in requests.items():
        try:
            given[index] = clients[index].receive(request)
        except ProtocolError:
            continue
    return given


def introduce(params, advertisements, index):
    """The request of a server that shows client `index` these advertisements, and fits graph and digests to them."""
    digests = {i: advertisement.digest for i, advertisement in advertisements.items()}
    circle = Graph.over(params.session_id, params.degree, digests).neighbors(index) | {index}
    return ShareKeysRequest(
        advertisements={i: advertisements[i] for i in circle},
        digests={i: digest for i, digest in digests.items() if i not in circle},
    ).encode(params)


def advertised(cohort):
    return {
        index: AdvertiseKeysResponse.decode(data, cohort.params).advertisement
        for index, data in cohort.responses[0].items()
    }


# Keys


SIGNERS = ("nobody", "the server", "another client", "the same client, another session")


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("changes", [{"clients": 4}, {"clients": 12, "degree": 4}], ids=["complete", "sparse"])
def test_substituted_keys_get_no_box(house, signer, changes):
    """The server in the middle: it replaces client 2's keys by its own in what a neighbor of it is told."""
    cohort = house.cohort(**changes).run(1)
    params, honest = cohort.params, advertised(cohort)
    mine = {"seal_key": KeyPair(b"s" * 32).public, "mask_key": KeyPair(b"m" * 32).public, "commitment": bytes(32)}
    forged = {
        "nobody": replace(honest[2], **mine),
        "the server": advertise(params, 2, house.identity(99), **mine),
        "another client": advertise(params, 2, house.identity(3), **mine),
        "the same client, another session": advertise(replace(params, session=8), 2, house.identity(2), **mine),
    }[signer]
    shown = {**honest, 2: forged}
    graph = Graph.over(params.session_id, params.degree, {i: entry.digest for i, entry in shown.items()})
    for victim in graph.neighbors(2):
        with pytest.raises(FaultyServerError, match="signature"):
            cohort.clients[victim].receive(introduce(params, shown, victim))


@quick
@given(st.data())
def test_no_client_goes_on_with_keys_another_did_not_sign(house, data):
    """Any advertisement altered in any bit, or moved to any place: no box."""
    cohort = house.cohort().run(1)
    honest = advertised(cohort)
    victim, source = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    if victim == source:
        encoding = bytearray(honest[victim].encode())
        bit = data.draw(st.integers(0, 8 * len(encoding) - 1))
        encoding[bit // 8] ^= 1 << bit % 8
        honest[victim] = type(honest[victim]).decode(bytes(encoding))
    else:
        honest[victim] = honest[source]
    with pytest.raises(FaultyServerError):
        cohort.clients[0].receive(introduce(cohort.params, honest, 0))


# Boxes


@quick
@given(st.permutations(range(3)), st.integers(0, 2))
def test_boxes_open_only_for_their_sender_and_recipient(house, order, sender):
    """The boxes of a client handed over in another order, or one client's boxes for all others."""
    cohort = house.cohort().run(2)
    honest = MaskedInputRequest.decode(cohort.requests[2][3], cohort.params).boxes
    bent = {i: honest[order[i]] for i in range(3)} if order != [0, 1, 2] else dict.fromkeys(honest, honest[sender])
    wrong = {i for i in range(3) if bent[i] != honest[i]}
    request = MaskedInputRequest(boxes=bent).encode(cohort.params)
    if len(wrong) == 1:
        assert MaskedInputResponse.decode(cohort.clients[3].receive(request), cohort.params).unopened == wrong
    else:
        with pytest.raises(FaultyServerError, match=f"3 came and {3 - len(wrong)} open"):
            cohort.clients[3].receive(request)


# Sessions


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("name", ["session", "model_digest", "min_survivors"])
def test_messages_of_another_session_do_not_pass_in_this_one(house, number, name):
    """The same clients run two sessions; a request of one is replayed in the other."""
    value = {"session": 8, "model_digest": house.digest("other"), "min_survivors": 4}[name]
    other = house.cohort(**{name: value})
    other.clients = [
        house.client(other.params, index, model_digest=other.params.model_digest) for index in range(CLIENTS)
    ]
    other.run()
    cohort = house.cohort().run(number)
    for index, client in enumerate(cohort.clients):
        replayed = other.requests[number][index]
        if number == 0 and name != "model_digest":
            session = AdvertiseKeysRequest.decode(replayed).params
            response = AdvertiseKeysResponse.decode(client.receive(replayed), session)
            assert response == AdvertiseKeysResponse.decode(other.responses[0][index], session)
            continue  # a proposal like any other: it joins the other session
        with pytest.raises(RemoteError, match="model" if number == 0 else "another session"):
            client.receive(replayed)


def test_a_client_told_of_another_model_uploads_nothing(house):
    """Model inconsistency (Pasquini et al., CCS 2022): the session is about a model client 2 did not receive."""
    cohort = house.cohort()
    cohort.clients[2] = house.client(cohort.params, 2, model_digest=house.digest("crafted for client 2"))
    with pytest.raises(PolicyViolationError) as caught:
        cohort.clients[2].receive(cohort.requests[0][2])
    assert caught.value.rule is PolicyRule.MODEL


@pytest.mark.parametrize("name", ["model_digest", "anchors_digest", "privacy_digest", "architecture_digest", "session"])
def test_nobody_uploads_when_one_client_is_shown_another_session(house, name):
    """The server fits the parameters to what it gave each client, so that every policy is met: keys and signatures
    of the two sessions still do not match, and there are no uploads at all."""
    params = house.params()
    crafted = replace(params, **{name: 8 if name == "session" else house.digest("other architecture")})
    views = {index: crafted if index == 2 else params for index in range(CLIENTS)}
    policy = {} if name in ("session", "architecture_digest") else {name: getattr(crafted, name)}
    clients = [house.client(views[index], index, **(policy if index == 2 else {})) for index in range(CLIENTS)]
    requests = {index: AdvertiseKeysRequest(params=view).encode() for index, view in views.items()}
    shown = {
        index: AdvertiseKeysResponse.decode(data, views[index]).advertisement
        for index, data in answers(clients, requests).items()
    }
    assert len(shown) == CLIENTS
    requests = {index: introduce(view, shown, index) for index, view in views.items()}
    assert answers(clients, requests) == {}


def test_sessions_share_no_box_and_no_mask(house):
    """Equal randomness, equal vectors, another session: no box and no masked coordinate is equal."""
    first, second = house.cohort().run(3), house.cohort(session=8).run(3)
    for index in range(CLIENTS):
        boxes, others = (ShareKeysResponse.decode(run.responses[1][index], run.params).boxes for run in (first, second))
        assert all(boxes[peer] != others[peer] for peer in boxes)
        words, others = (np.frombuffer(run.responses[2][index][-24:], np.uint32) for run in (first, second))
        assert not (words == others).any()


# Survivor sets


def half_the_confirmations(monkeypatch):
    """The other side of PAR-2: 2 * confirmations is n + corrupt, or one less."""
    monkeypatch.setattr(SessionParams, "confirmations", property(lambda params: (params.clients + params.corrupt) // 2))


def split_views(house, cohort, views, corrupt=frozenset(), *, borrow=False):
    """Shows each client its own survivor set, then tries to have each set unmasked by those who signed it.

    Where signatures are too few it tries with them nevertheless, or borrows those on the other set.
    """
    wire = Wire(cohort)
    signed = {}
    for view in sorted(map(sorted, {*views.values()})):
        asked = [index for index, seen in views.items() if seen == {*view} and index not in corrupt]
        signed[frozenset(view)] = wire.sign(view, asked)
    graph = cohort.graph
    for view, genuine in signed.items():
        signatures = genuine | {index: sign_survivors(graph, house.identity(index), view) for index in corrupt & view}
        if borrow and len(signatures) < cohort.params.confirmations:
            others = {index: data for table in signed.values() for index, data in table.items() if index in view}
            signatures = others | signatures
        wire.unmask(signatures, genuine)
    return wire


def released(wire):
    """The shares that clients gave, by client."""
    return {
        exchange.index: UnmaskingResponse.decode(exchange.response, wire.params)
        for exchange in wire.exchanges
        if exchange.response and exchange.response[0] == UnmaskingResponse.TAG
    }


def revealed_sets(wire, views):
    return {views[index] for index in released(wire)}


@quick
@given(st.data())
def test_a_split_view_of_the_survivors_is_revealed_for_one_set_at_most(house, data):
    clients, count = data.draw(st.sampled_from([(5, 0), (5, 1), (6, 0), (6, 1), (7, 2)]))
    corrupt = frozenset(range(clients - count, clients))
    cohort = house.cohort(clients, corrupt=count).run(3)
    least = cohort.params.min_survivors
    sets = [frozenset(view) for size in range(least, clients + 1) for view in combinations(range(clients), size)]
    first, second = data.draw(st.sampled_from(sets)), data.draw(st.sampled_from(sets))
    views = {i: data.draw(st.sampled_from([first, second])) for i in range(clients)}
    wire = split_views(house, cohort, views, corrupt, borrow=data.draw(st.booleans()))
    assert len(revealed_sets(wire, views)) <= 1


@pytest.mark.parametrize(("clients", "corrupt"), [(4, 0), (6, 0), (5, 1), (7, 1), (6, 2), (10, 2)])
def test_with_half_the_confirmations_two_sets_are_revealed_and_with_the_right_number_one(
    house, monkeypatch, clients, corrupt
):
    """n + corrupt is even: a half of the honest clients and the corrupt ones are exactly half of it."""
    for weak in (False, True):
        with monkeypatch.context() as patch:
            if weak:
                half_the_confirmations(patch)
            cohort = house.cohort(clients, corrupt=corrupt, min_survivors=clients - 1).run(3)
            assert (2 * cohort.params.confirmations == clients + corrupt) == weak
            traitors = frozenset(range(clients - corrupt, clients))
            everyone, all_but_one = frozenset(range(clients)), frozenset(range(clients)) - {0}
            honest = range(clients - corrupt)
            views = {index: everyone if index < len(honest) // 2 else all_but_one for index in honest}
            found = revealed_sets(split_views(house, cohort, views, traitors), views)
            assert found == ({everyone, all_but_one} if weak else set())


# Around a ring of nine: a corrupt client c, and two halves A and B of the honest ones. Each half is shown a survivor
# set that holds all of it, the corrupt client, and of the other half the small letters. Of the victim, the first one,
# all honest neighbors are capitals: dropouts to the other half, which has enough shares of their mask keys.
ISLAND = "acAbbabBA"
BITS = 32


def island(house):
    """A session up to the survivor sets, the two sets, and which of them the halves A and B are shown."""
    cohort = house.cohort(9, degree=4, corrupt=1).run(3)
    letters = dict(zip(cohort.graph.order, ISLAND, strict=True))
    sets = [frozenset(index for index, letter in letters.items() if letter != other) for other in "BA"]
    views = {index: sets[letter in "bB"] for index, letter in letters.items() if letter != "c"}
    return cohort, sets, views


def knows(wire, house, corrupt, index):
    """Whether whoever saw all this and has the corrupt client's keys can compute this client's vector."""
    attacker = Attacker([wire.transcript], corrupt=[corrupt], keys=[key_pairs(f"random {corrupt}")])
    return attacker.sum({(0, index): 1}, BITS) == house.vectors(wire.params, index)["update"].tolist()


@pytest.mark.parametrize("weak", [True, False], ids=["2 q = n + c", "2 q > n + c"])
def test_with_half_the_confirmations_a_split_takes_one_clients_vector(house, monkeypatch, weak):
    """The threshold withstands one corrupt client in any order of the ring, one survivor set provided."""
    if weak:
        half_the_confirmations(monkeypatch)
    cohort, _, views = island(house)
    assert (2 * cohort.params.confirmations == 10) == weak
    victim, corrupt = cohort.graph.order[:2]
    wire = split_views(house, cohort, views, frozenset([corrupt]))
    assert released(wire).keys() == (views.keys() if weak else set())
    found = [index for index in views if knows(wire, house, corrupt, index)]
    assert found == ([victim] if weak else [])


def test_no_way_to_split_the_honest_clients_between_two_sets_takes_a_vector(house):
    """All 256 of them, in which up to seven of eight honest clients are shown the same set."""
    cohort, sets, _ = island(house)
    before = cohort.clients
    corrupt = cohort.graph.order[1]
    honest = sorted(set(range(9)) - {corrupt})
    seen = Counter()
    for chosen in range(2 ** len(honest)):
        cohort.clients = [house.twin(client) for client in before]
        views = {index: sets[chosen >> place & 1] for place, index in enumerate(honest)}
        wire = split_views(house, cohort, views, frozenset([corrupt]), borrow=chosen % 3 == 0)
        revealed = revealed_sets(wire, views)
        assert len(revealed) <= 1
        seen[len(revealed)] += 1
        if revealed and chosen % 4 == 0:
            assert not any(knows(wire, house, corrupt, index) for index in honest)
    assert min(seen[0], seen[1]) >= 10


def test_signatures_on_another_survivor_set_do_not_confirm_this_one(house):
    """Client 0 is shown {0, 1, 2}, the others {0, 1, 2, 3}: their signatures are genuine and not on its set."""
    wire = Wire(house.cohort().run(3))
    signatures = wire.sign({0, 1, 2, 3}, (1, 2, 3)) | wire.sign({0, 1, 2}, (0,))
    del signatures[3]
    assert signatures.keys() == {0, 1, 2}
    request = UnmaskingRequest(signatures=signatures).encode(wire.params)
    with pytest.raises(FaultyServerError, match="does not verify"):
        wire.cohort.clients[0].receive(request)


# Reveals


def near_honest_request(data, house, cohort, named):
    """The honest request, or one of another survivor set, or with signatures on another set, missing or forged."""
    honest = ConsistencyCheckRequest.decode(cohort.requests[3][0], cohort.params).survivors
    few = st.sampled_from([*[frozenset()] * 6, frozenset({3}), frozenset({5}), frozenset({1, 2})])
    if named is None or data.draw(st.integers(0, 4)) == 0:
        named = honest ^ data.draw(few)
        return named, ConsistencyCheckRequest(survivors=named).encode(cohort.params)
    signed = named ^ data.draw(few)
    signatures = {index: sign_survivors(cohort.graph, house.identity(index), signed) for index in signed}
    for index in data.draw(few):
        signatures[index] = data.draw(st.sampled_from([bytes(64), *signatures.values()]))
    for index in data.draw(few):
        signatures.pop(index, None)
    return named, UnmaskingRequest(signatures=signatures).encode(cohort.params)


def test_no_requests_extract_both_shares_of_a_client(house):
    """Whatever sets are named and signed, by everyone if need be: of each neighbor one share, all in one reply."""
    seen = Counter()
    cohort = house.cohort(6).run(3, silent_from={5: 2})

    @settings(max_examples=200)
    @given(st.data())
    def attempt(data):
        client, named = house.twin(cohort.clients[0]), None
        owners = client._held.look()[0].shares.keys()
        replies = []
        for _ in range(4):
            named, request = near_honest_request(data, house, cohort, named)
            try:
                reply = client.receive(request)
            except (FaultyServerError, LocalProtocolError):
                continue
            if reply[0] == UnmaskingResponse.TAG:
                replies.append(UnmaskingResponse.decode(reply, cohort.params))
        for response in replies:
            assert response == replies[0]  # a lost answer may be asked for again
            assert not response.self_mask_shares.keys() & response.mask_key_shares.keys()
            assert response.self_mask_shares.keys() | response.mask_key_shares.keys() == owners
            seen[frozenset(response.self_mask_shares)] += 1

    attempt()
    assert sum(seen.values()) >= 10


def test_a_client_reveals_once_even_if_the_second_request_is_honest_too(house):
    """After the honest reveal the server asks again: it hears the same as before, and nothing for other signatures."""
    for again in ("the same", "other signers", "another set"):
        cohort = house.cohort(6, min_survivors=4).run(4)
        client, honest = cohort.clients[0], cohort.requests[4][0]
        first = client.receive(honest)
        survivors = frozenset(range(5 if again == "another set" else 6))
        signers = range(4) if again == "the same" else range(1, 5)
        signatures = {index: sign_survivors(cohort.graph, house.identity(index), survivors) for index in signers}
        request = UnmaskingRequest(signatures=signatures).encode(cohort.params)
        assert (request == honest) == (again == "the same")
        if again == "the same":
            assert client.receive(request) == first
        else:
            with pytest.raises(FaultyServerError):
                client.receive(request)


def test_a_client_signs_once(house):
    """A second survivor set, before or after the reveal, is out of order whatever it is."""
    for rounds in (3, 4):
        for survivors in (frozenset(range(6)), frozenset(range(5))):
            cohort = house.cohort(6).run(rounds)
            client = cohort.clients[0]
            answer = client.receive(cohort.requests[rounds][0])
            request = ConsistencyCheckRequest(survivors=survivors).encode(cohort.params)
            if request == cohort.requests[rounds][0]:
                assert client.receive(request) == answer
                continue
            with pytest.raises(FaultyServerError, match="in state"):
                client.receive(request)


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
def test_the_same_request_gets_the_same_answer_until_the_next_one_and_no_other(house, number):
    """A lost answer is given again, byte for byte; what differs in one bit ends the session."""
    cohort = house.cohort().run(number)
    client, honest = cohort.clients[0], cohort.requests[number][0]
    first = client.receive(honest)
    assert client.receive(honest) == client.receive(honest) == first
    with pytest.raises(RemoteError):
        client.receive(honest[:-1] + bytes([honest[-1] ^ 1]))
    with pytest.raises(LocalProtocolError):
        client.receive(honest)


@pytest.mark.parametrize("number", range(1, 5))
def test_an_earlier_request_is_not_answered_again(house, number):
    cohort = house.cohort().run(number)
    client = cohort.clients[0]
    client.receive(cohort.requests[number][0])
    with pytest.raises(FaultyServerError, match="in state"):
        client.receive(cohort.requests[number - 1][0])


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


@pytest.fixture(scope="module")
def cohorts(house):
    """A session of five before each round; client 4 drops out before MaskedInput."""
    return [house.cohort(5, threshold=3).run(number, silent_from={4: 2}) for number in range(5)]


@settings(max_examples=150)
@given(st.integers(0, 4), st.data())
def test_a_bent_request_is_refused_with_a_name_and_never_crashes_a_client(house, cohorts, number, data):
    client, honest = house.twin(cohorts[number].clients[0]), cohorts[number].requests[number][0]
    try:
        client.receive(bent(data, honest))
    except RemoteError:
        with pytest.raises(LocalProtocolError):
            client.receive(honest)


@settings(max_examples=150)
@given(st.integers(0, 4), st.data())
def test_a_bent_response_is_refused_with_a_name_and_never_crashes_the_server(house, cohorts, number, data):
    cohort = cohorts[number]
    server, honest = cohort.fork(cohort.server), house.twin(cohort.clients[0]).receive(cohort.requests[number][0])
    blamed = None
    try:
        server.receive(0, bent(data, honest))
    except FaultyClientError as error:
        blamed = error.index
        server.receive(0, honest)
    assert blamed in (None, 0)


# Small cohorts


@quick
@given(st.integers(1, 3), st.frozensets(st.integers(0, 4), max_size=5))
def test_nothing_is_given_for_fewer_clients_than_the_promised_survivors(house, number, chosen):
    """The server narrows the circle to `chosen` after it promised four: client 0 stops there."""
    cohort = house.cohort(5, threshold=3, min_survivors=4).run(number)  # itself and three neighbors are four
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
        with pytest.raises(FaultyServerError, match="at least 3" if number == 2 else "at least 4"):
            client.receive(request)


def test_a_cohort_below_the_clients_minimum_gets_no_keys(house):
    cohort = house.cohort(4)
    cohort.clients[0] = house.client(cohort.params, 0, min_cohort=5)
    with pytest.raises(PolicyViolationError) as caught:
        cohort.clients[0].receive(cohort.requests[0][0])
    assert caught.value.rule is PolicyRule.MIN_COHORT
