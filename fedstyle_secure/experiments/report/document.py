"""What all pages share: the document around them, and the way they are written.

REP-1  The page forbids its reader's browser every request: its content security policy allows inline styles and
       inlined pictures, nothing else.
"""

import os
from pathlib import Path
from typing import Final

from ...errors import InputError
from .html import Html, join, tag
from .theme import STYLE

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, *body: Html) -> Html:
    """A whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    return join(Html("<!doctype html>\n"), tag("html", head, tag("body", *body), lang="en"), Html("\n"))


def write_page(path: Path, page: Html) -> Path:
    """Write a page, replacing an older one at once or not at all.

    Returns:
        The path.

    Raises:
        InputError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            draft.write_text(page, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"the report {path} cannot be written ({error.strerror}); check the folder") from error
    return path
