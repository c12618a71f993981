"""The letterbox: all that a client and the server ever learn of each other, as bytes.

Clients publish `Prekeys` ahead. Then all of them answer one request, and the members of the committee three more.

SPM-1  Decoding needs the session's parameters, accepts one encoding for each message, and leaves no byte over.
SPM-2  A message of another session is refused: what comes late can never enter another sum.
SPM-3  The only message that grows with the vectors is SpeakResponse: its fixed part and modulus_bits per coordinate.
SPM-4  Whatever a client says is signed by its identity, for this session: nobody can speak or be blamed in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import ClassVar, Self, TypeAlias, get_args

from ..codec import INDEX_WIDTH, Domain, Octets, Reader, encode_indices, encode_table, uint
from ..params import DIGEST_SIZE, PROTOCOL_VERSION
from ..primitives.aead import TAG_SIZE
from ..primitives.field import ELEMENT_SIZE, decode_element, encode_element
from ..primitives.signing import SIGNATURE_SIZE
from ..wire import HEADER_SIZE, Message, open_message, read_packed, type_by_tag
from .params import WindowParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a client's one message holds, signed; 160 bytes.

    Attributes:
        vectors_digest: SHA-256 over the packed masked vectors, 32 bytes.
        secrets_digest: SHA-256 over the commitments to its secrets, 32 bytes.
        boxes_root: Merkle root over the boxes, each with the root over what is inside, in the committee's order.
        signature: The client's signature over session, its index and all of the above, 64 bytes.
    """

    SIZE: ClassVar[int] = 3 * DIGEST_SIZE + SIGNATURE_SIZE

    vectors_digest: bytes
    secrets_digest: bytes
    boxes_root: bytes
    signature: bytes

    @property
    def content(self) -> bytes:
        """What is signed, and hashed: 96 bytes."""
        return self.vectors_digest + self.secrets_digest + self.boxes_root

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return self.content + self.signature

    def digest(self, params: WindowParams, index: int) -> bytes:
        """SHA-256 that names client `index`'s message in a survivor set, 32 bytes."""
        return sha256(Domain.MANIFEST.bind(params.session_id, index) + self.content).digest()

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Reads the canonical encoding."""
        digests = [reader.take(DIGEST_SIZE) for _ in range(3)]
        return cls(
            vectors_digest=digests[0],
            secrets_digest=digests[1],
            boxes_root=digests[2],
            signature=reader.take(SIGNATURE_SIZE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakRequest:
    """To every client: this is the window; speak?"""

    TAG: ClassVar[int] = 0x21
    params: WindowParams

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return bytes((self.TAG, PROTOCOL_VERSION)) + self.params.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding; the one message that brings its session's parameters along."""
        open_message(data, cls.TAG, cls.__name__)
        return cls(params=WindowParams.decode(data[2:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakResponse(Message[WindowParams]):
    """From a client: its one message.

    A client has k + 1 secrets: one with each neighbor, in their order, and last its own. Each is shared among all
    members.

    Attributes:
        manifest: Names all that follows.
        commitments: To each secret, 32 bytes.
        roots: Merkle root over the shares dealt to each member, 32 bytes, in the committee's order.
        boxes: Those shares, sealed for the member.
        packed: Each vector in the order of the session's, at its own modulus_bits per coordinate (`codec.pack`).
    """

    TAG: ClassVar[int] = 0x22
    manifest: Manifest
    commitments: Sequence[bytes]
    roots: Sequence[bytes]
    boxes: Sequence[bytes]
    packed: Sequence[Octets] = field(repr=False)

    def _write(self) -> Iterable[Octets]:
        return self.manifest.encode(), *self.commitments, *self.roots, *self.boxes, *self.packed

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        opening = cls._read_opening(reader, params)
        return replace(opening, packed=read_packed(reader, params.vectors))

    @staticmethod
    def opening_size(params: WindowParams) -> int:
        """Bytes of an encoding before its vectors."""
        dealt = params.members * (DIGEST_SIZE + box_size(params))
        return HEADER_SIZE + Manifest.SIZE + (params.degree + 1) * DIGEST_SIZE + dealt

    @classmethod
    def decode_opening(cls, data: bytes, params: WindowParams) -> Self:
        """Reads an encoding that ends before its vectors; `packed` is empty.

        Raises:
            InvalidDataError: `data` is none in the session of `params`.
        """
        reader = open_message(data, cls.TAG, cls.__name__, params)
        opening = cls._read_opening(reader, params)
        reader.finish()
        return opening

    @classmethod
    def _read_opening(cls, reader: Reader, params: WindowParams) -> Self:
        return cls(
            manifest=Manifest.read(reader),
            commitments=[reader.take(DIGEST_SIZE) for _ in range(params.degree + 1)],
            roots=[reader.take(DIGEST_SIZE) for _ in range(params.members)],
            boxes=[reader.take(box_size(params)) for _ in range(params.members)],
            packed=(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One client's box for one member, and what shows that it is out of that client's one message.

    Attributes:
        manifest: Of the message.
        root: Merkle root over the shares inside.
        proof: From box and root to `manifest.boxes_root`.
        box: The box.
    """

    manifest: Manifest
    root: bytes
    proof: tuple[bytes, ...]
    box: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBoxesRequest(Message[WindowParams]):
    """To a member, once the window is closed: the boxes addressed to it, by sender."""

    TAG: ClassVar[int] = 0x23
    deliveries: Mapping[int, Delivery]

    def _write(self) -> Iterable[Octets]:
        parts = [uint(len(self.deliveries), INDEX_WIDTH)]
        for sender, delivery in sorted(self.deliveries.items()):
            parts += uint(sender, INDEX_WIDTH), delivery.manifest.encode(), delivery.root
            parts += encode_array(delivery.proof), delivery.box
        return parts

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        deliveries = {
            sender: Delivery(
                manifest=Manifest.read(reader),
                root=reader.take(DIGEST_SIZE),
                proof=reader.array(DIGEST_SIZE),
                box=reader.take(box_size(params)),
            )
            for sender in reader.increasing(params.clients)
        }
        return cls(deliveries=deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBoxesResponse(Message[WindowParams]):
    """From a member: whose boxes did not open, or held other shares than their owner's message says.

    Attributes:
        unopened: Their senders.
        signature: The member's signature over session, its index and `unopened`, 64 bytes.
    """

    TAG: ClassVar[int] = 0x24
    unopened: frozenset[int]
    signature: bytes

    def _write(self) -> Iterable[Octets]:
        return encode_indices(self.unopened), self.signature

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        return cls(unopened=reader.indices(params.clients), signature=reader.take(SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyCheckRequest(Message[WindowParams]):
    """To a member: the survivor set, which the member is to sign; everyone counted, with the digest of the message."""

    TAG: ClassVar[int] = 0x25
    counted: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        return (encode_table(self.counted),)

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        return cls(counted=reader.table(params.clients, DIGEST_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyCheckResponse(Message[WindowParams]):
    """From a member: its signature over session and survivor set, 64 bytes."""

    TAG: ClassVar[int] = 0x26
    signature: bytes

    def _write(self) -> Iterable[Octets]:
        return (self.signature,)

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:  # noqa: ARG003  (one signature for all)
        return cls(signature=reader.take(SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmaskingRequest(Message[WindowParams]):
    """To a member: who else signed its survivor set.

    Attributes:
        signatures: Members' signatures over the survivor set, by signer.
    """

    TAG: ClassVar[int] = 0x27
    signatures: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        return (encode_table(self.signatures),)

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        return cls(signatures=reader.table(params.clients, SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Shares out of one client's box, and what shows that they were dealt so.

    Attributes:
        shares: Field elements: of the secrets with neighbors outside the survivor set, in their order, and last of the
            client's own.
        proof: From these shares to the root over all that the member was dealt.
    """

    shares: tuple[int, ...] = field(repr=False)
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmaskingResponse(Message[WindowParams]):
    """From a member, once: for each survivor whose box opened, the shares that unmask the sum.

    Attributes:
        releases: By survivor.
        signature: The member's signature over session, its index and `releases`, 64 bytes.
    """

    TAG: ClassVar[int] = 0x28
    releases: Mapping[int, Release]
    signature: bytes

    def _write(self) -> Iterable[Octets]:
        return encode_releases(self.releases), self.signature

    @classmethod
    def _read(cls, reader: Reader, params: WindowParams) -> Self:
        releases = {
            owner: Release(
                shares=tuple(map(decode_element, reader.array(ELEMENT_SIZE))), proof=reader.array(DIGEST_SIZE)
            )
            for owner in reader.increasing(params.clients)
        }
        return cls(releases=releases, signature=reader.take(SIGNATURE_SIZE))


Request: TypeAlias = SpeakRequest | OpenBoxesRequest | ConsistencyCheckRequest | UnmaskingRequest
Response: TypeAlias = SpeakResponse | OpenBoxesResponse | ConsistencyCheckResponse | UnmaskingResponse

_REQUESTS: dict[int, type[Request]] = {message.TAG: message for message in get_args(Request)}
_RESPONSES: dict[int, type[Response]] = {message.TAG: message for message in get_args(Response)}


def request_type(data: bytes) -> type[Request]:
    """Names the request that `data` claims to be, by its tag alone.

    Raises:
        MalformedMessageError: no request has this tag.
    """
    return type_by_tag(data, _REQUESTS, "request")


def response_type(data: bytes) -> type[Response]:
    """Names the response that `data` claims to be, by its tag alone.

    Raises:
        MalformedMessageError: no response has this tag.
    """
    return type_by_tag(data, _RESPONSES, "response")


def box_size(params: WindowParams) -> int:
    """Returns the bytes of a box: a share of each secret of its sender, and a tag."""
    return (params.degree + 1) * ELEMENT_SIZE + TAG_SIZE


def encode_releases(releases: Mapping[int, Release]) -> bytes:
    """Encodes what a member releases, as it is signed."""
    parts = [uint(len(releases), INDEX_WIDTH)]
    for owner, release in sorted(releases.items()):
        parts += uint(owner, INDEX_WIDTH), encode_array([encode_element(share) for share in release.shares])
        parts.append(encode_array(release.proof))
    return b"".join(parts)


def encode_array(entries: Sequence[bytes]) -> bytes:
    """Encodes a count and entries which all have the same size."""
    return uint(len(entries), INDEX_WIDTH) + b"".join(entries)
