"""A client: one request in, one response out, five times; then it has given its vectors to one sum and nothing else.

CLI-1  The state is taken out, in one atomic step, before a request is looked at, and only success puts one back:
       whatever fails leaves `Aborted`, emits no byte, and cannot be tried again with other bytes.
CLI-2  No key exists before the session has passed the client's own policy, the vectors it sums included.
CLI-3  A neighbor is who its pinned identity says it is, and whom the graph over all advertisements names: the client
       computes the graph, verifies each neighbor's advertisement, and finds its own unchanged.
CLI-4  The vectors are masked once, under the self mask and one mask for each neighbor whose box came; at least a
       threshold of boxes opened. The senders of the others are named, signed, in the same answer.
CLI-5  Shares are released for one survivor set, the one this client signed: it holds this client, at least
       min_survivors in all and a threshold of neighbors, and so many others signed it that there is no second one.
CLI-6  Of each neighbor's two secrets one share at most is released, by that set alone. Released once.
CLI-7  With a vault all of this outlives the process: the state after an answer, and the answer with it, or after a
       refusal, is kept before anyone learns of it, and a client restored from there goes on from there. What is not
       kept is not released.
CLI-8  The same request again gets the same answer, byte for byte, from what was kept; other bytes are a new request.
CLI-9  The client asks for its vectors once all that comes before them is checked: whoever charges for them may do it
       then, and refuse. They are asked for again only if nothing made of them was kept.
CLI-10 Keys of neighbors that come after the client's patience are refused: until then a server may try out graphs.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..answering import Answering
from ..codec import Domain
from ..errors import (
    FaultyServerError,
    InvalidDataError,
    LocalProtocolError,
    ParametersError,
    PolicyRule,
    PolicyViolationError,
    require_type,
)
from ..graph import Graph
from ..held import Answer
from ..masking import ALONE, Crew, Vectors, mask_vectors, pairwise_mask, self_mask
from ..params import SessionParams
from ..policy import ClientPolicy
from ..primitives import aead
from ..primitives.field import UNIFORM_SIZE, elements_from_uniform
from ..primitives.key_agreement import KEY_SIZE, KeyPair
from ..primitives.prg import SEED_SIZE, Keystream
from ..primitives.shamir import split
from ..primitives.signing import identity_of
from ..vault import Position, Vault
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
from .snapshot import KeptState, position_of, seal, unseal
from .statements import advertise, commit, sign_survivors, sign_unopened, verify_advertisement, verify_survivors
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


class Client(Answering[ClientState, KeptState]):
    """One client in one session.

    Args:
        identity: Its long-lived signing key; the public half is in `policy.roster`.
        policy: What it insists on.
        vectors: Makes its secret inputs, int64, as `policy.vectors` has them; called once, when all that comes before
            the masked vectors has been checked. What it raises ends the session and reaches the caller. A client that
            crashed before the masked vectors were kept calls it again.
        random: `CLIENT_RANDOM_BYTES` fresh uniform bytes from the operating system. Never reuse them: two sessions with
            the same bytes share their secrets.
        clock: Tells the time in seconds, from a moment that a restart does not change (`time.time`).
        vault: Where its snapshots go; without one, a client that crashes is lost.
        crew: Who folds its masks in; by default nobody but the thread that calls.

    Raises:
        LocalProtocolError: an argument has the wrong type, or `random` the wrong size.
        ParametersError: the client's own identity is not in its roster.
    """

    __slots__ = ("_clock", "_crew", "_identity", "_last_session", "_roster", "_vectors")

    def __init__(
        self,
        *,
        identity: Ed25519PrivateKey,
        policy: ClientPolicy,
        vectors: Callable[[], Vectors],
        random: bytes,
        clock: Callable[[], float],
        vault: Vault | None = None,
        crew: Crew = ALONE,
    ) -> None:
        require_type("identity", identity, Ed25519PrivateKey)
        require_type("policy", policy, ClientPolicy)
        require_type("random", random, bytes)
        if len(random) != CLIENT_RANDOM_BYTES:
            raise LocalProtocolError(f"random: {CLIENT_RANDOM_BYTES} bytes are needed, got {len(random)}")
        if identity_of(identity) not in policy.roster:
            raise ParametersError("policy: the client's own identity is not in its roster")
        super().__init__(Invited(policy=policy, random=bytes(random)), None, vault)
        self._identity = identity
        self._vectors = vectors
        self._clock = clock
        self._crew = crew
        self._last_session = policy.last_session
        self._roster: frozenset[bytes] = frozenset()

    @classmethod
    def restore(
        cls,
        snapshot: bytes,
        *,
        identity: Ed25519PrivateKey,
        vectors: Callable[[], Vectors],
        clock: Callable[[], float],
        vault: Vault,
        at_least: Position,
        crew: Crew = ALONE,
    ) -> Self:
        """Makes the client that a snapshot was taken of; it goes on with the request after the one it was taken in.

        A client that was killed between keeping a snapshot and sending its answer gives the same answer again to the
        same request, and no other. One that was killed before its first snapshot has released nothing: make a new
        `Client` with fresh random bytes, never with the old ones. When the snapshot is lost or refused, the session is
        over for this client, and `last_session` must come from where `at_least` does.

        Args:
            snapshot: The newest that `vault.keep` was given and stored.
            identity: The same signing key as before.
            vectors: As for a new client. Called if no answer with masked vectors was kept before the crash.
            clock: The same clock as before.
            vault: The same key as before, and where the next snapshots go.
            at_least: The newest position the caller knows of, from a place that cannot be set back together with the
                snapshots (`Position.of` tells what to store there). `Position(session=0)` if there is none: then
                whoever can put an old snapshot in place makes this client answer a round twice.
            crew: Who folds its masks in.

        Raises:
            SnapshotError: altered, cut short, of another format, identity or key, or older than `at_least`.
        """
        position, state, answer = unseal(snapshot, key=vault.key, identity=identity_of(identity), at_least=at_least)
        client = cls.__new__(cls)
        Answering.__init__(client, state, answer, vault)
        client._identity = identity
        client._vectors = vectors
        client._clock = clock
        client._crew = crew
        client._last_session = position.session
        client._roster = (
            frozenset(state.params.identities) if isinstance(state, InputMasked | SurvivorsSigned) else frozenset()
        )
        return client

    @property
    def last_session(self) -> int:
        """Newest session this client took part in, for the next policy; a refused session does not count."""
        return self._last_session

    @property
    def roster(self) -> frozenset[bytes]:
        """Identities in the session that this client has uploaded to, for `earlier` in the next policies.

        Empty before the upload, so that announcements alone lock nobody out, and for a client restored after its
        session was over.
        """
        return self._roster

    @property
    def position(self) -> Position:
        """How far this client is.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        return position_of(self._state, self._last_session)

    @property
    def params(self) -> SessionParams | None:
        """The parameters of the session that this client takes part in; None before it and after it.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        state = self._state
        return None if isinstance(state, Invited | Unmasked | Aborted) else state.params

    @property
    def finished(self) -> bool:
        """Whether no new request will be answered any more: the client unmasked a sum, or the session failed.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        return isinstance(self._state, Unmasked | Aborted)

    def receive(self, data: bytes) -> bytes:
        """Answers one request of the server.

        Args:
            data: An encoded request; the one that was answered last may come again.

        Returns:
            The encoded response.

        Raises:
            PolicyViolationError: the session breaks a line of this client's policy.
            FaultyServerError: the request is malformed, out of order, or breaks a rule of the protocol.
            LocalProtocolError: an earlier request had already ended the session; or another call is running, or was
                interrupted; or the vectors are not as agreed.
            Exception: whatever `vectors` or `vault.keep` raises. Nothing is released, and this client is finished; one
                restored from what was last stored is not, if it is `vault.keep` that failed.
        """
        return self._respond(data, lambda state: self._step(state, data))

    def _step(self, state: ClientState, data: bytes) -> tuple[KeptState, bytes]:
        after, response = self._answer(state, data)
        if isinstance(after, KeysAdvertised):
            self._last_session = after.params.session
        if isinstance(after, InputMasked):
            self._roster = frozenset(after.params.identities)
        return after, response

    def _seal(self, state: KeptState, answer: Answer | None, vault: Vault) -> bytes:
        identity = identity_of(self._identity)
        return seal(state, answer, session=self._last_session, key=vault.key, identity=identity)

    def _answer(self, state: ClientState, data: bytes) -> tuple[KeptState, bytes]:
        request = request_type(data)
        if (type(state), request) not in CLIENT_TRANSITIONS:
            raise FaultyServerError(f"{request.__name__} in state {type(state).__name__}")
        match state:
            case Invited():
                return _advertise_keys(state, AdvertiseKeysRequest.decode(data), self._identity, self._clock())
            case KeysAdvertised():
                return _share_keys(state, ShareKeysRequest.decode(data, state.params), self._clock())
            case KeysShared():
                boxes = MaskedInputRequest.decode(data, state.params).boxes
                return _mask_input(state, boxes, self._identity, self._vectors, self._crew)
            case InputMasked():
                return _sign_survivors(state, ConsistencyCheckRequest.decode(data, state.params), self._identity)
            case SurvivorsSigned():
                return _unmask(state, UnmaskingRequest.decode(data, state.params))
            case _:
                raise LocalProtocolError(f"no step leaves {type(state).__name__}, although CLIENT_TRANSITIONS says so")


def _advertise_keys(
    state: Invited, request: AdvertiseKeysRequest, identity: Ed25519PrivateKey, now: float
) -> tuple[KeysAdvertised, bytes]:
    params = request.params
    state.policy.check(params)
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
        deadline=int(now) + state.policy.patience,
        seal_keys=seal_keys,
        mask_keys=mask_keys,
        mask_key=mask_key,
        self_mask_seed=self_mask_seed,
        sharing_seed=sharing_seed,
        advertisement=advertisement,
    )
    return after, AdvertiseKeysResponse(advertisement=advertisement).encode(params)


def _share_keys(state: KeysAdvertised, request: ShareKeysRequest, now: float) -> tuple[KeysShared, bytes]:
    params, index = state.params, state.index
    if now > state.deadline:
        raise PolicyViolationError(
            PolicyRule.PATIENCE, f"the neighbors' keys came {now - state.deadline:.0f} s after this client's deadline"
        )
    graph = _graph(params, request)
    if request.advertisements.get(index) != state.advertisement:
        raise FaultyServerError("advertisements: this client's own is missing or altered")
    peers = {peer: advertisement for peer, advertisement in request.advertisements.items() if peer != index}
    if peers.keys() != graph.neighbors(index):
        raise FaultyServerError("advertisements: those of this client's neighbors are needed in full, no others")
    for peer, advertisement in peers.items():
        verify_advertisement(params, peer, advertisement)
        # Nothing is shared with a peer with whom no mask can be agreed on; and between shares and masks nobody waits.
        state.mask_keys.meet(advertisement.mask_key)
    shares = _split_secrets(state, graph, sorted(peers))
    boxes = {}
    for peer, advertisement in peers.items():
        context = Domain.BOX.bind(graph.digest, index, peer)
        key = state.seal_keys.agree(advertisement.seal_key, context)
        boxes[peer] = aead.seal(key, shares[peer].encode(), context)
    after = KeysShared(
        params=params,
        index=index,
        graph=graph,
        seal_keys=state.seal_keys,
        mask_keys=state.mask_keys,
        self_mask_seed=state.self_mask_seed,
        neighbors=peers,
    )
    return after, ShareKeysResponse(boxes=boxes).encode(params)


def _mask_input(
    state: KeysShared,
    boxes: Mapping[int, bytes],
    identity: Ed25519PrivateKey,
    vectors: Callable[[], Vectors],
    crew: Crew,
) -> tuple[InputMasked, bytes]:
    params, index, graph = state.params, state.index, state.graph
    shares = _open_boxes(state, boxes)
    unopened = frozenset(boxes) - shares.keys()
    # With everyone whose box came, good or not: both ends of a pair add the same mask, whatever one says of the other.
    masks = [self_mask(seed=state.self_mask_seed, graph=graph, index=index)]
    masks += [
        pairwise_mask(
            keys=state.mask_keys, peer_key=state.neighbors[peer].mask_key, graph=graph, index=index, peer=peer
        )
        for peer in boxes
    ]
    response = MaskedInputResponse(
        unopened=unopened,
        signature=sign_unopened(graph, index, identity, unopened),
        packed=mask_vectors(vectors(), params.vectors, masks, crew),
    )
    after = InputMasked(params=params, index=index, graph=graph, shares=shares, unopened=unopened)
    return after, response.encode(params)


def _sign_survivors(
    state: InputMasked, request: ConsistencyCheckRequest, identity: Ed25519PrivateKey
) -> tuple[SurvivorsSigned, bytes]:
    params, graph, survivors = state.params, state.graph, request.survivors
    if state.index not in survivors:
        raise FaultyServerError("survivors: this client delivered its input and is left out")
    if len(survivors) < params.min_survivors:
        raise FaultyServerError(f"survivors: {len(survivors)}, at least {params.min_survivors} were promised")
    if not survivors <= set(graph.order):
        raise FaultyServerError("survivors: one of them did not advertise keys")
    near = survivors & graph.neighbors(state.index)
    if not near <= state.shares.keys() | state.unopened:
        raise FaultyServerError("survivors: a neighbor among them exchanged no box with this client")
    if len(near) < params.threshold:
        raise FaultyServerError(f"survivors: {len(near)} are neighbors, at least {params.threshold} are needed")
    after = SurvivorsSigned(params=params, index=state.index, graph=graph, shares=state.shares, survivors=survivors)
    signature = sign_survivors(graph, identity, survivors)
    return after, ConsistencyCheckResponse(signature=signature).encode(params)


def _unmask(state: SurvivorsSigned, request: UnmaskingRequest) -> tuple[Unmasked, bytes]:
    params, survivors = state.params, state.survivors
    if not request.signatures.keys() <= survivors:
        raise FaultyServerError("signatures: a signer is not among the survivors this client signed")
    if len(request.signatures) < params.confirmations:
        raise FaultyServerError(f"signatures: {len(request.signatures)}, at least {params.confirmations} are needed")
    for signer, signature in request.signatures.items():
        verify_survivors(params, state.graph, signer, survivors, signature)
    response = UnmaskingResponse(
        self_mask_shares={owner: pair.self_mask for owner, pair in state.shares.items() if owner in survivors},
        mask_key_shares={owner: pair.mask_key for owner, pair in state.shares.items() if owner not in survivors},
    )
    return Unmasked(), response.encode(params)


def _open_boxes(state: KeysShared, boxes: Mapping[int, bytes]) -> dict[int, SharePair]:
    """Opens the boxes that open, at least a threshold of them."""
    if not boxes.keys() <= state.neighbors.keys():
        raise FaultyServerError("boxes: a sender is not among this client's neighbors")
    shares = {}
    for peer, box in boxes.items():
        context = Domain.BOX.bind(state.graph.digest, peer, state.index)
        key = state.seal_keys.agree(state.neighbors[peer].seal_key, context)
        with suppress(InvalidDataError):
            shares[peer] = SharePair.decode(aead.unseal(key, box, context))
    if len(shares) < state.params.threshold:
        raise FaultyServerError(
            f"boxes: {len(boxes)} came and {len(shares)} open, at least {state.params.threshold} are needed"
        )
    return shares


def _graph(params: SessionParams, request: ShareKeysRequest) -> Graph:
    """The graph over everyone who advertised, computed from what the request says of them."""
    if request.advertisements.keys() & request.digests.keys():
        raise FaultyServerError("advertisements: a client's is there in full and as a digest")
    advertised = {index: advertisement.digest for index, advertisement in request.advertisements.items()}
    digests = advertised | dict(request.digests)
    if len(digests) < params.min_survivors:
        raise FaultyServerError(f"advertisements: {len(digests)}, at least {params.min_survivors} are needed")
    return Graph.over(params.session_id, params.degree, digests)


def _split_secrets(state: KeysAdvertised, graph: Graph, holders: list[int]) -> dict[int, SharePair]:
    """Splits both secrets of a client among its neighbors, at positions index + 1."""
    positions = [holder + 1 for holder in holders]

    def shares_of(secret: bytes, purpose: Domain) -> list[int]:
        stream = Keystream(state.sharing_seed, purpose.bind(graph.digest))
        coefficients = elements_from_uniform(stream.read((state.params.threshold - 1) * UNIFORM_SIZE))
        return split(int.from_bytes(secret, "big"), coefficients, positions)

    self_mask = shares_of(state.self_mask_seed, Domain.SHARING_SELF_MASK_SEED)
    mask_key = shares_of(state.mask_key, Domain.SHARING_MASK_KEY)
    return {holder: SharePair(self_mask=self_mask[i], mask_key=mask_key[i]) for i, holder in enumerate(holders)}
