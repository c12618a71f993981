"""What an artist releases, and in which session, as one line of a ledger says it.

REL-1  A release states its cost in every view, or it is none.
REL-2  There is one way to write a release down; whatever is written otherwise is not read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from dp_accounting import DpEvent, NonPrivateDpEvent

from ..errors import InputError
from .accounting import decode_event, encode_event
from .mechanism import Mechanism, View

_ID_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMark:
    """The session that a release is made in.

    Attributes:
        number: The session's number, which only rises, from 1.
        session_id: What all the session's parameters hash to, 32 bytes.
        roster: Merkle root of the identities in it, 32 bytes.
        platform: The platform's Ed25519 public key, 32 bytes: numbers rise for each platform on its own.

    Raises:
        InputError: If a field is out of range.
    """

    number: int
    session_id: bytes
    roster: bytes
    platform: bytes

    def __post_init__(self) -> None:
        sizes = {len(self.session_id), len(self.roster), len(self.platform)}
        if type(self.number) is not int or self.number < 1 or sizes != {_ID_SIZE}:
            raise InputError(f"a session has a number from 1, and an id, a roster and a platform of {_ID_SIZE} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One line of a ledger.

    Attributes:
        name: What is released, for example ``head`` or ``signature``.
        iteration: In which iteration, from 0.
        events: The cost in every view.
        delta_slack: Failure probability of the mechanism, added to delta.
        session: In which session; None for what an artist releases alone.

    Raises:
        InputError: If a view is missing, or a number is out of range.
        PrivacyError: If an event cannot be written down.
    """

    name: str
    iteration: int
    events: Mapping[View, DpEvent]
    delta_slack: float
    session: SessionMark | None = None

    def __post_init__(self) -> None:
        if set(self.events) != set(View):
            raise InputError(f"release {self.name!r} states its cost in {sorted(self.events)}, not in every view")
        if self.iteration < 0 or not 0 <= self.delta_slack < 1:
            raise InputError(f"release {self.name!r} needs iteration >= 0 and 0 <= delta_slack < 1")
        for event in self.events.values():
            encode_event(event)

    @classmethod
    def of(cls, mechanism: Mechanism, *, name: str, iteration: int, session: SessionMark | None = None) -> Self:
        """The cost of one use of `mechanism`."""
        events = {view: mechanism.event(view) for view in View}
        return cls(name=name, iteration=iteration, events=events, delta_slack=mechanism.delta_slack, session=session)

    @classmethod
    def unbounded(cls, name: str) -> Self:
        """A release of unknown cost, which counts as everything."""
        return cls(name=name, iteration=0, events=dict.fromkeys(View, NonPrivateDpEvent()), delta_slack=0.0)

    def encode(self) -> str:
        """Canonical JSON."""
        fields = {
            "name": self.name,
            "iteration": self.iteration,
            "events": {view.value: encode_event(event) for view, event in self.events.items()},
            "delta_slack": self.delta_slack,
            "session": None if self.session is None else _write_mark(self.session),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `encode`, for parsed JSON; the caller compares what the result encodes to (REL-2).

        Raises:
            ValueError, KeyError, TypeError, AttributeError, InputError, PrivacyError: Not a release.
        """
        match fields:
            case {
                "name": str(name),
                "iteration": int(iteration),
                "events": dict(events),
                "delta_slack": float(slack),
                "session": session,
            }:
                costs = {View(view): decode_event(event) for view, event in events.items()}
                mark = None if session is None else _read_mark(session)
                return cls(name=name, iteration=iteration, events=costs, delta_slack=slack, session=mark)
        raise ValueError("a release has a name, an iteration, events, delta_slack and a session")


def _write_mark(mark: SessionMark) -> dict[str, int | str]:
    return {
        "number": mark.number,
        "id": mark.session_id.hex(),
        "roster": mark.roster.hex(),
        "platform": mark.platform.hex(),
    }


def _read_mark(fields: dict[str, Any]) -> SessionMark:
    names = {"session_id": "id", "roster": "roster", "platform": "platform"}
    return SessionMark(number=fields["number"], **{field: bytes.fromhex(fields[name]) for field, name in names.items()})
