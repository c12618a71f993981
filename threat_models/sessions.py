"""Honest sessions on any vectors, written down as the server saw them: what a curious server has to work with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols import Client, Server, SessionParams
from protocols.audit import Exchange, Transcript

from .adversaries.parties import owner_of, policy_for, randomness

ROUNDS = 5
_DELIVERY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session.

    Attributes:
        params: Its parameters; identities are those of `adversaries.parties`.
        vectors: Each client's input to the one vector that is summed, by index.
        seed: Where all randomness comes from.
        late: Clients whose masked input arrives after the round is over: the server counts them as dropouts, and has
            their upload all the same.
    """

    params: SessionParams
    vectors: Mapping[int, NDArray[np.int64]]
    seed: int
    late: frozenset[int] = frozenset()

    def play(self) -> Transcript:
        """Plays it to its end; late clients fall silent after their upload."""
        clients = {index: self.client(index) for index in self.vectors}
        server, exchanges = Server(self.params), []
        requests = dict(server.start())
        for number in range(ROUNDS):
            for index, request in requests.items():
                response = clients[index].receive(request)
                exchanges.append(Exchange(index, request, response))
                if index not in self.late or number < _DELIVERY:
                    server.receive(index, response)
            requests = dict(server.close_round())
        return Transcript(self.params, tuple(exchanges))

    def client(self, index: int) -> Client:
        """One client; it agreed to these parameters."""
        (spec,) = self.params.vectors
        return Client(
            identity=owner_of(self.params.identities[index]),
            policy=policy_for(self.params),
            vectors=lambda: {spec.name: self.vectors[index]},
            random=randomness(self.seed, index),
            clock=float,
        )
