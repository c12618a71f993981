"""Names that people have: what one may hold, when two are the same, and how one is shown.

NAM-1  No name steers a terminal, a line or the direction of reading: control characters, line and paragraph separators
       and directional embeddings, overrides and isolates are refused where a name comes in, and shown as escapes
       wherever text comes from elsewhere. All else that languages need is kept: joiners, marks and spaces of any width.
NAM-2  Two names are compared folded, so that case, spaces, composed or decomposed accents and invisible characters do
       not make a second person; names are shown as they were given.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from unicodedata import category, normalize

from .errors import InputError

MAX_NAME_BYTES: Final = 255
"""Longest name in UTF-8: as long as a folder's name can be."""

# Unicode 16, annex 9: LRE, RLE, PDF, LRO, RLO, and LRI, RLI, FSI, PDI; marks (LRM, RLM, ALM) reach no further.
_STEERING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_STEERING_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})

# Characters that show nothing and are not of category Cf (Default_Ignorable_Code_Point of Unicode 16).
_INVISIBLE: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0000, 0xE1000),
        ),
    )
)

# Small letters of the Greek and Cyrillic alphabets that look Latin in most fonts (from Unicode's confusables, UTS 39).
_LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445"
    "\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u03bf\u03b1\u03bd\u03b9\u03ba\u03c1\u03c5",
    "aeopcyxijshdqwoavikpu",
)


def check_name(name: str) -> None:
    """Refuse what nobody can be found by (NAM-1).

    Raises:
        InputError: Not 1 to 255 bytes of UTF-8, nothing that shows, or something that steers a terminal or a line.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InputError(f"the artist name {name!r} is not valid UTF-8; rename the artist") from None
    if not 1 <= size <= MAX_NAME_BYTES:
        raise InputError(f"an artist name has 1 to {MAX_NAME_BYTES} bytes of UTF-8, {name[:40]!r} has {size}")
    if steering := next(filter(_steers, name), None):
        raise InputError(
            f"the artist name {name!r} holds control characters or the like (U+{ord(steering):04X}), "
            "which steer a terminal or a line; rename the artist"
        )
    if not fold(name):
        raise InputError(f"the artist name {name!r} shows nothing; rename the artist")


def fold(name: str) -> str:
    """What two names of one person have in common (NAM-2).

    Compatibility composition, full case folding and no invisible characters (toNFKC_Casefold of Unicode 16, section
    3.13.3), with spaces of any kind as one space, none at the ends.

    Returns:
        For comparing only, never for showing; folding it again changes nothing.
    """
    folded = normalize("NFKC", normalize("NFD", name).casefold())
    folded = " ".join("".join(c for c in folded if not _is_invisible(c)).split())
    return folded if folded == name else fold(folded)


def shown(text: str) -> str:
    """Text as it can be shown on one line of a terminal: what would steer it, as escapes (NAM-1)."""
    return "".join(c.encode("unicode_escape").decode() if _steers(c) else c for c in text)


def told_apart(names: Sequence[str]) -> list[str]:
    """Names for a message that holds several of them.

    Returns:
        The names in their order; what is not ASCII in one that looks like another is spelled out behind it.
    """
    looks = Counter(map(_look, dict.fromkeys(names)))
    is_doubtful = [looks[_look(name)] > 1 and not name.isascii() for name in names]
    return [f"{name} ({name!a})" if doubt else name for name, doubt in zip(names, is_doubtful, strict=True)]


def _steers(character: str) -> bool:
    return character in _STEERING or category(character) in _STEERING_CATEGORIES


def _is_invisible(character: str) -> bool:
    return character in _INVISIBLE or category(character) == "Cf"


def _look(name: str) -> str:
    return fold(name).translate(_LOOK_ALIKES)
