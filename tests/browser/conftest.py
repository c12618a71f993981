"""A Chromium and a gallery that tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.browser.gallery import Gallery


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    from tests.browser.looking import started

    with sync_playwright() as playwright, started(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Eight painters of the atelier, and four others who are public."""
    from fedstyle_secure.artworks.atelier import write_atelier
    from tests.browser.gallery import opened_gallery

    folder = tmp_path_factory.mktemp("gallery")
    write_atelier(folder / "artists", artists=12, artworks=6, seed=0)
    (folder / "public").mkdir()
    for painter in sorted(path for path in (folder / "artists").iterdir() if path.is_dir())[8:]:
        painter.rename(folder / "public" / painter.name)
    with opened_gallery(folder, public=folder / "public", artists=folder / "artists") as gallery:
        yield gallery
