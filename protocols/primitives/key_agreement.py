"""X25519 key agreement (RFC 7748) followed by HKDF-SHA256 (RFC 5869).

KEY-1  A public key has one encoding, below 2^255 - 19, and is not of small order, which would make the agreed secret a
       constant; everything else is refused.
KEY-2  The agreed point never leaves this file: callers get 32 bytes bound to the `info` they name. It is computed once
       for each peer, and lives no longer than its key pair, which says as much.
KEY-3  A private key leaves its pair only where it is asked for by name, to be shared or stored; no `repr` shows it.
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import InvalidKeyError, LocalProtocolError

KEY_SIZE = 32
"""Bytes of a private key, of a public key and of an agreed key."""

_P = 2**255 - 19
_ORDER_8 = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)
_SMALL_ORDER = frozenset({0, 1, _P - 1, *_ORDER_8})
"""The canonical public keys of small order, on the curve and on its twist."""


class KeyPair:
    """An X25519 key pair.

    Args:
        private: 32 uniform bytes.

    Attributes:
        public: The public key, 32 bytes.

    Raises:
        LocalProtocolError: `private` is not 32 bytes.
    """

    __slots__ = ("_points", "_private", "public")

    def __init__(self, private: bytes) -> None:
        if len(private) != KEY_SIZE:
            raise LocalProtocolError(f"a private key has {KEY_SIZE} bytes, got {len(private)}")
        self._private = X25519PrivateKey.from_private_bytes(private)
        self._points: dict[bytes, bytes] = {}
        self.public = self._private.public_key().public_bytes_raw()

    def private_bytes(self) -> bytes:
        """Returns the 32 bytes that the pair was made from."""
        return self._private.private_bytes_raw()

    def agree(self, peer: bytes, info: bytes) -> bytes:
        """Agrees on a key with the owner of the public key `peer`.

        Args:
            peer: The peer's public key, 32 bytes.
            info: What the key is for, in which session, between whom; both sides must say the same.

        Returns:
            32 bytes.

        Raises:
            InvalidKeyError: `peer` is no canonical public key, or one of small order.
        """
        return HKDF(SHA256(), KEY_SIZE, salt=None, info=info).derive(self._point(peer))

    def meet(self, peer: bytes) -> None:
        """Does ahead of time what takes longest in `agree`.

        Raises:
            InvalidKeyError: `peer` is no canonical public key, or one of small order.
        """
        self._point(peer)

    def _point(self, peer: bytes) -> bytes:
        if peer not in self._points:
            check_public_key(peer)
            self._points[peer] = self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        return self._points[peer]


def check_public_key(public: bytes) -> None:
    """Refuses what no honest client advertises, and no key pair can agree with.

    Raises:
        InvalidKeyError: `public` is no canonical public key, or one of small order.
    """
    number = int.from_bytes(public, "little")
    if len(public) != KEY_SIZE or number >= _P:
        raise InvalidKeyError(f"an X25519 public key is {KEY_SIZE} bytes with a value below 2^255 - 19")
    if number in _SMALL_ORDER:
        raise InvalidKeyError("an X25519 public key of small order: whoever agrees with it agrees on a constant")
