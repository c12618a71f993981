"""What a server tells clients about who advertised what."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from protocols import SessionParams
from protocols.graph import Graph
from protocols.secagg.messages import Advertisement, ShareKeysRequest


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
