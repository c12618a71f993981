from dataclasses import replace

import pytest

from protocols.errors import InvalidSignatureError
from protocols.graph import Graph
from protocols.secagg.statements import (
    advertise,
    commit,
    sign_survivors,
    verify_advertisement,
    verify_survivors,
)

KEYS = {"seal_key": b"s" * 32, "mask_key": b"m" * 32, "commitment": b"c" * 32}


def test_an_advertisement_speaks_for_its_client_place_and_session(house):
    params = house.params()
    advertisement = advertise(params, 1, house.identity(1), **KEYS)
    verify_advertisement(params, 1, advertisement)
    for index in (0, 2):
        with pytest.raises(InvalidSignatureError):
            verify_advertisement(params, index, advertisement)
    with pytest.raises(InvalidSignatureError):
        verify_advertisement(replace(params, session=8), 1, advertisement)


@pytest.mark.parametrize("name", ["seal_key", "mask_key", "commitment"])
def test_an_advertisement_covers_each_of_its_fields(house, name):
    params = house.params()
    advertisement = advertise(params, 1, house.identity(1), **KEYS)
    with pytest.raises(InvalidSignatureError):
        verify_advertisement(params, 1, replace(advertisement, **{name: b"x" * 32}))


def test_keys_cannot_change_places(house):
    params = house.params()
    advertisement = advertise(params, 1, house.identity(1), **KEYS)
    swapped = replace(advertisement, seal_key=advertisement.mask_key, mask_key=advertisement.seal_key)
    with pytest.raises(InvalidSignatureError):
        verify_advertisement(params, 1, swapped)


def graph_of(params, altered=None):
    """The graph over four advertisements, one of them altered."""
    digests = {index: bytes([index, index == altered]) + bytes(30) for index in range(4)}
    return Graph.over(params.session_id, params.degree, digests)


def test_a_survivor_signature_speaks_for_one_set_one_graph_one_session_and_one_client(house):
    params = house.params()
    other = replace(params, session=8)
    graph = graph_of(params)
    signature = sign_survivors(graph, house.identity(1), {0, 1, 2})
    verify_survivors(params, graph, 1, {2, 1, 0}, signature)
    for index, survivors, seen in (
        (0, {0, 1, 2}, graph),
        (1, {0, 1, 2, 3}, graph),
        (1, {0, 1}, graph),
        (1, {0, 1, 2}, graph_of(params, altered=3)),
        (1, {0, 1, 2}, graph_of(other)),
    ):
        with pytest.raises(InvalidSignatureError):
            verify_survivors(params, seen, index, survivors, signature)


def test_neither_statement_passes_for_the_other(house):
    params = house.params()
    graph = graph_of(params)
    signature = sign_survivors(graph, house.identity(1), {0, 1, 2})
    advertisement = advertise(params, 1, house.identity(1), **KEYS)
    with pytest.raises(InvalidSignatureError):
        verify_advertisement(params, 1, replace(advertisement, signature=signature))
    with pytest.raises(InvalidSignatureError):
        verify_survivors(params, graph, 1, {0, 1, 2}, advertisement.signature)


def test_a_commitment_binds_session_index_and_seed(house):
    params = house.params()
    commitments = {
        commit(params, 1, bytes(32)),
        commit(params, 2, bytes(32)),
        commit(params, 1, bytes(31) + b"\1"),
        commit(replace(params, session=8), 1, bytes(32)),
    }
    assert len(commitments) == 4
    assert {len(commitment) for commitment in commitments} == {32}
