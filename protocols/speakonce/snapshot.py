"""Snapshots of a client's state between its few answers: hours or days may lie between them, and the machine be off.

SSN-1  A client hands over the snapshot of its next state, with the answer that leads there, before it releases that
       answer, and that of `Aborted` before it raises a refusal: restored, it can say the same again and nothing else.
SSN-2  A snapshot holds what its state holds (SPS-2), and the last answer; never a vector.
SSN-3  Positions never decrease; what does not open, or is older than asked for, is refused whole (`vault`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..codec import INDEX_WIDTH, Reader, encode_table, uint
from ..held import Answer
from ..params import DIGEST_SIZE
from ..primitives.aead import TAG_SIZE
from ..primitives.key_agreement import KEY_SIZE, KeyPair
from ..primitives.prg import SEED_SIZE
from ..vault import NOTHING_KEPT, Position, open_snapshot, read_answer, seal_snapshot, write_answer
from .messages import box_size
from .params import Prekeys, WindowParams
from .states import Aborted, Appointed, BoxesOpened, ClientState, Finished, PrekeysPublished, SurvivorsSigned

_DOMAIN = b"speakonce/1/snapshot\0"


def position_of(state: ClientState, session: int) -> Position:
    """How far a client in this state is, in this session."""
    return Position(session=session, sequence=1 + tuple(_READERS).index(type(state)))


def seal_state(state: ClientState, answer: Answer | None, *, session: int, key: bytes, identity: bytes) -> bytes:
    """Makes the snapshot of a state.

    Args:
        state: What to seal.
        answer: What led there, if anything did.
        session: Number of the session.
        key: 32 bytes.
        identity: The client's Ed25519 public key, 32 bytes.
    """
    position = position_of(state, session)
    content = b"".join((*_write(state), uint(answer is not None, 1), *write_answer(answer)))
    return seal_snapshot(content, position, key=key, identity=identity, domain=_DOMAIN)


def unseal_state(
    snapshot: bytes, *, key: bytes, identity: bytes, at_least: Position
) -> tuple[Position, tuple[ClientState, Answer | None]]:
    """Opens what `seal_state` made.

    Raises:
        SnapshotError: altered, cut short, of another format, identity or key, or older than `at_least`.
    """
    return open_snapshot(snapshot, _read, key=key, identity=identity, domain=_DOMAIN, at_least=at_least)


def _read(position: Position, reader: Reader) -> tuple[ClientState, Answer | None]:
    state = tuple(_READERS.values())[position.sequence - 1](reader)
    return state, read_answer(reader) if reader.uint(1) else None


def _write(state: ClientState) -> list[bytes]:
    match state:
        case PrekeysPublished():
            return [state.random, state.prekeys.encode()]
        case Appointed():
            return [*_write_window(state), state.seal_keys.private_bytes()]
        case BoxesOpened():
            return [*_write_window(state), encode_table(state.digests), encode_table(state.dealt)]
        case SurvivorsSigned():
            return [*_write_window(state), encode_table(state.dealt), encode_table(state.counted)]
        case _:
            return [NOTHING_KEPT]


def _read_prekeys_published(reader: Reader) -> PrekeysPublished:
    random = reader.take(2 * KEY_SIZE + 2 * SEED_SIZE)
    seal_key, mask_key, self_mask_seed, sharing_seed = (
        random[start : start + SEED_SIZE] for start in range(0, len(random), SEED_SIZE)
    )
    return PrekeysPublished(
        random=random,
        seal_keys=KeyPair(seal_key),
        mask_keys=KeyPair(mask_key),
        self_mask_seed=self_mask_seed,
        sharing_seed=sharing_seed,
        prekeys=Prekeys.decode(reader.take(Prekeys.SIZE)),
    )


def _read_appointed(reader: Reader) -> Appointed:
    params, index = _read_window(reader)
    return Appointed(params=params, index=index, seal_keys=KeyPair(reader.take(KEY_SIZE)))


def _read_boxes_opened(reader: Reader) -> BoxesOpened:
    params, index = _read_window(reader)
    digests = reader.table(params.clients, DIGEST_SIZE)
    return BoxesOpened(params=params, index=index, digests=digests, dealt=_read_dealt(reader, params))


def _read_survivors_signed(reader: Reader) -> SurvivorsSigned:
    params, index = _read_window(reader)
    dealt = _read_dealt(reader, params)
    return SurvivorsSigned(params=params, index=index, dealt=dealt, counted=reader.table(params.clients, DIGEST_SIZE))


def _read_finished(reader: Reader) -> Finished:
    reader.take(len(NOTHING_KEPT))
    return Finished()


def _read_aborted(reader: Reader) -> Aborted:
    reader.take(len(NOTHING_KEPT))
    return Aborted()


_READERS: Mapping[type[ClientState], Callable[[Reader], ClientState]] = MappingProxyType(
    {
        PrekeysPublished: _read_prekeys_published,
        Appointed: _read_appointed,
        BoxesOpened: _read_boxes_opened,
        SurvivorsSigned: _read_survivors_signed,
        Finished: _read_finished,
        Aborted: _read_aborted,
    }
)
"""The states in the order of their sequence numbers, from 1; another order is another format."""


def _write_window(state: Appointed | BoxesOpened | SurvivorsSigned) -> tuple[bytes, ...]:
    encoded = state.params.encode()
    return uint(len(encoded), 4), encoded, uint(state.index, INDEX_WIDTH)


def _read_window(reader: Reader) -> tuple[WindowParams, int]:
    return WindowParams.decode(reader.take(reader.uint(4))), reader.uint(INDEX_WIDTH)


def _read_dealt(reader: Reader, params: WindowParams) -> dict[int, bytes]:
    return reader.table(params.clients, box_size(params) - TAG_SIZE)
