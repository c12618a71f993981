"""Bodies of envelopes, and the invitation: all that artist and platform tell each other outside of sessions.

One encoding each (`canonical`); a record that breaks its own rule cannot be made, so none can be received.

OFF-1  An offer is entered into only on a checkpoint that grew out of what this artist saw of the log, in which the
       offered roster and training stand: a roster or a training that others are shown otherwise is another log.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import ClassVar, Final, Self

from .. import canonical
from ..aggregation.kinds import Protocol
from ..aggregation.letters import Purpose
from ..aggregation.session import Agreed
from ..errors import InputError
from ..names import check_name
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism
from ..privacy.sizing import Mode, Noise
from ..transparency.leaves import Generation, Training, commit_roster
from ..transparency.watch import Place, Watch

DIGEST_BYTES: Final = 32
KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 32
MAX_LINK: Final = 300
MAX_ROSTER: Final = 10_000
MAX_SIGNATURE_NUMBERS: Final = 384
_LINK: Final = re.compile(r"https://[!#-;=?-\[\]_a-z~%]+")  # RFC 3986's characters but quotes
_NUMBERS_END: Final = 1 << 32
_FLOAT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What all bodies have in common."""

    PURPOSE: ClassVar[Purpose]

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in _SIZES:
                require_size(f"{type(self).__name__}.{item.name}", getattr(self, item.name), _SIZES[item.name])

    def encode(self) -> bytes:
        """The one encoding.

        Raises:
            InputError: A field holds something of another kind than it says.
        """
        return canonical.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the one encoding.

        Raises:
            InputError: No such body, or another encoding of one.
        """
        return canonical.decode(cls, data)


_SIZES: Final = {
    "token": TOKEN_BYTES,
    "salt": DIGEST_BYTES,
    "style_space": DIGEST_BYTES,
    "architecture": DIGEST_BYTES,
    "anchors": DIGEST_BYTES,
    "model": DIGEST_BYTES,
    "training": DIGEST_BYTES,
    "signature_space": DIGEST_BYTES,
    "commitment": DIGEST_BYTES,
    "identity": KEY_BYTES,
    "platform_key": KEY_BYTES,
    "log_key": KEY_BYTES,
    "seed": DIGEST_BYTES,
}
"""Sizes of fields of these names, in bytes, in whatever body."""


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
        _require(len(self.encoders) > 0, "terms agree to at least one encoder")
        _require(0 <= self.corrupt_share < 1, "accomplices are a part of the roster, 0 or more and less than 1")

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
class Plan(Body):
    """How a training's cohort is protected: what `server.cohort.CohortPlan` is made of.

    Attributes:
        mode: Where noise comes from.
        unit: What is protected.
        noise: The law of noise shares.
        sampling_rate: Probability with which an artwork takes part in an iteration.
        corrupt: Artists assumed to work with the platform, at most.
        min_cohort: Fewest artists that an artist hides among.
        min_survivors: Artists below which a session aborts.
        max_artworks: Public bound on an artist's artworks.
        multipliers: Noise multiplier of each iteration.
        buckets: Sessions that the cohort is cut into.
        seed: From which rotations and buckets are derived, 32 bytes.
        protocol: What sessions are: five rounds with everybody there, or one message of each artist in a window.
    """

    mode: Mode
    unit: Unit
    noise: Noise
    sampling_rate: float
    corrupt: int
    min_cohort: int
    min_survivors: int
    max_artworks: int
    multipliers: tuple[float, ...]
    buckets: int
    seed: bytes
    protocol: Protocol = Protocol.SECAGG


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a training costs an artist in all, prototype included, as epsilon at the plan's delta; None for no bound.

    Attributes:
        aggregate: For whoever sees what the platform sees and releases.
        local: For whoever sees the artist's uploads without masks.
        worst_case: With all other artists corrupt.
        delta: At which they are stated.
    """

    aggregate: float | None
    local: float | None
    worst_case: float | None
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training(Body):
    """What its artists and anybody else may know alike of a training.

    Attributes:
        number: Of the training, rising.
        generation: Number of the roster's generation.
        plan: How it is protected.
        asked: What it costs.
        prototype: The release that an artist makes before the first iteration.
        style_space: Digest, 32 bytes.
        model: Digest of the first model, 32 bytes; the file is served under it.
        architecture: Digest, 32 bytes.
        anchors: Digest of the style codebook, 32 bytes.
        announcement_seconds: How long an announcement may be answered.
        round_seconds: How long a round of a session may be answered.
    """

    number: int
    generation: int
    plan: Plan
    asked: Asked
    prototype: Mechanism
    style_space: bytes
    model: bytes
    architecture: bytes
    anchors: bytes
    announcement_seconds: int
    round_seconds: int

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        for number in (self.number, self.generation, self.announcement_seconds, self.round_seconds):
            _require(1 <= number < _NUMBERS_END, "an offer's numbers are 1 to 2^32 - 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFacts(_Training):
    """What a training is, without who is in it; served to anybody under its digest.

    Attributes:
        members: How many are on the roster.
        commitment: To the roster, as the log enters its generation, 32 bytes.
    """

    members: int
    commitment: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoding, 32 bytes: the training's name, in the log and in each of its sessions."""
        return sha256(self.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(_Training):
    """What a training is, for its members.

    Attributes:
        roster: Identities in order, 32 bytes each, distinct.
        salt: Under which the log commits to the roster, 32 bytes; for its members alone.
    """

    PURPOSE = Purpose.OFFER
    roster: tuple[bytes, ...]
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _Training.__post_init__(self)
        _require(2 <= len(self.roster) <= MAX_ROSTER, f"a roster has 2 to {MAX_ROSTER} identities")
        _require(len(set(self.roster)) == len(self.roster), "a roster's identities are distinct")
        for identity in self.roster:
            require_size("an identity", identity, KEY_BYTES)

    @property
    def public(self) -> PublicFacts:
        """What anybody may know: the roster is a commitment."""
        shared = {item.name: getattr(self, item.name) for item in fields(_Training)}
        return PublicFacts(**shared, members=len(self.roster), commitment=commit_roster(self.roster, self.salt))

    @property
    def digest(self) -> bytes:
        """Of what is public, 32 bytes: the training's name."""
        return self.public.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Body):
    """The platform proposes a training to an artist, who holds it against its own terms; silence refuses.

    Attributes:
        facts: The training.
        checkpoint: The log's newest, as its signed note; all sessions of the training stand on it.
        since: Size of the log from which `consistency` proves that the checkpoint's grew; 0 for from nothing.
        consistency: The proof, 32 bytes each.
        roster_place: Where the log enters the roster's generation.
        training_place: Where it enters the training.
    """

    PURPOSE = Purpose.OFFER
    facts: Facts
    checkpoint: bytes
    since: int
    consistency: tuple[bytes, ...]
    roster_place: Place
    training_place: Place

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        _require(0 <= self.since < 1 << 63, "a log's size is 0 to 2^63 - 1")
        for node in self.consistency:
            require_size("a node of a proof", node, DIGEST_BYTES)

    def enter(self, watch: Watch, consistency: Sequence[bytes] | None = None) -> tuple[Watch, Agreed]:
        """Hold the offer against the log (OFF-1).

        Args:
            watch: The log as this artist saw it last.
            consistency: Proof that the checkpoint grew out of that, where the offer's own is about another size.

        Returns:
            The log as it is seen now, and what the sessions of this training stand on.

        Raises:
            CheckpointError: The log did not sign the checkpoint.
            ForkError: It shows another history than before; keep the evidence, and take part in nothing.
            ProofError: Roster or training do not stand in it.
        """
        taken = watch.take(self.checkpoint, self.consistency if consistency is None else consistency)
        facts = self.facts.public
        roster = Generation(number=facts.generation, members=facts.members, commitment=facts.commitment)
        taken.check(roster, self.roster_place)
        taken.check(Training(digest=facts.digest, generation=facts.generation), self.training_place)
        return taken, Agreed(training_digest=facts.digest, checkpoint_digest=taken.newest.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Body):
    """A training is over; answered ``noted``. The artist may publish a signature in its space.

    Attributes:
        training: Digest of its `Facts`.
        model: Digest of the last model, 32 bytes.
        signature_space: Digest of the space that signatures are made in, 32 bytes.
        signature: The release that a signature is.
        sums: SHA-256 of each iteration's sum; empty bytes where it was aborted.
        survivors: Artists in each iteration's sum; 0 where it was aborted.
    """

    PURPOSE = Purpose.OUTCOME
    training: bytes
    model: bytes
    signature_space: bytes
    signature: Mechanism
    sums: tuple[bytes, ...]
    survivors: tuple[int, ...]

    def __post_init__(self) -> None:
        Body.__post_init__(self)
        _require(len(self.sums) == len(self.survivors), "an outcome has one sum and one number for each iteration")
        for digest, survivors in zip(self.sums, self.survivors, strict=True):
            require_size("a sum's digest", digest, DIGEST_BYTES if survivors else 0)


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
        _require(
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
        _require(_LINK.fullmatch(self.address) is not None, "an invitation's address begins with https://")


def require_size(what: str, value: bytes, size: int) -> None:
    """Refuse bytes of another size.

    Raises:
        InputError: Names what they are.
    """
    _require(len(value) == size, f"{what} has {size} bytes, not {len(value)}")


def check_link(link: str | None) -> None:
    """Refuse what is no address to show to buyers.

    Raises:
        InputError: Not ``https://`` and at most `MAX_LINK` plain characters.
    """
    holds = link is None or (len(link) <= MAX_LINK and _LINK.fullmatch(link) is not None)
    _require(holds, f"a link begins with https:// and has at most {MAX_LINK} characters of an address")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise InputError(rule)
