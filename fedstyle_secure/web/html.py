"""Building HTML and SVG from values: text becomes markup in one place, and is escaped there.

HTM-1  Everything that is not `Html` is escaped; only `tag`, `join` and constants of the code make `Html`.
"""

from html import escape


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | float | None
"""What an element may contain: `Html` as it is, other text escaped, numbers to two decimals, None not at all."""

_EMPTY = frozenset({"meta", "link", "input", "img", "br", "wbr", "circle", "line", "path", "rect", "use"})


def tag(name: str, /, *children: Child, **attributes: Child) -> Html:
    """One element.

    Args:
        name: The element's name; a constant, never input.
        children: What is inside.
        attributes: ``class_`` stands for class, other underscores for hyphens; None leaves the attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY and not children:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Children one after the other."""
    return Html(
        "".join(child if isinstance(child, Html) else escape(_text(child)) for child in children if child is not None)
    )


def _text(value: Child) -> str:
    if isinstance(value, str):
        return value
    # Hundredths of a pixel are finer than any screen.
    return f"{value:.2f}".rstrip("0").rstrip(".") if value is not None else ""
