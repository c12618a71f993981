"""Cases of vectors/sessions.json: what a client in each of its states refuses, and the last it accepts before that."""

from collections.abc import Mapping

from .cases import Cases, Json
from .independent import indices, session_id, table
from .insider import ADVERTISEMENT, BOX, SIGNATURE, Insider, flip
from .keys import BEYOND, HIGH_BIT, SMALL_ORDER
from .materials import PRIME, element, fixed_hex
from .tricked import Tricked

_SMALL_ORDER_KEY = SMALL_ORDER["a point of order 8"].to_bytes(32, "little")


def refused_requests(cases: Cases, facts: Mapping[str, Json]) -> None:
    """Adds them: of client 0, in a complete and in a sparse graph."""
    complete = Tricked(cases, facts["complete"], "complete")
    sparse = Tricked(cases, facts["sparse"], "sparse")
    _out_of_order(complete)
    _share_keys(complete)
    _share_keys_sparse(sparse)
    _masked_input(sparse)
    _vectors(complete)
    _again(complete)
    _consistency_check(sparse)
    _too_few_survivors(Tricked(cases, facts["corrected"], "corrected"))
    _unmasking(sparse)


def _out_of_order(client: Tricked) -> None:
    honest = [client.insider.request(number, 0) for number in range(5)]
    for answered in range(6):
        for number in range(5):
            if number not in (answered, answered - 1):
                client.refuses(f"request of round {number} after {answered} answers", answered, honest[number])
        for comment, data in (
            ("no bytes", b""),
            ("no tag of a message", b"\0"),
            ("the tag of a response", client.insider.response(0, 0)[:34]),
        ):
            client.refuses(f"{comment}, after {answered} answers", answered, data)
        if answered < 5:
            good = honest[answered]
            for comment, data in (
                ("version 1", good[:1] + b"\1" + good[2:]),
                ("another session", flip(good, 33)),
                ("a byte missing", good[:-1]),
                ("a byte left over", good + b"\0"),
            ):
                if answered or comment != "another session":
                    client.refuses(f"round {answered}: {comment}", answered, data)
            error = "LocalProtocolError"
            client.refuses(
                f"round {answered}: the honest request, after a refused one", answered, b"", good, error=error
            )


def _share_keys(client: Tricked) -> None:
    """In a complete graph every change of the advertisements leaves the neighbors what they are."""
    insider = client.insider
    mine, last, before = insider.advertisements[0], insider.advertisements[3], insider.advertisements[2]
    other_session = session_id(insider.params | {"session": 8})
    random_key = bytes.fromhex(fixed_hex("another key"))
    for comment, changes in (
        ("own advertisement missing", {0: None}),
        ("own advertisement: a bit flipped", {0: flip(mine, 70)}),
        ("own advertisement: another mask key, signed", {0: insider.advertise(0, mask_key=random_key)}),
        ("client 3: another seal key", {3: random_key + last[32:]}),
        ("client 3: another mask key", {3: last[:32] + random_key + last[64:]}),
        ("client 3: another commitment", {3: flip(last, 64)}),
        ("client 3: another signature", {3: flip(last, -1)}),
        ("client 3: advertised for another session", {3: insider.advertise(3, session=other_session)}),
        ("client 3: signed by client 2", {3: insider.advertise(3, signer=2)}),
        ("client 3: what client 2 advertised", {3: before}),
        ("clients 2 and 3 exchanged", {2: last, 3: before}),
        ("client 3: a seal key of small order, signed", {3: insider.advertise(3, seal_key=_SMALL_ORDER_KEY)}),
        ("client 3: a mask key of small order, signed", {3: insider.advertise(3, mask_key=_SMALL_ORDER_KEY)}),
        ("client 3: a seal key with bit 255 set, signed", {3: insider.advertise(3, seal_key=HIGH_BIT)}),
        ("client 3: a mask key with bit 255 set, signed", {3: insider.advertise(3, mask_key=HIGH_BIT)}),
        ("client 3: a mask key beyond the prime, signed", {3: insider.advertise(3, mask_key=BEYOND)}),
        ("two clients left, three are the least", {2: None, 3: None}),
        ("no advertisements", dict.fromkeys(range(4))),
    ):
        changed = insider.advertisements | changes
        table_of = {index: entry for index, entry in changed.items() if entry is not None}
        client.refuses(comment, 1, insider.message(3, table(table_of), table({})))
    fewer = {index: entry for index, entry in insider.advertisements.items() if index != 3}
    client.accepts("client 3 did not advertise", 1, insider.message(3, table(fewer), table({})))
    digest = {3: insider.digests[3]}
    client.refuses("a neighbor as a digest only", 1, insider.message(3, table(fewer), table(digest)))
    whole = table(insider.advertisements)
    client.refuses("client 3 in full and as a digest", 1, insider.message(3, whole, table(digest)))
    client.refuses("own digest as well", 1, insider.message(3, whole, table({0: insider.digests[0]})))


def _share_keys_sparse(client: Tricked) -> None:
    insider = client.insider
    near, far = _near_and_far(insider)
    full, digests = insider.tables(1, 0, ADVERTISEMENT, 32)

    def request(full: Mapping[int, bytes], digests: Mapping[int, bytes]) -> bytes:
        return insider.message(3, table(full), table(digests))

    moves, stays = _two_digests(insider, far)
    for comment, data in (
        (
            "a neighbor as a digest only",
            request(_without(full, near[0]), digests | {near[0]: insider.digests[near[0]]}),
        ),
        ("everybody in full", request(insider.advertisements, {})),
        (
            "a neighbor in place of the one who is none",
            request(_without(full, near[0]) | {far: insider.advertisements[far]}, {near[0]: insider.digests[near[0]]}),
        ),
        ("a neighbor left out", request(_without(full, near[0]), digests)),
        ("another digest, and with it other neighbors", request(full, {far: moves})),
        (
            "two neighbors left out: four are left, the degree no longer counts",
            request(_without(full, *near[:2]), digests),
        ),
        ("a digest of client 5, who did not advertise", request(full, digests | {5: bytes(32)})),
        ("own advertisement as a digest only", request(_without(full, 0), digests | {0: insider.digests[0]})),
    ):
        client.refuses(comment, 1, data)
    client.accepts("four others advertised: everybody is a neighbor", 1, request(full, {}))
    equivocation = request(full, {far: stays})
    client.accepts("another digest, but the same neighbors: shares for another graph", 1, equivocation)
    client.refuses("boxes of those who saw the other graph: none opens", 1, equivocation, insider.request(2, 0))


def _two_digests(insider: Insider, far: int) -> tuple[bytes, bytes]:
    """Digests for client `far`, one that changes the neighbors of client 0 and one that does not."""
    found: dict[bool, bytes] = {}
    number = 0
    while len(found) < 2:
        digest = bytes.fromhex(fixed_hex("a digest", number))
        same = insider.neighbors_among(insider.digests | {far: digest})[0] == insider.neighbors[0]
        found.setdefault(same, digest)
        number += 1
    return found[False], found[True]


def _masked_input(client: Tricked) -> None:
    insider = client.insider
    near, far = _near_and_far(insider)
    (boxes,) = insider.tables(2, 0, BOX)
    a, b = near[:2]
    mine = insider.tables(1, 0, BOX, response=True)[0]
    pair, prime = element(1), element(PRIME)
    other_graph = insider.sealed(a, 0, insider.dealt(a, 0), bytes.fromhex(fixed_hex("another graph")))
    client.accepts("three boxes, the least", 2, insider.message(5, table(_without(boxes, a))))
    for comment, entries in (
        ("a bit of a box flipped", boxes | {a: flip(boxes[a], 40)}),
        ("a bit of a tag flipped", boxes | {a: flip(boxes[a], -1)}),
        ("one box twice", boxes | {a: boxes[b]}),
        ("the client's own box sent back", boxes | {a: mine[a]}),
        ("a box for another graph", boxes | {a: other_graph}),
        ("a seed share beyond the field", boxes | {a: insider.sealed(a, 0, bytes.fromhex(prime + pair))}),
        ("a key share beyond the field", boxes | {a: insider.sealed(a, 0, bytes.fromhex(pair + prime))}),
        ("three good boxes and one of zeros", boxes | {a: bytes(BOX)}),
    ):
        request = insider.message(5, table(entries))
        client.accepts(f"{comment}: client {a} is named", 2, request)
        whole = insider.message(7, indices(sorted(insider.digests)))
        client.accepts(f"{comment}: client {a} may survive for all that", 2, request, whole)
    for comment, entries in (
        ("two boxes, three are the least", _without(boxes, a, b)),
        ("no boxes", {}),
        ("a box of who is no neighbor", boxes | {far: insider.sealed(far, 0, bytes.fromhex(pair + pair))}),
        ("a box of client 5, who did not advertise", boxes | {5: boxes[a]}),
        ("a box of the client itself", boxes | {0: insider.sealed(0, 0, bytes.fromhex(pair + pair))}),
        ("two boxes exchanged: two open, three are the least", boxes | {a: boxes[b], b: boxes[a]}),
        ("three boxes, one of zeros: two open", _without(boxes, b) | {a: bytes(BOX)}),
    ):
        client.refuses(comment, 2, insider.message(5, table(entries)))


def _vectors(client: Tricked) -> None:
    """What the client is told to bring must be what it agreed to bring."""
    request = client.insider.request(2, 0)
    for comment, coordinates in (("a vector at its bounds", [1000, -1000, 1000]), ("a vector of zeros", [0, 0, 0])):
        client.accepts(comment, 2, request, changes={"vectors": {"update": coordinates}})
    for comment, vectors in (
        ("no vector", {}),
        ("a vector of another name", {"other": [0, 0, 0]}),
        ("a vector too many", {"update": [0, 0, 0], "other": [0]}),
        ("a coordinate missing", {"update": [0, 0]}),
        ("a coordinate too many", {"update": [0, 0, 0, 0]}),
        ("a coordinate above the bound", {"update": [0, 1001, 0]}),
        ("a coordinate below the bound", {"update": [0, 0, -1001]}),
        ("the coordinate of the largest absolute value", {"update": [f"{-(2**63):#x}", 0, 0]}),
    ):
        client.refuses(comment, 2, request, error="LocalProtocolError", changes={"vectors": vectors})


def _again(client: Tricked) -> None:
    """The same request gets the same answer, until the next one; another one of that round gets none."""
    for number in range(5):
        request = client.insider.request(number, 0)
        client.accepts(f"round {number}: the same request again", number, request, request)
        client.accepts(f"round {number}: and once more", number + 1, request)
        if number in (1, 2, 4):
            client.refuses(f"round {number}: one bit of it flipped", number + 1, flip(request, -1))
    keys = client.insider.request(1, 0)
    client.accepts("neighbors' keys 60 seconds after the advertisement", 1, keys, changes={"times": [100, 160]})
    late, error = {"times": [100, 161]}, {"error": "PolicyViolationError", "rule": "patience"}
    client.refuses("neighbors' keys 61 seconds after the advertisement", 1, keys, error=error, changes=late)


def _consistency_check(client: Tricked) -> None:
    insider = client.insider
    near, far = _near_and_far(insider)
    survivors = sorted(insider.rounds[3]["requests"])
    everybody = sorted(insider.digests)

    def request(members: list[int]) -> bytes:
        return insider.message(7, indices(members))

    client.accepts("a larger set than the server's: the client cannot tell", 3, request(everybody))
    client.accepts("itself and three neighbors, the least", 3, request(sorted([0, *near[:3]])))
    for comment, members in (
        ("without itself", [index for index in everybody if index]),
        ("itself and two, four are the least", [0, *near[:2]]),
        ("itself alone", [0]),
        ("nobody", []),
        ("client 5, who did not advertise", sorted({*survivors, 5})),
        ("four, but only two neighbors", sorted([0, far, *near[:2]])),
    ):
        client.refuses(comment, 3, request(members))
    (boxes,) = insider.tables(2, 0, BOX)
    fewer = insider.message(5, table(_without(boxes, near[0])))
    client.refuses("a neighbor that sent no box", 2, fewer, request(everybody))
    client.accepts("a neighbor that sent no box is not in it", 2, fewer, request(sorted(set(everybody) - {near[0]})))


def _too_few_survivors(client: Tricked) -> None:
    """More are needed than make a threshold of neighbors."""
    for size in (5, 6):
        request = client.insider.message(7, indices(range(size)))
        if size < client.insider.params["min_survivors"]:
            client.refuses("five survivors, four of them neighbors, six are the least", 3, request)
        else:
            client.accepts("six survivors", 3, request)


def _unmasking(client: Tricked) -> None:
    insider = client.insider
    survivors = sorted(insider.rounds[3]["requests"])
    whole = {signer: insider.signature(signer, survivors) for signer in survivors}
    some = dict(list(whole.items())[:4])
    a, b = survivors[1:3]

    def request(signatures: Mapping[int, bytes]) -> bytes:
        return insider.message(9, table(signatures))

    client.accepts("all five signatures, one more than needed", 4, request(whole))
    client.accepts("another four of five, without its own", 4, request(_without(whole, 0)))
    other_set = insider.signature(a, [*survivors[:-1], 5, survivors[-1]])
    other_graph = insider.signature(a, survivors, bytes.fromhex(fixed_hex("another graph")))
    for comment, signatures in (
        ("three signatures, four are the least", _without(some, a)),
        ("its own signature alone", {0: whole[0]}),
        ("no signatures", {}),
        ("a bit of a signature flipped", some | {a: flip(some[a], 0)}),
        ("four good signatures and one of zeros", whole | {a: bytes(SIGNATURE)}),
        ("a signature over another set", some | {a: other_set}),
        ("a signature over a smaller set", some | {a: insider.signature(a, survivors[:-1])}),
        ("a signature for another graph", some | {a: other_graph}),
        ("two signatures exchanged", some | {a: some[b], b: some[a]}),
        ("one signature twice", some | {a: some[b]}),
        ("a good signature of client 2, who is no survivor", whole | {2: insider.signature(2, survivors)}),
        ("client 2 in place of a survivor", _without(some, a) | {2: insider.signature(2, survivors)}),
        ("an advertisement's signature", some | {a: insider.advertisements[a][-SIGNATURE:]}),
    ):
        client.refuses(comment, 4, request(signatures))


def _near_and_far(insider: Insider) -> tuple[list[int], int]:
    """Client 0's neighbors, and the one client that is none."""
    (far,) = set(insider.digests) - {0, *insider.neighbors[0]}
    return insider.neighbors[0], far


def _without(entries: Mapping[int, bytes], *left_out: int) -> dict[int, bytes]:
    return {index: entry for index, entry in entries.items() if index not in left_out}
