"""A client: keys ahead, one message, and three short answers if it is drawn into the committee.

SPC-1  The state is taken out before a request is looked at, and only success puts one back: whatever fails leaves
       `Aborted`, emits no byte, and cannot be tried again with other bytes. The same request gets the same bytes again.
SPC-2  A client speaks once: in the one session that its prekeys were signed for, under parameters that pass its own
       policy, when every neighbor's and every member's prekeys are who they should be and its own are unchanged.
SPC-3  The vectors are masked under the self mask and one mask for every neighbor, whoever comes.
SPC-4  A member signs one survivor set: of at least min_survivors, no window of the ring below the floor, every message
       in it that it knows by its digest. The set is kept before the signature is released.
SPC-5  No share without valid signatures of a quorum of members on exactly that set.
SPC-6  Released is, out of a survivor's own box: the share of its self-mask seed, and of each secret with a neighbor
       that is no survivor. Nothing out of anybody else's box. Once.
SPC-7  Keys die on time: mask keys and seeds with the one message, seal keys with the boxes, whatever is left when the
       caller says that the window is over, used or not.
SPC-8  With a vault all of this outlives the process: the state after an answer, and the answer with it, or after a
       refusal, is kept before anyone learns of it. What is not kept is not released.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..answering import Answering
from ..codec import Domain, Octets, encode_indices, encode_table
from ..errors import (
    FaultyServerError,
    InvalidBoxError,
    LocalProtocolError,
    PolicyRule,
    PolicyViolationError,
)
from ..held import Answer
from ..masking import ALONE, Crew, Mask, Vectors, mask_of_pair, mask_vectors, pairwise_secret, self_mask
from ..primitives.field import decode_element
from ..primitives.key_agreement import KEY_SIZE, KeyPair
from ..primitives.prg import SEED_SIZE
from ..primitives.signing import identity_of
from ..vault import Position, Vault
from .dealing import deal, seal, shares_in, tree_over, tree_over_boxes, unseal
from .messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    Manifest,
    OpenBoxesRequest,
    OpenBoxesResponse,
    Release,
    SpeakRequest,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
    encode_releases,
    request_type,
)
from .params import WindowParams
from .policy import WindowPolicy
from .snapshot import position_of, seal_state, unseal_state
from .statements import attest, commit, digest_of, sign_prekeys, verify, verify_prekeys
from .states import (
    CLIENT_TRANSITIONS,
    Aborted,
    Appointed,
    BoxesOpened,
    ClientState,
    Finished,
    PrekeysPublished,
    SurvivorsSigned,
)

CLIENT_RANDOM_BYTES = 2 * KEY_SIZE + 2 * SEED_SIZE
"""Uniform bytes a client consumes: seal key, mask key, self-mask seed, sharing seed, 32 bytes each."""


class Client(Answering[ClientState, ClientState]):
    """One client in one session.

    Args:
        identity: Its long-lived signing key.
        server_key: Of the server that announced the session, 32 bytes.
        session: Number of the session; prekeys are published once for each, ever.
        random: `CLIENT_RANDOM_BYTES` fresh uniform bytes from the operating system, never used again.
        vault: Where its snapshots go; without one, a client that crashes is lost.
        crew: Who folds its masks in; by default nobody but the thread that calls.

    Raises:
        LocalProtocolError: `random` has the wrong size.
    """

    __slots__ = ("_crew", "_identity", "_session")

    def __init__(
        self,
        *,
        identity: Ed25519PrivateKey,
        server_key: bytes,
        session: int,
        random: bytes,
        vault: Vault | None = None,
        crew: Crew = ALONE,
    ) -> None:
        if len(random) != CLIENT_RANDOM_BYTES:
            raise LocalProtocolError(f"random: {CLIENT_RANDOM_BYTES} bytes are needed, got {len(random)}")
        published = make_prekeys(identity, server_key=server_key, session=session, random=bytes(random))
        super().__init__(published, None, vault)
        self._identity = identity
        self._session = session
        self._crew = crew

    @classmethod
    def restore(
        cls, snapshot: bytes, *, identity: Ed25519PrivateKey, vault: Vault, at_least: Position, crew: Crew = ALONE
    ) -> Self:
        """Makes the client that a snapshot was taken of; it goes on with the request after the one it was taken in.

        Args:
            snapshot: The newest that `vault.keep` was given and stored.
            identity: The same signing key as before.
            vault: The same key as before, and where the next snapshots go.
            at_least: The newest position the caller knows of, from a place that cannot be set back together with the
                snapshots.
            crew: Who folds its masks in.

        Raises:
            SnapshotError: altered, cut short, of another format, identity or key, or older than `at_least`.
        """
        position, (state, answer) = unseal_state(
            snapshot, key=vault.key, identity=identity_of(identity), at_least=at_least
        )
        client = cls.__new__(cls)
        Answering.__init__(client, state, answer, vault)
        client._identity = identity
        client._session = position.session
        client._crew = crew
        return client

    @property
    def position(self) -> Position:
        """How far this client is.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        return position_of(self._state, self._session)

    @property
    def params(self) -> WindowParams | None:
        """The parameters of the window that this client is a member in; None before it and after it.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        state = self._state
        return state.params if isinstance(state, Appointed | BoxesOpened | SurvivorsSigned) else None

    @property
    def finished(self) -> bool:
        """Whether no new request will be answered any more.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
        """
        return isinstance(self._state, Finished | Aborted)

    def publish(self) -> bytes:
        """Returns the client's signed prekeys, for the roster; they are kept first.

        Raises:
            LocalProtocolError: the client has spoken, or the window is over.
            Exception: whatever `vault.keep` raises; nothing is released.
        """
        state = self._state
        if not isinstance(state, PrekeysPublished):
            raise LocalProtocolError(f"prekeys in state {type(state).__name__}: they are spent")
        self._keep(state, None)
        return state.prekeys.encode()

    def speak(self, data: bytes, *, policy: WindowPolicy, vectors: Callable[[], Vectors]) -> bytes:
        """Answers the request that opens the window with the client's one message.

        Args:
            data: The encoded request; the one that was answered may come again.
            policy: What the client insists on.
            vectors: Makes its secret inputs, int64, as `policy.terms.vectors` has them; called once, when all that
                comes before has been checked. What it raises ends the session and reaches the caller.

        Returns:
            The encoded message. To send it again is no harm; there is no other.

        Raises:
            PolicyViolationError: the window breaks a line of the policy.
            FaultyServerError: the request is malformed, out of order, or breaks a rule of the protocol.
            LocalProtocolError: an earlier request had already ended the session; or another call is running; or the
                vectors are not as agreed.
            Exception: whatever `vectors` or `vault.keep` raises.
        """
        return self._respond(data, lambda state: self._speak(state, data, policy, vectors))

    def receive(self, data: bytes) -> bytes:
        """Answers a request to a member of the committee.

        Args:
            data: An encoded request; the one that was answered last may come again.

        Returns:
            The encoded response.

        Raises:
            FaultyServerError: the request is malformed, out of order, or breaks a rule of the protocol.
            LocalProtocolError: an earlier request had already ended the session; or another call is running.
            Exception: whatever `vault.keep` raises.
        """
        return self._respond(data, lambda state: self._answer(state, data))

    def expire(self) -> None:
        """Forgets all keys and shares: by the client's own clock the window, or its time for members, is over.

        Raises:
            LocalProtocolError: another call is running, or was interrupted.
            Exception: whatever `vault.keep` raises; they are forgotten all the same.
        """
        _, answer = self._held.take()
        self._held.put((Finished(), answer))
        self._keep(Finished(), answer)

    def _seal(self, state: ClientState, answer: Answer | None, vault: Vault) -> bytes:
        identity = identity_of(self._identity)
        return seal_state(state, answer, session=self._session, key=vault.key, identity=identity)

    def _speak(
        self, state: ClientState, data: bytes, policy: WindowPolicy, vectors: Callable[[], Vectors]
    ) -> tuple[ClientState, bytes]:
        request = _expected(state, data)
        if not isinstance(state, PrekeysPublished) or request is not SpeakRequest:
            raise LocalProtocolError(f"speak answers the request that opens the window, not {request.__name__}")
        params = SpeakRequest.decode(data).params
        index = _check_window(state, params, policy, identity_of(self._identity), self._session)

        def mask(masks: list[Mask]) -> list[Octets]:
            return mask_vectors(vectors(), params.vectors, masks, self._crew)

        response = _message(state, params, index, self._identity, mask)
        if index in params.committee:
            return Appointed(params=params, index=index, seal_keys=state.seal_keys), response
        return Finished(), response

    def _answer(self, state: ClientState, data: bytes) -> tuple[ClientState, bytes]:
        request = _expected(state, data)
        match state:
            case Appointed():
                return _open_boxes(state, OpenBoxesRequest.decode(data, state.params), self._identity)
            case BoxesOpened():
                return _sign_survivors(state, ConsistencyCheckRequest.decode(data, state.params), self._identity)
            case SurvivorsSigned():
                return _release(state, UnmaskingRequest.decode(data, state.params), self._identity)
            case _:
                raise LocalProtocolError(f"{request.__name__} is answered by speak")


def make_prekeys(identity: Ed25519PrivateKey, *, server_key: bytes, session: int, random: bytes) -> PrekeysPublished:
    """Makes a client's keys and signs the public halves.

    Args:
        identity: Its long-lived signing key.
        server_key: The server's public key, 32 bytes.
        session: Number of the session.
        random: `CLIENT_RANDOM_BYTES` uniform bytes.
    """
    seal_key, mask_key, self_mask_seed, sharing_seed = (
        random[start : start + SEED_SIZE] for start in range(0, CLIENT_RANDOM_BYTES, SEED_SIZE)
    )
    seal_keys, mask_keys = KeyPair(seal_key), KeyPair(mask_key)
    prekeys = sign_prekeys(
        identity, server_key=server_key, session=session, seal_key=seal_keys.public, mask_key=mask_keys.public
    )
    return PrekeysPublished(
        random=random,
        seal_keys=seal_keys,
        mask_keys=mask_keys,
        self_mask_seed=self_mask_seed,
        sharing_seed=sharing_seed,
        prekeys=prekeys,
    )


def _expected(state: ClientState, data: bytes) -> type:
    request = request_type(data)
    if (type(state), request) not in CLIENT_TRANSITIONS:
        raise FaultyServerError(f"{request.__name__} in state {type(state).__name__}")
    return request


def _check_window(
    state: PrekeysPublished, params: WindowParams, policy: WindowPolicy, identity: bytes, session: int
) -> int:
    """Checks everything that must hold before the client speaks; returns its index."""
    policy.check(params)
    if identity not in params.identities:
        raise PolicyViolationError(PolicyRule.ROSTER, "this client itself is not on the roster")
    index = params.identities.index(identity)
    if params.session != session or params.prekeys[index] != state.prekeys:
        raise FaultyServerError("prekeys: this client's own are missing, altered, or of another session")
    for peer in sorted({*params.neighbors(index), *params.committee} - {index}):
        verify_prekeys(
            params.identities[peer], server_key=params.server_key, session=session, prekeys=params.prekeys[peer]
        )
    return index


def _message(
    state: PrekeysPublished,
    params: WindowParams,
    index: int,
    identity: Ed25519PrivateKey,
    mask: Callable[[list[Mask]], list[Octets]],
) -> bytes:
    peers, ring = params.neighbors(index), params.ring
    secrets = [
        pairwise_secret(
            keys=state.mask_keys, peer_key=params.prekeys[peer].mask_key, graph=ring, index=index, peer=peer
        )
        for peer in peers
    ]
    masks = [
        mask_of_pair(secret=secret, graph=ring, index=index, peer=peer)
        for peer, secret in zip(peers, secrets, strict=True)
    ]
    masks.append(self_mask(seed=state.self_mask_seed, graph=ring, index=index))
    secrets.append(state.self_mask_seed)
    commitments = [commit(params, index, peer, secret) for peer, secret in zip((*peers, index), secrets, strict=True)]
    contents = deal(params, secrets, state.sharing_seed)
    boxes = seal(params, state.seal_keys, index, contents)
    roots = [tree_over(content).root for content in contents]
    packed = mask(masks)
    manifest = Manifest(
        vectors_digest=digest_of(packed),
        secrets_digest=digest_of(commitments),
        boxes_root=tree_over_boxes(roots, boxes).root,
        signature=b"",
    )
    signature = attest(params, identity, Domain.MANIFEST, index, manifest.content)
    return SpeakResponse(
        manifest=replace(manifest, signature=signature),
        commitments=commitments,
        roots=roots,
        boxes=boxes,
        packed=packed,
    ).encode(params)


def _open_boxes(state: Appointed, request: OpenBoxesRequest, identity: Ed25519PrivateKey) -> tuple[BoxesOpened, bytes]:
    params, index, dealt = state.params, state.index, {}
    for sender, delivery in request.deliveries.items():
        try:
            dealt[sender] = unseal(params, state.seal_keys, sender, index, delivery)
        except InvalidBoxError:
            continue  # reported below: before there is a survivor set, so its sender can still be left out
    unopened = frozenset(request.deliveries.keys() - dealt.keys())
    after = BoxesOpened(
        params=params,
        index=index,
        digests={sender: each.manifest.digest(params, sender) for sender, each in request.deliveries.items()},
        dealt=dealt,
    )
    signature = attest(params, identity, Domain.REPORT, index, encode_indices(unopened))
    return after, OpenBoxesResponse(unopened=unopened, signature=signature).encode(params)


def _sign_survivors(
    state: BoxesOpened, request: ConsistencyCheckRequest, identity: Ed25519PrivateKey
) -> tuple[SurvivorsSigned, bytes]:
    params, counted = state.params, request.counted
    if len(counted) < params.min_survivors:
        raise FaultyServerError(f"survivors: {len(counted)}, at least {params.min_survivors} were promised")
    if params.thinnest_window(frozenset(counted)) < params.floor:
        raise FaultyServerError(f"survivors: a window of the ring holds fewer than {params.floor} of them")
    if any(state.digests.get(sender, digest) != digest for sender, digest in counted.items()):
        raise FaultyServerError("survivors: a message is not the one whose box this client was given")
    after = SurvivorsSigned(params=params, index=state.index, dealt=state.dealt, counted=counted)
    signature = attest(params, identity, Domain.COUNTED, state.index, encode_table(counted))
    return after, ConsistencyCheckResponse(signature=signature).encode(params)


def _release(state: SurvivorsSigned, request: UnmaskingRequest, identity: Ed25519PrivateKey) -> tuple[Finished, bytes]:
    params, counted = state.params, state.counted
    _check_signatures(params, counted, request.signatures)
    releases = {
        owner: _shares_of(params, owner, counted.keys(), state.dealt[owner])
        for owner in counted.keys() & state.dealt.keys()
    }
    signature = attest(params, identity, Domain.RELEASE, state.index, encode_releases(releases))
    return Finished(), UnmaskingResponse(releases=releases, signature=signature).encode(params)


def _check_signatures(params: WindowParams, counted: Mapping[int, bytes], signatures: Mapping[int, bytes]) -> None:
    """The cross-check: so many members signed exactly this set that there is no second one."""
    if not signatures.keys() <= set(params.committee):
        raise FaultyServerError("signatures: a signer is no member of the committee")
    if len(signatures) < params.quorum:
        raise FaultyServerError(f"signatures: {len(signatures)}, at least {params.quorum} are needed")
    content = encode_table(counted)
    for signer, signature in signatures.items():
        verify(params, Domain.COUNTED, signer, content, signature)


def _shares_of(params: WindowParams, owner: int, survivors: Collection[int], content: bytes) -> Release:
    places = params.released(owner, survivors)
    shares = shares_in(content)
    return Release(
        shares=tuple(decode_element(shares[place]) for place in places), proof=tree_over(content).prove(places)
    )
