"""What an artist holds on to from the day it joined: the platform, its log, its style space, and who it is there.

PIN-1  Pins come from the invitation and from the platform's first signed answer. Afterwards only the artist changes any
       of them: its own key, by an act, and the log's epoch, by its word. Whoever answers later with another key of its
       own, space, encoder or architecture is not the platform that was joined.
"""

from dataclasses import dataclass, replace

from .. import canonical
from ..errors import InputError
from ..names import check_name
from ..wire.bodies import check_link
from ..wire.enrolment import Invitation, Pins
from ..wire.pins import PublicPins


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPins:
    """One platform, as one artist joined it.

    Attributes:
        address: ``https://HOST:PORT``.
        certificates: Of the only authority that is trusted, PEM; empty for those of the web.
        platform_key: Its Ed25519 public key, 32 bytes.
        log_key: The log's, 32 bytes.
        identity: The artist's own public key, 32 bytes.
        name: Under which buyers find the artist.
        link: Public address to show with it; None for none.
        space: What the platform answered: style space, architecture, encoder, log.

    Raises:
        InputError: A part is not what it says.
    """

    address: str
    certificates: str
    platform_key: bytes
    log_key: bytes
    identity: bytes
    name: str
    link: str | None
    space: Pins

    def __post_init__(self) -> None:
        check_name(self.name)
        check_link(self.link)

    @classmethod
    def of(cls, invitation: Invitation, space: Pins, *, identity: bytes, name: str, link: str | None) -> "PlatformPins":
        """What is pinned when the platform has answered.

        Raises:
            InputError: The answer names another log than the invitation.
        """
        if space.log_origin != invitation.log_origin:
            raise InputError(
                f"the platform answers for the log {space.log_origin!r}, the invitation names "
                f"{invitation.log_origin!r}: ask the operator for a new invitation"
            )
        return cls(
            address=invitation.address,
            certificates=invitation.certificates,
            platform_key=invitation.platform_key,
            log_key=invitation.log_key,
            identity=identity,
            name=name,
            link=link,
            space=space,
        )

    def renewed(self, identity: bytes, space: Pins) -> "PlatformPins":
        """The same platform under a new key of the artist's.

        Args:
            identity: The new public key, 32 bytes.
            space: What the platform answered.

        Raises:
            InputError: It answers for another style space, architecture, encoder or log than the one that is pinned.
        """
        if replace(space, leaf=self.space.leaf, salt=self.space.salt) != self.space:
            raise InputError(
                "the platform answers for another style space, architecture or log than the one that was joined: ask "
                "the operator why"
            )
        return replace(self, identity=identity, space=space)

    @property
    def fingerprint(self) -> str:
        """Of the platform, to be compared by people."""
        return self.public.fingerprint

    @property
    def public(self) -> PublicPins:
        """What a buyer would pin of the platform."""
        return PublicPins(
            address=self.address,
            certificates=self.certificates,
            platform_key=self.platform_key,
            log_key=self.log_key,
            log_origin=self.space.log_origin,
        )

    def encode(self) -> bytes:
        """Canonical JSON and a newline."""
        return canonical.encode(self) + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "PlatformPins":
        """The inverse of `encode`.

        Raises:
            InputError: Other bytes.
        """
        return canonical.decode(cls, data.removesuffix(b"\n"))
