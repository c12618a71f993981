from dataclasses import replace

import pytest

from protocols import ParametersError, PolicyRule, PolicyViolationError
from protocols.secagg.messages import AdvertiseKeysRequest
from protocols.secagg.states import Aborted

VIOLATIONS = [
    (PolicyRule.ROSTER, {"clients": 5}, {}),
    (PolicyRule.MIN_COHORT, {}, {"min_cohort": 5}),
    (PolicyRule.MIN_SURVIVORS, {}, {"min_survivors": 4}),
    (PolicyRule.MIN_CORRUPT, {}, {"min_corrupt": 1}),
    (PolicyRule.ITERATION, {}, {"last_iteration": 7}),
    (PolicyRule.ITERATION, {"iteration": 1}, {}),
    (PolicyRule.ARCHITECTURE, {"architecture_digest": bytes(32)}, {}),
    (PolicyRule.ARCHITECTURE, {}, {"architectures": frozenset()}),
    (PolicyRule.MODEL, {"model_digest": bytes(32)}, {}),
    (PolicyRule.ANCHORS, {"anchors_digest": bytes(32)}, {}),
    (PolicyRule.PRIVACY, {"privacy_digest": bytes(32)}, {}),
    (PolicyRule.VECTOR, {"vector_length": 7}, {}),
    (PolicyRule.VECTOR, {"vector_length": 5}, {}),
    (PolicyRule.VECTOR, {"max_abs_input": 14}, {}),
]


def proposal(house, changes):
    clients = changes.get("clients", 4)
    return house.params(clients, **{name: value for name, value in changes.items() if name != "clients"})


@pytest.mark.parametrize(("rule", "session", "policy"), VIOLATIONS)
def test_a_session_against_the_policy_gets_no_byte_and_hears_the_rule(house, rule, session, policy):
    client = house.client(house.params(), 1, **policy)
    with pytest.raises(PolicyViolationError) as caught:
        client.receive(AdvertiseKeysRequest(params=proposal(house, session)).encode())
    assert caught.value.rule is rule
    assert rule in str(caught.value)
    assert client._state == Aborted()


def test_every_rule_has_a_violation_above():
    assert {rule for rule, _, _ in VIOLATIONS} == set(PolicyRule)


def test_a_cohort_below_the_minimum_is_refused(house):
    params = house.params()
    house.policy(min_cohort=4).check(params)
    with pytest.raises(PolicyViolationError) as caught:
        house.policy(min_cohort=5).check(params)
    assert caught.value.rule is PolicyRule.MIN_COHORT


def test_a_stranger_in_the_roster_is_named(house):
    with pytest.raises(PolicyViolationError, match=r"\[4\]"):
        house.policy(4).check(house.params(5))


def test_a_session_that_does_not_invite_the_client_is_refused(house):
    params = house.params(4)
    others = replace(house.params(3), vector_length=params.vector_length)
    with pytest.raises(PolicyViolationError, match="itself") as caught:
        house.client(params, 3).receive(AdvertiseKeysRequest(params=others).encode())
    assert caught.value.rule is PolicyRule.ROSTER


def test_a_coordinate_beyond_the_bound_is_refused_on_either_side(house):
    params = house.params(modulus_bits=64, max_abs_input=2**60)
    for extreme, fits in ((2**60, True), (-(2**60), True), (2**60 + 1, False), (-(2**63), False), (2**63 - 1, False)):
        vector = house.vector(params, 0)
        vector[3] = extreme
        client = house.client(params, 0, vector=vector)
        request = AdvertiseKeysRequest(params=params).encode()
        if fits:
            client.receive(request)
        else:
            with pytest.raises(PolicyViolationError, match="max_abs_input") as caught:
                client.receive(request)
            assert caught.value.rule is PolicyRule.VECTOR


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
    ],
)
def test_a_policy_that_means_nothing_is_refused(house, changes):
    with pytest.raises(ParametersError, match="policy"):
        house.policy(**changes)
