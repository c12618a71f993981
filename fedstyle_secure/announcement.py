"""What the server announces at the start of an iteration: the model, and the mechanism every upload must go through.

ANN-1  An announcement carries public facts only; a client rebuilds the mechanism from them, which checks every size.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from .encoder.model import StyleModel
from .errors import InputError
from .privacy.clipping import Unit
from .privacy.mechanism import Mechanism
from .privacy.sizing import Mode
from .training.updates import Layout, Segment, Support

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Announcement:
    """One iteration as announced.

    Attributes:
        iteration: Number of the model update, from 1.
        mechanism: How uploads are clipped, quantized and made noisy.
        model: The model to train.
    """

    iteration: int
    mechanism: Mechanism
    model: StyleModel

    def encode(self) -> bytes:
        """A length, that many bytes of JSON, and the model's own bytes."""
        mechanism = asdict(self.mechanism) | {"rotation_seed": self.mechanism.rotation_seed.hex()}
        facts = json.dumps({"iteration": self.iteration, "mechanism": mechanism}, sort_keys=True).encode()
        return len(facts).to_bytes(_LENGTH_BYTES, "big") + facts + self.model.encode()

    @classmethod
    def decode(cls, data: bytes) -> "Announcement":
        """Parse `encode`'s bytes, and no others.

        Raises:
            InputError: Not an announcement.
            PrivacyError: Its mechanism contradicts itself.
        """
        end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
        try:
            facts = json.loads(data[_LENGTH_BYTES:end])
            mechanism = _read_mechanism(facts["mechanism"])
            iteration = facts["iteration"]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"not an announcement of an iteration: {error}") from error
        if type(iteration) is not int or not 1 <= iteration < 1 << 32:
            raise InputError(f"an announced iteration is a whole number from 1 to 2^32 - 1, got {iteration!r:.40}")
        announcement = cls(iteration=iteration, mechanism=mechanism, model=StyleModel.decode(data[end:]))
        if announcement.encode() != data:
            raise InputError("not an announcement of an iteration: its bytes are not the ones it is written as")
        return announcement


def _read_mechanism(values: dict[str, Any]) -> Mechanism:
    """Rebuild a mechanism from plain values; its constructor checks every size."""
    _check_whole(Mechanism, values)
    match values:
        case {"layout": {"segments": list(items)}, "mode": mode, "unit": unit, "rotation_seed": str(seed)}:
            changes = {"layout": _read_layout(items), "mode": Mode(mode), "unit": Unit(unit)}
            return Mechanism(**(values | changes | {"rotation_seed": bytes.fromhex(seed)}))
    raise InputError("an announced mechanism has a layout with segments, a mode, a unit and a rotation seed")


def _read_layout(items: list[dict[str, Any]]) -> Layout:
    for item in items:
        _check_whole(Segment, item)
    return Layout(tuple(Segment(**(item | {"support": Support(item["support"])})) for item in items))


def _check_whole(kind: type[Mechanism] | type[Segment], values: dict[str, Any]) -> None:
    """JSON tells 3 from 3.0 and from true; sizes must be the first."""
    for item in fields(kind):
        if item.type is int and type(values[item.name]) is not int:
            raise InputError(f"{item.name} is a whole number, got {values[item.name]!r}")
