from dataclasses import fields, replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import ParametersError, SessionParams
from protocols.errors import MalformedMessageError


def test_parameters_survive_their_encoding(house):
    params = house.params(5, corrupt=1, threshold=4)
    decoded = SessionParams.decode(params.encode())
    assert decoded == params
    assert decoded.session_id == params.session_id
    assert (params.clients, params.degree, params.quorum) == (5, 4, 4)


def test_the_session_id_commits_to_every_field(house):
    params = house.params(5, threshold=4)
    changes = {
        "iteration": 8,
        "identities": (params.identities[1], params.identities[0], *params.identities[2:]),
        "vector_length": 7,
        "modulus_bits": 33,
        "threshold": 3,
        "corrupt": 1,
        "min_survivors": 5,
        "max_abs_input": 16,
        "model_digest": house.digest("x"),
        "architecture_digest": house.digest("x"),
        "anchors_digest": house.digest("x"),
        "privacy_digest": house.digest("x"),
    }
    others = [replace(params, **{name: value}).session_id for name, value in changes.items()]
    assert len({params.session_id, *others}) == len(changes) + 1
    # Only one version exists; it is encoded all the same.
    assert changes.keys() | {"version", "session_id"} == {item.name for item in fields(SessionParams)}
    assert params.encode()[:2] == b"\x00\x01"


def test_digests_of_different_meaning_do_not_change_places(house):
    params = house.params()
    swapped = replace(params, model_digest=params.anchors_digest, anchors_digest=params.model_digest)
    assert swapped.session_id != params.session_id


def test_the_roster_root_is_the_merkle_tree_of_rfc_6962(house):
    def leaf(data: bytes) -> bytes:
        return sha256(b"secagg/1/roster-leaf\0" + data).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"secagg/1/roster-node\0" + left + right).digest()

    a, b, c, d, e = (leaf(house.public(index)) for index in range(5))
    assert house.params(2).roster_root == node(a, b)
    assert house.params(3).roster_root == node(node(a, b), c)
    assert house.params(5).roster_root == node(node(node(a, b), node(c, d)), e)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 2}, "version"),
        ({"iteration": 0}, "iteration"),
        ({"iteration": 2**64}, "iteration"),
        ({"iteration": True}, "iteration"),
        ({"iteration": 1.0}, "iteration"),
        ({"vector_length": 0}, "vector_length"),
        ({"vector_length": 2**32}, "vector_length"),
        ({"modulus_bits": 7}, "modulus_bits"),
        ({"modulus_bits": 65}, "modulus_bits"),
        ({"threshold": 5}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"corrupt": -1}, "corrupt"),
        ({"min_survivors": 2}, "min_survivors"),
        ({"min_survivors": 5}, "min_survivors"),
        ({"max_abs_input": 0}, "max_abs_input"),
        ({"model_digest": bytes(31)}, "digests"),
        ({"architecture_digest": b""}, "digests"),
        ({"anchors_digest": bytes(33)}, "digests"),
        ({"privacy_digest": bytearray(32)}, "digests"),
        ({"identities": ()}, "identities"),
        ({"identities": (bytes(32),)}, "identities"),
        ({"identities": (bytes(32), bytes(31))}, "identities"),
        ({"identities": [bytes(32), b"1" * 32]}, "identities"),
        ({"identities": (bytes(32), bytes(32), b"1" * 32, b"2" * 32)}, "distinct"),
    ],
)
def test_a_field_out_of_range_is_refused_by_name(house, changes, problem):
    with pytest.raises(ParametersError, match=problem):
        replace(house.params(), **changes)


@pytest.mark.parametrize(
    ("clients", "corrupt", "threshold", "fits"),
    [
        (4, 0, 2, False),
        (4, 0, 3, True),
        (5, 1, 3, False),
        (5, 1, 4, True),
        (5, 0, 3, True),
        (6, 2, 4, False),
        (6, 2, 5, True),
    ],
)
def test_two_disjoint_survivor_sets_cannot_both_reach_the_threshold(house, clients, corrupt, threshold, fits):
    if fits:
        house.params(clients, corrupt=corrupt, threshold=threshold, min_survivors=clients)
    else:
        with pytest.raises(ParametersError, match="too low"):
            house.params(clients, corrupt=corrupt, threshold=threshold, min_survivors=clients)


@given(st.integers(2, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9))
def test_accepted_parameters_keep_their_promises(house, clients, corrupt, threshold, min_survivors):
    try:
        params = house.params(clients, corrupt=corrupt, threshold=threshold, min_survivors=min_survivors)
    except ParametersError:
        return
    assert 2 * params.threshold > params.clients + params.corrupt
    assert params.min_survivors >= params.corrupt + 2
    assert params.threshold <= params.min_survivors <= params.clients


def test_no_sum_may_be_the_vector_of_one_honest_client(house):
    with pytest.raises(ParametersError, match="two honest"):
        house.params(3, corrupt=2, threshold=3)
    house.params(3, corrupt=1, threshold=3)
    with pytest.raises(ParametersError, match="two honest"):
        house.params(1, identities=(house.public(0), house.public(1)), threshold=2, corrupt=1)


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 40, 64])
def test_a_sum_that_could_wrap_is_refused(house, bits):
    largest = (2 ** (bits - 1) - 1) // 4
    house.params(4, modulus_bits=bits, max_abs_input=largest)
    with pytest.raises(ParametersError, match="overflows"):
        house.params(4, modulus_bits=bits, max_abs_input=largest + 1)


@given(st.data())
def test_a_bent_encoding_is_refused_or_is_another_session(house, data):
    params = house.params()
    encoding = bytearray(params.encode())
    kind = data.draw(st.sampled_from(["truncate", "extend", "flip"]))
    if kind == "truncate":
        del encoding[data.draw(st.integers(0, len(encoding) - 1)) :]
    elif kind == "extend":
        encoding += data.draw(st.binary(min_size=1, max_size=40))
    else:
        bit = data.draw(st.integers(0, 8 * len(encoding) - 1))
        encoding[bit // 8] ^= 1 << bit % 8
    try:
        decoded = SessionParams.decode(bytes(encoding))
    except MalformedMessageError:
        return
    assert kind == "flip"
    assert decoded.session_id != params.session_id
    assert decoded.encode() == encoding
