"""A client's own conditions for taking part: pinned by the client, never taken from the server.

POL-1  Every line is checked before the client makes a key; the first one broken is named and nothing is sent.
POL-2  Digests are compared with what this client received and hashed itself: a server that hands out different models
       (Pasquini et al., CCS 2022) gets no upload from whoever's model is not the session's.
POL-3  Degree and threshold are judged by the client itself, against the adversary it assumes: a graph in which some
       client could be unmasked with probability above 2^-40 is refused.
POL-4  Between the session's cohort and each earlier one that this client uploaded to, nobody or at least `min_cohort`
       clients joined, and nobody or at least so many left (`cohorts`).
POL-5  An iteration is taken part in once: no session of it is started again with other survivors, so no two sums hold
       the same vectors. Whoever wants to try again announces another iteration: fresh noise, another charge.
"""

from dataclasses import dataclass, field

from ..errors import ParametersError, PolicyRule, PolicyViolationError
from ..params import DIGEST_SIZE, NOTHING, SessionParams
from ..primitives.signing import IDENTITY_SIZE
from .cohorts import Cohorts
from .graph import Adversary, check


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """What a client insists on.

    Attributes:
        roster: The identities (Ed25519 public keys, 32 bytes) it knows, its own included.
        min_cohort: Fewest clients in a session.
        min_survivors: Fewest vectors in a sum that its own vector is part of.
        min_corrupt: Refuse sessions that assume fewer corrupt clients than this.
        adversary: What the server is assumed to be able to do (`graph.Adversary`).
        last_iteration: Newest iteration it took part in, 0 for none. The caller must store it durably, before the
            client's first response leaves.
        earlier: Cohorts of the sessions it uploaded to, each stored durably before the upload leaves.
        architectures: SHA-256 digests of the model architectures it agrees to train.
        model_digest: SHA-256 of the model it received; like the other two, `params.NOTHING` if there is none.
        anchors_digest: SHA-256 of the anchors it received.
        privacy_digest: SHA-256 of the differential privacy parameters it received.

    Raises:
        ParametersError: a field has the wrong type, size or sign.
    """

    roster: frozenset[bytes]
    min_cohort: int
    min_survivors: int
    min_corrupt: int
    adversary: Adversary = Adversary.MALICIOUS
    last_iteration: int
    earlier: Cohorts = field(default_factory=Cohorts)
    architectures: frozenset[bytes] = frozenset({NOTHING})
    model_digest: bytes = NOTHING
    anchors_digest: bytes = NOTHING
    privacy_digest: bytes = NOTHING

    def __post_init__(self) -> None:
        if any(len(identity) != IDENTITY_SIZE for identity in self.roster):
            raise ParametersError(f"policy: every identity in the roster is {IDENTITY_SIZE} bytes")
        digests = (*self.architectures, self.model_digest, self.anchors_digest, self.privacy_digest)
        if any(len(digest) != DIGEST_SIZE for digest in digests):
            raise ParametersError(f"policy: every digest is {DIGEST_SIZE} bytes")
        if min(self.min_cohort, self.min_survivors) < 2 or min(self.min_corrupt, self.last_iteration) < 0:
            raise ParametersError(
                "policy: min_cohort and min_survivors are at least 2, min_corrupt and last_iteration at least 0"
            )
        if self.last_iteration >= 2**64:
            raise ParametersError("policy: last_iteration is below 2^64, as every iteration is")

    def check(self, params: SessionParams) -> None:
        """Checks a session against every line.

        Raises:
            PolicyViolationError: names the first line that the session breaks.
        """
        conflict = self.earlier.conflict(params.identities, self.min_cohort)
        unknown = [index for index, identity in enumerate(params.identities) if identity not in self.roster]
        lines = (
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
                params.iteration > self.last_iteration,
                f"iteration {params.iteration} is not after {self.last_iteration}, the last one taken part in",
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
        )
        for rule, holds, problem in lines:
            if not holds:
                raise PolicyViolationError(rule, problem)
        self._check_graph(params)

    def _check_graph(self, params: SessionParams) -> None:
        try:
            check(
                params.clients,
                degree=params.degree,
                threshold=params.threshold,
                corrupt=params.corrupt,
                adversary=self.adversary,
                dropouts=params.clients - params.min_survivors,
            )
        except ParametersError as error:
            raise PolicyViolationError(PolicyRule.GRAPH, str(error)) from error
