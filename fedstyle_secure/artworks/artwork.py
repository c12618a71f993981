"""What leaves the gate: pixels and a content name, and nothing else of the file they came from.

ART-1  An artwork's pixels cannot change after it was made: they are a private, read-only copy.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Artwork:
    """One picture, without path, EXIF or any other metadata.

    Attributes:
        pixels: uint8 [height, width, 3], sRGB, read-only.
        content: What is depicted, where an index says so; used only to split by content.

    Raises:
        InputError: The pixels are not uint8 [height, width, 3] with both sides at least 1.
    """

    pixels: NDArray[np.uint8]
    content: str | None = None

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise InputError(f"an artwork's pixels are uint8 [height, width, 3], got {pixels.dtype} {pixels.shape}")
        private = np.array(pixels, order="C")
        private.setflags(write=False)
        object.__setattr__(self, "pixels", private)

    @property
    def digest(self) -> bytes:
        """SHA-256 over shape and pixels (32 bytes): equal exactly for equal pictures, whatever file they were in."""
        height, width, _ = self.pixels.shape
        return sha256(height.to_bytes(4, "big") + width.to_bytes(4, "big") + self.pixels.tobytes()).digest()


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """All artworks of one artist, at least one.

    Raises:
        InputError: The artist has no name or no artwork.
    """

    artist: str
    artworks: tuple[Artwork, ...]

    def __post_init__(self) -> None:
        if not self.artist:
            raise InputError("a portfolio needs the name of its artist, got an empty one")
        if not self.artworks:
            raise InputError(f"the portfolio of artist {self.artist!r} holds no artwork; it needs at least one")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that is there and was not taken.

    Attributes:
        file: Its name, relative to the folder that was read.
        reason: Why, as half a sentence about "it".
    """

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """Everything read from one folder.

    Attributes:
        portfolios: Sorted by artist name.
        left_out: Every picture that is there and was not taken, by file name.
        warnings: Sentences for the user; nothing in them stopped the reading.
    """

    portfolios: tuple[Portfolio, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
