"""The parts of an artist's page, drawn from what is known: nothing is read or asked here."""

import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from ..artist.pins import PlatformPins
from ..names import shown
from ..privacy.ledger import Ledger
from ..privacy.mechanism import View
from ..transparency.watch import Watch
from ..web.html import Html, join, tag
from ..web.layout import paragraph, table
from ..web.ornaments import Ornaments
from ..wire.trainings import Facts, Outcome
from .mirror import Mirror
from .parts import counted, epsilon, facts, mono, when

_VIEWS: Final[Mapping[View, tuple[str, str]]] = {
    View.AGGREGATE: ("Aggregate view", "for whoever sees what the platform sees and releases"),
    View.LOCAL: ("Local view", "for whoever sees your uploads without their masks"),
    View.WORST_CASE: ("Worst case", "if all other artists worked with the platform"),
}
_FEW: Final = 3
"""Artists that a buyer looks at first."""
_WIDTH: Final = 100.0


def agent(word: Mapping[str, Any], training: Facts | None, outcome: Outcome | None) -> Html:
    """What the agent does now, and what is wrong.

    Args:
        word: What it left word of (`read_status`).
        training: That it agreed to last.
        outcome: What that came to.
    """
    number = word.get("training") or (training.number if training else 0)
    state = f"{word.get('state', 'starting')}{f', training {number}' if word.get('training') else ''}"
    told = [paragraph(state[:1].upper() + state[1:] + ".", class_="state")]
    if word.get("problem"):
        told.append(paragraph(str(word["problem"]), class_="problem"))
    if training is not None:
        asked = f"{len(training.roster)} artists, {len(training.plan.multipliers)} updates"
        came = "going on" if outcome is None else f"over; sums of {_listed(outcome.survivors)} artists"
        told.append(
            facts(
                {
                    f"Training {training.number}": asked,
                    "So far": came,
                    "It asks for": f"epsilon {epsilon(training.asked.aggregate)}",
                    "Answers sent": str(word.get("answered", 0)),
                }
            )
        )
    else:
        told.append(paragraph("No training was offered to you yet: your agent waits for one.", class_="note"))
    return join(*told)


def budget(ledger: Ledger) -> Html:
    """What was spent in each view, and what is left."""
    spent = {view: ledger.spent(view) for view in _VIEWS}
    left = max(0.0, ledger.limit - spent[ledger.view])
    figures = (
        (_finite(spent[ledger.view]), "spent", f"epsilon, {_VIEWS[ledger.view][0].lower()}"),
        (_finite(left), "left", "what your ledger still allows, about"),
        (_finite(ledger.limit), "your limit", f"at delta {ledger.delta:g}, as terms.toml says"),
    )
    top = tag(
        "dl",
        *(
            tag("div", tag("dt", name), tag("dd", number), tag("dd", meaning, class_="meaning"))
            for number, name, meaning in figures
        ),
        class_="figures",
    )
    largest = max([ledger.limit, *(value for value in spent.values() if math.isfinite(value))])
    bars = tag("ul", *(_bar(view, value, ledger, largest) for view, value in spent.items()), class_="bars")
    return join(top, bars)


def _bar(view: View, value: float, ledger: Ledger, largest: float) -> Html:
    name, meaning = _VIEWS[view]
    share = _WIDTH if not math.isfinite(value) else _WIDTH * value / largest if largest else 0.0
    is_limited = view is ledger.view
    drawn = tag(
        "svg",
        tag("rect", width=_WIDTH, height=10, class_="track"),
        tag("rect", width=share, height=10, class_="fill" if is_limited else "beyond"),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    limited = " (limited)" if is_limited else ""
    return tag("li", tag("b", f"{name}: {_finite(value)}{limited}"), " ", tag("span", meaning), drawn)


def published(mirror: Mirror, pins: PlatformPins, *, is_waiting: bool) -> Html:
    """How the newest catalogue shows this artist.

    Args:
        mirror: The catalogue, with this artist found in it or not.
        pins: Under which name and link.
        is_waiting: Whether a training is over whose signature was not published.
    """
    if mirror.name is None:
        waiting = " A training is over: publish its signature below, and they do." if is_waiting else ""
        return paragraph(
            f"You are not in the catalogue, which shows {len(mirror.artists)} artists: no buyer finds you.{waiting}"
        )
    if not mirror.is_own:
        return paragraph(
            "The catalogue shows numbers under your name that were not signed with this folder. If you did not sign "
            "them from elsewhere, somebody else did: ask the operator.",
            class_="problem",
        )
    ornaments = Ornaments(mirror.artists, mirror.vectors)
    works = len(mirror.ranks)
    first, few = (sum(rank <= most for rank in mirror.ranks) for most in (1, _FEW))
    looks = tag(
        "div",
        _ornament(ornaments, mirror.name, 144),
        tag(
            "div",
            paragraph(tag("strong", shown(mirror.name)), ", with ", pins.link or "no link", "."),
            paragraph(
                f"A buyer who asks with one of your {works} works finds you first with {first} of them, and among the "
                f"first {_FEW} with {few}. Nothing was sent to find this out.",
            ),
        ),
        class_="looks",
    )
    near = tag(
        "ul", *(tag("li", _ornament(ornaments, name, 80), shown(name)) for name in mirror.neighbors), class_="near"
    )
    beside = [paragraph("Artists whose styles are nearest to yours:", class_="note"), near] if mirror.neighbors else []
    return join(ornaments.definitions(), looks, *beside)


def _ornament(ornaments: Ornaments, name: str, size: int) -> Html:
    """Drawn from the published signature; says nothing that its name beside it does not."""
    return tag("svg", ornaments.draw(name, size=size), width=size, height=size, aria_hidden="true")


def sessions(ledger: Ledger) -> Html:
    """Every release, oldest first, and in which session it was made."""
    if not ledger.releases:
        return paragraph("In nothing yet: nothing was released of your works.", class_="note")
    rows = [
        tag(
            "tr",
            tag("th", release.name, scope="row"),
            tag("td", str(release.iteration) if release.iteration else "none"),
            tag("td", str(release.session.number) if release.session else "by yourself"),
        )
        for release in ledger.releases
    ]
    count = sum(release.session is not None for release in ledger.releases)
    return join(
        paragraph(
            f"{counted(count, 'session')}, {counted(len(rows), 'release')} in all, each charged before it was made.",
            class_="note",
        ),
        table(("released", "update", "session"), rows),
    )


def refused(word: Mapping[str, Any]) -> Html:
    """What the agent left unanswered, newest first, and why."""
    count, last = word.get("refused", 0), word.get("refusals", [])
    if not count:
        return paragraph("Nothing. What is against your terms is left unanswered, and told here alone.", class_="note")
    entries = (
        tag("li", tag("time", when(float(one.get("time", 0)))), shown(str(one.get("reason", "")))) for one in last[::-1]
    )
    return join(
        paragraph(f"{counted(count, 'request')}; to the platform that was silence. Newest first:", class_="note"),
        tag("ol", *entries, class_="refusals"),
    )


def platform(pins: PlatformPins, log: Watch) -> Html:
    """Whom this artist joined, and how far it saw the log grow."""
    seen = (
        {"Its log": "not seen yet: with the first offer"}
        if not log.note
        else {
            "Its log, as seen last": f"{log.size} entries",
            "Root": mono(b64encode(log.newest.root).decode()),
            "Your own entry": f"number {pins.space.leaf}",
        }
    )
    return join(
        facts(
            {
                "Address": mono(pins.address),
                "Fingerprint": mono(pins.fingerprint),
                "You": mono(f"{shown(pins.name)}, key {pins.identity.hex()[:16]}"),
                **seen,
            },
            are_long=True,
        ),
        paragraph(
            "Compare fingerprint and root with other artists: a platform that shows them others tells you different "
            "things. Your agent sees to it that the log only grows.",
            class_="note",
        ),
    )


def _listed(numbers: tuple[int, ...]) -> str:
    return " and ".join(map(str, sorted(set(numbers)))) or "no"


def _finite(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "no bound"
