"""The protocol's defenses, each by the text that makes it, and what `deviations` look for when it is missing."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..edits import Edit, applied
from .deviations import (
    Alienate,
    AskTwoSets,
    CraftedModel,
    Forge,
    Isolate,
    LeaveOut,
    LowSurvivors,
    LowThreshold,
    NobodyCorrupt,
    OtherSession,
    Phantoms,
    Repeat,
    Rollback,
    Rotate,
    SmallOrder,
    Split,
    SplitWithOldSignatures,
    Strangers,
    Sybils,
    Tables,
    TooFew,
)
from .plan import Deviation


@dataclass(frozen=True, slots=True)
class Ablation:
    """Defenses that are taken away together.

    Attributes:
        name: What is missing.
        edits: Where it was.
        because: Why one row holds several edits, or why a single missing check is no leak: what else stands in the way.
        attacks: Deviations that look for exactly this; a hunt takes them every other time.
    """

    name: str
    edits: tuple[Edit, ...]
    because: str = ""
    attacks: tuple[type[Deviation], ...] = ()

    def applied(self) -> AbstractContextManager[None]:
        """The protocol without these defenses."""
        return applied(self.edits)


_CLIENT = "protocols.secagg.client"
_POLICY = "protocols.secagg.policy"

VERIFY_ADVERTISEMENT = Edit(f"{_CLIENT}:_share_keys", "verify_advertisement(params, peer, advertisement)", "pass")
OWN_ENTRY = Edit(f"{_CLIENT}:_share_keys", "if request.advertisements.get(index) != state.advertisement:", "if False:")
NEIGHBORS = Edit(f"{_CLIENT}:_share_keys", "if peers.keys() != graph.neighbors(index):", "if False:")
ENOUGH_ADVERTISED = Edit(f"{_CLIENT}:_graph", "if len(digests) < params.min_survivors:", "if False:")
GRAPH_DIGEST = Edit(
    "protocols.secagg.graph:Graph.over",
    "min(degree, others), digest)",
    "min(degree, others), sha256(session_id).digest())",
)
SENDERS = Edit(f"{_CLIENT}:_mask_input", "if not request.boxes.keys() <= state.neighbors.keys():", "if False:")
ENOUGH_BOXES = Edit(f"{_CLIENT}:_mask_input", "if len(request.boxes) < params.threshold:", "if False:")
LEFT_OUT = Edit(f"{_CLIENT}:_sign_survivors", "if state.index not in survivors:", "if False:")
ENOUGH_SURVIVORS = Edit(f"{_CLIENT}:_sign_survivors", "if len(survivors) < params.min_survivors:", "if False:")
ADVERTISED = Edit(f"{_CLIENT}:_sign_survivors", "if not survivors <= set(graph.order):", "if False:")
BOX_OF_NEIGHBOR = Edit(f"{_CLIENT}:_sign_survivors", "if not near <= state.shares.keys():", "if False:")
ENOUGH_NEIGHBORS = Edit(f"{_CLIENT}:_sign_survivors", "if len(near) < params.threshold:", "if False:")
SIGNERS_SURVIVED = Edit(f"{_CLIENT}:_unmask", "if not request.signatures.keys() <= survivors:", "if False:")
ENOUGH_SIGNATURES = Edit(f"{_CLIENT}:_unmask", "if len(request.signatures) < params.confirmations:", "if False:")
VERIFY_SURVIVORS = Edit(
    f"{_CLIENT}:_unmask", "verify_survivors(params, state.graph, signer, survivors, signature)", "pass"
)
CONFIRMATIONS = Edit(
    "protocols.params:SessionParams.confirmations",
    "(self.clients + self.corrupt) // 2 + 1",
    "(self.clients + self.corrupt) // 2",
)
SIGN_GRAPH = Edit(
    "protocols.secagg.statements:sign_survivors", "Domain.SURVIVORS.bind(graph.digest)", "Domain.SURVIVORS.value"
)
VERIFY_GRAPH = Edit(
    "protocols.secagg.statements:verify_survivors", "Domain.SURVIVORS.bind(graph.digest)", "Domain.SURVIVORS.value"
)
SIGNED_ONCE = Edit(f"{_CLIENT}:_sign_survivors", "return after, ", "return state, ")
UNMASKED_ONCE = Edit(f"{_CLIENT}:_unmask", "return Unmasked(), ", "return state, ")
REFUSAL_IS_FINAL = Edit(
    f"{_CLIENT}:Client.receive", "state, self._state = self._state, Aborted()", "state = self._state"
)
AT_LEAST = Edit("protocols.secagg.snapshot:unseal", "if position < at_least:", "if False:")
THRESHOLD = Edit(
    "protocols.params:SessionParams._check_guarantees",
    "complete and 2 * self.threshold <= self.degree + self.corrupt",
    "False",
)
GRAPH_RULE = Edit(f"{_POLICY}:ClientPolicy.check", "self._check_graph(params)", "pass")
SMALL_ORDER = Edit(
    "protocols.primitives.key_agreement:KeyPair.agree",
    'raise InvalidKeyError("not an X25519 public key, or one of small order") from error',
    "secret = bytes(KEY_SIZE)",
)
SESSION_OF_MODEL = Edit(
    "protocols.params:SessionParams.__post_init__",
    "content = self._encode_fields() + self.roster_root",
    "content = self._encode_fields().replace(self.model_digest, NOTHING) + self.roster_root",
)
SESSION_OF_MESSAGE = Edit(
    "protocols.secagg.messages:Message.decode",
    "if reader.take(len(params.session_id)) != params.session_id:",
    "if not reader.take(len(params.session_id)):",
)
BOX_OF = tuple(
    Edit(f"{_CLIENT}:{function}", f"Domain.BOX.bind(graph.digest, {pair})", "Domain.BOX.bind(graph.digest)")
    for function, pair in (("_share_keys", "index, peer"), ("_mask_input", "peer, index"))
)


def _policy(line: str) -> Edit:
    return Edit(f"{_POLICY}:ClientPolicy.check", line, "True,")


LEAKS = (
    Ablation("advertisements are not verified", (VERIFY_ADVERTISEMENT,), attacks=(Forge,)),
    Ablation("the server says who is whose neighbor", (NEIGHBORS,), attacks=(Strangers,)),
    Ablation("keys do not bind the graph", (GRAPH_DIGEST,), attacks=(Tables,)),
    Ablation("keys of small order are agreed with", (SMALL_ORDER,), attacks=(SmallOrder,)),
    Ablation("vectors are masked with any number of neighbors", (ENOUGH_BOXES,), attacks=(Isolate,)),
    Ablation("any number of survivors is signed", (ENOUGH_SURVIVORS,), attacks=(TooFew,)),
    Ablation("survivors need not have advertised", (ADVERTISED,), attacks=(Phantoms,)),
    Ablation("neighbors survive without a box", (BOX_OF_NEIGHBOR,), attacks=(Alienate,)),
    Ablation("a client signs a set that leaves it out", (LEFT_OUT,), attacks=(LeaveOut,)),
    Ablation(
        "a client signs without itself, and without neighbors",
        (LEFT_OUT, ENOUGH_NEIGHBORS),
        "in small rings too few neighbors are left around a moat, and that check stands in",
        attacks=(LeaveOut,),
    ),
    Ablation("(n + c) / 2 signatures confirm a set", (CONFIRMATIONS,), attacks=(Split,)),
    Ablation("any number of signatures confirms a set", (ENOUGH_SIGNATURES,), attacks=(Split,)),
    Ablation("signatures on survivor sets are not verified", (VERIFY_SURVIVORS,), attacks=(Rotate,)),
    Ablation(
        "signatures on survivor sets do not bind the graph",
        (SIGN_GRAPH, VERIFY_GRAPH),
        "both sides of one format",
        attacks=(SplitWithOldSignatures,),
    ),
    Ablation("a client signs twice", (SIGNED_ONCE,), attacks=(AskTwoSets,)),
    Ablation("a client unmasks twice", (UNMASKED_ONCE,), attacks=(Repeat,)),
    Ablation("a refusal can be followed by another try", (REFUSAL_IS_FINAL,), attacks=(Repeat,)),
    Ablation("an old snapshot is as good as the newest", (AT_LEAST,), attacks=(Rollback,)),
    Ablation("policy: any graph will do", (GRAPH_RULE,), attacks=(LowThreshold,)),
    Ablation(
        "twice the threshold does not exceed degree and corrupt clients",
        (THRESHOLD, GRAPH_RULE),
        "the parameters refuse it, and so does every policy",
        attacks=(LowThreshold,),
    ),
    Ablation("policy: anyone may be invited", (_policy("not unknown,"),), attacks=(Sybils,)),
    Ablation(
        "policy: any minimum of survivors will do",
        (_policy("params.min_survivors >= self.min_survivors,"),),
        attacks=(LowSurvivors,),
    ),
    Ablation(
        "policy: nobody need be assumed corrupt",
        (_policy("params.corrupt >= self.min_corrupt,"),),
        attacks=(NobodyCorrupt,),
    ),
    Ablation(
        "policy: iterations repeat", (_policy("params.iteration > self.last_iteration,"),), attacks=(OtherSession,)
    ),
    Ablation(
        "policy: the model is not compared",
        (_policy("params.model_digest == self.model_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: the anchors are not compared",
        (_policy("params.anchors_digest == self.anchors_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: privacy is not compared",
        (_policy("params.privacy_digest == self.privacy_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: any architecture will do",
        (_policy("params.architecture_digest in self.architectures,"),),
        attacks=(OtherSession,),
    ),
    Ablation("the session is the same for every model", (SESSION_OF_MODEL,), attacks=(CraftedModel,)),
)
"""Without these the adversary gets something."""

COVERED = (
    Ablation(
        "a client does not look for its own advertisement",
        (OWN_ENTRY,),
        "the graph's digest differs from everyone else's, so no box opens and no signature verifies",
    ),
    Ablation(
        "any number of advertisements will do", (ENOUGH_ADVERTISED,), "survivors have advertised, and are counted again"
    ),
    Ablation("boxes may come from strangers", (SENDERS,), "there is no key to open them with"),
    Ablation(
        "boxes do not bind sender and recipient", BOX_OF, "every pair has its own key; 2 t > k + c for reflections"
    ),
    Ablation("few neighbors may survive", (ENOUGH_NEIGHBORS,), "fewer than t holders give no secret away"),
    Ablation("who did not survive may sign", (SIGNERS_SURVIVED,), "corrupt signers are counted in already"),
    Ablation("messages of other sessions are read", (SESSION_OF_MESSAGE,), "nothing in them verifies or opens"),
)
"""One missing check alone does no harm: another layer stands behind it."""

_SERVER = "protocols.secagg.server"
_RECOVERY = "protocols.secagg.recovery"

EXACTNESS = (
    Ablation(
        "recovered secrets are not checked", (Edit(f"{_RECOVERY}:_Secrets._recover", "if fits(secret):", "if True:"),)
    ),
    Ablation(
        "corrected secrets are not checked",
        (Edit(f"{_RECOVERY}:_Secrets._correct", "if not fits(secret):", "if False:"),),
    ),
    Ablation(
        "a second response counts too", (Edit(f"{_SERVER}:_require_first", "if index in received:", "if False:"),)
    ),
)
"""Without these, clients that lie make an honest server's sum wrong."""
