"""The procedural atelier: invented painters, each in a style of known parameters, who all paint the same subjects.

Style and subject are crossed: the j-th artwork of every artist shows the same content. No download, no license, any
number of artists, and true distances between styles (`style_distance` of their `Hand`s).
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

import numpy as np
from PIL import Image

from ..errors import InputError
from .artwork import Artwork, Portfolio
from .contents import INDEX_NAME
from .hands import Hand, make_hands, style_distance, vary
from .painter import paint
from .seeding import named_rng
from .sketch import Pose
from .subjects import SUBJECTS, draw_scene

__all__ = ["Hand", "make_hands", "paint_atelier", "paint_subject", "read_hands", "style_distance", "write_atelier"]

_SEED: Final = "seed"
"""Column of an atelier's index."""


def paint_atelier(
    artists: int, artworks: int, *, seed: int, size: int = 128, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Portfolio, ...]:
    """Paint `artworks` pictures in each of `artists` hands; equal arguments give equal pixels.

    Args:
        artists: Number of painters; their styles are `make_hands(artists, seed=seed)`, in the same order.
        artworks: Pictures by each; beyond the number of `SUBJECTS`, subjects come back in new poses.
        seed: Public; never used for secrets.
        size: Side of the square pictures, 32 to 512 pixels.
        on_progress: Called with (pictures painted, all pictures) after each picture.

    Returns:
        One portfolio for each hand, contents named after their subjects.

    Raises:
        InputError: A number is out of range.
    """
    if artworks < 1:
        raise InputError(f"an atelier needs at least one artwork for each artist, got {artworks}")
    if not 32 <= size <= 512:
        raise InputError(f"an atelier paints pictures of 32 to 512 pixels, got {size}")
    subjects = _list_subjects(artworks)
    portfolios = []
    for index, hand in enumerate(make_hands(artists, seed=seed)):
        pictures = []
        for done, (subject, variant) in enumerate(subjects, start=index * artworks + 1):
            pictures.append(paint_subject(hand, subject, variant=variant, seed=seed, size=size))
            if on_progress:
                on_progress(done, artists * artworks)
        portfolios.append(Portfolio(hand.artist, tuple(pictures)))
    return tuple(portfolios)


def read_hands(folder: Path) -> dict[str, Hand] | None:
    """The true styles behind an atelier on disk, by artist; None for a folder that is no atelier.

    Raises:
        InputError: Its index is damaged.
    """
    path = folder / INDEX_NAME
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["artist"], int(row[_SEED])) for row in csv.DictReader(file) if row.get(_SEED)]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{path} does not tell the seed of an atelier ({error}); paint it anew") from error
    if len({seed for _, seed in rows}) != 1:
        return None
    artists = len({artist for artist, _ in rows})
    return {hand.artist: hand for hand in make_hands(artists, seed=rows[0][1])}


def paint_subject(hand: Hand, subject: str, *, variant: int = 1, seed: int, size: int = 128) -> Artwork:
    """Paint one subject in one hand.

    Every picture has its own pose and mood: the painter varies a little from picture to picture, as painters do.

    Raises:
        InputError: There is no such subject.
    """
    if subject not in SUBJECTS:
        raise InputError(f"there is no subject {subject!r}; choose one of {', '.join(SUBJECTS)}")
    rng = named_rng(seed, "artwork", hand.artist, subject, variant)
    scene = draw_scene(subject, _pose(hand, rng), rng, size)
    return Artwork(paint(scene, vary(hand, rng), rng), subject)


def write_atelier(
    folder: Path,
    *,
    artists: int,
    artworks: int,
    seed: int,
    size: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Paint an atelier into `<folder>/<artist>/<content>.png` with an `index.csv`; `read_portfolios` reads it back.

    The index tells the seed, from which `read_hands` knows the painters' true styles.

    All is written beside `folder` first and moved there at the end, so nothing half-written is left behind.

    Raises:
        InputError: `folder` exists and is not an empty folder, cannot be written, or a number is out of range.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty; choose another folder or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(draft, paint_atelier(artists, artworks, seed=seed, size=size, on_progress=on_progress), seed)
            draft.chmod(0o755)
            draft.replace(folder)
        except BaseException:
            rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(f"the atelier cannot be written to {folder} ({error.strerror}); check the path") from None


def _write(folder: Path, portfolios: Sequence[Portfolio], seed: int) -> None:
    with (folder / INDEX_NAME).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "artist", "content", _SEED))
        for portfolio in portfolios:
            (folder / portfolio.artist).mkdir()
            names = _list_subjects(len(portfolio.artworks))
            for (subject, variant), artwork in zip(names, portfolio.artworks, strict=True):
                name = f"{portfolio.artist}/{subject if variant == 1 else f'{subject}-{variant}'}.png"
                Image.fromarray(artwork.pixels).save(folder / name)
                rows.writerow((name, portfolio.artist, artwork.content, seed))


def _list_subjects(artworks: int) -> list[tuple[str, int]]:
    """(subject, variant) of the j-th artwork, the same for every artist."""
    names = list(SUBJECTS)
    return [(names[j % len(names)], j // len(names) + 1) for j in range(artworks)]


def _pose(hand: Hand, rng: np.random.Generator) -> Pose:
    right, down = rng.uniform(-0.07, 0.07, 2).tolist()
    return Pose(
        horizon=hand.horizon + float(rng.uniform(-0.05, 0.05)),
        scale=hand.scale * float(rng.uniform(0.9, 1.1)),
        shift=(right, down * 0.6),
        is_mirrored=bool(rng.integers(2)),
    )
