from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from protocols import AbortReason, FaultyClientError, LocalProtocolError, SessionAborted
from protocols.secagg import server as server_module
from protocols.secagg.messages import (
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise
from protocols.wire import HEADER_SIZE


def open_round(house, number, clients=5, **changes):
    """A cohort in which every client but client 1 has answered round `number`; and the honest answer of client 1."""
    cohort = house.cohort(clients, **changes).run(number)
    answers = {index: cohort.clients[index].receive(request) for index, request in cohort.requests[number].items()}
    honest = answers.pop(1)
    for index, answer in answers.items():
        cohort.server.receive(index, answer)
    return cohort, honest


def faulty(cohort, data, match=None, index=1):
    with pytest.raises(FaultyClientError, match=match) as caught:
        cohort.server.receive(index, data)
    assert caught.value.index == index


def finish(cohort, number):
    """Closes round `number` and plays on without client 1."""
    cohort.responses.append({})
    cohort.requests.append(cohort.server.close_round())
    cohort.run(silent_from={1: number})


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("bend", ["empty", "truncated", "extended", "other round"])
def test_a_bad_response_is_named_and_its_client_is_a_dropout(house, number, bend):
    cohort, honest = open_round(house, number)
    bad = {
        "empty": b"",
        "truncated": honest[:-1],
        "extended": honest + b"\0",
        "other round": bytes([honest[0] % 10 + 2]) + honest[1:],
    }[bend]
    faulty(cohort, bad)
    finish(cohort, number)
    cohort.check_aggregate([0, 1, 2, 3, 4] if number > 2 else [0, 2, 3, 4])


@pytest.mark.parametrize("number", range(5))
def test_the_same_response_again_is_taken_again_and_changes_nothing(house, number):
    """SRV-2: in its round and in every later one, however often; a lost acknowledgement costs nobody anything."""
    cohort, honest = open_round(house, number)
    for _ in range(3):
        cohort.server.receive(1, honest)
    cohort.responses.append({})
    cohort.requests.append(cohort.server.close_round())
    for later in range(number, 5):
        cohort.server.receive(1, honest)
        cohort.run(later + 1)
    cohort.server.receive(1, honest)
    cohort.check_aggregate(range(5))


@pytest.mark.parametrize("number", range(5))
def test_another_response_is_refused_and_the_first_one_stays(house, number):
    """As good as the first, from the same client in the same round: one bit of a share, a signature or a vector."""
    cohort, honest = open_round(house, number)
    cohort.server.receive(1, honest)
    place = 50 if number == 4 else len(honest) - 1
    faulty(cohort, honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :], "already")
    cohort.responses.append({})
    cohort.requests.append(cohort.server.close_round())
    cohort.run().check_aggregate(range(5))


def test_what_one_client_sent_is_not_taken_again_from_another(house):
    cohort, honest = open_round(house, 1)
    cohort.server.receive(1, honest)
    faulty(cohort, honest, "already|boxes", index=2)


def test_whatever_breaks_in_the_middle_of_an_addition_ends_the_session(house, monkeypatch):
    """A vector that was added in part must not be added again."""
    cohort, honest = open_round(house, 2)

    def fails(*_):
        raise MemoryError("vector")

    with monkeypatch.context() as patch:
        patch.setattr(server_module, "unpack", fails)
        with pytest.raises(MemoryError):
            cohort.server.receive(1, honest)
    with pytest.raises(LocalProtocolError, match="Aborted"):
        cohort.server.receive(1, honest)


@pytest.mark.parametrize("number", range(5))
def test_a_late_response_is_refused(house, number):
    cohort, honest = open_round(house, number)
    cohort.requests.append(cohort.server.close_round())
    cohort.responses.append({})
    faulty(cohort, honest, "in state")
    cohort.run(silent_from={1: number})
    faulty(cohort, honest, "Completed")
    assert (1 in cohort.server.survivors) == (number > 2)


@pytest.mark.parametrize("number", range(1, 5))
def test_a_dropout_does_not_come_back(house, number):
    cohort, _ = open_round(house, number - 1)
    cohort.requests.append(cohort.server.close_round())
    donor = house.cohort(5).run(number + 1)
    faulty(cohort, donor.responses[number][1], "not asked")


def test_the_server_refuses_forged_advertisements(house):
    cohort, honest = open_round(house, 0)
    advertisement = AdvertiseKeysResponse.decode(honest, cohort.params).advertisement
    forged = AdvertiseKeysResponse(advertisement=replace(advertisement, commitment=bytes(32)))
    faulty(cohort, forged.encode(cohort.params), "signature")
    finish(cohort, 0)
    assert cohort.server.survivors == (0, 2, 3, 4)


@pytest.mark.parametrize("name", ["seal_key", "mask_key"])
@pytest.mark.parametrize(
    ("key", "problem"),
    [(b"\1" + bytes(31), "small order"), (b"\x09" + bytes(30) + b"\x80", "below"), (b"\xf6" + b"\xff" * 31, "below")],
)
def test_the_server_does_not_pass_on_keys_that_nobody_can_use(house, name, key, problem):
    """Of small order; with bit 255 set, which RFC 7748 would have ignored; beyond the prime."""
    cohort, honest = open_round(house, 0)
    advertisement = AdvertiseKeysResponse.decode(honest, cohort.params).advertisement
    keys = {key: getattr(advertisement, key) for key in ("seal_key", "mask_key", "commitment")}
    weak = advertise(cohort.params, 1, house.identity(1), **{**keys, name: key})
    faulty(cohort, AdvertiseKeysResponse(advertisement=weak).encode(cohort.params), problem)
    finish(cohort, 0)
    assert cohort.server.survivors == (0, 2, 3, 4)


@pytest.mark.parametrize("recipients", [{0, 2, 3}, {0, 1, 2, 3, 4}, {1, 2, 3, 4}, set()])
def test_boxes_for_other_recipients_are_refused(house, recipients):
    cohort, honest = open_round(house, 1)
    boxes = ShareKeysResponse.decode(honest, cohort.params).boxes
    bent = {index: boxes.get(index, boxes[0]) for index in recipients}
    faulty(cohort, ShareKeysResponse(boxes=bent).encode(cohort.params), "boxes")


def test_boxes_for_strangers_are_refused_and_so_are_missing_ones(house):
    """In a sparse graph a client has boxes for its neighbors, for nobody else."""
    cohort, honest = open_round(house, 1, 12, degree=4)
    boxes = ShareKeysResponse.decode(honest, cohort.params).boxes
    assert len(boxes) == 4
    neighbor, stranger = min(boxes), min(set(range(12)) - boxes.keys() - {1})
    without = {index: box for index, box in boxes.items() if index != neighbor}
    for bent in (without, boxes | {stranger: boxes[neighbor]}, without | {stranger: boxes[neighbor]}):
        faulty(cohort, ShareKeysResponse(boxes=bent).encode(cohort.params), "boxes")
    cohort.server.receive(1, honest)


def test_whose_box_did_not_open_was_given_one(house):
    """In a sparse graph a client has boxes of its neighbors, and can have opened nobody else's."""
    cohort, honest = open_round(house, 2, 12, degree=4)
    given = MaskedInputRequest.decode(cohort.requests[2][1], cohort.params).boxes.keys()
    stranger = min(set(range(12)) - given - {1})
    bent = replace(MaskedInputResponse.decode(honest, cohort.params), unopened=frozenset({stranger}))
    faulty(cohort, bent.encode(cohort.params), "a client whose box it was not given")


def test_a_signature_on_another_survivor_set_is_refused(house):
    cohort, _ = open_round(house, 3)
    other = house.cohort(5).run(4, silent_from={4: 2})
    faulty(cohort, other.responses[3][1], "signature")


def shares_of(cohort, index=1):
    return UnmaskingResponse.decode(cohort.clients[index].receive(cohort.requests[4][index]), cohort.params)


@pytest.mark.parametrize(
    ("self_masks", "mask_keys"),
    [
        ({0, 2}, {4}),
        ({0, 2, 3}, set()),
        ({0, 2, 3}, {3, 4}),
        ({0, 2, 3, 4}, {4}),
        ({0, 2, 4}, {3}),
        ({0, 1, 2, 3}, {4}),
        ({0, 2, 3}, {1, 4}),
        (set(), set()),
    ],
)
def test_shares_of_the_wrong_clients_are_refused(house, self_masks, mask_keys):
    cohort = house.cohort(5).run(4, silent_from={4: 2})
    honest = shares_of(cohort)
    assert (honest.self_mask_shares.keys(), honest.mask_key_shares.keys()) == ({0, 2, 3}, {4})
    bent = UnmaskingResponse(
        self_mask_shares=dict.fromkeys(self_masks, honest.self_mask_shares[0]),
        mask_key_shares=dict.fromkeys(mask_keys, honest.mask_key_shares[4]),
    )
    faulty(cohort, bent.encode(cohort.params), "shares")
    cohort.server.receive(1, honest.encode(cohort.params))


def test_shares_are_taken_for_neighbors_that_shared_and_nobody_else(house):
    """Sparse: not for strangers. And not for a neighbor that never shared, for whom there is nothing to release."""
    cohort = house.cohort(12, degree=6).run(1)
    first, second, *_ = sorted(cohort.graph.neighbors(1))
    stranger = min(set(cohort.graph.order) - cohort.graph.neighbors(1) - {1})
    cohort.run(4, silent_from={first: 1, second: 2})
    honest = shares_of(cohort)
    assert honest.self_mask_shares.keys() == cohort.graph.neighbors(1) - {first, second}
    assert honest.mask_key_shares.keys() == {second}
    for changes in (
        {"self_mask_shares": {**honest.self_mask_shares, stranger: 5}},
        {"mask_key_shares": {**honest.mask_key_shares, first: 5}},
        {"mask_key_shares": {**honest.mask_key_shares, stranger: 5}},
    ):
        faulty(cohort, replace(honest, **changes).encode(cohort.params), "shares")
    cohort.server.receive(1, honest.encode(cohort.params))


# Sessions


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("change", ["session", "model_digest"])
def test_a_response_of_another_session_never_enters_this_one(house, number, change):
    """The same clients in the same places and the same round of two sessions: what is late in one is void in both."""
    value = {"session": 8, "model_digest": house.digest("another")}[change]
    late = house.cohort(5, **{change: value})
    late.clients = [house.client(late.params, index, model_digest=late.params.model_digest) for index in range(5)]
    late.run()
    cohort, honest = open_round(house, number)
    assert len(late.responses[number][1]) == len(honest)
    faulty(cohort, late.responses[number][1], "another session")
    cohort.server.receive(1, honest)
    cohort.responses.append({})
    cohort.requests.append(cohort.server.close_round())
    cohort.run().check_aggregate(range(5))


def test_a_masked_input_that_is_late_cannot_enter_the_next_sum(house):
    """All sizes agree, and nothing else than the session id in its header tells it from the right one."""
    late, cohort = house.cohort(5).run(3), house.cohort(5, session=8).run(2)
    stray, honest = late.responses[2][1], cohort.clients[1].receive(cohort.requests[2][1])
    faulty(cohort, stray, "another session")
    renamed = stray[:2] + cohort.params.session_id + stray[HEADER_SIZE:]
    faulty(cohort, renamed, "signature")
    opening = MaskedInputResponse.opening_size(honest)
    cohort.server.receive(1, honest[:opening] + stray[opening:])  # a client may lie about its own vector
    faulty(cohort, honest, "already")


# Requests


def test_requests_are_encoded_when_they_are_read_and_the_common_ones_once(house, monkeypatch):
    """SRV-1: what the server keeps for all requests of a round does not grow with their number times their size."""
    encoded = []
    for message in (ShareKeysRequest, MaskedInputRequest, ConsistencyCheckRequest, UnmaskingRequest):

        def encode(self, params, message=message):
            encoded.append(message)
            return super(message, self).encode(params)

        monkeypatch.setattr(message, "encode", encode)
    cohort = house.cohort(8, degree=4)
    for message, each in (
        (ShareKeysRequest, True),
        (MaskedInputRequest, True),
        (ConsistencyCheckRequest, False),
        (UnmaskingRequest, False),
    ):
        for index, answer in cohort.answers(cohort.requests[-1]).items():
            cohort.server.receive(index, answer)
        requests = cohort.server.close_round()
        assert isinstance(requests, Mapping)
        assert encoded == ([] if each else [message])
        assert list(requests) == [*range(8)]
        assert len(requests) == 8
        cohort.requests.append(dict(requests))
        assert encoded == [message] * (8 if each else 1)
        encoded.clear()
        assert len({*cohort.requests[-1].values()}) == (8 if each else 1)
        for stranger in (-1, 8):
            with pytest.raises(KeyError):
                requests[stranger]


def test_only_those_are_asked_that_are_still_there(house):
    cohort = house.cohort(12).run(silent_from={0: 0, 1: 1, 2: 2, 3: 3, 4: 4})
    starts = (0, 1, 2, 3, 4)
    assert [sorted(requests) for requests in cohort.requests] == [[*range(start, 12)] for start in starts] + [[]]
    cohort.check_aggregate(range(3, 12))


def test_as_many_signatures_are_passed_on_as_confirm_the_set(house):
    cohort = house.cohort(9, corrupt=1).run(4)
    (request,) = {*cohort.requests[4].values()}
    signatures = UnmaskingRequest.decode(request, cohort.params).signatures
    assert len(signatures) == cohort.params.confirmations == 6
    assert len(cohort.requests[4]) == 9


def test_a_sparse_request_shows_neighbors_in_full_and_digests_of_everyone_else(house):
    cohort = house.cohort(12, degree=4).run(1, silent_from={7: 0})
    graph = cohort.graph
    everyone = set(range(12)) - {7}
    for index, request in cohort.requests[1].items():
        seen = ShareKeysRequest.decode(request, cohort.params)
        assert seen.advertisements.keys() == graph.neighbors(index) | {index}
        assert seen.digests.keys() == everyone - seen.advertisements.keys()
        for other, digest in seen.digests.items():
            sent = AdvertiseKeysResponse.decode(cohort.responses[0][other], cohort.params)
            assert digest == sent.advertisement.digest


def test_an_index_outside_the_roster_is_the_callers_mistake(house):
    cohort, honest = open_round(house, 0)
    for index in (-1, 5):
        with pytest.raises(LocalProtocolError):
            cohort.server.receive(index, honest)


def test_results_exist_only_when_they_are_final(house):
    cohort = house.cohort()
    for number in range(5):
        for read in (cohort.server.aggregate, lambda: cohort.server.wrong_shares):
            with pytest.raises(LocalProtocolError, match="aggregate"):
                read()
        if number < 3:
            with pytest.raises(LocalProtocolError, match="survivors"):
                _ = cohort.server.survivors
        else:
            assert cohort.server.survivors == (0, 1, 2, 3)
        cohort.run(number + 1)
    assert cohort.requests[5] == {}
    assert cohort.server.wrong_shares == {}
    first = cohort.server.aggregate()
    first["update"][:] = 0
    first.clear()
    cohort.check_aggregate(range(4))


@pytest.mark.parametrize("number", range(5))
def test_a_round_that_closes_with_too_few_aborts_for_good_and_says_why(house, number):
    cohort = house.cohort(5).run(number)
    with pytest.raises(SessionAborted) as caught:
        cohort.server.close_round()
    assert caught.value.reason is list(AbortReason)[number]
    for attempt in (cohort.server.close_round, cohort.server.aggregate, cohort.server.start):
        with pytest.raises(LocalProtocolError):
            attempt()


def test_the_server_keeps_one_accumulator_whatever_the_number_of_clients(house):
    """Everything the server holds once all inputs are in, by size: one accumulator, nothing else of that order."""
    vectors = (house.spec(length=50_000), house.spec(name="head", length=10_000, modulus_bits=11))
    cohort = house.cohort(8, vectors=vectors)
    cohort.run(2)
    for index, request in cohort.requests[2].items():
        cohort.server.receive(index, cohort.clients[index].receive(request))
        state = cohort.server._held.look()
        assert [total.nbytes for total in state.accumulator] == [200_000, 20_000]
        kept = [getattr(state, name) for name in type(state).__slots__ if name != "accumulator"]
        assert not [item for item in kept if isinstance(item, np.ndarray)]
        assert sum(len(repr(item)) for item in kept) < 20_000
