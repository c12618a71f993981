"""What the benchmarks share: whole cohorts of real parties in this process, and the CPU time each of them takes."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil
from time import monotonic, perf_counter, process_time
from typing import Self, TypeVar

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import (
    CLIENT_RANDOM_BYTES,
    Client,
    ClientPolicy,
    Crew,
    ParametersError,
    PolicyViolationError,
    Server,
    SessionParams,
    VectorSpec,
)
from protocols.masking import ALONE
from threat_models.adversaries.parties import policy_for

ADVERTISE_KEYS, SHARE_KEYS, MASKED_INPUT, CONSISTENCY_CHECK, UNMASKING = range(5)
"""The rounds."""
ROUNDS = ("AdvertiseKeys", "ShareKeys", "MaskedInput", "ConsistencyCheck", "Unmasking")
VECTOR = "update"
"""Name of the one vector that is summed."""
CORRUPT = 0.05
"""Share of the clients that may collude with the server: gamma of Bell et al., CCS 2020."""

T = TypeVar("T")


def timed(work: Callable[..., T], *arguments: object, crew: Crew = ALONE) -> tuple[float, T]:
    """Returns the milliseconds of a call, CPU time of one thread or, of several, wall time; and what it returned."""
    clock = process_time if crew.size == 1 else perf_counter
    start = clock()
    result = work(*arguments)
    return 1000 * (clock() - start), result


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Clients with real identities and one policy; nothing of the size of a vector is kept.

    Attributes:
        params: The session they are invited to.
        keys: Their identities, by index.
        crew: Who folds masks in and out, for each of them and for the server.
    """

    params: SessionParams
    keys: Sequence[Ed25519PrivateKey]
    crew: Crew = ALONE

    @classmethod
    def invite(
        cls,
        keys: Sequence[Ed25519PrivateKey],
        *,
        degree: int,
        threshold: int,
        corrupt: int,
        survivors: int,
        length: int,
        modulus_bits: int,
    ) -> Self:
        """Invites the owners of `keys` to sum one vector.

        Args:
            keys: Long-lived identities, by index.
            degree: Neighbors of each client.
            threshold: Neighbors whose shares give back a secret.
            corrupt: Clients that may collude with the server.
            survivors: How many clients must stay for a sum; raised to what the parameters ask for at least.
            length: Coordinates of the vector.
            modulus_bits: Bits of a coordinate.

        Raises:
            ParametersError: nobody should run a session with these parameters.
            PolicyViolationError: no client takes part in one.
        """
        bound = ((1 << (modulus_bits - 1)) - 1) // len(keys)
        digests = {f"{name}_digest": bytes(32) for name in ("model", "architecture", "anchors", "privacy")}
        params = SessionParams(
            session=1,
            iteration=1,
            server_key=bytes(32),
            identities=tuple(key.public_key().public_bytes_raw() for key in keys),
            vectors=(VectorSpec(name=VECTOR, length=length, modulus_bits=modulus_bits, max_abs_input=bound),),
            degree=degree,
            threshold=threshold,
            corrupt=corrupt,
            min_survivors=max(survivors, threshold + 1, (len(keys) + corrupt) // 2 + 1, corrupt + 2),
            **digests,
        )
        cohort = cls(params=params, keys=keys)
        cohort.policy.check(params)
        return cohort

    @cached_property
    def policy(self) -> ClientPolicy:
        """What every client insists on: exactly this session, secure against a server that lies."""
        return policy_for(self.params)

    def vector(self, index: int) -> NDArray[np.int64]:
        """Client `index`'s vector, uniform in the allowed range; the same one every time."""
        (spec,) = self.params.vectors
        return uniform_vector(spec, index)

    def client(self, index: int, random: bytes | None = None) -> Client:
        """Returns a new client, with fresh randomness unless some is given."""
        return Client(
            identity=self.keys[index],
            policy=self.policy,
            vectors=lambda: {VECTOR: self.vector(index)},
            clock=monotonic,
            random=os.urandom(CLIENT_RANDOM_BYTES) if random is None else random,
            crew=self.crew,
        )

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


@lru_cache(maxsize=1)
def uniform_vector(spec: VectorSpec, index: int) -> NDArray[np.int64]:
    """Makes client `index`'s vector; the last one is kept, so that a client can have its own before it is timed."""
    generator = np.random.default_rng(index)
    vector = generator.integers(-spec.max_abs_input, spec.max_abs_input, spec.length, np.int64, endpoint=True)
    vector.flags.writeable = False
    return vector


def identities(clients: int) -> list[Ed25519PrivateKey]:
    """Makes long-lived identities."""
    return [Ed25519PrivateKey.generate() for _ in range(clients)]


def invite_securely(
    clients: int, *, degree: int, threshold: int | None = None, dropouts: int, length: int, modulus_bits: int
) -> Cohort:
    """Invites a cohort of which `dropouts` may vanish; without a threshold, with the lowest one that is secure.

    Raises:
        SystemExit: no client would take part; says why.
    """
    keys, problem = identities(clients), ""
    for candidate in [threshold] if threshold else range(degree // 2 + 1, degree + 1):
        try:
            return Cohort.invite(
                keys,
                degree=degree,
                threshold=candidate,
                corrupt=max(1, ceil(CORRUPT * clients)),
                survivors=clients - dropouts,
                length=length,
                modulus_bits=modulus_bits,
            )
        except (ParametersError, PolicyViolationError) as error:
            problem = str(error)
    raise SystemExit(f"no session of {clients} clients with degree {degree}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One client's answer in one round.

    Attributes:
        round: Its number.
        index: The client.
        client_ms: CPU time of the client for the round.
        server_ms: CPU time of the server for this client: encoding its request, taking its response.
        down: Bytes of the request.
        response: The response.
    """

    round: int
    index: int
    client_ms: float
    server_ms: float
    down: int
    response: bytes


class Session:
    """One session, played turn by turn; between turns the caller may do other work.

    Args:
        cohort: Who is invited.
        leaves: By index, the round before which a client vanishes; all others stay.

    Attributes:
        server: The server.
        closing_ms: CPU time of the server for closing each round that is over.
    """

    def __init__(self, cohort: Cohort, leaves: Mapping[int, int]) -> None:
        self.server = Server(cohort.params, cohort.crew)
        self._cohort = cohort
        self.closing_ms: list[float] = []
        self._clients = [cohort.client(index) for index in range(cohort.params.clients)]
        self._leaves = leaves

    def turns(self) -> Iterator[Turn]:
        """Plays all rounds."""
        requests = self.server.start()
        for number in range(len(ROUNDS)):
            for index in requests:
                if number < self._leaves.get(index, len(ROUNDS)):
                    yield self._turn(number, index, requests)
            elapsed, requests = timed(self.server.close_round, crew=self._cohort.crew)
            self.closing_ms.append(elapsed)

    def _turn(self, number: int, index: int, requests: Mapping[int, bytes]) -> Turn:
        encode_ms, request = timed(requests.__getitem__, index)
        if number == MASKED_INPUT:
            self._cohort.vector(index)  # it is there when it is asked for: making it is no work of the protocol's
        client_ms, response = timed(self._clients[index].receive, request, crew=self._cohort.crew)
        take_ms, _ = timed(self.server.receive, index, response)
        return Turn(
            round=number,
            index=index,
            client_ms=client_ms,
            server_ms=encode_ms + take_ms,
            down=len(request),
            response=response,
        )
