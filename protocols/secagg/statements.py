"""What clients put their name to: three signed statements, and the commitment inside the first.

STM-1  An advertisement is signed with session and index: it is worth nothing in another session or another place. Keys
       that nobody can agree with are refused with it, before anything is made of them.
STM-2  A survivor set is signed with its graph, in one encoding: two signatures agree only on the same set among the
       same advertisements of the same session.
STM-3  A self-mask seed is committed to with session and index; 32 uniform bytes need no further blinding.
STM-4  Whose boxes did not open is signed with graph and index: nobody can name a sender in another's place.
"""

from collections.abc import Set as AbstractSet
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..codec import Domain, encode_indices
from ..graph import Graph
from ..params import SessionParams
from ..primitives import signing
from ..primitives.key_agreement import check_public_key
from .messages import Advertisement


def commit(params: SessionParams, index: int, self_mask_seed: bytes) -> bytes:
    """Returns client `index`'s commitment to its self-mask seed, 32 bytes."""
    return sha256(Domain.COMMITMENT.bind(params.session_id, index) + self_mask_seed).digest()


def advertise(
    params: SessionParams,
    index: int,
    identity: Ed25519PrivateKey,
    *,
    seal_key: bytes,
    mask_key: bytes,
    commitment: bytes,
) -> Advertisement:
    """Signs client `index`'s public keys for this session."""
    context = Domain.ADVERTISEMENT.bind(params.session_id, index)
    signature = signing.sign(identity, context, seal_key + mask_key + commitment)
    return Advertisement(seal_key=seal_key, mask_key=mask_key, commitment=commitment, signature=signature)


def verify_advertisement(params: SessionParams, index: int, advertisement: Advertisement) -> None:
    """Checks that the identity at `index` advertised exactly this, for this session, and that its keys are usable.

    Raises:
        InvalidSignatureError: it did not.
        InvalidKeyError: a key is not canonical, or of small order.
    """
    context = Domain.ADVERTISEMENT.bind(params.session_id, index)
    content = advertisement.seal_key + advertisement.mask_key + advertisement.commitment
    signing.verify(params.identities[index], advertisement.signature, context, content)
    check_public_key(advertisement.seal_key)
    check_public_key(advertisement.mask_key)


def sign_unopened(graph: Graph, index: int, identity: Ed25519PrivateKey, unopened: AbstractSet[int]) -> bytes:
    """Signs whose boxes client `index` could not open; 64 bytes."""
    return signing.sign(identity, Domain.UNOPENED.bind(graph.digest, index), encode_indices(unopened))


def verify_unopened(
    params: SessionParams, graph: Graph, index: int, unopened: AbstractSet[int], signature: bytes
) -> None:
    """Checks that the identity at `index` named exactly these senders, for this graph.

    Raises:
        InvalidSignatureError: it did not.
    """
    context = Domain.UNOPENED.bind(graph.digest, index)
    signing.verify(params.identities[index], signature, context, encode_indices(unopened))


def sign_survivors(graph: Graph, identity: Ed25519PrivateKey, survivors: AbstractSet[int]) -> bytes:
    """Signs a survivor set of the session whose graph this is; 64 bytes."""
    return signing.sign(identity, Domain.SURVIVORS.bind(graph.digest), _encoded(frozenset(survivors)))


def verify_survivors(
    params: SessionParams, graph: Graph, index: int, survivors: AbstractSet[int], signature: bytes
) -> None:
    """Checks that the identity at `index` signed exactly this survivor set, for this graph.

    Raises:
        InvalidSignatureError: it did not.
    """
    context = Domain.SURVIVORS.bind(graph.digest)
    signing.verify(params.identities[index], signature, context, _encoded(frozenset(survivors)))


@lru_cache(maxsize=1)
def _encoded(survivors: frozenset[int]) -> bytes:
    """Encodes a survivor set once for all the signatures on it: among 10,000 clients that is what they cost most."""
    return encode_indices(survivors)
