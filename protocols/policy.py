"""A client's own conditions for taking part: pinned by the client, never taken from the server.

POL-1  Every line is checked before the client makes a key; the first one broken is named and nothing is sent.
POL-2  Digests are compared with what this client received and hashed itself: a server that hands out different models
       (Pasquini et al., CCS 2022) gets no upload from whoever's model is not the session's.
POL-3  Degree and threshold are judged by the client itself, against the adversary it assumes: a graph in which some
       client could be unmasked with probability above 2^-security_bits is refused.
POL-4  Between the session's cohort and each earlier one that this client uploaded to, nobody or at least `min_cohort`
       clients joined, and nobody or at least so many left (`cohorts`).
POL-5  A session is taken part in once: none is started again with other survivors. Whoever wants to try again opens
       another session of the same iteration, under a higher number: fresh noise, another charge.
POL-6  The server is the one whose key was pinned, the iteration the one that was announced, and the vectors to be
       summed are those that were agreed, to the last bound.
"""

from dataclasses import dataclass, field
from typing import Final

from .cohorts import Cohorts
from .errors import ParametersError, PolicyRule, PolicyViolationError, require_type
from .graph import SECURITY_BITS, Adversary, check
from .params import DIGEST_SIZE, NOTHING, SessionParams, Terms, VectorSpec
from .primitives.signing import IDENTITY_SIZE

PATIENCE = 60
"""Seconds, by default, in which a server must show a client its neighbors' keys."""

_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("roster", "architectures"), frozenset),
    **dict.fromkeys(("min_cohort", "min_survivors", "min_corrupt", "security_bits", "patience"), int),
    **dict.fromkeys(("iteration", "last_session"), int),
    **dict.fromkeys(("server_key", "model_digest", "anchors_digest", "privacy_digest"), bytes),
    **dict.fromkeys(("training_digest", "checkpoint_digest"), bytes),
    "adversary": Adversary,
    "vectors": tuple,
    "earlier": Cohorts,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """What a client insists on.

    Attributes:
        roster: The identities (Ed25519 public keys, 32 bytes) it knows, its own included.
        min_cohort: Fewest clients in a session.
        min_survivors: Fewest vectors in a sum that its own vector is part of.
        min_corrupt: Refuse sessions that assume fewer corrupt clients than this.
        adversary: What the server is assumed to be able to do (`graph.Adversary`).
        security_bits: Refuse graphs in which, over a uniform order, security fails with probability above
            2^-security_bits. A server that tries 2^g orders before `patience` ends faces g bits less.
        patience: Seconds from this client's advertisement in which the server must show it its neighbors' keys.
        server_key: The server's Ed25519 public key, 32 bytes: the only one this client takes part with.
        iteration: The iteration that was announced to it: a session is about exactly this one.
        last_session: Highest number of a session it took part in, 0 for none. The caller must store it durably, before
            the client's first response leaves.
        vectors: What it agreed to bring, in the session's order.
        earlier: Cohorts of the sessions it uploaded to, each stored durably before the upload leaves.
        architectures: SHA-256 digests of the model architectures it agrees to train.
        model_digest: SHA-256 of the model it received; like the other four, `params.NOTHING` if there is none.
        anchors_digest: SHA-256 of the anchors it received.
        privacy_digest: SHA-256 of the differential privacy parameters it received.
        training_digest: SHA-256 of the training it agreed to.
        checkpoint_digest: SHA-256 of the log's checkpoint it was shown.

    Raises:
        ParametersError: a field has the wrong type, size or sign.
    """

    roster: frozenset[bytes]
    min_cohort: int
    min_survivors: int
    min_corrupt: int
    adversary: Adversary = Adversary.MALICIOUS
    security_bits: int = SECURITY_BITS
    patience: int = PATIENCE
    server_key: bytes
    iteration: int
    last_session: int
    vectors: tuple[VectorSpec, ...]
    earlier: Cohorts = field(default_factory=Cohorts)
    architectures: frozenset[bytes] = frozenset({NOTHING})
    model_digest: bytes = NOTHING
    anchors_digest: bytes = NOTHING
    privacy_digest: bytes = NOTHING
    training_digest: bytes = NOTHING
    checkpoint_digest: bytes = NOTHING

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            require_type(f"policy: {name}", getattr(self, name), kind)
        for each in (*self.roster, *self.architectures):
            require_type("policy: an identity or architecture", each, bytes)
        if any(len(identity) != IDENTITY_SIZE for identity in self.roster):
            raise ParametersError(f"policy: every identity in the roster is {IDENTITY_SIZE} bytes")
        if len(self.server_key) != IDENTITY_SIZE:
            raise ParametersError(f"policy: server_key is {IDENTITY_SIZE} bytes")
        digests = (
            *self.architectures,
            self.model_digest,
            self.anchors_digest,
            self.privacy_digest,
            self.training_digest,
            self.checkpoint_digest,
        )
        if any(len(digest) != DIGEST_SIZE for digest in digests):
            raise ParametersError(f"policy: every digest is {DIGEST_SIZE} bytes")
        if min(self.min_cohort, self.min_survivors) < 2 or min(self.min_corrupt, self.last_session) < 0:
            raise ParametersError(
                "policy: min_cohort and min_survivors are at least 2, min_corrupt and last_session at least 0"
            )
        if min(self.iteration, self.security_bits, self.patience) < 1:
            raise ParametersError("policy: iteration, security_bits and patience are at least 1")
        if self.last_session >= 2**64:
            raise ParametersError("policy: last_session is below 2^64, as every session's number is")

    def check(self, params: SessionParams) -> None:
        """Checks a session of five rounds against every line.

        Raises:
            PolicyViolationError: names the first line that the session breaks.
        """
        self.check_terms(params)
        self._check_graph(params)

    def check_terms(self, params: Terms) -> None:
        """Checks what every session has against every line but the graph's.

        Raises:
            PolicyViolationError: names the first line that the session breaks.
        """
        conflict = self.earlier.conflict(params.identities, self.min_cohort)
        unknown = [index for index, identity in enumerate(params.identities) if identity not in self.roster]
        lines = (
            (
                PolicyRule.SERVER,
                params.server_key == self.server_key,
                "the session is another server's than the one whose key is pinned",
            ),
            (PolicyRule.ROSTER, not unknown, f"clients {unknown} are not in the pinned roster"),
            (
                PolicyRule.MIN_COHORT,
                params.clients >= self.min_cohort,
                f"{params.clients} clients are invited, at least {self.min_cohort} must be",
            ),
            (
                PolicyRule.MIN_SURVIVORS,
                params.min_survivors >= self.min_survivors,
                f"sums of {params.min_survivors} vectors are allowed, {self.min_survivors} is the least",
            ),
            (
                PolicyRule.MIN_CORRUPT,
                params.corrupt >= self.min_corrupt,
                f"{params.corrupt} corrupt clients are assumed, {self.min_corrupt} is the least",
            ),
            (
                PolicyRule.ITERATION,
                params.iteration == self.iteration,
                f"the session is about iteration {params.iteration}, {self.iteration} was announced",
            ),
            (
                PolicyRule.SESSION,
                params.session > self.last_session,
                f"session {params.session} is not after {self.last_session}, the last one taken part in",
            ),
            (PolicyRule.EARLIER, not conflict, conflict),
            (
                PolicyRule.ARCHITECTURE,
                params.architecture_digest in self.architectures,
                "the model architecture is not on the allow-list",
            ),
            (
                PolicyRule.MODEL,
                params.model_digest == self.model_digest,
                "the session is about another model than the one received",
            ),
            (
                PolicyRule.ANCHORS,
                params.anchors_digest == self.anchors_digest,
                "the session is about other anchors than the ones received",
            ),
            (
                PolicyRule.PRIVACY,
                params.privacy_digest == self.privacy_digest,
                "the session is about other privacy parameters than the ones received",
            ),
            (
                PolicyRule.TRAINING,
                params.training_digest == self.training_digest,
                "the session belongs to another training than the one agreed to",
            ),
            (
                PolicyRule.CHECKPOINT,
                params.checkpoint_digest == self.checkpoint_digest,
                "the session stands on another checkpoint of the log than the one shown",
            ),
            (
                PolicyRule.VECTOR,
                params.vectors == self.vectors,
                f"the session sums {_in_words(params.vectors)}, this client agreed to {_in_words(self.vectors)}",
            ),
        )
        for rule, holds, problem in lines:
            if not holds:
                raise PolicyViolationError(rule, problem)

    def _check_graph(self, params: SessionParams) -> None:
        try:
            check(
                params.clients,
                degree=params.degree,
                threshold=params.threshold,
                corrupt=params.corrupt,
                adversary=self.adversary,
                dropouts=params.clients - params.min_survivors,
                security_bits=self.security_bits,
            )
        except ParametersError as error:
            raise PolicyViolationError(PolicyRule.GRAPH, str(error)) from error


def _in_words(vectors: tuple[VectorSpec, ...]) -> str:
    return ", ".join(
        f"{vector.name!r} ({vector.length} coordinates up to {vector.max_abs_input}, {vector.modulus_bits} bits)"
        for vector in vectors
    )
