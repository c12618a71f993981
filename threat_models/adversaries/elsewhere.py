"""Another session of the same clients, played honestly: where a lying server finds genuine messages to replay.

The clients bring the very same random bytes to it, which no real client does: what is replayed differs from what would
be accepted in nothing but the session.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from protocols import Server
from protocols.errors import ProtocolError
from protocols.graph import Graph
from protocols.secagg.messages import AdvertiseKeysResponse, Advertisement, MaskedInputRequest
from protocols.secagg.statements import sign_survivors

from .parties import Cohort, identity

ROUNDS = 5


@dataclass
class Elsewhere:
    """The next session; `requests[r][i]` is what client i was sent in round r, if the session came so far."""

    cohort: Cohort
    requests: list[dict[int, bytes]] = field(init=False)
    advertisements: dict[int, Advertisement] = field(init=False)

    def __post_init__(self) -> None:
        self.params = replace(self.cohort.params, session=self.cohort.params.session + 1)
        server = Server(self.params)
        self.clients = [self.cohort.client(index) for index in self.cohort.everyone]
        self.requests = [dict(server.start()), *({} for _ in range(ROUNDS - 1))]
        for number in range(ROUNDS):
            responses = self._answers(number)
            if number == 0:
                decoded = {i: AdvertiseKeysResponse.decode(data, self.params) for i, data in responses.items()}
                self.advertisements = {i: response.advertisement for i, response in decoded.items()}
            try:
                for index, response in responses.items():
                    server.receive(index, response)
                self.requests[number + 1 :] = [dict(server.close_round()), *self.requests[number + 2 :]]
            except ProtocolError:
                return  # clients without some defense may not even finish an honest session

    def _answers(self, number: int) -> dict[int, bytes]:
        answers = {}
        for index, request in self.requests[number].items():
            with suppress(ProtocolError):
                answers[index] = self.clients[index].receive(request)
        return answers

    def boxes(self, recipient: int) -> dict[int, bytes]:
        """The boxes that a client was handed there."""
        if recipient not in self.requests[2]:
            return {}
        return dict(MaskedInputRequest.decode(self.requests[2][recipient], self.params).boxes)

    def signature(self, signer: int, survivors: frozenset[int]) -> bytes:
        """What a client would have signed there, had these survived."""
        digests = {index: advertisement.digest for index, advertisement in self.advertisements.items()}
        graph = Graph.over(self.params.session_id, self.params.degree, digests)
        return sign_survivors(graph, identity(signer), survivors)
