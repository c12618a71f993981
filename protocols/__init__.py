"""Sans-I/O secure aggregation: a server learns the sum of its clients' integer vectors and no single one of them.

Nothing here opens a socket, reads a clock, touches a disk or draws randomness: bytes go in, bytes come out, and both
time ("close this round") and randomness are arguments.
"""

from .cohorts import Cohorts
from .envelope import Envelope, Purpose
from .errors import (
    AbortReason,
    FaultyClientError,
    FaultyServerError,
    LocalProtocolError,
    ParametersError,
    PolicyRule,
    PolicyViolationError,
    ProtocolError,
    RemoteError,
    SessionAborted,
)
from .graph import Adversary, parameters
from .masking import Crew
from .params import SessionParams, VectorSpec
from .policy import ClientPolicy
from .secagg.client import CLIENT_RANDOM_BYTES, Client
from .secagg.server import Server
from .vault import Position, SnapshotError, Vault

__all__ = [
    "CLIENT_RANDOM_BYTES",
    "AbortReason",
    "Adversary",
    "Client",
    "ClientPolicy",
    "Cohorts",
    "Crew",
    "Envelope",
    "FaultyClientError",
    "FaultyServerError",
    "LocalProtocolError",
    "ParametersError",
    "PolicyRule",
    "PolicyViolationError",
    "Position",
    "ProtocolError",
    "Purpose",
    "RemoteError",
    "Server",
    "SessionAborted",
    "SessionParams",
    "SnapshotError",
    "Vault",
    "VectorSpec",
    "parameters",
]
