"""What the server announces at the start of an iteration: the model, and the mechanism every upload must go through.

ANN-1  An announcement carries public facts only; a client rebuilds the mechanism from them, which checks every size.
ANN-2  The whitening never changes, so it travels once. An announcement that leaves it out carries its digest, and is
       read only by who holds the whitening of that digest.
"""

from dataclasses import dataclass
from typing import Final

from . import canonical
from .encoder.model import StyleModel
from .encoder.whitening import Whitening
from .errors import InputError
from .privacy.mechanism import Mechanism

_LENGTH_BYTES = 4
RECEIPT_BYTES: Final = 32
NO_RECEIPT: Final = bytes(RECEIPT_BYTES)
"""What the server brings an artist who has not given it a receipt, and what comes with an answer that cost nothing."""
ACKNOWLEDGMENT: Final = b"agreed"
"""What every artist answers to an announcement that it agrees to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Announcement:
    """One iteration as announced.

    Attributes:
        iteration: Number of the model update, from 1.
        mechanism: How uploads are clipped, quantized and made noisy.
        model: The model to train.
        receipt: The newest one that the artist addressed gave the server (`Artist.receive_request`), 32 bytes.
    """

    iteration: int
    mechanism: Mechanism
    model: StyleModel
    receipt: bytes = NO_RECEIPT

    def encode(self, *, whitening: bool = True) -> bytes:
        """The receipt, and the `body`."""
        return self.receipt + self.body(whitening=whitening)

    def body(self, *, whitening: bool = True) -> bytes:
        """What is the same for all artists: a length, that many bytes of JSON, and the model's own bytes.

        Args:
            whitening: Whether the model comes with its whitening.
        """
        return self._encode_facts() + self.model.encode(whitening=whitening)

    def _encode_facts(self) -> bytes:
        facts = canonical.encode(_Facts(iteration=self.iteration, mechanism=self.mechanism))
        return len(facts).to_bytes(_LENGTH_BYTES, "big") + facts

    @classmethod
    def decode(cls, data: bytes, whitening: Whitening | None = None) -> "Announcement":
        """Parse `encode`'s bytes, and no others.

        Args:
            data: With or without the model's whitening.
            whitening: The one that was announced before, if any.

        Raises:
            InputError: Not an announcement, one whose mechanism contradicts itself, or one that leaves out another
                whitening than this.
        """
        start = RECEIPT_BYTES + _LENGTH_BYTES
        end = start + int.from_bytes(data[RECEIPT_BYTES:start], "big")
        try:
            facts = canonical.decode(_Facts, data[start:end])
        except InputError as error:
            raise InputError(f"not an announcement of an iteration: {error}") from error
        return cls(
            iteration=facts.iteration,
            mechanism=facts.mechanism,
            model=StyleModel.decode(data[end:], whitening),
            receipt=data[:RECEIPT_BYTES],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What stands before the model."""

    iteration: int
    mechanism: Mechanism

    def __post_init__(self) -> None:
        if not 1 <= self.iteration < 1 << 32:
            raise InputError(f"an announced iteration is a whole number from 1 to 2^32 - 1, got {self.iteration}")
