"""What a platform enters into its log: kinds of leaves, each with one encoding, digests and numbers and no names.

LEA-1  A leaf is its kind, a space and canonical JSON: what decodes is byte for byte what `encode` makes.
LEA-2  Nothing in a leaf tells who an artist is: an identity shows as a commitment under a salt that only its artist and
       the platform hold, a roster as one under a salt that only its members hold. Without the salt it says nothing.
LEA-3  What is published follows from the log alone: a signature is in the catalogue from its `Published` to its
       `Withdrawn`, each once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import ClassVar, Final, TypeAlias

from .. import canonical
from ..errors import InputError

SALT_BYTES: Final = 32
DIGEST_BYTES: Final = 32
MAX_LEAF: Final = 1024
"""Bytes of the longest leaf."""

_IDENTITY_DOMAIN: Final = b"fedstyle-secure/1/log-identity\0"
_ROSTER_DOMAIN: Final = b"fedstyle-secure/1/log-roster\0"
_NUMBERS_END: Final = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What all leaves have in common: digests of 32 bytes, numbers from 0."""

    KIND: ClassVar[str]

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bytes) and len(value) != DIGEST_BYTES:
                raise InputError(f"a leaf's {item.name} has {DIGEST_BYTES} bytes, not {len(value)}")
            if isinstance(value, int) and not 0 <= value < _NUMBERS_END:
                raise InputError(f"a leaf's {item.name} is 0 to 2^63 - 1, not {value}")

    def encode(self) -> bytes:
        """The one encoding (LEA-1)."""
        return f"{self.KIND} ".encode() + canonical.encode(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch(Entry):
    """The log begins; the first leaf of each.

    Attributes:
        number: Of the epoch, from 1.
        size: Entries of the log before, which cannot be gone on with; 0 for none.
        root: Its root; zeros for none.
    """

    KIND = "epoch"
    number: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Entry):
    """An identity was enrolled.

    Attributes:
        commitment: To the identity (`commit_identity`).
    """

    KIND = "joined"
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired(Entry):
    """An identity is used no more.

    Attributes:
        commitment: As it was entered.
    """

    KIND = "retired"
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(Entry):
    """A roster is fixed.

    Attributes:
        number: Of the generation, from 1.
        members: How many.
        commitment: To all identities in order (`commit_roster`).
    """

    KIND = "generation"
    number: int
    members: int
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Training(Entry):
    """A training is proposed to a generation.

    Attributes:
        digest: Of its facts.
        generation: Number of the roster's generation.
    """

    KIND = "training"
    digest: bytes
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Entry):
    """Its operator ends a training before its last iteration.

    Attributes:
        training: Digest of the training.
    """

    KIND = "stopped"
    training: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Entry):
    """A session came to its end.

    Attributes:
        digest: The session id, which fixes all its parameters.
        training: Digest of the training it belongs to.
        survivors: Artists in its sum; 0 where it was aborted.
    """

    KIND = "session"
    digest: bytes
    training: bytes
    survivors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn(Entry):
    """The beacon of a session in which artists speak once is drawn: it is the log's root with this entry the last.

    Attributes:
        session: Its number.
    """

    KIND = "drawn"
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Entry):
    """A training came to a model.

    Attributes:
        digest: SHA-256 of the model's file.
        space: SHA-256 of the file of the space that its signatures live in.
        training: Digest of the training.
    """

    KIND = "model"
    digest: bytes
    space: bytes
    training: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Entry):
    """A signature enters the catalogue.

    Attributes:
        digest: Of the signature, with name and link.
    """

    KIND = "published"
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Entry):
    """A signature leaves the catalogue.

    Attributes:
        digest: As it was published.
    """

    KIND = "withdrawn"
    digest: bytes


Leaf: TypeAlias = (
    Epoch | Joined | Retired | Generation | Training | Stopped | Session | Drawn | Model | Published | Withdrawn
)
KINDS: Final[dict[str, type[Leaf]]] = {
    kind.KIND: kind
    for kind in (Epoch, Joined, Retired, Generation, Training, Stopped, Session, Drawn, Model, Published, Withdrawn)
}
"""Every kind, by the word that a leaf begins with."""


def decode(data: bytes) -> Leaf:
    """Read a leaf.

    Raises:
        InputError: None of these kinds, or not in its one encoding.
    """
    name, _, rest = data.partition(b" ")
    kind = KINDS.get(name.decode("latin-1"))
    if kind is None or len(data) > MAX_LEAF:
        raise InputError(f"a log's leaf begins with one of {', '.join(KINDS)} and has {MAX_LEAF} bytes at most")
    return canonical.decode(kind, rest)


def commit_identity(identity: bytes, salt: bytes) -> bytes:
    """Commitment to an artist's Ed25519 public key, 32 bytes.

    Args:
        identity: 32 bytes.
        salt: 32 secret random bytes, of this identity alone.
    """
    return sha256(_IDENTITY_DOMAIN + salt + identity).digest()


def commit_roster(identities: Sequence[bytes], salt: bytes) -> bytes:
    """Commitment to a generation's roster, 32 bytes.

    Args:
        identities: In order, 32 bytes each.
        salt: 32 secret random bytes, of this generation alone.
    """
    return sha256(_ROSTER_DOMAIN + salt + b"".join(identities)).digest()


def published(leaves: Iterable[Leaf]) -> tuple[bytes, ...]:
    """Digests of the signatures that a log says are in the catalogue, in the order of publication (LEA-3).

    Raises:
        InputError: One was published twice, or withdrawn without being there.
    """
    standing: dict[bytes, None] = {}
    for place, leaf in enumerate(leaves):
        match leaf:
            case Published(digest=digest) if digest not in standing:
                standing[digest] = None
            case Withdrawn(digest=digest) if digest in standing:
                del standing[digest]
            case Published() | Withdrawn():
                raise InputError(f"entry {place} of the log: {leaf.digest.hex()} was {leaf.KIND} where it cannot be")
            case _:
                pass
    return tuple(standing)
