"""Merkle trees over SHA-256 hashes (RFC 6962, section 2.1), and proofs that some leaves stand where they are said to.

MRK-1  A root and a number of leaves fix every leaf: a proof for other leaves, or other places, is a collision.
MRK-2  A proof has one form. Leaves that are not proved show in it as hashes only.

Callers hash leaves under a domain of their own, and name the one under which two nodes become one: a leaf is no node.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from ..errors import InvalidProofError


class Tree:
    """A tree with all its nodes; a last odd node moves up unchanged.

    Args:
        leaves: Hashed leaves, 32 bytes each, at least one.
        node: Domain of a hash of two nodes.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes], node: bytes) -> None:
        level = leaves
        self._levels = [level]
        while len(level) > 1:
            level = [_above(level[start : start + 2], node) for start in range(0, len(level), 2)]
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self._levels[-1][0]

    def prove(self, places: Collection[int]) -> tuple[bytes, ...]:
        """Returns the hashes that lead from the leaves at `places` to the root: level by level, from left to right."""
        known, proof = set(places), []
        for level in self._levels:
            proof += [level[place] for place in _missing(known, len(level))]
            known = {place // 2 for place in known}
        return tuple(proof)


def verify(leaves: Mapping[int, bytes], count: int, proof: Sequence[bytes], expected: bytes, node: bytes) -> None:
    """Checks that the tree over `count` leaves with the root `expected` has these leaves at these places.

    Args:
        leaves: Hashed leaves by place below `count`, at least one.
        count: Leaves of the tree.
        proof: What `Tree.prove` returned.
        expected: The root.
        node: Domain of a hash of two nodes.

    Raises:
        InvalidProofError: it does not, or the proof has not the one form that it may have.
    """
    known, rest = dict(leaves), iter(proof)
    while count > 1:
        for place in _missing(known.keys(), count):
            known[place] = next(rest, b"")
        count = (count + 1) // 2
        known = {
            place: _above([known[child] for child in (2 * place, 2 * place + 1) if child in known], node)
            for place in {place // 2 for place in known}
        }
    if next(rest, None) is not None or known[0] != expected:
        raise InvalidProofError("the leaves do not lead to their root")


def _above(children: Sequence[bytes], node: bytes) -> bytes:
    return sha256(node + b"".join(children)).digest() if len(children) == 2 else children[0]


def _missing(known: Collection[int], count: int) -> list[int]:
    """Places of a level that are needed beside the known ones for the level above."""
    return sorted(place ^ 1 for place in known if place ^ 1 < count and place ^ 1 not in known)
