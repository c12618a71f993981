"""From a run's folder to its page.

REP-1  The page forbids its reader's browser every request: its content security policy allows inline styles and
       inlined pictures, nothing else.
REP-2  No artwork is in it unless whoever writes it hands the artworks in.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ..catalogue.index import StyleIndex
from ..errors import InputError
from .account import costs, reproduction, residual_risks, spending
from .facts import Facts, read_facts
from .html import Html, join, tag
from .ornaments import Ornaments
from .pictures import read_pictures
from .results import Pictures, headline, retrieval, searches, style_space
from .style_map import MIN_ARTISTS, StyleMap
from .theme import STYLE

SUMMARY_FILE: Final = "summary.json"
CATALOGUE_FOLDER: Final = "catalogue"
REPORT_FILE: Final = "report.html"

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write_report(run: Path, *, artworks: Path | None = None) -> Path:
    """Write ``report.html`` into a run's folder, replacing an older one at once or not at all.

    Args:
        run: Holds ``summary.json`` and, where artists published signatures, ``catalogue``.
        artworks: Folder ``<artist>/<artwork>``; when given, the examples show thumbnails from it.

    Returns:
        The path of the page.

    Raises:
        InputError: The run or the artworks cannot be read, or the page cannot be written.
    """
    facts = read_facts(run / SUMMARY_FILE)
    catalogue = run / CATALOGUE_FOLDER
    index = StyleIndex.load(catalogue) if catalogue.exists() else None
    examples = facts.measured.examples if facts.measured is not None else ()
    shown = {name for example in examples for name in (example.artist, *example.ranking)}
    pictures = read_pictures(artworks, shown) if artworks is not None else {}
    page = render(facts, index, pictures)
    path = run / REPORT_FILE
    draft = run / f".{REPORT_FILE}.{os.getpid()}"
    try:
        try:
            draft.write_text(page, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"the report {path} cannot be written ({error.strerror}); check the folder") from error
    return path


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


def render_document(title: str, ornaments: Ornaments, chapters: Sequence[Html | None]) -> Html:
    """A self-contained page of chapters, with the ornaments they drew (REP-1)."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    body = tag("body", ornaments.definitions(), tag("main", *chapters))
    return join(Html("<!doctype html>\n"), tag("html", head, body, lang="en"), Html("\n"))
