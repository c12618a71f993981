"""What an artist who opts in publishes: a name and one unit vector in a public space.

PUB-1  A signature is public from the moment it exists: its noise was added before it came here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..encoder.signature_space import MAX_DIMENSIONS, are_unit
from ..encoder.signature_space import SignatureSpace as SignatureSpace  # noqa: PLC0414  (a signature's own space)
from ..errors import InputError
from ..names import check_name


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """One artist's published style.

    Attributes:
        artist: Name under which the artist is found; 1 to 255 bytes of UTF-8, as NAM-1 says.
        vector: float32 [d], 1 <= d <= 384, finite, of length 1; read-only.

    Raises:
        InputError: If one of these does not hold.
    """

    artist: str
    vector: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_name(self.artist)
        vector = np.array(self.vector)
        if vector.dtype != np.float32 or vector.ndim != 1 or not 1 <= len(vector) <= MAX_DIMENSIONS:
            raise InputError(
                f"the signature of {self.artist!r} must be float32 with 1 to {MAX_DIMENSIONS} numbers, "
                f"got {vector.dtype} {vector.shape}"
            )
        if not are_unit(vector):
            raise InputError(f"the signature of {self.artist!r} is not a finite vector of length 1; scale it first")
        vector.setflags(write=False)
        object.__setattr__(self, "vector", vector)
