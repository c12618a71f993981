"""The letterbox: all that a client and the server ever learn of each other, as bytes.

A message is one tag byte, one version byte, the session id and its fields; only the first, which brings the parameters
themselves, has no session id. Requests go to a client, responses come from one.

MSG-1  Decoding needs the session's parameters, accepts one encoding for each message, and leaves no byte over.
MSG-2  A message of another session is refused: what comes late can never enter another sum.
MSG-3  The only message that grows with the vectors is MaskedInputResponse: modulus_bits per coordinate, after its
       header and what it says of boxes.
MSG-4  Sets of clients travel in index order, each index once and below the number of clients.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Self, TypeAlias, get_args

from ..codec import INDEX_WIDTH, Domain, Octets, Reader, encode_indices, encode_table
from ..params import DIGEST_SIZE, PROTOCOL_VERSION, SessionParams
from ..primitives.aead import TAG_SIZE
from ..primitives.field import ELEMENT_SIZE, decode_element, encode_element
from ..primitives.key_agreement import KEY_SIZE
from ..primitives.signing import SIGNATURE_SIZE
from ..wire import HEADER_SIZE, Message, open_message, read_packed, type_by_tag

COMMITMENT_SIZE = 32
"""Bytes of a commitment to a self-mask seed."""
BOX_SIZE = 2 * ELEMENT_SIZE + TAG_SIZE
"""Bytes of a sealed `SharePair`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """A client's public keys for one session, signed by its long-lived identity; 160 bytes.

    Attributes:
        seal_key: X25519 public key, 32 bytes; boxes for this client are sealed to it.
        mask_key: X25519 public key, 32 bytes; pairwise masks come from it.
        commitment: Commitment to the self-mask seed, 32 bytes.
        signature: Ed25519 signature over session, index and all of the above, 64 bytes.
    """

    SIZE: ClassVar[int] = 2 * KEY_SIZE + COMMITMENT_SIZE + SIGNATURE_SIZE

    seal_key: bytes
    mask_key: bytes
    commitment: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return self.seal_key + self.mask_key + self.commitment + self.signature

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoding, 32 bytes: what clients that are no neighbors see of it."""
        return sha256(Domain.ADVERTISEMENT_DIGEST.value + self.encode()).digest()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding."""
        reader = Reader(data, cls.__name__)
        advertisement = cls(
            seal_key=reader.take(KEY_SIZE),
            mask_key=reader.take(KEY_SIZE),
            commitment=reader.take(COMMITMENT_SIZE),
            signature=reader.take(SIGNATURE_SIZE),
        )
        reader.finish()
        return advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePair:
    """One holder's shares of both secrets of one client; what a box holds. Revealing both unmasks that client.

    Attributes:
        self_mask: Share of the self-mask seed, a field element.
        mask_key: Share of the private key behind the pairwise masks, a field element.
    """

    SIZE: ClassVar[int] = 2 * ELEMENT_SIZE

    self_mask: int = field(repr=False)
    mask_key: int = field(repr=False)

    def encode(self) -> bytes:
        """Returns the canonical encoding, 66 bytes."""
        return encode_element(self.self_mask) + encode_element(self.mask_key)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding."""
        reader = Reader(data, cls.__name__)
        pair = cls(
            self_mask=decode_element(reader.take(ELEMENT_SIZE)), mask_key=decode_element(reader.take(ELEMENT_SIZE))
        )
        reader.finish()
        return pair


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertiseKeysRequest:
    """Round 0, to a client: these are the parameters; take part?"""

    TAG: ClassVar[int] = 0x01
    params: SessionParams

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return bytes((self.TAG, PROTOCOL_VERSION)) + self.params.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding; the one message that brings its session's parameters along."""
        open_message(data, cls.TAG, cls.__name__)
        return cls(params=SessionParams.decode(data[2:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertiseKeysResponse(Message[SessionParams]):
    """Round 0, from a client: its signed public keys."""

    TAG: ClassVar[int] = 0x02
    advertisement: Advertisement

    def _write(self) -> Iterable[Octets]:
        return (self.advertisement.encode(),)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:  # noqa: ARG003  (one signature for all)
        return cls(advertisement=Advertisement.decode(reader.take(Advertisement.SIZE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareKeysRequest(Message[SessionParams]):
    """Round 1, to a client: who advertised what; in full only where it matters to this client.

    Attributes:
        advertisements: Its own and its neighbors', by index.
        digests: Of everyone else's, by index (`Advertisement.digest`).
    """

    TAG: ClassVar[int] = 0x03
    advertisements: Mapping[int, Advertisement]
    digests: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        advertisements = encode_table({i: entry.encode() for i, entry in self.advertisements.items()})
        return advertisements, encode_table(self.digests)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        table = reader.table(params.clients, Advertisement.SIZE)
        return cls(
            advertisements={i: Advertisement.decode(entry) for i, entry in table.items()},
            digests=reader.table(params.clients, DIGEST_SIZE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareKeysResponse(Message[SessionParams]):
    """Round 1, from a client: one sealed `SharePair` for each neighbor, by recipient."""

    TAG: ClassVar[int] = 0x04
    boxes: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        return (encode_table(self.boxes),)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        return cls(boxes=reader.table(params.clients, BOX_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedInputRequest(Message[SessionParams]):
    """Round 2, to a client: the boxes addressed to it, by sender."""

    TAG: ClassVar[int] = 0x05
    boxes: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        return (encode_table(self.boxes),)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        return cls(boxes=reader.table(params.clients, BOX_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedInputResponse(Message[SessionParams]):
    """Round 2, from a client: its vectors under all its masks, and which boxes did not open.

    Attributes:
        unopened: Senders of the boxes that did not.
        signature: The client's signature over session, graph, its own index and `unopened`, 64 bytes.
        packed: Each vector in the order of the session's, at its own modulus_bits per coordinate (`codec.pack`).
    """

    TAG: ClassVar[int] = 0x06
    unopened: frozenset[int]
    signature: bytes
    packed: Sequence[Octets] = field(repr=False)

    @staticmethod
    def opening_size(data: bytes) -> int:
        """Bytes of an encoding before its vectors, by its own count of senders; of other data this says nothing."""
        count = int.from_bytes(data[HEADER_SIZE : HEADER_SIZE + INDEX_WIDTH], "big")
        return HEADER_SIZE + INDEX_WIDTH * (1 + count) + SIGNATURE_SIZE

    def _write(self) -> Iterable[Octets]:
        return encode_indices(self.unopened), self.signature, *self.packed

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        unopened, signature = reader.indices(params.clients), reader.take(SIGNATURE_SIZE)
        return cls(unopened=unopened, signature=signature, packed=read_packed(reader, params.vectors))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyCheckRequest(Message[SessionParams]):
    """Round 3, to a client: the survivor set, which the client is to sign."""

    TAG: ClassVar[int] = 0x07
    survivors: frozenset[int]

    def _write(self) -> Iterable[Octets]:
        return (encode_indices(self.survivors),)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        return cls(survivors=reader.indices(params.clients))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyCheckResponse(Message[SessionParams]):
    """Round 3, from a client: its signature over session and survivor set, 64 bytes."""

    TAG: ClassVar[int] = 0x08
    signature: bytes

    def _write(self) -> Iterable[Octets]:
        return (self.signature,)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:  # noqa: ARG003  (one signature for all)
        return cls(signature=reader.take(SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmaskingRequest(Message[SessionParams]):
    """Round 4, to a client: who else signed its survivor set.

    No set of clients to unmask: each client goes by the set it signed, so nobody can be asked for both shares.

    Attributes:
        signatures: Signatures over the survivor set, by signer.
    """

    TAG: ClassVar[int] = 0x09
    signatures: Mapping[int, bytes]

    def _write(self) -> Iterable[Octets]:
        return (encode_table(self.signatures),)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        return cls(signatures=reader.table(params.clients, SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmaskingResponse(Message[SessionParams]):
    """Round 4, from a client: for each neighbor whose shares it holds exactly one of the two.

    Attributes:
        self_mask_shares: Shares of surviving neighbors' self-mask seeds, field elements by owner.
        mask_key_shares: Shares of vanished neighbors' mask keys, field elements by owner.
    """

    TAG: ClassVar[int] = 0x0A
    self_mask_shares: Mapping[int, int] = field(repr=False)
    mask_key_shares: Mapping[int, int] = field(repr=False)

    def _write(self) -> Iterable[Octets]:
        tables = (self.self_mask_shares, self.mask_key_shares)
        return (encode_table({i: encode_element(share) for i, share in table.items()}) for table in tables)

    @classmethod
    def _read(cls, reader: Reader, params: SessionParams) -> Self:
        self_masks, mask_keys = (reader.table(params.clients, ELEMENT_SIZE) for _ in range(2))
        return cls(
            self_mask_shares={i: decode_element(share) for i, share in self_masks.items()},
            mask_key_shares={i: decode_element(share) for i, share in mask_keys.items()},
        )


Request: TypeAlias = (
    AdvertiseKeysRequest | ShareKeysRequest | MaskedInputRequest | ConsistencyCheckRequest | UnmaskingRequest
)
Response: TypeAlias = (
    AdvertiseKeysResponse | ShareKeysResponse | MaskedInputResponse | ConsistencyCheckResponse | UnmaskingResponse
)

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
