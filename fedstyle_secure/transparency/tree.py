"""The log's Merkle tree (RFC 9162, section 2.1): entries in the order they were made, roots and proofs.

The tree itself is the protocols' own (`protocols.primitives.merkle`), hashed under the RFC's prefixes.

TRE-1  A root and a size fix every entry and every earlier root: what does not lead to them is refused.
TRE-2  Numbers that come with a proof are checked before it: a place below the size, a smaller size before a larger one.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from protocols.errors import InvalidProofError
from protocols.primitives import merkle

from ..errors import InputError

HASH_BYTES: Final = 32
_LEAF: Final = b"\0"
_NODE: Final = b"\1"


class ProofError(InputError):
    """A proof does not lead where it should: the log is not what whoever showed it says."""


class Tree:
    """All entries' hashes, and the nodes above them.

    Args:
        entries: In their order.
    """

    __slots__ = ("_tree",)

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self._tree = merkle.Tree([_hash(entry) for entry in entries], _NODE)

    def __len__(self) -> int:
        return len(self._tree)

    def append(self, entry: bytes) -> None:
        """Add an entry at the end."""
        self._tree.append(_hash(entry))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first entries, 32 bytes.

        Args:
            size: How many; None for all.

        Raises:
            InputError: There are fewer.
        """
        size = len(self) if size is None else size
        _check_range("size", size, 0, len(self))
        return self._tree.root_of(size) if size else sha256().digest()

    def prove_entry(self, place: int, size: int) -> tuple[bytes, ...]:
        """An inclusion proof (RFC 9162, section 2.1.3.1): hashes from the leaf's sibling upwards.

        Args:
            place: The entry's, from 0.
            size: Of the tree in which it is proved.

        Raises:
            InputError: There are fewer entries.
        """
        _check_range("size", size, 1, len(self))
        _check_range("leaf", place, 0, size - 1)
        return self._tree.prove([place], size)

    def prove_growth(self, old: int, size: int) -> tuple[bytes, ...]:
        """A consistency proof (RFC 9162, section 2.1.4.1).

        Args:
            old: Size of the smaller tree.
            size: Size of the larger one.

        Raises:
            InputError: There are fewer entries, or the smaller tree is the larger one.
        """
        _check_range("new", size, 0, len(self))
        _check_range("old", old, 0, size)
        return self._tree.prove_growth(old, size) if old else ()


def verify_entry(entry: bytes, place: int, proof: Sequence[bytes], *, size: int, root: bytes) -> None:
    """Check that an entry stands at its place (RFC 9162, section 2.1.3.2).

    Raises:
        ProofError: It does not.
    """
    if not 0 <= place < size:
        raise ProofError(f"there is no entry {place} in a log of {size}")
    try:
        merkle.verify({place: _hash(entry)}, size, proof, root, _NODE)
    except InvalidProofError as error:
        raise ProofError(f"entry {place} is not in the log of {size} entries as it was shown: {error}") from error


def verify_growth(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> None:
    """Check that a log grew out of an earlier one (RFC 9162, section 2.1.4.2).

    Args:
        old: Size and root of the earlier one; out of none, every log grew.
        new: Size and root of the later one.
        proof: Hashes.

    Raises:
        ProofError: It did not.
    """
    try:
        if old[0] or proof:
            merkle.verify_growth(old, new, proof, _NODE)
    except InvalidProofError as error:
        raise ProofError(
            f"the log of {new[0]} entries did not grow out of the one of {old[0]} that was shown before: {error}"
        ) from error


def _hash(entry: bytes) -> bytes:
    return sha256(_LEAF + entry).digest()


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}, the log here has {low} to {high}")
