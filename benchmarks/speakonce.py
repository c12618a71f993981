"""What speaking once costs a client, a member of the committee and the server, beside the same limit.

`python -m benchmarks.secagg --protocol speakonce`. All clients are real; the dropouts never speak. A client's masks are
what follows the moment it is asked for its vectors: adding masks, packing, hashing and signing; its keys and shares are
all before. A member's time is all of its three answers.
"""

import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import process_time

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import ClientPolicy, ParametersError, VectorSpec
from protocols.graph import SECURITY_BITS
from protocols.speakonce import CLIENT_RANDOM_BYTES, Client, Prekeys, Server, WindowParams, WindowPolicy, parameters
from protocols.speakonce.committee import CommitteeParameters, check

from .cohort import CORRUPT, VECTOR, timed, uniform_vector

SPEAK, OPEN_BOXES, CONSISTENCY_CHECK, UNMASKING = range(4)
"""The rounds."""


@dataclass(kw_only=True)
class Window:
    """Real clients and their server.

    Attributes:
        params: The window.
        clients: All of them; their prekeys are published.
        policy: What every one of them insists on.
    """

    params: WindowParams
    clients: list[Client]
    policy: WindowPolicy

    def vector(self, index: int) -> NDArray[np.int64]:
        """Client `index`'s vector, uniform in the allowed range; the same one every time."""
        (spec,) = self.params.vectors
        return uniform_vector(spec, index)

    def check_aggregate(self, server: Server) -> None:
        """Compares a finished server's sum with the integers its survivors brought.

        Raises:
            SystemExit: they differ.
        """
        rest = server.aggregate()[VECTOR]
        for survivor in server.survivors:
            rest -= self.vector(survivor)
        if rest.any():
            raise SystemExit("the sum is wrong")


def open_window(clients: int, *, degree: int | None, dropout: float, length: int, modulus_bits: int) -> Window:
    """Opens a window of the sizes that the calculator finds; with a degree, of that ring and its lowest secure floor.

    Raises:
        SystemExit: no client would speak; says why.
    """
    keys = [Ed25519PrivateKey.generate() for _ in range(clients)]
    server_key = bytes(32)
    parties = [
        Client(identity=key, server_key=server_key, session=1, random=os.urandom(CLIENT_RANDOM_BYTES)) for key in keys
    ]
    try:
        found = parameters(clients, corrupt=CORRUPT, dropout=dropout)
        sizes = {"degree": found.degree, "floor": found.floor} if degree is None else _ring(clients, degree, found)
    except ParametersError as error:
        raise SystemExit(str(error)) from error
    bound = ((1 << (modulus_bits - 1)) - 1) // clients
    params = WindowParams(
        session=1,
        iteration=1,
        server_key=server_key,
        identities=tuple(key.public_key().public_bytes_raw() for key in keys),
        prekeys=tuple(Prekeys.decode(party.publish()) for party in parties),
        vectors=(VectorSpec(name=VECTOR, length=length, modulus_bits=modulus_bits, max_abs_input=bound),),
        **sizes,
        members=found.members,
        quorum=found.quorum,
        corrupt=found.corrupt,
        min_survivors=found.min_survivors,
        beacon=os.urandom(32),
        end=0,
    )
    policy = WindowPolicy(
        terms=ClientPolicy(
            roster=frozenset(params.identities),
            min_cohort=clients,
            min_survivors=params.min_survivors,
            min_corrupt=params.corrupt,
            server_key=server_key,
            iteration=1,
            last_session=0,
            vectors=params.vectors,
        ),
        frozen_digest=params.frozen_digest,
        beacon=params.beacon,
        latest_end=0,
    )
    return Window(params=params, clients=parties, policy=policy)


def _ring(clients: int, degree: int, found: CommitteeParameters) -> dict[str, int]:
    if degree == clients - 1:
        return {"degree": degree, "floor": 0}
    problem = ""
    for floor in range(1, degree // 2 + 1):
        try:
            check(
                clients,
                members=found.members,
                quorum=found.quorum,
                degree=degree,
                floor=floor,
                corrupt=found.corrupt,
                security_bits=SECURITY_BITS,
            )
        except ParametersError as error:
            problem = str(error)
        else:
            return {"degree": degree, "floor": floor}
    raise ParametersError(problem or f"degree {degree} is too low")


@dataclass(kw_only=True)
class Recorded:
    """What crossed the wire in one window, and what it cost; mappings are by client."""

    responses: list[dict[int, bytes]] = field(default_factory=list)
    shares_ms: dict[int, float] = field(default_factory=dict)
    mask_ms: dict[int, float] = field(default_factory=dict)
    member_ms: dict[int, float] = field(default_factory=dict)
    member_down: dict[int, int] = field(default_factory=dict)


def play(window: Window, absent: int, after_each: Callable[[], object] = lambda: None) -> tuple[Recorded, Server]:
    """Plays a window; the first `absent` clients never speak."""
    recorded, server = Recorded(), Server(window.params)
    requests, responses = server.start(), {}
    for index in range(absent, window.params.clients):
        asked: list[float] = []
        vector = {VECTOR: window.vector(index)}  # it is there when it is asked for

        def vectors(
            vector: Mapping[str, NDArray[np.int64]] = vector, asked: list[float] = asked
        ) -> Mapping[str, NDArray[np.int64]]:
            asked.append(process_time())
            return vector

        start = process_time()
        responses[index] = window.clients[index].speak(requests[index], policy=window.policy, vectors=vectors)
        recorded.mask_ms[index] = 1000 * (process_time() - asked[0])
        recorded.shares_ms[index] = 1000 * (asked[0] - start)
        server.receive(index, responses[index])
        after_each()
    recorded.responses.append(responses)
    while requests := server.close_round():
        responses = {}
        for member, request in requests.items():
            elapsed, responses[member] = timed(window.clients[member].receive, request)
            recorded.member_ms[member] = recorded.member_ms.get(member, 0.0) + elapsed
            recorded.member_down[member] = recorded.member_down.get(member, 0) + len(request)
            server.receive(member, responses[member])
        recorded.responses.append(responses)
    window.check_aggregate(server)
    return recorded, server


def replay(window: Window, recorded: Recorded) -> tuple[float, Server]:
    """Plays recorded responses to a fresh server; returns CPU milliseconds of its last round, and the server."""
    server, elapsed = Server(window.params), 0.0
    requests = server.start()

    def take(received: Mapping[int, bytes]) -> Mapping[int, bytes]:
        for index, response in received.items():
            server.receive(index, bytes(memoryview(response)))
        return server.close_round()

    for received in recorded.responses:
        deque(requests.values(), maxlen=0)
        elapsed, requests = timed(take, received)
    return elapsed, server


def masks_left(window: Window, server: Server) -> int:
    """Counts the masks the server expands: one for each survivor, and its pairwise ones with everybody else."""
    survivors = frozenset(server.survivors)
    return sum(len(window.params.released(owner, survivors)) for owner in survivors)
