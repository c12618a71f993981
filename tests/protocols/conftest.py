"""An honest cohort over an in-memory wire, deterministic to the last byte, for tests to bend one thing at a time."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache, partial
from hashlib import sha256, shake_256
from types import MappingProxyType

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import (
    CLIENT_RANDOM_BYTES,
    Client,
    ClientPolicy,
    FaultyServerError,
    Server,
    SessionParams,
    VectorSpec,
)
from protocols.graph import Graph
from protocols.held import Held

ROUNDS = 5


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


@cache
def identity(index: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(digest(f"identity {index}"))


@cache
def public(index: int) -> bytes:
    return identity(index).public_key().public_bytes_raw()


SERVER_KEY = public(-1)


def make_spec(**changes) -> VectorSpec:
    return VectorSpec(**({"name": "update", "length": 6, "modulus_bits": 32, "max_abs_input": 15} | changes))


def make_params(clients: int = 4, **changes) -> SessionParams:
    """A complete graph with nobody corrupt, one vector; fields of `VectorSpec` may be given too, for that vector."""
    vector = {name: changes.pop(name) for name in ("length", "modulus_bits", "max_abs_input") if name in changes}
    degree, corrupt = changes.get("degree", clients - 1), changes.get("corrupt", 0)
    threshold = changes.get("threshold", (degree + corrupt) // 2 + 1)
    defaults = {
        "session": 7,
        "iteration": 3,
        "server_key": SERVER_KEY,
        "identities": tuple(public(index) for index in range(clients)),
        "vectors": (make_spec(**vector),),
        "degree": degree,
        "threshold": threshold,
        "corrupt": corrupt,
        "min_survivors": max(threshold + 1, (clients + corrupt) // 2 + 1, corrupt + 2),
        "model_digest": digest("model"),
        "architecture_digest": digest("architecture"),
        "anchors_digest": digest("anchors"),
        "privacy_digest": digest("privacy"),
    }
    return SessionParams(**(defaults | changes))


def make_policy(clients: int = 4, **changes) -> ClientPolicy:
    defaults = {
        "roster": frozenset(public(index) for index in range(clients)),
        "min_cohort": 2,
        "min_survivors": 2,
        "min_corrupt": 0,
        "server_key": SERVER_KEY,
        "iteration": 3,
        "last_session": 6,
        "vectors": (make_spec(),),
        "architectures": frozenset({digest("architecture"), digest("other architecture")}),
        "model_digest": digest("model"),
        "anchors_digest": digest("anchors"),
        "privacy_digest": digest("privacy"),
    }
    return ClientPolicy(**(defaults | changes))


def make_vectors(params: SessionParams, index: int) -> dict[str, np.ndarray]:
    """Uniform in the allowed range, both ends included and both present."""
    vectors = {}
    for number, spec in enumerate(params.vectors):
        generator = np.random.default_rng([index, number])
        vector = generator.integers(-spec.max_abs_input, spec.max_abs_input, spec.length, endpoint=True)
        vector[:2] = (spec.max_abs_input, -spec.max_abs_input)[: spec.length]
        vectors[spec.name] = vector
    return vectors


def make_client(
    params: SessionParams, index: int, *, vectors: Callable[[], Mapping[str, np.ndarray]] | None = None, **policy
) -> Client:
    """A client that agreed to these parameters, but for what `policy` says; its clock stands still."""
    agreed = {"iteration": params.iteration, "vectors": params.vectors, "server_key": params.server_key}
    return Client(
        identity=identity(index),
        policy=make_policy(params.clients, **(agreed | policy)),
        vectors=vectors or partial(make_vectors, params, index),
        random=shake_256(b"random %d" % index).digest(CLIENT_RANDOM_BYTES),
        clock=lambda: 1000.0,
    )


def twin(client: Client) -> Client:
    """Another client in the same state: what happens to one does not happen to the other."""
    other = copy(client)
    other._held = Held(client._held.look())
    return other


@dataclass
class Cohort:
    """A server and its clients; `requests[r][i]` and `responses[r][i]` are what crossed the wire in round r."""

    params: SessionParams
    clients: list[Client] = field(init=False)
    server: Server = field(init=False)
    requests: list[dict[int, bytes]] = field(init=False)
    responses: list[dict[int, bytes]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.clients = [make_client(self.params, index) for index in range(self.params.clients)]
        self.server = Server(self.params)
        self.requests = [dict(self.server.start())]

    def run(self, rounds: int = ROUNDS, *, silent_from: dict[int, int] = MappingProxyType({})) -> "Cohort":
        """Plays honest rounds; client i answers only rounds before `silent_from[i]`. The next requests are not sent."""
        while len(self.responses) < rounds:
            number = len(self.responses)
            asked = {i: data for i, data in self.requests[number].items() if number < silent_from.get(i, ROUNDS)}
            self.responses.append(self.answers(asked))
            for index, response in self.responses[number].items():
                self.server.receive(index, response)
            self.requests.append(dict(self.server.close_round()))
        return self

    def answers(self, requests: Mapping[int, bytes]) -> dict[int, bytes]:
        """What clients answer to an honest server; in a sparse graph too few neighbors may be left for one to go on."""
        given = {}
        for index, request in requests.items():
            try:
                given[index] = self.clients[index].receive(request)
            except FaultyServerError:
                if self.params.degree == self.params.clients - 1:
                    raise
        return given

    def fork(self, server: Server) -> Server:
        """Another server in the same state, in an open round: what happens to one does not happen to the other."""
        twin, state = Server(self.params), server._held.look()
        changes = {"received": copy(state.received)}
        if hasattr(state, "accumulator"):
            changes["accumulator"] = [total.copy() for total in state.accumulator]
        twin._held = Held(replace(state, **changes))
        return twin

    @property
    def graph(self) -> Graph:
        """The graph that the server computed; there is one from round 1 on."""
        return self.server._held.look().graph

    def sum_of(self, indices) -> dict[str, np.ndarray]:
        """The sums of these clients' vectors, by name."""
        inputs = [make_vectors(self.params, index) for index in indices]
        return {spec.name: np.sum([vectors[spec.name] for vectors in inputs], axis=0) for spec in self.params.vectors}

    def check_aggregate(self, survivors) -> None:
        """The server has exactly the sum of these clients' vectors."""
        assert self.server.survivors == tuple(sorted(survivors))
        aggregate, expected = self.server.aggregate(), self.sum_of(survivors)
        assert aggregate.keys() == expected.keys()
        for name, vector in aggregate.items():
            assert vector.dtype == np.int64
            assert vector.tolist() == expected[name].tolist()


@dataclass(frozen=True)
class House:
    """Everything above under one name, because test modules cannot import from this file."""

    identity = staticmethod(identity)
    public = staticmethod(public)
    digest = staticmethod(digest)
    params = staticmethod(make_params)
    policy = staticmethod(make_policy)
    spec = staticmethod(make_spec)
    vectors = staticmethod(make_vectors)
    client = staticmethod(make_client)
    twin = staticmethod(twin)

    @staticmethod
    def cohort(clients: int = 4, **changes) -> Cohort:
        return Cohort(make_params(clients, **changes))

    @staticmethod
    def bend(data: bytes, message: type, params: SessionParams, **changes) -> bytes:
        """Decodes an honest message, changes some fields, encodes it again."""
        return replace(message.decode(data, params), **changes).encode(params)


@pytest.fixture(scope="session")
def house() -> House:
    return House()
