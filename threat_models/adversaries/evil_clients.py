"""Clients that lie to an honest server: the sum of the others stays exact, or the session ends and says why.

What an evil client sends in place of its masked input is its input, whatever that is: `LyingClients` keeps account of
the difference, and of nothing else that evil clients do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from protocols import FaultyClientError, Server, SessionAborted
from protocols.codec import pack, unpack
from protocols.errors import LocalProtocolError, ProtocolError
from protocols.primitives.field import PRIME
from protocols.secagg.messages import (
    ConsistencyCheckResponse,
    MaskedInputResponse,
    ShareKeysResponse,
    UnmaskingResponse,
    response_type,
)
from protocols.secagg.statements import sign_survivors, sign_unopened
from protocols.wire import HEADER_SIZE

from .choices import Chooser
from .parties import SMALL_ORDER, Cohort, Puppet, flipped, identity, randomness
from .wire import Violation

ROUNDS = 5
ANY_ROUND = ("silence", "garbled", "another's", "an old one", "twice", "too late")
LIES = (
    (*ANY_ROUND, "small order", "wrong commitment"),
    (*ANY_ROUND, "wrong seed shared", "wrong key shared", "spoiled boxes", "missing box", "one wrong deal"),
    (*ANY_ROUND, "another input", "honest senders named"),
    (*ANY_ROUND, "no signature", "another set signed"),
    (*ANY_ROUND, *3 * ("wrong share", "all shares wrong"), "missing share", "swapped shares"),
)
"""What an evil client may do in each round; "too late" is not to answer before the round is over."""


@dataclass(repr=False)
class LyingClients:
    """A session with an honest server, in which evil clients bend a few of their responses.

    Attributes:
        cohort: Who takes part.
        choose: Decides everything.
        lies: By evil client and round, what it does.
        gone: By honest client, the round from which on it is silent.
        offsets: By evil client, what its accepted input differs in from its vector.
        refusals: How many responses the server has refused.
        named: Whom it has called liars.
    """

    cohort: Cohort
    choose: Chooser
    lies: dict[tuple[int, int], str] = field(init=False)
    gone: dict[int, int] = field(init=False)
    offsets: dict[int, np.ndarray] = field(default_factory=dict)
    refusals: int = 0
    named: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        choose, cohort = self.choose, self.cohort
        self.lies = {
            (index, number): choose.one(LIES[number])
            for index in sorted(cohort.evil)
            for number in choose.some(range(ROUNDS), 1, 2)
        }
        if choose.chance(20):
            self.lies = {(index, 1): "one wrong deal" for index in sorted(cohort.evil)}  # all on one victim
        spare = cohort.params.clients - cohort.params.min_survivors
        self.gone = {index: choose.number(0, ROUNDS - 1) for index in choose.some(cohort.honest, 0, min(1, spare))}
        self.clients = {index: cohort.client(index) for index in cohort.everyone}
        self.server = Server(cohort.params)
        self.sent: dict[int, list[bytes]] = {index: [] for index in cohort.everyone}

    def __repr__(self) -> str:
        return f"{self.cohort} with {self.lies}, silent {self.gone}"

    def play(self) -> bool:
        """Plays the session.

        Returns:
            Whether there is a sum; if there is one, it is exact.

        Raises:
            Violation: the sum is wrong, or an honest client is blamed.
        """
        requests = dict(self.server.start())
        try:
            for number in range(ROUNDS):
                late = list(self._round(number, requests))
                requests = dict(self.server.close_round())
                for index, response in late:
                    self._receive(index, response)
        except SessionAborted as abort:
            self._judge_blame(abort.liars)
            if self._must_complete():
                raise Violation(f"{abort}, although the wrong shares could be corrected") from abort
            return False
        self._judge()
        return True

    def _must_complete(self) -> bool:
        """Whether nobody does more than return wrong shares, few enough for Reed-Solomon correction: 2 e <= m - t."""
        params = self.cohort.params
        liars = {index for index, _ in self.lies}
        spare = params.degree - len(self.gone) - params.threshold
        return set(self.lies.values()) <= {"wrong share", "all shares wrong"} and 2 * len(liars) <= spare

    def _round(self, number: int, requests: dict[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Takes all responses; yields those that come after the round."""
        for index, request in requests.items():
            if number >= self.gone.get(index, ROUNDS):
                continue
            lie = self.lies.get((index, number), "")
            self._prepare(index, lie)
            try:
                response = self.clients[index].receive(request)
            except ProtocolError:
                continue  # what evil neighbors sent is refused by honest clients, too
            for each in self._bent(index, number, response, lie):
                if lie == "too late":
                    yield index, each
                elif self._receive(index, each) and number == 2 and response_type(each).TAG == 6:
                    self._account(index, response, each)
            self.sent[index].append(response)

    def _receive(self, index: int, response: bytes) -> bool:
        try:
            self.server.receive(index, response)
        except FaultyClientError as error:
            self.refusals += 1
            if error.index != index or index not in self.cohort.evil:
                raise Violation(f"client {error.index} is blamed for what client {index} sent") from error
            return False
        except LocalProtocolError:
            return False  # the session has ended
        return True

    def _prepare(self, index: int, lie: str) -> None:
        """Lies that begin inside the client: what it shares is not what it advertised."""
        secret = {"wrong seed shared": "self_mask_seed", "wrong key shared": "mask_key"}.get(lie)
        if secret:
            self._alter(index, **{secret: bytes(32)})

    def _alter(self, index: int, **changes: Any) -> None:
        """What an evil client is made to believe of itself."""
        held = self.clients[index]._held
        state, answer = held.take()
        altered: Any = state
        held.put((replace(altered, **changes), answer))

    def _bent(self, index: int, number: int, response: bytes, lie: str) -> list[bytes]:
        """What is sent in place of a response, in order."""
        others = [sent[number] for other, sent in self.sent.items() if other != index and len(sent) > number]
        match lie:
            case "" | "too late":
                sent = [response]
            case "silence":
                sent = []
            case "garbled":
                sent = [self._garbled(response)]
            case "another's":
                sent = [self.choose.one(others or [response])]
            case "an old one":
                sent = [self.choose.one(self.sent[index] or [response]), response]
            case "twice":
                # the same again is the same response: only another one could count twice
                sent = [response, response, flipped(response, len(response) - 1, 0)]
            case _:
                bends = self._bent_keys, self._bent_boxes, self._bent_input, self._bent_signature, self._bent_shares
                sent = [bends[number](index, response, lie)]
        return sent

    def _garbled(self, response: bytes) -> bytes:
        position = self.choose.number(0, len(response) - 1)
        return self.choose.one((response[:position], flipped(response, position, self.choose.number(0, 7))))

    def _bent_keys(self, index: int, response: bytes, lie: str) -> bytes:
        puppet = Puppet(index, randomness(self.cohort.seed, index), identity(index))
        if lie == "small order":
            weak = {self.choose.one(("seal_key", "mask_key")): self.choose.one(sorted(SMALL_ORDER))}
            return response[:HEADER_SIZE] + puppet.advertise(self.cohort.params, **weak).encode()
        if lie == "wrong commitment":
            altered = puppet.advertise(self.cohort.params, commitment=bytes(32))
            self._alter(index, advertisement=altered)
            return response[:HEADER_SIZE] + altered.encode()
        return response

    def _bent_boxes(self, index: int, response: bytes, lie: str) -> bytes:
        boxes = dict(ShareKeysResponse.decode(response, self.cohort.params).boxes)
        if lie == "one wrong deal":
            boxes |= self._framed(index)
        for recipient in self.choose.some(boxes, 1) if lie in ("spoiled boxes", "missing box") else ():
            spoiled = boxes.pop(recipient)[::-1]
            if lie == "spoiled boxes":
                boxes[recipient] = spoiled
        return ShareKeysResponse(boxes=boxes).encode(self.cohort.params)

    def _framed(self, index: int) -> dict[int, bytes]:
        """A box with shares of nothing, for the honest client that all liars agreed to make look like one."""
        state: Any = self.clients[index]._held.look()[0]
        victims = [peer for peer in self.cohort.honest if peer in state.neighbors]
        puppet = Puppet(index, randomness(self.cohort.seed, index), identity(index))
        return {peer: puppet.box(state.graph, peer, state.neighbors[peer].seal_key) for peer in victims[:1]}

    def _bent_input(self, index: int, response: bytes, lie: str) -> bytes:
        words = np.array([self.choose.number(0, 2**16 - 1) for _ in range(2)], "<u2")
        decoded = MaskedInputResponse.decode(response, self.cohort.params)
        if lie == "another input":
            return replace(decoded, packed=[pack(words, 16)]).encode(self.cohort.params)
        if lie == "honest senders named":
            state: Any = self.clients[index]._held.look()[0]
            named = frozenset(self.choose.some(sorted(state.shares), 1))
            signature = sign_unopened(state.graph, index, identity(index), named)
            return replace(decoded, unopened=named, signature=signature).encode(self.cohort.params)
        return response

    def _bent_signature(self, index: int, response: bytes, lie: str) -> bytes:
        state: Any = self.clients[index]._held.look()[0]
        signature = bytes(64)
        if lie == "another set signed":
            signature = sign_survivors(state.graph, identity(index), state.survivors - {min(state.survivors)})
        bent = ConsistencyCheckResponse(signature=signature).encode(self.cohort.params)
        return bent if lie in ("no signature", "another set signed") else response

    def _bent_shares(self, index: int, response: bytes, lie: str) -> bytes:  # noqa: ARG002
        choose, decoded = self.choose, UnmaskingResponse.decode(response, self.cohort.params)
        tables = [dict(decoded.self_mask_shares), dict(decoded.mask_key_shares)]
        for table in tables:
            most = len(table) if lie == "all shares wrong" else 1
            for owner in choose.some(table, most, most):
                if lie == "missing share":
                    table.pop(owner)
                else:
                    table[owner] = (table[owner] + choose.number(1, PRIME - 1)) % PRIME
        first, second = tables[::-1] if lie == "swapped shares" else tables
        return UnmaskingResponse(self_mask_shares=first, mask_key_shares=second).encode(self.cohort.params)

    def _account(self, index: int, honest: bytes, sent: bytes) -> None:
        vectors = [MaskedInputResponse.decode(data, self.cohort.params).packed[0] for data in (sent, honest)]
        difference = unpack(vectors[0], 2, 16) - unpack(vectors[1], 2, 16)
        self.offsets[index] = difference.astype(np.int64)

    def _judge(self) -> None:
        (spec,) = self.cohort.params.vectors
        survivors = self.server.survivors
        expected = np.array(self.cohort.sum_of(survivors))
        expected += sum(self.offsets[index] for index in survivors if index in self.offsets)
        expected = (expected + 2**15) % 2**16 - 2**15
        if self.server.aggregate()[spec.name].tolist() != expected.tolist():
            raise Violation(f"the sum over {survivors} is wrong")
        self._judge_blame(self.server.liars)

    def _judge_blame(self, liars: frozenset[int]) -> None:
        self.named |= liars
        if not liars <= self.cohort.evil:
            raise Violation(f"honest clients are called liars: {sorted(liars - self.cohort.evil)}")
