"""Who takes part: cohorts as their clients agreed to them, and the clients that the adversary owns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from hashlib import sha256, shake_256
from itertools import count
from typing import Any, TypeVar

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocols import CLIENT_RANDOM_BYTES, Client, ClientPolicy, SessionParams, VectorSpec
from protocols.codec import Domain
from protocols.graph import Graph
from protocols.primitives import aead
from protocols.primitives.key_agreement import KeyPair
from protocols.secagg.messages import Advertisement, SharePair
from protocols.secagg.statements import advertise, sign_survivors
from protocols.vault import Vault

from .choices import Chooser

T = TypeVar("T", SessionParams, VectorSpec)

LAST_SESSION = 6
"""Newest session that every client took part in before."""
SESSION = 7
ITERATION = 3
_P = 2**255 - 19
SMALL_ORDER = frozenset(
    point.to_bytes(32, "little")
    for point in (
        *(0, 1, _P - 1, _P, _P + 1),
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
"""X25519 public keys that make every agreed secret zero (Bernstein, "Curve25519", PKC 2006; cr.yp.to/ecdh.html)."""


def digest(name: str) -> bytes:
    """SHA-256 of a name, where only equality counts."""
    return sha256(name.encode()).digest()


@cache
def identity(index: int) -> Ed25519PrivateKey:
    """A client's long-lived key, the same every time."""
    return Ed25519PrivateKey.from_private_bytes(digest(f"identity {index}"))


SERVER_KEY = identity(-1).public_key().public_bytes_raw()


@cache
def roster(clients: int) -> tuple[bytes, ...]:
    """The identities of clients 0, 1, 2 and so on."""
    return tuple(identity(index).public_key().public_bytes_raw() for index in range(clients))


def owner_of(public: bytes) -> Ed25519PrivateKey:
    """The long-lived key of which this is the public half."""
    return next(key for key in map(identity, count()) if key.public_key().public_bytes_raw() == public)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    """The data with one bit the other way."""
    return data[:position] + bytes((data[position] ^ 1 << bit,)) + data[position + 1 :]


def randomness(seed: int, index: int) -> bytes:
    """What a client draws from its operating system, repeatable."""
    return shake_256(b"%d %d" % (seed, index)).digest(CLIENT_RANDOM_BYTES)


def policy_for(params: SessionParams, **changes: Any) -> ClientPolicy:
    """What a client insists on that agreed to just this session; `changes` says where it differs."""
    conditions: dict[str, Any] = {
        "roster": frozenset(params.identities),
        "min_cohort": params.clients,
        "min_survivors": params.min_survivors,
        "min_corrupt": params.corrupt,
        "server_key": params.server_key,
        "iteration": params.iteration,
        "last_session": params.session - 1,
        "vectors": params.vectors,
        "architectures": frozenset({params.architecture_digest}),
        "model_digest": params.model_digest,
        "anchors_digest": params.anchors_digest,
        "privacy_digest": params.privacy_digest,
        "training_digest": params.training_digest,
        "checkpoint_digest": params.checkpoint_digest,
    }
    return ClientPolicy(**(conditions | changes))


@dataclass(frozen=True, slots=True, repr=False)
class Cohort:
    """One session as its clients agreed to it.

    Attributes:
        params: What an honest server would invite to.
        evil: Clients that the adversary owns, at most `params.corrupt`.
        seed: Where all randomness comes from.
    """

    params: SessionParams
    evil: frozenset[int]
    seed: int

    def __repr__(self) -> str:
        params = self.params
        sizes = f"n={params.clients}, k={params.degree}, t={params.threshold}, c={params.corrupt}"
        return f"Cohort({sizes}, min_survivors={params.min_survivors}, evil={sorted(self.evil)}, seed={self.seed})"

    @property
    def everyone(self) -> range:
        return range(self.params.clients)

    @property
    def honest(self) -> list[int]:
        return [index for index in self.everyone if index not in self.evil]

    def vectors(self, index: int) -> dict[str, NDArray[np.int64]]:
        (spec,) = self.params.vectors
        bound = spec.max_abs_input
        return {spec.name: np.array([(index + 1) * 31 % bound, -(index + 1) * 17 % bound - bound])}

    def sum_of(self, indices: Sequence[int]) -> list[int]:
        total: list[int] = np.sum([self.vectors(index)["update"] for index in indices], axis=0).tolist()
        return total

    def client(self, index: int, *, seed: int | None = None, vault: Vault | None = None, **policy: Any) -> Client:
        """A client that insists on what was agreed; `policy` says where it differs."""
        return Client(
            identity=identity(index),
            policy=policy_for(self.params, **({"last_session": LAST_SESSION} | policy)),
            vectors=partial(self.vectors, index),
            random=randomness(self.seed if seed is None else seed, index),
            clock=float,
            vault=vault,
        )


def lowest_threshold(degree: int, corrupt: int) -> int:
    """The smallest t with 2 t > k + c."""
    return (degree + corrupt) // 2 + 1


SHAPES = ((4, 3), (5, 4), (6, 5), (7, 6), (9, 8), (8, 4), (9, 4), (10, 4), (11, 4), (12, 4), (22, 6))
"""Clients and degree: complete graphs, sparse ones, and a ring with room for an island of five and a moat."""

ROOMY = ((5, 4), (6, 5), (7, 6), (9, 8), (9, 8), (12, 11), (10, 4), (22, 6))
"""Clients and degree: most with so many neighbors that wrong shares can be corrected, one with enough for blame."""


def cohort(choose: Chooser, shapes: Sequence[tuple[int, int]] = SHAPES) -> Cohort:
    """A cohort that a policy accepts: 2 t > k + c, mostly as tight as that allows."""
    clients, degree = choose.one(shapes)
    corrupt = choose.number(0, 2)
    threshold = min(lowest_threshold(degree, corrupt) + choose.one((0, 0, 0, 1)), degree)
    least = max(threshold + 1, (clients + corrupt) // 2 + 1, corrupt + 2)
    params = SessionParams(
        session=SESSION,
        iteration=ITERATION,
        server_key=SERVER_KEY,
        identities=roster(clients),
        vectors=(VectorSpec(name="update", length=2, modulus_bits=16, max_abs_input=100),),
        degree=degree,
        threshold=threshold,
        corrupt=corrupt,
        min_survivors=min(least + choose.one((0, 0, 1, 2)), clients),
        model_digest=digest("model_digest"),
        architecture_digest=digest("architecture_digest"),
        anchors_digest=digest("anchors_digest"),
        privacy_digest=digest("privacy_digest"),
        training_digest=digest("training_digest"),
        checkpoint_digest=digest("checkpoint_digest"),
    )
    evil = frozenset(choose.some(range(clients), corrupt, corrupt))
    return Cohort(params=params, evil=evil, seed=choose.number(0, 9999))


def crafted(honest: T, **changes: object) -> T:
    """The same with other fields, as a lying server writes it down: bytes know no constructor that refuses them."""
    altered = object.__new__(type(honest))
    for each in fields(honest):
        object.__setattr__(altered, each.name, changes.get(each.name, getattr(honest, each.name)))
    if isinstance(altered, SessionParams):
        content = altered._encode_fields() + altered.roster_root
        object.__setattr__(altered, "session_id", sha256(Domain.SESSION.value + content).digest())
    return altered


@dataclass(frozen=True, slots=True)
class Puppet:
    """A client whose secrets the adversary has: a corrupt one, or an invented one under an honest client's index."""

    index: int
    random: bytes = field(repr=False)
    signer: Ed25519PrivateKey = field(repr=False)

    @property
    def seal_keys(self) -> KeyPair:
        return KeyPair(self.random[:32])

    def advertise(self, params: SessionParams, **changes: bytes) -> Advertisement:
        """An advertisement of its keys, signed with what identity it has."""
        keys = {"seal_key": self.seal_keys.public, "mask_key": KeyPair(self.random[32:64]).public}
        return advertise(params, self.index, self.signer, **({**keys, "commitment": bytes(32)} | changes))

    def box(self, graph: Graph, recipient: int, seal_key: bytes) -> bytes:
        """A box that opens, with shares of nothing in it."""
        context = Domain.BOX.bind(graph.digest, self.index, recipient)
        key = self.seal_keys.agree(seal_key, context)
        return aead.seal(key, SharePair(self_mask=1, mask_key=1).encode(), context)

    def sign(self, graph: Graph, survivors: frozenset[int]) -> bytes:
        return sign_survivors(graph, self.signer, survivors)
