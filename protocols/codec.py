"""Canonical bytes: one encoding for each value, big-endian lengths, nothing left over.

COD-1  Decoding accepts exactly what encoding produces: index lists strictly increase, padding bits are zero.
COD-2  A length is checked against the bytes that are there before anything of that length is allocated.
COD-3  Every hash, signature and derived key starts with a `Domain`. A zero byte ends each and occurs nowhere else in
       it, so none is a prefix of another and nothing made for one purpose can be read as made for another.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import pairwise
from struct import Struct
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import MalformedMessageError

Words: TypeAlias = NDArray[np.unsignedinteger]
"""Elements of Z_{2^b}, one in each little-endian word of 8, 16, 32 or 64 bits; bits above b mean nothing."""
Octets: TypeAlias = bytes | memoryview
"""Bytes, or a view of bytes that lie elsewhere: a packed vector is copied as seldom as can be."""
INDEX_WIDTH = 4
"""Bytes of a client index or a count on the wire."""

_PACKING_BLOCK = 8 * 4096  # words; a multiple of 8 ends on a byte boundary whatever the number of bits


class Domain(Enum):
    """What a hash, a signature or a derived key is for."""

    SESSION = b"secagg/2/session\0"
    ROSTER_LEAF = b"secagg/2/roster-leaf\0"
    ROSTER_NODE = b"secagg/2/roster-node\0"
    ADVERTISEMENT = b"secagg/2/advertisement\0"
    ADVERTISEMENT_DIGEST = b"secagg/2/advertisement-digest\0"
    SURVIVORS = b"secagg/2/survivors\0"
    UNOPENED = b"secagg/2/unopened\0"
    ENVELOPE = b"secagg/2/envelope\0"
    COMMITMENT = b"secagg/2/self-mask-commitment\0"
    BOX = b"secagg/2/box\0"
    SELF_MASK = b"secagg/2/self-mask\0"
    PAIRWISE_MASK = b"secagg/2/pairwise-mask\0"
    SHARING_SELF_MASK_SEED = b"secagg/2/sharing-self-mask-seed\0"
    SHARING_MASK_KEY = b"secagg/2/sharing-mask-key\0"
    GRAPH = b"secagg/2/graph\0"
    GRAPH_POSITION = b"secagg/2/graph-position\0"
    PREKEYS = b"speakonce/1/prekeys\0"
    PREKEYS_LEAF = b"speakonce/1/prekeys-leaf\0"
    PREKEYS_NODE = b"speakonce/1/prekeys-node\0"
    FROZEN = b"speakonce/1/frozen\0"
    SEED = b"speakonce/1/seed\0"
    RING_POSITION = b"speakonce/1/ring-position\0"
    COMMITTEE_POSITION = b"speakonce/1/committee-position\0"
    WINDOW = b"speakonce/1/window\0"
    SECRET = b"speakonce/1/secret-commitment\0"
    SHARING = b"speakonce/1/sharing\0"
    DEALT_LEAF = b"speakonce/1/dealt-leaf\0"
    DEALT_NODE = b"speakonce/1/dealt-node\0"
    BOXES_LEAF = b"speakonce/1/boxes-leaf\0"
    BOXES_NODE = b"speakonce/1/boxes-node\0"
    MANIFEST = b"speakonce/1/manifest\0"
    REPORT = b"speakonce/1/report\0"
    COUNTED = b"speakonce/1/counted\0"
    RELEASE = b"speakonce/1/release\0"

    def bind(self, digest: bytes, *indices: int) -> bytes:
        """Returns domain, 32 bytes (a session id or a graph's digest) and client indices as one unambiguous string."""
        return self.value + digest + b"".join(uint(index, INDEX_WIDTH) for index in indices)


class Reader:
    """Reads a message from front to back; `finish` insists that nothing is left.

    Every method raises `MalformedMessageError` when the bytes end early or are not canonical.

    Args:
        data: The whole message.
        name: What it is, for error messages.
    """

    __slots__ = ("_data", "_name", "_offset")

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._offset = 0

    def take(self, size: int) -> bytes:
        """Returns the next `size` bytes."""
        start = self._offset
        self._skip(size)
        return self._data[start : self._offset]

    def view(self, size: int) -> memoryview:
        """Returns the next `size` bytes where they are: the message lives as long as the view does."""
        start = self._offset
        self._skip(size)
        return memoryview(self._data)[start : self._offset]

    def uint(self, width: int) -> int:
        """Returns the next `width` bytes as an unsigned big-endian integer."""
        return int.from_bytes(self.take(width), "big")

    def array(self, entry_size: int) -> tuple[bytes, ...]:
        """Reads a count and that many entries of `entry_size` bytes."""
        count = self.uint(INDEX_WIDTH)
        entries = self.take(count * entry_size)
        return tuple(entries[start : start + entry_size] for start in range(0, len(entries), entry_size))

    def indices(self, limit: int) -> frozenset[int]:
        """Reads a set of client indices below `limit`."""
        return frozenset(self.table(limit, 0))

    def table(self, limit: int, entry_size: int) -> dict[int, bytes]:
        """Reads a map from client indices below `limit` to entries of `entry_size` bytes, in index order."""
        count, row = self.uint(INDEX_WIDTH), Struct(f">I{entry_size}s")
        if count * row.size > len(self._data) - self._offset:
            raise self._malformed(f"promises {count} entries and ends before")
        entries: dict[int, bytes] = dict(row.iter_unpack(self.take(count * row.size)))
        indices = (-1, *entries, limit)
        if len(entries) < count or any(a >= b for a, b in pairwise(indices)):
            raise self._malformed(f"its {count} indices must increase and stay below {limit}")
        return entries

    def increasing(self, limit: int) -> Iterator[int]:
        """Reads a count, then yields that many client indices below `limit`; the caller reads what follows each."""
        last = -1
        for _ in range(self.uint(INDEX_WIDTH)):
            index = self.uint(INDEX_WIDTH)
            if not last < index < limit:
                raise self._malformed(f"index {index} after {last}: indices must increase and stay below {limit}")
            yield index
            last = index

    def finish(self) -> None:
        """Insists that the whole message has been read."""
        if self._offset != len(self._data):
            raise self._malformed(f"has {len(self._data) - self._offset} bytes left over")

    def _skip(self, size: int) -> None:
        if size > len(self._data) - self._offset:
            raise self._malformed(f"needs {size} more bytes, has {len(self._data) - self._offset}")
        self._offset += size

    def _malformed(self, problem: str) -> MalformedMessageError:
        return MalformedMessageError(f"{self._name}, offset {self._offset}: {problem}")


def uint(value: int, width: int) -> bytes:
    """Encodes an unsigned integer as `width` big-endian bytes."""
    return value.to_bytes(width, "big")


def encode_indices(indices: Iterable[int]) -> bytes:
    """Encodes a set of client indices."""
    return encode_table(dict.fromkeys(indices, b""))


def encode_table(entries: Mapping[int, bytes]) -> bytes:
    """Encodes a map from client indices to entries which all have the same size."""
    parts = [uint(len(entries), INDEX_WIDTH)]
    for index in sorted(entries):
        parts += uint(index, INDEX_WIDTH), entries[index]
    return b"".join(parts)


def word_type(bits: int) -> np.dtype[np.unsignedinteger]:
    """Returns the narrowest word that holds `bits` (1 to 64) bits."""
    return np.dtype(f"<u{next(size for size in (1, 2, 4, 8) if bits <= 8 * size)}")


def packed_size(length: int, bits: int) -> int:
    """Returns the bytes of `length` coordinates of `bits` bits each."""
    return (length * bits + 7) // 8


def pack(words: Words, bits: int) -> Octets:
    """Packs the low `bits` bits of each word, little-endian, coordinate after coordinate.

    Args:
        words: Shape [m], dtype `word_type(bits)`.
        bits: Modulus bits b.

    Returns:
        `packed_size(m, bits)` bytes; unused bits of the last byte are zero. Where words have no bits to spare, these
        are the words' own.
    """
    size = words.dtype.itemsize
    if bits == 8 * size:
        return words.view(np.uint8).data
    octets = words.view(np.uint8).reshape(-1, size)
    if bits % 8 == 0:
        low = np.dtype({"names": ["low"], "formats": [f"V{bits // 8}"], "itemsize": size})
        return words.view(low)["low"].tobytes()  # one copy of each word's low bytes, faster than slicing octets
    blocks = (octets[start : start + _PACKING_BLOCK] for start in range(0, len(octets), _PACKING_BLOCK))
    return b"".join(
        np.packbits(np.unpackbits(block, axis=1, count=bits, bitorder="little"), bitorder="little").tobytes()
        for block in blocks
    )


def check_packed(packed: Octets, length: int, bits: int) -> None:
    """Checks that `packed` is what `pack` makes of some vector.

    Raises:
        MalformedMessageError: other size, or a padding bit is set.
    """
    if len(packed) != packed_size(length, bits):
        raise MalformedMessageError(f"a packed vector of {length} x {bits} bits is {packed_size(length, bits)} bytes")
    used = length * bits % 8
    if used and packed[-1] >> used:
        raise MalformedMessageError("a packed vector has padding bits set")


def unpack(packed: Octets, length: int, bits: int) -> Words:
    """Undoes `pack`.

    Returns:
        Shape [length], dtype `word_type(bits)`, values below 2^bits; possibly a read-only view of `packed`.

    Raises:
        MalformedMessageError: `packed` is not what `pack` makes.
    """
    check_packed(packed, length, bits)
    dtype = word_type(bits)
    if bits == 8 * dtype.itemsize:
        return np.frombuffer(packed, dtype)
    source = np.frombuffer(packed, np.uint8)
    octets = np.zeros((length, dtype.itemsize), np.uint8)
    if bits % 8 == 0:
        octets[:, : bits // 8] = source.reshape(length, bits // 8)
    else:
        for start in range(0, length, _PACKING_BLOCK):
            count = min(_PACKING_BLOCK, length - start)
            chunk = source[start * bits // 8 : packed_size(start + count, bits)]
            stream = np.unpackbits(chunk, count=count * bits, bitorder="little").reshape(count, bits)
            narrow = np.packbits(stream, axis=1, bitorder="little")
            octets[start : start + count, : narrow.shape[1]] = narrow
    return octets.view(dtype).reshape(length)
