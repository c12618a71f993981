"""Ways to look at a page as people do: at two widths and in two schemes of color, by keyboard, and with axe-core."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from fedstyle_secure.web.registry import Package, read_package

ROOT = Path(__file__).resolve().parents[2]
AXE = Package(
    "axe-core", "4.14.1", "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
PACKAGES = ROOT / "build" / "packages"
"""Where archives of packages are kept between two runs of the tests."""
PICTURES = Path(os.environ.get("FEDSTYLE_PICTURES", ROOT / "build" / "browser"))
"""Where what the tests look at is drawn; ``docs/images/pages`` when the pictures of the docs are made anew."""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_SERIOUS = {"serious", "critical"}
_MOST_TABS = 60
_NAME_OF_FOCUSED = """() => {
    const it = document.activeElement;
    if (it === document.body) return "";
    return it.getAttribute("aria-label") ?? it.labels?.[0]?.textContent ?? it.textContent;
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    width: int
    scheme: str

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


LOOKS = [Look(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
PLAIN = LOOKS[2]


@contextmanager
def started(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "these tests look at pages with Chromium: apt-get install chromium"
    # Its sandbox needs what containers and root do not have; only our own pages are opened here.
    browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *arguments])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def visiting(browser: Browser, look: Look = PLAIN) -> Iterator[BrowserContext]:
    """Somebody who was never here before."""
    context = browser.new_context(
        viewport={"width": look.width, "height": 844 if look.width < 800 else 900},
        color_scheme=look.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    try:
        yield context
    finally:
        context.close()


def check_page(page: Page) -> None:
    """What holds of every page: nothing to scroll sideways, and no serious finding of axe-core (WCAG 2.2 AA)."""
    beyond = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert beyond <= 0, f"{beyond} pixels wider than the window"
    found = serious_findings(page)
    assert not found, found


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(_axe())
    rules = {"type": "tag", "values": _RULES}
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
    return [
        f"{each['id']}: {each['help']} at {', '.join(str(node['target']) for node in each['nodes'][:3])}"
        for each in found["violations"]
        if each["impact"] in _SERIOUS
    ]


@cache
def _axe() -> str:
    return read_package(AXE, ["axe.min.js"], PACKAGES)["axe.min.js"].decode()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    seen = []
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        seen.append(" ".join(page.evaluate(_NAME_OF_FOCUSED).split()))
        if name in seen[-1]:
            return
    raise AssertionError(f"{name!r} is not reached by Tab: {seen}")


def draw(page: Page, name: str, *, whole: bool = True) -> None:
    """Keep what the test looks at as a picture: the whole page, or what the window shows of it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = Image.open(BytesIO(page.screenshot(full_page=whole)))
    drawn.convert("RGB").quantize(256).save(PICTURES / f"{name}.png", optimize=True)
