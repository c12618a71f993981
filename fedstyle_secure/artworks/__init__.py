"""The gate: files become artworks; paths, EXIF and every other metadata stay outside."""

from .artwork import Artwork, Gallery, Portfolio
from .atelier import Hand, make_hands, paint_atelier, style_distance, write_atelier
from .reader import read_artwork, read_portfolios
from .splits import split_by_artist, split_by_content

__all__ = [
    "Artwork",
    "Gallery",
    "Hand",
    "Portfolio",
    "make_hands",
    "paint_atelier",
    "read_artwork",
    "read_portfolios",
    "split_by_artist",
    "split_by_content",
    "style_distance",
    "write_atelier",
]
