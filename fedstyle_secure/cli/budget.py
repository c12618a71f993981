"""What ``fedstyle budget`` shows: a plan or an account, plain values both, as tables and sentences.

Tables and safe texts are made as the command line makes its own, so the makers come as arguments.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..privacy.mechanism import View
from ..privacy.promises import Promises

NewTable = Callable[..., Table]
"""From headings, and a title by name."""

Plain = Callable[[str], Text]
"""From names and paths, which are data, to text that does nothing to a terminal."""

_VIEWS = (View.AGGREGATE, View.LOCAL, View.WORST_CASE)


def plan_screen(plan: Mapping[str, Any], new_table: NewTable) -> Iterator[RenderableType]:
    """A plan, as `budget_tables.tabulate` gives it."""
    privacy = plan["privacy"]
    yield from _releases_tables(plan, new_table)
    yield _iterations_table(plan, new_table)
    table = views_table(privacy, privacy["epsilon"], new_table)
    table.caption = f"{_limit(privacy)}; {plan['upload_bytes'] / 1e6:.2f} MB of vectors up for each artist"
    yield table
    yield from _sentences(privacy["promises"])


def spending_screen(spending: Mapping[str, Any], new_table: NewTable, plain: Plain) -> Iterator[RenderableType]:
    """An account, as `spending.read_spending` gives it: of every artist, or of one, release by release."""
    privacy, accounts = spending["privacy"], spending["artists"]
    if (name := spending["artist"]) is not None:
        account = accounts[name]
        yield _steps_table(name, account, privacy, new_table, plain)
    else:
        yield _artists_table(accounts, privacy, new_table, plain)
        account = max(accounts.values(), key=lambda one: _size(one["epsilon"][privacy["limited_view"]]))
    yield views_table(privacy, account["epsilon"], new_table)
    yield from _sentences(account["promises"])


def views_table(privacy: Mapping[str, Any], epsilon: Mapping[str, float | None], new_table: NewTable) -> Table:
    """Epsilon in the three views, and whom each trusts.

    Args:
        privacy: Terms, as `Promises.read` takes them.
        epsilon: By view; None is infinite.
        new_table: Makes the table.
    """
    promises = Promises.read(privacy)
    title = f"Privacy of one {promises.unit} at delta {promises.delta:g}"
    table = new_table("view", "epsilon", "trusts", title=title)
    for view in _VIEWS:
        table.add_row(_spoken(view), _bound(epsilon[view]), promises.trusts(view))
    return table


def _releases_tables(plan: Mapping[str, Any], new_table: NewTable) -> Iterator[Table]:
    """One row for each release; a narrow screen gets noise and uploads one below the other."""
    noise: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
        "z": lambda release: [f"{release['noise_multiplier']:.3g}"],
        "noise": lambda release: [_short(tensor["noise"]) for tensor in release["tensors"]],
        "error": lambda release: [_percent(tensor["error"]) for tensor in release["tensors"]],
    }
    upload: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
        "share": lambda release: [_short(release["noise_share"])],
        "bits": lambda release: [f"{release['modulus_bits']}"],
        "length": lambda release: [f"{release['coordinates']:,}"],
        "bytes": lambda release: [f"{release['upload_bytes']:,}"],
    }
    about_noise = (
        "z: noise multiplier. noise: standard deviation in a coordinate of the sum, in clip norms. error: norm of the "
        "noise over the largest norm the sum can have, if all stay and all artworks agree; real signals are smaller, "
        "so real errors are larger"
    )
    about_uploads = "share: one artist's noise in grid units. bits, length, bytes: of the vector on the grid, uploaded"
    is_wide = new_table().box is not None
    parts = (
        [(noise | upload, f"{about_noise}. {about_uploads}")]
        if is_wide
        else [(noise, about_noise), (upload, about_uploads)]
    )
    title: str | None = f"Releases of {plan['privacy']['clients']} artists with {plan['artworks']} artworks each"
    for columns, caption in parts:
        table = new_table(title=title)
        table.caption = caption
        table.add_column("release", no_wrap=True)
        for heading in columns:
            table.add_column(heading, justify="right", no_wrap=True)
        for release in plan["releases"]:
            names = [_numbered(release["iterations"], tensor["name"]) for tensor in release["tensors"]]
            table.add_row("\n".join(names), *("\n".join(lines(release)) for lines in columns.values()))
        yield table
        title = None


def _iterations_table(plan: Mapping[str, Any], new_table: NewTable) -> Table:
    is_sampled = plan["privacy"]["sampling_rate"] < 1
    table = new_table("iterations", title="Error by number of iterations")
    kinds = {"error": "", **({"error_without_sampling": ", all artworks"} if is_sampled else {})}
    for condition in kinds.values():
        for heading in ("moments", "first head", "later heads"):
            table.add_column(f"{heading}{condition}", justify="right")
    for choice in plan["iterations"]:
        cells = [
            "refused" if "problem" in choice[kind] else _percent(choice[kind][tensor])
            for kind in kinds
            for tensor in ("moments", "first_head", "later_head")
        ]
        marked = f"{choice['iterations']} <- chosen" if choice["is_chosen"] else f"{choice['iterations']}"
        table.add_row(marked, *cells, style="bold" if choice["is_chosen"] else None)
    table.caption = "the more head steps share a budget, the noisier is each of them; their average stays the same"
    return table


def _artists_table(
    accounts: Mapping[str, Mapping[str, Any]], privacy: Mapping[str, Any], new_table: NewTable, plain: Plain
) -> Table:
    table = new_table("artist", "releases", *map(_spoken, _VIEWS), "head", title="What artists have spent, as epsilon")
    for name, account in accounts.items():
        bounds = [_bound(account["epsilon"][view]) for view in _VIEWS]
        table.add_row(plain(name), f"{len(account['releases'])}", *bounds, account["head"][:12])
    table.caption = _limit(privacy)
    return table


def _steps_table(
    name: str, account: Mapping[str, Any], privacy: Mapping[str, Any], new_table: NewTable, plain: Plain
) -> Table:
    table = new_table("iteration", "release", "noise", *map(_spoken, _VIEWS), title=plain(f"What {name} released"))
    for release in account["releases"]:
        bounds = [_bound(release["epsilon"][view]) for view in _VIEWS]
        table.add_row(f"{release['iteration']}", plain(release["name"]), release["noise"], *bounds)
    left = f", {account['left']:.2f} of it left" if account["left"] is not None else ""
    table.caption = f"epsilon after each release; {_limit(privacy)}{left}; head {account['head'][:12]}"
    return table


def _sentences(promises: Mapping[str, str]) -> Iterator[RenderableType]:
    """What each epsilon promises."""
    for view in _VIEWS:
        yield Text.assemble((f"{_spoken(view).capitalize()} view. ", "bold"), promises[view])


def _limit(privacy: Mapping[str, Any]) -> str:
    if privacy["limit"] is None:
        return "no limit"
    return f"limit {privacy['limit']:g} in the {_spoken(privacy['limited_view'])} view"


def _numbered(iterations: list[int] | None, tensor: str) -> str:
    """A tensor and the iterations it is released in; what an artist releases alone belongs to none."""
    if iterations is None:
        return tensor
    first, last = iterations
    return f"{first}: {tensor}" if first == last else f"{first}-{last}: {tensor}"


def _spoken(view: str) -> str:
    return view.replace("_", " ")


def _size(epsilon: float | None) -> float:
    return math.inf if epsilon is None else epsilon


def _bound(epsilon: float | None) -> str:
    return "infinite" if epsilon is None else f"{epsilon:.2f}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _percent(fraction: float | None) -> str:
    if fraction is None:
        return ""
    return f"{100 * fraction:.2g} %" if fraction < 0.1 else f"{100 * fraction:,.0f} %"
