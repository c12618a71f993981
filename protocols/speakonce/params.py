"""What one window is about: a frozen roster with prekeys, sizes, a beacon drawn later, and what is to be summed.

WIN-1  `session_id` commits to every field: clients with different parameters share no mask, no box and no signature.
WIN-2  Ring and committee follow from `frozen_digest` and the beacon alone. What a server may still choose when it knows
       the beacon (vectors, digests, the window's end) moves nobody.
WIN-3  t = 2q - C, at least 1: who can sign one of two survivor sets could as well recover secrets alone (`committee`).
WIN-4  min_survivors exceeds half of all clients and the corrupt ones together, and leaves two honest ones: no two sums
       of one roster, and none of a single honest vector.
WIN-5  n * max_abs_input < 2^(modulus_bits - 1) for every vector (PAR-4).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Self

from ..codec import INDEX_WIDTH, Domain, Reader, uint
from ..errors import MalformedMessageError, ParametersError
from ..graph import Graph, in_random_order
from ..params import DIGEST_SIZE, Terms, check_ranges
from ..primitives import merkle
from ..primitives.key_agreement import KEY_SIZE
from ..primitives.signing import IDENTITY_SIZE, SIGNATURE_SIZE
from .committee import least_survivors


@dataclass(frozen=True, slots=True, kw_only=True)
class Prekeys:
    """A client's public keys for one session, published before there is a roster; 128 bytes.

    Attributes:
        seal_key: X25519 public key, 32 bytes; boxes for this client are sealed to it.
        mask_key: X25519 public key, 32 bytes; pairwise masks come from it.
        signature: Ed25519 signature over the server, the session's number and the keys, 64 bytes.
    """

    SIZE: ClassVar[int] = 2 * KEY_SIZE + SIGNATURE_SIZE

    seal_key: bytes
    mask_key: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        return self.seal_key + self.mask_key + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical encoding.

        Raises:
            MalformedMessageError: not 128 bytes.
        """
        reader = Reader(data, cls.__name__)
        seal_key, mask_key, signature = (reader.take(size) for size in (KEY_SIZE, KEY_SIZE, SIGNATURE_SIZE))
        reader.finish()
        return cls(seal_key=seal_key, mask_key=mask_key, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowParams(Terms):
    """The parameters of one window, the same for the server and all clients.

    Attributes:
        (those of Terms): What every session has.
        prekeys: Each client's, in the order of `identities`.
        degree: Number of neighbors k with which a client shares masks; even, or n - 1 for the complete graph.
        floor: Survivors w that each window of k/2 positions of the ring must hold; 0 in the complete graph.
        members: Size C of the committee.
        quorum: Members' signatures q that make a survivor set the only one.
        beacon: 32 bytes that nobody knew when `frozen_digest` was published.
        end: When messages stop to count, in a unit that client and server agree on; from then on keys are deleted.
        threshold: Members t whose shares give back a secret.
        frozen_digest: SHA-256 over roster, prekeys and sizes, 32 bytes: what is published before the beacon is drawn.
        ring: Who is whose neighbor; its digest is the session id.
        committee: Indices of the members, in order; a member's place in it, from 1, is the position of its shares.

    Raises:
        ParametersError: a field is out of range.
    """

    prekeys: tuple[Prekeys, ...]
    degree: int
    floor: int
    members: int
    quorum: int
    beacon: bytes
    end: int
    threshold: int = field(init=False, repr=False, compare=False)
    frozen_digest: bytes = field(init=False, repr=False, compare=False)
    ring: Graph = field(init=False, repr=False, compare=False)
    committee: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def _check_sizes(self) -> None:
        complete = self.degree == self.clients - 1
        if type(self.prekeys) is not tuple or len(self.prekeys) != self.clients:
            raise ParametersError(f"prekeys: one for each of the {self.clients} identities is needed")
        if type(self.beacon) is not bytes or len(self.beacon) != DIGEST_SIZE:
            raise ParametersError(f"beacon: {DIGEST_SIZE} bytes are needed")
        check_ranges(
            ("degree", self.degree, 2, self.clients - 1),
            ("floor", self.floor, 0 if complete else 1, 0 if complete else self.degree // 2),
            ("members", self.members, 1, self.clients),
            ("quorum", self.quorum, self.members // 2 + 1, self.members),
            ("end", self.end, 0, 2**64 - 1),
            ("min_survivors", self.min_survivors, least_survivors(self.clients, self.corrupt), self.clients),
        )
        if not complete and self.degree % 2:
            raise ParametersError(f"degree {self.degree}: an even number, or {self.clients - 1} for the complete graph")

    def _derive_session_id(self) -> bytes:
        leaves = [sha256(Domain.PREKEYS_LEAF.value + prekeys.encode()).digest() for prekeys in self.prekeys]
        frozen = sha256(
            Domain.FROZEN.value
            + uint(self.version, 2)
            + uint(self.session, 8)
            + self.server_key
            + self._encode_sizes()
            + uint(self.clients, INDEX_WIDTH)
            + self.roster_root
            + merkle.Tree(leaves, Domain.PREKEYS_NODE.value).root
        ).digest()
        rest = self.beacon + uint(self.end, 8) + self._encode_opening() + b"".join(self._digests)
        session_id = sha256(Domain.WINDOW.bind(frozen) + rest).digest()
        seed = sha256(Domain.SEED.bind(frozen) + self.beacon).digest()
        order = in_random_order(Domain.RING_POSITION, seed, range(self.clients))
        drawn = in_random_order(Domain.COMMITTEE_POSITION, seed, range(self.clients))
        object.__setattr__(self, "threshold", 2 * self.quorum - self.members)
        object.__setattr__(self, "frozen_digest", frozen)
        object.__setattr__(self, "ring", Graph(order, self.degree, session_id))
        object.__setattr__(self, "committee", tuple(sorted(drawn[: self.members])))
        return session_id

    def encode(self) -> bytes:
        """Returns the canonical encoding."""
        prekeys = b"".join(prekeys.encode() for prekeys in self.prekeys)
        rest = self.beacon + uint(self.end, 8) + uint(self.clients, INDEX_WIDTH) + b"".join(self.identities)
        return self._encode_opening() + b"".join(self._digests) + self._encode_sizes() + rest + prekeys

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
                **cls._read_digests(reader),
                corrupt=reader.uint(INDEX_WIDTH),
                min_survivors=reader.uint(INDEX_WIDTH),
                degree=reader.uint(INDEX_WIDTH),
                floor=reader.uint(INDEX_WIDTH),
                members=reader.uint(INDEX_WIDTH),
                quorum=reader.uint(INDEX_WIDTH),
                beacon=reader.take(DIGEST_SIZE),
                end=reader.uint(8),
                identities=(identities := reader.array(IDENTITY_SIZE)),
                prekeys=tuple(Prekeys.decode(reader.take(Prekeys.SIZE)) for _ in identities),
            )
        except ParametersError as error:
            raise MalformedMessageError(f"{cls.__name__}: {error}") from error
        reader.finish()
        return params

    def neighbors(self, index: int) -> tuple[int, ...]:
        """Returns the neighbors of client `index`, in order: the places of the secrets it shares with them."""
        return tuple(sorted(self.ring.neighbors(index)))

    def released(self, owner: int, survivors: Collection[int]) -> list[int]:
        """Returns the places of a survivor's secrets that unmask the sum: with neighbors that did not, and its own."""
        left_over = [place for place, peer in enumerate(self.neighbors(owner)) if peer not in survivors]
        return [*left_over, self.degree]

    def thinnest_window(self, survivors: frozenset[int]) -> int:
        """Counts the survivors in that window of k/2 positions which holds fewest."""
        width, order = self.degree // 2, self.ring.order
        held = sum(index in survivors for index in order[:width])
        fewest = held
        for place, index in enumerate(order):
            held += (order[(place + width) % self.clients] in survivors) - (index in survivors)
            fewest = min(fewest, held)
        return fewest

    def _encode_sizes(self) -> bytes:
        sizes = (self.corrupt, self.min_survivors, self.degree, self.floor, self.members, self.quorum)
        return b"".join(uint(size, INDEX_WIDTH) for size in sizes)
