"""Clients killed at every point of a session: they go on from their snapshots, and none of them answers twice."""

import inspect
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from hashlib import shake_256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

import protocols
from protocols import (
    CLIENT_RANDOM_BYTES,
    Client,
    FaultyServerError,
    LocalProtocolError,
    PolicyViolationError,
    Position,
    ProtocolError,
    SnapshotError,
    Vault,
)
from protocols.errors import InvalidBoxError
from protocols.graph import Graph
from protocols.held import Answer
from protocols.primitives import aead
from protocols.primitives.field import encode_element
from protocols.primitives.key_agreement import KeyPair
from protocols.secagg import snapshot as snapshot_module
from protocols.secagg import states
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    MaskedInputRequest,
    ShareKeysRequest,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.secagg.snapshot import seal, unseal
from protocols.secagg.statements import sign_survivors

ROUNDS, CLIENTS, KEY = range(5), 5, bytes(range(32))
ARGUMENTS = {"vectors": dict, "clock": float}


class Killed(BaseException):
    """The process is gone; nothing of it but its disk is looked at again."""


@dataclass
class Disk:
    """A `keep` as it should be, in memory. `fate` says what becomes of the process during the next call."""

    kept: list[bytes] = field(default_factory=list)
    fate: str = ""

    def __call__(self, snapshot: bytes) -> None:
        if self.fate == "killed before":
            raise Killed
        if self.fate == "full":
            raise OSError("no space left on device")
        if self.kept and snapshot != self.kept[-1] and Position.of(snapshot) <= Position.of(self.kept[-1]):
            raise RuntimeError("another client has kept a snapshot since")
        self.kept.append(snapshot)
        if self.fate == "killed after":
            raise Killed


def new_client(house, params, disk: Disk, *, life: int = 0, **policy) -> Client:
    """Client 0; in its first life exactly the one of `house`."""
    return Client(
        identity=house.identity(0),
        policy=house.policy(params.clients, **({"vectors": params.vectors} | policy)),
        vectors=partial(house.vectors, params, 0),
        clock=float,
        random=shake_256(b"random 0" + b" again" * life).digest(CLIENT_RANDOM_BYTES),
        vault=Vault(key=KEY, keep=disk),
    )


def restored(house, disk: Disk, snapshot: bytes | None = None, params=None) -> Client:
    snapshot = snapshot or disk.kept[-1]
    vault = Vault(key=KEY, keep=disk)
    return Client.restore(
        snapshot,
        identity=house.identity(0),
        vectors=partial(house.vectors, params or house.params(CLIENTS), 0),
        clock=float,
        vault=vault,
        at_least=Position.of(snapshot),
    )


def cohort_with(house, disk: Disk, **changes):
    cohort = house.cohort(CLIENTS, **changes)
    cohort.clients[0] = new_client(house, cohort.params, disk)
    return cohort


@pytest.fixture(scope="module")
def honest(house):
    return house.cohort(CLIENTS).run()


@pytest.fixture(scope="module")
def snapshots(house):
    """One of each state, by type; `Aborted` after all others."""
    disk = Disk()
    cohort = cohort_with(house, disk).run()
    with pytest.raises(FaultyServerError):
        cohort.clients[0].receive(b"")
    kept = [states.KeysAdvertised, states.KeysShared, states.InputMasked, states.SurvivorsSigned, states.Unmasked]
    return dict(zip([*kept, states.Aborted], disk.kept, strict=True))


def state_of(snapshot: bytes, house):
    _, state, _ = unseal(snapshot, key=KEY, identity=house.public(0), at_least=Position(session=0))
    return state


def content_of(snapshot: bytes, house) -> bytes:
    return aead.unseal_record(
        KEY, snapshot[1:13], snapshot[13:], b"secagg/2/snapshot\0" + snapshot[:13] + house.public(0)
    )


# Killed and restored


def test_a_vault_changes_no_byte_on_the_wire(house, honest):
    disk = Disk()
    cohort = cohort_with(house, disk).run()
    assert cohort.responses == honest.responses
    assert len(disk.kept) == 5


def test_a_client_killed_after_each_answer_goes_on_to_the_exact_sum(house, honest):
    disk = Disk()
    cohort = cohort_with(house, disk)
    for number in ROUNDS:
        cohort.run(number + 1)
        cohort.clients[0] = restored(house, disk)
    cohort.check_aggregate(range(CLIENTS))
    assert cohort.responses == honest.responses
    assert cohort.clients[0].finished


def test_a_client_tells_where_it_is_and_what_it_answered_last(house):
    """The same before and after a crash: the caller keeps what belongs to each round beside the snapshot."""
    disk = Disk()
    cohort = cohort_with(house, disk)
    client = cohort.clients[0]
    assert (client.position, client.params) == (Position(session=client.last_session), None)
    for number in ROUNDS:
        assert not client.has_answered(cohort.requests[number][0])
        cohort.run(number + 1)
        for told in (client, restored(house, disk)):
            assert told.position == Position(session=cohort.params.session, sequence=number + 1)
            assert told.params == (None if number == 4 else cohort.params)
            assert [told.has_answered(requests[0]) for requests in cohort.requests[:-1]] == [False] * number + [True]
    with pytest.raises(FaultyServerError):
        client.receive(b"")
    assert (client.position.sequence, client.params, client.has_answered(b"")) == (6, None, False)


def test_a_client_killed_before_keeping_answers_the_same_request_after_all(house, honest):
    disk = Disk()
    cohort = cohort_with(house, disk)
    for number in ROUNDS:
        disk.fate = "killed before"
        with pytest.raises(Killed):
            cohort.clients[0].receive(cohort.requests[number][0])
        disk.fate = ""
        assert len(disk.kept) == number
        cohort.clients[0] = restored(house, disk) if number else new_client(house, cohort.params, disk)
        cohort.run(number + 1)
    cohort.check_aggregate(range(CLIENTS))
    assert cohort.responses == honest.responses


@pytest.mark.parametrize("number", ROUNDS)
def test_a_client_killed_between_keeping_and_sending_gives_the_kept_answer(number, house, honest):
    """Byte for byte, as often as it is asked; and without asking for its vectors again."""
    disk = Disk()
    cohort = cohort_with(house, disk).run(number)
    request = cohort.requests[number][0]
    disk.fate = "killed after"
    with pytest.raises(Killed):
        cohort.clients[0].receive(request)
    disk.fate = ""
    client = cohort.clients[0] = restored(house, disk)
    assert client.finished == (number == 4)
    if number >= 2:
        client._vectors = None
    for _ in range(2):
        assert client.receive(request) == honest.responses[number][0]
    assert len(disk.kept) == number + 1
    cohort.run().check_aggregate(range(CLIENTS))


@pytest.mark.parametrize("number", ROUNDS)
def test_after_a_lost_answer_another_request_of_that_round_gets_none(number, house):
    disk = Disk()
    cohort = cohort_with(house, disk).run(number)
    disk.fate = "killed after"
    with pytest.raises(Killed):
        cohort.clients[0].receive(cohort.requests[number][0])
    disk.fate = ""
    client = restored(house, disk)
    with pytest.raises(FaultyServerError):
        client.receive(cohort.requests[number][0] + b"\0")
    with pytest.raises(LocalProtocolError):
        restored(house, disk).receive(cohort.requests[number][0])


def test_a_client_killed_after_masking_still_signs_and_unmasks(house):
    disk = Disk()
    cohort = cohort_with(house, disk, corrupt=1).run(3, silent_from={4: 2})
    cohort.clients[0] = restored(house, disk)
    cohort.run(4)
    cohort.clients[0] = restored(house, disk)
    cohort.run()
    cohort.check_aggregate(range(4))


def test_several_vectors_survive_to_their_last_bit(house):
    bits = (8, 16, 17, 32, 47, 64)
    bounds = (2 ** (size - 1) // CLIENTS - 1 for size in bits)
    specs = [
        house.spec(name=f"v{size}", length=7, modulus_bits=size, max_abs_input=bound)
        for size, bound in zip(bits, bounds, strict=True)
    ]
    disk = Disk()
    cohort = cohort_with(house, disk, vectors=tuple(specs))
    for number in ROUNDS:
        cohort.run(number + 1)
        cohort.clients[0] = restored(house, disk, params=cohort.params)
    cohort.check_aggregate(range(CLIENTS))


@pytest.mark.parametrize("number", ROUNDS)
def test_what_cannot_be_kept_is_not_released(number, house):
    disk = Disk()
    cohort = cohort_with(house, disk).run(number)
    before = list(disk.kept)
    disk.fate = "full"
    with pytest.raises(OSError, match="no space left"):
        cohort.clients[0].receive(cohort.requests[number][0])
    disk.fate = ""
    assert cohort.clients[0].finished
    assert cohort.clients[0].last_session == 7
    with pytest.raises(LocalProtocolError):
        cohort.clients[0].receive(cohort.requests[number][0])
    assert disk.kept == before
    cohort.clients[0] = restored(house, disk) if number else new_client(house, cohort.params, disk)
    cohort.run().check_aggregate(range(CLIENTS))


def test_the_next_state_is_on_disk_before_the_answer_is_out(house):
    """Seen from `keep`: the state that the answer leads to, and a client that answers nothing else meanwhile."""
    seen = []

    def keep(snapshot: bytes) -> None:
        seen.append(type(state_of(snapshot, house)))
        with pytest.raises(LocalProtocolError):
            client.receive(cohort.requests[-1][0])

    cohort = house.cohort(CLIENTS)
    client = cohort.clients[0] = new_client(house, cohort.params, keep)
    for number in ROUNDS:
        assert len(seen) == number
        cohort.run(number + 1)
    assert seen == list(states.CLIENT_TRANSITIONS.values())


# Refused and restored


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("bent", ["empty", "altered", "round before", "round after"])
def test_a_client_restored_after_a_refusal_stays_refused(number, bent, house, honest):
    disk = Disk()
    cohort = cohort_with(house, disk).run(number)
    request = cohort.requests[number][0]
    bad = {
        "empty": b"",
        "altered": request + b"\0" if number in (0, 2) else request[:-1] + bytes([request[-1] ^ 1]),
        "round before": honest.requests[(number - 1) % 5][0] + b"\0",
        "round after": honest.requests[(number + 1) % 5][0],
    }[bent]
    with pytest.raises(FaultyServerError):
        cohort.clients[0].receive(bad)
    assert state_of(disk.kept[-1], house) == states.Aborted()
    count = len(disk.kept)
    for client in (cohort.clients[0], restored(house, disk)):
        assert client.finished
        assert client.last_session == (7 if number else 6)
        with pytest.raises(LocalProtocolError, match="aborted"):
            client.receive(request)
    assert len(disk.kept) == count


def test_a_session_against_the_policy_is_refused_for_good_and_does_not_count(house, honest):
    disk = Disk()
    for _ in range(2):
        client = new_client(house, honest.params, disk, model_digest=house.digest("another model"))
        with pytest.raises(PolicyViolationError):
            client.receive(honest.requests[0][0])
        assert restored(house, disk).finished
        assert restored(house, disk).last_session == client.last_session == 6
    assert disk.kept[0] == disk.kept[1]
    assert Position.of(disk.kept[0]) == Position(session=6, sequence=6)


def test_whatever_else_fails_is_kept_as_a_refusal_too(house, monkeypatch):
    def fails(*_):
        raise MemoryError("masks")

    disk = Disk()
    cohort = cohort_with(house, disk).run(2)
    monkeypatch.setattr(protocols.secagg.client, "mask_vectors", fails)
    with pytest.raises(MemoryError):
        cohort.clients[0].receive(cohort.requests[2][0])
    assert state_of(disk.kept[-1], house) == states.Aborted()


def test_a_refusal_that_cannot_be_kept_says_so(house, honest):
    client = new_client(house, honest.params, Disk(fate="full"))
    with pytest.raises(OSError, match="no space left") as caught:
        client.receive(b"")
    assert "tag of a request" in str(caught.value.__context__)
    assert client.finished


# Positions and rollback


def test_positions_increase_and_tell_the_iteration(snapshots, house):
    positions = [Position.of(snapshot) for snapshot in snapshots.values()]
    assert positions == [Position(session=7, sequence=number) for number in (1, 2, 3, 4, 5, 6)]
    for snapshot in snapshots.values():
        client = restored(house, Disk(), snapshot)
        assert client.last_session == 7
        assert client.finished == (type(state_of(snapshot, house)) in (states.Unmasked, states.Aborted))


def test_positions_compare_by_iteration_first_and_sort_like_their_bytes():
    ordered = [Position(session=i, sequence=s) for i in (0, 1, 255, 256, 2**64 - 1) for s in range(7)]
    assert ordered == sorted(ordered)
    assert [each.encode() for each in ordered] == sorted(each.encode() for each in ordered)
    assert Position(session=3) == Position(session=3, sequence=0)


def test_the_last_session_counts_from_the_first_answer_on(house):
    disk = Disk()
    cohort = cohort_with(house, disk)
    assert cohort.clients[0].last_session == 6
    assert not cohort.clients[0].finished
    for number in ROUNDS:
        cohort.run(number + 1)
        assert cohort.clients[0].last_session == restored(house, disk).last_session == 7


def test_whom_a_client_uploaded_with_outlives_a_crash_until_the_session_is_over(snapshots, house):
    everyone = frozenset(house.public(index) for index in range(CLIENTS))
    for state, snapshot in snapshots.items():
        uploaded = state in (states.InputMasked, states.SurvivorsSigned)
        assert restored(house, Disk(), snapshot).roster == (everyone if uploaded else frozenset())


def test_a_snapshot_older_than_the_caller_knows_is_refused(snapshots, house):
    vault = Vault(key=KEY, keep=Disk())
    for older in snapshots.values():
        for newer in (*map(Position.of, snapshots.values()), Position(session=8)):
            arguments = {**ARGUMENTS, "identity": house.identity(0), "vault": vault, "at_least": newer}
            if Position.of(older) >= newer:
                Client.restore(older, **arguments)
            else:
                with pytest.raises(SnapshotError, match="rolled back"):
                    Client.restore(older, **arguments)


def test_of_two_clients_restored_from_one_snapshot_one_answers(house):
    disk = Disk()
    cohort = cohort_with(house, disk).run(3)
    first, same, other = (restored(house, disk) for _ in range(3))
    request = cohort.requests[3][0]
    without = house.bend(request, ConsistencyCheckRequest, cohort.params, survivors=frozenset(range(4)))
    signature = first.receive(request)
    with pytest.raises(RuntimeError):
        other.receive(without)
    assert other.finished
    # Equal bytes: the same state, the same answer.
    assert same.receive(request) == signature


# Sealed


def test_aes_256_gcm_siv_is_that_of_rfc_8452():
    # Appendix C.2, the second vector.
    key, nonce = bytes([1]) + bytes(31), bytes([3]) + bytes(11)
    record = aead.seal_record(key, nonce, bytes([1]) + bytes(7), b"")
    assert record.hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"
    assert aead.unseal_record(key, nonce, record, b"") == bytes([1]) + bytes(7)
    with pytest.raises(InvalidBoxError):
        aead.unseal_record(key, nonce, record, b"x")


@pytest.mark.parametrize("private", [bytes(32), b"\xff" * 32, bytes(range(32))])
def test_a_key_pair_gives_back_the_bytes_it_was_made_from(private):
    assert KeyPair(private).private_bytes() == private


def test_the_same_state_gives_the_same_bytes(snapshots, house):
    for snapshot in snapshots.values():
        _, state, answer = unseal(snapshot, key=KEY, identity=house.public(0), at_least=Position(session=0))
        assert seal(state, answer, session=7, key=KEY, identity=house.public(0)) == snapshot


@given(data=st.data())
def test_a_snapshot_with_any_flipped_bit_is_refused(data, snapshots, house):
    snapshot = bytearray(data.draw(st.sampled_from(list(snapshots.values()))))
    bit = data.draw(st.integers(0, 8 * len(snapshot) - 1))
    snapshot[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SnapshotError):
        state_of(bytes(snapshot), house)


@given(data=st.data())
def test_a_snapshot_of_another_length_is_refused(data, snapshots, house):
    snapshot = data.draw(st.sampled_from(list(snapshots.values())))
    cut = data.draw(st.integers(0, len(snapshot) - 1))
    for wrong in (snapshot[:cut], snapshot + bytes(cut + 1), snapshot[cut + 1 :]):
        with pytest.raises(SnapshotError):
            state_of(wrong, house)


def test_a_snapshot_of_anyone_else_is_refused(snapshots, house):
    vault, arguments = Vault(key=KEY, keep=Disk()), {**ARGUMENTS, "at_least": Position(session=0)}
    for snapshot in snapshots.values():
        with pytest.raises(SnapshotError, match="another client"):
            Client.restore(snapshot, identity=house.identity(1), vault=vault, **arguments)
        with pytest.raises(SnapshotError, match="another key"):
            Client.restore(snapshot, identity=house.identity(0), vault=replace(vault, key=bytes(32)), **arguments)
        with pytest.raises(SnapshotError, match="format 1"):
            state_of(b"\x01" + snapshot[1:], house)


def test_a_snapshot_under_another_position_is_refused(snapshots, house):
    for snapshot in snapshots.values():
        for other in snapshots.values():
            if other != snapshot:
                with pytest.raises(SnapshotError):
                    state_of(other[:13] + snapshot[13:], house)


def test_content_that_no_state_has_is_refused_even_under_the_right_key(snapshots, house):
    for snapshot in snapshots.values():
        header, content = snapshot[:13], content_of(snapshot, house)
        context = snapshot_module._DOMAIN + header + house.public(0)
        assert header + aead.seal_record(KEY, header[1:], content, context) == snapshot
        for wrong in (content[:-1] or b"\0\0", content + b"\0", b"\xff" * len(content) + b"\xff"):
            with pytest.raises(SnapshotError):
                state_of(header + aead.seal_record(KEY, header[1:], wrong, context), house)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_vault_needs_a_key_of_32_bytes(size):
    with pytest.raises(LocalProtocolError, match="32 bytes"):
        Vault(key=bytes(size), keep=Disk())


def test_nothing_shows_a_key(snapshots, house):
    assert repr(KEY) not in repr(Vault(key=KEY, keep=bytes))
    assert KEY.hex() not in repr(Vault(key=KEY, keep=bytes))
    for snapshot in list(snapshots.values())[:2]:
        keys = state_of(snapshot, house).mask_keys
        assert repr(keys.private_bytes()) not in repr(keys)


def test_a_snapshot_shows_no_secret_and_holds_those_of_its_state_only(snapshots, house, honest):
    random = shake_256(b"random 0").digest(CLIENT_RANDOM_BYTES)
    seeds = {random[start : start + 32] for start in range(0, CLIENT_RANDOM_BYTES, 32)}
    sharing_seed = random[-32:]
    vector = house.vectors(honest.params, 0)["update"]
    vectors = {vector.astype(dtype).tobytes() for dtype in ("<i1", "<i2", "<i4", "<i8")}
    shares = state_of(snapshots[states.InputMasked], house).shares.values()
    elements = {encode_element(value) for pair in shares for value in (pair.self_mask, pair.mask_key)}
    assert len(elements) == 8
    held = {}
    for state, snapshot in snapshots.items():
        assert not [secret for secret in seeds | vectors | elements if secret in snapshot]
        content = content_of(snapshot, house)
        held[state] = {secret for secret in seeds | vectors | elements if secret in content}
    assert held[states.KeysAdvertised] == seeds
    assert held[states.KeysShared] == held[states.KeysAdvertised] - {sharing_seed}
    assert held[states.InputMasked] == held[states.SurvivorsSigned] == elements
    released = UnmaskingResponse.decode(honest.responses[4][0], honest.params)
    assert held[states.Unmasked] == {encode_element(share) for share in released.self_mask_shares.values()}
    assert not released.mask_key_shares
    assert content_of(snapshots[states.Aborted], house) == b"\0"


def test_sizes(house):
    """A state, and the answer that led to it: its request's digest, its length, its bytes."""
    disk = Disk()
    cohort = cohort_with(house, disk).run()
    session = 29 + 4 + len(cohort.params.encode()) + 4
    graph, shares, survivors = 4 + 4 * CLIENTS + 32, 4 + 4 * (4 + 66), 4 + 4 * CLIENTS
    answers = [32 + 8 + len(responses[0]) for responses in cohort.responses]
    assert [len(snapshot) - size for snapshot, size in zip(disk.kept, answers, strict=True)] == [
        session + 8 + 4 * 32 + 160,
        session + graph + 3 * 32 + 4 + 4 * (4 + 160),
        session + graph + shares + 4,
        session + graph + shares + survivors,
        30,
    ]


def test_a_sparse_graph_survives(snapshots, house):
    params = house.params(9, degree=4, threshold=3)
    graph = Graph.over(
        params.session_id, params.degree, {index: bytes([index]) * 32 for index in (0, 1, 2, 3, 5, 7, 8)}
    )
    state = replace(state_of(snapshots[states.InputMasked], house), params=params, graph=graph)
    answer = Answer(bytes(32), b"response")
    again = state_of(seal(state, answer, session=7, key=KEY, identity=house.public(0)), house).graph
    assert again == graph
    assert [again.neighbors(index) for index in graph.order] == [graph.neighbors(index) for index in graph.order]


# Any interleaving of kills and near-honest requests


@lru_cache(maxsize=8)
def server_of(house, advertisement: bytes) -> list[list[bytes]]:
    """What a server that lies a little may send client 0 in each round, honest requests first."""
    params = house.params(CLIENTS)
    candidates = [[AdvertiseKeysRequest(params=each).encode() for each in (params, replace(params, session=8))]]
    candidates += [[], [], [], []]
    for advertised in (range(CLIENTS), range(CLIENTS - 1)):
        cohort = house.cohort(CLIENTS).run(1, silent_from=dict.fromkeys(set(range(CLIENTS)) - set(advertised), 0))
        digests = {0: AdvertiseKeysResponse.decode(advertisement, params).advertisement}
        digests |= {
            i: AdvertiseKeysResponse.decode(cohort.responses[0][i], params).advertisement for i in advertised if i
        }
        graph = Graph.over(params.session_id, params.degree, {i: each.digest for i, each in digests.items()})
        request = ShareKeysRequest(advertisements=digests, digests={}).encode(params)
        candidates[1].append(request)
        boxes = {}
        for index in set(advertised) - {0}:
            sent = protocols.secagg.messages.ShareKeysResponse.decode(cohort.clients[index].receive(request), params)
            boxes[index] = sent.boxes[0]
        for left_out in (None, 1):
            some = {sender: box for sender, box in boxes.items() if sender != left_out}
            candidates[2].append(MaskedInputRequest(boxes=some).encode(params))
        for left_out in (None, 4, 1):
            survivors = frozenset(advertised) - {left_out}
            candidates[3].append(ConsistencyCheckRequest(survivors=survivors).encode(params))
            signatures = {i: sign_survivors(graph, house.identity(i), survivors) for i in survivors}
            candidates[4].append(UnmaskingRequest(signatures=signatures).encode(params))
    return candidates


LIES = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])
FATES = st.sampled_from(["", "", "killed", "killed", "killed before", "killed after", "full"])
TURNS = st.tuples(st.sampled_from([0, 0, 0, 0, -1, 1]), LIES, FATES, st.booleans())


@example(answered=1, killed=True, turns=[(0, 0, "", False)])
@example(answered=2, killed=True, turns=[(0, 1, "", False)])
@example(answered=3, killed=True, turns=[(0, 1, "", False)])
@example(answered=4, killed=True, turns=[(0, 1, "", False)])
@example(answered=2, killed=False, turns=[(0, 0, "full", False), (0, 1, "", False)])
@example(answered=3, killed=True, turns=[(0, 0, "", False), (-1, 1, "", True)])
@given(answered=st.integers(0, 4), killed=st.booleans(), turns=st.lists(TURNS, min_size=2, max_size=8))
def test_no_interleaving_of_kills_and_requests_gets_two_answers_to_one_round(answered, killed, turns, house, honest):
    """The turns of a lying server after `answered` honest rounds: off by so many rounds, with such a lie, and the
    client's fate in this turn; or it is put to the process that should have been gone since the last restart.
    """
    disk, sent, lives, newest, advertisement = Disk(), [], 1, 6, honest.responses[0][0]
    client = zombie = new_client(house, honest.params, disk)
    haunted = False
    opening = advertisement[:34]  # tag, version and session id
    for offset, lie, fate, undead in [(0, 0, "killed" if killed else "", False)] * answered + turns:
        expected = Position.of(disk.kept[-1]).sequence if disk.kept else 0
        candidates = server_of(house, advertisement)[min(max(expected + offset, 0), 4)]
        disk.fate = fate
        try:
            sent.append((zombie if undead else client).receive(candidates[lie % len(candidates)]))
            if sent[-1].startswith(opening):
                advertisement = sent[-1]
        except (ProtocolError, OSError, Killed):
            pass
        except RuntimeError:
            assert haunted or undead
        disk.fate, haunted = "", haunted or undead
        if fate:
            zombie, client = client, restored(house, disk) if disk.kept else None
            if client is None or client.finished:
                last = client.last_session if client else 6
                client, lives = new_client(house, honest.params, disk, life=lives, last_session=last), lives + 1
            assert client.last_session >= newest
            newest = client.last_session
    # Two of the same bytes are one answer; the tag and the session id name its round.
    assert len({(response[0], response[2:34]) for response in sent}) == len(set(sent))
    unmaskings = [UnmaskingResponse.decode(each, honest.params) for each in sent if each[0] == UnmaskingResponse.TAG]
    self_masks = {owner for response in unmaskings for owner in response.self_mask_shares}
    mask_keys = {owner for response in unmaskings for owner in response.mask_key_shares}
    assert not self_masks & mask_keys


# A real process and a real kill -9


class FileStore:
    """What `keep` has to do on a disk; the process is killed at `point`."""

    def __init__(self, folder: Path) -> None:
        self.path, self.point = folder / "snapshot", ""

    def keep(self, snapshot: bytes) -> None:
        self.pass_by("before")
        new, half = self.path.with_suffix(".new"), len(snapshot) // 2
        with new.open("wb") as file:
            file.write(snapshot[:half])
            file.flush()
            self.pass_by("torn")
            file.write(snapshot[half:])
            file.flush()
            os.fsync(file.fileno())
        self.pass_by("unnamed")
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self.pass_by("kept")

    def pass_by(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def read_frame(pipe: int) -> bytes:
    def read(size: int) -> bytes:
        data = b""
        while len(data) < size and (more := os.read(pipe, size - len(data))):
            data += more
        return data

    return read(int.from_bytes(read(4), "big"))


def write_frame(pipe: int, data: bytes) -> None:
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(pipe, data) :]


def live(settings: dict, folder: Path) -> None:
    """One life of a client: from its snapshot or anew, then requests from a pipe until it closes."""
    store, identity = FileStore(folder), Ed25519PrivateKey.from_private_bytes(settings["identity"])
    vault = Vault(key=settings["key"], keep=store.keep)
    if store.path.exists():
        at_least = Position(session=0)
        client = Client.restore(
            store.path.read_bytes(),
            identity=identity,
            vectors=lambda: settings["vectors"],
            clock=time.time,
            vault=vault,
            at_least=at_least,
        )
    else:
        random = os.urandom(CLIENT_RANDOM_BYTES)
        client = Client(
            identity=identity,
            policy=settings["policy"],
            vectors=lambda: settings["vectors"],
            random=random,
            clock=time.time,
            vault=vault,
        )
    while frame := read_frame(0):
        point, _, request = frame.partition(b" ")
        store.point = point.decode()
        try:
            answer = b"answer " + client.receive(request)
        except ProtocolError as error:
            answer = b"refusal " + type(error).__name__.encode()
        write_frame(1, answer)
        store.pass_by("sent")


def supervise() -> None:
    """Starts a client, and another one in its place whenever it is killed, as an operating system's services are."""
    settings = pickle.loads(read_frame(0))  # noqa: S301  (our own bytes)
    while process := os.fork():
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            return
        write_frame(1, b"killed %d" % os.WTERMSIG(status))
    live(settings, Path(sys.argv[1]))


SERVICE = "\n".join(
    [
        "import os, pickle, signal, sys, time",
        "from pathlib import Path",
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey",
        "from protocols import CLIENT_RANDOM_BYTES, Client, Position, ProtocolError, Vault",
        *(inspect.getsource(part) for part in (FileStore, read_frame, write_frame, live, supervise)),
        "supervise()",
    ]
)


class Service:
    """Client 0 in a process of its own."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self.point = process, ""

    def ask(self, request: bytes, point: str = "") -> tuple[str, bytes]:
        write_frame(self.process.stdin.fileno(), point.encode() + b" " + request)
        return self.hear()

    def hear(self) -> tuple[str, bytes]:
        kind, _, content = read_frame(self.process.stdout.fileno()).partition(b" ")
        return kind.decode(), content

    def receive(self, request: bytes) -> bytes:
        kind, response = self.ask(request, self.point)
        assert kind == "answer"
        if self.point:
            assert self.hear() == ("killed", b"9")
        return response


@pytest.fixture
def cohort_with_service(house, tmp_path):
    cohort = house.cohort(CLIENTS)
    settings = {
        "identity": house.identity(0).private_bytes_raw(),
        "key": KEY,
        "policy": house.policy(CLIENTS),
        "vectors": house.vectors(cohort.params, 0),
    }
    environment = os.environ | {"PYTHONPATH": str(Path(protocols.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        bufsize=0,
    ) as process:
        write_frame(process.stdin.fileno(), pickle.dumps(settings))
        cohort.clients[0] = Service(process)
        yield cohort
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize("point", ["before", "torn", "unnamed"])
def test_a_process_killed_before_its_snapshot_has_a_name_answers_after_all(point, cohort_with_service, tmp_path):
    cohort = cohort_with_service
    for number in ROUNDS:
        assert cohort.clients[0].ask(cohort.requests[number][0], point) == ("killed", b"9")
        assert (tmp_path / "snapshot").exists() == (number > 0)
        cohort.run(number + 1)
    cohort.check_aggregate(range(CLIENTS))


def test_a_process_killed_after_each_answer_goes_on_to_the_exact_sum(cohort_with_service, tmp_path):
    cohort = cohort_with_service
    cohort.clients[0].point = "sent"
    cohort.run().check_aggregate(range(CLIENTS))
    assert Position.of((tmp_path / "snapshot").read_bytes()) == Position(session=7, sequence=5)


@pytest.mark.parametrize("number", ROUNDS)
def test_a_process_killed_before_it_could_send_gives_the_kept_answer(number, cohort_with_service, tmp_path):
    cohort = cohort_with_service
    cohort.run(number)
    request = cohort.requests[number][0]
    assert cohort.clients[0].ask(request, "kept") == ("killed", b"9")
    assert Position.of((tmp_path / "snapshot").read_bytes()) == Position(session=7, sequence=number + 1)
    service = cohort.clients[0]
    kind, answer = service.ask(request)
    assert kind == "answer"
    assert service.ask(request) == ("answer", answer)
    cohort.run().check_aggregate(range(CLIENTS))
    assert cohort.responses[number][0] == answer
    assert service.ask(cohort.requests[4][0] + b"\0") == ("refusal", b"FaultyServerError")
    assert service.ask(cohort.requests[4][0]) == ("refusal", b"LocalProtocolError")
