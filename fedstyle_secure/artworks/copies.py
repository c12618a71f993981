"""Copies of one picture in one artist's folder: the same pixels, or the same picture saved, shrunk or packed again.

GATE-3  A picture counts once: of its copies one is taken, so that none lands on the other side of a split, and the
        promise for one artwork covers all of them. The data set that is protected is what is left after that.

Two pictures are compared by the means of 8 x 8 cells in three colors: a copy differs by little of what the picture
itself varies by. The bits of a hash would drop by how much; and a faint drawing must not pass for another one on the
same paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from PIL import Image

from ..errors import InputError
from .artwork import Artwork

GRID: Final = 8
NEAR: Final = 1 / 32
"""Largest squared difference of a copy, over the picture's own squared variation.

Of 471,822 pairs of different works by one hand (painters, sets of emoji, drawings on white paper) the nearest are at
.067: none is folded. What was saved as JPEG or WebP at quality 50, or at half the size and quality 75, is below .013.
Another exposure or another crop is another picture here.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What copies of a picture are known by, where the picture itself may be gone; as private as the picture.

    Attributes:
        digest: The artwork's.
        cells: Means of its 8 x 8 cells, a byte for each color, in rows (192 bytes).

    Raises:
        InputError: There are more or fewer bytes.
    """

    digest: bytes
    cells: bytes

    def __post_init__(self) -> None:
        if len(self.cells) != GRID * GRID * 3:
            raise InputError(f"a look has {GRID * GRID * 3} bytes of cells, got {len(self.cells)}")

    @classmethod
    def of(cls, artwork: Artwork) -> Self:
        """Look at an artwork."""
        cells = Image.fromarray(artwork.pixels).resize((GRID, GRID), Image.Resampling.BOX)
        return cls(digest=artwork.digest, cells=cells.tobytes())


def find_copies(looks: Sequence[Look]) -> list[int | None]:
    """For each artwork of one artist, the place of the earlier one that it is a copy of; None for one to keep."""
    means = np.frombuffer(b"".join(look.cells for look in looks), np.uint8).astype(np.float32)
    cells = means.reshape(len(looks), GRID * GRID, 3)
    spread = ((cells - cells.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    digests: dict[bytes, int] = {}
    found: list[int | None] = []
    kept: list[int] = []
    for place, look in enumerate(looks):
        original = digests.setdefault(look.digest, place)
        if original == place and kept:
            apart = ((cells[kept] - cells[place]) ** 2).sum(axis=(1, 2))
            varied = np.minimum(spread[kept], spread[place])
            near = np.flatnonzero((apart <= NEAR * varied) & (varied > 0))
            if len(near):
                original = digests[look.digest] = kept[near[0]]
        if original == place:
            kept.append(place)
        found.append(None if original == place else original)
    return found
