"""The states of both machines, one frozen class each, and the tables that say which message is legal in which.

STA-1  A message that is not in its machine's table is refused before it is decoded.
STA-2  A client's secrets live in its state, no longer than needed: the vector and the keys until the vector is masked,
       the shares until the one reveal. `Unmasked` and `Aborted` hold nothing. A snapshot holds no more than its state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..codec import Words
from ..params import SessionParams
from ..primitives.key_agreement import KeyPair
from .graph import Graph
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
from .policy import ClientPolicy


@dataclass(frozen=True, slots=True)
class Aborted:
    """Client or server: the session failed and cannot go on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Invited:
    """Client: has a policy, vectors and randomness, waits for a session to judge."""

    policy: ClientPolicy
    vectors: Mapping[str, NDArray[np.int64]] = field(repr=False)
    random: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeysAdvertised:
    """Client: has advertised its keys, waits for those of its neighbors."""

    params: SessionParams
    index: int
    vectors: Mapping[str, NDArray[np.int64]] = field(repr=False)
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
    vectors: Mapping[str, NDArray[np.int64]] = field(repr=False)
    graph: Graph
    seal_keys: KeyPair = field(repr=False)
    mask_keys: KeyPair = field(repr=False)
    self_mask_seed: bytes = field(repr=False)
    neighbors: Mapping[int, Advertisement]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputMasked:
    """Client: has delivered its masked vectors, waits for the survivor set. Holds shares of its neighbors' secrets."""

    params: SessionParams
    index: int
    graph: Graph
    shares: Mapping[int, SharePair] = field(repr=False)


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
        received: Their senders.
    """

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    accumulator: Sequence[Words] = field(repr=False)
    received: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingSignatures:
    """Server, round 3 is open."""

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    survivors: frozenset[int]
    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingShares:
    """Server, round 4 is open. `signers` were asked."""

    advertisements: Mapping[int, Advertisement]
    graph: Graph
    sharers: frozenset[int]
    survivors: frozenset[int]
    signers: frozenset[int]
    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, UnmaskingResponse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completed:
    """Server: has the sums of the survivors' vectors, by name.

    Attributes:
        survivors: Whose vectors they are.
        aggregate: One sum for each of the session's vectors, shape [m] each.
        wrong_shares: By owner of a secret, the holders whose share of it was wrong and has been corrected.
        liars: Clients that lied for certain.
    """

    survivors: frozenset[int]
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
