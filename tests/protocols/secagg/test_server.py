from dataclasses import replace

import numpy as np
import pytest

from protocols import FaultyClientError, LocalProtocolError, SessionAborted
from protocols.secagg.messages import (
    AdvertiseKeysResponse,
    ConsistencyCheckResponse,
    MaskedInputResponse,
    ShareKeysResponse,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise

MESSAGES = [
    AdvertiseKeysResponse,
    ShareKeysResponse,
    MaskedInputResponse,
    ConsistencyCheckResponse,
    UnmaskingResponse,
]


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
    survivors = [0, 1, 2, 3, 4] if number > 2 else [0, 2, 3, 4]
    assert list(cohort.server.survivors) == survivors
    assert cohort.server.aggregate().tolist() == cohort.sum_of(survivors).tolist()


@pytest.mark.parametrize("number", range(5))
def test_a_duplicate_is_refused_and_the_first_response_stays(house, number):
    cohort, honest = open_round(house, number)
    cohort.server.receive(1, honest)
    faulty(cohort, honest, "already")
    cohort.responses.append({})
    cohort.requests.append(cohort.server.close_round())
    cohort.run()
    assert cohort.server.aggregate().tolist() == cohort.sum_of(range(5)).tolist()


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
    faulty(cohort, forged.encode(), "signature")
    finish(cohort, 0)
    assert cohort.server.survivors == (0, 2, 3, 4)


@pytest.mark.parametrize("name", ["seal_key", "mask_key"])
def test_the_server_does_not_pass_on_keys_of_small_order(house, name):
    cohort, honest = open_round(house, 0)
    advertisement = AdvertiseKeysResponse.decode(honest, cohort.params).advertisement
    keys = {key: getattr(advertisement, key) for key in ("seal_key", "mask_key", "commitment")}
    weak = advertise(cohort.params, 1, house.identity(1), **{**keys, name: b"\1" + bytes(31)})
    faulty(cohort, AdvertiseKeysResponse(advertisement=weak).encode(), "small order")
    finish(cohort, 0)
    assert cohort.server.survivors == (0, 2, 3, 4)


@pytest.mark.parametrize("recipients", [{0, 2, 3}, {0, 1, 2, 3, 4}, {1, 2, 3, 4}, set()])
def test_boxes_for_other_recipients_are_refused(house, recipients):
    cohort, honest = open_round(house, 1)
    boxes = ShareKeysResponse.decode(honest, cohort.params).boxes
    bent = {index: boxes.get(index, boxes[0]) for index in recipients}
    faulty(cohort, ShareKeysResponse(boxes=bent).encode(), "boxes")


def test_a_signature_on_another_survivor_set_is_refused(house):
    cohort, _ = open_round(house, 3)
    other = house.cohort(5).run(4, silent_from={4: 2})
    faulty(cohort, other.responses[3][1], "signature")


def test_shares_of_the_wrong_clients_are_refused(house):
    cohort = house.cohort(5, threshold=3).run(4, silent_from={4: 2})
    honest = UnmaskingResponse.decode(cohort.clients[1].receive(cohort.requests[4][1]), cohort.params)
    for self_masks, mask_keys in (
        ({0, 1, 2}, {4}),
        ({0, 1, 2, 3}, set()),
        ({0, 1, 2, 3}, {3, 4}),
        ({0, 1, 2, 4}, {3}),
    ):
        bent = UnmaskingResponse(
            self_mask_shares=dict.fromkeys(self_masks, honest.self_mask_shares[0]),
            mask_key_shares=dict.fromkeys(mask_keys, honest.mask_key_shares[4]),
        )
        faulty(cohort, bent.encode(), "shares")


def test_an_index_outside_the_roster_is_the_callers_mistake(house):
    cohort, honest = open_round(house, 0)
    for index in (-1, 5):
        with pytest.raises(LocalProtocolError):
            cohort.server.receive(index, honest)


def test_results_exist_only_when_they_are_final(house):
    cohort = house.cohort()
    for number in range(5):
        with pytest.raises(LocalProtocolError, match="aggregate"):
            cohort.server.aggregate()
        if number < 3:
            with pytest.raises(LocalProtocolError, match="survivors"):
                _ = cohort.server.survivors
        else:
            assert cohort.server.survivors == (0, 1, 2, 3)
        cohort.run(number + 1)
    assert cohort.requests[5] == {}
    first = cohort.server.aggregate()
    first[:] = 0
    assert cohort.server.aggregate().tolist() == cohort.sum_of(range(4)).tolist()


def test_an_aborted_session_yields_nothing_ever(house):
    cohort = house.cohort().run(4)
    with pytest.raises(SessionAborted):
        cohort.server.close_round()
    for attempt in (cohort.server.close_round, cohort.server.aggregate, cohort.server.start):
        with pytest.raises(LocalProtocolError):
            attempt()


def test_the_server_keeps_one_vector_whatever_the_number_of_clients(house):
    """Everything the server holds once all inputs are in, by size: one accumulator, nothing else of that order."""
    cohort = house.cohort(8, vector_length=50_000, max_abs_input=15)
    cohort.run(2)
    for index, request in cohort.requests[2].items():
        cohort.server.receive(index, cohort.clients[index].receive(request))
        state = cohort.server._state
        assert state.accumulator.nbytes == 200_000
        kept = [getattr(state, name) for name in type(state).__slots__ if name != "accumulator"]
        assert not [item for item in kept if isinstance(item, np.ndarray)]
        assert sum(len(repr(item)) for item in kept) < 20_000
