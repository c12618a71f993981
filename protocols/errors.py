"""Every error of `protocols`, and whom it blames.

```
ProtocolError
├── LocalProtocolError          the caller of this library broke its contract; no peer is to blame
│   └── ParametersError         session parameters or a policy that nobody should run with
├── RemoteError                 a peer sent what this side must refuse
│   ├── PolicyViolationError    seen by a client: a session that its own policy forbids; names the rule
│   ├── FaultyServerError       seen by a client: what no honest server sends
│   └── FaultyClientError       seen by the server: what no honest client sends; names its index
├── SessionAborted              seen by the server: no sum will come out of this session; names the reason, and liars
└── InvalidDataError            bytes that are not what they claim to be; the state machines turn it into a RemoteError
    ├── MalformedMessageError   not a canonical encoding
    ├── InvalidKeyError         no public key, or one of small order
    ├── InvalidSignatureError   does not verify
    ├── InvalidBoxError         does not open
    ├── InvalidProofError       leaves that do not lead to their Merkle root
    └── InvalidShareError       no share of any secret, or shares of no secret
```

ERR-1  No message carries a secret, a share, a key or a coordinate of a vector.
"""

from enum import StrEnum


class PolicyRule(StrEnum):
    """The lines of a client's policy; a refused session names the first one it breaks."""

    SERVER = "server"
    """The server is the one whose key this client pinned."""
    ROSTER = "roster"
    """Every identity of the session is pinned by this client, its own among them."""
    MIN_COHORT = "min_cohort"
    """The session invites at least this many clients."""
    MIN_SURVIVORS = "min_survivors"
    """The session promises at least this many vectors in any sum."""
    MIN_CORRUPT = "min_corrupt"
    """The session assumes at least this many corrupt clients."""
    GRAPH = "graph"
    """Degree and threshold withstand the adversary that this client assumes."""
    ITERATION = "iteration"
    """The iteration is the one that was announced to this client."""
    SESSION = "session"
    """The session's number is higher than that of the last one this client took part in."""
    PATIENCE = "patience"
    """Its neighbors' keys come before this client's patience ends."""
    FROZEN = "frozen"
    """The frozen roster is the one this client saw published before the beacon was drawn."""
    BEACON = "beacon"
    """The beacon is the one this client read where it is drawn."""
    WINDOW = "window"
    """The window ends no later than this client keeps its keys."""
    COMMITTEE = "committee"
    """Ring and committee withstand the corrupt clients that this client assumes."""
    EARLIER = "earlier"
    """Beside each earlier cohort nobody or enough clients have joined, and nobody or enough have left."""
    ARCHITECTURE = "architecture"
    """The model architecture is on this client's allow-list."""
    MODEL = "model"
    """The model is the one this client received and hashed itself."""
    ANCHORS = "anchors"
    """The style anchors are the ones this client received and hashed itself."""
    PRIVACY = "privacy"
    """The privacy parameters are the ones this client received and hashed itself."""
    TRAINING = "training"
    """The training is the one this client agreed to."""
    CHECKPOINT = "checkpoint"
    """The log's checkpoint is the one this client was shown."""
    VECTOR = "vector"
    """The session sums what this client agreed to bring: names, lengths, moduli and bounds."""


class AbortReason(StrEnum):
    """Why a session ends without a sum."""

    TOO_FEW_ADVERTISEMENTS = "too few clients advertised keys"
    TOO_FEW_SHARINGS = "too few clients shared their secrets"
    TOO_FEW_SURVIVORS = "too few clients delivered a masked input"
    TOO_FEW_SIGNATURES = "too few survivors signed the survivor set"
    TOO_FEW_UNMASKINGS = "too few survivors released their shares"
    TOO_FEW_REPORTS = "too few members of the committee opened their boxes"
    THIN_WINDOW = "too few clients of one window of the ring delivered a masked input"
    SPOILED_BOXES = "boxes of an input that cannot be taken out any more did not open"
    INCONSISTENT_SHARES = "the released shares do not give back what their owner committed to"


class ProtocolError(Exception):
    """Root of all errors of this package."""


class LocalProtocolError(ProtocolError):
    """The caller broke the contract of this library, for example by calling out of order."""


class ParametersError(LocalProtocolError):
    """Parameters that would break a guarantee, refused before anything is done with them."""


def require_type(name: str, value: object, *kinds: type) -> None:
    """Checks what the caller of this library hands in.

    Raises:
        LocalProtocolError: it is of none of these types; a bool is no number.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise LocalProtocolError(f"{name}: {wanted} is needed, got {type(value).__name__}")


class RemoteError(ProtocolError):
    """A peer sent what this side must refuse."""


class FaultyServerError(RemoteError):
    """The server, or whoever speaks in its place, broke the protocol. The client is finished with this session."""


class PolicyViolationError(RemoteError):
    """The server proposed a session that this client's own policy forbids. Proves nothing but the proposal.

    Attributes:
        rule: The first line of the policy that the session breaks.
    """

    def __init__(self, rule: PolicyRule, detail: str) -> None:
        super().__init__(rule, detail)
        self.rule = rule
        self.detail = detail

    def __str__(self) -> str:
        return f"policy rule {self.rule}: {self.detail}"


class FaultyClientError(RemoteError):
    """A client's response was refused and not counted; an earlier response that was accepted stays counted.

    Attributes:
        index: The client's position in the roster.
    """

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(index, detail)
        self.index = index
        self.detail = detail

    def __str__(self) -> str:
        return f"client {self.index}: {self.detail}"


class SessionAborted(ProtocolError):  # noqa: N818  (an outcome the caller plans for; its reason is the error)
    """The session ends without a sum.

    Attributes:
        reason: Why.
        liars: Clients that must have lied, as in `Server.liars`; moreover the owner of a secret that its shares do not
            give back, where so many wrong shares cannot be other clients' doing. Mostly nobody.
    """

    def __init__(self, reason: AbortReason, detail: str, liars: frozenset[int] = frozenset()) -> None:
        super().__init__(reason, detail, liars)
        self.reason = reason
        self.detail = detail
        self.liars = liars

    def __str__(self) -> str:
        named = f"; clients {sorted(self.liars)} lied" if self.liars else ""
        return f"{self.reason}: {self.detail}{named}"


class InvalidDataError(ProtocolError):
    """Bytes that are not what they claim to be. Says nothing about who is to blame."""


class MalformedMessageError(InvalidDataError):
    """Not the canonical encoding of anything."""


class InvalidKeyError(InvalidDataError):
    """Not a usable public key."""


class InvalidSignatureError(InvalidDataError):
    """The signature does not verify under the given identity."""


class InvalidBoxError(InvalidDataError):
    """The box does not open: wrong key, wrong sender or recipient, other session, or altered bytes."""


class InvalidProofError(InvalidDataError):
    """The leaves do not lead to the Merkle root that they are said to be under."""


class InvalidShareError(InvalidDataError):
    """A number outside the field, or shares that combine to something which is no 32-byte secret."""
