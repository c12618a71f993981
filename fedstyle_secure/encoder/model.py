"""The style model: public whitening, the server's alignment, and the trained residual head.

    features --whiten--> unit --align--> u (unit)          embedding = unit( u ++ weight * unit(head u) )

The head refines the public space and never replaces it, so a head drowned in noise does little harm.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import InputError
from .spec import FEATURES_FORMAT
from .whitening import Whitening, to_unit

FORMAT = "fedstyle-model-2"
_FACTS = "fedstyle"
_TRAIN_AGAIN = "train again, or use the version that it was made with"
_WHITENING = ("center", "projection")
_TENSORS = (*_WHITENING, "alignment", "head")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StyleModel:
    """Everything a client, the server or a buyer needs to embed raw features; all of it public.

    Attributes:
        whitening: Public whitening to d dimensions.
        alignment: float32 [d, d], the server's re-whitening from summed prototype moments (identity before any).
        head: float32 [h, d], the trained part.
        residual: Weight of the head's output beside the aligned features; 0 leaves the head out.
        encoder: Name and weight digest of the backbone whose raw features fit, as ``name@sha256``.
    """

    whitening: Whitening
    alignment: NDArray[np.float32]
    head: NDArray[np.float32]
    residual: float
    encoder: str

    def __post_init__(self) -> None:
        d = self.whitening.dimensions
        if self.alignment.shape != (d, d) or self.head.ndim != 2 or self.head.shape[1] != d:
            raise InputError(
                f"a style model of {d} dimensions needs alignment [{d}, {d}] and head [h, {d}], "
                f"got {self.alignment.shape} and {self.head.shape}"
            )
        if not (math.isfinite(self.residual) and self.residual >= 0):
            raise InputError(f"the residual weight of a style model is a number >= 0, got {self.residual}")

    @classmethod
    def without_head(cls, whitening: Whitening, *, outputs: int, encoder: str) -> "StyleModel":
        """A public style space as it is: no alignment, and a head of so many outputs that is left out."""
        d = whitening.dimensions
        return cls(
            whitening=whitening,
            alignment=np.eye(d, dtype=np.float32),
            head=np.zeros((outputs, d), dtype=np.float32),
            residual=0.0,
            encoder=encoder,
        )

    def whiten(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw features [..., features] to unit vectors [..., d] of the public style space, before alignment."""
        return self.whitening.apply(raw)

    def align(self, whitened: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whitened unit vectors [..., d] to aligned unit vectors [..., d], the head's input."""
        return to_unit(whitened @ self.alignment)

    def embed(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw features [..., features] to unit style embeddings [..., d + h]."""
        aligned = self.align(self.whiten(raw))
        refined = self.residual * to_unit(aligned @ self.head.T)
        return to_unit(np.concatenate([aligned, refined], axis=-1))

    def encode(self, *, whitening: bool = True) -> bytes:
        """Canonical safetensors bytes; equal models give equal bytes.

        Args:
            whitening: False leaves the whitening out, which is most of the bytes, and writes its digest instead.
        """
        tensors = (self.whitening.center, self.whitening.projection, self.alignment, self.head)
        facts = {
            "format": FORMAT,
            "features": FEATURES_FORMAT,
            "encoder": self.encoder,
            "residual": float(self.residual),
        }
        if not whitening:
            facts["whitening"] = self.whitening.digest.hex()
        # One metadata entry: safetensors writes several in a random order, and every writer must get the same digest.
        return save(
            {
                name: np.ascontiguousarray(tensor, dtype=np.float32)
                for name, tensor in zip(_TENSORS, tensors, strict=True)
                if whitening or name not in _WHITENING
            },
            {_FACTS: json.dumps(facts, sort_keys=True)},
        )

    @classmethod
    def decode(cls, data: bytes, whitening: Whitening | None = None) -> "StyleModel":
        """Parse `encode`'s bytes, and no others: what else there might be in a file is refused with it.

        Args:
            data: A whole model, or one without its whitening.
            whitening: What to complete the latter with; its digest must be the one in `data`.

        Raises:
            InputError: Not a style model, its tensors do not fit together, or the whitening is not the one left out.
        """
        try:
            tensors = load(data)
            encoder, residual, left_out = _read_facts(data)
            held = _TENSORS if left_out is None else tuple(name for name in _TENSORS if name not in _WHITENING)
            if set(tensors) != set(held):
                raise InputError(f"a style model holds {', '.join(held)}, got {', '.join(sorted(tensors))}")
            if left_out is None:
                whitening = Whitening(center=tensors["center"], projection=tensors["projection"])
            elif whitening is None or whitening.digest.hex() != left_out:
                raise InputError(f"this style model leaves out a whitening that was not given before: {left_out!r:.40}")
            if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
                raise InputError("the style model holds numbers that are not finite")
            model = cls(
                whitening=whitening,
                alignment=tensors["alignment"],
                head=tensors["head"],
                residual=residual,
                encoder=encoder,
            )
        except (SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"not a style model: {error}") from error
        if model.encode(whitening=left_out is None) != data:
            raise InputError("not a style model: its bytes are not the ones this model is written as")
        return model

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes, whitening included: what a client binds its masks to."""
        return hashlib.sha256(self.encode()).digest()

    @property
    def style_space_digest(self) -> bytes:
        """SHA-256 of what makes features and brings them into the public style space: backbone and weights, whitening.

        It keys what artists pin when they join, trainings and catalogues: another space is another platform's.
        """
        facts = [FEATURES_FORMAT, self.encoder, self.whitening.digest.hex()]
        return hashlib.sha256(json.dumps(facts).encode()).digest()

    @property
    def architecture_digest(self) -> bytes:
        """SHA-256 of what may not change while training: encoder, tensor shapes, residual weight, format."""
        shapes = [list(self.whitening.projection.shape), list(self.head.shape)]
        return hashlib.sha256(json.dumps([FORMAT, self.encoder, shapes, float(self.residual)]).encode()).digest()


def read_model(path: Path) -> StyleModel:
    """Read a model file.

    Raises:
        InputError: Missing or not a style model, with the path.
    """
    try:
        return StyleModel.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the style model {path}: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_facts(data: bytes) -> tuple[str, float, str | None]:
    """Encoder, residual weight, and digest of a whitening that is left out.

    They are in the metadata of safetensors bytes: a little-endian length, that much JSON.
    """
    length = int.from_bytes(data[:8], "little")
    facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_FACTS])
    match facts:
        case {"format": str(format_)} if format_ != FORMAT:
            raise InputError(f"a style model of {format_!r:.40}, where this version reads {FORMAT}: {_TRAIN_AGAIN}")
        case {"features": str(features)} if features != FEATURES_FORMAT:
            raise InputError(f"it takes {features!r:.40}, where this version makes {FEATURES_FORMAT}: {_TRAIN_AGAIN}")
        case {"format": str(), "features": str(), "encoder": str(encoder), "residual": float(residual)}:
            return encoder, residual, facts.get("whitening")
    raise InputError(f"not a {FORMAT} file")
