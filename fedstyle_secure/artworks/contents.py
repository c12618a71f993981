"""``index.csv``: what each file shows. Any usual separator, byte-order mark or case is read."""

import codecs
import csv
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final
from unicodedata import normalize

from ..errors import InputError
from .folders import check_inside

INDEX_NAME: Final = "index.csv"
_SEPARATORS: Final = (",", ";", "\t", "|")
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_contents(folder: Path, root: Path) -> dict[str, str]:
    """Relative path (NFC) -> content; empty where there is no index or it names no contents.

    Raises:
        InputError: The index leads out of the folder, is no such table, or contradicts itself; with the line.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        return {}
    check_inside(path, root)
    try:
        text = _decode(path.read_bytes())
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_separator(text))
        rows.fieldnames = [name.strip().casefold() for name in rows.fieldnames or []]
        if "content" not in rows.fieldnames:
            return {}
        if "path" not in rows.fieldnames:
            raise InputError(
                f"{path} has no column 'path', only {', '.join(sorted(rows.fieldnames))}; name each file relative to it"
            )
        contents: dict[str, str] = {}
        for row in rows:
            _add_row(contents, row, f"{path}, line {rows.line_num},")
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a readable UTF-8 CSV file ({error}); correct or remove it") from None
    return contents


def _decode(data: bytes) -> str:
    return data.decode(next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8"))


def _separator(text: str) -> str:
    """What stands most often between the names of the first line."""
    header = text.partition("\n")[0]
    return max(_SEPARATORS, key=header.count)


def _add_row(contents: dict[str, str], row: Mapping[str, str | None], where: str) -> None:
    # DictReader files surplus fields under None, and gives None for those a short row lacks.
    if None in row or row["path"] is None or row["content"] is None:
        raise InputError(f"{where} does not have one field for each column; correct the row")
    named = PurePosixPath(row["path"].strip().replace("\\", "/"))
    if named.is_absolute() or ".." in named.parts or not named.parts:
        raise InputError(f"{where} names {row['path']!r}, which is not a file in the folder; use paths relative to it")
    if content := row["content"].strip():
        name = normalize("NFC", named.as_posix())
        if contents.setdefault(name, content) != content:
            raise InputError(f"{where} gives {name!r} a second content, {content!r}; keep one of the rows")
