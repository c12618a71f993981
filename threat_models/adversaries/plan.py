"""What a server's plan is made of, and how it is bent."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from protocols import SessionParams
from protocols.secagg.graph import Graph
from protocols.secagg.messages import Advertisement, ShareKeysRequest

if TYPE_CHECKING:
    from .evil_server import EvilServer


@dataclass(frozen=True)
class View:
    """What one client, or many, are told about who advertised what."""

    params: SessionParams
    table: Mapping[int, Advertisement]

    @cached_property
    def digests(self) -> dict[int, bytes]:
        return {index: advertisement.digest for index, advertisement in self.table.items()}

    @cached_property
    def graph(self) -> Graph:
        return Graph.over(self.params.session_id, self.params.degree, self.digests)

    def circle(self, index: int) -> frozenset[int]:
        """Whom an honest server shows to a client in full."""
        return self.graph.neighbors(index) | {index} if index in self.table else frozenset(self.table)

    def request(self, full: frozenset[int]) -> bytes:
        return ShareKeysRequest(
            advertisements={i: advertisement for i, advertisement in self.table.items() if i in full},
            digests={i: digest for i, digest in self.digests.items() if i not in full},
        ).encode(self.params)


class Deviation:
    """What a server may bend: each method changes the honest plan of one round in place.

    Args:
        server: Whose plans.
    """

    def __init__(self, server: "EvilServer") -> None:
        self.server = server
        self.choose = server.choose

    def prepare(self) -> None:
        """Before there are clients."""

    def invite(self) -> None:
        """`server.invitations`."""

    def show(self) -> None:
        """`server.views` and `server.full`."""

    def hand(self) -> None:
        """`server.handing`."""

    def ask(self) -> None:
        """`server.asking`."""

    def confirm(self) -> None:
        """`server.confirming`."""

    def send(self, index: int, request: bytes) -> list[bytes]:  # noqa: ARG002
        """What goes to a client in place of one request, in order."""
        return [request]
