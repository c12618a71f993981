"""What both desks are built of: the empty page, facts, tables, forms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..web.files import THEME, Assets
from ..web.html import Child, Html, tag
from ..web.layout import document, paragraph, section

ASSETS: Final = Assets((*THEME, *(Path(__file__).with_name(name) for name in ("desk.css", "desk-page.js"))))


def shell(title: str, lead: str, silent: str, sections: Sequence[Html]) -> Html:
    """The page before anything is known: the same for everybody.

    Args:
        title: In a few words.
        lead: One or two sentences about it.
        silent: What to say when nobody answers any more.
        sections: The rest.
    """
    news = tag(
        "div",
        tag("p", id="silence", class_="problem", role="alert", hidden=""),
        tag("p", id="problem", class_="problem", role="alert", hidden=""),
        tag("p", id="status", role="status"),
        class_="news",
    )
    question = tag(
        "dialog",
        tag("h2", id="asked"),
        tag("div"),
        tag(
            "form",
            tag("button", "Yes", value="yes"),
            tag("button", "No, go back", value="no", class_="quiet", autofocus=""),
            method="dialog",
            class_="choice",
        ),
        id="question",
        aria_labelledby="asked",
    )
    without = tag("noscript", paragraph("This page needs its own script to ask with your token.", class_="problem"))
    main = tag("main", tag("h1", title), paragraph(lead, class_="lead"), without, news, *sections)
    body = tag("div", main, question, id="desk")
    return document(title, ASSETS, tag("div", body, data_silent=silent, id="page"))


def part(name: str, title: str, *, every: int | None = None) -> Html:
    """A chapter that is filled in later, and again every so many seconds."""
    place = tag("div", data_part=name, data_every=every and str(every), aria_busy="true")
    return section(title, place)


def facts(values: Mapping[str, Child], *, are_long: bool = False) -> Html:
    """Names and what they are; long ones have more room each."""
    rows = (tag("div", tag("dt", name), tag("dd", value)) for name, value in values.items() if value is not None)
    return tag("dl", *rows, class_="facts long" if are_long else "facts")


def counted(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sparing(table: Html) -> Html:
    """A table whose last column a narrow page does without."""
    return tag("div", table, class_="sparing")


def mono(text: str) -> Html:
    """What is compared letter by letter."""
    return tag("span", text, class_="mono")


def form(act: str, button: str, *fields: Html, id_: str, style: str | None = None, **hidden: str) -> Html:
    """A form for one act.

    Args:
        act: Its name.
        button: What pressing is called.
        fields: To fill in.
        id_: Of the button: focus finds back to it.
        style: Class of the button.
        hidden: What goes along.
    """
    along = (tag("input", type="hidden", name=name, value=value) for name, value in hidden.items())
    inside = tag("div", *fields, class_="fields") if fields else None
    return tag("form", *along, inside, tag("button", button, id=id_, class_=style), data_act=act)


def field(name: str, label: str, hint: str, **attributes: Child) -> Html:
    """Something to fill in."""
    return tag("label", label, tag("input", name=name, **attributes), tag("small", hint))


def deed(text: str, act: Html) -> Html:
    """Something to do, and what it does."""
    return tag("div", tag("p", text), act, class_="deed")


def when(seconds: float) -> str:
    """A time, for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def epsilon(value: float | None) -> str:
    """An epsilon, or that there is no bound."""
    return "no bound" if value is None else f"{value:.3g}"
