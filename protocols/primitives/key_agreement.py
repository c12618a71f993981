"""X25519 key agreement (RFC 7748) followed by HKDF-SHA256 (RFC 5869).

KEY-1  A public key of small order, which would make the agreed secret a constant, is refused.
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
            InvalidKeyError: `peer` is no public key, or one of small order.
        """
        return HKDF(SHA256(), KEY_SIZE, salt=None, info=info).derive(self._point(peer))

    def meet(self, peer: bytes) -> None:
        """Does ahead of time what takes longest in `agree`.

        Raises:
            InvalidKeyError: `peer` is no public key, or one of small order.
        """
        self._point(peer)

    def _point(self, peer: bytes) -> bytes:
        if peer not in self._points:
            try:
                self._points[peer] = self._private.exchange(X25519PublicKey.from_public_bytes(peer))
            except ValueError as error:
                raise InvalidKeyError("not an X25519 public key, or one of small order") from error
        return self._points[peer]


def check_public_key(public: bytes) -> None:
    """Refuses what no key pair can agree with.

    Raises:
        InvalidKeyError: `public` is no public key, or one of small order.
    """
    # Every private key is a multiple of 8 (RFC 7748, section 5), so any of them exposes every point of small order.
    KeyPair(bytes(KEY_SIZE)).meet(public)
