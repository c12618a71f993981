"""What an artist shows already, put beside what it releases.

SHC-1  Shown works join a release after its noise: what comes of both follows from the noisy sum, its planned noise and
       what is public, and from nothing else that is private. So they cost no privacy, whatever they are.
SHC-2  A work that an artist shows is in no private data set: of a picture, or a copy of it, that lies in both, the
       showcase has it, and what was left is counted, split and charged without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from .. import canonical
from ..artworks.artwork import Gallery
from ..artworks.copies import Look, find_copies
from ..artworks.reader import read_portfolio
from ..durable import replace
from ..errors import InputError

SHOWCASE_FILE: Final = "showcase.json"
"""In an artist's home."""

LEAST_SHOWN = 2
"""Works of a showcase: one alone does not tell how far works by this hand lie apart."""

_LEAST, _MOST = 0.01, 0.99  # of how alike two works by one hand are, as a squared cosine of both with their mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Showcase:
    """What an artist with a home shows; the artist's own word, that nothing which arrives changes.

    Attributes:
        works: What copies of them are known by, LEAST_SHOWN at least; none for no showcase.

    Raises:
        InputError: There are fewer.
    """

    works: tuple[Look, ...] = ()

    def __post_init__(self) -> None:
        if 0 < len(self.works) < LEAST_SHOWN:
            raise InputError(f"a showcase has {LEAST_SHOWN} works at least, got {len(self.works)}")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The showcase of a home, whoever has that open.

        Raises:
            InputError: The file is damaged.
        """
        path = folder / SHOWCASE_FILE
        try:
            return canonical.decode(cls, path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, InputError) as error:
            raise InputError(
                f"{path} is damaged ({error}): `fedstyle artist showcase DIR` makes it anew, or --drop does without"
            ) from error

    def write(self, folder: Path) -> None:
        """Put it in the place of what was shown before.

        Raises:
            OSError: It cannot be written; what was shown before is shown.
        """
        replace(folder / SHOWCASE_FILE, canonical.encode(self))


def read_showcase(folder: Path, *, nested: bool = False) -> Gallery:
    """The pictures that one artist shows.

    Raises:
        InputError: The folder cannot be used, or holds too few pictures.
    """
    return read_portfolio(folder, min_artworks=LEAST_SHOWN, nested=nested)


def are_private(artworks: Sequence[Look], shown: Sequence[Look]) -> list[bool]:
    """Of each artwork, whether it counts: no copy of it is shown (SHC-2), and none comes before it (GATE-3)."""
    return [original is None for original in find_copies([*shown, *artworks])[len(shown) :]]


def with_showcase(summed: NDArray[np.float64], noise: float, shown: NDArray[np.float32]) -> NDArray[np.float64]:
    """A noisy sum of unit vectors and shown ones, each believed by its precision.

    Works of one hand scatter around its style by tau in each coordinate. A mean of k shown ones is off by tau^2 / k,
    one of n in a noisy sum by tau^2 / n + sigma^2 / n^2: weighted by the inverse of that, the sum counts n tau^2 /
    (n tau^2 + sigma^2) of what it would without noise. Tau is that of the shown works; n is read off the sum's length.

    Args:
        summed: What was released, before it is scaled to a unit vector [d].
        noise: Standard deviation of its noise in a coordinate, sigma.
        shown: Unit vectors of shown works [k, d], LEAST_SHOWN at least.
    """
    count, dimensions = shown.shape
    total: NDArray[np.float64] = shown.sum(axis=0, dtype=np.float64)
    alike = float((total @ total - np.sum(shown.astype(np.float64) ** 2)) / (count * (count - 1)))
    alike = min(max(alike, _LEAST), _MOST)
    energy = max(0.0, float(summed @ summed) - dimensions * noise**2)
    # |sum|^2 = alike n^2 + (1 - alike) n, but for noise
    artworks = (math.sqrt((1 - alike) ** 2 + 4 * alike * energy) - (1 - alike)) / (2 * alike)
    scatter = artworks * (1 - alike) / dimensions
    believed = scatter / (scatter + noise**2) if noise else 1.0
    return believed * summed + total
