"""Folder -> portfolios: `<artist>/<artwork>.(jpg|png|webp)`, with contents from an optional `index.csv`.

GATE-2  A picture that is there and is not taken is named with the reason; it spoils neither the folder nor silence.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..errors import InputError
from ..names import told_apart
from .artwork import Artwork, Gallery, LeftOut, Portfolio
from .contents import INDEX_NAME, read_contents
from .copies import find_copies
from .decoding import decode_pixels
from .folders import SUFFIXES, artist_name, check_inside, find_artists, find_pictures, key, resolve_root

_SHOWN: Final = 3
OnProgress = Callable[[int, int], None]


def read_artwork(path: Path, *, content: str | None = None) -> Artwork:
    """Read one picture, for example a buyer's query.

    Raises:
        InputError: The file is not a still JPEG, PNG or WebP picture of a bearable size.
    """
    return Artwork(decode_pixels(path), content)


def read_portfolios(
    folder: Path, *, min_artworks: int = 1, nested: bool = False, on_progress: OnProgress | None = None
) -> Gallery:
    """Read every artist's artworks; artists and artworks come in the order of their names.

    Args:
        folder: Holds one folder for each artist.
        min_artworks: Smallest number of artworks an artist may have, copies not counted.
        nested: Take what lies in folders inside an artist's folder, too.
        on_progress: Called with (files read, all files) after each file.

    Raises:
        InputError: The folder, an artist or the index cannot be used; the sentence says which, and what to do.
    """
    if min_artworks < 1:
        raise InputError(f"the minimum number of artworks for an artist is at least 1, got {min_artworks}")
    root = resolve_root(folder)
    found = find_artists(folder, nested=nested)
    _check_counts(folder, found.files, min_artworks, found.left_out)
    contents = read_contents(folder, root)
    artworks, unread = _read_files(found.files, root, contents, folder, on_progress)
    left_out = sorted((*found.left_out, *unread), key=lambda one: one.file)
    _check_counts(folder, artworks, min_artworks, left_out)
    portfolios = tuple(Portfolio(artist, tuple(artworks[artist])) for artist in sorted(artworks))
    duplicates = _shared_digests(portfolios)
    known = {key(path, folder) for paths in found.files.values() for path in paths} | {each.file for each in left_out}
    return Gallery(
        portfolios=portfolios,
        duplicates=len(duplicates),
        left_out=tuple(left_out),
        warnings=(*_missing_warnings(contents.keys() - known), *_duplicate_warnings(duplicates)),
    )


def read_portfolio(
    folder: Path, *, min_artworks: int = 1, nested: bool = False, on_progress: OnProgress | None = None
) -> Gallery:
    """Read one artist's folder, as a gallery of one portfolio; the artist is named after the folder.

    Args:
        folder: Holds the pictures themselves.
        min_artworks: Smallest number of artworks, copies not counted.
        nested: Take what lies in folders inside it, too.
        on_progress: Called with (files read, all files) after each file.

    Raises:
        InputError: The folder cannot be used, or there are too few; the sentence says which, and what to do.
    """
    root = resolve_root(folder)
    artist, found = artist_name(root), find_pictures(folder, folder, nested=nested)
    artworks, unread = _read_files({artist: found.files[""]}, root, {}, folder, on_progress)
    left_out = sorted((*found.left_out, *unread), key=lambda one: one.file)
    if len(artworks[artist]) < max(1, min_artworks):
        raise InputError(
            f"{folder} holds {len(artworks[artist])} artworks, the minimum is {max(1, min_artworks)}; give the folder "
            f"of one artist, with pictures in it that end in {_join(SUFFIXES)}{_and_left_out(left_out)}"
        )
    return Gallery(
        portfolios=(Portfolio(artist, tuple(artworks[artist])),), duplicates=0, left_out=tuple(left_out), warnings=()
    )


def _check_counts(
    folder: Path, files: Mapping[str, Sequence[object]], min_artworks: int, left_out: Sequence[LeftOut]
) -> None:
    if not any(files.values()):
        raise InputError(
            f"no artworks found in {folder}; expected <artist>/<artwork> with one of the endings {_join(SUFFIXES)}"
            f"{_and_left_out(left_out)}"
        )
    if len(files) == 1:
        raise InputError(
            f"only one artist, {next(iter(files))!r}, found in {folder}; styles are learned by comparing artists, "
            f"so add a folder for at least one more"
        )
    short = {artist: len(paths) for artist, paths in files.items() if len(paths) < min_artworks}
    if short:
        named = _summarize([f"{artist!r} has {count}" for artist, count in short.items()], ", ")
        lost = [one for one in left_out if one.file.partition("/")[0] in short]
        raise InputError(
            f"too few artworks in {folder}: {named}, the minimum is {min_artworks}; "
            f"add pictures, remove the artist's folder or lower the minimum{_and_left_out(lost)}"
        )


def _read_files(
    files: Mapping[str, Sequence[Path]],
    root: Path,
    contents: Mapping[str, str],
    folder: Path,
    on_progress: OnProgress | None,
) -> tuple[dict[str, list[Artwork]], list[LeftOut]]:
    """The artworks of each artist, each picture once, and what was left out of them."""
    artworks: dict[str, list[Artwork]] = {}
    left_out: list[LeftOut] = []
    done, total = 0, sum(map(len, files.values()))
    for artist, paths in files.items():
        read: list[tuple[str, Artwork]] = []
        for path in paths:
            name = key(path, folder)
            try:
                check_inside(path, root)
                read.append((name, read_artwork(path, content=contents.get(name))))
            except InputError as error:
                left_out.append(LeftOut(name, f"it {str(error).removeprefix(f'{path} ')}"))
            done += 1
            if on_progress:
                on_progress(done, total)
        originals = find_copies([artwork for _, artwork in read])
        artworks[artist] = [artwork for (_, artwork), copied in zip(read, originals, strict=True) if copied is None]
        left_out += [
            LeftOut(name, f"it is a copy of {read[copied][0]}, which counts once")
            for (name, _), copied in zip(read, originals, strict=True)
            if copied is not None
        ]
    return artworks, left_out


def _and_left_out(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return ""
    return f" (pictures left out, {len(left_out)}: {_summarize([str(one) for one in left_out], '; ')})"


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


def _missing_warnings(missing: Iterable[str]) -> list[str]:
    names = sorted(missing)
    return [f"{INDEX_NAME} names {len(names)} files that are not there: {_summarize(names, ', ')}"] if names else []


def _summarize(items: Sequence[str], separator: str) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return separator.join(items[:_SHOWN]) + more


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
