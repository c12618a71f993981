"""What the run cost, what it promised to whom, and how to repeat it."""

import math
from collections.abc import Mapping
from dataclasses import asdict

from ..names import told_apart
from ..privacy.mechanism import View
from ..privacy.promises import Promises
from ..web.html import Html, join, tag
from ..web.layout import paragraph, section
from ..web.svg import both_widths
from .charts import Line, bound, draw_lines, draw_shares
from .facts import VIEWS, Facts, Privacy
from .results import scientific

_VIEW_NAMES = {"aggregate": "aggregate", "local": "local", "worst_case": "worst case"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def spending(facts: Facts) -> Html:
    """Epsilon after each iteration in the three views, never one without the others."""
    privacy, history = facts.privacy, facts.history
    promises = Promises.read(asdict(privacy) | {"clients": facts.artists})
    steps = [str(step.iteration) for step in history]
    values = {view: [step.epsilon[view] for step in history] for view in VIEWS}
    for name, then in (("signature", privacy.at_end), ("since", privacy.epsilon)):
        if history and any(then[view] > values[view][-1] for view in VIEWS):
            steps.append(name)
            for view in VIEWS:
                values[view].append(max(then[view], values[view][-1]))
    lines = [
        Line(label=_VIEW_NAMES[view], values=values[view], kind=view) for view in ("local", "worst_case", "aggregate")
    ]
    missed = [number for number, step in enumerate(history) if not step.is_completed]
    totals = "; ".join(f"{_VIEW_NAMES[view]} {bound(privacy.epsilon[view])}" for view in VIEWS)
    is_bounded = history and any(math.isfinite(value) for line in lines for value in line.values)
    caption = join(
        "ε at δ = ",
        scientific(privacy.delta),
        f", per {privacy.unit}, after each iteration",
        ", and with the published signature" if "signature" in steps else None,
        ", and by now." if "since" in steps else ".",
        " Crosses mark aborted iterations, which are charged as if they had been released." if missed else None,
    )
    return section(
        "What an artist has spent",
        paragraph(
            "ε limits what anyone can conclude about ",
            "one artwork" if privacy.unit == "artwork" else "one artist's whole contribution",
            " from all that was released: the odds that it was there shift at most by a factor of ",
            join("e", tag("sup", "ε")),
            ", but for a probability of about δ = ",
            scientific(privacy.delta),
            ". Smaller is better, and how small it is depends on whom one trusts: hence three views, always together",
            ".",
        ),
        paragraph(*(f"{sentence} " for sentence in spending_in_words(privacy))),
        both_widths(lambda width: draw_lines(lines, steps, missed, width, f"Epsilon: {totals}"), caption)
        if is_bounded
        else paragraph(
            "There is no bound in any view, so there is nothing to draw."
            if history
            else "Nothing was trained: the signature is all that an artist released in this run.",
            class_="note",
        ),
        tag("dl", *(_view(View(view), promises, privacy.epsilon[view]) for view in VIEWS), class_="views"),
    )


def spending_in_words(privacy: Privacy) -> list[str]:
    """What epsilon is made of: its limits, and what was spent before the run and since; for page and card alike."""
    view, sentences = privacy.view, []
    if privacy.limit is None:
        sentences.append("There was no limit.")
    else:
        others = [f"{limit:g}" for limit in privacy.limits if limit != privacy.limit]
        exceptions = f", for some artists by now to {' and to '.join(others)}" if others else ""
        sentences.append(f"All that an artist releases was limited to epsilon {privacy.limit:g}{exceptions}.")
    if privacy.fresh:
        sentences.append(
            "Ledgers were begun for this run alone: whatever these artworks released before it, or elsewhere, is not "
            "counted."
        )
    elif privacy.before[view] > 0:
        sentences.append(
            f"Of the {_VIEW_NAMES[view]} epsilon, {bound(privacy.before[view])} had been spent on these artworks "
            "before this run, where most had been."
        )
    else:
        sentences.append("Nothing is known to have been spent on these artworks before this run.")
    if privacy.epsilon[view] > privacy.at_end[view]:
        sentences.append(
            f"When the run ended it was {bound(privacy.at_end[view])}; what was released since is counted."
        )
    return sentences


def costs(facts: Facts) -> Html:
    """Bytes, seconds, sessions."""
    parts = sorted(facts.seconds.items(), key=lambda part: -part[1])
    described = ", ".join(f"{name} {_duration(value)}" for name, value in parts)
    return section(
        "What it cost",
        tag(
            "dl",
            *(_fact(name, value) for name, value in _cost_facts(facts)),
            class_="facts",
        ),
        both_widths(
            lambda width: draw_shares(parts, width, f"Time: {described}"),
            f"{_duration(sum(facts.seconds.values()))} in all, everyone's work in one process.",
        )
        if parts
        else None,
        tag(
            "ul",
            *(
                tag("li", tag("i", class_=f"share-{number % 4}"), name, tag("b", _duration(value)))
                for number, (name, value) in enumerate(parts)
            ),
            class_="stages",
        ),
    )


def reproduction(facts: Facts) -> Html:
    """The command, the settings, and what a seed can do."""
    return section(
        "How to reproduce it",
        tag("pre", *_tokens(facts.command)) if facts.command else None,
        paragraph(
            tag("code", "--seed"),
            " fixes what learning depends on: the split, the codewords, the head's start and which artists the "
            "simulation lets vanish. It never touches keys, masks, shares or privacy noise, which come from the "
            "operating system: two private runs with one seed differ in their noise, and so a little in their numbers.",
        ),
        tag("details", tag("summary", "All settings"), _pairs(facts.settings), open="") if facts.settings else None,
        tag("details", tag("summary", "Versions"), _pairs(facts.versions)) if facts.versions else None,
    )


def residual_risks(facts: Facts) -> Html:
    """What remains, in plain words."""
    risks = {
        "Sizes are not proven.": "Each artist's own program bounds what it uploads, and under masks nobody else can "
        "check that: an artist who cheats can distort the model, though not read what others uploaded.",
        "The server can refuse to serve.": "It never sees a single upload, but it chooses the cohort, decides when an "
        "iteration runs, and may abort it.",
        "Public artists are public.": f"The artworks of {', '.join(told_apart(facts.public_artists))} were declared "
        "public and made the starting point, without any protection.",
        "Style itself is published.": "Who opts in is found by style; that is the purpose. A signature cannot be "
        "taken back once it has been copied.",
        "This page is an experimenter's.": "Its accuracies and examples come from held-out artworks, its counts and "
        "warnings from all artworks: no noise protects them, and no ledger was charged for them. What everyone may see "
        "is the model, the catalogue, the model card and the data sheet.",
    }
    return section(
        "What remains at risk",
        tag("ul", *(tag("li", tag("b", title), " ", text) for title, text in risks.items()), class_="risks"),
    )


def _view(view: View, promises: Promises, epsilon: float) -> Html:
    return tag(
        "div",
        tag("dt", tag("i", class_=f"key {view}"), _VIEW_NAMES[view]),
        tag("dd", bound(epsilon), class_="number"),
        tag("dd", f"Trusts {promises.trusts(view)}. {promises.in_words(view, epsilon)}"),
    )


def _cost_facts(facts: Facts) -> list[tuple[str, str]]:
    a = facts.aggregation

    def whole(name: str) -> str:
        return f"{a[name]:,.0f}" if name in a else "unknown"

    if a.get("sessions") == 0:
        return [("sessions", "none: nothing was trained, so that nothing was sent but signatures")]
    sessions = f"{whole('completed')} of {whole('sessions')} completed, {whole('aborted')} aborted"
    survivors = f"{whole('survivors_min')} to {whole('survivors_max')} of {facts.artists} artists"
    if a.get("survivors_min") == a.get("survivors_max"):
        survivors = f"{whole('survivors_max')} of {facts.artists} artists"
    return [
        ("up, per artist", _bytes(facts.bytes_up)),
        ("down, per artist", _bytes(facts.bytes_down)),
        ("sessions", sessions),
        ("survivors in a session", survivors),
        ("a masked vector", f"{whole('vector_length')} numbers of {whole('modulus_bits')} bits"),
    ]


def _fact(name: str, value: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", value))


def _pairs(values: Mapping[str, str]) -> Html:
    return tag("dl", *(_fact(name, value) for name, value in values.items()), class_="pairs")


def _tokens(command: str) -> list[Html]:
    """The words of a command, which a line may break between and not within."""
    return [join(tag("span", word), " ") for word in command.split(" ")]


def _bytes(count: float) -> str:
    size, unit = count, 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} bytes" if unit == 0 else f"{size:.3g} {_UNITS[unit]}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
