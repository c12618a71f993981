"""The server: one message from each client, three answers from each member, and one sum. When is the caller's decision.

SPV-1  A message is checked against its manifest, its vectors added to the one accumulator on arrival and forgotten.
       What is kept of it are boxes until they are delivered, commitments and roots: some 33 k C bytes for each client.
SPV-2  A response counts once, in its own session and round, from a client that was asked; anything else is refused and
       named. The same message again is no second one; another signed one of the same client is proof against it.
SPV-3  A survivor is whose message came in time and whose boxes a quorum of members opened: enough of them answer for it
       whoever else stays away. With too few left the session aborts with a reason.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..codec import Domain, encode_indices, encode_table, unpack, word_type
from ..errors import AbortReason, FaultyClientError, LocalProtocolError, SessionAborted
from ..masking import ALONE, Crew, from_ring
from ..rounds import Requests, Rounds, require, require_first
from .dealing import tree_over_boxes
from .messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    Delivery,
    OpenBoxesRequest,
    OpenBoxesResponse,
    SpeakRequest,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    encode_releases,
    response_type,
)
from .params import WindowParams
from .recovery import unmask_sum
from .statements import digest_of, verify
from .states import (
    SERVER_TRANSITIONS,
    Aborted,
    CollectingInputs,
    CollectingReports,
    CollectingShares,
    CollectingSignatures,
    Completed,
    Ready,
    ServerState,
    Spoken,
)


class Server(Rounds[ServerState]):
    """The server in one session.

    Args:
        params: The window's parameters.
        recall: Gives back a client's message that was accepted, by index. A window lasts for days, so whoever runs it
            stores messages anyway; they are asked for only when an input must be taken out of the sum again because
            its boxes did not open. Without it such a session aborts.
        crew: Who takes the masks out; by default nobody but the thread that calls.
    """

    __slots__ = ("_crew", "_params", "_recall")

    def __init__(self, params: WindowParams, recall: Callable[[int], bytes] | None = None, crew: Crew = ALONE) -> None:
        super().__init__(Ready(), Aborted())
        self._params = params
        self._recall = recall
        self._crew = crew

    def start(self) -> Mapping[int, bytes]:
        """Opens the window.

        Returns:
            One encoded request for each client, by index.

        Raises:
            LocalProtocolError: the session was started before.
        """
        state = self._held.take()
        if not isinstance(state, Ready):
            self._held.put(state)
            raise LocalProtocolError(f"start in state {type(state).__name__}: a Server runs one session")
        words = [np.zeros(vector.length, word_type(vector.modulus_bits)) for vector in self._params.vectors]
        self._held.put(CollectingInputs(accumulator=words))
        request = SpeakRequest(params=self._params).encode()
        return Requests(range(self._params.clients), lambda _: request)

    @property
    def survivors(self) -> tuple[int, ...]:
        """Indices of the clients whose vectors are in the sum, in order.

        Raises:
            LocalProtocolError: members have not opened their boxes.
        """
        state = self._held.look()
        match state:
            case CollectingSignatures() | CollectingShares():
                return tuple(sorted(state.counted))
            case Completed():
                return tuple(sorted(state.survivors))
            case _:
                raise LocalProtocolError(f"no survivors in state {type(state).__name__}")

    @property
    def liars(self) -> frozenset[int]:
        """Members that released another share than they were dealt, as far as shares did not fit: proved, not guessed.

        Raises:
            LocalProtocolError: the last round has not been closed.
        """
        return self._completed().liars

    def _completed(self) -> Completed:
        state = self._held.look()
        if not isinstance(state, Completed):
            raise LocalProtocolError(f"no aggregate in state {type(state).__name__}")
        return state

    def _aggregate(self) -> Mapping[str, NDArray[np.int64]]:
        return self._completed().aggregate

    def _take(self, state: ServerState, index: int, data: bytes) -> None:
        params = self._params
        if isinstance(state, Ready | Aborted) or not 0 <= index < params.clients:
            raise LocalProtocolError(f"response of client {index} of {params.clients} in state {type(state).__name__}")
        response = response_type(data)
        if (type(state), response) not in SERVER_TRANSITIONS:
            raise FaultyClientError(index, f"{response.__name__} in state {type(state).__name__}")
        match state:
            case CollectingInputs():
                _take_message(params, state, index, SpeakResponse.decode(data, params))
            case CollectingReports():
                _take_report(params, state, index, OpenBoxesResponse.decode(data, params))
            case CollectingSignatures():
                require_first(index, state.asked, state.received)
                signature = ConsistencyCheckResponse.decode(data, params).signature
                verify(params, Domain.COUNTED, index, encode_table(state.counted), signature)
                state.received[index] = signature
            case CollectingShares():
                _take_shares(params, state, index, UnmaskingResponse.decode(data, params))
            case _:
                raise LocalProtocolError(
                    f"{type(state).__name__} takes no response, although SERVER_TRANSITIONS says so"
                )

    def _close(self, state: ServerState) -> tuple[ServerState, Requests]:
        match state:
            case CollectingInputs():
                return _close_inputs(self._params, state)
            case CollectingReports():
                return _close_reports(self._params, state, self._recall)
            case CollectingSignatures():
                return _close_signatures(self._params, state)
            case CollectingShares():
                return _close_shares(self._params, state, self._crew), Requests((), bytes)
            case _:
                raise LocalProtocolError(f"close_round in state {type(state).__name__}: no round is open")


def _take_message(params: WindowParams, state: CollectingInputs, index: int, response: SpeakResponse) -> None:
    manifest = response.manifest
    verify(params, Domain.MANIFEST, index, manifest.content, manifest.signature)
    require_first(index, range(params.clients), state.received)
    tree = tree_over_boxes(response.roots, response.boxes)
    found = digest_of(response.packed), digest_of(response.commitments), tree.root
    if found != (manifest.vectors_digest, manifest.secrets_digest, manifest.boxes_root):
        raise FaultyClientError(index, "message: something else than its manifest says")
    for total, packed, vector in zip(state.accumulator, response.packed, params.vectors, strict=True):
        np.add(total, unpack(packed, vector.length, vector.modulus_bits), out=total)
    state.received[index] = Spoken(
        manifest=manifest, commitments=response.commitments, roots=response.roots, boxes=response.boxes, tree=tree
    )


def _close_inputs(params: WindowParams, state: CollectingInputs) -> tuple[CollectingReports, Requests]:
    spoken = state.received
    _require_survivors(params, frozenset(spoken))

    def request(member: int) -> bytes:
        place = params.committee.index(member)
        deliveries = {
            sender: Delivery(
                manifest=each.manifest,
                root=each.roots[place],
                proof=each.tree.prove([place]),
                box=each.boxes[place],
            )
            for sender, each in spoken.items()
        }
        return OpenBoxesRequest(deliveries=deliveries).encode(params)

    after = CollectingReports(accumulator=state.accumulator, spoken=spoken)
    return after, Requests(spoken.keys() & set(params.committee), request)


def _take_report(params: WindowParams, state: CollectingReports, index: int, response: OpenBoxesResponse) -> None:
    require_first(index, state.spoken.keys() & set(params.committee), state.received)
    verify(params, Domain.REPORT, index, encode_indices(response.unopened), response.signature)
    if not response.unopened <= state.spoken.keys():
        raise FaultyClientError(index, "report: of somebody whose box it was not given")
    state.received[index] = response.unopened


def _close_reports(
    params: WindowParams, state: CollectingReports, recall: Callable[[int], bytes] | None
) -> tuple[CollectingSignatures, Requests]:
    reports = state.received
    require(AbortReason.TOO_FEW_REPORTS, len(reports), params.quorum)
    holders = {
        sender: frozenset(member for member, unopened in reports.items() if sender not in unopened)
        for sender in state.spoken
    }
    counted = {
        sender: each.manifest.digest(params, sender)
        for sender, each in state.spoken.items()
        if len(holders[sender]) >= params.quorum
    }
    _require_survivors(params, frozenset(counted))
    for sender in sorted(state.spoken.keys() - counted.keys()):
        if recall is None:
            raise SessionAborted(AbortReason.SPOILED_BOXES, f"client {sender}'s, and there is no recall")
        _take_back(params, state, sender, recall(sender))
    after = CollectingSignatures(
        accumulator=state.accumulator,
        spoken=state.spoken,
        holders=holders,
        counted=counted,
        asked=frozenset(reports),
    )
    request = ConsistencyCheckRequest(counted=counted).encode(params)
    return after, Requests(reports, lambda _: request)


def _take_back(params: WindowParams, state: CollectingReports, index: int, data: bytes) -> None:
    """Takes a client's vectors out of the accumulator again."""
    packed = SpeakResponse.decode(data, params).packed
    if digest_of(packed) != state.spoken[index].manifest.vectors_digest:
        raise SessionAborted(AbortReason.SPOILED_BOXES, f"client {index}'s, and recall gave another message")
    for total, each, vector in zip(state.accumulator, packed, params.vectors, strict=True):
        np.subtract(total, unpack(each, vector.length, vector.modulus_bits), out=total)


def _close_signatures(params: WindowParams, state: CollectingSignatures) -> tuple[CollectingShares, Requests]:
    signers = frozenset(state.received)
    require(AbortReason.TOO_FEW_SIGNATURES, len(signers), params.quorum)
    after = CollectingShares(
        accumulator=state.accumulator,
        spoken=state.spoken,
        holders=state.holders,
        counted=state.counted,
        signers=signers,
    )
    signatures = {signer: state.received[signer] for signer in sorted(signers)[: params.quorum]}
    request = UnmaskingRequest(signatures=signatures).encode(params)
    return after, Requests(signers, lambda _: request)


def _take_shares(params: WindowParams, state: CollectingShares, index: int, response: UnmaskingResponse) -> None:
    require_first(index, state.signers, state.received)
    verify(params, Domain.RELEASE, index, encode_releases(response.releases), response.signature)
    held = {owner for owner in state.counted if index in state.holders[owner]}
    if response.releases.keys() != held or any(
        len(release.shares) != len(params.released(owner, state.counted.keys()))
        for owner, release in response.releases.items()
    ):
        raise FaultyClientError(index, "shares: of each survivor whose box it opened are needed, one of each secret")
    state.received[index] = response


def _close_shares(params: WindowParams, state: CollectingShares, crew: Crew) -> Completed:
    liars = unmask_sum(params, state, crew)
    aggregate = {
        vector.name: from_ring(total, vector.modulus_bits)
        for total, vector in zip(state.accumulator, params.vectors, strict=True)
    }
    return Completed(survivors=frozenset(state.counted), aggregate=aggregate, liars=liars)


def _require_survivors(params: WindowParams, survivors: frozenset[int]) -> None:
    require(AbortReason.TOO_FEW_SURVIVORS, len(survivors), params.min_survivors)
    require(AbortReason.THIN_WINDOW, params.thinnest_window(survivors), params.floor)
