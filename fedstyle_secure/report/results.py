"""What the run achieved: the headline, the table, the example searches and the map."""

import math
from collections.abc import Iterator, Mapping, Sequence

from ..web.html import Child, Html, join, tag
from ..web.layout import paragraph, section, table
from ..web.ornaments import Ornaments
from ..web.style_map import StyleMap
from ..web.svg import both_widths
from .charts import Bar, bound, draw_bars, percentage
from .facts import Example, Facts, Measured, Privacy, Scores

Pictures = Mapping[str, tuple[str, str]]
"""Data URIs of two pictures for each artist: one to ask with, one to answer with."""

_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def headline(facts: Facts) -> Html:
    """The three numbers that matter, and what they mean."""
    privacy = facts.privacy
    view = privacy.view
    others = " · ".join(f"{_VIEW_NAMES[name]} {bound(privacy.epsilon[name])}" for name in _VIEW_NAMES if name != view)
    return tag(
        "header",
        tag("p", "FedStyle-Secure", tag("span", "report of a run"), class_="kicker"),
        _banner() if privacy.mode == "none" else None,
        tag("h1", _claim(facts)),
        tag(
            "dl",
            _accuracy(facts.measured, privacy),
            _figure(
                f"ε, {_VIEW_NAMES[view]} view",
                bound(privacy.epsilon[view]),
                join(f"per {privacy.unit}, at δ = ", scientific(privacy.delta), f"; {others}"),
            ),
            _figure(
                "artists",
                f"{facts.artists}",
                f"with {facts.artworks:,} artworks; beside {len(facts.public_artists)} declared public{_moves(facts)}",
            ),
            class_="figures",
        ),
        paragraph(protection(privacy), class_="lead"),
        _warnings(facts.warnings),
        _left_out(facts.left_out),
    )


def retrieval(facts: Facts, measured: Measured) -> Html:
    """What a buyer gets, with and without training; then the same by exact prototypes, which nobody publishes."""
    exact = [
        ("FedStyle, exact prototypes (experimenter's view)", "exact", measured.retrieval),
        ("No training: whitened public features, exact", "untrained", measured.no_training),
        ("Random head, exact", "random", measured.random_head),
    ]
    rows = [*_buyer_rows(measured, facts.privacy), *exact]
    bars = [
        *_buyer_bars(measured),
        *(Bar(label=_SHORT[kind], value=s.accuracy_at_1, reach=s.recall_at_5, kind=kind) for _, kind, s in exact),
    ]
    chance = measured.retrieval.chance
    described = "; ".join(f"{bar.label} {percentage(bar.value)}" for bar in bars)
    return section(
        "How well artists are found",
        paragraph(
            f"{measured.queries:,} held-out artworks were each asked about: whose hand is this? "
            f"The answer is a ranking of {facts.artists} artists. {_gain(measured)}"
        ),
        both_widths(
            lambda width: draw_bars(bars, chance, width, f"Accuracy at rank 1: {described}"),
            "Full bar: the right artist comes first (accuracy@1). Pale bar: it is among the first five (recall@5).",
        ),
        table(
            ("", "accuracy@1", "recall@5", "MRR", "macro-F1"),
            [*(_score_row(label, kind, scores) for label, kind, scores in rows), _chance_row(chance)],
        ),
        paragraph(_precision(measured), class_="note"),
    )


def searches(measured: Measured, ornaments: Ornaments, pictures: Pictures) -> Html | None:
    """Example queries and the five artists named first."""
    if not measured.examples:
        return None
    if pictures:
        legend = (
            "Pictures are examples of each artist's work, shown because the artworks were handed in; the picture on "
            "the left is another work of the queried artist, not necessarily the one asked with."
        )
    elif measured.signatures:
        legend = (
            "No artwork is shown. Each ornament is drawn from the artist's published signature and says nothing more "
            "than it does; artists with near signatures get related ornaments."
        )
    else:
        legend = "No artwork is shown, and nobody published a signature from which an ornament could be drawn."
    items = [_search_row(example, ornaments, pictures) for example in measured.examples]
    return section(
        "Example searches",
        paragraph("A held-out artwork goes in; artists come out, nearest style first. The right one is marked."),
        tag("ol", *items, class_="searches"),
        paragraph(legend, class_="note"),
    )


def style_space(places: StyleMap, ornaments: Ornaments) -> Html:
    """The map."""
    return section(
        "A map of the style space",
        paragraph(
            "Every artist who published a signature, laid out by the two directions in which signatures differ most. "
            f"These hold {places.share:.0%} of the differences, so what is near on the map need not be near in style."
        ),
        both_widths(
            lambda width: places.draw(ornaments, width),
            "Made from published signatures alone. A name that did not fit appears when its ornament is pointed at.",
        ),
    )


def scientific(value: float) -> Html:
    """A small number as a power of ten."""
    exponent = math.floor(math.log10(value))
    factor = value / 10.0**exponent
    power = join("10", tag("sup", f"{exponent}".replace("-", _MINUS)))
    return power if math.isclose(factor, 1, rel_tol=1e-6) else join(f"{factor:.3g} {_TIMES} ", power)


def counted(number: int, noun: str) -> str:
    """A number and what it counts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def protection(privacy: Privacy) -> str:
    """Who was protected against whom, in one sentence."""
    unit = "any single artwork" if privacy.unit == "artwork" else "everything one artist contributed"
    aggregate, local = bound(privacy.epsilon["aggregate"]), bound(privacy.epsilon["local"])
    if privacy.mode == "none":
        return (
            "The model and the signatures were released without noise: whoever sees them may learn about single "
            "artworks from them, however well the uploads were masked. Use such a run for comparison only."
        )
    if privacy.mode == "local":
        return (
            f"What the server, other artists and everyone who uses the model or the catalogue can learn about {unit} "
            f"is bounded by ε = {local}, without trusting any of them: the noise was in each upload before it left."
        )
    return (
        f"What the server, other artists and everyone who uses the model or the catalogue can learn about {unit} is "
        f"bounded by ε = {aggregate}, as long as secure aggregation hides single uploads, at most "
        f"{counted(privacy.corrupt, 'artist')} collude with the server, and at least {privacy.min_survivors} stay to "
        "the end of each session; "
        f"an artist who trusts none of this has ε = {local}."
    )


_VIEW_NAMES = {"aggregate": "aggregate", "local": "local", "worst_case": "worst case"}
_SHORT = {
    "random": "Random head",
    "untrained": "No training",
    "exact": "FedStyle, exact prototypes",
}


def _published(privacy: Privacy) -> str:
    return "published signatures without noise" if privacy.mode == "none" else "published private signatures"


def _claim(facts: Facts) -> str:
    measured = facts.measured
    if measured is None:
        return f"{counted(facts.artists, 'artist')} trained with all their artworks."
    right = round((measured.signatures or measured.retrieval).accuracy_at_1 * measured.queries)
    return f"{right:,} of {counted(measured.queries, 'unseen artwork')} led straight to their artist."


def _accuracy(measured: Measured | None, privacy: Privacy) -> Html:
    if measured is None:
        return _figure("accuracy@1", "unknown", "nothing was held out, so that nothing was measured")
    best = measured.signatures or measured.retrieval
    source = f"the {_published(privacy)}" if measured.signatures else "exact prototypes, which are never published"
    meaning = f"searching {source}; chance is {percentage(best.chance)}"
    return _figure("accuracy@1", percentage(best.accuracy_at_1), meaning)


def _banner() -> Html:
    return tag(
        "p", tag("strong", "NOTHING WAS PROTECTED"), " This run added no noise (privacy mode none).", class_="banner"
    )


def _figure(name: str, value: str, meaning: Child) -> Html:
    return tag("div", tag("dt", name), tag("dd", value), tag("dd", meaning, class_="meaning"))


def _moves(facts: Facts) -> str:
    moves = [f"{count} {verb}" for count, verb in ((facts.left, "left"), (facts.joined, "joined")) if count]
    return f"; since then {' and '.join(moves)}" if moves else ""


def _warnings(warnings: Sequence[str]) -> Html | None:
    if not warnings:
        return None
    return tag("ul", *(tag("li", warning) for warning in warnings), class_="warnings", aria_label="Warnings")


def _buyer_rows(measured: Measured, privacy: Privacy) -> Iterator[tuple[str, str, Scores]]:
    if measured.buyer is None:
        return
    trained, untrained = measured.buyer.references, measured.buyer.no_training
    for count in measured.buyer.counts:
        pictures = counted(count, "picture")
        if (scores := trained[count]) is not None:
            yield f"A buyer with {pictures}: {_published(privacy)}", "published", scores
        if measured.buyer.is_trained and (scores := untrained[count]) is not None:
            yield f"The same without training, the whole ε on the signature, {pictures}", "unspent", scores


def _buyer_bars(measured: Measured) -> Iterator[Bar]:
    if measured.buyer is None:
        return
    kinds = [("published", "buyer", measured.buyer.references)]
    if measured.buyer.is_trained:
        kinds.append(("unspent", "untrained", measured.buyer.no_training))
    for count in measured.buyer.counts:
        for kind, who, found in kinds:
            if (scores := found[count]) is not None:
                label = f"{who}, {counted(count, 'picture')}"
                yield Bar(label=label.capitalize(), value=scores.accuracy_at_1, reach=scores.recall_at_5, kind=kind)


def _left_out(left_out: Sequence[tuple[str, str]]) -> Html | None:
    if not left_out:
        return None
    title = tag("summary", f"Pictures left out: {len(left_out)}")
    rows = (tag("li", tag("bdi", file), f": {reason}") for file, reason in left_out)
    return tag("details", title, tag("ul", *rows), class_="warnings")


def _gain(measured: Measured) -> str:
    untrained = None if measured.buyer is None else measured.buyer.no_training[1]
    if measured.buyer is not None and not measured.buyer.is_trained:
        return "Nothing was trained: all of ε went to the signatures that a buyer searches."
    if measured.signatures is None or untrained is None:
        exact = measured.retrieval.accuracy_at_1 - measured.no_training.accuracy_at_1
        return f"Training changes accuracy@1 by {_points(exact)} against the same features without training."
    bought = measured.signatures.accuracy_at_1 - untrained.accuracy_at_1
    return (
        f"For a buyer with one picture, training changes accuracy@1 by {_points(bought)} against signatures of "
        "untrained features that cost the same ε."
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", _MINUS) + " points"


def _precision(measured: Measured) -> str:
    p = measured.retrieval.accuracy_at_1
    error = math.sqrt(p * (1 - p) / measured.queries)
    return (
        f"One run on one split: with {measured.queries:,} queries, one standard error of an accuracy is about "
        f"{100 * error:.1f} points. Exact prototypes and the rows without training are what an experimenter can "
        "compute from all artworks; nobody publishes them."
    )


def _score_row(label: str, kind: str, scores: Scores) -> Html:
    values = (
        percentage(scores.accuracy_at_1),
        percentage(scores.recall_at_5),
        f"{scores.mrr:.3f}",
        f"{scores.macro_f1:.3f}",
    )
    return tag("tr", tag("th", label, scope="row"), *(tag("td", value) for value in values), class_=kind)


def _chance_row(chance: float) -> Html:
    values = (percentage(chance), percentage(min(1.0, 5 * chance)), "", "")
    return tag("tr", tag("th", "Chance", scope="row"), *(tag("td", value) for value in values), class_="by-chance")


def _search_row(example: Example, ornaments: Ornaments, pictures: Pictures) -> Html:
    found = f"found {_ordinal(example.position)}"
    if example.artist not in example.ranking:
        found += f", after these {len(example.ranking)}"
    answers = [
        tag(
            "li",
            _art(artist, ornaments, pictures, 1),
            tag("span", _breakable(artist), class_="name"),
            tag("span", "right", class_="mark") if artist == example.artist else None,
            class_="right" if artist == example.artist else None,
        )
        for artist in example.ranking
    ]
    return tag(
        "li",
        tag(
            "div",
            _art(example.artist, ornaments, pictures, 0),
            tag("p", "a work by ", tag("b", _breakable(example.artist)), tag("small", found)),
            class_="query",
        ),
        tag("ol", *answers, class_="answers"),
    )


def _art(artist: str, ornaments: Ornaments, pictures: Pictures, which: int) -> Html:
    if artist in pictures:
        return tag("img", src=pictures[artist][which], alt=f"A work by {artist}", class_="art")
    drawn = ornaments.draw(artist, size=100)
    if drawn is None:
        return tag("span", artist[:1].upper(), class_="art initial", aria_hidden="true")
    return tag("svg", drawn, viewBox="0 0 100 100", class_="art", aria_hidden="true")


def _breakable(name: str) -> Html:
    """A name that may be broken after hyphens and underscores."""
    parts: list[Child] = []
    for letter in name:
        parts.append(letter)
        if letter in "-_":
            parts.append(tag("wbr"))
    return join(*parts)


def _ordinal(number: int) -> str:
    if number == 1:
        return "first"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
