"""The platform's long-lived key, the same in every attack on artists."""

from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PLATFORM: Final = Ed25519PrivateKey.from_private_bytes(sha256(b"platform").digest())
"""Signs requests and announcements."""
SERVER_KEY: Final = PLATFORM.public_key().public_bytes_raw()
"""What artists pinned."""
