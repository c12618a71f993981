"""The wire: honest and corrupt clients as the server reaches them, and what no client may ever do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from protocols import Client, SessionParams
from protocols.audit import Exchange, Transcript
from protocols.errors import ProtocolError
from protocols.secagg.messages import AdvertiseKeysRequest, MaskedInputRequest, ShareKeysRequest
from protocols.vault import Position, SnapshotError, Vault

from .parties import ITERATION, LAST_SESSION, SERVER_KEY, SMALL_ORDER, Cohort, digest, identity


class Violation(AssertionError):  # noqa: N818  (what the adversary achieved)
    """The adversary got what no client should give."""


@dataclass(slots=True)
class Wire:
    """The clients as the server reaches them. Whatever passes is kept, and what no client may do ends the run.

    Attributes:
        cohort: Whose clients these are.
        clients: By index.
        snapshots: What each client with a vault has stored, oldest first.
        exchanges: All turns of honest clients.
        answered: By honest client, what it answered in which round: request and response.
        refused: Clients that have refused a request.
        crashes: What clients raised that is no refusal; always a defect.
        joined: The parameters of the session that a client has answered an invitation to.
        weak: By honest client, whom it was shown with a key of small order.
        terms: What an honest client's policy differs in from the agreed one.
    """

    cohort: Cohort
    clients: dict[int, Client] = field(init=False)
    snapshots: dict[int, list[bytes]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    answered: dict[int, dict[int, tuple[bytes, bytes]]] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    crashes: list[Exception] = field(default_factory=list)
    joined: dict[int, SessionParams] = field(default_factory=dict)
    weak: dict[int, set[int]] = field(default_factory=dict)
    terms: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def open(self, vaults: Sequence[int] = ()) -> None:
        """Makes the clients; those in `vaults` store snapshots."""
        self.clients = {}
        for index in self.cohort.everyone:
            vault = self._vault(index) if index in vaults else None
            self.clients[index] = self.cohort.client(index, vault=vault, **self.terms.get(index, {}))

    def send(self, index: int, request: bytes) -> bytes | None:
        """One client's answer; None if it refuses."""
        try:
            response = self.clients[index].receive(request)
        except ProtocolError:
            response = None
        except Exception as error:
            self.crashes.append(error)
            response = None
        if index in self.cohort.evil:
            if response is not None and request[0] == AdvertiseKeysRequest.TAG:
                self.joined[index] = AdvertiseKeysRequest.decode(request).params
            return response
        if response is not None and self.answered.get(index, {}).get(request[0]) == (request, response):
            return response  # the same again, as after a lost answer
        self.exchanges.append(Exchange(index, request, response))
        if response is None:
            self.refused.add(index)
        else:
            self._check_answer(index, request, response)
        return response

    def restore(self, index: int, snapshot: bytes, at_least: Position) -> bool:
        """Makes a client again from a snapshot; whether it let itself be made."""
        try:
            vault = self._vault(index)
            self.clients[index] = Client.restore(
                snapshot,
                identity=identity(index),
                vectors=partial(self.cohort.vectors, index),
                clock=float,
                vault=vault,
                at_least=at_least,
            )
        except SnapshotError:
            return False
        return True

    def transcripts(self) -> list[Transcript]:
        """One for each session that an honest client takes part in."""
        sessions: dict[bytes, list[int]] = {}
        for index, params in self.joined.items():
            if index not in self.cohort.evil:
                sessions.setdefault(params.encode(), []).append(index)
        return [
            Transcript(self.joined[members[0]], tuple(turn for turn in self.exchanges if turn.index in members))
            for members in sessions.values()
        ]

    def _vault(self, index: int) -> Vault:
        return Vault(key=digest(f"vault {index}"), keep=self.snapshots.setdefault(index, []).append)

    def _check_answer(self, index: int, request: bytes, response: bytes) -> None:
        rounds, number = self.answered.setdefault(index, {}), request[0]
        if number in rounds:
            raise Violation(f"client {index} gave two answers in round {number // 2}")
        if index in self.refused:
            raise Violation(f"client {index} answered a request of round {number // 2} after it had refused one")
        rounds[number] = request, response
        if number == AdvertiseKeysRequest.TAG:
            self.joined[index] = AdvertiseKeysRequest.decode(request).params
            self._check_invitation(index, self.joined[index])
        if number == ShareKeysRequest.TAG:
            shown = ShareKeysRequest.decode(request, self.joined[index]).advertisements
            self.weak[index] = {i for i, each in shown.items() if {each.seal_key, each.mask_key} & SMALL_ORDER}
        if number == MaskedInputRequest.TAG and self.weak[index]:
            self._check_senders(index, request)

    def _check_senders(self, index: int, request: bytes) -> None:
        if MaskedInputRequest.decode(request, self.joined[index]).boxes.keys() & self.weak[index]:
            raise Violation(f"client {index} masked its vectors with a key of small order")

    def _check_invitation(self, index: int, params: SessionParams) -> None:
        """What a client answers must be about what it received, and new."""
        agreed, terms = self.cohort.params, self.terms.get(index, {})
        digests = [each.name for each in fields(params) if each.name.endswith("_digest")]
        if any(getattr(params, name) != terms.get(name, getattr(agreed, name)) for name in digests):
            raise Violation(f"client {index} accepted a session about something else than it received")
        if params.session <= LAST_SESSION:
            raise Violation(f"client {index} accepted a session that is over")
        if (params.iteration, params.server_key) != (ITERATION, SERVER_KEY):
            raise Violation(f"client {index} accepted a session of another iteration, or of another server")
