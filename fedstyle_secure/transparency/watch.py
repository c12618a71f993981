"""What artists' agents and buyers do with a log: keep the newest checkpoint, and take only what grew out of it.

WAT-1  A checkpoint is taken only if the log signed it and it grew out of the newest one taken before; nothing else
       moves what is kept.
WAT-2  A log that went back, or shows another history, is refused, and both signed checkpoints are handed back as
       evidence: of two of one size, anybody who has the log's key can tell that it lied.
WAT-3  Whatever a platform says that it entered is believed only where it stands in a checkpoint that was taken.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from ..errors import FedStyleError, InputError
from .checkpoints import Checkpoint
from .leaves import Leaf, decode
from .tree import HASH_BYTES, ProofError, Tree, verify_entry, verify_growth


class ForkError(FedStyleError):
    """The log shows another history than before; nothing that it says is to be believed any more.

    Attributes:
        evidence: Both signed checkpoints and what came with the later one, as JSON; keep it, and show it to others.
    """

    def __init__(self, message: str, evidence: bytes) -> None:
        super().__init__(message)
        self.evidence = evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry stands in a log, with the proof.

    Attributes:
        leaf: From 0.
        proof: Hashes of 32 bytes, from the leaf's sibling upwards.

    Raises:
        InputError: One of the hashes has another size.
    """

    leaf: int
    proof: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if any(len(node) != HASH_BYTES for node in self.proof):
            raise InputError(f"a proof is made of hashes of {HASH_BYTES} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One log as somebody saw it.

    Attributes:
        origin: The log's pinned name.
        key: Its pinned Ed25519 public key, 32 bytes.
        note: The newest checkpoint that was taken, as it was signed; empty before any.

    Raises:
        CheckpointError: The note is not this log's.
    """

    origin: str
    key: bytes
    note: bytes = field(default=b"", repr=False)
    _newest: Checkpoint | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.note:
            object.__setattr__(self, "_newest", self.open(self.note))

    @property
    def size(self) -> int:
        """Entries in the newest checkpoint that was taken; 0 before any."""
        return self._newest.size if self._newest else 0

    @property
    def newest(self) -> Checkpoint:
        """The newest checkpoint that was taken.

        Raises:
            InputError: None was.
        """
        if self._newest is None:
            raise InputError(f"no checkpoint of the log {self.origin!r} was seen yet")
        return self._newest

    def open(self, note: bytes) -> Checkpoint:
        """Read a checkpoint of this log; it is not taken, and may be of another history.

        Raises:
            CheckpointError: Not this log's.
        """
        return Checkpoint.open(note, origin=self.origin, key=self.key)

    def take(self, note: bytes, consistency: Sequence[bytes]) -> Self:
        """This log, one checkpoint on (WAT-1).

        Args:
            note: A signed checkpoint.
            consistency: Proof that it grew out of the newest one taken before.

        Raises:
            CheckpointError: Not this log's.
            ForkError: It is, and did not grow out of that one.
        """
        shown = self.open(note)
        if self._newest is not None:
            seen = self._newest
            try:
                verify_growth((seen.size, seen.root), (shown.size, shown.root), consistency)
            except ProofError as error:
                raise ForkError(
                    f"the log {self.origin!r} shows another history than before, and nothing of its platform is taken "
                    f"any more: {error}; ask the operator, and compare with others who saw it",
                    self._evidence(note, consistency),
                ) from error
        return replace(self, note=note)

    def check(self, entry: Leaf, place: Place) -> None:
        """Check that an entry stands in the newest checkpoint that was taken (WAT-3).

        Raises:
            ProofError: It does not.
            InputError: No checkpoint was taken.
        """
        newest = self.newest
        verify_entry(entry.encode(), place.leaf, place.proof, size=newest.size, root=newest.root)

    def read(self, entries: Iterable[bytes]) -> list[Leaf]:
        """All entries of the newest checkpoint, checked against its root.

        Args:
            entries: From the first one on, as many as it has.

        Raises:
            ProofError: These are not its entries.
            InputError: No checkpoint was taken, or an entry is of no kind.
        """
        newest, data = self.newest, list(entries)
        if len(data) != newest.size or Tree(data).root() != newest.root:
            raise ProofError(f"these {len(data)} entries are not the {newest.size} of the log {self.origin!r}")
        return list(map(decode, data))

    def _evidence(self, note: bytes, consistency: Sequence[bytes]) -> bytes:
        facts = {
            "log": self.origin,
            "key": self.key.hex(),
            "seen": self.note.decode(),
            "shown": note.decode(),
            "consistency": [node.hex() for node in consistency],
        }
        return json.dumps(facts, indent=1, ensure_ascii=False).encode() + b"\n"
