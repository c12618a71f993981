"""What the pages of all studies share: a claim, its reasons, and the command that gives them again."""

from collections.abc import Sequence

import numpy as np

from ..web.html import Child, Html, tag
from ..web.layout import paragraph, section
from ..web.ornaments import Ornaments
from .page import render_document


def study_page(*, name: str, claim: str, lead: str, sections: Sequence[Html], command: str) -> Html:
    """A whole page.

    Args:
        name: Of the study.
        claim: What was found, in one sentence.
        lead: What was done, in a few.
        sections: Figures and tables.
        command: The command that gives the same again; empty for unknown.
    """
    header = tag(
        "header",
        tag("p", "FedStyle-Secure", tag("span", name), class_="kicker"),
        tag("h1", claim),
        paragraph(lead, class_="lead"),
    )
    reproduction = section("How to reproduce it", tag("pre", command)) if command else None
    nothing = Ornaments((), np.zeros((0, 1), dtype=np.float32))
    return render_document(f"FedStyle-Secure: {name}", nothing, [header, *sections, reproduction])


def row(title: str, *cells: Child, class_: str | None = None) -> Html:
    """A row of a table."""
    return tag("tr", tag("th", title, scope="row"), *(tag("td", cell) for cell in cells), class_=class_)


def points(difference: float) -> str:
    """A difference of accuracies, in points."""
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def spread_of(mean: str, deviation: float | None) -> str:
    """A mean in percent points and its standard deviation, where there is one."""
    return mean if deviation is None else f"{mean} \N{PLUS-MINUS SIGN} {100 * deviation:.1f}"
