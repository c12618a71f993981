"""A client's own contract, and each check of each round against one bent request."""

from dataclasses import replace

import numpy as np
import pytest

from protocols import CLIENT_RANDOM_BYTES, Client, FaultyServerError, LocalProtocolError, ParametersError
from protocols.codec import Domain
from protocols.primitives import aead
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import combine, lagrange_coefficients, secret_bytes
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.statements import advertise
from protocols.secagg.states import Aborted

ROUND = {ShareKeysRequest: 1, MaskedInputRequest: 2, ConsistencyCheckRequest: 3, UnmaskingRequest: 4}


def refuses(cohort, house, message, match, index=0, **changes):
    """Bends client `index`'s next request; the client must raise, emit nothing and be finished."""
    client, honest = cohort.clients[index], cohort.requests[-1][index]
    with pytest.raises(FaultyServerError, match=match):
        client.receive(house.bend(honest, message, cohort.params, **changes))
    assert client._state == Aborted()
    with pytest.raises(LocalProtocolError):
        client.receive(honest)


def at(house, message, clients=4, **changes):
    """A cohort whose next requests are of type `message`, and client 0's honest one."""
    cohort = house.cohort(clients, **changes).run(ROUND[message])
    return cohort, message.decode(cohort.requests[-1][0], cohort.params)


def without(table, index):
    return {key: value for key, value in table.items() if key != index}


def test_the_constructor_checks_what_it_is_given(house):
    params = house.params()
    arguments = {
        "identity": house.identity(0),
        "policy": house.policy(),
        "vector": house.vector(params, 0),
        "random": bytes(CLIENT_RANDOM_BYTES),
    }
    Client(**arguments)
    for wrong in (
        {"vector": np.zeros(6, np.int32)},
        {"vector": np.zeros(6)},
        {"vector": np.zeros((2, 3), np.int64)},
        {"random": bytes(CLIENT_RANDOM_BYTES - 1)},
        {"random": b""},
    ):
        with pytest.raises(LocalProtocolError, match=next(iter(wrong))):
            Client(**(arguments | wrong))
    with pytest.raises(ParametersError, match="roster"):
        Client(**(arguments | {"identity": house.identity(9)}))


def test_the_client_keeps_its_own_copy_of_the_vector(house):
    cohort = house.cohort()
    vector = house.vector(cohort.params, 0)
    cohort.clients[0] = house.client(cohort.params, 0, vector=vector)
    vector[:] = 0
    cohort.run()
    assert cohort.server.aggregate().tolist() == cohort.sum_of(range(4)).tolist()


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
            vector=house.vector(cohort.params, 0),
            random=bytes(random),
        )
        cohort.run(3)
        sent.append([responses[0] for responses in cohort.responses])
        assert not any(bytes(random[i : i + 8]) in data for data in sent[-1] for i in range(0, CLIENT_RANDOM_BYTES, 8))
    advertisements, boxes, masked_inputs = (set(messages) for messages in zip(*sent, strict=True))
    assert len(advertisements) == 4  # all but the sharing seed
    assert len(boxes) == 5
    assert len(masked_inputs) == 3  # mask key and self-mask seed only


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
    request[20] = 2  # the threshold's last byte: two of four
    with pytest.raises(FaultyServerError, match="too low"):
        house.client(params, 0).receive(bytes(request))


# Round 1: advertisements


def test_the_signature_of_every_advertisement_is_checked(house):
    cohort, honest = at(house, ShareKeysRequest)
    other = replace(honest.advertisements[2], mask_key=honest.advertisements[1].mask_key)
    changes = {"advertisements": {**honest.advertisements, 2: other}}
    refuses(cohort, house, ShareKeysRequest, "signature", **changes)


def test_the_clients_own_advertisement_must_come_back_unchanged(house):
    cohort, honest = at(house, ShareKeysRequest)
    theirs = {**honest.advertisements, 0: honest.advertisements[1]}
    refuses(cohort, house, ShareKeysRequest, "altered", advertisements=theirs)


def test_the_clients_own_advertisement_must_come_back(house):
    cohort, honest = at(house, ShareKeysRequest)
    refuses(cohort, house, ShareKeysRequest, "own", advertisements=without(honest.advertisements, 0))


def test_too_few_advertisements_are_refused(house):
    cohort, honest = at(house, ShareKeysRequest, threshold=3)
    few = {index: honest.advertisements[index] for index in (0, 1)}
    refuses(cohort, house, ShareKeysRequest, "at least 3", advertisements=few)


def test_fewer_advertisements_than_survivors_may_be_are_refused(house):
    cohort, honest = at(house, ShareKeysRequest, threshold=3, min_survivors=4)
    refuses(cohort, house, ShareKeysRequest, "at least 4", advertisements=without(honest.advertisements, 3))


@pytest.mark.parametrize(("name", "number"), [("seal_key", 1), ("mask_key", 2)])
def test_a_signed_key_of_small_order_is_refused_before_anything_is_masked(house, name, number):
    """A corrupt client signs a key of small order, and a corrupt server passes it on."""
    cohort, honest = at(house, ShareKeysRequest)
    keys = {key: getattr(honest.advertisements[2], key) for key in ("seal_key", "mask_key", "commitment")}
    weak = advertise(cohort.params, 2, house.identity(2), **{**keys, name: bytes(32)})
    changes = {"advertisements": {**honest.advertisements, 2: weak}}
    if number == 1:
        refuses(cohort, house, ShareKeysRequest, "small order", **changes)
        return
    cohort.requests[-1][0] = house.bend(cohort.requests[-1][0], ShareKeysRequest, cohort.params, **changes)
    cohort.run(2)
    refuses(cohort, house, MaskedInputRequest, "small order")


# Round 2: boxes


def test_a_box_that_does_not_open_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    box = bytes([honest.boxes[2][0] ^ 1]) + honest.boxes[2][1:]
    refuses(cohort, house, MaskedInputRequest, "does not open", boxes={**honest.boxes, 2: box})


def test_swapped_boxes_are_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    swapped = {**honest.boxes, 1: honest.boxes[2], 2: honest.boxes[1]}
    refuses(cohort, house, MaskedInputRequest, "does not open", boxes=swapped)


def test_a_box_for_another_recipient_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    theirs = MaskedInputRequest.decode(cohort.requests[2][1], cohort.params).boxes[2]
    refuses(cohort, house, MaskedInputRequest, "does not open", boxes={**honest.boxes, 2: theirs})


def test_a_box_the_client_sealed_itself_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    own = MaskedInputRequest.decode(cohort.requests[2][2], cohort.params).boxes[0]
    refuses(cohort, house, MaskedInputRequest, "does not open", boxes={**honest.boxes, 2: own})


def test_a_box_from_a_client_without_keys_is_refused(house):
    cohort = house.cohort(5).run(2, silent_from={4: 0})
    honest = MaskedInputRequest.decode(cohort.requests[2][0], cohort.params)
    refuses(cohort, house, MaskedInputRequest, "not among", boxes={**honest.boxes, 4: honest.boxes[1]})


def test_a_box_from_the_client_itself_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    refuses(cohort, house, MaskedInputRequest, "not among", boxes={**honest.boxes, 0: honest.boxes[1]})


def test_too_few_boxes_are_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    refuses(cohort, house, MaskedInputRequest, "at least 3", boxes={1: honest.boxes[1]})


def test_a_box_with_a_share_beyond_the_field_is_refused(house):
    cohort, honest = at(house, MaskedInputRequest)
    receiver = cohort.clients[0]._state
    context = Domain.BOX.bind(cohort.params.session_id, 2, 0)
    key = receiver.seal_keys.agree(receiver.peers[2].seal_key, context)
    refuses(
        cohort,
        house,
        MaskedInputRequest,
        "share",
        boxes={**honest.boxes, 2: aead.seal(key, b"\xff" * 66, context)},
    )


# Round 3: survivors


@pytest.mark.parametrize(
    ("survivors", "match"),
    [
        ({1, 2, 3}, "left out"),
        ({0, 1}, "at least 3"),
        ({0}, "at least 3"),
        ({0, 1, 2, 4}, "no box"),
    ],
)
def test_a_survivor_set_no_honest_server_names_is_not_signed(house, survivors, match):
    cohort = house.cohort(5).run(3, silent_from={4: 1})
    refuses(cohort, house, ConsistencyCheckRequest, match, survivors=frozenset(survivors))


def test_fewer_survivors_than_the_session_promised_are_not_signed(house):
    cohort, _ = at(house, ConsistencyCheckRequest, 5, threshold=3, min_survivors=4)
    refuses(cohort, house, ConsistencyCheckRequest, "at least 4", survivors=frozenset({0, 1, 2}))


# Round 4: unmasking


def test_overlapping_survivors_and_dropouts_get_no_share(house):
    cohort, honest = at(house, UnmaskingRequest)
    for dropouts in ({3}, {0}, {0, 1, 2, 3}):
        cohort, honest = at(house, UnmaskingRequest)
        overlap = honest.dropouts | dropouts
        refuses(cohort, house, UnmaskingRequest, "both its shares", dropouts=overlap)


def test_survivors_other_than_those_signed_get_no_share(house):
    cohort, honest = at(house, UnmaskingRequest)
    moved = {"survivors": honest.survivors - {3}, "dropouts": honest.dropouts | {3}}
    refuses(cohort, house, UnmaskingRequest, "not those", **moved)


def test_a_client_that_is_neither_survivor_nor_dropout_stops_the_reveal(house):
    cohort = house.cohort(5).run(4, silent_from={4: 2})
    refuses(cohort, house, UnmaskingRequest, "whose shares", dropouts=frozenset())
    cohort = house.cohort(5).run(4, silent_from={4: 1})
    refuses(cohort, house, UnmaskingRequest, "whose shares", dropouts=frozenset({4}))


def test_a_survivor_set_confirmed_by_too_few_gets_no_share(house):
    cohort, honest = at(house, UnmaskingRequest)
    few = {index: honest.signatures[index] for index in (0, 1)}
    refuses(cohort, house, UnmaskingRequest, "signatures of 3", signatures=few)


def test_the_signature_of_every_survivor_is_checked(house):
    cohort, honest = at(house, UnmaskingRequest)
    forged = {**honest.signatures, 1: bytes(64)}
    refuses(cohort, house, UnmaskingRequest, "does not verify", signatures=forged)


def test_one_signature_does_not_count_for_two(house):
    cohort, honest = at(house, UnmaskingRequest)
    copied = dict.fromkeys(honest.signatures, honest.signatures[0])
    refuses(cohort, house, UnmaskingRequest, "does not verify", signatures=copied)


def test_a_signature_of_a_dropout_does_not_count(house):
    cohort = house.cohort(5).run(4, silent_from={4: 2})
    honest = UnmaskingRequest.decode(cohort.requests[4][0], cohort.params)
    signatures = {**honest.signatures, 4: honest.signatures[0]}
    refuses(cohort, house, UnmaskingRequest, "nobody else", signatures=signatures)


def test_the_same_unmasking_request_is_answered_once(house):
    cohort, _ = at(house, UnmaskingRequest)
    client, request = cohort.clients[0], cohort.requests[4][0]
    client.receive(request)
    with pytest.raises(FaultyServerError, match="Unmasked"):
        client.receive(request)


def test_a_client_releases_exactly_one_share_of_each_client(house):
    cohort = house.cohort(7, threshold=4).run(silent_from={6: 2, 5: 1, 4: 3})
    response = UnmaskingResponse.decode(cohort.responses[4][0], cohort.params)
    assert response.self_mask_shares.keys() == {0, 1, 2, 3, 4}
    assert response.mask_key_shares.keys() == {6}


def test_boxes_hold_shares_of_the_committed_secrets(house):
    """White box: the shares in the clients' hands give back the self-mask seed and the mask key of each."""
    cohort = house.cohort(threshold=3).run(1)
    secrets = [(client._state.self_mask_seed, client._state.mask_key) for client in cohort.clients]
    cohort.run(3)
    holders = [cohort.clients[index]._state.shares for index in (0, 2, 3)]
    weights = lagrange_coefficients([1, 3, 4])
    for owner, (seed, key) in enumerate(secrets):
        assert secret_bytes(combine([shares[owner].self_mask for shares in holders], weights)) == seed
        assert secret_bytes(combine([shares[owner].mask_key for shares in holders], weights)) == key


def test_the_two_secrets_are_shared_by_unrelated_polynomials(house):
    """With equal coefficients every holder would know the difference of the two secrets."""
    cohort = house.cohort().run(3)
    for owner in range(4):
        pairs = [client._state.shares[owner] for client in cohort.clients]
        assert len({(pair.self_mask - pair.mask_key) % PRIME for pair in pairs}) == 4


def test_a_masked_input_says_nothing_by_itself(house):
    """The same randomness under two vectors: uploads differ by exactly the vectors' difference, and look uniform."""
    params = house.params(modulus_bits=8, max_abs_input=31, vector_length=65536)
    uploads = []
    for vector in (np.zeros(65536, np.int64), np.full(65536, 31, np.int64)):
        cohort = type(house.cohort())(params)
        cohort.clients[1] = house.client(params, 1, vector=vector)
        cohort.run(3)
        uploads.append(MaskedInputResponse.decode(cohort.responses[2][1], params).packed)
    first, second = (np.frombuffer(upload, np.uint8) for upload in uploads)
    assert np.all(second - first == 31)
    counts = np.bincount(first, minlength=256)
    assert 180 < ((counts - 256) ** 2 / 256).sum() < 340
