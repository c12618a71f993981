"""NAM-1 and NAM-2: names that people have are kept, what steers is not, and one person's names are one."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.errors import InputError
from fedstyle_secure.names import check_name, fold, shown, told_apart

PERSIAN, JAPANESE, PAINTER = "\u0645\u06cc\u200c\u062e\u0648", "山田\u3000太郎", "\U0001f469\u200d\U0001f3a8"
KEPT = [PERSIAN, JAPANESE, PAINTER, "Jean\u00a0Renoir", "\u200fשרה", "❤\ufe0f", "ÅSA", "x" * 255, "क्\u200dष", "\ue000"]
STEERING = [
    *map(chr, range(32)),
    "\x7f",
    "\x85",
    "\x9b",
    *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068",
]


@pytest.mark.parametrize("name", KEPT)
def test_what_languages_need_is_kept_and_shown(name: str) -> None:
    check_name(name)
    assert shown(name) == name


@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_nam1_what_steers_a_terminal_or_a_line_is_refused_and_shown_as_an_escape(character: str) -> None:
    with pytest.raises(InputError, match=rf"U\+{ord(character):04X}.*rename"):
        check_name(f"ada{character}")
    assert character not in shown(f"ada{character}")


@pytest.mark.parametrize("name", ["", "x" * 256, "\ud800", "\u200b\u200d", " \u3000", "\ufeff"], ids=ascii)
def test_nam1_a_name_is_text_that_shows(name: str) -> None:
    with pytest.raises(InputError, match="artist name"):
        check_name(name)
    shown(name).encode()


SAME = {
    "case": ("Ada Lee", "ADA LEE"),
    "sharp s": ("Weiß", "WEISS"),
    "accents": (normalize("NFC", "Zoë"), normalize("NFD", "Zoë")),
    "spaces": ("Ada Lee", " Ada\u00a0\u3000Lee "),
    "widths": ("Ada", "\uff21\uff44\uff41"),
    "direction marks": ("Ada", "\u200eAda\u200f"),
    "joiners": ("Ada", "A\u200dda\u2060"),
    "variation selectors": ("❤", "❤\ufe0f"),
    "fillers": ("Ada", "Ada\u3164\u034f"),
    "tags": ("Ada", "Ada\U000e0041"),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_nam2_one_persons_names_fold_to_one(pair: tuple[str, str]) -> None:
    assert pair[0] != pair[1]
    assert fold(pair[0]) == fold(pair[1])


def test_nam2_different_names_stay_different() -> None:
    names = ["Zoe", "Zoë", "Zoé", "山田", "山口", "Ada Lee", "AdaLee", PAINTER, "\U0001f468\u200d\U0001f3a8"]
    assert len(set(map(fold, names))) == len(names)


@given(st.text(max_size=12))
def test_nam2_folding_twice_is_folding_once_whatever_the_composition(name: str) -> None:
    folded = fold(name)
    assert fold(folded) == folded
    assert {fold(normalize(form, name)) for form in ("NFC", "NFD")} == {folded}


@given(st.text(max_size=20))
def test_whatever_is_shown_fits_one_line_and_can_be_written(text: str) -> None:
    assert len(shown(text).splitlines()) <= 1
    shown(text).encode()


def test_names_that_look_alike_are_told_apart() -> None:
    cyrillic = "\u0430da"
    assert told_apart(["ada", cyrillic, "Bo", "ada"]) == ["ada", f"{cyrillic} ('\\u0430da')", "Bo", "ada"]
    composed, decomposed = normalize("NFC", "Zoë"), normalize("NFD", "Zoë")
    assert told_apart([composed, decomposed]) == [f"{composed} ('Zo\\xeb')", f"{decomposed} ('Zoe\\u0308')"]
    assert told_apart([composed]) == [composed]
