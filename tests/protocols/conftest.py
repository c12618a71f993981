"""An honest cohort over an in-memory wire, deterministic to the last byte, for tests to bend one thing at a time."""

from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256, shake_256
from types import MappingProxyType

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, Server, SessionParams

ROUNDS = 5


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


@cache
def identity(index: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(digest(f"identity {index}"))


@cache
def public(index: int) -> bytes:
    return identity(index).public_key().public_bytes_raw()


def make_params(clients: int = 4, **changes) -> SessionParams:
    threshold = changes.get("threshold", clients // 2 + 1)
    defaults = {
        "iteration": 7,
        "identities": tuple(public(index) for index in range(clients)),
        "vector_length": 6,
        "modulus_bits": 32,
        "threshold": threshold,
        "corrupt": 0,
        "min_survivors": threshold,
        "max_abs_input": 15,
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
        "last_iteration": 6,
        "architectures": frozenset({digest("architecture"), digest("other architecture")}),
        "model_digest": digest("model"),
        "anchors_digest": digest("anchors"),
        "privacy_digest": digest("privacy"),
    }
    return ClientPolicy(**(defaults | changes))


def make_vector(params: SessionParams, index: int) -> np.ndarray:
    """Uniform in the allowed range, both ends included and both present."""
    generator = np.random.default_rng(index)
    vector = generator.integers(-params.max_abs_input, params.max_abs_input, params.vector_length, endpoint=True)
    vector[:2] = (params.max_abs_input, -params.max_abs_input)[: params.vector_length]
    return vector


def make_client(params: SessionParams, index: int, *, vector: np.ndarray | None = None, **policy) -> Client:
    return Client(
        identity=identity(index),
        policy=make_policy(params.clients, **policy),
        vector=make_vector(params, index) if vector is None else vector,
        random=shake_256(b"random %d" % index).digest(CLIENT_RANDOM_BYTES),
    )


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
        self.requests = [self.server.start()]

    def run(self, rounds: int = ROUNDS, *, silent_from: dict[int, int] = MappingProxyType({})) -> "Cohort":
        """Plays honest rounds; client i answers only rounds before `silent_from[i]`. The next requests are not sent."""
        while len(self.responses) < rounds:
            number = len(self.responses)
            self.responses.append({})
            for index, request in self.requests[number].items():
                if number < silent_from.get(index, ROUNDS):
                    self.responses[number][index] = self.clients[index].receive(request)
                    self.server.receive(index, self.responses[number][index])
            self.requests.append(self.server.close_round())
        return self

    def sum_of(self, indices) -> np.ndarray:
        return np.sum([make_vector(self.params, index) for index in indices], axis=0)


@dataclass(frozen=True)
class House:
    """Everything above under one name, because test modules cannot import from this file."""

    identity = staticmethod(identity)
    public = staticmethod(public)
    digest = staticmethod(digest)
    params = staticmethod(make_params)
    policy = staticmethod(make_policy)
    vector = staticmethod(make_vector)
    client = staticmethod(make_client)

    @staticmethod
    def cohort(clients: int = 4, **changes) -> Cohort:
        return Cohort(make_params(clients, **changes))

    @staticmethod
    def bend(data: bytes, message: type, params: SessionParams, **changes) -> bytes:
        """Decodes an honest message, changes some fields, encodes it again."""
        return replace(message.decode(data, params), **changes).encode()


@pytest.fixture(scope="session")
def house() -> House:
    return House()
