"""Where a training stands between two sessions: a value, and its bytes.

CKP-1  One encoding for each checkpoint, and none that runs or refers to anything: sizes, numbers, tensors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from .. import canonical
from ..announcement import NO_RECEIPT, RECEIPT_BYTES
from ..encoder.model import StyleModel
from ..errors import InputError
from .alignment import Alignment

_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """All that the loop needs to go on.

    Attributes:
        model: The newest.
        alignment: The server's state beside it.
        step: Iterations of this training that are over.
        attempt: Attempts at the next iteration that ended without a sum, and are not the last.
        last_iteration: The highest number of an iteration that is over, or that any of these artists was ever shown
            before this training; 0 for none.
        last_session: The same of sessions.
        receipts: What the next announcement brings back, 32 bytes by artist; the same at every attempt, so that who has
            agreed to it agrees again.
        given: Receipts that artists gave since, in attempts that ended without a sum.
        informed: Artists who agreed to the last iteration, and so hold the whitening.
        artworks: How many artworks an artist sums in the mean, as the first moments told; 0 before.
    """

    model: StyleModel
    alignment: Alignment
    step: int = 0
    attempt: int = 0
    last_iteration: int = 0
    last_session: int = 0
    receipts: Mapping[str, bytes] = field(default_factory=dict)
    given: Mapping[str, bytes] = field(default_factory=dict)
    informed: frozenset[str] = frozenset()
    artworks: float = 0.0

    def encode(self) -> bytes:
        """A length, that many bytes of JSON, the alignment's and the model's own bytes."""
        alignment = self.alignment.encode()
        facts = canonical.encode(
            _Facts(
                alignment_bytes=len(alignment),
                step=self.step,
                attempt=self.attempt,
                last_iteration=self.last_iteration,
                last_session=self.last_session,
                receipts=_sorted(self.receipts),
                given=_sorted(self.given),
                informed=tuple(sorted(self.informed)),
                artworks=self.artworks,
            )
        )
        return len(facts).to_bytes(_LENGTH_BYTES, "big") + facts + alignment + self.model.encode()

    @classmethod
    def decode(cls, data: bytes) -> "Checkpoint":
        """Read the one encoding (CKP-1).

        Raises:
            InputError: No checkpoint, or another encoding of one.
        """
        start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
        facts = canonical.decode(_Facts, data[_LENGTH_BYTES:start])
        end = start + facts.alignment_bytes
        checkpoint = cls(
            model=StyleModel.decode(data[end:]),
            alignment=Alignment.decode(data[start:end]),
            step=facts.step,
            attempt=facts.attempt,
            last_iteration=facts.last_iteration,
            last_session=facts.last_session,
            receipts={each.artist: each.receipt for each in facts.receipts},
            given={each.artist: each.receipt for each in facts.given},
            informed=frozenset(facts.informed),
            artworks=facts.artworks,
        )
        if checkpoint.encode() != data:
            raise InputError("no checkpoint: its bytes are not the ones it is written as")
        return checkpoint

    def try_again(self, *, last_session: int, given: Mapping[str, bytes]) -> "Checkpoint":
        """After an attempt that ended without a sum, and is not the last one."""
        return replace(self, attempt=self.attempt + 1, last_session=last_session, given={**self.given, **given})

    def go_on(
        self,
        *,
        model: StyleModel,
        alignment: Alignment,
        last_session: int,
        given: Mapping[str, bytes],
        informed: frozenset[str],
        artworks: float,
    ) -> "Checkpoint":
        """After an iteration, with or without a sum."""
        return Checkpoint(
            model=model,
            alignment=alignment,
            step=self.step + 1,
            last_iteration=self.last_iteration + 1,
            last_session=last_session,
            receipts={**self.receipts, **self.given, **given},
            informed=informed,
            artworks=artworks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receipt:
    artist: str
    receipt: bytes

    def __post_init__(self) -> None:
        if len(self.receipt) != RECEIPT_BYTES or self.receipt == NO_RECEIPT:
            raise InputError(f"a receipt has {RECEIPT_BYTES} bytes that are not all 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    alignment_bytes: int
    step: int
    attempt: int
    last_iteration: int
    last_session: int
    receipts: tuple[_Receipt, ...]
    given: tuple[_Receipt, ...]
    informed: tuple[str, ...]
    artworks: float

    def __post_init__(self) -> None:
        numbers = (self.alignment_bytes, self.step, self.attempt, self.last_iteration, self.last_session)
        if min(numbers) < 0 or self.artworks < 0:
            raise InputError("a checkpoint's numbers are 0 or more")


def _sorted(receipts: Mapping[str, bytes]) -> tuple[_Receipt, ...]:
    return tuple(_Receipt(artist=name, receipt=receipts[name]) for name in sorted(receipts))
