"""What one session is about: checked once, hashed into the session id, and through it into every key and signature.

PAR-1  `session_id` commits to every field: two clients with different parameters share no key and no signature.
PAR-2  2 * threshold > n + corrupt (Bonawitz et al., CCS 2017, section 6.2): two disjoint sets of honest clients cannot
       both reach the threshold with the corrupt ones' help, so a lying server gets one survivor set and one reveal.
PAR-3  n * max_abs_input < 2^(modulus_bits - 1): the sum of the survivors is the integer sum, never a wrapped one.
PAR-4  min_survivors - corrupt >= 2: no sum is ever the vector of a single honest client.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from .codec import INDEX_WIDTH, Domain, Reader, uint
from .errors import MalformedMessageError, ParametersError
from .primitives.signing import IDENTITY_SIZE

PROTOCOL_VERSION = 1
"""The only version this code speaks."""
DIGEST_SIZE = 32
"""Bytes of a SHA-256 digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParams:
    """The parameters of one session, the same for the server and all clients.

    Attributes:
        version: Protocol version.
        iteration: Number of the model update, from 1.
        identities: Ed25519 public keys, 32 bytes each, distinct; the position is the client's index.
        vector_length: Coordinates m of every client's vector.
        modulus_bits: Sums are taken modulo 2^modulus_bits; 8 to 64.
        threshold: Shares that give back a secret, and signatures that confirm a survivor set.
        corrupt: Clients assumed to collude with the server.
        min_survivors: Fewest vectors in any sum.
        max_abs_input: Bound on the absolute value of every coordinate of every client's vector.
        model_digest: SHA-256 of the model.
        architecture_digest: SHA-256 of the model's architecture.
        anchors_digest: SHA-256 of the public anchors.
        privacy_digest: SHA-256 of the differential privacy parameters.
        session_id: SHA-256 over all of the above (the identities through `roster_root`), 32 bytes.

    Raises:
        ParametersError: a field is out of range, or PAR-2, PAR-3 or PAR-4 does not hold.
    """

    version: int = PROTOCOL_VERSION
    iteration: int
    identities: tuple[bytes, ...]
    vector_length: int
    modulus_bits: int
    threshold: int
    corrupt: int
    min_survivors: int
    max_abs_input: int
    model_digest: bytes
    architecture_digest: bytes
    anchors_digest: bytes
    privacy_digest: bytes
    session_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_ranges()
        self._check_guarantees()
        content = self._encode_fields() + self.roster_root
        object.__setattr__(self, "session_id", sha256(Domain.SESSION.value + content).digest())

    @property
    def clients(self) -> int:
        """Number of invited clients n."""
        return len(self.identities)

    @property
    def degree(self) -> int:
        """Number of peers a client shares masks with: all of them, the complete graph."""
        return self.clients - 1

    @property
    def quorum(self) -> int:
        """Fewest clients that must still be there after each round up to MaskedInput."""
        return max(self.threshold, self.min_survivors)

    @property
    def roster_root(self) -> bytes:
        """Merkle root over the identities in index order (the tree of RFC 6962, section 2.1), 32 bytes."""
        level = [sha256(Domain.ROSTER_LEAF.value + identity).digest() for identity in self.identities]
        while len(level) > 1:
            pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
            level = [
                sha256(Domain.ROSTER_NODE.value + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]
                for pair in pairs
            ]
        return level[0]

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
                version=reader.uint(2),
                iteration=reader.uint(8),
                vector_length=reader.uint(4),
                modulus_bits=reader.uint(1),
                threshold=reader.uint(INDEX_WIDTH),
                corrupt=reader.uint(INDEX_WIDTH),
                min_survivors=reader.uint(INDEX_WIDTH),
                max_abs_input=reader.uint(8),
                model_digest=reader.take(DIGEST_SIZE),
                architecture_digest=reader.take(DIGEST_SIZE),
                anchors_digest=reader.take(DIGEST_SIZE),
                privacy_digest=reader.take(DIGEST_SIZE),
                identities=reader.array(IDENTITY_SIZE),
            )
        except ParametersError as error:
            raise MalformedMessageError(f"{cls.__name__}: {error}") from error
        reader.finish()
        return params

    def _encode_fields(self) -> bytes:
        """Everything but the identities themselves: their number ends it."""
        return b"".join(
            (
                uint(self.version, 2),
                uint(self.iteration, 8),
                uint(self.vector_length, 4),
                uint(self.modulus_bits, 1),
                uint(self.threshold, INDEX_WIDTH),
                uint(self.corrupt, INDEX_WIDTH),
                uint(self.min_survivors, INDEX_WIDTH),
                uint(self.max_abs_input, 8),
                self.model_digest,
                self.architecture_digest,
                self.anchors_digest,
                self.privacy_digest,
                uint(self.clients, INDEX_WIDTH),
            )
        )

    def _check_ranges(self) -> None:
        digests = (self.model_digest, self.architecture_digest, self.anchors_digest, self.privacy_digest)
        if any(type(digest) is not bytes or len(digest) != DIGEST_SIZE for digest in digests):
            raise ParametersError(f"model, architecture, anchors and privacy digests are {DIGEST_SIZE} bytes each")
        if type(self.identities) is not tuple or any(
            type(identity) is not bytes or len(identity) != IDENTITY_SIZE for identity in self.identities
        ):
            raise ParametersError(f"identities are a tuple of public keys of {IDENTITY_SIZE} bytes each")
        if len(set(self.identities)) != self.clients:
            raise ParametersError("identities must be distinct: a client takes part in a session once")
        ranges = (
            ("version", self.version, PROTOCOL_VERSION, PROTOCOL_VERSION),
            ("iteration", self.iteration, 1, 2**64 - 1),
            ("the number of identities", self.clients, 2, 2**32 - 1),
            ("vector_length", self.vector_length, 1, 2**32 - 1),
            ("modulus_bits", self.modulus_bits, 8, 64),
            ("threshold", self.threshold, 1, self.clients),
            ("corrupt", self.corrupt, 0, self.clients),
            ("min_survivors", self.min_survivors, self.threshold, self.clients),
            ("max_abs_input", self.max_abs_input, 1, 2**63 - 1),
        )
        for name, value, low, high in ranges:
            if type(value) is not int or not low <= value <= high:
                raise ParametersError(f"{name} must be an integer from {low} to {high}, got {value!r}")

    def _check_guarantees(self) -> None:
        if 2 * self.threshold <= self.clients + self.corrupt:
            raise ParametersError(
                f"threshold {self.threshold} is too low for {self.clients} clients with {self.corrupt} corrupt: "
                f"2 * threshold must exceed clients + corrupt; raise it or assume fewer corrupt clients"
            )
        if self.min_survivors - self.corrupt < 2:
            raise ParametersError(
                f"min_survivors {self.min_survivors} leaves fewer than two honest vectors in a sum when {self.corrupt} "
                f"clients are corrupt: use at least {self.corrupt + 2}"
            )
        if self.clients * self.max_abs_input >= 2 ** (self.modulus_bits - 1):
            raise ParametersError(
                f"{self.clients} clients times max_abs_input {self.max_abs_input} overflows {self.modulus_bits} bits: "
                f"raise modulus_bits or lower max_abs_input"
            )
