"""A server that may say anything to anybody, over real clients; it writes down what passes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Self

from protocols import Position, ProtocolError, SessionAborted, SnapshotError
from protocols.audit import Exchange, Findings, Transcript, audit
from protocols.codec import Domain, encode_table
from protocols.masking import Vectors
from protocols.speakonce import Client, Server, WindowParams
from protocols.speakonce.messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    OpenBoxesRequest,
    SpeakRequest,
    UnmaskingRequest,
)
from protocols.speakonce.statements import attest
from protocols.vault import Vault

from ..adversaries.parties import digest, owner_of
from .parties import make_client, policy_for, vectors_of


class LyingServer:
    """A window as a lying server runs it.

    Args:
        params: What it announces.
        seed: Where its clients' randomness comes from.
        evil: Clients that are its own: it has all that they have, and they sign whatever it likes.
        terms: What clients insist on that `params` does not say of itself (`policy_for`).
        vectors: Makes a client's input, by index.

    Attributes:
        params: What it announces.
        invitation: The request that opens the window.
        evil: Clients that are its own.
        exchanges: All turns so far.
        heard: Whose message it has.
        boxes: The request that brings each member its boxes, once the window is closed.
    """

    def __init__(
        self,
        params: WindowParams,
        *,
        seed: int = 0,
        evil: Collection[int] = (),
        terms: Mapping[str, Any] | None = None,
        vectors: Callable[[int], Vectors] | None = None,
    ) -> None:
        self.params, self.evil = params, frozenset(evil)
        self.exchanges: list[Exchange] = []
        self.heard: set[int] = set()
        self.boxes: dict[int, bytes] = {}
        self._vectors = vectors or partial(vectors_of, params)
        self._policy = policy_for(params, **(terms or {}))
        self._snapshots: dict[int, list[bytes]] = {index: [] for index in range(params.clients)}
        self._clients = [make_client(params, index, seed, self._vault(index)) for index in range(params.clients)]
        self._honest_half = Server(params)
        self.invitation = dict(self._honest_half.start())[0]

    @property
    def least(self) -> int:
        """Honest clients that must be in whatever it learns."""
        return max(self._policy.terms.min_survivors - self._policy.terms.min_corrupt, 2)

    def ask(self, index: int, request: bytes) -> bytes | None:
        """One turn; None if the client refuses."""
        client = self._clients[index]
        try:
            if request[0] == SpeakRequest.TAG:
                response: bytes | None = client.speak(
                    request, policy=self._policy, vectors=partial(self._vectors, index)
                )
            else:
                response = client.receive(request)
        except ProtocolError:
            response = None
        self.exchanges.append(Exchange(index, request, response))
        return response

    def hear(self, index: int) -> bytes | None:
        """One client speaks, and the message is noted."""
        response = self.ask(index, self.invitation)
        if response is not None:
            self._honest_half.receive(index, response)
            self.heard.add(index)
        return response

    def speak(self, clients: Iterable[int] | None = None) -> Self:
        """Clients speak, and the window is closed."""
        for index in range(self.params.clients) if clients is None else clients:
            self.hear(index)
        self.close()
        return self

    def close(self) -> bool:
        """Whether enough have spoken for there to be boxes."""
        try:
            self.boxes = dict(self._honest_half.close_round())
        except SessionAborted:
            return False
        return True

    def deliver(self, member: int, senders: Collection[int] | None = None) -> None:
        """A member is given its boxes, or some of them."""
        if member in self.boxes:
            deliveries = OpenBoxesRequest.decode(self.boxes[member], self.params).deliveries
            kept = {sender: each for sender, each in deliveries.items() if senders is None or sender in senders}
            self.ask(member, OpenBoxesRequest(deliveries=kept).encode(self.params))

    def open_boxes(self, members: Iterable[int] | None = None) -> Self:
        """Members are given all their boxes."""
        for member in self.params.committee if members is None else members:
            self.deliver(member)
        return self

    def counted(self, survivors: Iterable[int]) -> dict[int, bytes]:
        """A survivor set as it is signed: digests of messages."""
        (any_member, *_) = self.boxes
        deliveries = OpenBoxesRequest.decode(self.boxes[any_member], self.params).deliveries
        return {index: deliveries[index].manifest.digest(self.params, index) for index in sorted(survivors)}

    def sign(self, survivors: Iterable[int], members: Iterable[int]) -> dict[int, bytes]:
        """Shows members a survivor set; returns the signatures of those who sign it."""
        if not self.boxes:
            return {}
        request = ConsistencyCheckRequest(counted=self.counted(survivors)).encode(self.params)
        signed = {member: self.ask(member, request) for member in members}
        return {
            member: ConsistencyCheckResponse.decode(response, self.params).signature
            for member, response in signed.items()
            if response is not None
        }

    def forged(self, survivors: Iterable[int], signers: Iterable[int]) -> dict[int, bytes]:
        """Signatures of clients whose keys it has, on any set."""
        content = encode_table(self.counted(survivors)) if self.boxes else b""
        return {
            signer: attest(self.params, owner_of(self.params.identities[signer]), Domain.COUNTED, signer, content)
            for signer in signers
        }

    def release(self, signatures: Mapping[int, bytes], members: Iterable[int]) -> list[int]:
        """Shows members signatures; returns who released shares."""
        request = UnmaskingRequest(signatures=dict(sorted(signatures.items()))).encode(self.params)
        return [member for member in members if self.ask(member, request) is not None]

    def roll_back(self, member: int) -> bool:
        """Makes a member again from what it kept when its boxes were open; whether it lets itself be made."""
        kept = self._snapshots[member]
        opened = [snapshot for snapshot in kept if Position.of(snapshot).sequence == _BOXES_OPENED]
        if not opened:
            return False
        try:
            self._clients[member] = Client.restore(
                opened[0],
                identity=owner_of(self.params.identities[member]),
                vault=self._vault(member),
                at_least=Position.of(kept[-1]),
            )
        except SnapshotError:
            return False
        return True

    @property
    def transcript(self) -> Transcript:
        """All that passed."""
        return Transcript(self.params, tuple(self.exchanges))

    def findings(self) -> Findings:
        """What all of it gave away."""
        return audit([self.transcript], corrupt=self.evil)

    def _vault(self, index: int) -> Vault:
        return Vault(key=digest(f"vault {index}"), keep=self._snapshots[index].append)


_BOXES_OPENED = 3  # the state's sequence number in snapshots
