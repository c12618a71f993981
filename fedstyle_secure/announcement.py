"""What the server announces at the start of an iteration: the model, and the mechanism every upload must go through.

ANN-1  An announcement carries public facts only; a client rebuilds the mechanism from them, which checks every size.
ANN-2  The whitening never changes, so it travels once. An announcement that leaves it out carries its digest, and is
       read only by who holds the whitening of that digest.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from .encoder.model import StyleModel
from .encoder.whitening import Whitening
from .errors import InputError
from .privacy.clipping import Unit
from .privacy.mechanism import Mechanism
from .privacy.sizing import Mode, Noise
from .training.updates import Layout, Segment, Support

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
        mechanism = asdict(self.mechanism) | {"rotation_seed": self.mechanism.rotation_seed.hex()}
        facts = json.dumps({"iteration": self.iteration, "mechanism": mechanism}, sort_keys=True).encode()
        return len(facts).to_bytes(_LENGTH_BYTES, "big") + facts

    @classmethod
    def decode(cls, data: bytes, whitening: Whitening | None = None) -> "Announcement":
        """Parse `encode`'s bytes, and no others.

        Args:
            data: With or without the model's whitening.
            whitening: The one that was announced before, if any.

        Raises:
            InputError: Not an announcement, or one that leaves out another whitening than this.
            PrivacyError: Its mechanism contradicts itself.
        """
        start = RECEIPT_BYTES + _LENGTH_BYTES
        end = start + int.from_bytes(data[RECEIPT_BYTES:start], "big")
        try:
            facts = json.loads(data[start:end])
            mechanism = _read_mechanism(facts["mechanism"])
            iteration = facts["iteration"]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"not an announcement of an iteration: {error}") from error
        if type(iteration) is not int or not 1 <= iteration < 1 << 32:
            raise InputError(f"an announced iteration is a whole number from 1 to 2^32 - 1, got {iteration!r:.40}")
        model = StyleModel.decode(data[end:], whitening)
        announcement = cls(iteration=iteration, mechanism=mechanism, model=model, receipt=data[:RECEIPT_BYTES])
        if announcement._encode_facts() != data[RECEIPT_BYTES:end]:
            raise InputError("not an announcement of an iteration: its bytes are not the ones it is written as")
        return announcement


def _read_mechanism(values: dict[str, Any]) -> Mechanism:
    """Rebuild a mechanism from plain values; its constructor checks every size."""
    _check_numbers(Mechanism, values)
    match values:
        case {
            "layout": {"segments": list(items)},
            "mode": mode,
            "unit": unit,
            "noise": noise,
            "rotation_seed": str(seed),
        }:
            changes = {"layout": _read_layout(items), "mode": Mode(mode), "unit": Unit(unit), "noise": Noise(noise)}
            return Mechanism(**(values | changes | {"rotation_seed": bytes.fromhex(seed)}))
    raise InputError("an announced mechanism has a layout with segments, a mode, a unit, a noise and a rotation seed")


def _read_layout(items: list[dict[str, Any]]) -> Layout:
    for item in items:
        _check_numbers(Segment, item)
    return Layout(tuple(Segment(**(item | {"support": Support(item["support"])})) for item in items))


def _check_numbers(kind: type[Mechanism] | type[Segment], values: dict[str, Any]) -> None:
    """JSON tells 3 from 3.0 and from true; sizes must be the first, rates and norms the second."""
    for item in fields(kind):
        if item.type in (int, float) and type(values[item.name]) is not item.type:
            name = "whole" if item.type is int else "decimal"
            raise InputError(f"{item.name} is a {name} number, got {values[item.name]!r}")
