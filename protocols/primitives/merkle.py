"""Merkle trees over SHA-256 hashes (RFC 6962 and RFC 9162, section 2.1), and proofs of what they hold and grew from.

MRK-1  A root and a number of leaves fix every leaf: a proof for other leaves, or other places, is a collision.
MRK-2  A proof has one form. Leaves that are not proved show in it as hashes only.
MRK-3  A root and a number of leaves fix every earlier root: a proof that a tree grew out of one which it does not begin
       with is a collision.

Callers hash leaves under a domain of their own, and name the one under which two nodes become one: a leaf is no node.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from ..errors import InvalidProofError


class Tree:
    """A tree with all its nodes; a last odd node moves up unchanged. It grows, and remembers how it was.

    Args:
        leaves: Hashed leaves, 32 bytes each.
        node: Domain of a hash of two nodes.
    """

    __slots__ = ("_levels", "_node")

    def __init__(self, leaves: Sequence[bytes], node: bytes) -> None:
        level = list(leaves)
        self._levels = [level]
        self._node = node
        while len(level) > 1:
            level = [_above(level[start : start + 2], node) for start in range(0, len(level), 2)]
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root of a tree with leaves, 32 bytes."""
        return self._levels[-1][0]

    def append(self, leaf: bytes) -> None:
        """Adds a hashed leaf at the end."""
        self._levels[0].append(leaf)
        place, level = len(self) - 1, self._levels[0]
        for depth in range(1, place.bit_length() + 1):
            if depth == len(self._levels):
                self._levels.append([])
            place, below, level = place // 2, level, self._levels[depth]
            level[place:] = [_above(below[2 * place : 2 * place + 2], self._node)]

    def root_of(self, size: int) -> bytes:
        """Returns the root when there were `size` leaves, from 1 to as many as there are now."""
        return self._at((size - 1).bit_length(), 0, size)

    def prove(self, places: Collection[int], size: int | None = None) -> tuple[bytes, ...]:
        """Returns the hashes that lead from the leaves at `places` to the root: level by level, from left to right.

        Args:
            places: Of the leaves, each below `size`.
            size: Leaves of the tree then; None for those it has now.
        """
        size = len(self) if size is None else size
        known, proof = set(places), []
        for level, width in enumerate(_widths(size)):
            proof += [self._at(level, place, size) for place in _missing(known, width)]
            known = {place // 2 for place in known}
        return tuple(proof)

    def prove_growth(self, old: int, size: int) -> tuple[bytes, ...]:
        """Returns the hashes that lead from the root over `old` leaves to that over `size` (RFC 9162, section 2.1.4).

        Args:
            old: Leaves of the smaller tree, from 1.
            size: Leaves of the larger one, at least as many.
        """
        if old == size:
            return ()
        start, place = _last_whole(old)
        proof = [self._at(start, place, size)] if place else []
        for level, width in list(enumerate(_widths(size)))[start:]:
            proof += [self._at(level, sibling, size) for sibling in _missing([place], width)]
            place //= 2
        return tuple(proof)

    def _at(self, level: int, place: int, size: int) -> bytes:
        """A node as it was when there were `size` leaves, the first of its own among them."""
        if (place + 1) << level <= size:
            return self._levels[level][place]
        children = [child for child in (2 * place, 2 * place + 1) if child << (level - 1) < size]
        return _above([self._at(level - 1, child, size) for child in children], self._node)


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
    for width in _widths(count):
        for place in _missing(known.keys(), width):
            known[place] = next(rest, b"")
        known = {
            place: _above([known[child] for child in (2 * place, 2 * place + 1) if child in known], node)
            for place in {place // 2 for place in known}
        }
    if next(rest, None) is not None or known[0] != expected:
        raise InvalidProofError("the leaves do not lead to their root")


def verify_growth(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes], node: bytes) -> None:
    """Checks that one tree begins with another.

    Args:
        old: Leaves of the smaller tree, at least one, and its root.
        new: The same of the larger one.
        proof: What `Tree.prove_growth` returned.
        node: Domain of a hash of two nodes.

    Raises:
        InvalidProofError: it does not, or the proof has not the one form that it may have.
    """
    (count, root), (size, new_root) = old, new
    if not 1 <= count <= size:
        raise InvalidProofError(f"a tree of {size} leaves did not grow out of one of {count}")
    rest = iter(proof)
    start, place = _last_whole(count)
    before = after = next(rest, b"") if place and count < size else root
    for width in _widths(size)[start:] if count < size else ():
        for _ in _missing([place], width):
            sibling = next(rest, b"")
            if place & 1:
                before = _above([sibling, before], node)
            after = _above([sibling, after] if place & 1 else [after, sibling], node)
        place //= 2
    if next(rest, None) is not None or (before, after) != (root, new_root):
        raise InvalidProofError("the larger tree did not grow out of the smaller one")


def _above(children: Sequence[bytes], node: bytes) -> bytes:
    return sha256(node + b"".join(children)).digest() if len(children) == 2 else children[0]


def _widths(count: int) -> list[int]:
    """Nodes of each level below the root, from the leaves up."""
    return [((count - 1) >> level) + 1 for level in range((count - 1).bit_length())]


def _missing(known: Collection[int], width: int) -> list[int]:
    """Places of a level that are needed beside the known ones for the level above."""
    return sorted(place ^ 1 for place in known if place ^ 1 < width and place ^ 1 not in known)


def _last_whole(count: int) -> tuple[int, int]:
    """Level and place of the largest full subtree that ends where a tree over `count` leaves does."""
    level = (count & -count).bit_length() - 1
    return level, (count >> level) - 1
