"""Masks over the ring Z_{2^b}: each client's own, and one for each pair that cancels in the sum.

MSK-1  A mask is uniform over the whole ring: keystream words, of which the low b bits count. Words wrap at a multiple
       of 2^b, so nothing needs reducing before a vector is packed. One stream runs on through all vectors.
MSK-2  The lower index of a pair adds their mask, the higher subtracts it: both in a sum leave nothing.
MSK-3  A pair's mask binds the session's graph and both indices, and comes from keys that are used for nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .codec import Domain, Octets, Words, pack, word_type
from .errors import LocalProtocolError
from .graph import Graph
from .params import VectorSpec
from .primitives.key_agreement import KeyPair
from .primitives.prg import BLOCK_SIZE, Bundle, Keystream

Vectors: TypeAlias = Mapping[str, NDArray[np.int64]]
"""A client's secret inputs by name, shape [m] each, signed."""
_Part: TypeAlias = tuple[Words, int]  # of a vector, and the byte of every stream that meets its first word


@dataclass(frozen=True, slots=True)
class Crew:
    """Who folds masks in: nobody but the caller's own thread (`ALONE`), or the threads of a pool that the caller owns.

    The cipher and numpy let other threads run while they work. Nothing here starts a thread.

    Attributes:
        size: In how many parts each vector is worked on.
        map: Calls a function with each of some arguments, like the built-in or `concurrent.futures.Executor.map`.
    """

    size: int
    map: Callable[[Callable[[_Part], None], Iterable[_Part]], Iterable[None]]


ALONE = Crew(1, map)


def to_ring(vector: NDArray[np.int64], bits: int) -> Words:
    """Represents signed integers modulo 2^bits; a copy of shape [m], dtype `word_type(bits)`."""
    return vector.astype(word_type(bits))


def from_ring(words: Words, bits: int) -> NDArray[np.int64]:
    """Returns the representative of each word in [-2^(bits-1), 2^(bits-1)); shape [m]."""
    unused = np.uint64(64 - bits)
    values = words.astype(np.uint64)
    values <<= unused
    signed = values.view(np.int64)
    signed >>= np.int64(unused)
    return signed


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """One mask, ready to be added or removed.

    Attributes:
        stream: The mask's words, as they are for the lower index of a pair.
        negative: Whether the mask is the opposite of its stream.
    """

    stream: Keystream = field(repr=False)
    negative: bool = False


def self_mask(*, seed: bytes, graph: Graph, index: int) -> Mask:
    """Returns client `index`'s own mask, from its 32-byte seed."""
    return Mask(Keystream(seed, Domain.SELF_MASK.bind(graph.digest, index)))


def pairwise_mask(*, keys: KeyPair, peer_key: bytes, graph: Graph, index: int, peer: int) -> Mask:
    """Returns the mask that client `index` shares with `peer`, with the sign it has for `index`.

    Args:
        keys: The mask keys of one of the two; which one makes no difference.
        peer_key: The public mask key of the other, 32 bytes.
        graph: The session's graph.
        index: Whose sign the mask has.
        peer: The other.

    Raises:
        InvalidKeyError: `peer_key` is no public key, or one of small order.
    """
    secret = pairwise_secret(keys=keys, peer_key=peer_key, graph=graph, index=index, peer=peer)
    return mask_of_pair(secret=secret, graph=graph, index=index, peer=peer)


def pairwise_secret(*, keys: KeyPair, peer_key: bytes, graph: Graph, index: int, peer: int) -> bytes:
    """Returns what `pairwise_mask` expands, 32 bytes; its arguments, too, are described there."""
    return keys.agree(peer_key, _pair(graph, index, peer))


def mask_of_pair(*, secret: bytes, graph: Graph, index: int, peer: int) -> Mask:
    """Expands a `pairwise_secret`, with the sign that the mask has for `index`."""
    return Mask(Keystream(secret, _pair(graph, index, peer)), negative=index > peer)


def _pair(graph: Graph, index: int, peer: int) -> bytes:
    return Domain.PAIRWISE_MASK.bind(graph.digest, *sorted((index, peer)))


def add_masks(vectors: Sequence[Words], masks: Sequence[Mask], crew: Crew = ALONE) -> None:
    """Adds masks to the session's vectors, each of shape [m], in place."""
    _fold(vectors, [(mask.stream, mask.negative) for mask in masks], crew)


def remove_masks(vectors: Sequence[Words], masks: Sequence[Mask], crew: Crew = ALONE) -> None:
    """Takes masks that had been added out of the session's vectors, each of shape [m], in place."""
    _fold(vectors, [(mask.stream, not mask.negative) for mask in masks], crew)


def _fold(vectors: Sequence[Words], masks: Sequence[tuple[Keystream, bool]], crew: Crew) -> None:
    """Adds streams to the vectors, or subtracts those marked so; each of the crew works on its part of every vector."""
    added, subtracted = ([stream for stream, negative in masks if negative is sign] for sign in (False, True))
    parts: list[_Part] = []
    offset = 0
    for words in vectors:
        size = -(-len(words) // crew.size)
        parts += [
            (words[start : start + size], offset + start * words.itemsize) for start in range(0, len(words), size)
        ]
        offset += words.nbytes

    def fold_part(part: _Part) -> None:
        words, offset = part
        _fold_part(words, Bundle(added, offset), Bundle(subtracted, offset))

    deque(crew.map(fold_part, parts), maxlen=0)


def _fold_part(words: Words, added: Bundle, subtracted: Bundle) -> None:
    """Combines words with all streams, block by block, so that a block and the one buffer stay in the cache."""
    buffer, size = memoryview(bytearray(BLOCK_SIZE)), BLOCK_SIZE // words.itemsize
    for start in range(0, len(words), size):
        part = words[start : start + size]
        target = buffer[: part.nbytes]
        block = np.frombuffer(target, words.dtype)
        for _ in added.read_each(target):
            np.add(part, block, out=part)
        for _ in subtracted.read_each(target):
            np.subtract(part, block, out=part)


def mask_vectors(
    vectors: Vectors, specs: Sequence[VectorSpec], masks: Sequence[Mask], crew: Crew = ALONE
) -> list[Octets]:
    """Masks a client's vectors, and packs them in the session's order.

    Raises:
        LocalProtocolError: they are not as agreed.
    """
    _check_vectors(vectors, specs)
    words = [to_ring(vectors[spec.name], spec.modulus_bits) for spec in specs]
    add_masks(words, masks, crew)
    return [pack(masked, spec.modulus_bits) for masked, spec in zip(words, specs, strict=True)]


def _check_vectors(vectors: Vectors, specs: Sequence[VectorSpec]) -> None:
    """Checks what the caller brings against what it agreed to, which is what the session sums."""
    if vectors.keys() != {spec.name for spec in specs}:
        raise LocalProtocolError(f"vectors: {sorted(spec.name for spec in specs)} were agreed, got {sorted(vectors)}")
    for spec in specs:
        vector = vectors[spec.name]
        if vector.dtype != np.int64 or vector.shape != (spec.length,):
            raise LocalProtocolError(
                f"vector {spec.name!r}: int64 of shape ({spec.length},) was agreed, got {vector.dtype} {vector.shape}"
            )
        if not -spec.max_abs_input <= int(vector.min()) <= int(vector.max()) <= spec.max_abs_input:
            raise LocalProtocolError(
                f"vector {spec.name!r}: a coordinate is beyond max_abs_input, {spec.max_abs_input}"
            )
