"""The states of both machines, one frozen class each, and the tables that say which message is legal in which.

SPS-1  A message that is not in its machine's table is refused before it is decoded.
SPS-2  A secret lives in its state no longer than needed. Mask keys and seeds end when the client speaks, whoever is no
       member keeps nothing then; seal keys end when the boxes are opened, shares at the one release; all of them when
       the client's own clock says that the window is over (`Client.expire`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..codec import Words
from ..held import Aborted as Aborted  # noqa: PLC0414  (one of both machines' states)
from ..primitives.key_agreement import KeyPair
from ..primitives.merkle import Tree
from .messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    Manifest,
    OpenBoxesRequest,
    OpenBoxesResponse,
    Request,
    Response,
    SpeakRequest,
    SpeakResponse,
    UnmaskingRequest,
    UnmaskingResponse,
)
from .params import Prekeys, WindowParams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrekeysPublished:
    """Client: has published its keys, waits for the window."""

    random: bytes = field(repr=False)
    seal_keys: KeyPair = field(repr=False)
    mask_keys: KeyPair = field(repr=False)
    self_mask_seed: bytes = field(repr=False)
    sharing_seed: bytes = field(repr=False)
    prekeys: Prekeys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Appointed:
    """Client: has spoken, and is a member; waits for the window's end and its boxes."""

    params: WindowParams
    index: int
    seal_keys: KeyPair = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxesOpened:
    """Client: a member that has said which boxes opened, waits for the survivor set.

    Attributes:
        params: The window's parameters.
        index: The client.
        digests: Of the messages whose boxes it was given, by sender.
        dealt: What was inside those that opened, by sender.
    """

    params: WindowParams
    index: int
    digests: Mapping[int, bytes]
    dealt: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivorsSigned:
    """Client: a member that has signed one survivor set, waits for the others' signatures."""

    params: WindowParams
    index: int
    dealt: Mapping[int, bytes] = field(repr=False)
    counted: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Finished:
    """Client: has spoken, and released its shares if it was a member; or the window is over. Holds nothing."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Server: has parameters, has sent nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What the server keeps of a client's message: all but the vectors, and of the boxes what was not delivered yet."""

    manifest: Manifest
    commitments: Sequence[bytes]
    roots: Sequence[bytes]
    boxes: Sequence[bytes] = field(repr=False)
    tree: Tree = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingInputs:
    """Server, the window is open. All that is kept of an input's vectors is their part in the accumulator."""

    accumulator: Sequence[Words] = field(repr=False)
    received: dict[int, Spoken] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingReports:
    """Server: members open their boxes. `received` is by member: whose boxes did not open."""

    accumulator: Sequence[Words] = field(repr=False)
    spoken: Mapping[int, Spoken] = field(repr=False)
    received: dict[int, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingSignatures:
    """Server: members sign the survivor set. `holders` says, by survivor, which members hold its shares."""

    accumulator: Sequence[Words] = field(repr=False)
    spoken: Mapping[int, Spoken] = field(repr=False)
    holders: Mapping[int, frozenset[int]]
    counted: Mapping[int, bytes]
    asked: frozenset[int]
    received: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectingShares:
    """Server: members release shares, once. `signers` were asked."""

    accumulator: Sequence[Words] = field(repr=False)
    spoken: Mapping[int, Spoken] = field(repr=False)
    holders: Mapping[int, frozenset[int]]
    counted: Mapping[int, bytes]
    signers: frozenset[int]
    received: dict[int, UnmaskingResponse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completed:
    """Server: has the sums of the survivors' vectors, by name.

    Attributes:
        survivors: Whose vectors they are.
        aggregate: One sum for each of the session's vectors, shape [m] each.
        liars: Members that released another share than they were dealt.
    """

    survivors: frozenset[int]
    aggregate: Mapping[str, NDArray[np.int64]] = field(repr=False)
    liars: frozenset[int]


ClientState: TypeAlias = PrekeysPublished | Appointed | BoxesOpened | SurvivorsSigned | Finished | Aborted
ServerState: TypeAlias = (
    Ready | CollectingInputs | CollectingReports | CollectingSignatures | CollectingShares | Completed | Aborted
)

CLIENT_TRANSITIONS: Mapping[tuple[type[ClientState], type[Request]], frozenset[type[ClientState]]] = MappingProxyType(
    {
        (PrekeysPublished, SpeakRequest): frozenset({Appointed, Finished}),
        (Appointed, OpenBoxesRequest): frozenset({BoxesOpened}),
        (BoxesOpened, ConsistencyCheckRequest): frozenset({SurvivorsSigned}),
        (SurvivorsSigned, UnmaskingRequest): frozenset({Finished}),
    }
)
"""A request that succeeds leads to a state named here; one that fails, or is not here, leads to `Aborted`."""

SERVER_TRANSITIONS: Mapping[tuple[type[ServerState], type[Response]], type[ServerState]] = MappingProxyType(
    {
        (CollectingInputs, SpeakResponse): CollectingReports,
        (CollectingReports, OpenBoxesResponse): CollectingSignatures,
        (CollectingSignatures, ConsistencyCheckResponse): CollectingShares,
        (CollectingShares, UnmaskingResponse): Completed,
    }
)
"""Closing the round that collects such responses leads to the state named here; with too few, to `Aborted`."""
