"""What a platform says of a training: its facts, the offer of it, its outcome.

OFF-1  An offer is entered into only on a checkpoint that grew out of what this artist saw of the log, in which the
       offered roster and training stand: a roster or a training that others are shown otherwise is another log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Final

from ..aggregation.kinds import Protocol
from ..aggregation.letters import Purpose
from ..aggregation.session import Agreed
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism
from ..privacy.sizing import Mode, Noise
from ..transparency.leaves import Generation, Training, commit_roster
from ..transparency.watch import Place, Watch
from .bodies import DIGEST_BYTES, KEY_BYTES, Body, require, require_size

MAX_ROSTER: Final = 10_000
_NUMBERS_END: Final = 1 << 32


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
            require(1 <= number < _NUMBERS_END, "an offer's numbers are 1 to 2^32 - 1")


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
        require(2 <= len(self.roster) <= MAX_ROSTER, f"a roster has 2 to {MAX_ROSTER} identities")
        require(len(set(self.roster)) == len(self.roster), "a roster's identities are distinct")
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
        require(0 <= self.since < 1 << 63, "a log's size is 0 to 2^63 - 1")
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
        require(len(self.sums) == len(self.survivors), "an outcome has one sum and one number for each iteration")
        for digest, survivors in zip(self.sums, self.survivors, strict=True):
            require_size("a sum's digest", digest, DIGEST_BYTES if survivors else 0)
