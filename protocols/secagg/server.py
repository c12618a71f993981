"""The server: five rounds of requests and responses, and one sum. When a round is over is the caller's decision.

SRV-1  An input is added to the one accumulator on arrival and forgotten: memory is O(m), not O(n m).
SRV-2  A response counts once, in its own round, from a client that was asked; anything else is refused and named.
SRV-3  Whoever is missing when a round closes is a dropout. With fewer than a quorum the session aborts with a reason.
"""

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from ..codec import unpack, word_type
from ..errors import AbortReason, FaultyClientError, InvalidDataError, LocalProtocolError, SessionAborted
from ..params import SessionParams
from ..primitives.key_agreement import check_public_key
from .graph import neighbors
from .masking import from_ring
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
from .statements import verify_advertisement, verify_survivors
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


class Server:
    """The server in one session.

    Args:
        params: The session's parameters.
    """

    __slots__ = ("_params", "_state")

    def __init__(self, params: SessionParams) -> None:
        self._params = params
        self._state: ServerState = Ready()

    def start(self) -> dict[int, bytes]:
        """Opens round 0.

        Returns:
            One encoded request for each invited client, by index.

        Raises:
            LocalProtocolError: the session was started before.
        """
        if not isinstance(self._state, Ready):
            raise LocalProtocolError(f"start in state {type(self._state).__name__}: a Server runs one session")
        self._state = CollectingAdvertisements()
        request = AdvertiseKeysRequest(params=self._params).encode()
        return dict.fromkeys(range(self._params.clients), request)

    def receive(self, index: int, data: bytes) -> None:
        """Takes one client's response in the open round.

        Args:
            index: Who sent it, as the caller's transport knows.
            data: The encoded response.

        Raises:
            FaultyClientError: malformed, late, early, a duplicate, unasked for, or breaking a rule. Not counted: unless
                an earlier response of this round was, the client is a dropout.
            LocalProtocolError: no session is running, or it has no client with this index.
        """
        if isinstance(self._state, Ready | Aborted) or not 0 <= index < self._params.clients:
            state = type(self._state).__name__
            raise LocalProtocolError(f"response of client {index} of {self._params.clients} in state {state}")
        try:
            self._take(index, data)
        except InvalidDataError as error:
            raise FaultyClientError(index, str(error)) from error

    def close_round(self) -> dict[int, bytes]:
        """Ends the open round: clients whose response is missing are dropouts.

        Returns:
            The next round's encoded requests, by client index; empty after the last round.

        Raises:
            SessionAborted: no sum will come out of this session; says why.
            LocalProtocolError: no round is open.
        """
        state, self._state = self._state, Aborted()
        match state:
            case CollectingAdvertisements():
                self._state, requests = _close_advertisements(self._params, state)
            case CollectingBoxes():
                self._state, requests = _close_boxes(self._params, state)
            case CollectingInputs():
                self._state, requests = _close_inputs(self._params, state)
            case CollectingSignatures():
                self._state, requests = _close_signatures(self._params, state)
            case CollectingShares():
                self._state, requests = _close_shares(self._params, state), {}
            case _:
                self._state = state
                raise LocalProtocolError(f"close_round in state {type(state).__name__}: no round is open")
        return requests

    @property
    def survivors(self) -> tuple[int, ...]:
        """Indices of the clients whose vectors are in the sum, in order.

        Raises:
            LocalProtocolError: round 2 has not been closed.
        """
        if not isinstance(self._state, CollectingSignatures | CollectingShares | Completed):
            raise LocalProtocolError(f"no survivors in state {type(self._state).__name__}")
        return tuple(sorted(self._state.survivors))

    def aggregate(self) -> NDArray[np.int64]:
        """Returns the sum of the survivors' vectors.

        Returns:
            Shape [m]; the representative modulo 2^modulus_bits in [-2^(modulus_bits-1), 2^(modulus_bits-1)), which is
            the integer sum as long as clients respect max_abs_input.

        Raises:
            LocalProtocolError: the last round has not been closed.
        """
        if not isinstance(self._state, Completed):
            raise LocalProtocolError(f"no aggregate in state {type(self._state).__name__}")
        return self._state.aggregate.copy()

    def _take(self, index: int, data: bytes) -> None:
        params, state, response = self._params, self._state, response_type(data)
        if (type(state), response) not in SERVER_TRANSITIONS:
            raise FaultyClientError(index, f"{response.__name__} in state {type(state).__name__}")
        match state:
            case CollectingAdvertisements():
                _take_advertisement(params, state, index, AdvertiseKeysResponse.decode(data, params))
            case CollectingBoxes():
                _take_boxes(params, state, index, ShareKeysResponse.decode(data, params))
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
    _require_first(index, range(params.clients), state.received)
    advertisement = response.advertisement
    verify_advertisement(params, index, advertisement)
    # Passed on, keys of small order would make every honest client abort.
    check_public_key(advertisement.seal_key)
    check_public_key(advertisement.mask_key)
    state.received[index] = advertisement


def _close_advertisements(
    params: SessionParams, state: CollectingAdvertisements
) -> tuple[CollectingBoxes, dict[int, bytes]]:
    advertisements = state.received
    _require(AbortReason.TOO_FEW_ADVERTISEMENTS, len(advertisements), params.quorum)
    requests = {}
    for index in advertisements:
        circle = neighbors(params.clients, index) | {index}
        requests[index] = ShareKeysRequest(
            advertisements={i: advertisements[i] for i in circle & advertisements.keys()}
        )
    return CollectingBoxes(advertisements=advertisements), {i: request.encode() for i, request in requests.items()}


def _take_boxes(params: SessionParams, state: CollectingBoxes, index: int, response: ShareKeysResponse) -> None:
    _require_first(index, state.advertisements, state.received)
    recipients = neighbors(params.clients, index) & state.advertisements.keys()
    if response.boxes.keys() != recipients:
        raise FaultyClientError(index, "boxes: one for each neighbor that advertised is needed, no others")
    state.received[index] = response.boxes


def _close_boxes(params: SessionParams, state: CollectingBoxes) -> tuple[CollectingInputs, dict[int, bytes]]:
    holders = frozenset(state.received)
    _require(AbortReason.TOO_FEW_SHARINGS, len(holders), params.quorum)
    requests = {
        recipient: MaskedInputRequest(
            boxes={
                sender: state.received[sender][recipient] for sender in holders & neighbors(params.clients, recipient)
            }
        ).encode()
        for recipient in holders
    }
    accumulator = np.zeros(params.vector_length, word_type(params.modulus_bits))
    return CollectingInputs(advertisements=state.advertisements, holders=holders, accumulator=accumulator), requests


def _take_input(params: SessionParams, state: CollectingInputs, index: int, response: MaskedInputResponse) -> None:
    _require_first(index, state.holders, state.received)
    words = unpack(response.packed, params.vector_length, params.modulus_bits)
    np.add(state.accumulator, words, out=state.accumulator)
    state.received.add(index)


def _close_inputs(params: SessionParams, state: CollectingInputs) -> tuple[CollectingSignatures, dict[int, bytes]]:
    survivors = frozenset(state.received)
    _require(AbortReason.TOO_FEW_SURVIVORS, len(survivors), params.quorum)
    after = CollectingSignatures(
        advertisements=state.advertisements,
        holders=state.holders,
        survivors=survivors,
        accumulator=state.accumulator,
    )
    return after, dict.fromkeys(survivors, ConsistencyCheckRequest(survivors=survivors).encode())


def _take_signature(
    params: SessionParams, state: CollectingSignatures, index: int, response: ConsistencyCheckResponse
) -> None:
    _require_first(index, state.survivors, state.received)
    verify_survivors(params, index, state.survivors, response.signature)
    state.received[index] = response.signature


def _close_signatures(params: SessionParams, state: CollectingSignatures) -> tuple[CollectingShares, dict[int, bytes]]:
    signers = frozenset(state.received)
    _require(AbortReason.TOO_FEW_SIGNATURES, len(signers), params.threshold)
    request = UnmaskingRequest(
        survivors=state.survivors, dropouts=state.holders - state.survivors, signatures=state.received
    )
    after = CollectingShares(
        advertisements=state.advertisements,
        holders=state.holders,
        survivors=state.survivors,
        signers=signers,
        accumulator=state.accumulator,
    )
    return after, dict.fromkeys(signers, request.encode())


def _take_shares(state: CollectingShares, index: int, response: UnmaskingResponse) -> None:
    _require_first(index, state.signers, state.received)
    dropouts = state.holders - state.survivors
    if response.self_mask_shares.keys() != state.survivors or response.mask_key_shares.keys() != dropouts:
        raise FaultyClientError(index, "shares: one for each survivor and each dropout is needed, no others")
    state.received[index] = response


def _close_shares(params: SessionParams, state: CollectingShares) -> Completed:
    _require(AbortReason.TOO_FEW_UNMASKINGS, len(state.received), params.threshold)
    unmask_sum(params, state)
    return Completed(survivors=state.survivors, aggregate=from_ring(state.accumulator, params.modulus_bits))


def _require_first(index: int, asked: Container[int], received: Container[int]) -> None:
    if index not in asked:
        raise FaultyClientError(index, "was not asked in this round: it is a dropout since an earlier one")
    if index in received:
        raise FaultyClientError(index, "has responded in this round already: the first response stays")


def _require(reason: AbortReason, count: int, least: int) -> None:
    if count < least:
        raise SessionAborted(reason, f"{count}, at least {least} are needed")
