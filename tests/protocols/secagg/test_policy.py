from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import Adversary, Cohorts, ParametersError, PolicyRule, PolicyViolationError, parameters
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
    (PolicyRule.ITERATION, {}, {"last_iteration": 7}),
    (PolicyRule.ITERATION, {"iteration": 1}, {}),
    (PolicyRule.EARLIER, {}, {"earlier": Cohorts([ROSTER_WITH_ONE_MORE])}),
    (PolicyRule.ARCHITECTURE, {"architecture_digest": bytes(32)}, {}),
    (PolicyRule.ARCHITECTURE, {}, {"architectures": frozenset()}),
    (PolicyRule.MODEL, {"model_digest": bytes(32)}, {}),
    (PolicyRule.ANCHORS, {"anchors_digest": bytes(32)}, {}),
    (PolicyRule.PRIVACY, {"privacy_digest": bytes(32)}, {}),
    (PolicyRule.VECTOR, {"length": 7}, {}),
    (PolicyRule.VECTOR, {"length": 5}, {}),
    (PolicyRule.VECTOR, {"max_abs_input": 14}, {}),
]


def proposal(house, changes):
    clients = changes.get("clients", 4)
    return house.params(clients, **{name: value for name, value in changes.items() if name != "clients"})


def refuses(client, params, rule, match):
    with pytest.raises(PolicyViolationError, match=match) as caught:
        client.receive(AdvertiseKeysRequest(params=params).encode())
    assert caught.value.rule is rule
    assert client._state == Aborted()


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
    assert {rule for rule, _, _ in VIOLATIONS} == set(PolicyRule)


@pytest.mark.parametrize(("rule", "exact"), [("min_cohort", 7), ("min_survivors", 6), ("min_corrupt", 2)])
def test_a_minimum_is_met_exactly_and_not_by_one_less(house, rule, exact):
    params = house.params(7, corrupt=2, min_survivors=6)
    house.policy(7, **{rule: exact}).check(params)
    with pytest.raises(PolicyViolationError) as caught:
        house.policy(7, **{rule: exact + 1}).check(params)
    assert caught.value.rule is PolicyRule(rule)


def test_the_first_line_that_a_session_breaks_is_named(house):
    params = house.params(4, model_digest=bytes(32), iteration=1, **WEAK_GRAPH)
    policy = house.policy(min_cohort=5, min_corrupt=3)
    for changes, rule in (
        ({}, PolicyRule.MIN_COHORT),
        ({"min_cohort": 4}, PolicyRule.MIN_CORRUPT),
        ({"min_cohort": 4, "min_corrupt": 2}, PolicyRule.ITERATION),
        ({"min_cohort": 4, "min_corrupt": 2, "last_iteration": 0}, PolicyRule.MODEL),
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


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    ("names", "lengths", "problem"),
    [
        ((), (), "brought"),
        (("first",), (6,), "brought"),
        (("second",), (3,), "brought"),
        (("first", "third"), (6, 3), "brought"),
        (("first", "second", "third"), (6, 3, 1), "brought"),
        (("first", "second"), (3, 6), "coordinates"),
        (("first", "second"), (6, 2), "'second'"),
        (("first", "second"), (6, 4), "'second'"),
        (("first", "second"), (0, 3), "'first'"),
    ],
)
def test_other_vectors_than_the_session_sums_are_not_given(house, names, lengths, problem):
    params = house.params(vectors=(house.spec(name="first"), house.spec(name="second", length=3, modulus_bits=11)))
    vectors = {name: np.zeros(length, np.int64) for name, length in zip(names, lengths, strict=True)}
    refuses(house.client(params, 0, vectors=vectors), params, PolicyRule.VECTOR, match=problem)


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_the_session_decides_about_the_order_of_the_vectors(house, order):
    params = house.params(vectors=(house.spec(name="first"), house.spec(name="second", length=3, modulus_bits=11)))
    cohort = type(house.cohort())(params)
    vectors = house.vectors(params, 0)
    cohort.clients[0] = house.client(params, 0, vectors={name: vectors[name] for name in order})
    cohort.run().check_aggregate(range(4))


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
        client = house.client(params, 0, vectors=vectors)
        if abs(extreme) <= bound:
            client.receive(AdvertiseKeysRequest(params=params).encode())
        else:
            refuses(client, params, PolicyRule.VECTOR, match=f"'{place}' is beyond max_abs_input")


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


@pytest.mark.parametrize("clients", [60, 100, 300])
def test_a_graph_is_refused_from_the_first_threshold_that_is_too_weak(house, clients):
    """With 60 and 100 clients the bound allows no chance at all, with 300 one of 2^-41."""
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
    found = parameters(300, corrupt=0.1, dropout=0.05)
    assert [
        survivors
        for survivors in (300, found.min_survivors, 255, 200, 166)
        if accepts(house.policy(300), sparse(house, found, 300, min_survivors=survivors))
    ] == [300, found.min_survivors]


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
        {"last_iteration": -1},
        {"last_iteration": 2**64},
    ],
)
def test_a_policy_that_means_nothing_is_refused(house, changes):
    with pytest.raises(ParametersError, match="policy"):
        house.policy(**changes)


def test_a_client_may_have_taken_part_in_almost_any_number_of_iterations(house):
    assert house.policy(last_iteration=2**64 - 1).last_iteration == 2**64 - 1


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
    client = house.client(house.params(), 1, last_iteration=7)
    refuses(client, house.params(), PolicyRule.ITERATION, match="iteration 7")
    assert client.roster == frozenset()


def test_an_iteration_is_not_started_again_with_other_survivors(house):
    """POL-5: the same iteration, of other clients, by a client that was in it and makes itself anew."""
    first = house.client(house.params(), 1)
    first.receive(AdvertiseKeysRequest(params=house.params()).encode())
    again = house.client(house.params(), 1, last_iteration=first.last_iteration)
    refuses(again, house.params(min_survivors=4), PolicyRule.ITERATION, match="is not after 7")
