from dataclasses import fields, replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import ParametersError, SessionParams, VectorSpec
from protocols.codec import Reader
from protocols.errors import MalformedMessageError


def test_parameters_survive_their_encoding(house):
    vectors = (house.spec(), house.spec(name="a", length=1, modulus_bits=11), house.spec(name="z" * 63, length=9000))
    for params in (
        house.params(5, corrupt=1, threshold=4, vectors=vectors),
        house.params(12, degree=6, vectors=vectors[::-1]),
        house.params(2),
    ):
        decoded = SessionParams.decode(params.encode())
        assert decoded == params
        assert decoded.session_id == params.session_id
    assert (params.clients, params.degree, params.threshold, params.confirmations) == (2, 1, 1, 2)


def test_the_session_id_commits_to_every_field(house):
    params = house.params(6, degree=5, threshold=4, min_survivors=5)
    changes = {
        "session": 8,
        "iteration": 8,
        "server_key": house.public(9),
        "identities": (params.identities[1], params.identities[0], *params.identities[2:]),
        "vectors": (house.spec(length=7),),
        "degree": 4,
        "threshold": 3,
        "corrupt": 1,
        "min_survivors": 6,
        "model_digest": house.digest("x"),
        "architecture_digest": house.digest("x"),
        "anchors_digest": house.digest("x"),
        "privacy_digest": house.digest("x"),
        "training_digest": house.digest("x"),
        "checkpoint_digest": house.digest("x"),
    }
    others = [replace(params, **{name: value}).session_id for name, value in changes.items()]
    assert len({params.session_id, *others}) == len(changes) + 1
    # Only one version exists; it is encoded all the same.
    assert changes.keys() | {"version", "session_id"} == {item.name for item in fields(SessionParams)}
    assert params.encode()[:2] == b"\x00\x02"


def test_the_session_id_commits_to_every_field_of_every_vector_and_to_their_order(house):
    first, second = house.spec(), house.spec(name="second", modulus_bits=24)
    changes = {"name": "third", "length": 7, "modulus_bits": 25, "max_abs_input": 16}
    assert changes.keys() == {item.name for item in fields(VectorSpec)}
    lists = [(first, second), (second, first), (first,), (second,)]
    lists += [(first, replace(second, **{name: value})) for name, value in changes.items()]
    assert len({house.params(vectors=vectors).session_id for vectors in lists}) == len(lists)


def test_digests_of_different_meaning_do_not_change_places(house):
    params = house.params()
    swapped = replace(params, model_digest=params.anchors_digest, anchors_digest=params.model_digest)
    assert swapped.session_id != params.session_id


def test_the_roster_root_is_the_merkle_tree_of_rfc_6962(house):
    def leaf(data: bytes) -> bytes:
        return sha256(b"secagg/2/roster-leaf\0" + data).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"secagg/2/roster-node\0" + left + right).digest()

    a, b, c, d, e = (leaf(house.public(index)) for index in range(5))
    assert house.params(2).roster_root == node(a, b)
    assert house.params(3).roster_root == node(node(a, b), c)
    assert house.params(5).roster_root == node(node(node(a, b), node(c, d)), e)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 1}, "version"),
        ({"version": 3}, "version"),
        ({"session": 0}, "session"),
        ({"session": 2**64}, "session"),
        ({"server_key": bytes(31)}, "server_key"),
        ({"server_key": bytearray(32)}, "server_key"),
        ({"training_digest": bytes(31)}, "training_digest"),
        ({"checkpoint_digest": "c" * 32}, "checkpoint_digest"),
        ({"iteration": 0}, "iteration"),
        ({"iteration": 2**64}, "iteration"),
        ({"iteration": True}, "iteration"),
        ({"iteration": 1.0}, "iteration"),
        ({"degree": 0}, "degree"),
        ({"degree": 4}, "degree"),
        ({"degree": 3.0}, "degree"),
        ({"threshold": 4}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"corrupt": -1}, "corrupt"),
        ({"corrupt": 5}, "corrupt"),
        ({"min_survivors": 2}, "min_survivors"),
        ({"min_survivors": 5}, "min_survivors"),
        ({"model_digest": bytes(31)}, "model_digest"),
        ({"architecture_digest": b""}, "architecture_digest"),
        ({"anchors_digest": bytes(33)}, "anchors_digest"),
        ({"privacy_digest": bytearray(32)}, "privacy_digest"),
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


# Vectors


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "name"),
        ({"name": "Update"}, "name"),
        ({"name": "1st"}, "name"),
        ({"name": "_"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "\u00e9"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": b"update"}, "name"),
        ({"length": 0}, "length"),
        ({"length": 2**32}, "length"),
        ({"length": 6.0}, "length"),
        ({"modulus_bits": 7}, "modulus_bits"),
        ({"modulus_bits": 65}, "modulus_bits"),
        ({"max_abs_input": 0}, "max_abs_input"),
        ({"max_abs_input": 2**63}, "max_abs_input"),
        ({"max_abs_input": True}, "max_abs_input"),
    ],
)
def test_a_vector_out_of_range_is_refused_by_name(house, changes, problem):
    with pytest.raises(ParametersError, match=problem):
        house.spec(**changes)


def test_a_vectors_limits_are_within_reach(house):
    house.spec(name="a" + "z0_." * 15 + "zz", length=2**32 - 1, modulus_bits=64, max_abs_input=2**63 - 1)
    house.spec(name="a", length=1, modulus_bits=8, max_abs_input=1)


@given(
    st.from_regex("[a-z][a-z0-9_.]{0,62}", fullmatch=True),
    st.integers(1, 2**32 - 1),
    st.integers(8, 64),
    st.integers(1, 2**63 - 1),
)
def test_vectors_survive_their_encoding(name, length, bits, bound):
    spec = VectorSpec(name=name, length=length, modulus_bits=bits, max_abs_input=bound)
    encoding = spec.encode()
    assert encoding == bytes([len(name)]) + name.encode() + length.to_bytes(4, "big") + bytes([bits]) + bound.to_bytes(
        8, "big"
    )
    reader = Reader(encoding, "vector")
    assert VectorSpec.read(reader) == spec
    reader.finish()


@pytest.mark.parametrize(
    "name", [b"", b"A", b"a\xe9", "\u00e9".encode(), b"a" * 64, b"a\0", b"a\n"], ids=lambda name: repr(name[:9])
)
def test_a_name_that_nobody_may_give_is_refused_in_an_encoding_too(house, name):
    honest = house.params().encode()
    assert honest.count(b"\x06update") == 1
    with pytest.raises(MalformedMessageError, match="name"):
        SessionParams.decode(honest.replace(b"\x06update", bytes([len(name)]) + name))


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (2, True), (255, True), (256, False)])
def test_a_session_sums_1_to_255_vectors(house, count, fits):
    vectors = tuple(house.spec(name=f"v{number}", length=1) for number in range(count))
    if fits:
        params = house.params(vectors=vectors)
        assert SessionParams.decode(params.encode()).vectors == vectors
    else:
        with pytest.raises(ParametersError, match="vectors"):
            house.params(vectors=vectors)


def test_two_vectors_of_one_name_are_refused(house):
    with pytest.raises(ParametersError, match="distinct"):
        house.params(vectors=(house.spec(), house.spec(length=7)))


@pytest.mark.parametrize("vectors", [[], None, ("update",), (("update", 6, 32, 15),)])
def test_vectors_that_are_none_are_refused(house, vectors):
    with pytest.raises(ParametersError, match="VectorSpec"):
        house.params(vectors=vectors)
    with pytest.raises(ParametersError, match="VectorSpec"):
        house.params(vectors=[house.spec()])


def test_an_encoding_without_vectors_is_refused(house):
    honest = house.params().encode()
    start = honest.index(b"\x01\x06update")
    none = honest[:start] + b"\0" + honest[start + 1 + len(house.spec().encode()) :]
    with pytest.raises(MalformedMessageError, match="1 to 255"):
        SessionParams.decode(none)


@pytest.mark.parametrize("bits", [8, 11, 24, 32, 40, 64])
def test_a_sum_that_could_wrap_is_refused_in_any_vector(house, bits):
    largest = (2 ** (bits - 1) - 1) // 4
    first = house.spec(name="first")
    fits, overflows = (
        house.spec(name="second", modulus_bits=bits, max_abs_input=bound) for bound in (largest, largest + 1)
    )
    house.params(4, vectors=(first, fits))
    for vectors in ((first, overflows), (overflows, first)):
        with pytest.raises(ParametersError, match=r"overflows the .* 'second'"):
            house.params(4, vectors=vectors)


# Guarantees


@given(st.integers(2, 400), st.data())
def test_two_disjoint_sets_of_honest_clients_cannot_both_confirm(house, clients, data):
    """PAR-2, and with one signature less they could."""
    corrupt = data.draw(st.integers(0, clients - 2))
    params = house.params(clients, corrupt=corrupt, threshold=clients - 1, min_survivors=clients)
    needed = params.confirmations
    assert 2 * needed > clients + corrupt >= 2 * (needed - 1)
    assert max(params.threshold + 1, needed) <= params.min_survivors


@pytest.mark.parametrize("clients", [2, 3, 4, 5, 6, 9, 10])
@pytest.mark.parametrize("corrupt", [0, 1, 2, 3])
def test_in_the_complete_graph_twice_the_threshold_exceeds_degree_and_corrupt_clients(house, clients, corrupt):
    degree = clients - 1
    for threshold in range(1, degree + 1):
        changes = {"corrupt": corrupt, "threshold": threshold, "min_survivors": clients}
        if clients - corrupt < 2:
            continue
        if 2 * threshold > degree + corrupt:
            house.params(clients, **changes)
        else:
            with pytest.raises(ParametersError, match="too low"):
                house.params(clients, **changes)


@pytest.mark.parametrize("degree", [2, 4, 10])
def test_in_a_sparse_graph_any_threshold_up_to_the_degree_is_possible(house, degree):
    """Corrupt neighbors are a matter of chance there, and clients' policies judge chances (rule GRAPH)."""
    for threshold in range(1, degree + 1):
        house.params(12, degree=degree, corrupt=2, threshold=threshold, min_survivors=12)
    for threshold in (0, degree + 1):
        with pytest.raises(ParametersError, match="threshold"):
            house.params(12, degree=degree, threshold=threshold, min_survivors=12)


@pytest.mark.parametrize(("clients", "odd"), [(5, 1), (5, 3), (12, 9), (12, 1)])
def test_an_odd_degree_is_refused_unless_it_is_that_of_the_complete_graph(house, clients, odd):
    with pytest.raises(ParametersError, match=f"even number, or {clients - 1} for the complete graph"):
        house.params(clients, degree=odd, threshold=odd, min_survivors=clients)
    house.params(clients, degree=odd + 1, threshold=odd + 1, min_survivors=clients)
    house.params(odd + 1, degree=odd, threshold=odd, min_survivors=odd + 1)


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"clients": 12, "degree": 4}, 7),  # confirmations: (12 + 0) // 2 + 1
        ({"clients": 12, "degree": 4, "corrupt": 3, "threshold": 4}, 8),
        ({"clients": 12, "degree": 10, "threshold": 9}, 10),  # a client and a threshold of neighbors
        ({"clients": 9, "corrupt": 5, "threshold": 7}, 8),
        ({"clients": 3, "corrupt": 1, "threshold": 2}, 3),  # two honest vectors
        ({"clients": 2}, 2),
    ],
)
def test_the_fewest_survivors_that_may_be_promised(house, changes, least):
    house.params(**changes, min_survivors=least)
    house.params(**changes, min_survivors=changes["clients"])
    for refused in (least - 1, changes["clients"] + 1):
        with pytest.raises(ParametersError, match="min_survivors"):
            house.params(**changes, min_survivors=refused)


@given(st.integers(2, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_accepted_parameters_keep_their_promises(house, clients, corrupt, degree, threshold, min_survivors):
    try:
        params = house.params(clients, corrupt=corrupt, degree=degree, threshold=threshold, min_survivors=min_survivors)
    except ParametersError:
        return
    if params.degree == params.clients - 1:
        assert 2 * params.threshold > params.degree + params.corrupt
    else:
        assert params.degree % 2 == 0
    assert 2 * params.confirmations > params.clients + params.corrupt
    assert params.min_survivors >= params.corrupt + 2
    assert max(params.threshold + 1, params.confirmations) <= params.min_survivors <= params.clients


@pytest.mark.parametrize("clients", [2, 3, 4, 9])
def test_all_but_two_may_be_corrupt_and_no_more(house, clients):
    house.params(clients, corrupt=clients - 2, threshold=clients - 1, min_survivors=clients)
    with pytest.raises(ParametersError):
        house.params(clients, corrupt=clients - 1, threshold=clients - 1, min_survivors=clients)


def test_no_sum_may_be_the_vector_of_one_honest_client(house):
    house.params(12, degree=4, threshold=3, corrupt=10, min_survivors=12)
    with pytest.raises(ParametersError, match=r"two honest .* at least 13"):
        house.params(12, degree=4, threshold=3, corrupt=11, min_survivors=12)


@given(st.data())
def test_a_bent_encoding_is_refused_or_is_another_session(house, data):
    params = house.params(vectors=(house.spec(), house.spec(name="b", length=3, modulus_bits=11)))
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
