"""From a run's folder to its page.

REP-2  No artwork is in it unless whoever writes it hands the artworks in.
"""

from pathlib import Path
from typing import Final

import numpy as np

from ...catalogue.index import StyleIndex
from .account import costs, reproduction, residual_risks, spending
from .document import document, write_page
from .facts import Facts, read_facts
from .html import Html, tag
from .ornaments import Ornaments
from .pictures import read_pictures
from .results import Pictures, headline, retrieval, searches, style_space
from .style_map import MIN_ARTISTS, StyleMap

SUMMARY_FILE: Final = "summary.json"
CATALOGUE_FOLDER: Final = "catalogue"
REPORT_FILE: Final = "report.html"


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
    shown = {name for example in facts.examples for name in (example.artist, *example.ranking)}
    pictures = read_pictures(artworks, shown) if artworks is not None else {}
    return write_page(run / REPORT_FILE, render(facts, index, pictures))


def render(facts: Facts, index: StyleIndex | None, pictures: Pictures) -> Html:
    """The whole page."""
    artists = index.artists if index is not None else ()
    vectors = index.vectors if index is not None else np.zeros((0, 1), dtype=np.float32)
    ornaments = Ornaments(artists, vectors)
    chapters = [
        headline(facts),
        retrieval(facts),
        searches(facts, ornaments, pictures),
        spending(facts),
        style_space(StyleMap.of(artists, vectors), ornaments) if len(artists) >= MIN_ARTISTS else None,
        costs(facts),
        reproduction(facts),
        residual_risks(facts),
    ]
    title = f"FedStyle-Secure: {facts.artists} artists, privacy mode {facts.privacy.mode}"
    return document(title, ornaments.definitions(), tag("main", *chapters))
