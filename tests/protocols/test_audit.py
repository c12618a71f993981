"""The oracle against real parties: it names what a lying server can compute, and an attacker that computes it agrees.

Every attack runs twice: with the defense switched off it must succeed, on paper and on real bytes; with it, nothing but
the promised sum may leak.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import shake_256
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, ParametersError, SessionAborted, SessionParams
from protocols.audit import Transcript, audit, omit_input
from protocols.codec import Domain
from protocols.errors import MalformedMessageError, ProtocolError
from protocols.graph import Graph
from protocols.primitives import aead
from protocols.primitives.algebra import PRIME, as_integers, cancelling, lightest, parts, reduce
from protocols.secagg import client as client_module
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    ConsistencyCheckRequest,
    MaskedInputRequest,
    ShareKeysRequest,
    ShareKeysResponse,
    SharePair,
    UnmaskingRequest,
    UnmaskingResponse,
)
from threat_models.attacker import Attacker, Forgetful, Wire, key_pairs

BITS = 32
SESSION = "session 1 (iteration 3)"


def fresh(cohort, house, salt, members=None):
    """The same cohort with other randomness: the fixture's clients use the same in every session.

    `members` says whose identities they have, if not those of clients 0, 1, 2 and so on.
    """
    cohort.clients = [
        Client(
            identity=house.identity(index),
            policy=house.policy(roster=frozenset(cohort.params.identities), iteration=cohort.params.iteration),
            vectors=partial(house.vectors, cohort.params, index),
            clock=float,
            random=shake_256(f"{salt} {index}".encode()).digest(CLIENT_RANDOM_BYTES),
        )
        for index in members or range(cohort.params.clients)
    ]
    return cohort


def attacker(*transcripts, corrupt=(), keys=()):
    """Corrupt clients' keys are those that the fixture gives them."""
    return Attacker(transcripts, corrupt=corrupt, keys=[*(key_pairs(f"random {index}") for index in corrupt), *keys])


def inputs(house, params, combination):
    """The same combination of the clients' vectors, as the attacker's sums are."""
    return sum(value * house.vectors(params, index)["update"] for index, value in combination.items()).tolist()


def computes(house, findings, someone, params, combination):
    """Whether the attacker computes this combination of vectors; asserts that the oracle says the same."""
    got = someone.sum({(0, index): value for index, value in combination.items()}, BITS)
    numerically = got == inputs(house, params, combination)
    assert numerically == (len(reduce([*findings.leaks, combination])) == findings.dimension), combination
    return numerically


def agree(house, transcript, *, corrupt=(), keys=(), rng=None):
    """Oracle and attacker agree: on everybody alone, on each leak, and on random combinations."""
    findings = audit([transcript], corrupt=corrupt)
    someone = attacker(transcript, corrupt=corrupt, keys=keys)
    senders = sorted(index for _, index in someone.uploads)
    alone = {index for index in senders if computes(house, findings, someone, transcript.params, {index: 1})}
    for leak in findings.leaks:
        assert computes(house, findings, someone, transcript.params, leak)
    if senders:
        rng = rng or np.random.default_rng(0)
        for _ in range(5):
            chosen = rng.choice(senders, size=rng.integers(1, len(senders) + 1), replace=False).tolist()
            combination = {index: int(rng.integers(1, 4)) for index in chosen}
            computes(house, findings, someone, transcript.params, combination)
    return findings, alone


def check_promise(findings, honest):
    """Nothing leaks but the sum over these clients."""
    assert findings.holds
    assert findings.problems == ()
    assert findings.leaks == (dict.fromkeys(sorted(honest), 1),)
    assert findings.support == frozenset(honest)


# Honest servers


@pytest.mark.parametrize(
    ("clients", "changes", "silent_from", "corrupt"),
    [
        (2, {}, {}, ()),
        (5, {}, {}, ()),
        (9, {}, {1: 0, 3: 1, 5: 2}, ()),
        (9, {"corrupt": 2}, {5: 2}, (0, 8)),
        (9, {}, {1: 3, 3: 4}, ()),
        (24, {"degree": 8}, {}, ()),
        (24, {"degree": 10, "threshold": 6}, {1: 0, 3: 1, 5: 2, 7: 3, 9: 4}, ()),
        (24, {"degree": 8, "threshold": 6, "corrupt": 2}, {1: 2}, (0, 23)),
    ],
)
def test_an_honest_session_tells_the_sum_over_the_honest_survivors(house, clients, changes, silent_from, corrupt):
    cohort = house.cohort(clients, **changes).run(silent_from=silent_from)
    survivors = {index for index in range(clients) if silent_from.get(index, 5) > 2}
    findings, _ = agree(house, Wire(cohort).transcript, corrupt=corrupt)
    check_promise(findings, survivors - set(corrupt))
    assert findings.survivors == survivors
    (session,) = findings.sessions
    assert session.in_words == f"the sum of {len(survivors - set(corrupt))} clients' vectors, nothing else"
    assert (session.iteration, session.clients, session.corrupt) == (3, clients, set(corrupt))
    predicted = sum(cohort.server.aggregate()["update"] * 1)
    corrupt_part = sum(sum(house.vectors(cohort.params, index)["update"]) for index in corrupt)
    assert sum(inputs(house, cohort.params, findings.leaks[0])) == predicted - corrupt_part


@pytest.mark.parametrize("rounds", range(5))
def test_a_session_that_stopped_before_the_end_tells_nothing(house, rounds):
    findings, _ = agree(house, Wire(house.cohort(5).run(rounds)).transcript)
    assert findings.holds
    assert findings.dimension == 0
    assert findings.sessions[0].in_words == "nothing"


@given(st.data())
def test_whoever_drops_out_and_whoever_is_corrupt_nothing_but_the_sum_leaks(house, data):
    clients, corrupt = data.draw(st.integers(4, 9)), data.draw(st.integers(0, 2))
    cohort = house.cohort(clients, corrupt=corrupt)
    silence = st.sampled_from([0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5])
    silent_from = dict(enumerate(data.draw(st.lists(silence, min_size=clients, max_size=clients))))
    traitors = data.draw(st.sets(st.integers(0, clients - 1), max_size=corrupt))
    completed = True
    try:
        cohort.run(silent_from=silent_from)
    except SessionAborted:
        completed = False
    findings, alone = agree(house, Wire(cohort).transcript, corrupt=traitors)
    assert findings.holds
    assert not alone
    if completed:
        check_promise(findings, set(cohort.server.survivors) - traitors)


@settings(max_examples=50)
@given(st.data())
def test_oracle_and_attacker_agree_even_where_everything_is_lost(house, data):
    """Sparse graphs, any number of corrupt clients, few that release shares: exact in both directions."""
    clients, degree = data.draw(st.sampled_from([(8, 4), (10, 4), (12, 6)]))
    cohort = house.cohort(clients, degree=degree, length=3)
    silence = st.sampled_from([2, 3, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5])
    silent_from = dict(enumerate(data.draw(st.lists(silence, min_size=clients, max_size=clients))))
    with suppress(ProtocolError):
        cohort.run(silent_from=silent_from)
    traitors = data.draw(st.sets(st.integers(0, clients - 1), max_size=clients - 1))
    findings, alone = agree(
        house, Wire(cohort).transcript, corrupt=traitors, rng=np.random.default_rng(data.draw(st.integers(0, 99)))
    )
    assert alone == {next(iter(leak)) for leak in findings.leaks if len(leak) == 1}
    if len(findings.leaks) > 1 or any(len(leak) == 1 for leak in findings.leaks):
        assert not findings.holds


# Corrupt clients


def test_a_threshold_of_corrupt_neighbors_unmasks_a_client_and_one_less_does_not(house):
    cohort = house.cohort(24, degree=8, threshold=5).run()
    transcript = Wire(cohort).transcript
    victim = 0
    graph = _graph_of(transcript)
    neighbors = sorted(graph.neighbors(victim))
    findings, alone = agree(house, transcript, corrupt=neighbors[:5])
    assert victim in alone
    assert not findings.holds
    assert any("the vector of client 0" in problem for problem in findings.problems)
    findings, alone = agree(house, transcript, corrupt=neighbors[:4])
    assert victim not in alone
    assert findings.dimension == 1


def test_a_corrupt_majority_leaves_nothing(house):
    transcript = Wire(house.cohort(9).run()).transcript
    findings, alone = agree(house, transcript, corrupt=range(5))
    assert alone == {5, 6, 7, 8}
    each = [f"the vector of client {index}" for index in (5, 6, 7)]
    assert findings.problems == (
        f"{SESSION}: 4 independent combinations leak, where one sum may: {'; '.join(each)}; and 1 more",
    )
    assert findings.sessions[0].in_words == f"4 combinations: {'; '.join(each)}; and 1 more"
    findings, alone = agree(house, transcript, corrupt=range(4))
    assert not alone
    assert findings.problems == (
        f"{SESSION}: the sum of 5 clients' vectors leaks, where at least 6 honest clients were promised",
    )


def _graph_of(transcript):
    """Everybody's graph, as an honest server's first ShareKeysRequest tells it."""
    request = next(each.request for each in transcript.exchanges if each.request[0] == ShareKeysRequest.TAG)
    seen = ShareKeysRequest.decode(request, transcript.params)
    digests = {i: entry.digest for i, entry in seen.advertisements.items()} | dict(seen.digests)
    return Graph.over(transcript.params.session_id, transcript.params.degree, digests)


# Lying servers: each plays its attack on a cohort and returns the wire; `off` switches off what would stop it


@dataclass(frozen=True)
class Attack:
    """Attributes: what the server does, what must be switched off, and what it learns then."""

    play: Callable[..., Wire]
    switch_off: Callable[[pytest.MonkeyPatch], None]
    dimension: int
    survivors: frozenset[int]
    problem: str


def unmask_twice(house):
    """Unmasks the sum over everybody, then the sum over everybody but client 0."""
    wire = Wire(house.cohort(8).run(3))
    for survivors in (range(8), range(1, 8)):
        wire.unmask(wire.sign(survivors, survivors), survivors)
    return wire


def unmask_twice_and_be_obeyed(patch):
    patch.setattr(Wire, "sign", _forgetting(Wire.sign, ConsistencyCheckRequest))


def ask_for_both_shares(house):
    """No request says so; it takes a client that answers an honest one with too much."""
    cohort = house.cohort(8).run(4)
    wire = Wire(cohort)
    for index, request in cohort.requests[4].items():
        wire.ask(index, request)
    return wire


def reveal_both(patch):
    honest = client_module._unmask

    def generous(state, request):
        after, _ = honest(state, request)
        response = UnmaskingResponse(
            self_mask_shares={owner: pair.self_mask for owner, pair in state.shares.items()},
            mask_key_shares={owner: pair.mask_key for owner, pair in state.shares.items() if owner == 0},
        )
        return after, response.encode(state.params)

    patch.setattr(client_module, "_unmask", generous)


def split_views(house, **changes):
    """Tells one half that client 0 survived and the other half that it did not."""
    wire = Wire(house.cohort(8, **changes).run(3))
    for half, survivors in (((0, 1, 2, 3), range(8)), ((4, 5, 6, 7), range(1, 8))):
        wire.unmask(wire.sign(survivors, half), half)
    return wire


def believe_a_half(patch):
    patch.setattr(SessionParams, "confirmations", 4)


def allow_any_threshold(patch):
    patch.setattr(SessionParams, "_check_guarantees", lambda _self: None)
    patch.setattr("protocols.policy.check", lambda *_, **__: None)


def forge_all_neighbors(house):
    """Shows client 0 keys of its own making under everybody else's name, and seals the boxes itself."""
    wire = Wire(house.cohort(6).run(1))
    params = wire.params
    advertisements = dict(ShareKeysRequest.decode(wire.cohort.requests[1][0], params).advertisements)
    for index in range(1, 6):
        seal, mask = FORGED[index - 1]
        advertisements[index] = replace(advertisements[index], seal_key=seal.public, mask_key=mask.public)
    wire.ask(0, ShareKeysRequest(advertisements=advertisements, digests={}).encode(params))
    graph = Graph.over(params.session_id, params.degree, {i: entry.digest for i, entry in advertisements.items()})
    boxes = {}
    for index in range(1, 6):
        context = Domain.BOX.bind(graph.digest, index, 0)
        key = FORGED[index - 1][0].agree(advertisements[0].seal_key, context)
        boxes[index] = aead.seal(key, SharePair(self_mask=1, mask_key=2).encode(), context)
    wire.ask(0, MaskedInputRequest(boxes=boxes).encode(params))
    return wire


def trust_every_key(patch):
    patch.setattr(client_module, "verify_advertisement", lambda *_: None)


FORGED = [key_pairs(f"forged {index}") for index in range(1, 6)]
EVERYBODY, NOBODY = frozenset(range(8)), frozenset()
ATTACKS = {
    "second unmask": Attack(unmask_twice, unmask_twice_and_be_obeyed, 2, NOBODY, "released shares for 2 survivor sets"),
    "overlapping reveals": Attack(ask_for_both_shares, reveal_both, 2, EVERYBODY, "2 independent combinations leak"),
    "forged keys": Attack(forge_all_neighbors, trust_every_key, 1, NOBODY, "no honest client released a share"),
}


def _forgetting(method, message):
    def patched(wire, *arguments):
        if not isinstance(wire.cohort.clients[0], Forgetful):
            wire.make_forgetful(message)
        return method(wire, *arguments)

    return patched


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_exposes_client_0_where_its_defense_is_off_and_nobody_where_it_is_on(house, attack, monkeypatch):
    with monkeypatch.context() as patch:
        attack.switch_off(patch)
        transcript = attack.play(house).transcript
    findings, alone = agree(house, transcript, keys=FORGED)
    assert alone == {0}
    assert findings.dimension == attack.dimension
    assert any(attack.problem in problem for problem in findings.problems)
    assert findings.survivors == attack.survivors
    assert any("the vector of client 0" in problem for problem in findings.problems)

    findings, alone = agree(house, attack.play(house).transcript, keys=FORGED)
    assert not alone
    assert findings.holds
    assert findings.dimension <= 1


def test_split_views_expose_nobody_while_one_of_two_defenses_stands(house, monkeypatch):
    """Confirmations by more than half, and a threshold above half of the neighbors: both must fall."""
    low = {"threshold": 3, "min_survivors": 5}
    with monkeypatch.context() as patch:
        believe_a_half(patch)
        allow_any_threshold(patch)
        findings, alone = agree(house, split_views(house, **low).transcript)
        assert alone == {0}
        assert findings.leaks == ({0: 1}, dict.fromkeys(range(1, 8), 1))
        assert "honest clients released shares for 2 survivor sets" in findings.problems[0]
    with monkeypatch.context() as patch:
        allow_any_threshold(patch)
        findings, alone = agree(house, split_views(house, **low).transcript)
        assert findings.holds
        assert findings.dimension == 0
    with monkeypatch.context() as patch:
        believe_a_half(patch)
        findings, alone = agree(house, split_views(house).transcript)
        assert not alone
        assert findings.leaks == (dict.fromkeys(range(1, 8), 1),)
        assert findings.problems == (
            f"{SESSION}: honest clients released shares for 2 survivor sets, where one may be unmasked",
        )
    findings, alone = agree(house, split_views(house).transcript)
    assert findings.holds
    assert findings.dimension == 0


def ask_for_many_uploads(house):
    """Lets client 0 mask its vector again and again, leaving out another neighbor each time; then ends honestly."""
    cohort = house.cohort(8).run(2)
    wire = Wire(cohort)
    boxes = MaskedInputRequest.decode(cohort.requests[2][0], wire.params).boxes
    for left_out in (*boxes, None):
        request = MaskedInputRequest(boxes={i: box for i, box in boxes.items() if i != left_out})
        wire.ask(0, request.encode(wire.params))
    for index in range(1, 8):
        wire.ask(index, cohort.requests[2][index])
    wire.unmask(wire.sign(range(8), range(8)), range(8))
    return wire


def test_uploads_under_fewer_masks_expose_the_masks_and_then_the_vector(house, monkeypatch):
    """Differences of client 0's uploads are its pairwise masks: seven uploads of coefficient 1, one of -6."""
    with monkeypatch.context() as patch:
        patch.setattr(Wire, "ask", _forgetting(Wire.ask, MaskedInputRequest))
        transcript = ask_for_many_uploads(house).transcript
    findings = audit([transcript])
    assert findings.leaks == ({0: 1}, dict.fromkeys(range(1, 8), 1))
    *fewer, whole = attacker(transcript).uploads[0, 0]
    unmasked = np.sum(fewer, axis=0, dtype=np.uint32) - np.uint32(6) * whole
    assert unmasked.view(np.int32).tolist() == inputs(house, house.params(8), {0: 1})

    findings = audit([ask_for_many_uploads(house).transcript])
    assert findings.holds
    assert findings.dimension == 0


def test_two_models_in_one_session_are_named_although_no_vector_leaks(house, monkeypatch):
    def play():
        cohort = house.cohort(6)
        wire = Wire(cohort)
        other = replace(cohort.params, model_digest=house.digest("poisoned model"))
        for index, request in cohort.requests[0].items():
            wire.ask(index, AdvertiseKeysRequest(params=other).encode() if index == 4 else request)
        return wire.transcript

    assert audit([play()]).holds
    monkeypatch.setattr(ClientPolicy, "check", lambda *_: None)
    findings = audit([play()])
    assert findings.problems == (
        f"{SESSION}: clients [4] were shown other parameters, perhaps another model, than announced",
    )


def test_a_cohort_of_two_has_nothing_to_hide_behind_when_one_is_corrupt(house, monkeypatch):
    with pytest.raises(ParametersError):
        house.cohort(2, corrupt=1, threshold=1, min_survivors=2)
    allow_any_threshold(monkeypatch)
    cohort = house.cohort(2, corrupt=1, threshold=1, min_survivors=2).run()
    findings, alone = agree(house, Wire(cohort).transcript, corrupt=[1])
    assert alone == {0}
    assert findings.problems == (
        f"{SESSION}: the vector of client 0 leaks, where at least 2 honest clients were promised",
    )


def test_a_sum_over_some_of_the_survivors_is_named(house, monkeypatch):
    """Two corrupt clients cut a thin ring; the server lets one arc release its shares, and not the other."""
    monkeypatch.setattr("protocols.policy.check", lambda *_, **__: None)
    wire = Wire(house.cohort(10, degree=2, threshold=2, corrupt=5, min_survivors=8).run(3))
    order = wire.cohort.graph.order
    traitors, arc = (order[0], order[5]), order[1:5]
    wire.unmask(wire.sign(range(10), range(10)), arc)
    findings, alone = agree(house, wire.transcript, corrupt=traitors)
    assert not alone
    assert findings.leaks == (dict.fromkeys(sorted(arc), 1),)
    assert findings.problems == (
        f"{SESSION}: the sum of 4 clients' vectors leaks, which is not the sum over the 8 honest survivors",
    )


def test_clients_are_recognized_in_a_roster_of_another_order(house):
    """Everybody saw the same session, but not the announced one: there, indices run the other way round."""
    cohort = house.cohort(5).run()
    announced = replace(cohort.params, identities=cohort.params.identities[::-1])
    seen = [replace(each, index=4 - each.index) for each in Wire(cohort).exchanges]
    findings = audit([Transcript(announced, tuple(seen))])
    assert findings.leaks == (dict.fromkeys(range(5), 1),)
    assert "clients [0, 1, 2, 3, 4] were shown other parameters" in findings.problems[0]


def test_two_uploads_share_a_mask_only_if_both_clients_used_the_same_two_keys(house):
    """Everybody, client 0 itself too, is shown client 0 under client 1's mask key: no mask of client 0 cancels."""
    transcript = Wire(house.cohort(4).run()).transcript
    exchanges = []
    for each in transcript.exchanges:
        if each.request[0] == ShareKeysRequest.TAG:
            table = dict(ShareKeysRequest.decode(each.request, transcript.params).advertisements)
            table[0] = replace(table[0], mask_key=table[1].mask_key)
            request = ShareKeysRequest(advertisements=table, digests={}).encode(transcript.params)
            exchanges.append(replace(each, request=request))
        else:
            exchanges.append(each)
    findings = audit([Transcript(transcript.params, tuple(exchanges))])
    assert findings.sessions[0].survivors == set(range(4))
    assert findings.leaks == ()


def test_a_share_out_of_another_box_than_the_owners_does_not_count(house):
    """Of three holders of client 0's seed, three are needed; one was handed some other box in its name."""
    cohort = house.cohort(4, threshold=3).run()
    transcript = Wire(cohort).transcript
    check_promise(audit([transcript]), range(4))
    exchanges = [
        replace(
            each,
            request=house.bend(
                each.request,
                MaskedInputRequest,
                cohort.params,
                boxes=MaskedInputRequest.decode(each.request, cohort.params).boxes | {0: bytes(82)},
            ),
        )
        if each.request[0] == MaskedInputRequest.TAG and each.index == 2
        else each
        for each in transcript.exchanges
    ]
    assert audit([Transcript(transcript.params, tuple(exchanges))]).leaks == ()


# Several sessions


def two_sessions(house, *, salts=("first", "second"), silent_from=MappingProxyType({}), **changes):
    """The same clients with the same vectors, two iterations; in the second some fall silent."""
    return [
        fresh(house.cohort(8, session=session, iteration=session - 4, **changes), house, salt).run(silent_from=silent)
        for session, salt, silent in zip((7, 8), salts, ({}, silent_from), strict=True)
    ]


def test_the_same_inputs_in_two_sessions_expose_whoever_is_in_one_sum_only(house):
    cohorts = two_sessions(house, silent_from={0: 2})
    transcripts = [Wire(cohort).transcript for cohort in cohorts]
    findings = audit(transcripts, same_inputs=True)
    assert findings.leaks == ({0: 1}, dict.fromkeys(range(1, 8), 1))
    assert findings.problems == (
        "together the sessions leak the vector of client 0, where at least 5 clients were promised",
    )
    sums = [cohort.server.aggregate()["update"] for cohort in cohorts]
    assert (sums[0] - sums[1]).tolist() == inputs(house, cohorts[0].params, {0: 1})

    findings = audit(transcripts)
    assert findings.holds
    assert findings.leaks == (dict.fromkeys(range(8), 1), dict.fromkeys(range(9, 16), 1))
    assert findings.survivors == {*range(8), *range(9, 16)}
    unchanged = [Wire(cohort).transcript for cohort in two_sessions(house)]
    findings = audit(unchanged, same_inputs=True)
    check_promise(findings, range(8))
    assert [session.iteration for session in findings.sessions] == [3, 4]


def test_the_caller_says_how_few_clients_a_difference_may_isolate(house):
    transcripts = [Wire(cohort).transcript for cohort in two_sessions(house, silent_from={0: 0, 1: 1, 2: 2})]
    assert audit(transcripts, same_inputs=True, min_support=3).holds
    findings = audit(transcripts, same_inputs=True, min_support=4)
    assert findings.problems == (
        "together the sessions leak the sum of 3 clients' vectors, where at least 4 clients were promised",
    )
    with pytest.raises(ParametersError, match="min_support"):
        audit(transcripts, same_inputs=True, min_support=0)


def test_cohorts_that_change_are_followed_by_identity(house):
    """In the second session everybody has another index, and a newcomer stands in for client 0."""
    first = fresh(house.cohort(8), house, "first").run()
    invited = [house.public(index) for index in (8, *range(7, 0, -1))]
    second = house.cohort(8, session=8, iteration=4, identities=tuple(invited))
    second.clients = [house.client(second.params, index, roster=frozenset(invited)) for index in (8, *range(7, 0, -1))]
    transcripts = [Wire(first).transcript, Wire(second.run()).transcript]
    findings = audit(transcripts, same_inputs=True)
    assert findings.leaks == ({0: 1, 8: -1}, dict.fromkeys(range(1, 9), 1))
    assert not findings.holds
    with_a_traitor = audit(transcripts, same_inputs=True, corrupt=[8])
    assert with_a_traitor.sessions[1].corrupt == {0}
    assert {0: 1} in with_a_traitor.leaks
    with pytest.raises(ParametersError, match=r"\[9\] are no clients, there are 9"):
        audit(transcripts, corrupt=[9])


LEAKING = ((0, 1, 2, 3, 4), (2, 5, 6, 7, 8, 9), (1, 2, 3, 4, 5, 6, 9, 10), (0, 1, 3, 5, 6, 7, 8, 9, 11))
"""Whose sums combine to one over three clients, though no two of any basis come below four."""


def of_rosters(house, rosters):
    """Transcripts of a session for each roster."""
    transcripts = []
    for iteration, members in enumerate(rosters, start=7):
        identities = tuple(map(house.public, members))
        cohort = house.cohort(len(members), iteration=iteration, identities=identities)
        transcripts.append(Wire(fresh(cohort, house, f"session {iteration}", members).run()).transcript)
    return transcripts


def test_unrelated_sessions_hide_no_leak(house):
    """ORA-5: each part is searched by itself, however many there are."""
    leak = "together the sessions leak a weighted sum of 3 clients' vectors, where at least 4 clients were promised"
    fours = [range(start, start + 4) for start in range(12, 64, 4)]
    unrelated = [(*fours[number], *fours[number + 1], *fours[number + 7]) for number in range(6)]
    transcripts = of_rosters(house, (*LEAKING, *unrelated))
    for some in (transcripts[:4], transcripts, transcripts[::-1]):
        findings = audit(some, same_inputs=True, min_support=4)
        assert findings.problems == (leak,)
        assert not findings.holds
    assert audit(transcripts[4:], same_inputs=True, min_support=4).holds


def test_what_was_not_searched_does_not_hold(house, monkeypatch):
    """ORA-5: with the same leak in it, and without any; what no difference is taken of needs no search."""
    transcripts = of_rosters(house, LEAKING)
    clean = of_rosters(house, (range(8), range(4, 12)))
    assert audit(clean, same_inputs=True).holds
    monkeypatch.setattr("protocols.primitives.algebra._SUBSETS", 1)
    for some, dimension in ((transcripts, 4), (clean, 2)):
        findings = audit(some, same_inputs=True, min_support=4)
        assert not findings.holds
        (problem,) = findings.problems
        assert problem.startswith(f"not searched exhaustively: {dimension} independent combinations over ")
        assert audit(some).holds
        assert audit(some, same_inputs=True, min_support=1).holds


def test_replayed_randomness_exposes_a_survivor_of_one_session_and_dropout_of_the_other(house):
    replayed = two_sessions(house, salts=("random", "random"), silent_from={0: 2})
    transcripts = [Wire(cohort).transcript for cohort in replayed]
    findings = audit(transcripts)
    assert {0: 1} in findings.leaks
    assert "session 1 (iteration 3): 2 independent combinations leak" in findings.problems[0]
    someone = attacker(*transcripts)
    assert someone.sum({(0, 0): 1}, BITS) == inputs(house, replayed[0].params, {0: 1})

    transcripts = [Wire(cohort).transcript for cohort in two_sessions(house, silent_from={0: 2})]
    assert audit(transcripts).holds
    someone = attacker(*transcripts)
    assert someone.sum({(0, 0): 1}, BITS) != inputs(house, replayed[0].params, {0: 1})


def test_replayed_randomness_gives_no_mask_twice(house):
    """Masks and shares belong to a graph: the same seeds, keys and coefficients tell nothing of another session's."""

    def play(survivors, asked):
        wires = [Wire(cohort.run(3)) for cohort in (house.cohort(8), house.cohort(8, session=8, iteration=4))]
        for wire, those in zip(wires, asked, strict=True):
            wire.unmask(wire.sign(survivors, survivors), those)
        return audit([wire.transcript for wire in wires])

    both_sums = dict.fromkeys(range(8), 1), dict.fromkeys(range(8, 16), 1)
    assert play(range(8), (range(8), range(8))).leaks == both_sums
    # Client 0 delivers and is left out: its pairwise masks are known in both sessions, its self mask in neither.
    both_sums = dict.fromkeys(range(1, 8), 1), dict.fromkeys(range(9, 16), 1)
    assert play(range(1, 8), (range(1, 8), range(1, 8))).leaks == both_sums
    # Three shares of a client's seed from one session and three from the other are not four of one polynomial.
    assert play(range(8), ((1, 2, 3), (4, 5, 6))).leaks == ()


def test_one_session_played_twice_with_other_vectors_tells_their_difference(house):
    """A client that starts again with the same random bytes: its masks are the same, and cancel."""
    first, second = house.cohort(5).run(3), house.cohort(5)
    changed = house.vectors(first.params, 0) | {"update": np.arange(6)}
    second.clients[0] = house.client(second.params, 0, vectors=lambda: changed)
    transcripts = [Wire(first).transcript, Wire(second.run(3)).transcript]
    findings = audit(transcripts)
    assert findings.leaks == tuple({index: 1, 5 + index: -1} for index in range(5))
    assert findings.problems == (
        "together the sessions leak 5 independent combinations, by themselves 0: masks of one were used in another",
    )
    someone = attacker(*transcripts)
    difference = inputs(house, first.params, {0: 1}) - np.arange(6)
    assert someone.sum({(0, 0): 1, (1, 0): -1}, BITS) == difference.tolist()
    assert audit(transcripts, same_inputs=True).dimension == 0


# What cannot be audited


def test_no_transcript_and_no_such_client_are_refused(house):
    transcript = Wire(house.cohort(4).run(0)).transcript
    with pytest.raises(ParametersError, match="at least one transcript"):
        audit([])
    with pytest.raises(ParametersError, match="given twice"):
        audit([transcript, Transcript.decode(transcript.encode())])
    for nobody in (-1, 4):
        with pytest.raises(ParametersError, match=rf"corrupt: \[{nobody}\] are no clients, there are 4"):
            audit([transcript], corrupt=[0, nobody])


@pytest.fixture(scope="module")
def complete(house):
    return Wire(house.cohort(4).run()).transcript


def without(transcript, message, *, index=0):
    """Drops client `index`'s answer to one kind of request."""
    return replace(
        transcript,
        exchanges=tuple(
            replace(each, response=None) if each.index == index and each.request[0] == message.TAG else each
            for each in transcript.exchanges
        ),
    )


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        (
            AdvertiseKeysRequest,
            "session 1, exchange 4, client 0: request: ShareKeysRequest, but .* AdvertiseKeysRequest",
        ),
        (ShareKeysRequest, "exchange 8, client 0: request: MaskedInputRequest, but .* no ShareKeysRequest"),
        (
            MaskedInputRequest,
            "exchange 16, client 0: response: a share that came in no box which this client was given",
        ),
        (ConsistencyCheckRequest, "exchange 16, client 0: request: UnmaskingRequest, but .* ConsistencyCheckRequest"),
    ],
)
def test_an_answer_without_the_one_before_it_is_named(complete, missing, complaint):
    with pytest.raises(MalformedMessageError, match=complaint):
        audit([without(complete, missing)])
    assert audit([without(complete, missing)], corrupt=[0])


def test_a_missing_last_answer_is_no_contradiction(complete):
    findings = audit([without(complete, UnmaskingRequest)])
    check_promise(findings, range(4))


def bent(transcript, number, **changes):
    exchanges = list(transcript.exchanges)
    exchanges[number] = replace(exchanges[number], **changes)
    return replace(transcript, exchanges=tuple(exchanges))


@pytest.mark.parametrize(
    ("number", "changes", "complaint"),
    [
        (0, {"request": b""}, "exchange 0, client 0: a request starts with"),
        (0, {"response": b""}, "exchange 0, client 0: AdvertiseKeysResponse, offset 0"),
        (5, {"request": b"\x03\x02"}, "exchange 5, client 1: ShareKeysRequest, offset 2"),
        (9, {"response": b"\x06\x02"}, "exchange 9, client 1: response: not a MaskedInputResponse of this session"),
        (17, {"response": b"\x0a\x02" + bytes(32)}, "exchange 17, client 1: UnmaskingResponse: a message of another"),
    ],
)
def test_what_is_no_message_is_named_by_exchange_and_field(complete, number, changes, complaint):
    with pytest.raises(MalformedMessageError, match=complaint):
        audit([bent(complete, number, **changes)])
    assert audit([bent(complete, number, **changes)], corrupt=[complete.exchanges[number].index])


def test_messages_that_contradict_each_other_are_named(complete, house):
    params = complete.params
    shares = UnmaskingResponse.decode(complete.exchanges[16].response, params)
    upload = complete.exchanges[8].response
    stranger = replace(params, identities=tuple(house.public(index) for index in range(5, 9)))
    seen = ShareKeysRequest.decode(complete.exchanges[4].request, params)
    few = replace(seen, advertisements={0: seen.advertisements[0]}, digests=dict.fromkeys((1, 2, 3), bytes(32)))
    alone = replace(few, digests={})
    cases = (
        (
            0,
            {"request": AdvertiseKeysRequest(params=stranger).encode()},
            "request: a session to which this",
        ),
        (
            4,
            {"response": omit_input(b"", upload)},
            "response: an upload to a request that asks for another message",
        ),
        (4, {"request": few.encode(params)}, "response: a box for a client whose advertisement the request does not"),
        (4, {"request": alone.encode(params)}, "request: graph: 1 clients cannot have 3 neighbors each"),
        (8, {"response": upload + b"0"}, "response: not a MaskedInputResponse of this session with 24 bytes"),
        (8, {"response": b"\x06\x02" + bytes(32) + upload[34:]}, "response: not a MaskedInputResponse of this session"),
        (12, {"response": b"\x08\x02"}, "ConsistencyCheckResponse, offset 2"),
        (16, {"request": b"\x09\x02"}, "UnmaskingRequest, offset 2"),
        (16, {"response": replace(shares, mask_key_shares={0: 1}).encode(params)}, "response: a share that came in no"),
    )
    for number, changes, complaint in cases:
        with pytest.raises(MalformedMessageError, match=f"session 1, exchange {number}, client 0: {complaint}"):
            audit([bent(complete, number, **changes)])


def test_a_box_of_somebody_never_shown_is_named(complete):
    seen = ShareKeysRequest.decode(complete.exchanges[4].request, complete.params)
    sent = ShareKeysResponse.decode(complete.exchanges[4].response, complete.params)
    shown = replace(seen, advertisements={i: seen.advertisements[i] for i in (0, 1, 2)}).encode(complete.params)
    boxes = replace(sent, boxes={i: sent.boxes[i] for i in (1, 2)}).encode(complete.params)
    with pytest.raises(MalformedMessageError, match="exchange 8, client 0: request: a box of a client whose advert"):
        audit([bent(complete, 4, request=shown, response=boxes)])


@given(st.data())
def test_a_bent_byte_gives_findings_or_a_named_error(complete, data):
    number = data.draw(st.integers(0, len(complete.exchanges) - 1))
    name = data.draw(st.sampled_from(["request", "response"]))
    message = bytearray(getattr(complete.exchanges[number], name))
    message[data.draw(st.integers(0, len(message) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(MalformedMessageError):
        audit([bent(complete, number, **{name: bytes(message)})])


# The algebra


@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=5), min_size=1, max_size=6))
def test_what_cancels_cancels_and_nothing_is_missed(table):
    """Against exact rational elimination: the rank of the left null space, and every member of it."""
    width = min(map(len, table))
    matrix = np.array([row[:width] for row in table])
    columns = [{row: int(value) for row, value in enumerate(column) if value} for column in matrix.T]
    combinations = cancelling(columns, len(matrix))
    assert len(combinations) == len(matrix) - np.linalg.matrix_rank(matrix)
    assert len(reduce(combinations)) == len(combinations)
    for combination in combinations:
        for column in columns:
            assert sum(value * column.get(row, 0) for row, value in combination.items()) % PRIME == 0


vectors = st.dictionaries(st.integers(0, 6), st.integers(-3, 3).filter(bool), min_size=1, max_size=6)


@given(st.lists(vectors, min_size=1, max_size=4))
def test_the_reduced_form_is_the_same_whatever_the_order(given_vectors):
    basis = reduce(given_vectors)
    assert basis == reduce(reversed(given_vectors)) == reduce([*basis, *given_vectors])
    for vector in basis:
        start = min(vector)
        assert vector[start] == 1
        assert not any(start in other for other in basis if other is not vector)


@given(st.lists(vectors, min_size=1, max_size=4))
def test_the_lightest_combination_is_the_lightest_of_all(given_vectors):
    """Some combination stays within a set of positions if and only if adding their unit vectors costs dimensions."""
    basis = reduce(given_vectors)
    best = lightest(basis)
    assert best
    assert reduce([*basis, best]) == basis
    support = sorted(set().union(*basis))
    fewest = next(
        size
        for size in range(1, len(support) + 1)
        for chosen in combinations(support, size)
        if len(reduce([*basis, *({position: 1} for position in chosen)])) < len(basis) + size
    )
    assert len(best) == fewest


@given(st.lists(vectors, min_size=1, max_size=6))
def test_parts_share_no_position_and_lack_none_of_the_vectors(given_vectors):
    basis = reduce(given_vectors)
    divided = parts(basis)
    assert sorted(basis, key=min) == sorted((vector for part in divided for vector in part), key=min)
    supports = [set().union(*part) for part in divided]
    assert sum(map(len, supports)) == len(set().union(*supports))
    assert len(lightest(basis)) == min(len(lightest(part)) for part in divided)
    for part in divided:
        assert len(parts(part)) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_among_too_many_subspaces_pairs_are_compared(sign, monkeypatch):
    monkeypatch.setattr("protocols.primitives.algebra._SUBSETS", 0)
    pair = {0: 1, 1: 1, 2: 1}, {1: sign, 2: sign, 3: 1}
    assert {position: value % PRIME for position, value in lightest(pair).items()} in (
        {0: 1, 3: -sign % PRIME},
        {0: -sign % PRIME, 3: 1},
    )
    assert lightest([{0: 1}, {1: 1, 2: 1}]) == {0: 1}


def test_coefficients_are_shown_as_small_integers():
    third = pow(3, -1, PRIME)
    assert as_integers({0: 1, 1: PRIME - 1}) == {0: 1, 1: -1}
    assert as_integers({0: 1, 1: 2 * third % PRIME, 4: -third % PRIME}) == {0: 3, 1: 2, 4: -1}
