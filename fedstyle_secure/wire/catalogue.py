"""The catalogue over the wire: what a platform publishes, signed, and fixed by its log down to each signature.

CAT-1  A manifest says nothing that the platform did not sign, and names the log's checkpoint that it stands on.
CAT-2  The signatures in it are exactly those that the log at this checkpoint says are published, and each collection's
       model is one that the log enters for its training: what was withdrawn cannot be shown, what is published cannot
       be hidden, and none can be altered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .. import canonical
from ..errors import InputError
from ..transparency.leaves import Leaf, Model, published
from ..transparency.watch import Watch

CATALOGUE_DOMAIN: Final = b"fedstyle-secure/1/catalogue\0"
MAX_MANIFEST: Final = 1 << 20
_SIGNATURE_DOMAIN: Final = b"fedstyle-secure/1/signature\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One artist's signature, as published; a log's `Published` enters its digest.

    Attributes:
        training: Digest of the training whose model it is about.
        name: Under which buyers find the artist.
        link: Public address, or None.
        vector: Little-endian float32.
    """

    training: bytes
    name: str
    link: str | None
    vector: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 over all of it, 32 bytes."""
        return sha256(_SIGNATURE_DOMAIN + canonical.encode(self)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The signatures of one training; a file of its own.

    Attributes:
        signatures: In the order of their publication.
    """

    signatures: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What belongs together: files by their SHA-256.

    Attributes:
        training: Digest of the training.
        model: Its model's file.
        space: File of the space that its signatures live in.
        signatures: File of its `Listing`.
        nearness: File of what is near in it (`catalogue.nearness`); None where the platform could not learn that.
    """

    training: bytes
    model: bytes
    space: bytes
    signatures: bytes
    nearness: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A file that the buyer's page is made of.

    Attributes:
        name: As the page asks for it.
        sha256: Its digest, 32 bytes.
    """

    name: str
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is signed.

    Attributes:
        checkpoint: The log's signed note.
        collections: Oldest training first.
        page: Files of the buyer's page, in the order of their names; none where it was not exported.
    """

    checkpoint: bytes
    collections: tuple[Collection, ...]
    page: tuple[PageFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A catalogue as a platform serves it.

    Attributes:
        contents: What is in it.
        signature: The platform's, over the encoded contents.
    """

    contents: Contents
    signature: bytes

    def encode(self) -> bytes:
        """The one encoding."""
        return canonical.encode(self)

    @classmethod
    def open(cls, data: bytes, *, platform_key: bytes) -> Self:
        """Read a manifest that this platform must have signed (CAT-1).

        Raises:
            InputError: No manifest, or signed by somebody else.
        """
        manifest = canonical.decode(cls, data)
        try:
            Ed25519PublicKey.from_public_bytes(platform_key).verify(
                manifest.signature, CATALOGUE_DOMAIN + canonical.encode(manifest.contents)
            )
        except (InvalidSignature, ValueError) as error:
            raise InputError(
                "the catalogue was not signed with the platform's pinned key; nothing of it is used"
            ) from error
        return manifest


def check(
    contents: Contents, listings: Mapping[bytes, bytes], watch: Watch, log: Sequence[Leaf]
) -> Mapping[bytes, Sequence[Listed]]:
    """Hold a manifest against the log (CAT-2).

    Args:
        contents: The manifest's.
        listings: Content of its files of signatures, by the SHA-256 that they are named by.
        watch: At the manifest's checkpoint.
        log: All entries of that checkpoint.

    Returns:
        Signatures by the digest of their training.

    Raises:
        InputError: Names what does not agree.
    """
    if contents.checkpoint != watch.note:
        raise InputError("the catalogue stands on another checkpoint of the log than its newest")
    models = [(leaf.training, leaf.digest, leaf.space) for leaf in log if isinstance(leaf, Model)]
    shown: dict[bytes, tuple[Listed, ...]] = {}
    for each in contents.collections:
        if (each.training, each.model, each.space) not in models:
            raise InputError(f"the log knows no such model of training {each.training.hex()[:16]}")
        if sha256(listings[each.signatures]).digest() != each.signatures:
            raise InputError("a file of signatures is not the one that the catalogue names")
        shown[each.training] = canonical.decode(Listing, listings[each.signatures]).signatures
        if any(signature.training != each.training for signature in shown[each.training]):
            raise InputError(f"a signature of another training is listed under {each.training.hex()[:16]}")
    if len(shown) != len(contents.collections):
        raise InputError("the catalogue lists a training twice")
    found = [signature.digest for signatures in shown.values() for signature in signatures]
    standing = published(log)
    for wrong, told in (
        (Counter(found) - Counter(standing), "shows a signature that was withdrawn or never published"),
        (Counter(standing) - Counter(found), "hides a signature that is published"),
    ):
        if wrong:
            raise InputError(f"the catalogue {told}, by the log ({min(wrong).hex()[:16]}); nothing of it is used")
    return shown
