"""FIL-1: what was shipped, under names that change with it, and nothing beside it."""

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.web.files import THEME, Assets
from fedstyle_secure.web.html import tag
from fedstyle_secure.web.layout import document


def assets(folder, **scripts):
    folder.mkdir(exist_ok=True)
    paths = []
    for name, content in scripts.items():
        paths.append(folder / f"{name.replace('_', '-')}.js")
        paths[-1].write_text(content)
    return Assets((*THEME, *paths))


def test_files_are_served_for_ever_under_a_name_that_changes_with_any_of_them(tmp_path):
    first, second = assets(tmp_path / "a", one="1", two="2"), assets(tmp_path / "b", one="1", two="3")
    assert assets(tmp_path / "c", two="2", one="1").path("one.js") == first.path("one.js")
    assert first.path("one.js") != second.path("one.js")
    answer = first.answer(first.path("one.js"))
    assert (answer.body, answer.kind) == (b"1", "text/javascript; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]
    assert second.answer(first.path("one.js")) is None


@pytest.mark.parametrize("name", ["", "none.js", "../files.py", "/etc/passwd", "one.js/", "one.js?x"])
def test_nothing_else_is_served(tmp_path, name):
    files = assets(tmp_path, one="1")
    assert files.answer(files.path("one.js").removesuffix("one.js") + name) is None
    assert files.answer(f"/{name}") is None


def test_files_of_one_name_or_of_another_kind_are_refused(tmp_path):
    with pytest.raises(InputError, match="names of their own"):
        Assets((*THEME, *THEME))
    other = tmp_path / "page.html"
    other.write_text("")
    with pytest.raises(InputError, match="that end in"):
        Assets((other,))


def test_a_document_begins_with_the_theme_and_starts_its_pages_scripts_only(tmp_path):
    files = assets(tmp_path, a_page="import './b.js'", b="")
    text = document("<T>", files, tag("p", "&"))
    assert text.startswith('<!doctype html>\n<html lang="en"><head>')
    assert "<title>&lt;T&gt;</title>" in text
    assert f'<script type="module" src="{files.path("a-page.js")}"></script>' in text
    assert text.index("theme.css") < text.index("a-page.js")
    assert text.count("<script") == 1
