"""The protocol's defenses, each by the text that makes it, and what `deviations` look for when it is missing."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..edits import Edit, applied
from .deviations import AskTwoSets, ConfirmAgain, Repeat, Rollback
from .evil_server import Deviation
from .on_inputs import Alienate, Isolate, LeaveOut, Phantoms, Rotate, Split, SplitWithOldSignatures, TooFew
from .on_keys import (
    CraftedModel,
    Forge,
    LowSurvivors,
    LowThreshold,
    NobodyCorrupt,
    OtherSession,
    SmallOrder,
    Strangers,
    Sybils,
    Tables,
)


@dataclass(frozen=True, slots=True)
class Ablation:
    """Defenses that are taken away together.

    Attributes:
        name: What is taken away.
        edits: Where it was.
        because: Why one row holds several edits, or why a single missing check is no leak: what else stands in the way.
        attacks: Deviations that look for exactly this; a hunt takes them every other time.
    """

    name: str
    edits: tuple[Edit, ...]
    because: str = ""
    attacks: tuple[type[Deviation], ...] = ()

    @property
    def places(self) -> str:
        """Where the defenses are, for people."""
        return ", ".join(dict.fromkeys(edit.place.replace(":", ", ") for edit in self.edits))

    def applied(self) -> AbstractContextManager[None]:
        """The protocol without these defenses."""
        return applied(self.edits)


_CLIENT = "protocols.secagg.client"
_POLICY = "protocols.policy"

VERIFY_ADVERTISEMENT = Edit(f"{_CLIENT}:_share_keys", "verify_advertisement(params, peer, advertisement)", "pass")
OWN_ENTRY = Edit(f"{_CLIENT}:_share_keys", "if request.advertisements.get(index) != state.advertisement:", "if False:")
NEIGHBORS = Edit(f"{_CLIENT}:_share_keys", "if peers.keys() != graph.neighbors(index):", "if False:")
ENOUGH_ADVERTISED = Edit(f"{_CLIENT}:_graph", "if len(digests) < params.min_survivors:", "if False:")
GRAPH_DIGEST = Edit(
    "protocols.graph:Graph.over",
    "min(degree, others), digest)",
    "min(degree, others), sha256(session_id).digest())",
)
SENDERS = Edit(f"{_CLIENT}:_open_boxes", "if not boxes.keys() <= state.neighbors.keys():", "if False:")
ENOUGH_BOXES = Edit(f"{_CLIENT}:_open_boxes", "if len(shares) < state.params.threshold:", "if False:")
LEFT_OUT = Edit(f"{_CLIENT}:_sign_survivors", "if state.index not in survivors:", "if False:")
ENOUGH_SURVIVORS = Edit(f"{_CLIENT}:_sign_survivors", "if len(survivors) < params.min_survivors:", "if False:")
ADVERTISED = Edit(f"{_CLIENT}:_sign_survivors", "if not survivors <= set(graph.order):", "if False:")
BOX_OF_NEIGHBOR = Edit(
    f"{_CLIENT}:_sign_survivors", "if not near <= state.shares.keys() | state.unopened:", "if False:"
)
ENOUGH_NEIGHBORS = Edit(f"{_CLIENT}:_sign_survivors", "if len(near) < params.threshold:", "if False:")
SIGNERS_SURVIVED = Edit(f"{_CLIENT}:_unmask", "if not request.signatures.keys() <= survivors:", "if False:")
ENOUGH_SIGNATURES = Edit(f"{_CLIENT}:_unmask", "if len(request.signatures) < params.confirmations:", "if False:")
VERIFY_SURVIVORS = Edit(
    f"{_CLIENT}:_unmask", "verify_survivors(params, state.graph, signer, survivors, signature)", "pass"
)
CONFIRMATIONS = Edit(
    "protocols.params:Terms.majority",
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
    "protocols.answering:Answering._respond",
    "after: tuple[K | Aborted, Answer | None] = Aborted(), None",
    "after: tuple[K | Aborted, Answer | None] = state, last",
)
AT_LEAST = Edit("protocols.vault:open_snapshot", "if position < at_least:", "if False:")
THRESHOLD = Edit(
    "protocols.params:SessionParams._check_guarantees",
    "complete and 2 * self.threshold <= self.degree + self.corrupt",
    "False",
)
GRAPH_RULE = Edit(f"{_POLICY}:ClientPolicy.check", "self._check_graph(params)", "pass")
AGREED_WEAK_KEYS = (
    Edit("protocols.primitives.key_agreement:KeyPair._point", "check_public_key(peer)", "pass"),
    Edit(
        "protocols.primitives.key_agreement:KeyPair._point",
        "self._points[peer] = self._private.exchange(X25519PublicKey.from_public_bytes(peer))",
        "self._points[peer] = bytes(KEY_SIZE)",
    ),
)
SMALL_ORDER = (
    Edit("protocols.secagg.statements:verify_advertisement", "check_public_key(advertisement.seal_key)", "pass"),
    Edit("protocols.secagg.statements:verify_advertisement", "check_public_key(advertisement.mask_key)", "pass"),
    *AGREED_WEAK_KEYS,
)
SESSION_OF_MODEL = Edit(
    "protocols.params:SessionParams._derive_session_id",
    "self._encode_fields()",
    "self._encode_fields().replace(self.model_digest, NOTHING)",
)
SESSION_OF_MESSAGE = Edit(
    "protocols.wire:open_message",
    "reader.take(len(params.session_id)) != params.session_id:",
    "not reader.take(len(params.session_id)):",
)
BOX_OF = tuple(
    Edit(f"{_CLIENT}:{function}", f"Domain.BOX.bind({graph}.digest, {pair})", f"Domain.BOX.bind({graph}.digest)")
    for function, graph, pair in (
        ("_share_keys", "graph", "index, peer"),
        ("_open_boxes", "state.graph", "peer, state.index"),
    )
)


def _policy(line: str) -> Edit:
    return Edit(f"{_POLICY}:ClientPolicy.check_terms", line, "True,")


LEAKS = (
    Ablation("verification of advertisements", (VERIFY_ADVERTISEMENT,), attacks=(Forge,)),
    Ablation("neighbors computed by the client", (NEIGHBORS,), attacks=(Strangers,)),
    Ablation("keys bound to the graph", (GRAPH_DIGEST,), attacks=(Tables,)),
    Ablation(
        "refusal of keys of small order",
        SMALL_ORDER,
        "refused with the advertisement and where keys are agreed on; OpenSSL would not go on with them either",
        attacks=(SmallOrder,),
    ),
    Ablation("enough boxes before masking", (ENOUGH_BOXES,), attacks=(Isolate,)),
    Ablation("enough survivors before signing", (ENOUGH_SURVIVORS,), attacks=(TooFew,)),
    Ablation("survivors that advertised", (ADVERTISED,), attacks=(Phantoms,)),
    Ablation("surviving neighbors that sent a box", (BOX_OF_NEIGHBOR,), attacks=(Alienate,)),
    Ablation("signing only with itself in the set", (LEFT_OUT,), attacks=(LeaveOut,)),
    Ablation(
        "itself and enough neighbors in the set",
        (LEFT_OUT, ENOUGH_NEIGHBORS),
        "in small rings too few neighbors are left around a moat, and that check stands in",
        attacks=(LeaveOut,),
    ),
    Ablation("more than (n + c) / 2 confirmations", (CONFIRMATIONS,), attacks=(Split,)),
    Ablation("a count of confirmations", (ENOUGH_SIGNATURES,), attacks=(Split,)),
    Ablation("verification of confirmations", (VERIFY_SURVIVORS,), attacks=(Rotate,)),
    Ablation(
        "confirmations bound to the graph",
        (SIGN_GRAPH, VERIFY_GRAPH),
        "both sides of one format",
        attacks=(SplitWithOldSignatures,),
    ),
    Ablation("signing once", (SIGNED_ONCE,), attacks=(AskTwoSets,)),
    Ablation("unmasking once", (UNMASKED_ONCE,), attacks=(ConfirmAgain,)),
    Ablation("finality of a refusal", (REFUSAL_IS_FINAL,), attacks=(Repeat,)),
    Ablation("refusal of old snapshots", (AT_LEAST,), attacks=(Rollback,)),
    Ablation("policy: graph", (GRAPH_RULE,), attacks=(LowThreshold,)),
    Ablation(
        "twice the threshold above degree and corrupt clients",
        (THRESHOLD, GRAPH_RULE),
        "the parameters refuse it, and so does every policy",
        attacks=(LowThreshold,),
    ),
    Ablation("policy: roster", (_policy("not unknown,"),), attacks=(Sybils,)),
    Ablation(
        "policy: minimum of survivors",
        (_policy("params.min_survivors >= self.min_survivors,"),),
        attacks=(LowSurvivors,),
    ),
    Ablation(
        "policy: minimum of corrupt clients",
        (_policy("params.corrupt >= self.min_corrupt,"),),
        attacks=(NobodyCorrupt,),
    ),
    Ablation("policy: server", (_policy("params.server_key == self.server_key,"),), attacks=(OtherSession,)),
    Ablation("policy: rising sessions", (_policy("params.session > self.last_session,"),), attacks=(OtherSession,)),
    Ablation("policy: iteration", (_policy("params.iteration == self.iteration,"),), attacks=(OtherSession,)),
    Ablation(
        "policy: model",
        (_policy("params.model_digest == self.model_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: anchors",
        (_policy("params.anchors_digest == self.anchors_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: privacy",
        (_policy("params.privacy_digest == self.privacy_digest,"),),
        attacks=(CraftedModel,),
    ),
    Ablation(
        "policy: architecture",
        (_policy("params.architecture_digest in self.architectures,"),),
        attacks=(OtherSession,),
    ),
    Ablation(
        "policy: training",
        (_policy("params.training_digest == self.training_digest,"),),
        attacks=(OtherSession,),
    ),
    Ablation(
        "policy: checkpoint of the log",
        (_policy("params.checkpoint_digest == self.checkpoint_digest,"),),
        attacks=(OtherSession,),
    ),
    Ablation("session bound to the model", (SESSION_OF_MODEL,), attacks=(CraftedModel,)),
)
"""Without these the adversary gets something."""

COVERED = (
    Ablation(
        "its own advertisement unchanged",
        (OWN_ENTRY,),
        "the graph's digest differs from everyone else's, so no box opens and no signature verifies",
    ),
    Ablation("enough advertisements", (ENOUGH_ADVERTISED,), "survivors have advertised, and are counted again"),
    Ablation("boxes from neighbors only", (SENDERS,), "there is no key to open them with"),
    Ablation("boxes bound to sender and recipient", BOX_OF, "every pair has its own key; 2 t > k + c for reflections"),
    Ablation("enough surviving neighbors", (ENOUGH_NEIGHBORS,), "fewer than t holders give no secret away"),
    Ablation("confirmations by survivors only", (SIGNERS_SURVIVED,), "corrupt signers are counted in already"),
    Ablation("messages bound to the session", (SESSION_OF_MESSAGE,), "nothing in them verifies or opens"),
)
"""One missing check alone does no harm: another layer stands behind it."""

_SERVER = "protocols.secagg.server"
_RECOVERY = "protocols.secagg.recovery"

EXACTNESS = (
    Ablation("check of recovered secrets", (Edit(f"{_RECOVERY}:_Secrets._recover", "if fits(secret):", "if True:"),)),
    Ablation(
        "check of corrected secrets",
        (Edit(f"{_RECOVERY}:_Secrets._correct", "if not fits(secret):", "if False:"),),
    ),
    Ablation(
        "liars beside more than may lie",
        (Edit(f"{_RECOVERY}:_Secrets.liars", "if len(others) > corrupt}", "if len(others) > 1}"),),
    ),
    Ablation(
        "owners named only if holders cannot be behind it",
        (Edit(f"{_RECOVERY}:_Secrets._correct", "proved=corrupt <= correctable", "proved=True"),),
    ),
    Ablation(
        "the first response only", (Edit("protocols.rounds:require_first", "if index in received:", "if False:"),)
    ),
)
"""Without these, clients that lie make an honest server's sum wrong, or make it call somebody honest a liar."""
