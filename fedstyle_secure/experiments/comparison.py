"""The page of an experiment: FedStyle beside its rivals, and what each budget costs; a command under every figure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..privacy.sizing import Mode
from ..report.charts import Bar, bound, draw_bars, percentage
from ..report.curves import Axis, Point, Series, draw_confusion, draw_curves
from ..report.page import render_document
from ..report.results import scientific
from ..training.baselines import BASELINES
from ..web.html import Html, join, tag
from ..web.layout import paragraph, section
from ..web.ornaments import Ornaments
from ..web.style_map import MIN_ARTISTS, StyleMap
from ..web.svg import both_widths
from .cells import FEDSTYLE
from .rivals import RESIDUAL
from .statistics import BOUGHT, Row, Spread, tabulate

_VIEWS: Final = {"aggregate": "aggregate view", "local": "local view", "worst_case": "worst case"}
_PLUS_MINUS, _MINUS, _EPSILON = "\N{PLUS-MINUS SIGN}", "\N{MINUS SIGN}", "\N{GREEK SMALL LETTER EPSILON}"
_UNBROKEN: Final = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
_SHOWN_SLIPS: Final = 8


def render_experiment(cells: Sequence[Mapping[str, Any]], *, command: str, delta: float) -> Html:
    """The whole page.

    Args:
        cells: As `experiment.run_experiment` gives them, at least one.
        command: What reproduces every figure.
        delta: At which epsilon is stated.
    """
    rows = tabulate(cells)
    own = next((cell for cell in _of(cells, FEDSTYLE) if cell["limit"] is None), None)
    signed = min(
        (cell for cell in cells if "signatures" in cell and cell["limit"] is not None),
        key=lambda cell: (cell["privacy"] != Mode.DISTRIBUTED, -cell["limit"], cell["seed"]),
        default=own,
    )
    artists, vectors = _signatures(signed)
    ornaments = Ornaments(artists, vectors)
    chapters = [
        _headline(rows, cells),
        _table(rows, command),
        _bars(rows, command),
        *(_curves(rows, mode, command, delta) for mode in (Mode.DISTRIBUTED, Mode.LOCAL)),
        _bytes(rows, command),
        _costs(rows, command),
        _confusion(own, command) if own is not None else None,
        _map(artists, vectors, ornaments, signed, command) if len(artists) >= MIN_ARTISTS else None,
        _rivals(rows) if any(row.recipes for row in rows) else None,
    ]
    return render_document("FedStyle-Secure: an experiment", ornaments, chapters)


def _headline(rows: Sequence[Row], cells: Sequence[Mapping[str, Any]]) -> Html:
    first = cells[0]
    own = next((row for row in rows if row.method == FEDSTYLE and row.limit is None), None)
    plain = next((row for row in rows if row.method == "no-training"), None)
    private = [row for row in rows if row.privacy == Mode.DISTRIBUTED]
    figures = (
        [
            (f"{who}, {private[0].title}", bought["1"])
            for who, bought in (("a buyer", private[0].buyer), ("untrained", private[0].untrained))
            if "1" in bought
        ]
        if private
        else []
    )
    figures += [(f"exact, {row.title}", row.accuracy) for row in (plain, own) if row is not None]
    return tag(
        "header",
        tag("p", "FedStyle-Secure", tag("span", "report of an experiment"), class_="kicker"),
        tag("h1", f"Whose hand is this? {len(first['artists'])} artists, {_counted(rows[0].seeds, 'seed')}."),
        tag("dl", *(_figure(title, spread, rows[0].chance) for title, spread in figures), class_="figures"),
        paragraph(
            f"{first['queries']:,} held-out artworks a seed are each asked about, and every method ranks all artists. "
            f"{first['public_artists']} further artists are declared public. All methods see the same split, the same "
            "frozen features, the same whitening and the same start of the head.",
            class_="lead",
        ),
    )


def _figure(title: str, accuracy: Spread, chance: float) -> Html:
    return tag(
        "div",
        tag("dt", f"accuracy@1, {title}"),
        tag("dd", percentage(accuracy.mean)),
        tag("dd", f"{_deviation(accuracy)}chance is {percentage(chance)}", class_="meaning"),
    )


def _table(rows: Sequence[Row], command: str) -> Html:
    heads = (*BOUGHT, "exact", "head alone", "to FedStyle", "recall@5", "MRR", "macro-F1")
    return section(
        "All methods",
        _grid(heads, rows, _quality),
        paragraph(
            "Buyer: accuracy@1 by what artists publish, with one, three and five pictures of a hand. Untrained: the "
            "same by signatures that cost as much where nothing is trained; a rival trains nothing but a head, which "
            "signatures leave out, so that this is its buyer's too. Exact to macro-F1: by exact prototypes, which are "
            "never published, of the head's output beside the whitened features, as FedStyle uses it. Head alone: of "
            "the head's output by itself, as the rivals' papers use it. To FedStyle: the difference of exact to "
            f"FedStyle without privacy, seed by seed, in points. Means {_PLUS_MINUS} standard deviations over seeds.",
            class_="note",
        ),
        _command(command),
    )


def _costs(rows: Sequence[Row], command: str) -> Html:
    heads = (*(f"{_EPSILON}, {name}" for name in _VIEWS.values()), "MB up", "MB down", "seconds")
    return section(
        "What they promise and cost",
        _grid(heads, rows, _costs_of),
        paragraph(
            f"{_EPSILON} of all releases together, the published signature included; ∞ where nothing is "
            "promised, 0 where nothing is sent. Bytes are of each artist in training; seconds are of one cell on one "
            "processor, with tuning for the rivals and without the features that all cells share.",
            class_="note",
        ),
        _command(command),
    )


def _grid(heads: Sequence[str], rows: Sequence[Row], values: Callable[[Row], Sequence[str]]) -> Html:
    header = tag("tr", *(tag("th", name, scope="col") for name in ("", *heads)))
    body = [
        tag(
            "tr",
            tag("th", row.title.replace(" = ", _UNBROKEN), scope="row"),
            *(tag("td", value) for value in values(row)),
            class_="published" if row.method == FEDSTYLE else None,
        )
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", header), tag("tbody", *body)), class_="scroll comparison")


def _quality(row: Row) -> list[str]:
    scores = row.scores[RESIDUAL]
    return [
        *(_percent(spread) for spread in (*row.bought, row.accuracy, row.head_alone)),
        "" if row.difference is None else _points(row.difference),
        _percent(scores["recall_at_5"]),
        *(_plain(scores[name]) for name in ("mrr", "macro_f1")),
    ]


def _costs_of(row: Row) -> list[str]:
    return [
        *(bound(row.epsilon[view]) for view in _VIEWS),
        *(f"{count / 1e6:.2f}" for count in (row.bytes_up, row.bytes_down)),
        f"{row.seconds.mean:.0f}",
    ]


def _bars(rows: Sequence[Row], command: str) -> Html:
    bars = [
        Bar(
            label=row.title.partition(" (")[0],
            value=row.accuracy.mean,
            reach=row.scores[RESIDUAL]["recall_at_5"].mean,
            kind="published" if row.method == FEDSTYLE else "exact" if row.method in BASELINES else "untrained",
        )
        for row in rows
    ]
    described = "; ".join(f"{bar.label} {percentage(bar.value)}" for bar in bars)
    return section(
        "How often the right artist comes first",
        both_widths(
            lambda width: draw_bars(bars, rows[0].chance, width, f"Accuracy at rank 1: {described}"),
            "Full bar: accuracy@1. Pale bar: recall@5. Every head is used beside the whitened features.",
        ),
        _command(command),
    )


def _curves(rows: Sequence[Row], mode: Mode, command: str, delta: float) -> Html | None:
    """Accuracy against epsilon in the three views, beside what needs no budget."""
    private = sorted((row for row in rows if row.privacy == mode), key=lambda row: row.epsilon["aggregate"])
    if not private:
        return None
    series = [
        Series(
            label=name,
            kind=view,
            points=[Point(x=row.epsilon[view], y=row.accuracy.mean, spread=row.accuracy.std) for row in private],
        )
        for view, name in _VIEWS.items()
    ]
    own_view = "local" if mode is Mode.LOCAL else "aggregate"
    signed = [(row, row.buyer["1"]) for row in private if "1" in row.buyer]
    if signed:
        points = [Point(x=row.epsilon[own_view], y=buyer.mean, spread=buyer.std) for row, buyer in signed]
        series.append(Series(label=f"signatures, {_VIEWS[own_view]}", kind="signed", points=points))
    levels = [
        (row.title.partition(" (")[0], row.accuracy.mean)
        for row in rows
        if row.method == "no-training" or (row.method == FEDSTYLE and row.limit is None)
    ]
    axis = Axis.logarithmic(f"{_EPSILON} of all releases", [point.x for one in series for point in one.points])
    name = "local noise" if mode is Mode.LOCAL else "distributed noise and masks"
    return section(
        f"What privacy costs, {name}",
        both_widths(
            lambda width: draw_curves(series, levels, axis, width, f"Accuracy at rank 1 against epsilon, {name}"),
            join(
                "The same runs three times: what they promise to someone who trusts the sum, to someone who trusts no "
                "other artist, and in the worst case, each at \N{GREEK SMALL LETTER DELTA} = ",
                scientific(delta),
                ". Whiskers: standard deviation over seeds.",
            ),
        ),
        _command(command),
    )


def _bytes(rows: Sequence[Row], command: str) -> Html:
    sending = [row for row in rows if row.bytes_up > 0]
    series = [
        Series(
            label=row.title,
            kind="aggregate" if row.method == FEDSTYLE else "signed",
            points=[Point(x=row.bytes_up / 1e6, y=row.accuracy.mean, spread=row.accuracy.std)],
        )
        for row in sending
    ]
    levels = [
        (row.title.partition(" (")[0], row.accuracy.mean)
        for row in rows
        if row.method in {"no-training", "centralised"}
    ]
    axis = Axis.from_zero("MB up, each artist", [point.x for one in series for point in one.points])
    return section(
        "What bytes buy",
        both_widths(
            lambda width: draw_curves(
                series, levels, axis, width, "Accuracy at rank 1 against bytes sent by each artist"
            ),
            "Rivals send as often as FedStyle's masked vectors pay for. FedProto sends prototypes alone, in the clear. "
            "Dashed: methods that send nothing, or everything.",
        ),
        _command(command),
    )


def _confusion(cell: Mapping[str, Any], command: str) -> Html:
    artists, counts = cell["artists"], cell["confusion"]
    slips = sorted(
        (
            (count, artists[row], artists[column])
            for row, line in enumerate(counts)
            for column, count in enumerate(line)
            if row != column and count
        ),
        reverse=True,
    )[:_SHOWN_SLIPS]
    return section(
        "Who is taken for whom",
        both_widths(
            lambda width: draw_confusion(artists, counts, width, "Confusion between artists"),
            "Rows: whose work was asked about; columns, in the same order: who came first. FedStyle without privacy, "
            f"seed {cell['seed']}. Point at a square for names and numbers.",
        ),
        tag(
            "ul",
            *(tag("li", f"{asked}: {answered} came first {count} times") for count, asked, answered in slips),
            class_="note",
        ),
        _command(command),
    )


def _map(
    artists: Sequence[str],
    vectors: NDArray[np.float32],
    ornaments: Ornaments,
    cell: Mapping[str, Any] | None,
    command: str,
) -> Html:
    places = StyleMap.of(artists, vectors)
    limit = None if cell is None else cell["limit"]
    source = "without noise" if limit is None else f"at {_EPSILON} = {limit:g}"
    return section(
        "A map of the style space",
        both_widths(
            lambda width: places.draw(ornaments, width),
            f"Published signatures {source}, laid out by the two directions in which they differ most; these hold "
            f"{places.share:.0%} of the differences.",
        ),
        _command(command),
    )


def _rivals(rows: Sequence[Row]) -> Html:
    items = [
        tag(
            "li",
            tag("b", f"{row.title}. "),
            f"{BASELINES[row.method].reference}. ",
            tag("span", "; ".join(dict.fromkeys(row.recipes)) + ".", class_="note"),
        )
        for row in rows
        if row.method in BASELINES
    ]
    return section(
        "The rivals",
        paragraph(
            "Each trains the same head from the same start. Learning rate and local steps are the best of a short grid "
            "on the public artists, who play clients for it; no client's artwork decides anything. One style is one "
            "label here, so each artist's own labels teach a softmax nothing: classes are all artists."
        ),
        tag("ul", *items, class_="risks"),
    )


def _of(cells: Sequence[Mapping[str, Any]], method: str) -> list[Mapping[str, Any]]:
    return sorted((cell for cell in cells if cell["method"] == method), key=lambda cell: cell["seed"])


def _signatures(
    cell: Mapping[str, Any] | None,
) -> tuple[list[str], NDArray[np.float32]]:
    if cell is None or "signatures" not in cell:
        return [], np.zeros((0, 1), dtype=np.float32)
    return cell["signatures"]["artists"], np.asarray(cell["signatures"]["vectors"], dtype=np.float32)


def _command(command: str) -> Html:
    """What reproduces the figure above it; a line may break between words and not within."""
    return tag("pre", *(join(tag("span", word), " ") for word in command.split(" ")), class_="command")


def _percent(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{100 * spread.mean:.1f}" + ("" if spread.std is None else f" {_PLUS_MINUS} {100 * spread.std:.1f}")


def _plain(spread: Spread) -> str:
    return f"{spread.mean:.3f}" + ("" if spread.std is None else f" {_PLUS_MINUS} {spread.std:.3f}")


def _points(spread: Spread) -> str:
    mean = f"{100 * spread.mean:+.1f}".replace("-", _MINUS)
    return mean + ("" if spread.std is None else f" {_PLUS_MINUS} {100 * spread.std:.1f}")


def _deviation(spread: Spread) -> str:
    return "" if spread.std is None else f"{_PLUS_MINUS} {100 * spread.std:.1f} points over seeds; "


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
