"""GATE-3: copies are found, and no two works of a hand are taken for one."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fedstyle_secure.artworks import read_artwork
from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.artworks.copies import Look, find_copies


def artwork(picture: Image.Image) -> Artwork:
    return Artwork(np.asarray(picture.convert("RGB")))


def places(works: list[Artwork]) -> list[int | None]:
    return find_copies([Look.of(work) for work in works])


def saved(picture: Image.Image, kind: str, quality: int) -> Image.Image:
    file = BytesIO()
    picture.convert("RGB").save(file, kind, quality=quality)
    return Image.open(file)


def drawings(count: int) -> list[Image.Image]:
    """Thin lines on the same paper: nearly all of a page is alike."""
    rng, pages = np.random.default_rng(3), []
    for _ in range(count):
        page = Image.new("RGB", (512, 400), (250, 248, 240))
        for line in rng.uniform(40, 360, (12, 5, 2)):
            ImageDraw.Draw(page).line([tuple(point) for point in line.tolist()], fill=(60, 60, 60), width=2)
        pages.append(page)
    return pages


COPIES = {
    "the same": lambda picture: picture.copy(),
    "JPEG": lambda picture: saved(picture, "JPEG", 50),
    "WebP": lambda picture: saved(picture, "WEBP", 50),
    "half": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "half, JPEG": lambda picture: saved(picture.resize((picture.width // 2, picture.height // 2)), "JPEG", 75),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_gate3_a_copy_is_found_whatever_it_was_saved_as(copy, picture: Image.Image) -> None:
    for original in (picture.resize((400, 240)), drawings(1)[0]):
        other = original.transpose(Image.Transpose.ROTATE_180)
        assert places([artwork(original), artwork(other), artwork(copy(original))]) == [None, None, 0]


def test_copies_of_a_copy_are_copies_of_the_first(picture: Image.Image) -> None:
    works = [
        artwork(picture),
        artwork(saved(picture, "JPEG", 90)),
        artwork(picture),
        artwork(saved(picture, "JPEG", 90)),
    ]
    assert places(works) == [None, 0, 0, 0]


def test_gate3_drawings_on_the_same_paper_are_different_works() -> None:
    assert places([artwork(page) for page in drawings(60)]) == [None] * 60


def test_flat_pictures_are_copies_only_pixel_for_pixel() -> None:
    flat = [artwork(Image.new("RGB", (8, 8), (value, 0, 0))) for value in (7, 8, 7)]
    assert places(flat) == [None, None, 0]
    assert places([]) == []


def works_of(folder: Path) -> list[Artwork]:
    return [read_artwork(path) for path in sorted(folder.iterdir()) if path.suffix in {".jpg", ".png"}]


def test_gate3_no_two_real_works_of_a_hand_are_folded_and_their_copies_are(shared_art: Path) -> None:
    hands = sorted(path for kind in ("paintings", "emoji") for path in (shared_art / kind).iterdir() if path.is_dir())
    for hand in hands[::8]:
        works = works_of(hand)
        assert places(works) == [None] * len(works), hand.name
        shrunk = [artwork(saved(Image.fromarray(work.pixels), "JPEG", 60)) for work in works[:5]]
        assert places([*works[:5], *shrunk])[5:] == list(range(5)), hand.name


@pytest.mark.slow
def test_gate3_no_two_real_works_of_any_hand_are_folded(shared_art: Path) -> None:
    pairs = 0
    for kind in ("paintings", "emoji"):
        for hand in (path for path in (shared_art / kind).iterdir() if path.is_dir()):
            works = works_of(hand)
            assert places(works) == [None] * len(works), hand.name
            pairs += len(works) * (len(works) - 1) // 2
    assert pairs > 400_000
