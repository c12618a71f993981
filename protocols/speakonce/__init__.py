"""Secure aggregation for clients that are not online together: one message each, and a committee that answers later.

Keys are published ahead. Once the roster is frozen and a beacon drawn, each client sends one message whenever it comes
online in a window of hours or days; members of a committee, drawn from the clients, unmask what came. After Flamingo
(Ma et al., IEEE S&P 2023). Read `messages` for everything that crosses the wall between a client and the server,
`states` for the order in which it may cross, and docs/protocol.md for when to take which protocol.
"""

from .client import CLIENT_RANDOM_BYTES, Client
from .committee import parameters
from .params import Prekeys, WindowParams
from .policy import WindowPolicy
from .server import Server
from .statements import verify_prekeys

__all__ = [
    "CLIENT_RANDOM_BYTES",
    "Client",
    "Prekeys",
    "Server",
    "WindowParams",
    "WindowPolicy",
    "parameters",
    "verify_prekeys",
]
