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
from .whitening import Whitening, to_unit

FORMAT = "fedstyle-model-1"
_FACTS = "fedstyle"
_TENSORS = ("center", "projection", "alignment", "head")


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

    def encode(self) -> bytes:
        """Canonical safetensors bytes; equal models give equal bytes."""
        tensors = (self.whitening.center, self.whitening.projection, self.alignment, self.head)
        facts = {"format": FORMAT, "encoder": self.encoder, "residual": float(self.residual)}
        # One metadata entry: safetensors writes several in a random order, and every writer must get the same digest.
        return save(
            {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in zip(_TENSORS, tensors, strict=True)},
            {_FACTS: json.dumps(facts, sort_keys=True)},
        )

    @classmethod
    def decode(cls, data: bytes) -> "StyleModel":
        """Parse `encode`'s bytes, and no others: what else there might be in a file is refused with it.

        Raises:
            InputError: Not a style model, or its tensors do not fit together.
        """
        try:
            tensors = load(data)
            encoder, residual = _read_facts(data)
            if set(tensors) != set(_TENSORS):
                raise InputError(f"a style model holds {', '.join(_TENSORS)}, got {', '.join(sorted(tensors))}")
            center, projection, alignment, head = (tensors[name] for name in _TENSORS)
            if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
                raise InputError("the style model holds numbers that are not finite")
            model = cls(
                whitening=Whitening(center=center, projection=projection),
                alignment=alignment,
                head=head,
                residual=residual,
                encoder=encoder,
            )
        except (SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"not a style model: {error}") from error
        if model.encode() != data:
            raise InputError("not a style model: its bytes are not the ones this model is written as")
        return model

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes: what a client binds its masks to."""
        return hashlib.sha256(self.encode()).digest()

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


def _read_facts(data: bytes) -> tuple[str, float]:
    """Encoder and residual weight, from the metadata of safetensors bytes: a little-endian length, that much JSON."""
    length = int.from_bytes(data[:8], "little")
    match json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_FACTS]):
        case {"format": format_, "encoder": str(encoder), "residual": float(residual)} if format_ == FORMAT:
            return encoder, residual
    raise InputError(f"not a {FORMAT} file")
