"""Client state that survives a crash: an encrypted snapshot after each round, for the caller to store.

SNP-1  A client hands over the snapshot of its next state, with the answer that leads there, before it releases that
       answer, and that of `Aborted` before it raises a refusal. Restored from its newest snapshot it can only go on:
       what it answered, or was about to answer, it can say again, byte for byte, and nothing else in its place.
SNP-2  Positions, session first, never decrease from one snapshot to the next, if each client's policy starts from the
       last_session of the client before. No snapshot can tell that it is not the newest: `at_least` can.
SNP-3  The nonce is the position. It names two contents when a client was killed before the first one was kept, or was
       set back; under AES-256-GCM-SIV (RFC 8452) that shows whether the two are equal, and nothing else. Format,
       position and identity are associated data. No randomness: the same state gives the same bytes.
SNP-4  A snapshot holds what its state holds (STA-2), and the last answer: keys until the vectors are masked, shares
       until the one reveal, never a vector. That of `Unmasked` holds its answer, that of `Aborted` its position alone,
       and `Invited` has none: nothing has been released yet, and a new client with fresh random bytes takes its place.
SNP-5  What does not open under key and identity, or is older than asked for, is refused whole; no part of it is used.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from ..codec import INDEX_WIDTH, Reader, encode_indices, encode_table, uint
from ..graph import Graph
from ..held import Answer
from ..params import DIGEST_SIZE, SessionParams
from ..primitives.key_agreement import KEY_SIZE, KeyPair
from ..primitives.prg import SEED_SIZE
from ..vault import NOTHING_KEPT, Position, open_snapshot, read_answer, seal_snapshot, write_answer
from .messages import Advertisement, SharePair
from .states import Aborted, ClientState, InputMasked, Invited, KeysAdvertised, KeysShared, SurvivorsSigned, Unmasked

KeptState: TypeAlias = KeysAdvertised | KeysShared | InputMasked | SurvivorsSigned | Unmasked | Aborted

_DOMAIN = b"secagg/2/snapshot\0"


def position_of(state: ClientState, session: int) -> Position:
    """How far a client in this state is, whose newest session is `session`."""
    sequence = 0 if isinstance(state, Invited) else 1 + tuple(_READERS).index(type(state))
    return Position(session=session, sequence=sequence)


def seal(state: KeptState, answer: Answer | None, *, session: int, key: bytes, identity: bytes) -> bytes:
    """Makes the snapshot of a state.

    Args:
        state: What to seal.
        answer: What led there; None for `Aborted`.
        session: Newest session the client took part in.
        key: 32 bytes.
        identity: The client's Ed25519 public key, 32 bytes.

    Returns:
        Format, position and tag, 29 bytes, and the encrypted state and answer.
    """
    content = b"".join((*_write(state), *write_answer(answer)))
    return seal_snapshot(content, position_of(state, session), key=key, identity=identity, domain=_DOMAIN)


def unseal(
    snapshot: bytes, *, key: bytes, identity: bytes, at_least: Position
) -> tuple[Position, KeptState, Answer | None]:
    """Opens a snapshot.

    Args:
        snapshot: What `seal` made.
        key: 32 bytes.
        identity: The client's Ed25519 public key, 32 bytes.
        at_least: The newest position the caller knows of.

    Returns:
        The snapshot's position, state and answer.

    Raises:
        SnapshotError: altered, cut short, of another format, identity or key, or older than `at_least`.
    """

    def read(position: Position, reader: Reader) -> tuple[KeptState, Answer | None]:
        state = tuple(_READERS.values())[position.sequence - 1](reader)
        return state, None if isinstance(state, Aborted) else read_answer(reader)

    position, (state, answer) = open_snapshot(
        snapshot, read, key=key, identity=identity, domain=_DOMAIN, at_least=at_least
    )
    return position, state, answer


def _write(state: KeptState) -> list[bytes]:
    if isinstance(state, Unmasked | Aborted):
        return [NOTHING_KEPT]
    session = _write_session(state.params, state.index)
    if isinstance(state, KeysAdvertised):
        return [
            *session,
            uint(state.deadline, 8),
            state.seal_keys.private_bytes(),
            state.mask_keys.private_bytes(),
            state.self_mask_seed,
            state.sharing_seed,
            state.advertisement.encode(),
        ]
    if isinstance(state, KeysShared):
        return [
            *session,
            _write_graph(state.graph),
            state.seal_keys.private_bytes(),
            state.mask_keys.private_bytes(),
            state.self_mask_seed,
            encode_table({peer: advertisement.encode() for peer, advertisement in state.neighbors.items()}),
        ]
    shares = encode_table({owner: pair.encode() for owner, pair in state.shares.items()})
    if isinstance(state, InputMasked):
        return [*session, _write_graph(state.graph), shares, encode_indices(state.unopened)]
    return [*session, _write_graph(state.graph), shares, encode_indices(state.survivors)]


def _read_keys_advertised(reader: Reader) -> KeysAdvertised:
    params, index = _read_session(reader)
    deadline = reader.uint(8)
    seal_key, mask_key = reader.take(KEY_SIZE), reader.take(KEY_SIZE)
    return KeysAdvertised(
        params=params,
        index=index,
        deadline=deadline,
        seal_keys=KeyPair(seal_key),
        mask_keys=KeyPair(mask_key),
        mask_key=mask_key,
        self_mask_seed=reader.take(SEED_SIZE),
        sharing_seed=reader.take(SEED_SIZE),
        advertisement=Advertisement.decode(reader.take(Advertisement.SIZE)),
    )


def _read_keys_shared(reader: Reader) -> KeysShared:
    params, index = _read_session(reader)
    return KeysShared(
        params=params,
        index=index,
        graph=_read_graph(reader, params),
        seal_keys=KeyPair(reader.take(KEY_SIZE)),
        mask_keys=KeyPair(reader.take(KEY_SIZE)),
        self_mask_seed=reader.take(SEED_SIZE),
        neighbors={
            peer: Advertisement.decode(entry)
            for peer, entry in reader.table(params.clients, Advertisement.SIZE).items()
        },
    )


def _read_input_masked(reader: Reader) -> InputMasked:
    params, index = _read_session(reader)
    graph = _read_graph(reader, params)
    return InputMasked(
        params=params,
        index=index,
        graph=graph,
        shares=_read_shares(reader, params),
        unopened=reader.indices(params.clients),
    )


def _read_survivors_signed(reader: Reader) -> SurvivorsSigned:
    params, index = _read_session(reader)
    return SurvivorsSigned(
        params=params,
        index=index,
        graph=_read_graph(reader, params),
        shares=_read_shares(reader, params),
        survivors=reader.indices(params.clients),
    )


def _read_unmasked(reader: Reader) -> Unmasked:
    reader.take(len(NOTHING_KEPT))
    return Unmasked()


def _read_aborted(reader: Reader) -> Aborted:
    reader.take(len(NOTHING_KEPT))
    return Aborted()


_READERS: Mapping[type[KeptState], Callable[[Reader], KeptState]] = MappingProxyType(
    {
        KeysAdvertised: _read_keys_advertised,
        KeysShared: _read_keys_shared,
        InputMasked: _read_input_masked,
        SurvivorsSigned: _read_survivors_signed,
        Unmasked: _read_unmasked,
        Aborted: _read_aborted,
    }
)
"""The states in the order of their sequence numbers, from 1; another order is another format."""


def _write_session(params: SessionParams, index: int) -> tuple[bytes, ...]:
    encoded = params.encode()
    return uint(len(encoded), 4), encoded, uint(index, INDEX_WIDTH)


def _read_session(reader: Reader) -> tuple[SessionParams, int]:
    return SessionParams.decode(reader.take(reader.uint(4))), reader.uint(INDEX_WIDTH)


def _write_graph(graph: Graph) -> bytes:
    order = b"".join(uint(index, INDEX_WIDTH) for index in graph.order)
    return uint(len(graph.order), INDEX_WIDTH) + order + graph.digest


def _read_graph(reader: Reader, params: SessionParams) -> Graph:
    order = tuple(int.from_bytes(index, "big") for index in reader.array(INDEX_WIDTH))
    return Graph(order=order, degree=min(params.degree, len(order) - 1), digest=reader.take(DIGEST_SIZE))


def _read_shares(reader: Reader, params: SessionParams) -> dict[int, SharePair]:
    return {owner: SharePair.decode(entry) for owner, entry in reader.table(params.clients, SharePair.SIZE).items()}
