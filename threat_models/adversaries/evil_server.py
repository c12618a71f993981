"""A server that lies as well as it can: it plans each round as an honest one would, bends the plan, and sends it.

`EvilServer` adapts: whatever clients answered, the next round's plan gets the most out of it (boxes that open, sets
that are signed, signatures that verify), so that a deviation costs the adversary no more of the session than it has to.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from protocols import Server, SessionParams
from protocols.audit import audit
from protocols.errors import FaultyClientError, LocalProtocolError, SessionAborted
from protocols.secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    Advertisement,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
)

from .choices import Chooser
from .elsewhere import Elsewhere
from .parties import Cohort, Puppet, identity, randomness
from .views import View
from .wire import Violation, Wire

ROUNDS = 5


class Deviation:
    """What a server may bend: each method changes the honest plan of one round in place.

    Args:
        server: Whose plans.
    """

    def __init__(self, server: "EvilServer") -> None:
        self.server = server
        self.choose = server.choose

    def prepare(self) -> None:
        """Before there are clients."""

    def invite(self) -> None:
        """`server.invitations`."""

    def show(self) -> None:
        """`server.views` and `server.full`."""

    def hand(self) -> None:
        """`server.handing`."""

    def ask(self) -> None:
        """`server.asking`."""

    def confirm(self) -> None:
        """`server.confirming`."""

    def send(self, index: int, request: bytes) -> list[bytes]:  # noqa: ARG002
        """What goes to a client in place of one request, in order."""
        return [request]


@dataclass(repr=False)
class EvilServer:
    """One session.

    Attributes:
        cohort: Who was meant to take part.
        choose: Where all decisions come from.
        kinds: What is bent.
        wire: The clients.
        clerk: A real server that sees the responses to its own session, as long as it can make sense of them.
        silent: Clients that have dropped out.
        invitations: To be sent: parameters by client.
        advertised: Advertisements by client, of whichever session it joined.
        views: To be shown, by client.
        full: Whom a client is to be shown in full; by default, whom an honest server would show it.
        handing: To be handed over: boxes by recipient, then sender.
        asking: To be signed: survivor sets by client.
        confirming: To be shown: signatures by client, then signer.
        boxes: By sender, then recipient.
        delivered: Clients that sent a masked input.
        signed: Genuine signatures by graph and survivor set, then signer.
        sets: Which survivor set each client has signed.
        puppets: The clients that the adversary owns.
        invented: By client, then index: puppets in place of the peers it should have been shown.
    """

    cohort: Cohort
    choose: Chooser
    kinds: Sequence[type[Deviation]]
    wire: Wire = field(init=False)
    clerk: Server | None = field(init=False)
    silent: set[int] = field(default_factory=set)
    invitations: dict[int, SessionParams] = field(default_factory=dict)
    advertised: dict[int, Advertisement] = field(default_factory=dict)
    views: dict[int, View] = field(default_factory=dict)
    full: dict[int, frozenset[int]] = field(default_factory=dict)
    handing: dict[int, dict[int, bytes]] = field(default_factory=dict)
    asking: dict[int, frozenset[int]] = field(default_factory=dict)
    confirming: dict[int, dict[int, bytes]] = field(default_factory=dict)
    boxes: dict[int, Mapping[int, bytes]] = field(default_factory=dict)
    delivered: set[int] = field(default_factory=set)
    signed: dict[tuple[bytes, frozenset[int]], dict[int, bytes]] = field(default_factory=dict)
    sets: dict[int, frozenset[int]] = field(default_factory=dict)
    invented: dict[int, dict[int, Puppet]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.params = self.cohort.params
        self.wire = Wire(self.cohort)
        self.puppets = {i: Puppet(i, randomness(self.cohort.seed, i), identity(i)) for i in self.cohort.evil}
        self.vaults: list[int] = []
        self.deviations = [kind(self) for kind in self.kinds]

    def __repr__(self) -> str:
        return f"{self.cohort} with {[kind.__name__ for kind in self.kinds]}"

    def play(self) -> bool:
        """Plays the session and judges it.

        Returns:
            Whether an honest server would have had the exact sum.

        Raises:
            Violation: the adversary got what no client should give.
        """
        for deviation in self.deviations:
            deviation.prepare()
        self.wire.open(self.vaults)
        self.clerk = Server(self.params)
        self.clerk.start()
        for step in (self._invite, self._show, self._hand, self._ask, self._confirm):
            step()
            self._close_round()
        self._insist()
        self._judge()
        if self.wire.crashes:
            raise self.wire.crashes[0]
        return self._is_exact()

    def main(self) -> View:
        """What an honest server would show: the advertisements of its own session."""
        joined = self.wire.joined
        table = {
            i: entry for i, entry in sorted(self.advertised.items()) if joined[i].session_id == self.params.session_id
        }
        return View(self.params, table)

    @cached_property
    def copies(self) -> bool:
        """Whether signatures on one set are passed off as signatures on another."""
        return self.choose.chance(50)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """Another session of the same clients."""
        return Elsewhere(self.cohort)

    def propose(self, params: SessionParams) -> None:
        """Invites everyone to other parameters than were agreed; an honest server has no part in that."""
        self.params, self.clerk = params, None
        self.invitations = dict.fromkeys(self.cohort.everyone, params)

    def deliver(self, index: int, request: bytes) -> None:
        """Sends one request, or what deviations make of it, and notes what comes back."""
        if index in self.silent:
            return
        requests = [request]
        for deviation in self.deviations:
            requests = [bent for each in requests for bent in deviation.send(index, each)]
        for each in requests:
            response = self.wire.send(index, each)
            if response is not None:
                self._note(index, each, response)

    def _invite(self) -> None:
        self.invitations = dict.fromkeys(self.cohort.everyone, self.params)
        for deviation in self.deviations:
            deviation.invite()
        for index, params in self.invitations.items():
            self.deliver(index, AdvertiseKeysRequest(params=params).encode())

    def _show(self) -> None:
        main = self.main()
        if len(main.table) < 2:
            return
        self.views = dict.fromkeys(self.advertised, main)
        self.full = {}
        for deviation in self.deviations:
            deviation.show()
        for index, view in self.views.items():
            self.full.setdefault(index, view.circle(index))
            self.deliver(index, view.request(self.full[index]))

    def _hand(self) -> None:
        self.handing = {index: self.boxes_for(index) for index in self.boxes}
        for deviation in self.deviations:
            deviation.hand()
        for index, boxes in self.handing.items():
            self.deliver(index, MaskedInputRequest(boxes=boxes).encode(self.views[index].params))

    def _ask(self) -> None:
        self.asking = {index: self.company(index) for index in self.delivered}
        for deviation in self.deviations:
            deviation.ask()
        for index, survivors in sorted(self.asking.items()):
            self.deliver(index, ConsistencyCheckRequest(survivors=survivors).encode(self.views[index].params))

    def _confirm(self) -> None:
        self.confirming = {index: self.signatures_for(index) for index in self.sets}
        for deviation in self.deviations:
            deviation.confirm()
        for index, signatures in sorted(self.confirming.items()):
            self.deliver(index, UnmaskingRequest(signatures=signatures).encode(self.views[index].params))

    def boxes_for(self, index: int) -> dict[int, bytes]:
        """All boxes that open for a client: from those who saw the same graph, and from whom the adversary plays."""
        view, boxes = self.views[index], {}
        for peer in sorted(self.full[index] - {index}):
            invented = self.invented.get(index, {}).get(peer)
            genuine = self.boxes.get(peer, {}).get(index)
            if invented:
                boxes[peer] = invented.box(view.graph, index, self.advertised[index].seal_key)
            elif genuine is not None and self.views[peer].graph.digest == view.graph.digest:
                boxes[peer] = genuine
            elif peer in self.puppets:
                boxes[peer] = self.puppets[peer].box(view.graph, index, self.advertised[index].seal_key)
        return boxes

    def company(self, index: int) -> frozenset[int]:
        """Who delivered a masked input in the graph that this client saw."""
        digest = self.views[index].graph.digest
        return frozenset(peer for peer in self.delivered if self.views[peer].graph.digest == digest)

    def signatures_for(self, index: int) -> dict[int, bytes]:
        """As many as confirm the set which a client signed; where genuine ones are missing, copies from other sets."""
        survivors, graph = self.sets[index], self.views[index].graph
        genuine = self.signed.get((graph.digest, survivors), {})
        found = {i: signature for i, signature in genuine.items() if i in survivors}
        found |= {i: puppet.sign(graph, survivors) for i, puppet in self.puppets.items() if i in survivors}
        for others in self.signed.values() if self.copies else ():
            found = {i: signature for i, signature in others.items() if i in survivors} | found
        needed = self.views[index].params.confirmations
        best_first = sorted(found, key=lambda i: (i not in genuine and i not in self.puppets, i))
        return {signer: found[signer] for signer in best_first[:needed]}

    def _note(self, index: int, request: bytes, response: bytes) -> None:
        params = self.wire.joined[index]
        if request[0] == AdvertiseKeysRequest.TAG:
            self.advertised[index] = AdvertiseKeysResponse.decode(response, params).advertisement
        elif request[0] == ShareKeysRequest.TAG:
            self.boxes[index] = ShareKeysResponse.decode(response, params).boxes
        elif request[0] == MaskedInputRequest.TAG:
            self.delivered.add(index)
        elif request[0] == ConsistencyCheckRequest.TAG:
            survivors = ConsistencyCheckRequest.decode(request, params).survivors
            signature = ConsistencyCheckResponse.decode(response, params).signature
            self.sets[index] = survivors
            self.signed.setdefault((self.views[index].graph.digest, survivors), {})[index] = signature
        if self.clerk and params.session_id == self.params.session_id:
            with suppress(FaultyClientError, LocalProtocolError):  # an honest server asked for something else
                self.clerk.receive(index, response)

    def _close_round(self) -> None:
        try:
            if self.clerk:
                self.clerk.close_round()
        except SessionAborted:
            self.clerk = None

    def _insist(self) -> None:
        """After the session: every client gets what it answered last once more, and then once more."""
        last = {turn.index: turn.request for turn in self.wire.exchanges if turn.response is not None}
        for index, request in last.items():
            for _ in range(2):
                self.wire.send(index, request)

    def _judge(self) -> None:
        transcripts = self.wire.transcripts()
        if not transcripts:
            return
        findings = audit(transcripts, corrupt=self.puppets)
        if findings.problems:
            raise Violation("; ".join(findings.problems))
        promised = self.params.min_survivors - self.params.corrupt
        agreed = self.cohort.params.min_survivors - self.cohort.params.corrupt
        if findings.leaks and len(findings.support) < max(promised, agreed):
            raise Violation(f"a sum over {len(findings.support)} leaks, {agreed} were agreed")

    def _is_exact(self) -> bool:
        if self.clerk is None:
            return False
        return bool(self.clerk.aggregate()["update"].tolist() == self.cohort.sum_of(self.clerk.survivors))
