"""What a server tries in a window, one function each: it plays a session and leaves the judgment to the oracle."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from protocols.speakonce import Prekeys, WindowParams
from protocols.speakonce.messages import SpeakRequest

from ..adversaries.choices import Chooser
from ..adversaries.parties import SESSION, digest, identity, roster
from .lying_server import LyingServer
from .parties import END, prekeys_of, randomness, signed_prekeys, window

Attack = Callable[[Chooser], LyingServer]

_TRIES = 200  # of what may be chosen, until the committee suits
_STRICT = {"security_bits": 20}


def _close(server: LyingServer, survivors: Collection[int]) -> list[int]:
    """Closes a window as an honest server does; returns who released shares."""
    committee = server.params.committee
    signatures = server.sign(survivors, committee) | server.forged(survivors, server.evil & set(committee))
    return server.release(signatures, committee)


# One survivor set, and who signs it


def two_sets(choose: Chooser) -> LyingServer:
    """Half of the members are shown everyone, half everyone but a victim; each half sees its own signatures.

    What is missing is made up: not at all, by signatures of the other set, or by clients who are no members.
    """
    params = window(16, members=4, quorum=3, corrupt=3)
    strangers = [index for index in range(params.clients) if index not in params.committee]
    server = LyingServer(params, evil=choose.some(strangers, 3, 3)).speak().open_boxes()
    victim = choose.one(sorted(set(range(params.clients)) - server.evil))
    sets = range(params.clients), [index for index in range(params.clients) if index != victim]
    halves = _halves(choose, params.committee)
    signed = [server.sign(survivors, half) for survivors, half in zip(sets, halves, strict=True)]
    padding = choose.one(("none", "another's", "strangers"))
    for own, other, survivors, half in zip(signed, reversed(signed), sets, halves, strict=True):
        more = {"none": {}, "another's": other, "strangers": server.forged(survivors, server.evil)}[padding]
        server.release({**more, **own}, half)
    return server


def close_again(choose: Chooser) -> LyingServer:
    """Members that have released shares are asked to sign, and to release, for a second set."""
    server = LyingServer(window(5)).speak().open_boxes()
    _close(server, range(5))
    _close(server, _without_one(choose, range(5)))
    return server


def roll_back(choose: Chooser) -> LyingServer:
    """The same, after members were set back to when their boxes were open."""
    server = LyingServer(window(5)).speak().open_boxes()
    _close(server, range(5))
    back = [member for member in server.params.committee if server.roll_back(member)]
    if back:
        _close(server, _without_one(choose, range(5)))
    return server


def too_few(choose: Chooser) -> LyingServer:
    """One consistent set of fewer than were promised."""
    server = LyingServer(window(6)).speak().open_boxes()
    _close(server, choose.some(range(6), 2, server.params.min_survivors - 1))
    return server


def isolate(choose: Chooser) -> LyingServer:
    """One consistent set, large enough, of everyone but the neighbors of a victim."""
    server = LyingServer(window(16, degree=4, members=5)).speak().open_boxes()
    ring = server.params.ring
    _close(server, set(range(16)) - ring.neighbors(choose.one(ring.order)))
    return server


def close_honestly(choose: Chooser) -> LyingServer:
    """Nothing but the protocol: some stay away, and what is released is the members' business."""
    params = window(6)
    absent = choose.some(range(6), 0, 2)
    server = LyingServer(params).speak(index for index in range(6) if index not in absent).open_boxes()
    _close(server, server.heard)
    return server


# Who is drawn into the committee


def steer_beacon(choose: Chooser) -> LyingServer:
    """The server brings a beacon of its own, for which its clients sit in the committee."""
    honest, evil = _with_two_evil(choose)
    beacons = (digest(f"beacon {choose.number(0, 10**9)}") for _ in range(_TRIES))
    steered = _steered((replace(honest, beacon=beacon) for beacon in beacons), evil) or honest
    return LyingServer(steered, evil=evil, terms={"beacon": honest.beacon}).speak()


def steer_roster(choose: Chooser) -> LyingServer:
    """The beacon is known, and then the server's own clients choose their prekeys."""
    honest, evil = _with_two_evil(choose)
    rosters = (_exchanged(honest, evil[0], prekeys_of(1 + choose.number(0, 10**9), evil[0])) for _ in range(_TRIES))
    steered = _steered(rosters, evil) or honest
    return LyingServer(steered, evil=evil, terms={"frozen_digest": honest.frozen_digest}).speak()


def steer_late(choose: Chooser) -> LyingServer:
    """Roster and beacon stand, and the server chooses what it still may: the window's end."""
    honest, evil = _with_two_evil(choose)
    ends = (replace(honest, end=choose.number(0, END)) for _ in range(_TRIES // 10))
    steered = _steered(ends, evil) or honest
    return LyingServer(steered, evil=evil, terms={"latest_end": END}).speak()


def low_quorum(choose: Chooser) -> LyingServer:
    """A committee of whom 2q - C may well be corrupt, and are; how many it assumes is what clients do."""
    params = window(9, members=4, quorum=3, corrupt=2)
    return LyingServer(params, evil=choose.some(params.committee, 2, 2), terms=_STRICT).speak()


def nobody_corrupt(choose: Chooser) -> LyingServer:
    """The same, said to have nobody corrupt."""
    params = window(9, members=4, quorum=3)
    return LyingServer(params, evil=choose.some(params.committee, 2, 2), terms={"min_corrupt": 2}).speak()


def shrink(choose: Chooser) -> LyingServer:
    """Prekeys of half of the clients are withheld, and with them those clients; the corrupt ones are all there."""
    params = window(6, corrupt=2)
    evil = choose.some([index for index in range(6) if index], 2, 2)
    terms = {"roster": frozenset(roster(12)), "min_cohort": 10, "min_survivors": 8}
    server = LyingServer(params, evil=evil, terms=terms).speak().open_boxes()
    _close(server, server.heard)
    return server


# Whose keys they are


def sybils(choose: Chooser) -> LyingServer:
    """Everybody on the roster but one client was invented by the server."""
    victim = choose.number(0, 5)
    signers = [identity(index if index == victim else 100 + index) for index in range(6)]
    params = window(
        6,
        identities=tuple(signer.public_key().public_bytes_raw() for signer in signers),
        prekeys=tuple(signed_prekeys(signer, randomness(0, index)) for index, signer in enumerate(signers)),
    )
    evil = [index for index in range(6) if index != victim]
    server = LyingServer(params, evil=evil, terms={"roster": frozenset(roster(6))})
    server.hear(victim)
    return server


def forge(choose: Chooser) -> LyingServer:
    """One client is shown prekeys of the server's own under everybody else's names."""
    return _in_the_middle(choose, [replace(prekeys_of(1, index), signature=bytes(64)) for index in range(5)])


def replay(choose: Chooser) -> LyingServer:
    """The same, with prekeys that their owners did sign: for the session before, and their private halves got out."""
    return _in_the_middle(choose, [prekeys_of(1, index, SESSION - 1) for index in range(5)])


def _in_the_middle(choose: Chooser, shown: Sequence[Prekeys]) -> LyingServer:
    victim = choose.number(0, 4)
    prekeys = tuple(prekeys_of(0, index) if index == victim else keys for index, keys in enumerate(shown))
    server = LyingServer(window(5, prekeys=prekeys))
    server.hear(victim)
    return server


# By chance


def anything(choose: Chooser) -> LyingServer:
    """A session in which most things happen by chance.

    Some clients are shown another window of the same roster, boxes are withheld, members are shown several survivor
    sets, signatures are mixed with those of corrupt members, who sign everything; in any order, and again.
    """
    server = LyingServer(
        params := _any_window(choose), evil=choose.some(range(params.clients), params.corrupt, params.corrupt)
    )
    other = SpeakRequest(params=replace(params, end=params.end - 1)).encode()
    two_windows = choose.chance(20)
    for index in choose.mixed(range(params.clients)):
        if two_windows and choose.chance(30):
            server.ask(index, other)
        elif choose.chance(90):
            server.hear(index)
    members = [member for member in params.committee if member in server.heard]
    if not (server.close() and members):
        return server
    for member in members:
        server.deliver(member, choose.some(server.heard, len(server.heard) - 1))
    sets = [choose.some(server.heard, params.min_survivors - 1) for _ in range(choose.number(1, 4))]
    signatures = [server.forged(each, server.evil) for each in sets]
    for _ in range(choose.number(1, 3)):
        for member in choose.mixed(members):
            number = choose.number(0, len(sets) - 1)
            signatures[number] |= server.sign(sets[number], [member])
    for _ in range(2):
        for member in choose.mixed(members):
            mixed = choose.one(signatures) | (choose.one(signatures) if choose.chance(30) else {})
            kept = {signer: signature for signer, signature in mixed.items() if signer in params.committee}
            server.release(kept, [member])
    return server


def _any_window(choose: Chooser) -> WindowParams:
    clients = choose.number(4, 7)
    corrupt = choose.number(0, clients - 4)
    members = choose.number(corrupt + 2, clients)
    sparse = clients > 5 and corrupt < 2 and choose.chance(50)  # two windows hold a traitor each, or none is cut off
    return window(
        clients,
        members=members,
        corrupt=corrupt,
        degree=4 if sparse else clients - 1,
        quorum=choose.number((members + corrupt) // 2 + 1, members),
    )


def _halves(choose: Chooser, members: Sequence[int]) -> tuple[list[int], list[int]]:
    mixed = choose.mixed(members)
    return mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]


def _without_one(choose: Chooser, clients: Sequence[int]) -> list[int]:
    left_out = choose.one(clients)
    return [index for index in clients if index != left_out]


def _with_two_evil(choose: Chooser) -> tuple[WindowParams, list[int]]:
    """A window of twelve with two corrupt clients, who break it if both are members: of four, one time in eleven."""
    honest = window(12, members=4, quorum=3, corrupt=2)
    away = [index for index in range(12) if index not in honest.committee]
    return honest, choose.some(away, 2, 2)


def _steered(candidates: Iterable[WindowParams], evil: Collection[int]) -> WindowParams | None:
    return next((params for params in candidates if set(evil) <= set(params.committee)), None)


def _exchanged(params: WindowParams, index: int, prekeys: Prekeys) -> WindowParams:
    return replace(params, prekeys=(*params.prekeys[:index], prekeys, *params.prekeys[index + 1 :]))


ATTACKS: tuple[Attack, ...] = (
    two_sets,
    close_again,
    roll_back,
    too_few,
    isolate,
    close_honestly,
    steer_beacon,
    steer_roster,
    steer_late,
    low_quorum,
    nobody_corrupt,
    shrink,
    sybils,
    forge,
    replay,
    anything,
)
"""All of them."""
