"""The server: five rounds of requests and responses, and one sum. When a round is over is the caller's decision.

SRV-1  An input is added to the one accumulator on arrival and forgotten, and requests are encoded one at a time: memory
       is O(m) and some 200 bytes for each neighbor of a client, not O(n m).
SRV-2  A response counts once, in its own session and round, from a client that was asked. The same bytes again, then or
       later, are as good as the first time and change nothing; anything else is refused and named.
SRV-3  Whoever is missing when a round closes is a dropout. With too few left the session aborts with a reason.
SRV-4  A client that names the sender of a box that did not open stays in the sum, and so does the sender: both added
       their pair's mask. All that is missing is one holder of the sender's shares.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..codec import unpack, word_type
from ..errors import AbortReason, FaultyClientError, LocalProtocolError, require_type
from ..graph import Graph
from ..masking import ALONE, Crew, from_ring
from ..params import SessionParams
from ..rounds import Requests, Rounds, require, require_first
from .messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    response_type,
)
from .recovery import unmask_sum
from .statements import verify_advertisement, verify_survivors, verify_unopened
from .states import (
    SERVER_TRANSITIONS,
    Aborted,
    CollectingAdvertisements,
    CollectingBoxes,
    CollectingInputs,
    CollectingShares,
    CollectingSignatures,
    Completed,
    Ready,
    ServerState,
)


class Server(Rounds[ServerState]):
    """The server in one session.

    Args:
        params: The session's parameters.
        crew: Who takes the masks out; by default nobody but the thread that calls.
    """

    __slots__ = ("_crew", "_params")

    def __init__(self, params: SessionParams, crew: Crew = ALONE) -> None:
        require_type("params", params, SessionParams)
        super().__init__(Ready(), Aborted())
        self._crew = crew
        self._params = params

    def start(self) -> Mapping[int, bytes]:
        """Opens round 0.

        Returns:
            One encoded request for each invited client, by index.

        Raises:
            LocalProtocolError: the session was started before.
        """
        state = self._held.take()
        if not isinstance(state, Ready):
            self._held.put(state)
            raise LocalProtocolError(f"start in state {type(state).__name__}: a Server runs one session")
        self._held.put(CollectingAdvertisements())
        request = AdvertiseKeysRequest(params=self._params).encode()
        return Requests(range(self._params.clients), lambda _: request)

    @property
    def survivors(self) -> tuple[int, ...]:
        """Indices of the clients whose vectors are in the sum, in order.

        Raises:
            LocalProtocolError: round 2 has not been closed.
        """
        return tuple(sorted(self._delivered().survivors))

    @property
    def unopened(self) -> Mapping[int, frozenset[int]]:
        """Whose boxes did not open, and for whom: by survivor, the neighbors that it named, if it named any.

        Either may have lied, and nobody else: honest clients name nobody honest. A sender that more than `corrupt`
        survivors name spoiled its boxes.

        Raises:
            LocalProtocolError: round 2 has not been closed.
        """
        return {holder: senders for holder, senders in self._delivered().unopened.items() if senders}

    @property
    def wrong_shares(self) -> Mapping[int, frozenset[int]]:
        """Whose shares were wrong and have been corrected: by owner of a secret, the holders who released them.

        Of each pair the holder lied, or the owner dealt a wrong share: `liars` says where it is certain which. Shares
        that were not needed are not looked at.

        Raises:
            LocalProtocolError: the last round has not been closed.
        """
        return self._completed().wrong_shares

    @property
    def liars(self) -> frozenset[int]:
        """Clients that lied for certain, if at most `corrupt` did: those in pairs of `wrong_shares` with more others.

        An honest client is in pairs with liars only (REC-3 says which pairs count). One liar in few pairs stays
        undecided, and so does whoever lied in another way.

        Raises:
            LocalProtocolError: the last round has not been closed.
        """
        return self._completed().liars

    def _close(self, state: ServerState) -> tuple[ServerState, Requests]:
        match state:
            case CollectingAdvertisements():
                return _close_advertisements(self._params, state)
            case CollectingBoxes():
                return _close_boxes(self._params, state)
            case CollectingInputs():
                return _close_inputs(self._params, state)
            case CollectingSignatures():
                return _close_signatures(self._params, state)
            case CollectingShares():
                return _close_shares(self._params, state, self._crew), Requests((), bytes)
            case _:
                raise LocalProtocolError(f"close_round in state {type(state).__name__}: no round is open")

    def _aggregate(self) -> Mapping[str, NDArray[np.int64]]:
        return self._completed().aggregate

    def _delivered(self) -> CollectingSignatures | CollectingShares | Completed:
        state = self._held.look()
        if not isinstance(state, CollectingSignatures | CollectingShares | Completed):
            raise LocalProtocolError(f"no survivors in state {type(state).__name__}")
        return state

    def _completed(self) -> Completed:
        state = self._held.look()
        if not isinstance(state, Completed):
            raise LocalProtocolError(f"no aggregate in state {type(state).__name__}")
        return state

    def _take(self, state: ServerState, index: int, data: bytes) -> None:
        params = self._params
        if isinstance(state, Ready | Aborted) or not 0 <= index < params.clients:
            raise LocalProtocolError(f"response of client {index} of {params.clients} in state {type(state).__name__}")
        response = response_type(data)
        if (type(state), response) not in SERVER_TRANSITIONS:
            raise FaultyClientError(index, f"{response.__name__} in state {type(state).__name__}")
        match state:
            case CollectingAdvertisements():
                _take_advertisement(params, state, index, AdvertiseKeysResponse.decode(data, params))
            case CollectingBoxes():
                _take_boxes(state, index, ShareKeysResponse.decode(data, params))
            case CollectingInputs():
                _take_input(params, state, index, MaskedInputResponse.decode(data, params))
            case CollectingSignatures():
                _take_signature(params, state, index, ConsistencyCheckResponse.decode(data, params))
            case CollectingShares():
                _take_shares(state, index, UnmaskingResponse.decode(data, params))
            case _:
                raise LocalProtocolError(
                    f"{type(state).__name__} takes no response, although SERVER_TRANSITIONS says so"
                )


def _take_advertisement(
    params: SessionParams, state: CollectingAdvertisements, index: int, response: AdvertiseKeysResponse
) -> None:
    require_first(index, range(params.clients), state.received)
    advertisement = response.advertisement
    verify_advertisement(params, index, advertisement)  # passed on, an unusable key would make honest clients abort
    state.received[index] = advertisement


def _close_advertisements(params: SessionParams, state: CollectingAdvertisements) -> tuple[CollectingBoxes, Requests]:
    advertisements = state.received
    require(AbortReason.TOO_FEW_ADVERTISEMENTS, len(advertisements), params.min_survivors)
    digests = {index: advertisement.digest for index, advertisement in advertisements.items()}
    graph = Graph.over(params.session_id, params.degree, digests)

    def request(index: int) -> bytes:
        circle = graph.neighbors(index) | {index}
        return ShareKeysRequest(
            advertisements={i: advertisements[i] for i in circle},
            digests={i: digest for i, digest in digests.items() if i not in circle},
        ).encode(params)

    return CollectingBoxes(advertisements=advertisements, graph=graph), Requests(advertisements, request)


def _take_boxes(state: CollectingBoxes, index: int, response: ShareKeysResponse) -> None:
    require_first(index, state.advertisements, state.received)
    if response.boxes.keys() != state.graph.neighbors(index):
        raise FaultyClientError(index, "boxes: one for each neighbor is needed, no others")
    state.received[index] = response.boxes


def _close_boxes(params: SessionParams, state: CollectingBoxes) -> tuple[CollectingInputs, Requests]:
    boxes, graph = state.received, state.graph
    sharers = frozenset(boxes)
    require(AbortReason.TOO_FEW_SHARINGS, len(sharers), params.min_survivors)

    def request(recipient: int) -> bytes:
        senders = sharers & graph.neighbors(recipient)
        return MaskedInputRequest(boxes={sender: boxes[sender][recipient] for sender in senders}).encode(params)

    accumulator = [np.zeros(vector.length, word_type(vector.modulus_bits)) for vector in params.vectors]
    after = CollectingInputs(advertisements=state.advertisements, graph=graph, sharers=sharers, accumulator=accumulator)
    return after, Requests(sharers, request)


def _take_input(params: SessionParams, state: CollectingInputs, index: int, response: MaskedInputResponse) -> None:
    require_first(index, state.sharers, state.received)
    if not response.unopened <= state.sharers & state.graph.neighbors(index):
        raise FaultyClientError(index, "unopened: it names a client whose box it was not given")
    verify_unopened(params, state.graph, index, response.unopened, response.signature)
    for total, packed, vector in zip(state.accumulator, response.packed, params.vectors, strict=True):
        np.add(total, unpack(packed, vector.length, vector.modulus_bits), out=total)
    state.received[index] = response.unopened


def _close_inputs(params: SessionParams, state: CollectingInputs) -> tuple[CollectingSignatures, Requests]:
    survivors = frozenset(state.received)
    require(AbortReason.TOO_FEW_SURVIVORS, len(survivors), params.min_survivors)
    after = CollectingSignatures(
        advertisements=state.advertisements,
        graph=state.graph,
        sharers=state.sharers,
        survivors=survivors,
        unopened=state.received,
        accumulator=state.accumulator,
    )
    request = ConsistencyCheckRequest(survivors=survivors).encode(params)
    return after, Requests(survivors, lambda _: request)


def _take_signature(
    params: SessionParams, state: CollectingSignatures, index: int, response: ConsistencyCheckResponse
) -> None:
    require_first(index, state.survivors, state.received)
    verify_survivors(params, state.graph, index, state.survivors, response.signature)
    state.received[index] = response.signature


def _close_signatures(params: SessionParams, state: CollectingSignatures) -> tuple[CollectingShares, Requests]:
    signers = frozenset(state.received)
    require(AbortReason.TOO_FEW_SIGNATURES, len(signers), params.confirmations)
    after = CollectingShares(
        advertisements=state.advertisements,
        graph=state.graph,
        sharers=state.sharers,
        survivors=state.survivors,
        unopened=state.unopened,
        signers=signers,
        accumulator=state.accumulator,
    )
    # As many as confirm the set: every further one would only cost the clients time.
    signatures = {signer: state.received[signer] for signer in sorted(signers)[: params.confirmations]}
    request = UnmaskingRequest(signatures=signatures).encode(params)
    return after, Requests(signers, lambda _: request)


def _take_shares(state: CollectingShares, index: int, response: UnmaskingResponse) -> None:
    require_first(index, state.signers, state.received)
    owners = (state.sharers & state.graph.neighbors(index)) - state.unopened[index]
    survivors, dropouts = owners & state.survivors, owners - state.survivors
    if response.self_mask_shares.keys() != survivors or response.mask_key_shares.keys() != dropouts:
        raise FaultyClientError(index, "shares: one for each neighbor whose box opened is needed, of the right secret")
    state.received[index] = response


def _close_shares(params: SessionParams, state: CollectingShares, crew: Crew) -> Completed:
    wrong_shares, liars = unmask_sum(params, state, crew)
    aggregate = {
        vector.name: from_ring(total, vector.modulus_bits)
        for total, vector in zip(state.accumulator, params.vectors, strict=True)
    }
    return Completed(
        survivors=state.survivors,
        unopened=state.unopened,
        aggregate=aggregate,
        wrong_shares=wrong_shares,
        liars=liars,
    )
