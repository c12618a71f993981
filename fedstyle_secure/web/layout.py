"""What all pages are built of: a document, chapters, running text, tables."""

from collections.abc import Sequence

from .files import Assets
from .html import Child, Html, join, tag


def document(title: str, assets: Assets, *children: Child) -> Html:
    """A whole page of a server, with all of its style sheets and with the scripts named `*-page.js`.

    Args:
        title: In the browser's bar.
        assets: Its style sheets, `theme.css` first, and scripts; those that begin it end in ``-page.js``.
        children: What is inside the body.
    """
    names = sorted(assets.digests, key=lambda name: (name != "theme.css", name))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),  # else browsers ask for one
        *(tag("link", rel="stylesheet", href=assets.path(name)) for name in names if name.endswith(".css")),
        *(tag("script", type="module", src=assets.path(name)) for name in names if name.endswith("-page.js")),
    )
    return join(Html("<!doctype html>\n"), tag("html", head, tag("body", *children), lang="en"), Html("\n"))


def section(title: str, *children: Child) -> Html:
    """A chapter of the page."""
    return tag("section", tag("h2", title), tag("div", *children, class_="body"))


def paragraph(*children: Child, class_: str | None = None) -> Html:
    """Running text."""
    return tag("p", *children, class_=class_)


def table(head: Sequence[str], rows: Sequence[Html]) -> Html:
    """A table that scrolls sideways rather than break the page."""
    header = tag("tr", *(tag("th", name, scope="col") for name in head))
    return tag("div", tag("table", tag("thead", header), tag("tbody", *rows)), class_="scroll")
