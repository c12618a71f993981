"""Folder -> portfolios: `<artist>/<artwork>.(jpg|png|webp)`, with contents from an optional `index.csv`.

GATE-2  A picture that is there and is not taken is named with the reason; it spoils neither the folder nor silence.
GATE-4  A picture that several artists' folders hold, pixel for pixel, is nobody's: it is left out of all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..errors import InputError
from ..names import told_apart
from .artwork import Artwork, Gallery, LeftOut, Portfolio
from .contents import INDEX_NAME, read_contents
from .copies import Look, find_copies
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
    read, unread = _read_files(found.files, root, contents, folder, on_progress)
    artworks, shared = _leave_out_shared(read)
    left_out = sorted((*found.left_out, *unread, *shared), key=lambda one: one.file)
    _check_counts(folder, artworks, min_artworks, left_out)
    known = {key(path, folder) for paths in found.files.values() for path in paths} | {each.file for each in left_out}
    return Gallery(
        portfolios=tuple(Portfolio(artist, tuple(artworks[artist])) for artist in sorted(artworks)),
        left_out=tuple(left_out),
        warnings=tuple(_missing_warnings(contents.keys() - known)),
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
    read, unread = _read_files({artist: found.files[""]}, root, {}, folder, on_progress)
    artworks = tuple(artwork for _, artwork in read[artist])
    left_out = sorted((*found.left_out, *unread), key=lambda one: one.file)
    if len(artworks) < max(1, min_artworks):
        raise InputError(
            f"{folder} holds {len(artworks)} artworks, the minimum is {max(1, min_artworks)}; give the folder "
            f"of one artist, with pictures in it that end in {_join(SUFFIXES)}{_and_left_out(left_out)}"
        )
    return Gallery(portfolios=(Portfolio(artist, artworks),), left_out=tuple(left_out), warnings=())


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
) -> tuple[dict[str, list[tuple[str, Artwork]]], list[LeftOut]]:
    """The artworks of each artist with their files, each picture once, and what was left out of them."""
    kept: dict[str, list[tuple[str, Artwork]]] = {}
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
        originals = find_copies([Look.of(artwork) for _, artwork in read])
        kept[artist] = [each for each, copied in zip(read, originals, strict=True) if copied is None]
        left_out += [
            LeftOut(name, f"it is a copy of {read[copied][0]}, which counts once")
            for (name, _), copied in zip(read, originals, strict=True)
            if copied is not None
        ]
    return kept, left_out


def _leave_out_shared(
    read: Mapping[str, Sequence[tuple[str, Artwork]]],
) -> tuple[dict[str, list[Artwork]], list[LeftOut]]:
    """What each artist alone has, and what several have (GATE-4)."""
    owners: dict[bytes, list[str]] = defaultdict(list)
    for artist, files in read.items():
        for _, artwork in files:
            owners[artwork.digest].append(artist)
    alone = {
        artist: [artwork for _, artwork in files if owners[artwork.digest] == [artist]]
        for artist, files in read.items()
    }
    left_out = [
        LeftOut(
            name, f"it is in the folders of {_summarize(told_apart(owners[artwork.digest]), ' and ')}, and nobody's"
        )
        for files in read.values()
        for name, artwork in files
        if len(owners[artwork.digest]) > 1
    ]
    return alone, left_out


def _and_left_out(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return ""
    return f" (pictures left out, {len(left_out)}: {_summarize([str(one) for one in left_out], '; ')})"


def _missing_warnings(missing: Iterable[str]) -> list[str]:
    names = sorted(missing)
    return [f"{INDEX_NAME} names {len(names)} files that are not there: {_summarize(names, ', ')}"] if names else []


def _summarize(items: Sequence[str], separator: str) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return separator.join(items[:_SHOWN]) + more


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
