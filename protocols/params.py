"""What one session is about: checked once, hashed into the session id, and through it into every key and signature.

PAR-1  `session_id` commits to every field: two clients with different parameters share no key and no signature.
PAR-2  2 * confirmations > n + corrupt (Bonawitz et al., CCS 2017, section 6.2): two disjoint sets of honest clients
       cannot both sign with the corrupt ones' help, so a lying server gets one survivor set for the whole cohort.
PAR-3  2 * threshold > degree + corrupt when everyone is everyone's neighbor: two halves of the honest clients cannot
       both reach a threshold of shares. In a sparse graph the corrupt neighbors of a client are a matter of chance,
       which each client's policy judges (`graph`).
PAR-4  n * max_abs_input < 2^(modulus_bits - 1) for every vector: the sum of the survivors is the integer sum, never a
       wrapped one.
PAR-5  min_survivors - corrupt >= 2: no sum is ever the vector of a single honest client.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

from .codec import INDEX_WIDTH, Domain, Reader, packed_size, uint
from .errors import MalformedMessageError, ParametersError
from .primitives import merkle
from .primitives.signing import IDENTITY_SIZE

PROTOCOL_VERSION = 2
"""The only version this code speaks."""
DIGEST_SIZE = 32
"""Bytes of a SHA-256 digest."""
NOTHING = bytes(DIGEST_SIZE)
"""Stands where a digest would: the sum is about no model, no anchors, no privacy parameters, no training, no log."""

_DIGESTS = (
    "model_digest",
    "architecture_digest",
    "anchors_digest",
    "privacy_digest",
    "training_digest",
    "checkpoint_digest",
)
"""Fields that are digests, in the order of the encoding."""
_NAME = re.compile("[a-z][a-z0-9_.]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSpec:
    """One of the vectors that a session sums; all of them travel in one masked input.

    Attributes:
        name: Up to 63 characters: a small letter, then small letters, digits, `_` and `.`.
        length: Number of coordinates m.
        modulus_bits: Sums are taken modulo 2^modulus_bits, and a coordinate is that many bits on the wire; 8 to 64.
        max_abs_input: Bound on the absolute value of every coordinate of every client's vector.

    Raises:
        ParametersError: a field is out of range.
    """

    name: str
    length: int
    modulus_bits: int
    max_abs_input: int

    def __post_init__(self) -> None:
        if type(self.name) is not str or not _NAME.fullmatch(self.name):
            raise ParametersError(
                f"a vector's name is 1 to 63 of a-z, 0-9, _ and . from a letter on, got {self.name!r}"
            )
        check_ranges(
            (f"length of vector {self.name!r}", self.length, 1, 2**32 - 1),
            (f"modulus_bits of vector {self.name!r}", self.modulus_bits, 8, 64),
            (f"max_abs_input of vector {self.name!r}", self.max_abs_input, 1, 2**63 - 1),
        )

    @property
    def packed_size(self) -> int:
        """Bytes of one client's packed vector."""
        return packed_size(self.length, self.modulus_bits)

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        name = self.name.encode("ascii")
        sizes = uint(self.length, 4) + uint(self.modulus_bits, 1) + uint(self.max_abs_input, 8)
        return uint(len(name), 1) + name + sizes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Reads the canonical encoding.

        Raises:
            MalformedMessageError: the bytes end early.
            ParametersError: a field is out of range.
        """
        name = reader.take(reader.uint(1)).decode("latin-1")  # what is not ASCII is refused as a name
        return cls(name=name, length=reader.uint(4), modulus_bits=reader.uint(1), max_abs_input=reader.uint(8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(ABC):
    """What a session is about, whichever protocol sums it.

    Attributes:
        version: Protocol version.
        session: Number of the session, from 1; the server that `server_key` names gives each a higher one. Several may
            serve one iteration: a session that was aborted is tried again under another number.
        iteration: Number of the model update, from 1.
        server_key: The server's own Ed25519 public key, 32 bytes: who invites.
        identities: Ed25519 public keys, 32 bytes each, distinct; the position is the client's index.
        vectors: What is summed, distinct names.
        corrupt: Clients c assumed to collude with the server.
        min_survivors: Fewest vectors in any sum.
        model_digest: SHA-256 of the model; like the other five, `NOTHING` if there is none.
        architecture_digest: SHA-256 of the model's architecture.
        anchors_digest: SHA-256 of the public anchors.
        privacy_digest: SHA-256 of the differential privacy parameters.
        training_digest: SHA-256 of the training that the iteration belongs to.
        checkpoint_digest: SHA-256 of a transparency log's checkpoint: clients that were shown different logs share no
            session.
        session_id: SHA-256 over all parameters (the identities through `roster_root`), 32 bytes.

    Raises:
        ParametersError: a field is out of range, or PAR-4 or PAR-5 does not hold.
    """

    version: int = PROTOCOL_VERSION
    session: int
    iteration: int
    server_key: bytes
    identities: tuple[bytes, ...]
    vectors: tuple[VectorSpec, ...]
    corrupt: int
    min_survivors: int
    model_digest: bytes = NOTHING
    architecture_digest: bytes = NOTHING
    anchors_digest: bytes = NOTHING
    privacy_digest: bytes = NOTHING
    training_digest: bytes = NOTHING
    checkpoint_digest: bytes = NOTHING
    session_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_ranges()
        self._check_sizes()
        self._check_guarantees()
        object.__setattr__(self, "session_id", self._derive_session_id())

    @property
    def clients(self) -> int:
        """Number of invited clients n."""
        return len(self.identities)

    @property
    def majority(self) -> int:
        """More than half of all clients and the corrupt ones together: two sets of so many share an honest client."""
        return (self.clients + self.corrupt) // 2 + 1

    @property
    def roster_root(self) -> bytes:
        """Merkle root over the identities in index order (the tree of RFC 6962, section 2.1), 32 bytes."""
        leaves = [sha256(Domain.ROSTER_LEAF.value + identity).digest() for identity in self.identities]
        return merkle.Tree(leaves, Domain.ROSTER_NODE.value).root

    @abstractmethod
    def _check_sizes(self) -> None: ...

    @abstractmethod
    def _derive_session_id(self) -> bytes: ...

    @property
    def _digests(self) -> tuple[bytes, ...]:
        return tuple(getattr(self, name) for name in _DIGESTS)

    def _encode_opening(self) -> bytes:
        numbers = uint(self.version, 2) + uint(self.session, 8) + uint(self.iteration, 8) + self.server_key
        return numbers + uint(len(self.vectors), 1) + b"".join(vector.encode() for vector in self.vectors)

    @staticmethod
    def _read_opening(reader: Reader) -> dict[str, Any]:
        return {
            "version": reader.uint(2),
            "session": reader.uint(8),
            "iteration": reader.uint(8),
            "server_key": reader.take(IDENTITY_SIZE),
            "vectors": tuple(VectorSpec.read(reader) for _ in range(reader.uint(1))),
        }

    @staticmethod
    def _read_digests(reader: Reader) -> dict[str, Any]:
        return {name: reader.take(DIGEST_SIZE) for name in _DIGESTS}

    def _check_ranges(self) -> None:
        for name, digest in zip(_DIGESTS, self._digests, strict=True):
            if type(digest) is not bytes or len(digest) != DIGEST_SIZE:
                raise ParametersError(f"{name} is {DIGEST_SIZE} bytes, a SHA-256 digest")
        if type(self.server_key) is not bytes or len(self.server_key) != IDENTITY_SIZE:
            raise ParametersError(f"server_key is a public key of {IDENTITY_SIZE} bytes")
        if type(self.identities) is not tuple or any(
            type(identity) is not bytes or len(identity) != IDENTITY_SIZE for identity in self.identities
        ):
            raise ParametersError(f"identities are a tuple of public keys of {IDENTITY_SIZE} bytes each")
        if len(set(self.identities)) != self.clients:
            raise ParametersError("identities must be distinct: a client takes part in a session once")
        if type(self.vectors) is not tuple or any(type(vector) is not VectorSpec for vector in self.vectors):
            raise ParametersError("vectors are a tuple of VectorSpec")
        if not 1 <= len({vector.name for vector in self.vectors}) == len(self.vectors) <= 255:
            raise ParametersError("a session sums 1 to 255 vectors of distinct names")
        check_ranges(
            ("version", self.version, PROTOCOL_VERSION, PROTOCOL_VERSION),
            ("session", self.session, 1, 2**64 - 1),
            ("iteration", self.iteration, 1, 2**64 - 1),
            ("the number of identities", self.clients, 2, 2**32 - 1),
            ("corrupt", self.corrupt, 0, self.clients),
        )

    def _check_guarantees(self) -> None:
        if self.min_survivors - self.corrupt < 2:
            raise ParametersError(
                f"min_survivors {self.min_survivors} leaves fewer than two honest vectors in a sum when {self.corrupt} "
                f"clients are corrupt: use at least {self.corrupt + 2}"
            )
        for vector in self.vectors:
            if self.clients * vector.max_abs_input >= 2 ** (vector.modulus_bits - 1):
                raise ParametersError(
                    f"{self.clients} clients times max_abs_input {vector.max_abs_input} overflows the "
                    f"{vector.modulus_bits} bits of vector {vector.name!r}: raise modulus_bits or lower max_abs_input"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParams(Terms):
    """The parameters of one session of five rounds, the same for the server and all clients.

    Attributes:
        (those of Terms): What every session has.
        degree: Number of neighbors k with which a client shares masks and secrets; even, or n - 1 for the complete
            graph.
        threshold: Neighbors t whose shares give back a secret.

    Raises:
        ParametersError: a field is out of range, or one of PAR-3 to PAR-5 does not hold.
    """

    degree: int
    threshold: int

    @property
    def confirmations(self) -> int:
        """Signatures on a survivor set that make it the session's only one (PAR-2)."""
        return self.majority

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return self._encode_fields() + b"".join(self.identities)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding.

        Raises:
            MalformedMessageError: not an encoding, or one of parameters that the constructor refuses.
        """
        reader = Reader(data, cls.__name__)
        try:
            params = cls(
                **cls._read_opening(reader),
                degree=reader.uint(INDEX_WIDTH),
                threshold=reader.uint(INDEX_WIDTH),
                corrupt=reader.uint(INDEX_WIDTH),
                min_survivors=reader.uint(INDEX_WIDTH),
                **cls._read_digests(reader),
                identities=reader.array(IDENTITY_SIZE),
            )
        except ParametersError as error:
            raise MalformedMessageError(f"{cls.__name__}: {error}") from error
        reader.finish()
        return params

    def _encode_fields(self) -> bytes:
        """Everything but the identities themselves: their number ends it."""
        sizes = (self.degree, self.threshold, self.corrupt, self.min_survivors)
        encoded = b"".join(uint(size, INDEX_WIDTH) for size in sizes)
        return b"".join((self._encode_opening(), encoded, *self._digests, uint(self.clients, INDEX_WIDTH)))

    def _derive_session_id(self) -> bytes:
        return sha256(Domain.SESSION.value + self._encode_fields() + self.roster_root).digest()

    def _check_sizes(self) -> None:
        check_ranges(
            ("degree", self.degree, 1, self.clients - 1),
            ("threshold", self.threshold, 1, self.degree),
        )
        least = max(self.threshold + 1, self.confirmations)
        check_ranges(("min_survivors", self.min_survivors, least, self.clients))

    def _check_guarantees(self) -> None:
        Terms._check_guarantees(self)
        complete = self.degree == self.clients - 1
        if not complete and self.degree % 2:
            raise ParametersError(f"degree {self.degree}: an even number, or {self.clients - 1} for the complete graph")
        if complete and 2 * self.threshold <= self.degree + self.corrupt:
            raise ParametersError(
                f"threshold {self.threshold} is too low for degree {self.degree} with {self.corrupt} corrupt clients: "
                f"2 * threshold must exceed degree + corrupt; raise it or assume fewer corrupt clients"
            )


def check_ranges(*ranges: tuple[str, int, int, int]) -> None:
    """Checks that integers are from a lowest to a highest one.

    Args:
        ranges: Name, value, lowest and highest of each.

    Raises:
        ParametersError: names the first that is not.
    """
    for name, value, low, high in ranges:
        if type(value) is not int or not low <= value <= high:
            raise ParametersError(f"{name} must be an integer from {low} to {high}, got {value!r}")
