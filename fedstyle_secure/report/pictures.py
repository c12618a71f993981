"""Thumbnails of artworks, inlined; only when whoever writes the report hands in the artworks."""

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from ..artworks import Artwork, read_portfolios
from ..errors import InputError

SIDE: Final = 168
"""Side of a thumbnail in pixels: sharp at twice the 84 it is shown at."""

_QUALITY: Final = 78


def read_pictures(folder: Path, artists: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    """Two pictures of each artist as data URIs: one to ask with, one to answer with.

    They are examples of the artist's work: the first and, where there is another, the last of the folder.

    Raises:
        InputError: The folder cannot be read, or none of these artists is in it.
    """
    wanted = set(artists)
    gallery = read_portfolios(folder)
    pictures = {
        portfolio.artist: (_thumbnail(portfolio.artworks[-1]), _thumbnail(portfolio.artworks[0]))
        for portfolio in gallery.portfolios
        if portfolio.artist in wanted
    }
    if not pictures:
        raise InputError(f"{folder} holds none of the run's artists; show the artworks the run was made from")
    return pictures


def _thumbnail(artwork: Artwork) -> str:
    square = ImageOps.fit(Image.fromarray(artwork.pixels), (SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
