import numpy as np
import pytest

from fedstyle_secure.artworks import Artwork, Portfolio
from fedstyle_secure.errors import InputError


def test_pixels_are_a_private_read_only_copy() -> None:
    mine = np.zeros((2, 3, 3), np.uint8)
    artwork = Artwork(mine)
    mine[:] = 9
    assert not artwork.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        artwork.pixels[0, 0, 0] = 1


def test_digest_covers_pixels_and_shape_and_nothing_else() -> None:
    flat, tall = np.zeros((2, 6, 3), np.uint8), np.zeros((6, 2, 3), np.uint8)
    assert Artwork(flat).digest == Artwork(flat, "a tree").digest
    assert Artwork(flat).digest != Artwork(tall).digest
    assert Artwork(flat).digest != Artwork(flat + 1).digest
    assert len(Artwork(flat).digest) == 32


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8)],
    ids=["float", "gray", "alpha", "empty"],
)
def test_only_color_pictures_are_artworks(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"uint8 \[height, width, 3\]"):
        Artwork(pixels)


def test_a_portfolio_has_an_artist_and_an_artwork() -> None:
    artwork = Artwork(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(InputError, match="name"):
        Portfolio("", (artwork,))
    with pytest.raises(InputError, match="'ada'"):
        Portfolio("ada", ())
