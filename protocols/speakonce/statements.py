"""What clients put their name to, and the commitments inside.

SPT-1  Prekeys are signed for one server and one of its sessions: they are worth nothing in another.
SPT-2  Every other statement is signed for its purpose, its session and its signer's index.
SPT-3  A secret is committed to with session, dealer and peer; 32 uniform bytes need no further blinding.
"""

from collections.abc import Iterable
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..codec import Domain, Octets, uint
from ..primitives import signing
from ..primitives.key_agreement import check_public_key
from .params import Prekeys, WindowParams


def sign_prekeys(
    identity: Ed25519PrivateKey, *, server_key: bytes, session: int, seal_key: bytes, mask_key: bytes
) -> Prekeys:
    """Signs a client's public keys for one session of one server."""
    context = _prekeys_context(server_key, session)
    signature = signing.sign(identity, context, seal_key + mask_key)
    return Prekeys(seal_key=seal_key, mask_key=mask_key, signature=signature)


def verify_prekeys(identity: bytes, *, server_key: bytes, session: int, prekeys: Prekeys) -> None:
    """Checks that `identity` published exactly these for this session, and that they are usable.

    Raises:
        InvalidSignatureError: it did not.
        InvalidKeyError: a key is not canonical, or of small order.
    """
    context = _prekeys_context(server_key, session)
    signing.verify(identity, prekeys.signature, context, prekeys.seal_key + prekeys.mask_key)
    check_public_key(prekeys.seal_key)
    check_public_key(prekeys.mask_key)


def commit(params: WindowParams, dealer: int, peer: int, secret: bytes) -> bytes:
    """Returns a dealer's commitment to the secret it has with a peer, or to its own (the peer is itself), 32 bytes."""
    return sha256(Domain.SECRET.bind(params.session_id, dealer, peer) + secret).digest()


def attest(params: WindowParams, identity: Ed25519PrivateKey, purpose: Domain, index: int, content: bytes) -> bytes:
    """Signs a statement of client `index`; 64 bytes."""
    return signing.sign(identity, purpose.bind(params.session_id, index), content)


def verify(params: WindowParams, purpose: Domain, index: int, content: bytes, signature: bytes) -> None:
    """Checks that the identity at `index` signed exactly this statement.

    Raises:
        InvalidSignatureError: it did not.
    """
    signing.verify(params.identities[index], signature, purpose.bind(params.session_id, index), content)


def digest_of(parts: Iterable[Octets]) -> bytes:
    """Returns SHA-256 over parts of a message, one after the other, as its manifest names them; 32 bytes."""
    hasher = sha256()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _prekeys_context(server_key: bytes, session: int) -> bytes:
    return Domain.PREKEYS.value + server_key + uint(session, 8)
