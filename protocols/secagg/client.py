"""A client: one request in, one response out, five times; then it has given its vector to one sum and nothing else.

CLI-1  The state is taken out before a request is looked at, and only success puts one back: whatever fails leaves
       `Aborted`, emits no byte, and cannot be tried again with other bytes.
CLI-2  No key exists before the session has passed the client's own policy.
CLI-3  A neighbor is who its pinned identity says it is: every advertisement is verified, the client's own unchanged.
CLI-4  The vector is masked once, under its self mask and one mask for each client whose box opened, at least a quorum.
CLI-5  Shares are released for one survivor set, which holds this client and a quorum, and which a threshold signed.
CLI-6  Of each client's two secrets one share at most is released: survivors and dropouts are disjoint, complete, and
       exactly the set signed. Released once.
"""

from collections.abc import Set as AbstractSet

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..codec import Domain, pack
from ..errors import (
    FaultyServerError,
    InvalidDataError,
    LocalProtocolError,
    ParametersError,
    PolicyRule,
    PolicyViolationError,
)
from ..params import SessionParams
from ..primitives import aead
from ..primitives.field import UNIFORM_SIZE, elements_from_uniform
from ..primitives.key_agreement import KEY_SIZE, KeyPair
from ..primitives.prg import SEED_SIZE, Keystream
from ..primitives.shamir import split
from ..primitives.signing import identity_of
from .graph import neighbors
from .masking import add_masks, pairwise_mask, self_mask, to_ring
from .messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    MaskedInputResponse,
    ShareKeysRequest,
    ShareKeysResponse,
    SharePair,
    UnmaskingRequest,
    UnmaskingResponse,
    request_type,
)
from .policy import ClientPolicy
from .statements import advertise, commit, sign_survivors, verify_advertisement, verify_survivors
from .states import (
    CLIENT_TRANSITIONS,
    Aborted,
    ClientState,
    InputMasked,
    Invited,
    KeysAdvertised,
    KeysShared,
    SurvivorsSigned,
    Unmasked,
)

CLIENT_RANDOM_BYTES = 2 * KEY_SIZE + 2 * SEED_SIZE
"""Uniform bytes a client consumes in a session: seal key, mask key, self-mask seed, sharing seed, 32 bytes each."""


class Client:
    """One client in one session.

    Args:
        identity: Its long-lived signing key; the public half is in `policy.roster`.
        policy: What it insists on.
        vector: Its secret input, int64, shape [m], signed; copied.
        random: `CLIENT_RANDOM_BYTES` fresh uniform bytes from the operating system. Never reuse them: two sessions with
            the same bytes share their secrets.

    Raises:
        LocalProtocolError: an argument has the wrong type, shape or size.
        ParametersError: the client's own identity is not in its roster.
    """

    __slots__ = ("_identity", "_policy", "_state")

    def __init__(
        self, *, identity: Ed25519PrivateKey, policy: ClientPolicy, vector: NDArray[np.int64], random: bytes
    ) -> None:
        if vector.dtype != np.int64 or vector.ndim != 1:
            raise LocalProtocolError(f"vector: int64 with one axis is needed, got {vector.dtype} with {vector.ndim}")
        if len(random) != CLIENT_RANDOM_BYTES:
            raise LocalProtocolError(f"random: {CLIENT_RANDOM_BYTES} bytes are needed, got {len(random)}")
        if identity_of(identity) not in policy.roster:
            raise ParametersError("policy: the client's own identity is not in its roster")
        self._identity = identity
        self._policy = policy
        self._state: ClientState = Invited(vector=vector.copy(), random=bytes(random))

    def receive(self, data: bytes) -> bytes:
        """Answers one request of the server.

        Args:
            data: An encoded request.

        Returns:
            The encoded response.

        Raises:
            PolicyViolationError: the session breaks a line of this client's policy.
            FaultyServerError: the request is malformed, out of order, or breaks a rule of the protocol.
            LocalProtocolError: an earlier request had already ended the session.
        """
        state, self._state = self._state, Aborted()
        if isinstance(state, Aborted):
            raise LocalProtocolError("this session was aborted: make a new Client for a new session")
        try:
            after, response = self._answer(state, data)
        except InvalidDataError as error:
            raise FaultyServerError(str(error)) from error
        self._state = after
        return response

    def _answer(self, state: ClientState, data: bytes) -> tuple[ClientState, bytes]:
        request = request_type(data)
        if (type(state), request) not in CLIENT_TRANSITIONS:
            raise FaultyServerError(f"{request.__name__} in state {type(state).__name__}")
        match state:
            case Invited():
                return _advertise_keys(state, AdvertiseKeysRequest.decode(data), self._identity, self._policy)
            case KeysAdvertised():
                return _share_keys(state, ShareKeysRequest.decode(data, state.params))
            case KeysShared():
                return _mask_input(state, MaskedInputRequest.decode(data, state.params))
            case InputMasked():
                return _sign_survivors(state, ConsistencyCheckRequest.decode(data, state.params), self._identity)
            case SurvivorsSigned():
                return _unmask(state, UnmaskingRequest.decode(data, state.params))
            case _:
                raise LocalProtocolError(f"no step leaves {type(state).__name__}, although CLIENT_TRANSITIONS says so")


def _advertise_keys(
    state: Invited, request: AdvertiseKeysRequest, identity: Ed25519PrivateKey, policy: ClientPolicy
) -> tuple[KeysAdvertised, bytes]:
    params = request.params
    policy.check(params)
    _check_vector(state.vector, params)
    if identity_of(identity) not in params.identities:
        raise PolicyViolationError(PolicyRule.ROSTER, "this client itself is not invited")
    index = params.identities.index(identity_of(identity))
    seal_key, mask_key, self_mask_seed, sharing_seed = (
        state.random[start : start + SEED_SIZE] for start in range(0, CLIENT_RANDOM_BYTES, SEED_SIZE)
    )
    seal_keys, mask_keys = KeyPair(seal_key), KeyPair(mask_key)
    advertisement = advertise(
        params,
        index,
        identity,
        seal_key=seal_keys.public,
        mask_key=mask_keys.public,
        commitment=commit(params, index, self_mask_seed),
    )
    after = KeysAdvertised(
        params=params,
        index=index,
        vector=state.vector,
        seal_keys=seal_keys,
        mask_keys=mask_keys,
        mask_key=mask_key,
        self_mask_seed=self_mask_seed,
        sharing_seed=sharing_seed,
        advertisement=advertisement,
    )
    return after, AdvertiseKeysResponse(advertisement=advertisement).encode()


def _share_keys(state: KeysAdvertised, request: ShareKeysRequest) -> tuple[KeysShared, bytes]:
    params, index, advertisements = state.params, state.index, request.advertisements
    if advertisements.keys() - neighbors(params.clients, index) != {index}:
        raise FaultyServerError("advertisements: this client's own and its neighbors' are needed, no others")
    if advertisements[index] != state.advertisement:
        raise FaultyServerError("advertisements: this client's own was altered")
    _require_quorum(params, advertisements.keys(), "advertisements")
    peers = {peer: advertisement for peer, advertisement in advertisements.items() if peer != index}
    for peer, advertisement in peers.items():
        verify_advertisement(params, peer, advertisement)
    shares = _split_secrets(state, sorted(advertisements))
    boxes = {}
    for peer, advertisement in peers.items():
        context = Domain.BOX.bind(params.session_id, index, peer)
        key = state.seal_keys.agree(advertisement.seal_key, context)
        boxes[peer] = aead.seal(key, shares[peer].encode(), context)
    after = KeysShared(
        params=params,
        index=index,
        vector=state.vector,
        seal_keys=state.seal_keys,
        mask_keys=state.mask_keys,
        self_mask_seed=state.self_mask_seed,
        own_shares=shares[index],
        peers=peers,
    )
    return after, ShareKeysResponse(boxes=boxes).encode()


def _mask_input(state: KeysShared, request: MaskedInputRequest) -> tuple[InputMasked, bytes]:
    params, index = state.params, state.index
    if not request.boxes.keys() <= state.peers.keys():
        raise FaultyServerError("boxes: a sender is not among the clients whose keys were verified")
    _require_quorum(params, request.boxes.keys() | {index}, "boxes")
    shares = {index: state.own_shares}
    for peer, box in request.boxes.items():
        context = Domain.BOX.bind(params.session_id, peer, index)
        key = state.seal_keys.agree(state.peers[peer].seal_key, context)
        shares[peer] = SharePair.decode(aead.unseal(key, box, context))
    masks = [self_mask(seed=state.self_mask_seed, session_id=params.session_id, index=index)]
    masks += [
        pairwise_mask(
            keys=state.mask_keys,
            peer_key=state.peers[peer].mask_key,
            session_id=params.session_id,
            index=index,
            peer=peer,
        )
        for peer in request.boxes
    ]
    words = to_ring(state.vector, params.modulus_bits)
    add_masks(words, masks)
    after = InputMasked(params=params, index=index, shares=shares)
    return after, MaskedInputResponse(packed=pack(words, params.modulus_bits)).encode()


def _sign_survivors(
    state: InputMasked, request: ConsistencyCheckRequest, identity: Ed25519PrivateKey
) -> tuple[SurvivorsSigned, bytes]:
    survivors = request.survivors
    if state.index not in survivors:
        raise FaultyServerError("survivors: this client delivered its input and is left out")
    if not survivors <= state.shares.keys():
        raise FaultyServerError("survivors: one of them exchanged no box with this client")
    _require_quorum(state.params, survivors, "survivors")
    after = SurvivorsSigned(params=state.params, index=state.index, shares=state.shares, survivors=survivors)
    signature = sign_survivors(state.params, identity, survivors)
    return after, ConsistencyCheckResponse(signature=signature).encode()


def _unmask(state: SurvivorsSigned, request: UnmaskingRequest) -> tuple[Unmasked, bytes]:
    params, survivors, dropouts = state.params, request.survivors, request.dropouts
    if survivors & dropouts:
        raise FaultyServerError("unmasking: a client is called survivor and dropout; both its shares would unmask it")
    if survivors != state.survivors:
        raise FaultyServerError("unmasking: the survivors are not those this client signed")
    if survivors | dropouts != state.shares.keys():
        raise FaultyServerError("unmasking: survivors and dropouts are not the clients whose shares this one holds")
    if not request.signatures.keys() <= survivors or len(request.signatures) < params.threshold:
        raise FaultyServerError(f"unmasking: signatures of {params.threshold} survivors are needed, of nobody else")
    for signer, signature in request.signatures.items():
        verify_survivors(params, signer, state.survivors, signature)
    response = UnmaskingResponse(
        self_mask_shares={owner: state.shares[owner].self_mask for owner in survivors},
        mask_key_shares={owner: state.shares[owner].mask_key for owner in dropouts},
    )
    return Unmasked(), response.encode()


def _check_vector(vector: NDArray[np.int64], params: SessionParams) -> None:
    if len(vector) != params.vector_length:
        raise PolicyViolationError(
            PolicyRule.VECTOR, f"the session asks for {params.vector_length} coordinates, the vector has {len(vector)}"
        )
    if not -params.max_abs_input <= int(vector.min()) <= int(vector.max()) <= params.max_abs_input:
        raise PolicyViolationError(PolicyRule.VECTOR, f"a coordinate is beyond max_abs_input, {params.max_abs_input}")


def _require_quorum(params: SessionParams, clients: AbstractSet[int], what: str) -> None:
    if len(clients) < params.quorum:
        raise FaultyServerError(f"{what}: of {len(clients)} clients, at least {params.quorum} are needed")


def _split_secrets(state: KeysAdvertised, holders: list[int]) -> dict[int, SharePair]:
    """Splits both secrets of a client among the holders, itself included, at positions index + 1."""
    positions = [holder + 1 for holder in holders]

    def shares_of(secret: bytes, purpose: Domain) -> list[int]:
        stream = Keystream(state.sharing_seed, purpose.bind(state.params.session_id))
        coefficients = elements_from_uniform(stream.read((state.params.threshold - 1) * UNIFORM_SIZE))
        return split(int.from_bytes(secret, "big"), coefficients, positions)

    self_mask = shares_of(state.self_mask_seed, Domain.SHARING_SELF_MASK_SEED)
    mask_key = shares_of(state.mask_key, Domain.SHARING_MASK_KEY)
    return {holder: SharePair(self_mask=self_mask[i], mask_key=mask_key[i]) for i, holder in enumerate(holders)}
