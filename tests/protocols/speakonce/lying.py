"""A server that may say anything to anybody, over real clients, and a hunt for what it gets by that."""

from dataclasses import replace

from protocols import ProtocolError, SessionAborted
from protocols.audit import Exchange, Transcript, audit
from protocols.codec import Domain, encode_table
from protocols.speakonce.messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    OpenBoxesRequest,
    SpeakRequest,
    UnmaskingRequest,
)
from protocols.speakonce.statements import attest


class Wire:
    """A server that may say anything to anybody, over real clients; it keeps the transcript."""

    def __init__(self, cohort):
        self.cohort, self.params = cohort, cohort.params
        self.exchanges, self.said, self.heard = [], {}, set()

    def ask(self, number, index, request):
        """One turn; None if the client refuses."""
        try:
            response = self.cohort.answer(number, index, request)
        except ProtocolError:
            response = None
        self.exchanges.append(Exchange(index, request, response))
        if response is not None:
            self.said[number, index] = response
        return response

    def speak(self, clients=None):
        for index in range(self.params.clients) if clients is None else clients:
            self.hear(index)
        self.close()
        return self

    def hear(self, index):
        """One client speaks, and an honest half of the server notes it."""
        response = self.ask(0, index, self.cohort.requests[0][index])
        if response is not None:
            self.cohort.server.receive(index, response)
            self.heard.add(index)

    def close(self):
        """Whether enough have spoken for the honest half to go on."""
        try:
            self.boxes = dict(self.cohort.server.close_round())
        except SessionAborted:
            return False
        return True

    def open_some(self, member, random):
        """A member is given some of its boxes."""
        if member in self.boxes:
            deliveries = OpenBoxesRequest.decode(self.boxes[member], self.params).deliveries
            kept = {sender: each for sender, each in deliveries.items() if random.random() < 0.9}
            self.ask(1, member, OpenBoxesRequest(deliveries=kept).encode(self.params))

    def open_boxes(self, members=None):
        for member in self.params.committee if members is None else members:
            self.ask(1, member, self.boxes[member])
        return self

    def counted(self, survivors):
        (any_member, *_) = self.boxes
        deliveries = OpenBoxesRequest.decode(self.boxes[any_member], self.params).deliveries
        return {index: deliveries[index].manifest.digest(self.params, index) for index in survivors}

    def sign(self, survivors, members):
        """Shows members a survivor set; returns who signed, and how."""
        request = ConsistencyCheckRequest(counted=self.counted(survivors)).encode(self.params)
        signed = {member: self.ask(2, member, request) for member in members}
        return {
            member: ConsistencyCheckResponse.decode(response, self.params).signature
            for member, response in signed.items()
            if response is not None
        }

    def release(self, signatures, members):
        request = UnmaskingRequest(signatures=signatures).encode(self.params)
        return [member for member in members if self.ask(3, member, request) is not None]

    def findings(self, corrupt=()):
        return audit([Transcript(self.params, tuple(self.exchanges))], corrupt=corrupt)


def forged(wire, survivors, corrupt):
    """Signatures that corrupt members give on any set."""
    content = encode_table(wire.counted(survivors))
    return {
        member: attest(wire.params, wire.cohort.clients[member]._identity, Domain.COUNTED, member, content)
        for member in corrupt
    }


def lie(village, random):
    """One session with a server that lies by chance; how many dimensions leak, and whether they are more than promised.

    It shows some clients another window of the same roster, withholds boxes, shows members several survivor sets, mixes
    their signatures with those of corrupt members, who sign everything, and asks in any order, and again.
    """
    clients = random.randint(4, 7)
    corrupt = random.randint(0, clients - 4)
    members = random.randint(corrupt + 2, clients)
    sparse = (
        clients > 5 and corrupt < 2 and random.random() < 0.5
    )  # two windows hold a traitor each, or none is cut off
    cohort = village.cohort(
        clients,
        members=members,
        corrupt=corrupt,
        degree=4 if sparse else clients - 1,
        quorum=random.randint((members + corrupt) // 2 + 1, members),
    )
    traitors = random.sample(range(clients), corrupt)
    wire = Wire(cohort)
    _speak_by_chance(wire, random)
    members = [member for member in cohort.params.committee if (0, member) in wire.said]
    if wire.close() and wire.boxes:
        for member in members:
            wire.open_some(member, random)
        sets = [_some(wire, random) for _ in range(random.randint(1, 4))]
        signatures = [dict(forged(wire, each, traitors)) for each in sets]
        for _ in range(random.randint(1, 3)):
            for member in random.sample(members, len(members)):
                number = random.randrange(len(sets))
                signatures[number] |= wire.sign(sets[number], [member])
        for _ in range(2):
            for member in random.sample(members, len(members)):
                mixed = dict(random.choice(signatures))
                if random.random() < 0.3:
                    mixed |= random.choice(signatures)
                wire.release({signer: mixed[signer] for signer in mixed if signer in cohort.params.committee}, [member])
    leaks = wire.findings(traitors).leaks
    honest = max(cohort.params.min_survivors - corrupt, 2)
    broken = len(leaks) > 1 or any(len(leak) < honest or set(leak.values()) != {1} for leak in leaks)
    return len(leaks), broken


def _speak_by_chance(wire, random):
    params = wire.params
    other = SpeakRequest(params=replace(params, end=params.end - 1)).encode()
    two_windows = random.random() < 0.2
    for index in random.sample(range(params.clients), params.clients):
        chance = random.random()
        if chance < 0.1:
            continue
        if two_windows and chance < 0.4:
            wire.ask(0, index, other)
            continue
        wire.hear(index)


def _some(wire, random):
    """Survivors whom a member may have been told of; most sets are large enough to be signed."""
    heard = sorted(wire.heard)
    return random.sample(heard, random.randint(max(1, wire.params.min_survivors - 1), len(heard)))


def leaks_in(village, sessions, random):
    """Plays so many lying sessions: how many sums came out, and in how many sessions more leaked than was promised."""
    results = [lie(village, random) for _ in range(sessions)]
    return sum(dimensions > 0 for dimensions, _ in results), sum(broken for _, broken in results)
