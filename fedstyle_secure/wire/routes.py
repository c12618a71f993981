"""Where an artist's agent calls, what comes back, and how large a body may be.

Everything that an artist sends or gets is one sealed envelope; an artist always calls out.

WIR-1  A body's size is bounded by what it is for, before it is read.
WIR-2  Whatever is refused is answered with one JSON object ``{"error": sentence}``; the sentence says what is wrong,
       where, and how to mend it.
"""

import json
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from ..aggregation.letters import ENVELOPE_SIZE, Purpose
from ..announcement import ACKNOWLEDGMENT

CONTENT_TYPE: Final = "application/octet-stream"
"""Of every envelope."""
POLL_SECONDS: Final = 50
"""How long ``/v1/next`` waits at most for something to ask an artist; many proxies cut what is silent for 60."""
INSTANCE_BYTES: Final = 16
"""Random bytes that one start of an agent is told by: the body of its polls."""
NOTED: Final = b"noted"
"""What an artist answers to an `Outcome`."""
AGREED: Final = ACKNOWLEDGMENT
"""What an artist answers to an `Offer` that it takes; silence refuses."""
UPLOAD_LIMIT: Final = 64 << 20
"""Largest answer in a session, whatever the session's own sizes."""


class Route(StrEnum):
    """Paths. An artist posts an envelope to the first seven; the others are public, without a signature, by GET."""

    NEXT = "/v1/next"
    """Asks for the oldest open request: 200 with the platform's envelope, 204 after `POLL_SECONDS` with none."""
    ANSWERS = "/v1/answers"
    """Answers a request, under its purpose, session and round: 200 once that is committed."""
    JOIN = "/v1/join"
    """Enrols a new identity: 200 with a `Pins` in an envelope."""
    PUBLISH = "/v1/publish"
    """Publishes a signature: 200 with an `Entered` in an envelope, like the next two."""
    WITHDRAW = "/v1/withdraw"
    """Takes the published signature out of the catalogue."""
    LEAVE = "/v1/leave"
    """Retires the identity."""
    RENEW = "/v1/renew"
    """Replaces the identity by another of the same artist: 200 with a `Pins` in an envelope to that one."""
    CATALOGUE = "/v1/catalogue"
    FILES = "/v1/files/{sha256}"
    TRAININGS = "/v1/trainings/{digest}"
    """What a training is, as its digest says: a `PublicFacts`."""
    PINS = "/v1/pins"
    """Address, keys and the log's name, as the platform says them of itself; better had from somebody one trusts."""
    CHECKPOINT = "/v1/log/checkpoint"
    LEAVES = "/v1/log/leaves"
    INCLUSION = "/v1/log/inclusion"
    CONSISTENCY = "/v1/log/consistency"


class Status(IntEnum):
    """What an answer's HTTP status says to an agent."""

    DONE = 200
    NOTHING = 204
    """Nothing to ask now; poll again."""
    UNCHANGED = 304
    """A public page is what whoever asks has already."""
    MALFORMED = 400
    """No envelope, or a body that is none; sending it again changes nothing."""
    UNKNOWN = 401
    """An unknown or retired key, or a signature that does not verify."""
    MISSING = 404
    WRONG_METHOD = 405
    TOO_SLOW = 408
    """The body did not come in time; send it again."""
    CONFLICT = 409
    """Another answer than the first; a number that was used; or another instance of this agent is at work."""
    GONE = 410
    """Too late: the round is closed, or the token was used or expired."""
    TOO_LARGE = 413
    TOO_MANY = 429
    """Wait for as many seconds as ``Retry-After`` says."""
    BROKEN = 500
    """An error of the platform's own."""
    NOT_NOW = 503
    """The platform cannot keep it now, or has not asked yet; send the same again after ``Retry-After`` seconds."""


REPEATABLE: Final = frozenset({Status.TOO_SLOW, Status.TOO_MANY, Status.NOT_NOW})
"""Statuses after which the same bytes are sent again."""

ANSWERED: Final = frozenset({Purpose.ANNOUNCEMENT, Purpose.SESSION, Purpose.OFFER, Purpose.OUTCOME})
"""Purposes of what a platform asks, and of what comes to `Route.ANSWERS`."""

LIMITS: Final[Mapping[Purpose, int]] = MappingProxyType(
    {
        Purpose.ANNOUNCEMENT: 64,
        Purpose.SESSION: UPLOAD_LIMIT,
        Purpose.OFFER: 64,
        Purpose.OUTCOME: 64,
        Purpose.POLL: INSTANCE_BYTES,
        Purpose.JOIN: 8192,
        Purpose.PUBLISH: 8192,
        Purpose.WITHDRAW: 64,
        Purpose.LEAVE: 64,
        Purpose.RENEW: 1024,
    }
)
"""Largest body that an artist sends for each purpose, in bytes; a session's own sizes are smaller (WIR-1)."""

LARGEST_REQUEST: Final = 64 << 20
"""Largest envelope that a platform sends."""


def largest_envelope(purpose: Purpose) -> int:
    """Bytes of the largest envelope that an artist sends for a purpose."""
    return ENVELOPE_SIZE + LIMITS[purpose]


def encode_error(sentence: str) -> bytes:
    """The body of what is refused (WIR-2)."""
    return json.dumps({"error": sentence}, ensure_ascii=False).encode()


def decode_error(body: bytes) -> str:
    """The sentence of what was refused; what is no such body is a sentence too, since proxies answer as they like."""
    try:
        match json.loads(body):
            case {"error": str(sentence)}:
                return sentence
    except (ValueError, RecursionError):
        pass
    return f"an answer of {len(body)} bytes without a reason, not of a platform"
