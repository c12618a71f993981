"""``fedstyle budget``: a plan or an account, plain values both, as tables and sentences."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..bounds import ARTWORKS, COHORT
from ..config import Settings
from ..errors import InputError
from ..privacy.mechanism import View
from ..privacy.promises import Promises
from .options import Json, number, with_settings
from .screen import plain, screen

budget_app = typer.Typer(name="budget", help="Plan what privacy costs, and see what was spent.", no_args_is_help=True)

_PLANNED: Final = (
    "privacy",
    "epsilon",
    "delta",
    "unit",
    "noise",
    "sampling_rate",
    "iterations",
    "drop_rate",
    "corrupt",
    "min_cohort",
    "max_artworks",
    "sign",
    "space",
    "signature_share",
    "signature_length",
    "public",
    "all_agreed",
    "hold_out",
    "encoder",
    "weights",
    "device",
    "features_cache",
    "views",
    "nested",
    "min_artworks",
    "seed",
)
_VIEWS = (View.AGGREGATE, View.LOCAL, View.WORST_CASE)


@budget_app.command("plan")
# A plan needs neither artworks nor a run's folder, so its file may leave them out.
@with_settings(*_PLANNED, artworks="artworks", out="run")
def plan_budget(
    settings: Settings,
    artists: Annotated[int | None, number("Artists of the cohort; public ones do not count.", COHORT)] = None,
    artworks: Annotated[int | None, number("Training artworks of each artist: a public guess.", ARTWORKS)] = None,
    rehearse: Annotated[
        Path | None,
        typer.Option(help="Folder of a run's artworks: play on its public artists what the run would choose from."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a run would promise and how much noise that takes. Nothing is trained, charged or published.

    Give either --artists and --artworks, or the folder of a run to --rehearse, whose clients' artworks are counted.
    """
    from ..runs.budget_tables import tabulate
    from ..runs.choosing import rehearse_folder

    if rehearse is None:
        if artists is None or artworks is None:
            raise InputError("a plan needs --artists and --artworks, or a run's artworks to --rehearse")
        plan = tabulate(settings, artists=artists, artworks=artworks, progress=screen)
    elif artists is not None or artworks is not None:
        raise InputError("give either --artists and --artworks or --rehearse, which counts them")
    else:
        chosen, artists, artworks = rehearse_folder(replace(settings, artworks=rehearse), screen)
        plan = tabulate(chosen.settings, artists=artists, artworks=artworks, rehearsal=chosen.played, progress=screen)
    if as_json:
        screen.json(plan)
        return
    for part in _plan_screen(plan):
        screen.show(part)


@budget_app.command("show")
def show_budget(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    artist: Annotated[str | None, typer.Option(help="Show this artist's releases one by one.")] = None,
    since: Annotated[
        Path | None,
        typer.Option(help="What --json printed earlier: fail if a ledger has lost a release since, as a backup has."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what artists have spent, from their ledgers; exit code 1 if one was altered or rolled back."""
    from ..runs.spending import read_spending

    spending = read_spending(run, artist=artist, since=since)
    if as_json:
        screen.json(spending)
        return
    for part in _spending_screen(spending):
        screen.show(part)


def _plan_screen(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A plan, as `budget_tables.tabulate` gives it."""
    privacy = plan["privacy"]
    if plan["rehearsal"]:
        yield _rehearsal_table(plan["rehearsal"])
    yield from _releases_tables(plan)
    yield _iterations_table(plan)
    table = views_table(privacy, privacy["epsilon"])
    table.caption = f"{_limit(privacy)}; {plan['upload_bytes'] / 1e6:.2f} MB of vectors up for each artist"
    yield table
    yield from _sentences(privacy["promises"])
    if (named := plan["named"]) is not None:
        whole = plan["named_untrained"]
        yield Text(
            "What the signature costs: of 100 candidates for one of your artworks, whoever knows all your others names "
            f"the right one in at most {math.ceil(100 * named)} of 100 tries; a guess would in 1."
            + (f" If a rehearsal leaves it the whole budget, in {math.ceil(100 * whole)}." if whole is not None else "")
        )


def _spending_screen(spending: Mapping[str, Any]) -> Iterator[RenderableType]:
    """An account, as `spending.read_spending` gives it: of every artist, or of one, release by release."""
    privacy, accounts = spending["privacy"], spending["artists"]
    if (name := spending["artist"]) is not None:
        account = accounts[name]
        yield _steps_table(name, account, privacy)
    else:
        yield _artists_table(accounts, privacy)
        account = max(accounts.values(), key=lambda one: _size(one["epsilon"][privacy["limited_view"]]))
    yield views_table(privacy, account["epsilon"])
    yield from _sentences(account["promises"])
    if spending["rehearsal"]:
        yield _rehearsal_table(spending["rehearsal"])


def _rehearsal_table(played: Sequence[Mapping[str, Any]]) -> Table:
    """What a run compared on its public artists, before anything private was touched."""
    table = screen.table(
        "style space", "iterations", "share", "length", "MRR", title="Rehearsed on public artists, the chosen first"
    )
    for choice in played:
        cells = (f"{choice['iterations'] or 'none'}", f"{choice['share']:g}", f"{choice['length']:g}")
        table.add_row(choice["space"], *cells, f"{choice['mrr']:.3f}")
    table.caption = (
        "share: of mu squared, for signatures; length: of signatures, as a part of what their noise is worth. Of what "
        "comes near each other the space within artists and the rules, the first share and length 1, are preferred"
    )
    return table


def views_table(privacy: Mapping[str, Any], epsilon: Mapping[str, float | None]) -> Table:
    """Epsilon in the three views, and whom each trusts.

    Args:
        privacy: Terms, as `Promises.read` takes them.
        epsilon: By view; None is infinite.
    """
    promises = Promises.read(privacy)
    title = f"Privacy of one {promises.unit} at delta {promises.delta:g}"
    table = screen.table("view", "epsilon", "trusts", title=title)
    for view in _VIEWS:
        table.add_row(_spoken(view), _bound(epsilon[view]), promises.trusts(view))
    return table


def _releases_tables(plan: Mapping[str, Any]) -> Iterator[Table]:
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
    is_wide = screen.table().box is not None
    parts = (
        [(noise | upload, f"{about_noise}. {about_uploads}")]
        if is_wide
        else [(noise, about_noise), (upload, about_uploads)]
    )
    title: str | None = f"Releases of {plan['privacy']['clients']} artists with {plan['artworks']} artworks each"
    for columns, caption in parts:
        table = screen.table(title=title)
        table.caption = caption
        table.add_column("release", no_wrap=True)
        for heading in columns:
            table.add_column(heading, justify="right", no_wrap=True)
        for release in plan["releases"]:
            names = [_numbered(release["iterations"], tensor["name"]) for tensor in release["tensors"]]
            table.add_row("\n".join(names), *("\n".join(lines(release)) for lines in columns.values()))
        yield table
        title = None


def _iterations_table(plan: Mapping[str, Any]) -> Table:
    is_sampled = plan["privacy"]["sampling_rate"] < 1
    table = screen.table("iterations", title="Error by number of iterations")
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
    accounts: Mapping[str, Mapping[str, Any]],
    privacy: Mapping[str, Any],
) -> Table:
    table = screen.table(title="What artists have spent, as epsilon")
    table.add_column("artist", overflow="fold")
    for heading in ("releases", *map(_spoken, _VIEWS), "earlier", "limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    limited = privacy["limited_view"]
    for name, account in accounts.items():
        bounds = [_bound(account["epsilon"][view]) for view in _VIEWS]
        limit = "none" if account["limit"] is None else f"{account['limit']:g}"
        before = _bound(account["before"][limited])
        table.add_row(plain(name), f"{len(account['releases'])}", *bounds, before, limit)
    table.caption = (
        f"earlier: before this run; it and limit are in the {_spoken(limited)} view; the run's was: {_limit(privacy)}"
    )
    return table


def _own_limit(account: Mapping[str, Any], privacy: Mapping[str, Any]) -> str:
    return _limit({"limit": account["limit"], "limited_view": privacy["limited_view"]})


def _steps_table(
    name: str,
    account: Mapping[str, Any],
    privacy: Mapping[str, Any],
) -> Table:
    table = screen.table("iteration", "release", "noise", *map(_spoken, _VIEWS), title=plain(f"What {name} released"))
    for release in account["releases"]:
        bounds = [_bound(release["epsilon"][view]) for view in _VIEWS]
        table.add_row(f"{release['iteration']}", plain(release["name"]), release["noise"], *bounds)
    left = f", {account['left']:.2f} of it left" if account["left"] is not None else ""
    earlier = sum(release["before_this_run"] for release in account["releases"])
    before = f"; the first {earlier} before this run" if earlier else ""
    table.caption = (
        f"epsilon after each release{before}; {_own_limit(account, privacy)}{left}; head {account['head'][:12]}"
    )
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
