"""Folder -> portfolios: `<artist>/<artwork>.(jpg|jpeg|png|webp)`, with contents from an optional `index.csv`.

GATE-1  Nothing outside the folder is read: links that lead out of it are refused, in the tree and in the index.
GATE-2  All is read or nothing: one error reports the first few unreadable files and how many there are.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from unicodedata import normalize

from ..errors import InputError
from ..names import check_name, fold, told_apart
from .artwork import Artwork, Gallery, Portfolio
from .decoding import decode_pixels

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""File names read as artworks, in any case; all other files are ignored."""

INDEX_NAME: Final = "index.csv"
_SHOWN: Final = 3


def read_artwork(path: Path, *, content: str | None = None) -> Artwork:
    """Read one picture, for example a buyer's query.

    Raises:
        InputError: The file is not a still JPEG, PNG or WebP picture of a bearable size.
    """
    return Artwork(decode_pixels(path), content)


def read_portfolios(
    folder: Path, *, min_artworks: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> Gallery:
    """Read every artist's artworks; artists and artworks come in the order of their names.

    Args:
        folder: Holds one folder for each artist; hidden files and folders are ignored.
        min_artworks: Smallest number of artworks an artist may have.
        on_progress: Called with (files read, all files) after each file.

    Raises:
        InputError: The folder, an artist, a file or the index cannot be used; the sentence says which, and what to do.
    """
    if min_artworks < 1:
        raise InputError(f"the minimum number of artworks for an artist is at least 1, got {min_artworks}")
    root = _resolve_root(folder)
    files = _find_files(folder, root)
    _check_counts(folder, files, min_artworks)
    contents = _read_index(folder, root)
    artworks = _read_files(files, root, contents, folder, on_progress)
    portfolios = tuple(Portfolio(artist, tuple(artworks[artist])) for artist in sorted(artworks))
    duplicates = _shared_digests(portfolios)
    return Gallery(
        portfolios=portfolios,
        duplicates=len(duplicates),
        warnings=(*_missing_warnings(contents, files, folder), *_duplicate_warnings(duplicates)),
    )


def read_portfolio(
    folder: Path, *, min_artworks: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> Portfolio:
    """Read one artist's folder; the artist is named after it.

    Args:
        folder: Holds the pictures themselves.
        min_artworks: Smallest number of artworks.
        on_progress: Called with (files read, all files) after each file.

    Raises:
        InputError: The folder or a file cannot be used, or there are too few; the sentence says which, and what to do.
    """
    root = _resolve_root(folder)
    artist, paths = _normalize(root), [entry for entry in _list_folder(folder) if _is_picture(entry)]
    if len(paths) < max(1, min_artworks):
        raise InputError(
            f"{folder} holds {len(paths)} artworks, the minimum is {max(1, min_artworks)}; give the folder of one "
            f"artist, with pictures in it that end in {_join(SUFFIXES)}"
        )
    return Portfolio(artist, tuple(_read_files({artist: paths}, root, {}, folder, on_progress)[artist]))


def _resolve_root(folder: Path) -> Path:
    if not folder.exists():
        raise InputError(f"the artworks folder {folder} does not exist; check the path")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that holds one folder for each artist")
    return folder.resolve()


def _list_folder(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read ({error.strerror}); check its permissions") from None


def _find_files(folder: Path, root: Path) -> dict[str, list[Path]]:
    """Artist name (NFC) -> its picture files, sorted; nothing is opened yet."""
    files: dict[str, list[Path]] = {}
    origins: dict[str, str] = {}
    for path in _list_folder(folder):
        if not path.is_dir():
            continue
        _check_inside(path, root)
        artist = _normalize(path)
        if (other := origins.setdefault(fold(artist), path.name)) != path.name:
            first, second = told_apart([other, path.name])
            raise InputError(
                f"the artist folders {first} and {second} in {folder} have the same name, but for case, spaces, "
                "accents or invisible characters; rename or merge them"
            )
        files[artist] = [entry for entry in _list_folder(path) if _is_picture(entry)]
    return files


def _is_picture(path: Path) -> bool:
    # A broken link is kept: the user meant a picture to be there, and is told. Pipes and folders are not pictures.
    return path.suffix.lower() in SUFFIXES and (path.is_file() or path.is_symlink())


def _normalize(path: Path) -> str:
    name = normalize("NFC", path.name)
    check_name(name)
    return name


def _check_inside(path: Path, root: Path) -> None:
    """GATE-1: a file or folder must be in `root` after all links are followed."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"{path} is a broken link; put the picture there or remove the link") from None
    if not target.is_relative_to(root):
        raise InputError(f"{path} is a link that leads out of the folder; copy the file into it or remove the link")


def _check_counts(folder: Path, files: Mapping[str, Sequence[Path]], min_artworks: int) -> None:
    if not any(files.values()):
        raise InputError(
            f"no artworks found in {folder}; expected <artist>/<artwork> with one of the endings {_join(SUFFIXES)}"
        )
    if len(files) == 1:
        raise InputError(
            f"only one artist, {next(iter(files))!r}, found in {folder}; styles are learned by comparing artists, "
            f"so add a folder for at least one more"
        )
    short = {artist: len(paths) for artist, paths in files.items() if len(paths) < min_artworks}
    if short:
        named = _summarize([f"{artist!r} has {count}" for artist, count in short.items()], ", ")
        raise InputError(
            f"too few artworks in {folder}: {named}, the minimum is {min_artworks}; "
            f"add pictures, remove the artist's folder or lower the minimum"
        )


def _read_files(
    files: Mapping[str, Sequence[Path]],
    root: Path,
    contents: Mapping[str, str],
    folder: Path,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, list[Artwork]]:
    artworks: dict[str, list[Artwork]] = defaultdict(list)
    problems: list[str] = []
    pairs = [(artist, path) for artist, paths in files.items() for path in paths]
    for done, (artist, path) in enumerate(pairs, start=1):
        try:
            _check_inside(path, root)
            artworks[artist].append(read_artwork(path, content=contents.get(_key(path, folder))))
        except InputError as error:
            problems.append(str(error))
        if on_progress:
            on_progress(done, len(pairs))
    if len(problems) == 1:
        raise InputError(problems[0])
    if problems:
        raise InputError(f"{len(problems)} of {len(pairs)} files cannot be read: {_summarize(problems, ' | ')}")
    return artworks


def _key(path: Path, folder: Path) -> str:
    return normalize("NFC", path.relative_to(folder).as_posix())


def _read_index(folder: Path, root: Path) -> dict[str, str]:
    """Relative path (NFC) -> content; empty where there is no index or it names no contents."""
    path = folder / INDEX_NAME
    if not path.is_file():
        return {}
    _check_inside(path, root)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = rows.fieldnames or []
            if "content" not in columns:
                return {}
            if "path" not in columns:
                raise InputError(f"{path} has no column 'path', only {_join(columns)}; name each file relative to it")
            contents: dict[str, str] = {}
            for row in rows:
                _add_row(contents, row, f"{path}, line {rows.line_num},")
            return contents
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a readable UTF-8 CSV file ({error}); correct or remove it") from None


def _add_row(contents: dict[str, str], row: Mapping[str, str | None], where: str) -> None:
    # DictReader files surplus fields under None, and gives None for those a short row lacks.
    if None in row or row["path"] is None or row["content"] is None:
        raise InputError(f"{where} does not have one field for each column; correct the row")
    named = PurePosixPath(row["path"])
    if named.is_absolute() or ".." in named.parts or not named.parts:
        raise InputError(f"{where} names {row['path']!r}, which is not a file in the folder; use paths relative to it")
    if content := row["content"].strip():
        key = normalize("NFC", named.as_posix())
        if contents.setdefault(key, content) != content:
            raise InputError(f"{where} gives {key!r} a second content, {content!r}; keep one of the rows")


def _shared_digests(portfolios: Sequence[Portfolio]) -> list[set[str]]:
    """For each picture that appears under several artists, those artists."""
    owners: dict[bytes, set[str]] = defaultdict(set)
    for portfolio in portfolios:
        for artwork in portfolio.artworks:
            owners[artwork.digest].add(portfolio.artist)
    return [artists for artists in owners.values() if len(artists) > 1]


def _duplicate_warnings(duplicates: Sequence[set[str]]) -> list[str]:
    if not duplicates:
        return []
    pairs = _summarize(sorted({" and ".join(told_apart(sorted(artists))) for artists in duplicates}), "; ")
    return [f"{len(duplicates)} artworks appear under more than one artist and were kept: {pairs}"]


def _missing_warnings(contents: Mapping[str, str], files: Mapping[str, Sequence[Path]], folder: Path) -> list[str]:
    missing = sorted(contents.keys() - {_key(path, folder) for paths in files.values() for path in paths})
    return (
        [f"{INDEX_NAME} names {len(missing)} files that are not there: {_summarize(missing, ', ')}"] if missing else []
    )


def _summarize(items: Sequence[str], separator: str) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return separator.join(items[:_SHOWN]) + more


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
