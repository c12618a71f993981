"""What large windows cost: one real client of many, one member's boxes, and whole windows of real clients.

`python -m benchmarks.scale --protocol speakonce`. Of each size one client speaks, for real; a member opens that
client's box, and its time is that of one box. Bytes of a member are those of its messages with everybody's boxes. With
--session N all clients are real, from their keys to the checked integer sum; some never speak. As they live in one
process, the first reads the roster for all of them: what reading it costs each is in the rows of one real client.
"""

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.progress import Progress

from protocols.primitives.field import ELEMENT_SIZE
from protocols.primitives.signing import SIGNATURE_SIZE
from protocols.speakonce import Server
from protocols.speakonce.dealing import tree_over, tree_over_boxes
from protocols.speakonce.messages import (
    ConsistencyCheckRequest,
    Delivery,
    OpenBoxesRequest,
    Release,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from protocols.speakonce.params import WindowParams
from protocols.wire import HEADER_SIZE

from .cohort import VECTOR, timed
from .speakonce import Window, open_window

_SMALL_ANSWERS = 2 * (HEADER_SIZE + SIGNATURE_SIZE) + 4
"""Bytes of a report that names nobody, and of a signature."""


@dataclass(frozen=True, kw_only=True)
class WindowCosts:
    """What a window costs one client and one member of its committee.

    Attributes:
        clients: How many are on the roster.
        degree: Neighbors of each.
        floor: Survivors that each window of the ring must hold.
        members: Size of the committee.
        quorum: Signatures that make a survivor set the only one.
        client_ms: CPU time of a client's one message.
        upload_bytes: Its size.
        member_ms_per_box: CPU time in which a member opens one box.
        member_down_bytes: A member's three requests.
        member_up_bytes: Its three answers, if everybody is absent as often as everybody else.
    """

    clients: int
    degree: int
    floor: int
    members: int
    quorum: int
    client_ms: float
    upload_bytes: int
    member_ms_per_box: float
    member_down_bytes: int
    member_up_bytes: int


def one_speaker(clients: int, *, dropout: float, length: int) -> WindowCosts:
    """Measures one client of a window, and one member with its box."""
    window = open_window(clients, degree=None, dropout=dropout, length=length, modulus_bits=32)
    params = window.params
    member = params.committee[0]
    requests = Server(params).start()
    client_ms, response = timed(_speak, window, 0, requests[0])
    if member:
        _speak(window, member, requests[member])
    delivery = _delivery(params, SpeakResponse.decode(response, params), member)
    request = OpenBoxesRequest(deliveries={0: delivery}).encode(params)
    open_ms, _ = timed(window.clients[member].receive, request)
    return WindowCosts(
        clients=clients,
        degree=params.degree,
        floor=params.floor,
        members=params.members,
        quorum=params.quorum,
        client_ms=client_ms,
        upload_bytes=len(response),
        member_ms_per_box=open_ms,
        member_down_bytes=_bytes_down(params, delivery),
        member_up_bytes=_bytes_up(params, dropout),
    )


def whole_window(clients: int, *, dropout: float, length: int) -> dict[str, float | dict[str, float]]:
    """Runs a window of real clients; some never speak.

    Raises:
        SystemExit: the sum is not the survivors' exact one.
    """
    start = perf_counter()
    names = ("setup", "speak", "open boxes", "sign", "release", "check")
    seconds = dict.fromkeys(names, 0.0)
    elapsed, window = timed(lambda: open_window(clients, degree=None, dropout=dropout, length=length, modulus_bits=32))
    seconds["setup"] = elapsed / 1000
    params, server = window.params, Server(window.params)
    speaking = range(int(dropout * clients), clients)
    one_reading = patch.object(WindowParams, "decode", lru_cache(maxsize=1)(WindowParams.decode))
    with one_reading, Progress(console=Console(stderr=True)) as progress:
        requests: Mapping[int, bytes] = server.start()
        asked: Sequence[int] = speaking
        for number, name in enumerate(names[1:-1]):
            for index in progress.track(asked, description=name):
                elapsed, response = timed(_speak if number == 0 else _answer, window, index, requests[index])
                seconds[name] += (elapsed + timed(server.receive, index, response)[0]) / 1000
            elapsed, requests = timed(server.close_round)
            seconds[name] += elapsed / 1000
            asked = tuple(requests)
    seconds["check"] = timed(window.check_aggregate, server)[0] / 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "clients": clients,
        "length": length,
        "degree": params.degree,
        "floor": params.floor,
        "members": params.members,
        "quorum": params.quorum,
        "corrupt": params.corrupt,
        "min_survivors": params.min_survivors,
        "survivors": len(server.survivors),
        "cpu_seconds": seconds,
        "wall_seconds": perf_counter() - start,
        "peak_rss_mb": peak / 1e6,
    }


def print_window_costs(costs: WindowCosts) -> None:
    """Print one size as a paragraph."""
    print(f"{costs.clients} clients: ring {costs.degree}/{costs.floor}, committee {costs.members}/{costs.quorum}")
    print(f"  a client speaks in {costs.client_ms:,.1f} ms and uploads {costs.upload_bytes / 1000:,.1f} kB")
    print(
        f"  a member opens a box in {costs.member_ms_per_box:,.2f} ms; {costs.member_down_bytes / 1e6:,.2f} MB down, "
        f"{costs.member_up_bytes / 1e6:,.2f} MB up"
    )


def _speak(window: Window, index: int, request: bytes) -> bytes:
    vectors = {VECTOR: window.vector(index)}
    return window.clients[index].speak(request, policy=window.policy, vectors=lambda: vectors)


def _answer(window: Window, index: int, request: bytes) -> bytes:
    return window.clients[index].receive(request)


def _delivery(params: WindowParams, message: SpeakResponse, member: int) -> Delivery:
    """A client's box for a member, as the server delivers it."""
    place = params.committee.index(member)
    return Delivery(
        manifest=message.manifest,
        root=message.roots[place],
        proof=tree_over_boxes(message.roots, message.boxes).prove([place]),
        box=message.boxes[place],
    )


def _bytes_down(params: WindowParams, delivery: Delivery) -> int:
    boxes = OpenBoxesRequest(deliveries=dict.fromkeys(range(params.clients), delivery))
    counted = ConsistencyCheckRequest(counted=dict.fromkeys(range(params.clients), bytes(32)))
    signatures = UnmaskingRequest(signatures=dict.fromkeys(params.committee[: params.quorum], bytes(64)))
    return sum(len(message.encode(params)) for message in (boxes, counted, signatures))


def _bytes_up(params: WindowParams, dropout: float) -> int:
    """Shares of every survivor's own mask, and of those with neighbors who are absent, with their proofs."""
    away = np.random.default_rng(0).random(params.clients) < dropout
    survivors = frozenset(np.flatnonzero(~away).tolist())
    tree = tree_over(bytes(ELEMENT_SIZE * (params.degree + 1)))
    places = {owner: params.released(owner, survivors) for owner in sorted(survivors)}
    releases = {
        owner: Release(shares=(0,) * len(released), proof=tree.prove(released)) for owner, released in places.items()
    }
    answer = UnmaskingResponse(releases=releases, signature=bytes(SIGNATURE_SIZE))
    return len(answer.encode(params)) + _SMALL_ANSWERS
