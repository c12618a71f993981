"""A committee and its clients over an in-memory wire, deterministic to the last byte, for tests to bend one thing.

Who takes part is `threat_models.windows.parties`; what is added here is all that crosses the wire, round by round.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from protocols import FaultyServerError, VectorSpec
from protocols.held import Held
from protocols.speakonce.client import Client
from protocols.speakonce.params import WindowParams
from protocols.speakonce.policy import WindowPolicy
from protocols.speakonce.server import Server
from threat_models.adversaries.parties import SERVER_KEY, SESSION, identity
from threat_models.windows.parties import policy_for, randomness, window

SEED = 0
ROUNDS = 4


def make_client(index: int, **changes) -> Client:
    random = randomness(SEED, index)
    defaults = {"identity": identity(index), "server_key": SERVER_KEY, "session": SESSION, "random": random}
    return Client(**(defaults | changes))


def make_params(clients: int = 4, **changes) -> WindowParams:
    """Everyone is a neighbor and a member, nobody corrupt; fields of `VectorSpec` may be given too."""
    vector = {"name": "update", "length": 6, "modulus_bits": 32, "max_abs_input": 15}
    vector |= {name: changes.pop(name) for name in tuple(changes) if name in vector}
    return window(clients, seed=SEED, **({"vectors": (VectorSpec(**vector),)} | changes))


def make_policy(params: WindowParams, **changes) -> WindowPolicy:
    """What a client insists on that would agree to smaller windows, too."""
    return policy_for(params, **({"min_cohort": 2, "min_survivors": 2, "min_corrupt": 0} | changes))


def make_vectors(params: WindowParams, index: int) -> dict[str, np.ndarray]:
    """Uniform in the allowed range, both ends included and both present."""
    vectors = {}
    for number, spec in enumerate(params.vectors):
        generator = np.random.default_rng([index, number])
        vector = generator.integers(-spec.max_abs_input, spec.max_abs_input, spec.length, endpoint=True)
        vector[:2] = (spec.max_abs_input, -spec.max_abs_input)[: spec.length]
        vectors[spec.name] = vector
    return vectors


@dataclass
class Cohort:
    """A server and its clients; `requests[r][i]` and `responses[r][i]` are what crossed the wire in round r."""

    params: WindowParams
    clients: list[Client] = field(init=False)
    server: Server = field(init=False)
    requests: list[dict[int, bytes]] = field(init=False)
    responses: list[dict[int, bytes]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.clients = [make_client(index) for index in range(self.params.clients)]
        self.server = Server(self.params, recall=lambda index: self.responses[0][index])
        self.requests = [dict(self.server.start())]

    def twin(self) -> "Cohort":
        """The same clients in the same states before a new server; asked again, they say the same again."""
        twin = Cohort(self.params)
        for client, original in zip(twin.clients, self.clients, strict=True):
            client._held = Held(original._held.look())
        return twin

    def answer(self, number: int, index: int, request: bytes, **policy) -> bytes:
        client = self.clients[index]
        if number:
            return client.receive(request)
        return client.speak(
            request, policy=make_policy(self.params, **policy), vectors=lambda: make_vectors(self.params, index)
        )

    def run(
        self,
        rounds: int = ROUNDS,
        *,
        silent_from: Mapping[int, int] | None = None,
        bend: Callable[[int, int, bytes], bytes] = lambda _number, _index, response: response,
    ) -> "Cohort":
        """Plays honest rounds; client i answers only rounds before `silent_from[i]`; `bend` alters what it says."""
        while len(self.responses) < rounds:
            number = len(self.responses)
            self.responses.append({})
            for index, request in self.requests[number].items():
                if number < (silent_from or {}).get(index, ROUNDS):
                    self.responses[number][index] = bend(number, index, self.answer(number, index, request))
            for index, response in self.responses[number].items():
                self.server.receive(index, response)
            self.requests.append(dict(self.server.close_round()))
        return self

    def refuses(self, index: int, request: bytes, sentence: str) -> None:
        with pytest.raises(FaultyServerError, match=sentence):
            self.clients[index].receive(request)
        assert self.clients[index].finished

    def bent(self, number: int, index: int, message: type, **changes) -> bytes:
        """An honest request with some fields changed."""
        return replace(message.decode(self.requests[number][index], self.params), **changes).encode(self.params)

    def sum_of(self, indices) -> dict[str, np.ndarray]:
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
class Village:
    """Everything above under one name, because test modules cannot import from this file."""

    identity = staticmethod(identity)
    params = staticmethod(make_params)
    policy = staticmethod(make_policy)
    vectors = staticmethod(make_vectors)
    client = staticmethod(make_client)

    @staticmethod
    def cohort(clients: int = 4, **changes) -> Cohort:
        return Cohort(make_params(clients, **changes))


@pytest.fixture(scope="session")
def village() -> Village:
    return Village()
