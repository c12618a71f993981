"""The invitation, and what artists say of their own accord: they join, renew and leave, publish and withdraw."""

import math
from dataclasses import dataclass, field
from typing import Final

from ..aggregation.letters import Purpose
from ..names import check_name
from ..privacy.clipping import Unit
from ..privacy.sizing import Mode
from .bodies import LINK, Body, check_link, require

MAX_SIGNATURE_NUMBERS: Final = 384
_FLOAT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The part of an artist's terms that a platform must know to plan within them; the terms decide, not this.

    Attributes:
        mode: Where noise comes from.
        unit: What is protected.
        epsilon: Most that all releases together may cost; None for no bound.
        delta: At which epsilon is stated.
        iteration_epsilon: Most that one session may cost; None for no bound.
        corrupt: Accomplices that noise must be sized for, at least.
        corrupt_share: The same as a part of the roster; the larger of both counts.
        min_cohort: Fewest artists in a cohort.
        min_survivors: Fewest artists in a sum.
        sampling_rate: Probability with which an artwork takes part in an iteration.
        max_artworks: The bound that the artist keeps to.
        encoders: Networks that it agrees to look at its artworks with, each as ``name@digest of its weights``.

    Raises:
        InputError: It agrees to no network, or a part is no part.
    """

    mode: Mode
    unit: Unit
    epsilon: float | None
    delta: float
    iteration_epsilon: float | None
    corrupt: int
    corrupt_share: float
    min_cohort: int
    min_survivors: int
    sampling_rate: float
    max_artworks: int
    encoders: tuple[str, ...]

    def __post_init__(self) -> None:
        require(len(self.encoders) > 0, "terms agree to at least one encoder")
        require(0 <= self.corrupt_share < 1, "accomplices are a part of the roster, 0 or more and less than 1")

    def least_corrupt(self, roster: int) -> int:
        """Accomplices that noise must be sized for among so many artists."""
        return max(self.corrupt, math.ceil(self.corrupt_share * roster))


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Body):
    """An artist's new identity, which is the envelope's sender, asks to be enrolled.

    Attributes:
        token: The invitation's, 32 bytes.
        name: Under which buyers find the artist; NAM-1.
        link: Public address, ``https://`` and at most 300 characters; None for none.
        terms: What the artist insists on.
    """

    PURPOSE = Purpose.JOIN
    token: bytes = field(repr=False)
    name: str
    link: str | None
    terms: Statement

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        check_name(self.name)
        check_link(self.link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins(Body):
    """The platform's answer to a `Join`, and to a `Renew`: what an artist holds on to from now on.

    Attributes:
        style_space: Digest over backbone, preprocessing and whitening, 32 bytes.
        architecture: Digest of the model architecture, 32 bytes.
        encoder: Name of the encoder that features are made with.
        log_origin: Origin of the platform's log, as in the invitation.
        leaf: Index of the log's leaf that enters this identity.
        salt: Under which that leaf commits to the identity, 32 bytes; nobody else is told.
    """

    PURPOSE = Purpose.JOIN
    style_space: bytes
    architecture: bytes
    encoder: str
    log_origin: str
    leaf: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Body):
    """An artist publishes a signature, in place of the one before.

    Attributes:
        training: Digest of the training that it is about.
        vector: Little-endian float32, 1 to 384 numbers: a unit vector, noisy and charged for.
        name: Under which buyers find the artist; NAM-1.
        link: As in `Join`.
    """

    PURPOSE = Purpose.PUBLISH
    training: bytes
    vector: bytes
    name: str
    link: str | None

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        check_name(self.name)
        check_link(self.link)
        count, rest = divmod(len(self.vector), _FLOAT_BYTES)
        require(
            not rest and 1 <= count <= MAX_SIGNATURE_NUMBERS,
            f"a signature has 1 to {MAX_SIGNATURE_NUMBERS} numbers of {_FLOAT_BYTES} bytes, got {len(self.vector)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Body):
    """An artist takes its published signature out of the catalogue."""

    PURPOSE = Purpose.WITHDRAW


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave(Body):
    """An artist retires its identity; a published signature goes with it."""

    PURPOSE = Purpose.LEAVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew(Body):
    """An artist replaces its identity, which is the envelope's sender.

    Attributes:
        identity: The new one, 32 bytes.
        proof: An envelope of purpose RENEW, sealed by the new identity for the platform under the outer envelope's
            number, whose body is the old identity: who has the new key wants this.
    """

    PURPOSE = Purpose.RENEW
    identity: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered(Body):
    """The platform's answer to `Publish`, `Withdraw` and `Leave`, under the same purpose.

    Attributes:
        leaf: Index of the log's leaf that enters it.
    """

    leaf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation(Body):
    """What an operator hands to one artist, as a file.

    Attributes:
        address: ``https://HOST:PORT`` of the platform.
        certificates: Certificate of the authority that an agent trusts, and no other, PEM; empty for those of the web.
        platform_key: The platform's Ed25519 public key, 32 bytes.
        log_key: The log's Ed25519 public key, 32 bytes.
        log_origin: The log's name in its checkpoints.
        token: One-time token, 32 bytes; the platform keeps only its SHA-256.
        expires: Seconds since 1970 (UTC) after which the platform refuses the token.
    """

    address: str
    certificates: str
    platform_key: bytes
    log_key: bytes
    log_origin: str
    token: bytes = field(repr=False)
    expires: int

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        require(LINK.fullmatch(self.address) is not None, "an invitation's address begins with https://")
