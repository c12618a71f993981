"""What a lying server may bend, one class each. Some are single lies, some are whole attacks with a known aim.

Each knows how to make the most of one missing defense; with all defenses in place it costs the server its session, or
nothing but the clients it lied to. `on_keys` and `on_inputs` bend what a request says; those here, how it arrives.
"""

from protocols.secagg.messages import ConsistencyCheckRequest, MaskedInputRequest, UnmaskingRequest
from protocols.vault import Position

from .evil_server import ROUNDS, Deviation
from .on_inputs import (
    Alienate,
    BadSignatures,
    Isolate,
    LeaveOut,
    Phantoms,
    Rotate,
    Split,
    SplitWithOldSignatures,
    TooFew,
    Withhold,
    WrongBoxes,
)
from .on_keys import (
    CraftedModel,
    Forge,
    LowSurvivors,
    LowThreshold,
    NobodyCorrupt,
    Omit,
    OtherSession,
    OwnEntry,
    SecondAdvertisement,
    SmallOrder,
    Strangers,
    Sybils,
    Tables,
)
from .parties import flipped


class Dropouts(Deviation):
    """No lie at all: some clients vanish, each from a round of its own."""

    def prepare(self) -> None:
        server, choose = self.server, self.choose
        gone = choose.some(server.cohort.everyone, 1, server.params.clients - server.params.min_survivors + 1)
        self.last = {index: choose.number(0, ROUNDS - 1) for index in gone}
        self.round = 0

    def _begin(self) -> None:
        self.server.silent |= {index for index, last in self.last.items() if last == self.round}
        self.round += 1

    def invite(self) -> None:
        self._begin()

    def show(self) -> None:
        self._begin()

    def hand(self) -> None:
        self._begin()

    def ask(self) -> None:
        self._begin()

    def confirm(self) -> None:
        self._begin()


class OneTurn(Deviation):
    """Something happens to one request to one client."""

    def prepare(self) -> None:
        self.index = self.choose.one(self.server.cohort.everyone)
        self.round = self.choose.number(0, ROUNDS - 1)

    def send(self, index: int, request: bytes) -> list[bytes]:
        if (index, request[0] // 2) != (self.index, self.round):
            return [request]
        self.round = ROUNDS
        return self.bend(request)

    def bend(self, request: bytes) -> list[bytes]:
        raise NotImplementedError


class Repeat(OneTurn):
    """Asked twice, and once more."""

    def bend(self, request: bytes) -> list[bytes]:
        return [request] * self.choose.number(2, 3)


class AskTwoSets(OneTurn):
    """Asked to sign two sets."""

    def bend(self, request: bytes) -> list[bytes]:
        params = self.server.params
        survivors = frozenset(self.choose.some(range(params.clients), params.min_survivors)) | {self.index}
        return [request, ConsistencyCheckRequest(survivors=survivors).encode(params)]


class ConfirmAgain(OneTurn):
    """Asked for shares again, with more survivors' signatures: the same bytes would be answered in the same way."""

    def prepare(self) -> None:
        super().prepare()
        self.round = ROUNDS - 1

    def bend(self, request: bytes) -> list[bytes]:
        server = self.server
        view, survivors = server.views[self.index], server.sets[self.index]
        more = server.signatures_for(self.index) | server.signed.get((view.graph.digest, survivors), {})
        return [request, UnmaskingRequest(signatures=more).encode(view.params)]


class Replay(OneTurn):
    """A request of another session, of an earlier round, of a later one, or to another client comes in between."""

    def bend(self, request: bytes) -> list[bytes]:
        server, choose = self.server, self.choose
        turns = [turn.request for turn in server.wire.exchanges if turn.index == self.index]
        others = [turn.request for turn in server.wire.exchanges if turn.request[0] == request[0]]
        future = ConsistencyCheckRequest(survivors=frozenset(server.cohort.everyone)).encode(server.params)
        pool = [*turns[-3:], *others[-3:], future]
        replayed = choose.one(pool)
        if choose.chance(50):
            replayed = server.elsewhere.requests[request[0] // 2].get(self.index, replayed)
        return choose.one(([replayed, request], [request, replayed], [replayed]))


class Garble(OneTurn):
    """Bytes flipped, cut off, added, overwritten, doubled or in another order."""

    def bend(self, request: bytes) -> list[bytes]:
        choose = self.choose
        start = choose.number(0, len(request) - 1)
        width = choose.one((1, 4, 36, 64, 68))
        head, piece, tail = request[:start], request[start : start + width], request[start + width :]
        altered = {
            "flipped": flipped(request, start, choose.number(0, 7)),
            "cut off": head,
            "left out": head + tail,
            "added": request + bytes(choose.number(1, 8)),
            "zeros": head + bytes(len(piece)) + tail,
            "ones": head + b"\xff" * len(piece) + tail,
            "doubled": head + piece + piece + tail,
            "in another order": head + tail[:width] + piece + tail[width:],
        }
        return [altered[choose.one(tuple(altered))]]


class Crash(OneTurn):
    """A client crashes and goes on from its newest snapshot."""

    def prepare(self) -> None:
        super().prepare()
        self.server.vaults.append(self.index)

    def bend(self, request: bytes) -> list[bytes]:
        kept = self.server.wire.snapshots[self.index]
        if kept:
            self.server.wire.restore(self.index, kept[-1], Position.of(kept[-1]))
        return [request]


class Rollback(Crash):
    """A client crashes and is given an older snapshot than its newest; then it is asked again what it answered."""

    def bend(self, request: bytes) -> list[bytes]:
        wire, index = self.server.wire, self.index
        kept = wire.snapshots[index]
        if len(kept) < 2:
            return [request]
        newest, place = Position.of(kept[-1]), self.choose.number(0, len(kept) - 2)
        if wire.restore(index, kept[place], newest):
            answered = [turn.request for turn in wire.exchanges if turn.index == index and turn.response]
            return [*map(self._another, answered[place + 1 :]), request]
        wire.restore(index, kept[-1], newest)
        return [request]

    def _another(self, request: bytes) -> bytes:
        """What a client could be asked in place of this, in the same round."""
        params = self.server.wire.joined[self.index]
        if request[0] == MaskedInputRequest.TAG:
            boxes = dict(MaskedInputRequest.decode(request, params).boxes)
            del boxes[self.choose.one(sorted(boxes))]
            return MaskedInputRequest(boxes=boxes).encode(params)
        if request[0] == ConsistencyCheckRequest.TAG:
            survivors = ConsistencyCheckRequest.decode(request, params).survivors
            gone = self.choose.one(sorted(survivors - {self.index}))
            return ConsistencyCheckRequest(survivors=survivors - {gone}).encode(params)
        return request


DEVIATIONS: tuple[type[Deviation], ...] = (
    Dropouts,
    TooFew,
    Split,
    SplitWithOldSignatures,
    Rotate,
    LeaveOut,
    Phantoms,
    Isolate,
    Alienate,
    Withhold,
    WrongBoxes,
    Forge,
    OwnEntry,
    Omit,
    SecondAdvertisement,
    SmallOrder,
    Strangers,
    Tables,
    CraftedModel,
    OtherSession,
    Sybils,
    LowThreshold,
    LowSurvivors,
    NobodyCorrupt,
    BadSignatures,
    Repeat,
    AskTwoSets,
    ConfirmAgain,
    Replay,
    Garble,
    Crash,
    Rollback,
)
"""All of them."""
