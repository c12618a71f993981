"""Which files of a folder are whose artworks, by their names alone: nothing is opened here.

GATE-1  Nothing outside the folder is read: links that lead out of it are not followed, in the tree and in the index.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unicodedata import normalize

from ..errors import InputError
from ..names import check_name, fold, told_apart
from .artwork import LeftOut

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"})
"""File names read as artworks, in any case."""

UNREAD: Final = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".tif", ".tiff"}
    | {".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf"}
)
"""File names of pictures that no decoder here reads (see DEC-2): left out by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Picture files by artist, and the pictures that are not among them.

    Attributes:
        files: Artist name (NFC) -> files in the order of their names.
        left_out: Pictures that are there and are not taken, and why.
    """

    files: Mapping[str, Sequence[Path]]
    left_out: Sequence[LeftOut]


def find_artists(folder: Path, *, nested: bool) -> Found:
    """Look for `<artist>/<artwork>`.

    Args:
        folder: Holds one folder for each artist.
        nested: Take what lies in folders inside an artist's folder, too.

    Raises:
        InputError: A folder cannot be read, leads out of this one, or has a name that nobody can have.
    """
    root = resolve_root(folder)
    files: dict[str, Sequence[Path]] = {}
    left_out: list[LeftOut] = []
    origins: dict[str, str] = {}
    for path in list_folder(folder):
        if path.name.startswith(".") or not path.is_dir():
            left_out += [LeftOut(key(each, folder), reason) for each, reason in _outside(path)]
            continue
        check_inside(path, root)
        artist = artist_name(path)
        if (other := origins.setdefault(fold(artist), path.name)) != path.name:
            first, second = told_apart([other, path.name])
            raise InputError(
                f"the artist folders {first} and {second} in {folder} have the same name, but for case, spaces, "
                "accents or invisible characters; rename or merge them"
            )
        found = find_pictures(path, folder, nested=nested)
        files[artist] = found.files[""]
        left_out += found.left_out
    return Found(files, left_out)


def find_pictures(folder: Path, base: Path, *, nested: bool) -> Found:
    """Look for one artist's pictures, under the artist ``""``; left-out files are named relative to `base`."""
    taken: list[Path] = []
    left_out: list[LeftOut] = []
    for path, reason in _walk(folder, nested=nested):
        if reason is None:
            taken.append(path)
        else:
            left_out.append(LeftOut(key(path, base), reason))
    return Found({"": taken}, left_out)


def _outside(path: Path) -> Iterator[tuple[Path, str]]:
    """Pictures that are in no artist's folder."""
    if path.is_dir() and not path.is_symlink():
        yield from _pictures_in(path, "it is in a hidden folder")
    elif _looks_like_picture(path):
        yield path, "it is in no artist's folder"


def _walk(folder: Path, *, nested: bool) -> Iterator[tuple[Path, str | None]]:
    """Pictures of one artist's folder; with each that is not taken, why."""
    for path in list_folder(folder):
        is_hidden = path.name.startswith(".")
        if path.is_dir():
            if is_hidden:
                yield from _pictures_in(path, "it is in a hidden folder")
            elif path.is_symlink():
                yield path, "it is a link to a folder"
            elif nested:
                yield from _walk(path, nested=nested)
            else:
                yield from _pictures_in(path, "it is in a folder inside the artist's: take these with --nested")
        elif _looks_like_picture(path):
            yield path, _why_not(path, is_hidden=is_hidden)


def _pictures_in(folder: Path, reason: str) -> Iterator[tuple[Path, str]]:
    """All pictures below a folder that is not taken; links to folders are not followed."""
    for path in list_folder(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _pictures_in(path, reason)
        elif _looks_like_picture(path):
            yield path, reason


def _looks_like_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES | UNREAD


def _why_not(path: Path, *, is_hidden: bool) -> str | None:
    """Why a picture file is not taken; None if it is. Broken links are found out when they are opened."""
    if is_hidden:
        return "it is hidden"
    if path.suffix.lower() in UNREAD:
        return f"{path.suffix.lower()} is not read: save it as JPEG, PNG or WebP"
    return None if path.is_file() or path.is_symlink() else "it is not a file"


def resolve_root(folder: Path) -> Path:
    """The folder that nothing may lead out of.

    Raises:
        InputError: It does not exist or is no folder.
    """
    if not folder.exists():
        raise InputError(f"the artworks folder {folder} does not exist; check the path")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that holds one folder for each artist")
    return folder.resolve()


def list_folder(folder: Path) -> list[Path]:
    """What is in a folder, by name.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read ({error.strerror}); check its permissions") from None


def artist_name(folder: Path) -> str:
    """The name of the artist whose folder this is, in NFC.

    Raises:
        InputError: Nobody can have that name.
    """
    name = normalize("NFC", folder.name)
    check_name(name)
    return name


def check_inside(path: Path, root: Path) -> None:
    """Refuse what is not in `root` after all links are followed (GATE-1).

    Raises:
        InputError: It leads out, or nowhere.
    """
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"{path} is a broken link; put the picture there or remove the link") from None
    if not target.is_relative_to(root):
        raise InputError(f"{path} is a link that leads out of the folder; copy the file into it or remove the link")


def key(path: Path, folder: Path) -> str:
    """How a file is named in an index and in a list of what was left out: relative to the folder, in NFC."""
    return normalize("NFC", path.relative_to(folder).as_posix())
