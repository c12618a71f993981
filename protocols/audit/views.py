"""What each honest client saw and said, exchange by exchange: the facts from which `oracle` reasons.

VIE-1  Every fact comes from the client's own view, from requests that it answered: who its peers are, by which keys it
       knows them and in which graph is what the server told this client, be it true or not.
VIE-2  Of corrupt clients nothing is read: they tell the adversary more than any transcript, and may send anything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias

from ..codec import Reader
from ..errors import InvalidDataError, LocalProtocolError, MalformedMessageError
from ..graph import Graph
from ..params import PROTOCOL_VERSION, SessionParams
from ..primitives.signing import SIGNATURE_SIZE
from ..secagg.messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    Advertisement,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    request_type,
)
from ..wire import HEADER_SIZE, P
from .transcript import Exchange, OmittedInput, Response, omit_input

Secret: TypeAlias = tuple[bytes | str, ...]
"""Names what shares give back: a self-mask seed, a mask key, or the secret of a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A mask in an upload.

    Attributes:
        name: The same for both ends of a pair that saw the same graph and the same two mask keys.
        sign: 1 or -1.
        secrets: Each of them gives the mask away.
        peer_key: Public mask key of the other end, as the sender was shown it; None of a self mask.
    """

    name: tuple[bytes | int, ...]
    sign: int
    secrets: tuple[Secret, ...]
    peer_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A masked input.

    Attributes:
        client: Its sender's position in the transcript's roster.
        masks: What it is masked under.
    """

    client: int
    masks: tuple[Mask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The secrets of one client, dealt to others: each on a polynomial of its own.

    Attributes:
        graph: Digest of the graph that the owner saw.
        mask_key: The owner's public mask key.
        threshold: Shares that give back a secret.
        secrets: Of each, every box holds a share.
        boxes: Sealed shares by identity of the holder.
        seal_keys: The public key that each was sealed to, by identity of the holder.
    """

    graph: bytes
    mask_key: bytes
    threshold: int
    secrets: frozenset[Secret]
    boxes: Mapping[bytes, bytes]
    seal_keys: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Shares that one holder gave away.

    Attributes:
        holder: Its identity.
        graph: Digest of the graph that the holder saw.
        survivors: The survivor set that the holder had signed.
        released: By box, the secrets of which its share was released.
    """

    holder: bytes
    graph: bytes
    survivors: frozenset[int]
    released: Mapping[bytes, frozenset[Secret]]


@dataclass(slots=True, kw_only=True)
class Views(Generic[P]):
    """All facts of one session.

    Attributes:
        params: What the session was announced as.
        strayed: Clients that were shown other parameters.
        mask_keys: Public mask keys that honest clients advertised.
        seal_keys: Public seal keys that honest clients advertised.
        uploads: Masked inputs of honest clients.
        sharings: What honest clients dealt.
        releases: What honest clients gave away.
        recovered: Secrets that are known some other way.
    """

    params: P
    strayed: set[int] = field(default_factory=set)
    mask_keys: set[bytes] = field(default_factory=set)
    seal_keys: set[bytes] = field(default_factory=set)
    uploads: list[Upload] = field(default_factory=list)
    sharings: list[Sharing] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    recovered: set[Secret] = field(default_factory=set)


def read_views(
    params: SessionParams, exchanges: Sequence[Exchange], corrupt: Collection[bytes]
) -> Views[SessionParams]:
    """Reads a session's transcript through the eyes of every client that is not corrupt.

    Args:
        params: What the session was announced as.
        exchanges: All turns of all clients, in order of time.
        corrupt: Identities of the corrupt clients.

    Raises:
        MalformedMessageError: an honest client's exchange is no message of the protocol, or an earlier one that it
            needs is missing; names the exchange and the field.
    """
    views = Views(params=params)
    clients: dict[int, _Client] = {}
    for number, exchange in enumerate(exchanges):
        if exchange.response is None or params.identities[exchange.index] in corrupt:
            continue
        try:
            _read(views, clients, exchange.index, exchange.request, exchange.response)
        except InvalidDataError as error:
            raise MalformedMessageError(f"exchange {number}, client {exchange.index}: {error}") from error
    return views


@dataclass(slots=True, kw_only=True)
class _Client:
    """How far one client has come; `graph`, `boxes` and `survivors` are empty until it has answered for them."""

    params: SessionParams
    index: int
    advertisement: Advertisement
    graph: bytes = b""
    shown: Mapping[int, Advertisement] = field(default_factory=dict)
    boxes: Mapping[int, bytes] = field(default_factory=dict)
    survivors: frozenset[int] = frozenset()


def _read(
    views: Views[SessionParams], clients: dict[int, _Client], index: int, request: bytes, response: Response
) -> None:
    kind = request_type(request)
    if kind is AdvertiseKeysRequest:
        clients[index] = _read_advertise_keys(views, index, request, message_in(response))
        return
    if index not in clients:
        raise MalformedMessageError(f"request: {kind.__name__}, but the client has answered no AdvertiseKeysRequest")
    client = clients[index]
    if kind is ShareKeysRequest:
        _read_share_keys(views, client, ShareKeysRequest.decode(request, client.params), message_in(response))
    elif kind is MaskedInputRequest:
        asked = MaskedInputRequest.decode(request, client.params)
        _read_masked_input(views, index, client, asked, omit_input(request, response))
    elif kind is ConsistencyCheckRequest:
        ConsistencyCheckResponse.decode(message_in(response), client.params)
        client.survivors = ConsistencyCheckRequest.decode(request, client.params).survivors
    else:
        UnmaskingRequest.decode(request, client.params)
        _read_unmasking(views, client, UnmaskingResponse.decode(message_in(response), client.params))


def _read_advertise_keys(views: Views[SessionParams], index: int, request: bytes, response: bytes) -> _Client:
    # Nearly always it is the session as announced, and comparing is much faster than decoding a whole roster.
    announced = request == AdvertiseKeysRequest(params=views.params).encode()
    params = views.params if announced else AdvertiseKeysRequest.decode(request).params
    identity = views.params.identities[index]
    if identity not in params.identities:
        raise MalformedMessageError("request: a session to which this client is not invited")
    advertisement = AdvertiseKeysResponse.decode(response, params).advertisement
    views.mask_keys.add(advertisement.mask_key)
    views.seal_keys.add(advertisement.seal_key)
    if not announced:
        views.strayed.add(index)
    return _Client(params=params, index=params.identities.index(identity), advertisement=advertisement)


def _read_share_keys(views: Views[SessionParams], client: _Client, request: ShareKeysRequest, response: bytes) -> None:
    digests = {i: advertisement.digest for i, advertisement in request.advertisements.items()} | dict(request.digests)
    try:
        client.graph = Graph.over(client.params.session_id, client.params.degree, digests).digest
    except LocalProtocolError as error:
        raise MalformedMessageError(f"request: {error}") from error
    client.shown = request.advertisements
    boxes = ShareKeysResponse.decode(response, client.params).boxes
    if not boxes.keys() <= client.shown.keys():
        raise MalformedMessageError("response: a box for a client whose advertisement the request does not show")
    identities = client.params.identities
    views.sharings.append(
        Sharing(
            graph=client.graph,
            mask_key=client.advertisement.mask_key,
            threshold=client.params.threshold,
            secrets=frozenset({_seed(client.advertisement), _key(client.advertisement.mask_key)}),
            boxes={identities[holder]: box for holder, box in boxes.items()},
            seal_keys={identities[holder]: client.shown[holder].seal_key for holder in boxes},
        )
    )


def _read_masked_input(
    views: Views[SessionParams], index: int, client: _Client, request: MaskedInputRequest, omitted: Response
) -> None:
    if not client.graph:
        raise MalformedMessageError("request: MaskedInputRequest, but the client has answered no ShareKeysRequest")
    if not request.boxes.keys() <= client.shown.keys():
        raise MalformedMessageError("request: a box of a client whose advertisement this client was not shown")
    params = client.params
    header = bytes((MaskedInputResponse.TAG, PROTOCOL_VERSION)) + params.session_id
    size = sum(vector.packed_size for vector in params.vectors)
    if not isinstance(omitted, OmittedInput) or omitted.header[:HEADER_SIZE] != header or omitted.size != size:
        raise MalformedMessageError(f"response: not a MaskedInputResponse of this session with {size} bytes of vectors")
    named = Reader(omitted.header[HEADER_SIZE:], MaskedInputResponse.__name__)
    named.indices(params.clients)
    named.take(SIGNATURE_SIZE)
    named.finish()
    client.boxes = request.boxes
    own = client.advertisement.mask_key
    views.uploads.append(
        Upload(
            client=index,
            masks=(
                Mask(name=(client.graph, client.index, own), sign=1, secrets=(_seed(client.advertisement),)),
                *(
                    Mask(
                        name=(client.graph, *sorted((client.index, peer)), *sorted((own, key))),
                        sign=1 if client.index < peer else -1,
                        secrets=(_key(own), _key(key)),
                        peer_key=key,
                    )
                    for peer, key in ((peer, client.shown[peer].mask_key) for peer in request.boxes)
                ),
            ),
        )
    )


def _read_unmasking(views: Views[SessionParams], client: _Client, response: UnmaskingResponse) -> None:
    if not client.survivors:
        raise MalformedMessageError("request: UnmaskingRequest, but the client has answered no ConsistencyCheckRequest")
    if not response.self_mask_shares.keys() | response.mask_key_shares.keys() <= client.boxes.keys():
        raise MalformedMessageError("response: a share that came in no box which this client was given")
    released: dict[bytes, frozenset[Secret]] = {}
    for owner in response.self_mask_shares:
        released[client.boxes[owner]] = frozenset({_seed(client.shown[owner])})
    for owner in response.mask_key_shares:
        box = client.boxes[owner]
        released[box] = released.get(box, frozenset()) | {_key(client.shown[owner].mask_key)}
    views.releases.append(
        Release(
            holder=client.params.identities[client.index],
            graph=client.graph,
            survivors=client.survivors,
            released=released,
        )
    )


def _seed(advertisement: Advertisement) -> Secret:
    return "seed", advertisement.mask_key


def _key(mask_key: bytes) -> Secret:
    return "key", mask_key


def message_in(response: Response) -> bytes:
    """Returns a response that holds no vectors.

    Raises:
        MalformedMessageError: they were left out of it.
    """
    if type(response) is not bytes:
        raise MalformedMessageError("response: an upload to a request that asks for another message")
    return response
