"""What all trainings of a platform begin with: a style space, a first model, and what it was made of, all of it public.

FOU-1  It is made of artworks that their artists declared public, and of nothing else; whoever joins pins its digests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..encoder.model import StyleModel
from ..encoder.signature_space import SignatureSpace
from ..encoder.styles import signature_space
from ..errors import InputError
from ..training.moments import Prototype
from .alignment import Alignment

_LENGTH_BYTES: Final = 4
_VIEWS_DIMENSIONS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foundation:
    """A platform's public beginning.

    Attributes:
        model: Before any iteration: whitening, and a head that was warm-started on public artists.
        public: For each public artist, raw features of all views, float32 [artworks, 1 + K, features].
    """

    model: StyleModel
    public: Sequence[NDArray[np.float32]] = field(repr=False)

    def alignment(self) -> Alignment:
        """The server's state before any iteration: how public artworks vary without their artists' styles."""
        whitened = [self.model.whiten(views[:, 0]) for views in self.public]
        return Alignment.start(
            self.model, np.concatenate([Prototype.exact(rows).remove_from(rows) for rows in whitened])
        )

    def signature_space(self, model: StyleModel, length: int) -> SignatureSpace:
        """Where signatures live after training.

        Args:
            model: The last one.
            length: Of a signature.
        """
        return signature_space(model, self.public, length)

    def encode(self) -> bytes:
        """A length, that many bytes of the model, and the features as safetensors."""
        model = self.model.encode()
        views = {f"{number:06d}": np.ascontiguousarray(each) for number, each in enumerate(self.public)}
        return len(model).to_bytes(_LENGTH_BYTES, "big") + model + save(views)

    @classmethod
    def decode(cls, data: bytes) -> "Foundation":
        """Read `encode`'s bytes, and no others.

        Raises:
            InputError: Something else.
        """
        end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
        model = StyleModel.decode(data[_LENGTH_BYTES:end])
        try:
            views = load(data[end:])
        except (SafetensorError, ValueError, TypeError) as error:
            raise InputError(f"not a foundation: {error}") from error
        features = model.whitening.center.size
        if not views or any(each.ndim != _VIEWS_DIMENSIONS or each.shape[2] != features for each in views.values()):
            raise InputError("a foundation holds features of public artworks, as its model takes them")
        foundation = cls(model=model, public=[views[name] for name in sorted(views)])
        if foundation.encode() != data:
            raise InputError("not a foundation: its bytes are not the ones it is written as")
        return foundation
