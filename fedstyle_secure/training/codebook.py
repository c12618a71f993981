"""The public style codebook: fixed directions, of which each artist draws one in secret.

Anchors that depend on no artwork cost no privacy, reveal nothing, and keep styles apart from the first iteration (fixed
classifiers: SphereFed, Dong et al., ECCV 2022; neural collapse, Papyan et al., PNAS 2020).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

OUTPUTS = 44
"""Dimensions of the public anchors of every run, h."""

CODEWORDS_PER_DIMENSION = 8
"""Codewords are drawn independently, so there must be many more of them than artists for collisions to stay rare."""


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Public anchors in the head's output space.

    Attributes:
        anchors: float32 [codewords, h], unit rows; the rows of each block of h are orthonormal.
    """

    anchors: NDArray[np.float32]

    @classmethod
    def from_seed(cls, seed: bytes, *, dimensions: int) -> "Codebook":
        """Random rotations of the coordinate axes, stacked: CODEWORDS_PER_DIMENSION * dimensions codewords.

        Args:
            seed: Public bytes; equal seeds give equal codebooks on every machine.
            dimensions: h, at least 2.
        """
        if dimensions < 2:
            raise InputError(f"a codebook needs at least 2 dimensions, got {dimensions}")
        rng = np.random.Generator(np.random.PCG64(np.frombuffer(hashlib.sha256(seed).digest(), "<u4")))
        blocks = [np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0] for _ in range(CODEWORDS_PER_DIMENSION)]
        return cls(np.concatenate(blocks).astype(np.float32))

    def __len__(self) -> int:
        """Number of codewords."""
        return len(self.anchors)

    def draw(self, random: Callable[[int], bytes]) -> int:
        """Draw an artist's secret codeword from `random`, a source of secret bytes such as os.urandom."""
        return int.from_bytes(random(16), "little") % len(self)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the anchors: bound into every session, so that all artists train towards the same ones."""
        return hashlib.sha256(np.ascontiguousarray(self.anchors, "<f4").tobytes()).digest()


def new_codebook() -> Codebook:
    """The public anchors of every run and every training, the same on every machine."""
    return Codebook.from_seed(b"fedstyle-secure codebook", dimensions=OUTPUTS)
