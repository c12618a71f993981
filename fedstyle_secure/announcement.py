"""What the server announces at the start of an iteration: the model, and the mechanism every upload must go through.

ANN-1  An announcement carries public facts only; a client rebuilds the mechanism from them, which checks every size.
"""

import json
from dataclasses import asdict, dataclass

from .encoder.model import StyleModel
from .errors import InputError, PrivacyError
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
        """Parse `encode`'s bytes.

        Raises:
            InputError: Not an announcement.
            PrivacyError: Its mechanism contradicts itself.
        """
        length = int.from_bytes(data[:_LENGTH_BYTES], "big")
        try:
            facts = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
            fields = facts["mechanism"]
            segments = tuple(
                Segment(**(item | {"support": Support(item["support"])})) for item in fields["layout"]["segments"]
            )
            changes = {
                "mode": Mode(fields["mode"]),
                "unit": Unit(fields["unit"]),
                "layout": Layout(segments),
                "rotation_seed": bytes.fromhex(fields["rotation_seed"]),
            }
            mechanism = Mechanism(**(fields | changes))
            iteration = int(facts["iteration"])
        except (InputError, PrivacyError):
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"not an announcement of an iteration: {error}") from error
        return cls(iteration=iteration, mechanism=mechanism, model=StyleModel.decode(data[_LENGTH_BYTES + length :]))
