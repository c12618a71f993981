"""What a client refuses: windows before it speaks, and requests to a member that no honest server sends."""

from dataclasses import replace
from itertools import product

import pytest

from protocols import FaultyServerError, LocalProtocolError, ParametersError, PolicyRule, PolicyViolationError
from protocols.primitives.field import PRIME
from protocols.primitives.key_agreement import KeyPair
from protocols.speakonce import client as client_module
from protocols.speakonce import states
from protocols.speakonce.client import Client
from protocols.speakonce.messages import (
    ConsistencyCheckRequest,
    OpenBoxesRequest,
    OpenBoxesResponse,
    SpeakRequest,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.speakonce.params import Prekeys
from protocols.speakonce.policy import WindowPolicy
from protocols.speakonce.statements import sign_prekeys
from threat_models.adversaries.parties import SERVER_KEY, SESSION

# Before it speaks


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"frozen_digest": bytes(32)}, PolicyRule.FROZEN),
        ({"beacon": bytes(32)}, PolicyRule.BEACON),
        ({"latest_end": 999}, PolicyRule.WINDOW),
        ({"security_bits": 80, "min_corrupt": 0}, None),
        ({"last_session": SESSION}, PolicyRule.SESSION),
        ({"server_key": bytes(32)}, PolicyRule.SERVER),
        ({"model_digest": bytes(32)}, PolicyRule.MODEL),
        ({"min_cohort": 5}, PolicyRule.MIN_COHORT),
    ],
)
def test_a_window_that_breaks_a_line_of_the_policy_is_refused(village, changes, rule):
    cohort = village.cohort()
    if rule is None:
        cohort.answer(0, 0, cohort.requests[0][0], **changes)
        return
    with pytest.raises(PolicyViolationError) as caught:
        cohort.answer(0, 0, cohort.requests[0][0], **changes)
    assert caught.value.rule is rule
    with pytest.raises(LocalProtocolError):
        cohort.answer(0, 0, cohort.requests[0][0])


@pytest.mark.parametrize(("quorum", "floor", "corrupt"), [(3, 1, 2), (3, 1, 4)])
def test_ring_and_committee_are_judged_for_as_many_corrupt_clients_as_are_assumed(village, quorum, floor, corrupt):
    """Two of four members may be corrupt, or two windows hold one corrupt client each: too likely."""
    cohort = village.cohort(12, members=4, degree=4, quorum=quorum, floor=floor, corrupt=corrupt)
    with pytest.raises(PolicyViolationError, match="can fail with probability") as caught:
        cohort.answer(0, 0, cohort.requests[0][0], security_bits=80)
    assert caught.value.rule is PolicyRule.COMMITTEE


def test_a_policy_has_digests_of_32_bytes(village):
    params = village.params()
    for name in ("frozen_digest", "beacon"):
        with pytest.raises(ParametersError):
            village.policy(params, **{name: b"short"})
    assert isinstance(village.policy(params), WindowPolicy)


def test_who_is_not_on_the_roster_does_not_speak(village):
    params = village.params(4)
    client = village.client(9)
    with pytest.raises(PolicyViolationError, match="not on the roster"):
        client.speak(SpeakRequest(params=params).encode(), policy=village.policy(params), vectors=dict)


def replaced(village, index, prekeys):
    honest = village.params()
    return village.params(prekeys=(*honest.prekeys[:index], prekeys, *honest.prekeys[index + 1 :]))


def speaks(village, params, index=0):
    client = village.client(index)
    request = SpeakRequest(params=params).encode()
    return client.speak(request, policy=village.policy(params), vectors=lambda: village.vectors(params, index))


def forged(village, index, session=None, signer=None, **keys):
    fresh = {"seal_key": KeyPair(b"s" * 32).public, "mask_key": KeyPair(b"m" * 32).public}
    return sign_prekeys(
        village.identity(index if signer is None else signer),
        server_key=SERVER_KEY,
        session=session or SESSION,
        **(fresh | keys),
    )


@pytest.mark.parametrize(
    ("index", "changes", "sentence"),
    [
        (2, {"signer": 3}, "signature"),
        (2, {"session": 2}, "signature"),
        (2, {"mask_key": bytes(32)}, "small order"),
        (2, {"seal_key": bytes(32)}, "small order"),
        (0, {}, "own are missing"),
    ],
    ids=["forged", "replayed from another session", "weak mask key", "weak seal key", "its own exchanged"],
)
def test_prekeys_that_are_not_what_they_should_be_are_refused(village, index, changes, sentence):
    with pytest.raises(FaultyServerError, match=sentence):
        speaks(village, replaced(village, index, forged(village, index, **changes)))


def test_prekeys_of_another_session_are_not_spoken_with(village):
    params = village.params(session=4)
    client = village.client(0)
    with pytest.raises(FaultyServerError, match="another session"):
        client.speak(
            SpeakRequest(params=params).encode(),
            policy=village.policy(params, last_session=3),
            vectors=dict,
        )


def test_a_client_speaks_once_and_says_the_same_again(village):
    cohort = village.cohort()
    first = cohort.answer(0, 0, cohort.requests[0][0])
    assert cohort.answer(0, 0, cohort.requests[0][0]) == first
    other = SpeakRequest(params=village.params(end=999)).encode()
    with pytest.raises(FaultyServerError, match="SpeakRequest in state"):
        cohort.answer(0, 0, other)
    with pytest.raises(LocalProtocolError, match="spent"):
        cohort.clients[0].publish()


def test_two_windows_of_one_roster_draw_the_same_ring_and_committee(village):
    """What the server may choose when it knows the beacon moves nobody; what is frozen before, and the beacon, do."""
    clients, sizes = 40, {"degree": 4, "members": 9}
    params = village.params(clients, **sizes)
    for changes in ({"end": 7}, {"model_digest": bytes(32)}, {"length": 9}, {"iteration": 8}):
        other = village.params(clients, **sizes, **changes)
        assert other.session_id != params.session_id
        assert (other.ring.order, other.committee) == (params.ring.order, params.committee)
    for changes in ({"beacon": bytes(32)}, {"corrupt": 1, "quorum": 6}, {"min_survivors": 30}, {"floor": 2}):
        other = village.params(clients, **(sizes | changes))
        assert other.ring.order != params.ring.order
        assert other.committee != params.committee


def test_a_wrong_size_of_randomness_is_refused(village):
    with pytest.raises(LocalProtocolError):
        village.client(0, random=b"short")


def test_vectors_are_asked_for_last_and_their_failure_reaches_the_caller(village):
    params = village.params()
    client = village.client(0)

    def refuse():
        raise RuntimeError("the ledger says no")

    request = SpeakRequest(params=params).encode()
    with pytest.raises(RuntimeError, match="ledger"):
        client.speak(request, policy=village.policy(params), vectors=refuse)
    assert client.finished


# Members


def test_a_box_that_does_not_open_is_reported_and_one_that_the_server_invented_ends_the_session(village):
    cohort = village.cohort().run(1)
    request = OpenBoxesRequest.decode(cohort.requests[1][0], cohort.params)
    spoiled = replace(request.deliveries[2], box=bytes(len(request.deliveries[2].box)))
    for_another = OpenBoxesRequest(deliveries={**request.deliveries, 2: spoiled}).encode(cohort.params)
    cohort.refuses(1, for_another, "lead to their root")
    manifest = replace(request.deliveries[2].manifest, signature=bytes(64))
    unsigned = replace(request.deliveries[2], manifest=manifest)
    cohort.refuses(
        0, OpenBoxesRequest(deliveries={**request.deliveries, 2: unsigned}).encode(cohort.params), "signature"
    )


def test_a_survivor_set_that_no_honest_server_names_is_not_signed(village):
    cohort = village.cohort(4).run(2)
    honest = ConsistencyCheckRequest.decode(cohort.requests[2][0], cohort.params).counted
    for index, counted, sentence in (
        (0, {0: honest[0], 1: honest[1]}, "at least 3"),
        (1, {**honest, 2: bytes(32)}, "not the one whose box"),
    ):
        cohort.refuses(index, ConsistencyCheckRequest(counted=counted).encode(cohort.params), sentence)


def test_a_survivor_set_that_surrounds_a_client_is_not_signed(village):
    """Everyone but the neighbors of one client: its masks would all come off."""
    cohort = village.cohort(16, degree=4, members=6, floor=1).run(2)
    params = cohort.params
    honest = ConsistencyCheckRequest.decode(cohort.requests[2][params.committee[0]], params).counted
    victim = params.ring.order[5]
    counted = {index: digest for index, digest in honest.items() if index not in params.ring.neighbors(victim)}
    assert len(counted) >= params.min_survivors
    for member in params.committee:
        cohort.refuses(member, ConsistencyCheckRequest(counted=counted).encode(params), "window of the ring")


def test_signatures_must_be_a_quorum_of_members_on_exactly_that_set(village):
    cohort = village.cohort(5, members=4).run(3)
    params = cohort.params
    member = params.committee[0]
    honest = UnmaskingRequest.decode(cohort.requests[3][member], params).signatures
    (stranger,) = set(range(5)) - set(params.committee)
    signers = sorted(honest)
    for index, signatures, sentence in (
        (0, {signer: honest[signer] for signer in signers[:-1]}, "at least 3"),
        (1, {**honest, stranger: honest[signers[0]]}, "no member"),
        (2, {**honest, signers[0]: honest[signers[1]]}, "signature"),
    ):
        cohort.refuses(params.committee[index], UnmaskingRequest(signatures=signatures).encode(params), sentence)


def test_released_are_own_masks_of_survivors_and_their_masks_with_who_is_none_out_of_their_own_boxes(village):
    cohort = village.cohort(5).run(silent_from={4: 0})
    for response in cohort.responses[3].values():
        releases = UnmaskingResponse.decode(response, cohort.params).releases
        assert releases.keys() == {0, 1, 2, 3}
        assert all(len(release.shares) == 2 for release in releases.values())
    cohort.check_aggregate([0, 1, 2, 3])


def test_shares_of_both_ends_of_a_pair_never_add_up(village):
    """Both deal the same secret; their shares at one position differ, and so does everything else they deal."""
    cohort, contents, deal = village.cohort(4, quorum=3), [], client_module.deal
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "deal", lambda *given: contents.append(deal(*given)) or contents[-1])
        cohort.run(1)
    assert len(contents) == 4
    shares = [content[start : start + 33] for dealt in contents for content in dealt for start in range(0, 132, 33)]
    assert len(set(shares)) == len(shares) == 4 * 4 * 4
    for dealt in contents:
        first, second = ([int.from_bytes(content[start : start + 33], "big") for content in dealt] for start in (0, 33))
        differences = {(a - b) % PRIME for a, b in zip(first, second, strict=True)}
        assert len(differences) == 4, "the same coefficients hide two secrets"


# Time, and what is left


def test_keys_are_forgotten_when_the_window_is_over(village):
    cohort = village.cohort(4, members=3).run(1)
    fresh = village.client(0)
    fresh.expire()
    assert fresh.finished
    with pytest.raises(FaultyServerError):
        fresh.receive(cohort.requests[1][cohort.params.committee[0]])
    for member in cohort.params.committee:
        cohort.clients[member].expire()
        with pytest.raises(FaultyServerError, match="in state Finished"):
            cohort.clients[member].receive(cohort.requests[1][member])


def test_who_is_no_member_keeps_nothing(village):
    cohort = village.cohort(5, members=3).run(1)
    for index, client in enumerate(cohort.clients):
        assert client.finished == (index not in cohort.params.committee)


# Every request in every state


def test_every_state_meets_every_request(village):
    """Legal ones succeed, all others end the session before they are decoded."""
    requests = (SpeakRequest, OpenBoxesRequest, ConsistencyCheckRequest, UnmaskingRequest)
    reached = {
        states.PrekeysPublished: 0,
        states.Appointed: 1,
        states.BoxesOpened: 2,
        states.SurvivorsSigned: 3,
        states.Finished: 4,
    }
    for (state, rounds), (number, request) in product(reached.items(), enumerate(requests)):
        cohort = village.cohort(3).run(rounds)
        full = village.cohort(3).run(4)
        client = cohort.clients[0]
        assert type(client._held.look()[0]) is state
        data = full.requests[number][0]
        if number == rounds - 1:
            assert cohort.answer(number, 0, data) == cohort.responses[number][0]
        elif (state, request) in states.CLIENT_TRANSITIONS:
            cohort.answer(number, 0, data)
            assert type(client._held.look()[0]) in states.CLIENT_TRANSITIONS[state, request]
        else:
            with pytest.raises((FaultyServerError, LocalProtocolError)):
                cohort.answer(number, 0, data)
            assert isinstance(client._held.look()[0], states.Aborted)
            with pytest.raises(LocalProtocolError):
                cohort.answer(number, 0, data[:-1] + bytes(1))


def test_garbage_is_the_servers_fault_and_the_end(village):
    for data in (b"", b"\xff" * 40, bytes((SpeakResponse.TAG, 2)), bytes((OpenBoxesResponse.TAG, 2)), b"\x21\x02"):
        client = village.client(0)
        params = village.params()
        with pytest.raises(FaultyServerError):
            client.speak(data, policy=village.policy(params), vectors=dict)
        assert client.finished


def test_the_wrong_method_says_which_one_it_is(village):
    cohort = village.cohort().run(1)
    policy = village.policy(cohort.params)
    with pytest.raises(LocalProtocolError, match="opens the window"):
        cohort.clients[0].speak(cohort.requests[1][0], policy=policy, vectors=dict)
    client = village.client(0)
    with pytest.raises(LocalProtocolError, match="answered by speak"):
        client.receive(cohort.requests[0][0])


def test_prekeys_have_one_encoding(village):
    data = village.client(0).publish()
    assert Prekeys.decode(data).encode() == data
    assert isinstance(village.client(0), Client)


def test_a_client_says_how_far_it_is_and_in_which_window(village):
    cohort = village.cohort()
    client, positions = cohort.clients[0], []
    assert client.params is None
    for rounds in range(1, 5):
        positions.append(client.position)
        cohort.run(rounds)
        assert client.params == (cohort.params if rounds < 4 else None)
    assert len({*positions, client.position}) == 5
