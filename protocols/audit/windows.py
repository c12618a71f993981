"""The same facts from windows in which clients speak once: what each honest client saw and said.

WVI-1  A pair's secret is dealt twice, once by either end. The two dealings are two polynomials, and shares of one say
       nothing about the other, unless what was released of both together gives the secret that either committed to:
       then they were one, and the secret is known.
WVI-2  Keys are a client's own if it signed them, whether it ever spoke or not; all others are taken to be the server's.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import InvalidDataError, InvalidShareError, MalformedMessageError
from ..primitives.shamir import combine, lagrange_coefficients, secret_bytes
from ..speakonce.messages import (
    ConsistencyCheckRequest,
    OpenBoxesRequest,
    OpenBoxesResponse,
    SpeakRequest,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    request_type,
)
from ..speakonce.params import WindowParams
from ..speakonce.statements import commit, verify_prekeys
from .transcript import Exchange, OmittedInput, Response, omit_input
from .views import Mask, Release, Secret, Sharing, Upload, Views, message_in


@dataclass(slots=True, kw_only=True)
class _Client:
    """How far one client has come."""

    params: WindowParams
    index: int
    boxes: dict[int, bytes] = field(default_factory=dict)
    survivors: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Dealings:
    """Shares that honest members released, by pair, dealer and position; and what dealers committed to."""

    points: dict[tuple[WindowParams, int, int], dict[int, dict[int, int]]] = field(default_factory=dict)
    commitments: dict[tuple[bytes, int, int], bytes] = field(default_factory=dict)


def read_window(params: WindowParams, exchanges: Sequence[Exchange], corrupt: Collection[bytes]) -> Views[WindowParams]:
    """Reads a window's transcript through the eyes of every client that is not corrupt.

    Args:
        params: What the window was announced as.
        exchanges: All turns of all clients, in order of time.
        corrupt: Identities of the corrupt clients.

    Raises:
        MalformedMessageError: an honest client's exchange is no message of the protocol, or an earlier one that it
            needs is missing; names the exchange.
    """
    views = Views(params=params)
    for index, prekeys in enumerate(params.prekeys):
        identity = params.identities[index]
        if identity not in corrupt:
            with suppress(InvalidDataError):
                verify_prekeys(identity, server_key=params.server_key, session=params.session, prekeys=prekeys)
                views.mask_keys.add(prekeys.mask_key)
                views.seal_keys.add(prekeys.seal_key)
    clients: dict[int, _Client] = {}
    dealings = _Dealings()
    for number, exchange in enumerate(exchanges):
        if exchange.response is None or params.identities[exchange.index] in corrupt:
            continue
        try:
            _read(views, clients, dealings, exchange.index, (exchange.request, exchange.response))
        except InvalidDataError as error:
            raise MalformedMessageError(f"exchange {number}, client {exchange.index}: {error}") from error
    views.recovered |= _joined(dealings)
    return views


def _read(
    views: Views[WindowParams],
    clients: dict[int, _Client],
    dealings: _Dealings,
    index: int,
    turn: tuple[bytes, Response],
) -> None:
    request, answer = turn
    kind = request_type(request)
    if kind is SpeakRequest:
        params = SpeakRequest.decode(request).params
        clients[index] = _read_speak(views, dealings, index, params, omit_input(request, answer))
        return
    response = message_in(answer)
    if index not in clients:
        raise MalformedMessageError(f"request: {kind.__name__}, but the client has not spoken")
    client = clients[index]
    if kind is OpenBoxesRequest:
        OpenBoxesResponse.decode(response, client.params)
        deliveries = OpenBoxesRequest.decode(request, client.params).deliveries
        client.boxes = {sender: delivery.box for sender, delivery in deliveries.items()}
    elif kind is ConsistencyCheckRequest:
        client.survivors = frozenset(ConsistencyCheckRequest.decode(request, client.params).counted)
    else:
        UnmaskingRequest.decode(request, client.params)
        _read_unmasking(views, dealings, client, UnmaskingResponse.decode(response, client.params))


def _read_speak(
    views: Views[WindowParams], dealings: _Dealings, index: int, params: WindowParams, omitted: Response
) -> _Client:
    size = sum(vector.packed_size for vector in params.vectors)
    if not isinstance(omitted, OmittedInput) or omitted.size != size:
        raise MalformedMessageError(f"response: not a SpeakResponse with {size} bytes of vectors")
    message = SpeakResponse.decode_opening(omitted.header, params)
    identity = views.params.identities[index]
    client = _Client(params=params, index=params.identities.index(identity))
    if params != views.params:
        views.strayed.add(index)
    own, peers = params.prekeys[client.index].mask_key, params.neighbors(client.index)
    views.mask_keys.add(own)
    views.seal_keys.add(params.prekeys[client.index].seal_key)
    members = [params.identities[member] for member in params.committee]
    views.sharings.append(
        Sharing(
            graph=params.session_id,
            mask_key=own,
            threshold=params.threshold,
            secrets=frozenset(_secret(params, client.index, peer) for peer in (*peers, client.index)),
            boxes=dict(zip(members, message.boxes, strict=True)),
            seal_keys={params.identities[member]: params.prekeys[member].seal_key for member in params.committee},
        )
    )
    masks = [
        Mask(
            name=(params.session_id, client.index, own), sign=1, secrets=(_secret(params, client.index, client.index),)
        )
    ]
    masks += [
        Mask(
            name=(params.session_id, *sorted((client.index, peer)), *sorted((own, params.prekeys[peer].mask_key))),
            sign=1 if client.index < peer else -1,
            secrets=(_secret(params, client.index, peer),),
            peer_key=params.prekeys[peer].mask_key,
        )
        for peer in peers
    ]
    views.uploads.append(Upload(client=index, masks=tuple(masks)))
    for peer, commitment in zip(peers, message.commitments, strict=False):
        dealings.commitments[params.session_id, client.index, peer] = commitment
    return client


def _read_unmasking(
    views: Views[WindowParams], dealings: _Dealings, client: _Client, response: UnmaskingResponse
) -> None:
    if not response.releases.keys() <= client.boxes.keys() & client.survivors:
        raise MalformedMessageError("response: shares out of a box which this member was not given")
    params, released = client.params, {}
    position = params.committee.index(client.index) + 1
    for owner, release in response.releases.items():
        peers = (*params.neighbors(owner), owner)
        about = [peers[place] for place in params.released(owner, client.survivors)]
        released[client.boxes[owner]] = frozenset(_secret(params, owner, peer) for peer in about)
        for peer, share in zip(about, release.shares, strict=True):
            dealings.points.setdefault((params, min(owner, peer), max(owner, peer)), {}).setdefault(owner, {})[
                position
            ] = share
    views.releases.append(
        Release(
            holder=params.identities[client.index],
            graph=params.session_id,
            survivors=client.survivors,
            released=released,
        )
    )


def _joined(dealings: _Dealings) -> set[Secret]:
    """Secrets of pairs that shares of both ends give together (WVI-1)."""
    known = set()
    for (params, low, high), by_dealer in dealings.points.items():
        together = {position: share for points in by_dealer.values() for position, share in points.items()}
        if low == high or len(by_dealer) < 2 or len(together) < params.threshold:
            continue
        positions = sorted(together)[: params.threshold]
        try:
            secret = secret_bytes(combine([together[each] for each in positions], lagrange_coefficients(positions)))
        except InvalidShareError:
            continue
        if any(
            dealings.commitments.get((params.session_id, dealer, peer)) == commit(params, dealer, peer, secret)
            for dealer, peer in ((low, high), (high, low))
        ):
            known.add(_secret(params, low, high))
    return known


def _secret(params: WindowParams, index: int, peer: int) -> Secret:
    """Names a client's own secret, or that of a pair, by public keys."""
    return (params.session_id, *sorted({params.prekeys[index].mask_key, params.prekeys[peer].mask_key}))
