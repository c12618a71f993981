"""What a buyer, or whoever watches, must know of a platform before anything that it says can be checked."""

from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Self

from .. import canonical
from ..errors import InputError
from ..transparency.watch import Watch
from .enrolment import Invitation

_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPins:
    """A platform's address and keys; public, and to be had from somebody one trusts.

    Attributes:
        address: ``https://HOST:PORT``.
        certificates: Certificate of the authority that is trusted for it, PEM; empty for those of the web.
        platform_key: The platform's Ed25519 public key, 32 bytes.
        log_key: The log's Ed25519 public key, 32 bytes.
        log_origin: The log's name in its checkpoints.
    """

    address: str
    certificates: str
    platform_key: bytes
    log_key: bytes
    log_origin: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of pins, or an invitation, which holds them too.

        Raises:
            InputError: Neither.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        try:
            return canonical.decode(cls, data)
        except InputError:
            pass
        try:
            invitation = canonical.decode(Invitation, data)
        except InputError as error:
            raise InputError(f"{path} holds neither a platform's pins nor an invitation: {error}") from error
        return cls.of(invitation)

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """What an invitation says of its platform."""
        return cls(**{item.name: getattr(invitation, item.name) for item in fields(cls)})

    @property
    def fingerprint(self) -> str:
        """To compare over the telephone: it fixes both keys and the log's name."""
        digest = sha256(self.platform_key + self.log_key + self.log_origin.encode()).hexdigest()
        return " ".join(digest[start : start + 4] for start in range(0, 32, 4))

    def watch(self, note: bytes = b"") -> Watch:
        """The platform's log, as it was seen last.

        Raises:
            CheckpointError: The note is not its.
        """
        return Watch(origin=self.log_origin, key=self.log_key, note=note)
