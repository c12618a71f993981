from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED_ART = Path(__file__).resolve().parents[3] / "shared" / "art"


@pytest.fixture
def shared_art() -> Path:
    if not SHARED_ART.is_dir():
        pytest.skip("the shared art (../shared/art beside the repository) is not on this machine")
    return SHARED_ART


@pytest.fixture
def picture() -> Image.Image:
    """A picture in which no two quarters look alike, so that every turn and flip shows."""
    pixels = np.random.default_rng(5).integers(0, 40, (24, 40, 3), np.uint8)
    pixels[:12, :20] += np.array([200, 0, 0], np.uint8)
    pixels[:12, 20:] += np.array([0, 200, 0], np.uint8)
    pixels[12:, :20] += np.array([0, 0, 200], np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes `artist=number of artworks` as distinct small PNGs into a fresh folder."""

    def make(**counts: int) -> Path:
        folder = tmp_path / "art"
        folder.mkdir()
        for number, (artist, count) in enumerate(counts.items()):
            (folder / artist).mkdir()
            for index in range(count):
                pixels = np.full((6, 6, 3), (number * 40, index * 10, 7), np.uint8)
                Image.fromarray(pixels).save(folder / artist / f"{index:02}.png")
        return folder

    return make
