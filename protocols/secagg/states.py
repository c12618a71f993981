"""The states of both machines, one frozen class each, and the tables that say which message is legal in which.

STA-1  A message that is not in its machine's table is refused before it is decoded.
STA-2  A client's secrets live in its state, no longer than needed: the keys until the vectors are masked, the shares
       until the one reveal. Vectors are in no state. `Unmasked` and `Aborted` hold nothing. Beside its state a client
       keeps its last answer, which the server was given. A snapshot holds no more.
STA-3  A state is taken in one atomic step: of two threads one has it, and the other is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..codec import Words
from ..graph import Graph
from ..held import Aborted as Aborted  # noqa: PLC0414  (one of both machines' states)
from ..params import SessionParams
from ..policy import ClientPolicy
from ..primitives.key_agreement import KeyPair
from .messages import (
    AdvertiseKeysRequest,
    AdvertiseKeysResponse,
    Advertisement,
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    MaskedInputRequest,
    MaskedInputResponse,
    Request,
    Response,
    ShareKeysRequest,
    ShareKeysResponse,
    SharePair,
    UnmaskingRequest,
    UnmaskingResponse,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Invited:
    """Client: has a policy and randomness, waits for a session to judge."""

    policy: ClientPolicy
    random: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeysAdvertised:
    """Client: has advertised its keys, waits for those of its neighbors until `deadline`, in seconds of its clock."""

    params: SessionParams
    index: int
    deadline: int
    seal_keys: KeyPair = field(repr=False)
    mask_keys: KeyPair = field(repr=False)
    mask_key: bytes = field(repr=False)
    self_mask_seed: bytes = field(repr=False)
    sharing_seed: bytes = field(repr=False)
    advertisement: Advertisement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeysShared:
    """Client: has sealed shares of its secrets for its neighbors, waits for theirs."""

    params: SessionParams
    index: int
    graph: Graph
    seal_keys: KeyPair = field(repr=False)
    mask_keys: KeyPair = field(repr=False)
    self_mask_seed: bytes = field(repr=False)
    neighbors: Mapping[int, Advertisement]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputMasked:
    """Client: has delivered its masked vectors, waits for the survivor set.

    Attributes:
        params: Of the session.
        index: Its own.
        graph: As it was shown.
        shares: Of the secrets of neighbors whose boxes opened, by neighbor.
        unopened: Neighbors whose boxes did not.
    """

    params: SessionParams
    index: int
    graph: Graph
    shares: Mapping[int, SharePair] = field(repr=False)
    unopened: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivorsSigned:
    """Client: has signed one survivor set, waits for the others' signatures and the request to unmask it."""

    params: SessionParams
    index: int
    graph: Graph
    shares: Mapping[int, SharePair] = field(repr=False)
    survivors: frozenset[int]


@dataclass(frozen=True, slots=True)
class Unmasked:
    """Client: has released its shares, once. The end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Server: has parameters, has sent nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectingAdvertisements:
    """Server, round 0 is open."""

    received: dict[int, Advertisement] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingBoxes:
    """Server, round 1 is open. `received` is by sender, then recipient."""

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    received: dict[int, Mapping[int, bytes]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingInputs:
    """Server, round 2 is open. All that is kept of an input is its part in the accumulator.

    Attributes:
        advertisements: Of all clients that advertised.
        graph: Among them.
        sharers: Clients that shared their secrets; neighbors hold shares of one another's.
        accumulator: Sums of the inputs received so far, one for each of the session's vectors, shape [m] each.
        received: Their senders, and of each the neighbors that it named: whose boxes did not open.
    """

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingSignatures:
    """Server, round 3 is open. `unopened` says whose boxes did not open for a survivor, which lacks their shares."""

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    survivors: frozenset[int]
    unopened: Mapping[int, frozenset[int]]
    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingShares:
    """Server, round 4 is open. `signers` were asked."""

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    survivors: frozenset[int]
    unopened: Mapping[int, frozenset[int]]
    signers: frozenset[int]
    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, UnmaskingResponse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completed:
    """Server: has the sums of the survivors' vectors, by name.

    Attributes:
        survivors: Whose vectors they are.
        aggregate: One sum for each of the session's vectors, shape [m] each.
        unopened: By survivor, the neighbors whose boxes did not open, as the survivor says.
        wrong_shares: By owner of a secret, the holders whose share of it was wrong and has been corrected.
        liars: Clients that lied for certain.
    """

    survivors: frozenset[int]
    unopened: Mapping[int, frozenset[int]]
    aggregate: Mapping[str, NDArray[np.int64]] = field(repr=False)
    wrong_shares: Mapping[int, frozenset[int]]
    liars: frozenset[int]


ClientState: TypeAlias = Invited | KeysAdvertised | KeysShared | InputMasked | SurvivorsSigned | Unmasked | Aborted
ServerState: TypeAlias = (
    Ready
    | CollectingAdvertisements
    | CollectingBoxes
    | CollectingInputs
    | CollectingSignatures
    | CollectingShares
    | Completed
    | Aborted
)


CLIENT_TRANSITIONS: Mapping[tuple[type[ClientState], type[Request]], type[ClientState]] = MappingProxyType(
    {
        (Invited, AdvertiseKeysRequest): KeysAdvertised,
        (KeysAdvertised, ShareKeysRequest): KeysShared,
        (KeysShared, MaskedInputRequest): InputMasked,
        (InputMasked, ConsistencyCheckRequest): SurvivorsSigned,
        (SurvivorsSigned, UnmaskingRequest): Unmasked,
    }
)
"""A request that succeeds leads to the state named here; one that fails, or is not here, leads to `Aborted`."""

SERVER_TRANSITIONS: Mapping[tuple[type[ServerState], type[Response]], type[ServerState]] = MappingProxyType(
    {
        (CollectingAdvertisements, AdvertiseKeysResponse): CollectingBoxes,
        (CollectingBoxes, ShareKeysResponse): CollectingInputs,
        (CollectingInputs, MaskedInputResponse): CollectingSignatures,
        (CollectingSignatures, ConsistencyCheckResponse): CollectingShares,
        (CollectingShares, UnmaskingResponse): Completed,
    }
)
"""Closing the round that collects such responses leads to the state named here; with too few, to `Aborted`."""
