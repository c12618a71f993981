"""Copies of one picture in one artist's folder: the same pixels, or the same picture saved, shrunk or packed again.

GATE-3  A picture counts once: of its copies one is taken, so that none lands on the other side of a split, and the
        promise for one artwork covers all of them. The data set that is protected is what is left after that.

Two pictures are compared by the means of 8 x 8 cells in three colors: a copy differs by little of what the picture
itself varies by. The bits of a hash would drop by how much; and a faint drawing must not pass for another one on the
same paper.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .artwork import Artwork

GRID: Final = 8
NEAR: Final = 1 / 32
"""Largest squared difference of a copy, over the picture's own squared variation.

Of 471,822 pairs of different works by one hand (painters, sets of emoji, drawings on white paper) the nearest are at
.067: none is folded. What was saved as JPEG or WebP at quality 50, or at half the size and quality 75, is below .013.
Another exposure or another crop is another picture here.
"""


def find_copies(artworks: Sequence[Artwork]) -> list[int | None]:
    """For each artwork of one artist, the place of the earlier one that it is a copy of; None for one to keep."""
    cells = np.array([_cells(artwork) for artwork in artworks], np.float32).reshape(len(artworks), GRID * GRID, 3)
    spread = ((cells - cells.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    digests: dict[bytes, int] = {}
    found: list[int | None] = []
    kept: list[int] = []
    for place, artwork in enumerate(artworks):
        original = digests.setdefault(artwork.digest, place)
        if original == place and kept:
            apart = ((cells[kept] - cells[place]) ** 2).sum(axis=(1, 2))
            varied = np.minimum(spread[kept], spread[place])
            near = np.flatnonzero((apart <= NEAR * varied) & (varied > 0))
            if len(near):
                original = digests[artwork.digest] = kept[near[0]]
        if original == place:
            kept.append(place)
        found.append(None if original == place else original)
    return found


def _cells(artwork: Artwork) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(artwork.pixels).resize((GRID, GRID), Image.Resampling.BOX))
