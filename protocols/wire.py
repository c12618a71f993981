"""What every message looks like, whichever protocol it is of: a tag, a version, the session id, then its fields.

Each protocol's `messages` says what that guarantees (MSG-1, MSG-2).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from .codec import Octets, Reader, check_packed
from .errors import MalformedMessageError
from .params import DIGEST_SIZE, PROTOCOL_VERSION, Terms, VectorSpec

HEADER_SIZE = 2 + DIGEST_SIZE
"""Bytes of tag, version and session id."""

P = TypeVar("P", bound=Terms)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message(ABC, Generic[P]):
    """What all messages of a session have in common: a header, then fields that only a session can give meaning to."""

    TAG: ClassVar[int]

    def encode(self, params: P) -> bytes:
        """Returns the canonical encoding in the session of `params`."""
        return b"".join((bytes((self.TAG, PROTOCOL_VERSION)), params.session_id, *self._write()))

    @classmethod
    def decode(cls, data: bytes, params: P) -> Self:
        """Reads the canonical encoding.

        Raises:
            InvalidDataError: `data` is not an encoding of this message in the session of `params`.
        """
        reader = open_message(data, cls.TAG, cls.__name__, params)
        message = cls._read(reader, params)
        reader.finish()
        return message

    @abstractmethod
    def _write(self) -> Iterable[Octets]:
        """Returns the fields in their order, each as it is encoded: vectors are copied once, into the message."""

    @classmethod
    @abstractmethod
    def _read(cls, reader: Reader, params: P) -> Self: ...


def open_message(data: bytes, tag: int, name: str, params: Terms | None = None) -> Reader:
    """Reads tag and version, and the session id unless the message brings its parameters along.

    Raises:
        MalformedMessageError: another tag, version or session.
    """
    reader = Reader(data, name)
    if reader.uint(1) != tag:
        raise MalformedMessageError(f"{name}: the tag must be {tag:#04x}")
    if (version := reader.uint(1)) != PROTOCOL_VERSION:
        raise MalformedMessageError(f"{name}: version {version}, this code speaks {PROTOCOL_VERSION} only")
    if params is not None and reader.take(len(params.session_id)) != params.session_id:
        raise MalformedMessageError(f"{name}: a message of another session")
    return reader


def read_packed(reader: Reader, vectors: Sequence[VectorSpec]) -> list[Octets]:
    """Reads a session's packed vectors, in their order, as views of the message.

    Raises:
        MalformedMessageError: one ends early, or is not what `codec.pack` makes.
    """
    packed: list[Octets] = []
    for vector in vectors:
        packed.append(reader.view(vector.packed_size))
        check_packed(packed[-1], vector.length, vector.modulus_bits)
    return packed


def type_by_tag(data: bytes, types: Mapping[int, T], kind: str) -> T:
    """Names the message that `data` claims to be, by its tag alone.

    Args:
        data: An encoded message, or what passes for one.
        types: By tag, what it may be.
        kind: Request or response, for the sentence.

    Raises:
        MalformedMessageError: none of them has this tag.
    """
    if not data or data[0] not in types:
        raise MalformedMessageError(f"a {kind} starts with the tag of a {kind}")
    return types[data[0]]
