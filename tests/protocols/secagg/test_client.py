"""A client's own contract, and each check of each round against one bent request."""

from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from protocols import CLIENT_RANDOM_BYTES, Client, FaultyServerError, LocalProtocolError, ParametersError
from protocols.codec import Domain
from protocols.graph import Graph
from protocols.primitives import aead
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import combine, lagrange_coefficients
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
from protocols.secagg.states import Aborted

ROUND = {ShareKeysRequest: 1, MaskedInputRequest: 2, ConsistencyCheckRequest: 3, UnmaskingRequest: 4}
SPARSE = {"clients": 12, "degree": 4}


def refuses(cohort, house, message, match, index=0, **changes):
    """Bends client `index`'s next request; the client must raise, emit nothing and be finished."""
    client, honest = cohort.clients[index], cohort.requests[-1][index]
    with pytest.raises(FaultyServerError, match=match):
        client.receive(house.bend(honest, message, cohort.params, **changes))
    assert client._held.look()[0] == Aborted()
    with pytest.raises(LocalProtocolError):
        client.receive(honest)


def at(house, message, clients=4, silent_from=None, **changes):
    """A cohort whose next requests are of type `message`, and client 0's honest one."""
    cohort = house.cohort(clients, **changes).run(ROUND[message], silent_from=silent_from or {})
    return cohort, message.decode(cohort.requests[-1][0], cohort.params)


def without(table, *indices):
    return {key: value for key, value in table.items() if key not in indices}


def test_the_constructor_checks_what_it_is_given(house):
    arguments = {
        "identity": house.identity(0),
        "policy": house.policy(),
        "vectors": dict,
        "random": bytes(CLIENT_RANDOM_BYTES),
        "clock": float,
    }
    Client(**arguments)
    for random in (bytes(CLIENT_RANDOM_BYTES - 1), b""):
        with pytest.raises(LocalProtocolError, match="random"):
            Client(**(arguments | {"random": random}))
    with pytest.raises(ParametersError, match="roster"):
        Client(**(arguments | {"identity": house.identity(9)}))


def test_a_client_says_whether_it_is_finished_and_which_iteration_it_took_part_in(house):
    cohort = house.cohort()
    client = cohort.clients[0]
    assert (client.finished, client.last_session) == (False, 6)
    for number in range(5):
        cohort.run(number + 1)
        assert (client.finished, client.last_session) == (number == 4, 7)


def test_a_refused_session_does_not_count_as_taken_part_in_and_an_aborted_one_does(house):
    params = house.params()
    refused = house.client(params, 0, model_digest=house.digest("another"))
    aborted = house.client(params, 0)
    request = AdvertiseKeysRequest(params=params).encode()
    with pytest.raises(Exception, match="model"):
        refused.receive(request)
    aborted.receive(request)
    with pytest.raises(FaultyServerError):
        aborted.receive(request + b"\0")
    assert (refused.finished, refused.last_session) == (True, 6)
    assert (aborted.finished, aborted.last_session) == (True, 7)


def test_every_part_of_the_randomness_matters(house):
    """Each of the four parts of 32 bytes changes what it should, and no part is sent itself."""
    sent = []
    for part in (None, "seal key", "mask key", "self-mask seed", "sharing seed"):
        random = bytearray(range(CLIENT_RANDOM_BYTES))
        if part:
            random[32 * ("seal key", "mask key", "self-mask seed", "sharing seed").index(part) + 31] ^= 2
        cohort = house.cohort()
        cohort.clients[0] = Client(
            identity=house.identity(0),
            policy=house.policy(),
            vectors=partial(house.vectors, cohort.params, 0),
            random=bytes(random),
            clock=float,
        )
        cohort.run(3)
        sent.append([responses[0] for responses in cohort.responses])
        assert not any(bytes(random[i : i + 8]) in data for data in sent[-1] for i in range(0, CLIENT_RANDOM_BYTES, 8))
    advertisements, boxes, masked_inputs = (set(messages) for messages in zip(*sent, strict=True))
    assert len(advertisements) == 4  # all but the sharing seed
    assert len(boxes) == 5
    assert len(masked_inputs) == 4  # the seal key by way of the graph's digest


def test_garbage_is_the_servers_fault_and_the_end(house):
    for data in (b"", b"\x01", b"\x01\x01", b"\xff" * 100, AdvertiseKeysResponse.TAG.to_bytes(1, "big")):
        client = house.client(house.params(), 0)
        with pytest.raises(FaultyServerError):
            client.receive(data)
        with pytest.raises(LocalProtocolError):
            client.receive(AdvertiseKeysRequest(params=house.params()).encode())


def test_parameters_nobody_should_run_with_are_the_servers_fault(house):
    params = house.params()
    request = bytearray(AdvertiseKeysRequest(params=params).encode())
    (vector,) = params.vectors
    place = request.index(vector.encode()) + len(vector.encode()) + 4  # after the degree
    assert request[place : place + 4] == b"\0\0\0\2"
    request[place + 3] = 1  # one of three neighbors
    with pytest.raises(FaultyServerError, match="too low"):
        house.client(params, 0).receive(bytes(request))


# Round 1: advertisements


def test_the_signature_of_every_neighbors_advertisement_is_checked(house):
    cohort, honest = at(house, ShareKeysRequest)
    other = replace(honest.advertisements[2], mask_key=honest.advertisements[1].mask_key)
    refuses(cohort, house, ShareKeysRequest, "signature", advertisements={**honest.advertisements, 2: other})


def test_the_clients_own_advertisement_must_come_back_unchanged(house):
    """Another one of its own, signed by itself for this session, is altered too."""
    for own in ("another client's", "its own, from other randomness"):
        cohort, honest = at(house, ShareKeysRequest)
        theirs = honest.advertisements[1]
        if own != "another client's":
            keys = {name: getattr(theirs, name) for name in ("seal_key", "mask_key", "commitment")}
            theirs = advertise(cohort.params, 0, house.identity(0), **keys)
        refuses(cohort, house, ShareKeysRequest, "altered", advertisements={**honest.advertisements, 0: theirs})


def test_the_clients_own_advertisement_must_come_back(house):
    """Missing, or there as a digest only, or of all advertised ones just that one forgotten: never."""
    for clients, changes in ((4, {}), (12, {"degree": 4})):
        cohort, honest = at(house, ShareKeysRequest, clients, **changes)
        less = without(honest.advertisements, 0)
        refuses(cohort, house, ShareKeysRequest, "own is missing", advertisements=less)
        cohort, honest = at(house, ShareKeysRequest, clients, **changes)
        digests = {**honest.digests, 0: honest.advertisements[0].digest}
        refuses(cohort, house, ShareKeysRequest, "own is missing", advertisements=less, digests=digests)


def test_a_client_in_full_and_as_a_digest_is_refused(house):
    for clients, changes in ((4, {}), (12, {"degree": 4})):
        for index in (0, 1):
            cohort, honest = at(house, ShareKeysRequest, clients, **changes)
            twice = index if index in honest.advertisements else min(without(honest.advertisements, 0))
            digests = {**honest.digests, twice: honest.advertisements[twice].digest}
            refuses(cohort, house, ShareKeysRequest, "in full and as a digest", digests=digests)


def test_a_neighbor_that_comes_as_a_digest_is_refused(house):
    for clients, changes in ((4, {}), (12, {"degree": 4})):
        cohort, honest = at(house, ShareKeysRequest, clients, **changes)
        neighbor = min(without(honest.advertisements, 0))
        refuses(
            cohort,
            house,
            ShareKeysRequest,
            "neighbors",
            advertisements=without(honest.advertisements, neighbor),
            digests={**honest.digests, neighbor: honest.advertisements[neighbor].digest},
        )


def test_a_stranger_that_comes_in_full_is_refused(house):
    """The same graph, and one advertisement more than the client's neighbors: somebody else would hold its shares."""
    cohort, honest = at(house, ShareKeysRequest, **SPARSE)
    stranger = min(honest.digests)
    theirs = AdvertiseKeysResponse.decode(cohort.responses[0][stranger], cohort.params).advertisement
    refuses(
        cohort,
        house,
        ShareKeysRequest,
        "neighbors",
        advertisements={**honest.advertisements, stranger: theirs},
        digests=without(honest.digests, stranger),
    )


def test_a_stranger_cannot_take_a_neighbors_place(house):
    cohort, honest = at(house, ShareKeysRequest, **SPARSE)
    stranger, neighbor = min(honest.digests), min(without(honest.advertisements, 0))
    theirs = AdvertiseKeysResponse.decode(cohort.responses[0][stranger], cohort.params).advertisement
    refuses(
        cohort,
        house,
        ShareKeysRequest,
        "neighbors",
        advertisements={**without(honest.advertisements, neighbor), stranger: theirs},
        digests={**without(honest.digests, stranger), neighbor: honest.advertisements[neighbor].digest},
    )


@pytest.mark.parametrize("bend", ["altered", "forgotten"])
def test_another_table_of_digests_gives_other_neighbors(house, bend):
    """The client draws the graph itself: neighbors that the server would like it to have are not those it computes."""
    cohort, honest = at(house, ShareKeysRequest, **SPARSE)
    neighbors = without(honest.advertisements, 0).keys()
    drawn = 0
    for stranger in honest.digests:
        changed = {**honest.digests, stranger: house.digest("another")}
        digests = changed if bend == "altered" else without(honest.digests, stranger)
        table = digests | {index: entry.digest for index, entry in honest.advertisements.items()}
        if Graph.over(cohort.params.session_id, 4, table).neighbors(0) != neighbors:
            cohort, _ = at(house, ShareKeysRequest, **SPARSE)
            refuses(cohort, house, ShareKeysRequest, "neighbors", digests=digests)
            drawn += 1
    assert drawn > 3


def shown(cohort, index, digests):
    """The request of a server that shows client `index` this table of digests and fits everything else to it."""
    graph = Graph.over(cohort.params.session_id, cohort.params.degree, digests)
    sent = cohort.responses[0]
    return ShareKeysRequest(
        advertisements={
            i: AdvertiseKeysResponse.decode(sent[i], cohort.params).advertisement
            for i in graph.neighbors(index) | {index}
        },
        digests=without(digests, index, *graph.neighbors(index)),
    ).encode(cohort.params)


def digests_of(cohort):
    return {
        index: AdvertiseKeysResponse.decode(data, cohort.params).advertisement.digest
        for index, data in cohort.responses[0].items()
    }


@pytest.mark.parametrize("changes", [{"clients": 12, "degree": 4}, {"clients": 9}])
def test_fewer_advertisements_than_survivors_were_promised_are_refused(house, changes):
    """Everything fits the smaller number, own graph and all; digests count as well as advertisements."""
    for count in (6, 7):
        cohort, _ = at(house, ShareKeysRequest, **changes, min_survivors=7)
        digests = digests_of(cohort)
        request = shown(cohort, 0, {index: digests[index] for index in range(count)})
        if count == 7:
            cohort.clients[0].receive(request)
        else:
            with pytest.raises(FaultyServerError, match="6, at least 7"):
                cohort.clients[0].receive(request)


@pytest.mark.parametrize("same", [True, False])
def test_clients_that_were_shown_different_advertisements_open_no_boxes_of_each_other(house, same):
    """It is the advertisement of a stranger to both, which neither could check: the graph's digest tells."""
    cohort, _ = at(house, ShareKeysRequest, **SPARSE)
    params, digests = cohort.params, digests_of(cohort)
    near = cohort.graph.neighbors(0)
    sender, altered = next(
        (sender, table)
        for salt in range(1000)
        for third in cohort.graph.order
        for table in [{**digests, third: house.digest(f"altered {salt}")}]
        for seen in [Graph.over(params.session_id, 4, table)]
        for sender in near & seen.neighbors(0)
        if third not in {0, sender} | near | cohort.graph.neighbors(sender) | seen.neighbors(sender)
    )
    requests = dict(cohort.requests[1])
    requests[sender] = shown(cohort, sender, digests if same else altered)
    assert (requests[sender] == cohort.requests[1][sender]) == same
    responses = {index: cohort.clients[index].receive(requests[index]) for index in near | {0}}
    boxes = {index: ShareKeysResponse.decode(responses[index], params).boxes[0] for index in near}
    request = MaskedInputRequest(boxes=boxes).encode(params)
    response = MaskedInputResponse.decode(cohort.clients[0].receive(request), params)
    assert response.unopened == (frozenset() if same else {sender})


@pytest.mark.parametrize("name", ["seal_key", "mask_key"])
@pytest.mark.parametrize(("key", "problem"), [(bytes(32), "small order"), (b"\x09" + bytes(30) + b"\x80", "below 2")])
def test_a_signed_key_that_nobody_can_use_is_refused_before_anything_is_shared(house, name, key, problem):
    """A corrupt client signs a key of small order, or one with bit 255 set, and a corrupt server passes it on."""
    cohort, honest = at(house, ShareKeysRequest)
    keys = {name: getattr(honest.advertisements[2], name) for name in ("seal_key", "mask_key", "commitment")}
    bad = advertise(cohort.params, 2, house.identity(2), **{**keys, name: key})
    refuses(cohort, house, ShareKeysRequest, problem, advertisements={**honest.advertisements, 2: bad})


# Round 2: boxes


def spoiled(cohort, index, kind):
    """A box from client 2 that client `index` cannot open."""
    honest = MaskedInputRequest.decode(cohort.requests[2][index], cohort.params)
    receiver = cohort.clients[index]._held.look()[0]
    context = Domain.BOX.bind(receiver.graph.digest, 2, index)
    key = receiver.seal_keys.agree(receiver.neighbors[2].seal_key, context)
    others = MaskedInputRequest.decode(cohort.requests[2][1 - index], cohort.params).boxes
    return {
        "one bit": bytes([honest.boxes[2][0] ^ 1]) + honest.boxes[2][1:],
        "another sender's": honest.boxes[3],
        "another recipient's": others[2],
        "its own": MaskedInputRequest.decode(cohort.requests[2][2], cohort.params).boxes[index],
        "a share beyond the field": aead.seal(key, b"\xff" * 66, context),
    }[kind]


SPOILED = ("one bit", "another sender's", "another recipient's", "its own", "a share beyond the field")


@pytest.mark.parametrize("kind", SPOILED)
def test_a_box_that_does_not_open_names_its_sender_and_removes_nobody(house, kind):
    """The client masks as if it had opened, and holds no share of the sender: the sum stays exact."""
    cohort, honest = at(house, MaskedInputRequest, 5)
    boxes = {**honest.boxes, 2: spoiled(cohort, 0, kind)}
    cohort.requests[2][0] = MaskedInputRequest(boxes=boxes).encode(cohort.params)
    cohort.run(3)
    response = MaskedInputResponse.decode(cohort.responses[2][0], cohort.params)
    assert response.unopened == {2}
    assert cohort.clients[0]._held.look()[0].shares.keys() == {1, 3, 4}
    cohort.run().check_aggregate(range(5))
    assert cohort.server.unopened == {0: {2}}
    released = UnmaskingResponse.decode(cohort.responses[4][0], cohort.params)
    assert released.self_mask_shares.keys() | released.mask_key_shares.keys() == {1, 3, 4}


@pytest.mark.parametrize("silent_from", [{0: 3}, {2: 2}, {2: 3}, {2: 4}, {0: 4}, {1: 2}])
@pytest.mark.parametrize("kind", SPOILED[:1])
def test_a_spoiled_box_and_a_dropout_leave_the_exact_sum(house, kind, silent_from):
    """Whoever of the pair, or beside it, vanishes: what is left of their mask comes off."""
    cohort, honest = at(house, MaskedInputRequest, 6)
    boxes = {**honest.boxes, 2: spoiled(cohort, 0, kind)}
    cohort.requests[2][0] = MaskedInputRequest(boxes=boxes).encode(cohort.params)
    ((gone, number),) = silent_from.items()
    cohort.run(silent_from=silent_from)
    cohort.check_aggregate(set(range(6)) - ({gone} if number < 3 else set()))


def test_as_many_boxes_must_open_as_give_back_a_secret(house):
    cohort, honest = at(house, MaskedInputRequest, 5)
    bad = {index: bytes(82) for index in (1, 2)}
    refuses(cohort, house, MaskedInputRequest, "4 came and 2 open, at least 3", boxes={**honest.boxes, **bad})


def test_a_survivor_whose_box_never_came_is_refused_and_one_whose_box_did_not_open_is_not(house):
    for missing in (True, False):
        cohort, honest = at(house, MaskedInputRequest, 5)
        boxes = without(honest.boxes, 2) if missing else {**honest.boxes, 2: bytes(82)}
        cohort.clients[0].receive(MaskedInputRequest(boxes=boxes).encode(cohort.params))
        request = ConsistencyCheckRequest(survivors=frozenset(range(5))).encode(cohort.params)
        if missing:
            with pytest.raises(FaultyServerError, match="exchanged no box"):
                cohort.clients[0].receive(request)
        else:
            cohort.clients[0].receive(request)


def test_a_box_from_a_client_without_keys_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest, 5, silent_from={4: 0})
    refuses(cohort, house, MaskedInputRequest, "not among", boxes={**honest.boxes, 4: honest.boxes[1]})


def test_a_box_from_the_client_itself_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    refuses(cohort, house, MaskedInputRequest, "not among", boxes={**honest.boxes, 0: honest.boxes[1]})


def test_a_box_from_a_stranger_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest, **SPARSE)
    stranger = min(set(range(1, 12)) - honest.boxes.keys())
    box = next(iter(honest.boxes.values()))
    refuses(cohort, house, MaskedInputRequest, "not among", boxes={**honest.boxes, stranger: box})


@pytest.mark.parametrize(("changes", "threshold"), [({}, 2), ({"clients": 12, "degree": 4}, 3)])
def test_too_few_boxes_are_refused(house, changes, threshold):
    for count in (threshold, threshold - 1, 0):
        cohort, honest = at(house, MaskedInputRequest, **changes)
        boxes = {index: honest.boxes[index] for index in sorted(honest.boxes)[:count]}
        if count == threshold:
            cohort.clients[0].receive(house.bend(cohort.requests[2][0], MaskedInputRequest, cohort.params, boxes=boxes))
        else:
            refuses(
                cohort, house, MaskedInputRequest, f"{count} came and {count} open, at least {threshold}", boxes=boxes
            )


# Round 3: survivors


@pytest.mark.parametrize(
    ("survivors", "match"),
    [
        ({1, 2, 3, 5, 7}, "left out"),
        ({0, 1, 2, 3}, "at least 5"),
        ({0}, "at least 5"),
        ({0, 1, 2, 3, 4}, "no box"),
        ({0, 1, 2, 3, 4, 5, 7}, "no box"),
        ({0, 1, 2, 3, 6}, "did not advertise"),
        ({0, 1, 2, 3, 5, 6, 7}, "did not advertise"),
    ],
)
def test_a_survivor_set_no_honest_server_names_is_not_signed(house, survivors, match):
    cohort, honest = at(house, ConsistencyCheckRequest, 8, {4: 1, 6: 0})
    assert honest.survivors == {0, 1, 2, 3, 5, 7}
    refuses(cohort, house, ConsistencyCheckRequest, match, survivors=frozenset(survivors))


def test_fewer_survivors_than_the_session_promised_are_not_signed(house):
    for survivors in ({0, 1, 2}, {0, 1, 2, 3}):
        cohort, _ = at(house, ConsistencyCheckRequest, 5, threshold=3, min_survivors=5)
        refuses(cohort, house, ConsistencyCheckRequest, "at least 5", survivors=frozenset(survivors))


@pytest.mark.parametrize(("near", "fits"), [(4, True), (3, True), (2, False), (0, False)])
def test_a_client_among_too_few_surviving_neighbors_does_not_sign(house, near, fits):
    """Sparse: seven survivors in all are enough, but its own masks come off by its neighbors' help only."""
    cohort, honest = at(house, ConsistencyCheckRequest, **SPARSE)
    neighbors = sorted(cohort.graph.neighbors(0))
    strangers = sorted(honest.survivors - {0, *neighbors})
    survivors = frozenset([0, *neighbors[:near], *strangers[: 6 - near]])
    assert len(survivors) == cohort.params.min_survivors == 7
    if fits:
        request = house.bend(cohort.requests[3][0], ConsistencyCheckRequest, cohort.params, survivors=survivors)
        cohort.clients[0].receive(request)
        assert cohort.clients[0]._held.look()[0].survivors == survivors
    else:
        refuses(cohort, house, ConsistencyCheckRequest, f"{near} are neighbors, at least 3", survivors=survivors)


# Round 4: unmasking


@pytest.mark.parametrize("changes", [{"clients": 5}, {"clients": 12, "degree": 4}, {"clients": 9, "corrupt": 2}])
def test_a_survivor_set_confirmed_by_too_few_gets_no_share(house, changes):
    for missing in (0, 1, 2):
        cohort, honest = at(house, UnmaskingRequest, **changes)
        least = cohort.params.confirmations
        assert len(honest.signatures) == least
        signatures = without(honest.signatures, *sorted(honest.signatures)[:missing])
        if missing:
            refuses(cohort, house, UnmaskingRequest, f"{least - missing}, at least {least}", signatures=signatures)
        else:
            cohort.clients[0].receive(cohort.requests[4][0])


def test_the_signature_of_every_signer_is_checked(house):
    for signer in range(3):
        cohort, honest = at(house, UnmaskingRequest)
        forged = {**honest.signatures, signer: bytes(64)}
        refuses(cohort, house, UnmaskingRequest, "does not verify", signatures=forged)


def test_one_signature_does_not_count_for_two(house):
    cohort, honest = at(house, UnmaskingRequest)
    copied = dict.fromkeys(honest.signatures, honest.signatures[0])
    refuses(cohort, house, UnmaskingRequest, "does not verify", signatures=copied)


@pytest.mark.parametrize("silent_from", [{4: 2}, {4: 1}, {4: 0}])
def test_a_signature_of_someone_who_did_not_survive_does_not_count(house, silent_from):
    """A genuine one, by the identity of a dropout, on the very set: with it there would be enough."""
    cohort, honest = at(house, UnmaskingRequest, 5, silent_from)
    genuine = sign_survivors(cohort.graph, house.identity(4), frozenset(range(4)))
    refuses(cohort, house, UnmaskingRequest, "not among", signatures={**without(honest.signatures, 0), 4: genuine})


def test_another_unmasking_request_is_not_answered(house):
    """As good as the first: more signatures on the same set."""
    cohort, honest = at(house, UnmaskingRequest)
    client, others = cohort.clients[0], dict(honest.signatures)
    client.receive(cohort.requests[4][0])
    everyone = frozenset(range(4))
    others |= {index: sign_survivors(cohort.graph, house.identity(index), everyone) for index in everyone}
    with pytest.raises(FaultyServerError, match="Unmasked"):
        client.receive(UnmaskingRequest(signatures=others).encode(cohort.params))


def test_a_client_releases_exactly_one_share_of_each_client(house):
    cohort = house.cohort(9).run(4, silent_from={8: 1, 6: 2, 5: 0, 4: 3})
    response = UnmaskingResponse.decode(cohort.clients[0].receive(cohort.requests[4][0]), cohort.params)
    assert response.self_mask_shares.keys() == {1, 2, 3, 4, 7}
    assert response.mask_key_shares.keys() == {6}


def test_a_client_of_a_sparse_graph_releases_shares_of_its_neighbors_and_of_nobody_else(house):
    cohort = house.cohort(12, degree=6).run(1)
    first, second, third, *others = sorted(cohort.graph.neighbors(0))
    cohort.run(4, silent_from={first: 2, second: 1, third: 3})
    response = UnmaskingResponse.decode(cohort.clients[0].receive(cohort.requests[4][0]), cohort.params)
    assert response.self_mask_shares.keys() == {third, *others}
    assert response.mask_key_shares.keys() == {first}


def test_a_client_releases_by_the_set_it_signed(house):
    """The server has everybody's input and tells all of them that client 3 dropped out: one share each, the key's."""
    cohort, honest = at(house, ConsistencyCheckRequest, 5)
    signed = frozenset({0, 1, 2, 4})
    request = house.bend(cohort.requests[3][0], ConsistencyCheckRequest, cohort.params, survivors=signed)
    for index in signed:
        cohort.clients[index].receive(request)
    signatures = {index: sign_survivors(cohort.graph, house.identity(index), signed) for index in (0, 1, 2)}
    unmask = UnmaskingRequest(signatures=signatures).encode(cohort.params)
    response = UnmaskingResponse.decode(cohort.clients[0].receive(unmask), cohort.params)
    assert response.self_mask_shares.keys() == {1, 2, 4}
    assert response.mask_key_shares.keys() == {3}
    assert honest.survivors == {0, 1, 2, 3, 4}


# Shares and masks


@pytest.mark.parametrize("changes", [{"clients": 4, "threshold": 2}, {"clients": 12, "degree": 4}])
def test_boxes_hold_shares_of_the_committed_secrets(house, changes):
    """White box: any threshold of shares in the neighbors' hands gives back seed and mask key, one less neither."""
    cohort = house.cohort(**changes).run(1)
    threshold = cohort.params.threshold
    secrets = [(client._held.look()[0].self_mask_seed, client._held.look()[0].mask_key) for client in cohort.clients]
    cohort.run(3)
    for owner, (seed, key) in enumerate(secrets):
        neighbors = cohort.graph.neighbors(owner)
        states = [client._held.look()[0] for client in cohort.clients]
        assert {state.index for state in states if owner in state.shares} == neighbors
        for count in (threshold - 1, threshold, len(neighbors)):
            for holders in combinations(sorted(neighbors), count):
                pairs = [states[holder].shares[owner] for holder in holders]
                weights = lagrange_coefficients([holder + 1 for holder in holders])
                both = [combine([getattr(pair, name) for pair in pairs], weights) for name in ("self_mask", "mask_key")]
                expected = [int.from_bytes(secret, "big") for secret in (seed, key)]
                assert (both == expected) == (count >= threshold)
                assert (both[0] == expected[0]) == (both[1] == expected[1])


def test_the_two_secrets_are_shared_by_unrelated_polynomials(house):
    """With equal coefficients every holder would know the difference of the two secrets."""
    cohort = house.cohort().run(3)
    for owner in range(4):
        pairs = [
            client._held.look()[0].shares[owner] for client in cohort.clients if client._held.look()[0].index != owner
        ]
        assert len({(pair.self_mask - pair.mask_key) % PRIME for pair in pairs}) == 3


def test_another_graph_means_other_sharing_polynomials(house):
    """The same randomness and session, shown other advertisements: no holder could put old and new shares together."""
    shares = []
    for silent in ({}, {4: 0}):
        cohort = house.cohort(5).run(3, silent_from=silent)
        shares.append([cohort.clients[holder]._held.look()[0].shares[0] for holder in (1, 2, 3)])
    for first, second in zip(*shares, strict=True):
        assert first.self_mask != second.self_mask
        assert first.mask_key != second.mask_key


def test_a_masked_input_says_nothing_by_itself(house):
    """The same randomness under two vectors: uploads differ by exactly the vectors' difference, and look uniform."""
    params = house.params(modulus_bits=8, max_abs_input=31, length=65536)
    uploads = []
    for vector in (np.zeros(65536, np.int64), np.full(65536, 31, np.int64)):
        cohort = type(house.cohort())(params)
        cohort.clients[1] = house.client(params, 1, vectors=lambda vector=vector: {"update": vector})
        cohort.run(3)
        uploads += MaskedInputResponse.decode(cohort.responses[2][1], params).packed
    first, second = (np.frombuffer(upload, np.uint8) for upload in uploads)
    assert np.all(second - first == 31)
    counts = np.bincount(first, minlength=256)
    assert 180 < ((counts - 256) ** 2 / 256).sum() < 340
