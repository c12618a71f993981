from dataclasses import replace
from functools import partial
from hashlib import sha256

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import (
    CLIENT_RANDOM_BYTES,
    Adversary,
    Client,
    ClientPolicy,
    Cohorts,
    LocalProtocolError,
    ParametersError,
    PolicyRule,
    PolicyViolationError,
    parameters,
)
from protocols.secagg import client as client_module
from protocols.secagg.messages import AdvertiseKeysRequest
from protocols.secagg.states import Aborted

WEAK_GRAPH = {"degree": 2, "threshold": 2, "corrupt": 2, "min_survivors": 4}

ROSTER_WITH_ONE_MORE = frozenset(
    Ed25519PrivateKey.from_private_bytes(sha256(b"identity %d" % index).digest()).public_key().public_bytes_raw()
    for index in range(5)
)

VIOLATIONS = [
    (PolicyRule.ROSTER, {"clients": 5}, {}),
    (PolicyRule.MIN_COHORT, {}, {"min_cohort": 5}),
    (PolicyRule.MIN_SURVIVORS, {}, {"min_survivors": 4}),
    (PolicyRule.MIN_CORRUPT, {}, {"min_corrupt": 1}),
    (PolicyRule.GRAPH, WEAK_GRAPH, {}),
    (PolicyRule.SERVER, {"server_key": bytes(32)}, {}),
    (PolicyRule.ITERATION, {}, {"iteration": 4}),
    (PolicyRule.ITERATION, {"iteration": 2}, {}),
    (PolicyRule.SESSION, {}, {"last_session": 7}),
    (PolicyRule.SESSION, {"session": 6}, {}),
    (PolicyRule.TRAINING, {"training_digest": b"t" * 32}, {}),
    (PolicyRule.CHECKPOINT, {}, {"checkpoint_digest": b"c" * 32}),
    (PolicyRule.EARLIER, {}, {"earlier": Cohorts([ROSTER_WITH_ONE_MORE])}),
    (PolicyRule.ARCHITECTURE, {"architecture_digest": bytes(32)}, {}),
    (PolicyRule.ARCHITECTURE, {}, {"architectures": frozenset()}),
    (PolicyRule.MODEL, {"model_digest": bytes(32)}, {}),
    (PolicyRule.ANCHORS, {"anchors_digest": bytes(32)}, {}),
    (PolicyRule.PRIVACY, {"privacy_digest": bytes(32)}, {}),
    (PolicyRule.VECTOR, {"length": 7}, {}),
    (PolicyRule.VECTOR, {"length": 5}, {}),
    (PolicyRule.VECTOR, {"max_abs_input": 14}, {}),
    (PolicyRule.VECTOR, {"modulus_bits": 33}, {}),
]


def proposal(house, changes):
    clients = changes.get("clients", 4)
    return house.params(clients, **{name: value for name, value in changes.items() if name != "clients"})


def refuses(client, params, rule, match):
    with pytest.raises(PolicyViolationError, match=match) as caught:
        client.receive(AdvertiseKeysRequest(params=params).encode())
    assert caught.value.rule is rule
    assert client._held.look()[0] == Aborted()


@pytest.fixture
def no_keys(monkeypatch):
    """Whoever makes a key in this test fails it."""

    def refuse(_):
        raise AssertionError("a key was made")

    monkeypatch.setattr(client_module, "KeyPair", refuse)


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(("rule", "session", "policy"), VIOLATIONS)
def test_a_session_against_the_policy_gets_no_byte_no_key_and_hears_the_rule(house, rule, session, policy):
    refuses(house.client(house.params(), 1, **policy), proposal(house, session), rule, match=rule)


def test_every_rule_has_a_violation_above():
    others = {PolicyRule.FROZEN, PolicyRule.BEACON, PolicyRule.WINDOW, PolicyRule.COMMITTEE}  # of who speaks once
    assert {rule for rule, _, _ in VIOLATIONS} == set(PolicyRule) - {PolicyRule.PATIENCE} - others


@pytest.mark.parametrize(("rule", "exact"), [("min_cohort", 7), ("min_survivors", 6), ("min_corrupt", 2)])
def test_a_minimum_is_met_exactly_and_not_by_one_less(house, rule, exact):
    params = house.params(7, corrupt=2, min_survivors=6)
    house.policy(7, **{rule: exact}).check(params)
    with pytest.raises(PolicyViolationError) as caught:
        house.policy(7, **{rule: exact + 1}).check(params)
    assert caught.value.rule is PolicyRule(rule)


def test_the_first_line_that_a_session_breaks_is_named(house):
    params = house.params(4, model_digest=bytes(32), session=1, **WEAK_GRAPH)
    policy = house.policy(min_cohort=5, min_corrupt=3)
    for changes, rule in (
        ({}, PolicyRule.MIN_COHORT),
        ({"min_cohort": 4}, PolicyRule.MIN_CORRUPT),
        ({"min_cohort": 4, "min_corrupt": 2}, PolicyRule.SESSION),
        ({"min_cohort": 4, "min_corrupt": 2, "last_session": 0}, PolicyRule.MODEL),
    ):
        with pytest.raises(PolicyViolationError) as caught:
            replace(policy, **changes).check(params)
        assert caught.value.rule is rule


def test_a_stranger_in_the_roster_is_named(house):
    with pytest.raises(PolicyViolationError, match=r"\[4\]"):
        house.policy(4).check(house.params(5))


@pytest.mark.usefixtures("no_keys")
def test_a_session_that_does_not_invite_the_client_is_refused(house):
    refuses(house.client(house.params(4), 3), house.params(3), PolicyRule.ROSTER, match="itself")


# Vectors


@pytest.mark.parametrize(
    ("brought", "problem"),
    [
        ({}, "were agreed"),
        ({"first": np.zeros(6, np.int64)}, "were agreed"),
        ({"first": np.zeros(6, np.int64), "third": np.zeros(3, np.int64)}, "were agreed"),
        ({name: np.zeros(6, np.int64) for name in ("first", "second", "third")}, "were agreed"),
        ({"second": np.zeros(2, np.int64)}, "'second'"),
        ({"second": np.zeros(4, np.int64)}, "'second'"),
        ({"first": np.zeros(0, np.int64)}, "'first'"),
        ({"first": np.zeros((2, 3), np.int64)}, "'first'"),
        ({"first": np.zeros(6, np.int32)}, "'first'"),
        ({"second": np.zeros(3, np.uint64)}, "'second'"),
        ({"second": np.zeros(3)}, "'second'"),
    ],
)
def test_what_the_caller_brings_must_be_what_it_agreed_to(house, brought, problem):
    params = house.params(vectors=(house.spec(name="first"), house.spec(name="second", length=3, modulus_bits=11)))
    cohort = type(house.cohort())(params)
    complete = len(brought) == 1 and "were" not in problem
    vectors = (house.vectors(params, 0) if complete else {}) | brought
    cohort.clients[0] = house.client(params, 0, vectors=lambda: vectors)
    cohort.run(2)
    with pytest.raises(LocalProtocolError, match=problem):
        cohort.clients[0].receive(cohort.requests[2][0])
    assert cohort.clients[0].finished


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_the_order_in_which_vectors_are_brought_means_nothing(house, order):
    params = house.params(vectors=(house.spec(name="first"), house.spec(name="second", length=3, modulus_bits=11)))
    cohort = type(house.cohort())(params)
    vectors = house.vectors(params, 0)
    cohort.clients[0] = house.client(params, 0, vectors=lambda: {name: vectors[name] for name in order})
    cohort.run().check_aggregate(range(4))


def test_the_order_in_which_vectors_are_summed_is_agreed(house):
    specs = (house.spec(name="first"), house.spec(name="second"))
    client = house.client(house.params(vectors=specs), 0, vectors=None)
    refuses(client, house.params(vectors=specs[::-1]), PolicyRule.VECTOR, match="'second'.* agreed to 'first'")


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_coordinate_beyond_the_bound_is_refused_on_either_side(house, place):
    bounds = {"first": 2**60, "second": 100}
    params = house.params(
        vectors=tuple(house.spec(name=name, modulus_bits=64, max_abs_input=bound) for name, bound in bounds.items())
    )
    bound = bounds[place]
    for extreme in (bound, -bound, bound + 1, -bound - 1, -(2**63), 2**63 - 1):
        vectors = house.vectors(params, 0)
        vectors[place][3] = extreme
        cohort = type(house.cohort())(params)
        cohort.clients[0] = house.client(params, 0, vectors=lambda vectors=vectors: vectors)
        cohort.run(2)
        if abs(extreme) <= bound:
            cohort.clients[0].receive(cohort.requests[2][0])
        else:
            with pytest.raises(LocalProtocolError, match=f"'{place}': a coordinate is beyond max_abs_input"):
                cohort.clients[0].receive(cohort.requests[2][0])


# The graph


def sparse(house, found, clients, **changes):
    """The session that goes with what `graph.parameters` found."""
    given = {name: getattr(found, name) for name in ("degree", "threshold", "corrupt", "min_survivors")}
    return house.params(clients, **(given | changes))


def accepts(policy, params):
    try:
        policy.check(params)
    except PolicyViolationError as error:
        if error.rule is not PolicyRule.GRAPH:
            raise
        return False
    return True


@pytest.mark.parametrize("degree", [4, 6, 8])
@pytest.mark.parametrize("corrupt", [0, 1, 2, 3])
def test_a_small_sparse_graph_needs_more_than_half_the_degree_and_the_corrupt_clients(house, degree, corrupt):
    """Where corrupt clients are few, no order of the ring may help them; PAR-3 asks the same of the complete graph."""
    for threshold in range(1, degree + 1):
        params = house.params(12, degree=degree, corrupt=corrupt, threshold=threshold, min_survivors=12)
        assert accepts(house.policy(12), params) == (2 * threshold > degree + corrupt)


@pytest.mark.parametrize("clients", [60, 100, 1000])
def test_a_graph_is_refused_from_the_first_threshold_that_is_too_weak(house, clients):
    """With 60 and 100 clients the bound allows no chance at all, with 1000 one of 2^-81."""
    found = parameters(clients, corrupt=0.1, dropout=0.05)
    assert found.degree < clients - 1
    policy = house.policy(clients, min_corrupt=found.corrupt)
    assert accepts(policy, sparse(house, found, clients))
    half = found.degree // 4 * 2
    for changes in (
        {"threshold": found.threshold - 1},
        {"corrupt": 2 * found.corrupt, "min_survivors": clients},
        {"degree": half, "threshold": half * found.threshold // found.degree},
    ):
        assert not accepts(policy, sparse(house, found, clients, **changes))


def test_a_promise_of_fewer_survivors_is_a_smaller_ring_with_as_many_corrupt_clients(house):
    """A malicious server may keep honest clients off the ring, down to min_survivors: the client judges that ring."""
    found = parameters(1000, corrupt=0.1, dropout=0.05)
    assert [
        survivors
        for survivors in (1000, found.min_survivors, 900, 800, 560)
        if accepts(house.policy(1000), sparse(house, found, 1000, min_survivors=survivors))
    ] == [1000, found.min_survivors]


def test_a_client_that_trusts_the_server_more_may_accept_a_weaker_graph(house):
    params = house.params(300, degree=54, threshold=36, corrupt=30, min_survivors=270)
    assert accepts(house.policy(300, adversary=Adversary.SEMI_HONEST), params)
    assert not accepts(house.policy(300, adversary=Adversary.SEMI_MALICIOUS), params)
    assert not accepts(house.policy(300, adversary=Adversary.MALICIOUS), params)
    assert not accepts(house.policy(300), params)


@pytest.mark.parametrize("corrupt", range(8))
def test_the_complete_graph_is_always_strong_enough(house, corrupt):
    house.policy(9).check(house.params(9, corrupt=corrupt, threshold=8, min_survivors=9))


@pytest.mark.parametrize(
    "changes",
    [
        {"roster": frozenset({bytes(31)})},
        {"architectures": frozenset({bytes(33)})},
        {"model_digest": b""},
        {"anchors_digest": bytes(31)},
        {"privacy_digest": bytes(64)},
        {"min_cohort": 1},
        {"min_survivors": 1},
        {"min_corrupt": -1},
        {"last_session": -1},
        {"last_session": 2**64},
        {"server_key": bytes(31)},
        {"training_digest": bytes(31)},
        {"checkpoint_digest": b""},
        {"iteration": 0},
        {"security_bits": 0},
        {"patience": 0},
    ],
)
def test_a_policy_that_means_nothing_is_refused(house, changes):
    with pytest.raises(ParametersError, match="policy"):
        house.policy(**changes)


def test_a_client_may_have_taken_part_in_almost_any_number_of_sessions(house):
    assert house.policy(last_session=2**64 - 1).last_session == 2**64 - 1


def rosters(house, *members):
    return Cohorts(frozenset(house.public(index) for index in each) for each in members)


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        ((range(4), range(5)), "1 of an earlier cohort's clients have left and 0 have joined"),
        ((range(4), range(3)), "0 of an earlier cohort's clients have left and 1 have joined"),
        (((0, 1, 2, 5, 6),), "2 of an earlier cohort's clients have left and 1 have joined"),
    ],
)
def test_a_roster_that_differs_in_one_client_from_an_earlier_one_is_refused(house, earlier, said):
    """POL-4: where two are enough."""
    client = house.client(house.params(), 1, earlier=rosters(house, *earlier))
    refuses(client, house.params(), PolicyRule.EARLIER, match=f"{said}.*at least 2")


@pytest.mark.parametrize(("least", "accepted"), [(2, True), (3, False)])
def test_what_is_enough_is_the_clients_own_minimum_cohort(house, least, accepted):
    """POL-4: two who left, of whom sums of two could be made; the session's promise of survivors does not count."""
    client = house.client(house.params(), 1, earlier=rosters(house, range(6)), min_cohort=least)
    if accepted:
        assert client.receive(AdvertiseKeysRequest(params=house.params()).encode())
    else:
        refuses(client, house.params(), PolicyRule.EARLIER, match="at least 3")


@pytest.mark.parametrize("earlier", [(range(4),), (range(4), (1, 4, 5, 6)), ((1, 4, 5, 6),)])
def test_the_same_roster_again_and_a_wholly_different_one_are_accepted(house, earlier):
    client = house.client(house.params(), 1, earlier=rosters(house, *earlier))
    assert client.receive(AdvertiseKeysRequest(params=house.params()).encode())


def test_a_cohort_is_remembered_from_the_upload_on_and_not_for_an_announcement(house):
    """POL-4: whoever was in a session that went no further than its keys is locked out of nothing by it."""
    cohort = house.cohort()
    for number in range(5):
        uploaded = number > 2
        assert {client.roster for client in cohort.clients} == {
            frozenset(cohort.params.identities) if uploaded else frozenset()
        }
        cohort.run(number + 1)


def test_a_refused_session_is_not_remembered(house):
    client = house.client(house.params(), 1, last_session=7)
    refuses(client, house.params(), PolicyRule.SESSION, match="session 7")
    assert client.roster == frozenset()


def test_a_session_is_not_started_again_with_other_survivors(house):
    """POL-5: the same session, of other clients, by a client that was in it and makes itself anew."""
    first = house.client(house.params(), 1)
    first.receive(AdvertiseKeysRequest(params=house.params()).encode())
    again = house.client(house.params(), 1, last_session=first.last_session)
    refuses(again, house.params(min_survivors=4), PolicyRule.SESSION, match="is not after 7")


def test_an_iteration_may_be_tried_again_in_a_session_of_a_higher_number(house):
    first = house.client(house.params(), 1)
    first.receive(AdvertiseKeysRequest(params=house.params()).encode())
    again = house.client(house.params(), 1, last_session=first.last_session)
    again.receive(AdvertiseKeysRequest(params=house.params(session=8)).encode())
    assert again.last_session == 8


@pytest.mark.parametrize(("late", "refused"), [(0, False), (60, False), (61, True), (3600, True)])
def test_neighbors_keys_that_come_after_the_clients_patience_are_refused(house, late, refused):
    """CLI-10: until then a server may try out whose advertisements make which graph."""
    now = [1000.5]
    cohort = house.cohort()
    cohort.clients[0] = Client(
        identity=house.identity(0),
        policy=house.policy(patience=60),
        vectors=partial(house.vectors, cohort.params, 0),
        random=bytes(CLIENT_RANDOM_BYTES),
        clock=lambda: now[0],
    )
    cohort.run(1)
    now[0] += late - 0.5
    if refused:
        with pytest.raises(PolicyViolationError, match="deadline") as caught:
            cohort.clients[0].receive(cohort.requests[1][0])
        assert caught.value.rule is PolicyRule.PATIENCE
        assert cohort.clients[0].finished
    else:
        cohort.run().check_aggregate(range(4))


@pytest.mark.parametrize(("bits", "accepted"), [(40, True), (41, True), (80, False)])
def test_a_client_judges_a_graph_by_its_own_security_bits(house, bits, accepted):
    found = parameters(300, corrupt=0.1, dropout=0.05, security_bits=41)
    policy = house.policy(300, min_corrupt=found.corrupt, security_bits=bits)
    assert accepts(policy, sparse(house, found, 300)) is accepted
    assert ClientPolicy.__dataclass_fields__["security_bits"].default == 80
