"""From what is known of a run to its page.

REP-1  The page forbids its reader's browser every request: its content security policy allows inline styles and
       inlined pictures, nothing else.
REP-2  No artwork is in it unless whoever writes it hands the artworks in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ..catalogue.index import StyleIndex
from ..web.files import THEME
from ..web.html import Html, join, tag
from ..web.ornaments import Ornaments
from ..web.style_map import MIN_ARTISTS, StyleMap
from .account import costs, reproduction, residual_risks, spending
from .facts import Facts
from .pictures import read_pictures
from .results import Pictures, headline, retrieval, searches, style_space

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def make_page(facts: Facts, index: StyleIndex | None, *, artworks: Path | None = None) -> Html:
    """The page of a run.

    Args:
        facts: What is known of it.
        index: Its catalogue, where artists published signatures.
        artworks: Folder ``<artist>/<artwork>``; when given, the examples show thumbnails from it.

    Raises:
        InputError: The artworks cannot be read, or are none of the run's artists.
    """
    examples = facts.measured.examples if facts.measured is not None else ()
    shown = {name for example in examples for name in (example.artist, *example.ranking)}
    return render(facts, index, read_pictures(artworks, shown) if artworks is not None and shown else {})


def render(facts: Facts, index: StyleIndex | None, pictures: Pictures) -> Html:
    """The whole page."""
    artists = index.artists if index is not None else ()
    vectors = index.vectors if index is not None else np.zeros((0, 1), dtype=np.float32)
    ornaments = Ornaments(artists, vectors)
    chapters = [
        headline(facts),
        retrieval(facts, facts.measured) if facts.measured is not None else None,
        searches(facts.measured, ornaments, pictures) if facts.measured is not None else None,
        spending(facts),
        style_space(StyleMap.of(artists, vectors), ornaments) if len(artists) >= MIN_ARTISTS else None,
        costs(facts),
        reproduction(facts),
        residual_risks(facts),
    ]
    title = f"FedStyle-Secure: {facts.artists} artists, privacy mode {facts.privacy.mode}"
    return render_document(title, ornaments, chapters)


def _style() -> Html:
    """Styles of all pages, and those of reports."""
    return join(*(Html(path.read_text(encoding="utf-8")) for path in (*THEME, Path(__file__).parent / "report.css")))


def render_document(title: str, ornaments: Ornaments, chapters: Sequence[Html | None]) -> Html:
    """A self-contained page of chapters, with the ornaments they drew (REP-1)."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", _style()),
    )
    body = tag("body", ornaments.definitions(), tag("main", *chapters))
    return join(Html("<!doctype html>\n"), tag("html", head, body, lang="en"), Html("\n"))
