"""Cases of vectors/sessions.json: what a server in each of its states refuses, and when it gives up."""

from collections.abc import Mapping

from .cases import Cases, Json
from .independent import indices, session_id, table
from .insider import BOX, SHARE, Insider, flip
from .keys import BEYOND, HIGH_BIT, SMALL_ORDER
from .materials import PRIME, element, fixed, fixed_hex

_SMALL_ORDER_KEY = SMALL_ORDER["a point of order 8"].to_bytes(32, "little")
Step = list[object]


def refused_responses(cases: Cases, facts: Mapping[str, Json]) -> None:
    """Adds them: in a complete and in a sparse graph."""
    complete = _Server(cases, facts["complete"], "complete")
    sparse = _Server(cases, facts["sparse"], "sparse")
    _out_of_order(complete)
    _local(complete)
    _advertisements(complete)
    _boxes(sparse)
    _inputs(sparse)
    _signatures(sparse)
    _shares(sparse)
    _aborts(sparse)
    _wrong_shares(_Server(cases, facts["corrected"], "corrected"))


class _Server:
    """The server of a session, and who knows what to tell it."""

    def __init__(self, cases: Cases, facts: Json, session: str) -> None:
        self.session, self.insider = session, Insider(facts)
        self._cases = cases
        self._known = {
            (index, response.hex()): number
            for number, traffic in enumerate(self.insider.rounds)
            for index, response in traffic["responses"].items()
        }

    def accepts(self, comment: str, closed: int | None, *steps: Step) -> None:
        self._cases.good(comment, "server", **self._inputs(closed, steps))

    def refuses(
        self, comment: str, closed: int | None, *steps: Step, error: str | Mapping[str, object] | None = None
    ) -> None:
        blamed = error or {"error": "FaultyClientError", "client": steps[-1][1]}
        self._cases.refused(blamed, comment, "server", **self._inputs(closed, steps))

    def _inputs(self, closed: int | None, steps: tuple[Step, ...]) -> Json:
        short = [
            [*step[:2], self._known.get((step[1], step[2]), step[2])] if step[0] == "receive" else step
            for step in steps
        ]
        return {"session": self.session, "closed": closed, "steps": short}

    def honest(self, number: int, *left_out: int) -> list[Step]:
        """All responses of a round but those of some clients."""
        responses = self.insider.rounds[number]["responses"]
        return [_receive(index, data) for index, data in responses.items() if index not in left_out]


def _receive(index: int, data: bytes) -> Step:
    return ["receive", index, data.hex()]


def _out_of_order(server: _Server) -> None:
    honest = [server.insider.response(number, 0) for number in range(5)]
    for closed in range(6):
        for number in range(5):
            comment = f"client 0's answer of round {number} after {closed} rounds"
            if number > closed:
                server.refuses(comment, closed, _receive(0, honest[number]))
            elif number < closed:
                server.accepts(f"{comment}: taken already", closed, _receive(0, honest[number]))
                altered = flip(honest[number], -1)
                server.refuses(f"{comment}, one bit of it flipped", closed, _receive(0, altered))
        for comment, data in (("no bytes", b""), ("a tag of no message", b"\x0b"), ("the tag of a request", b"\1\2")):
            server.refuses(f"{comment}, after {closed} rounds", closed, _receive(1, data))
        if closed < 5:
            good = honest[closed]
            server.accepts(f"round {closed}: the same answer twice", closed, _receive(0, good), _receive(0, good))
            another = flip(good, 50 if closed == 4 else -1)
            server.refuses(f"round {closed}: another answer", closed, _receive(0, good), _receive(0, another))
            for comment, data in (
                ("version 1", good[:1] + b"\1" + good[2:]),
                ("another session", flip(good, 33)),
                ("a byte missing", good[:-1]),
                ("a byte left over", good + b"\0"),
            ):
                server.refuses(f"round {closed}: {comment}", closed, _receive(0, data))
            again = (_receive(0, flip(good, 33)), _receive(0, good))
            server.accepts(f"round {closed}: a refused answer may be followed by a good one", closed, *again)


def _local(server: _Server) -> None:
    good = server.insider.response(0, 0)
    for comment, closed, steps in (
        ("an answer before the start", None, [_receive(0, good)]),
        ("a round closed before the start", None, [["close_round"]]),
        ("started twice", 0, [["start"]]),
        ("started after the end", 5, [["start"]]),
        ("an index beyond the cohort", 0, [_receive(4, good)]),
        ("a negative index", 0, [_receive(-1, good)]),
        ("a round closed after the last", 5, [["close_round"]]),
        ("an answer after the session was aborted", 0, [["close_round"], _receive(0, good)]),
        ("a round closed after the session was aborted", 0, [["close_round"], ["close_round"]]),
        ("survivors before round 2 is closed", 2, [["survivors"]]),
        ("the sum before the last round is closed", 4, [["aggregate"]]),
        ("names before round 2 is closed", 2, [["unopened"]]),
        ("wrong shares before the last round is closed", 4, [["wrong_shares"]]),
        ("the sum after the session was aborted", 0, [["close_round"], ["aggregate"]]),
    ):
        server.refuses(comment, closed, *steps, error="LocalProtocolError")
    server.accepts("the start", None, ["start"])
    server.accepts("survivors when round 2 is closed", 3, ["survivors"])
    server.accepts("the sum when the last round is closed", 5, ["aggregate"])


def _advertisements(server: _Server) -> None:
    insider = server.insider
    good = insider.advertisements[0]
    other_session = session_id(insider.params | {"session": 8})
    for comment, data in (
        ("another seal key", bytes.fromhex(fixed_hex("key")) + good[32:]),
        ("another mask key", good[:32] + bytes.fromhex(fixed_hex("key")) + good[64:]),
        ("another commitment", flip(good, 64)),
        ("another signature", flip(good, -1)),
        ("client 1's advertisement", insider.advertisements[1]),
        ("signed by client 1", insider.advertise(0, signer=1)),
        ("advertised for another session", insider.advertise(0, session=other_session)),
        ("a seal key of small order, signed", insider.advertise(0, seal_key=_SMALL_ORDER_KEY)),
        ("a mask key of small order, signed", insider.advertise(0, mask_key=_SMALL_ORDER_KEY)),
        ("a seal key with bit 255 set, signed", insider.advertise(0, seal_key=HIGH_BIT)),
        ("a mask key with bit 255 set, signed", insider.advertise(0, mask_key=HIGH_BIT)),
        ("a seal key beyond the prime, signed", insider.advertise(0, seal_key=BEYOND)),
    ):
        server.refuses(comment, 0, _receive(0, insider.message(2, data)))


def _boxes(server: _Server) -> None:
    insider = server.insider
    (boxes,) = insider.tables(1, 0, BOX, response=True)
    near = min(boxes)
    (far,) = set(insider.digests) - {0, *boxes}
    fewer = {peer: box for peer, box in boxes.items() if peer != near}
    for comment, entries in (
        ("a box missing", fewer),
        ("no boxes", {}),
        ("a box too many, for who is no neighbor", boxes | {far: boxes[near]}),
        ("a box for who is no neighbor in place of one", fewer | {far: boxes[near]}),
        ("a box for itself", boxes | {0: boxes[near]}),
        ("a box for client 5, who did not advertise", boxes | {5: boxes[near]}),
    ):
        server.refuses(comment, 1, _receive(0, insider.message(4, table(entries))))
    whole = insider.message(4, table(boxes))
    server.refuses("client 5 did not advertise and sends boxes", 1, _receive(5, whole))
    garbage = insider.message(4, table({peer: bytes(BOX) for peer in boxes}))
    server.accepts("boxes that do not open: the server cannot tell", 1, _receive(0, garbage))


def _inputs(server: _Server) -> None:
    insider = server.insider
    good = insider.response(2, 0)
    server.refuses("client 5 did not share its secrets and sends its vectors", 2, _receive(5, good))
    head, body = good[:-15], good[-15:]
    padded = body[:4] + bytes([body[4] | 2]) + body[5:]
    server.refuses("padding bit of the first vector set", 2, _receive(0, head + padded))
    server.refuses("the second vector missing", 2, _receive(0, good[:-10]))
    server.refuses("the vectors in another order", 2, _receive(0, head + body[5:] + body[:5]))
    server.accepts("any words: the server cannot tell", 2, _receive(0, insider.masked_input(0, bytes(15))))
    _named(server)


def _named(server: _Server) -> None:
    """What a client says of boxes: signed, and about boxes that it was given."""
    insider = server.insider
    near = [peer for peer in insider.neighbors[0] if peer in insider.rounds[1]["responses"]]
    (far,) = set(insider.digests) - {0, *insider.neighbors[0]}
    server.accepts("every sender is named", 2, _receive(0, insider.masked_input(0, named=near)))
    steps = [_receive(0, insider.masked_input(0, named=near[:1])), *server.honest(2, 0), ["close_round"]]
    server.accepts("the survivors of whom one named a sender", 2, *steps, ["survivors"])
    server.accepts("whom it named", 2, *steps, ["unopened"])
    for comment, data in (
        ("a sender who is no neighbor is named", insider.masked_input(0, named=[far])),
        ("itself is named", insider.masked_input(0, named=[0])),
        ("client 5, who did not advertise, is named", insider.masked_input(0, named=[5])),
        ("signed by client 1", insider.masked_input(0, named=near[:1], signer=1)),
        ("a name taken out after signing", insider.masked_input(0, signed=near[:1])),
        ("a name put in after signing", insider.masked_input(0, named=near[:1], signed=())),
        ("signed for another graph", insider.masked_input(0, graph_digest=fixed("another graph"))),
    ):
        server.refuses(comment, 2, _receive(0, data))


def _signatures(server: _Server) -> None:
    insider = server.insider
    survivors = sorted(insider.rounds[3]["requests"])
    for comment, signature in (
        ("a signature over another set", insider.signature(0, survivors[:-1])),
        ("a signature over everybody who advertised", insider.signature(0, sorted(insider.digests))),
        ("a signature for another graph", insider.signature(0, survivors, fixed("another graph"))),
        ("client 1's signature", insider.signature(1, survivors)),
        ("a bit flipped", flip(insider.signature(0, survivors), 3)),
        ("zeros", bytes(64)),
    ):
        server.refuses(comment, 3, _receive(0, insider.message(8, signature)))
    signature = insider.message(8, insider.signature(2, survivors))
    server.refuses("client 2 did not deliver its vectors and signs", 3, _receive(2, signature))
    early = insider.message(7, indices(survivors))
    server.refuses("the set itself in place of a signature", 3, _receive(0, early))


def _shares(server: _Server) -> None:
    insider = server.insider
    holder = next(index for index in insider.rounds[4]["responses"] if 2 in insider.neighbors[index])
    seeds, keys = insider.tables(4, holder, SHARE, SHARE, response=True)
    survivor, share = min(seeds), bytes.fromhex(element(1))
    fewer = {owner: entry for owner, entry in seeds.items() if owner != survivor}
    (far,) = set(insider.digests) - {holder, *insider.neighbors[holder]}
    beyond = bytes.fromhex(element(PRIME))
    for comment, tables in (
        ("no shares", ({}, {})),
        ("a seed share missing", (fewer, keys)),
        ("the key share missing", (seeds, {})),
        ("both shares of a survivor", (seeds, keys | {survivor: share})),
        ("both shares of a dropout", (seeds | {2: share}, keys)),
        ("a survivor's key share in place of its seed share", (fewer, keys | {survivor: share})),
        ("a dropout's seed share in place of its key share", (seeds | {2: share}, {})),
        ("a seed share of itself", (seeds | {holder: share}, keys)),
        ("a seed share of who is no neighbor", (seeds | {far: share}, keys)),
        ("a key share of client 5, who did not advertise", (seeds, keys | {5: share})),
        ("both tables swapped", (keys, seeds)),
        ("a seed share beyond the field", (seeds | {survivor: beyond}, keys)),
        ("a key share beyond the field", (seeds, {2: beyond})),
    ):
        server.refuses(comment, 4, _receive(holder, insider.message(10, *map(table, tables))))
    good = insider.message(10, table(seeds), table(keys))
    server.refuses("client 2 did not sign and releases shares", 4, _receive(2, good))


def _aborts(server: _Server) -> None:
    """One response fewer than is enough, and exactly as many."""
    insider = server.insider
    for number, reason in enumerate(
        ("TOO_FEW_ADVERTISEMENTS", "TOO_FEW_SHARINGS", "TOO_FEW_SURVIVORS", "TOO_FEW_SIGNATURES")
    ):
        steps = server.honest(number)
        error = {"error": "SessionAborted", "reason": reason}
        server.refuses(f"round {number}: nobody answers", number, ["close_round"], error=error)
        server.refuses(
            f"round {number}: three answer, four are the least", number, *steps[:3], ["close_round"], error=error
        )
        server.accepts(f"round {number}: four answer", number, *steps[:4], ["close_round"])
    few = {"error": "SessionAborted", "reason": "TOO_FEW_UNMASKINGS"}
    server.refuses("round 4: nobody answers", 4, ["close_round"], error=few)
    server.refuses("round 4: two answer", 4, *server.honest(4)[:2], ["close_round"], error=few)
    signers = list(insider.rounds[4]["responses"])
    silent = next(
        index
        for index in signers
        if any({index, 2} <= set(insider.neighbors[owner]) for owner in insider.rounds[3]["requests"])
    )
    comment = f"round 4: client {silent} is missing, some survivor has two neighbors left who answer"
    server.refuses(comment, 4, *server.honest(4, silent), ["close_round"], error=few)
    _inconsistent(server)


def _inconsistent(server: _Server) -> None:
    """Four answers, of which three are needed, correct nothing."""
    insider = server.insider
    error = {"error": "SessionAborted", "reason": "INCONSISTENT_SHARES"}
    holder = next(index for index in insider.rounds[4]["responses"] if 2 in insider.neighbors[index])
    seeds, keys = insider.tables(4, holder, SHARE, SHARE, response=True)
    for comment, tables in (
        ("a wrong seed share", ({owner: bytes.fromhex(element(1)) for owner in seeds}, keys)),
        ("a wrong key share", (seeds, {2: bytes.fromhex(element(1))})),
        (
            "a seed share that combines to no 32 bytes",
            ({owner: bytes.fromhex(element(PRIME - 1)) for owner in seeds}, keys),
        ),
    ):
        wrong = _receive(holder, insider.message(10, *map(table, tables)))
        steps = [*server.honest(4, holder), wrong, ["close_round"]]
        server.refuses(f"round 4: {comment} of client {holder}", 4, *steps, error=error)


def _wrong_shares(server: _Server) -> None:
    """Six holders answer for each survivor's seed, seven for client 7's, four are needed."""
    insider = server.insider
    error = {"error": "SessionAborted", "reason": "INCONSISTENT_SHARES"}

    def wrong(holder: int, owner: int) -> Step:
        seeds, keys = insider.tables(4, holder, SHARE, SHARE, response=True)
        return _receive(
            holder, insider.message(10, table(seeds | {owner: bytes.fromhex(element(holder))}), table(keys))
        )

    rest = server.honest(4, 0, 1)
    two = [wrong(0, 6), wrong(1, 6), *rest]
    server.refuses("round 4: two of six shares wrong, one can be corrected", 4, *two, ["close_round"], error=error)
    one = [wrong(0, 6), _receive(1, insider.response(4, 1)), *rest, ["close_round"]]
    server.accepts("round 4: one of six shares wrong", 4, *one)
    server.accepts("whose share it was", 4, *one, ["wrong_shares"])
