"""Commands that look at runs from other sides: who comes and goes, what grows, what style is and what it is not."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from ..allocator import keep_freed_memory
from ..config import Settings, Split, read_toml
from ..errors import InputError
from ..privacy.sizing import Mode
from .experiments import Json, Screen, experiment_app

T = TypeVar("T", int, float)

catalogue_app = typer.Typer(
    name="catalogue", help="Let artists join and leave a finished run's catalogue.", no_args_is_help=True
)


@catalogue_app.command("add")
def add_artist(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist_folder: Annotated[Path, typer.Option(help="The joining artist's pictures; they do not leave this machine.")],
    name: Annotated[str | None, typer.Option(help="To be found by (default: the folder's name).")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Limit on all the artist ever releases here (default: the run's).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign a new artist without any training: encode, charge a ledger of the artist's own, publish a signature."""
    from ..runs.members import join

    keep_freed_memory()
    screen: Screen = context.obj
    joined = join(run, artist_folder, name=name, limit=epsilon, progress=screen.progress)
    if as_json:
        _print_json(joined)
        return
    spent = joined["epsilon"]["aggregate"]
    cost = "without any protection" if spent is None else f"at epsilon {spent:.2f} of {joined['limit']:g} in all views"
    screen.show(
        screen.plain(
            f"{joined['artist']} joined with {joined['artworks']} artworks, {cost}; the catalogue has "
            f"{joined['catalogue']} artists. Ledger: {joined['ledger']}"
        ),
    )


@catalogue_app.command("remove")
def remove_artist(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist: Annotated[str, typer.Argument(help="Who leaves.")],
    as_json: Json = False,
) -> None:
    """Take an artist's signature out of the catalogue; the ledger is kept, and so is what the model learned."""
    from ..runs.members import leave

    screen: Screen = context.obj
    left = leave(run, artist)
    if as_json:
        _print_json(left)
        return
    screen.show(
        screen.plain(
            f"{left['artist']} left; the catalogue has {left['catalogue']} artists. The ledger {left['ledger']} is "
            "kept: what was released stays released, and copies of the old catalogue cannot be called back."
        ),
    )


@experiment_app.command()
def growth(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the experiment; one that was stopped is continued.")],
    artists: Annotated[str, typer.Option(metavar="N,N,...", help="Sizes of cohorts.")] = "25,100,400",
    epsilons: Annotated[
        str,
        typer.Option(metavar="E,E,...", help="Limits on all an artist releases; no noise is always measured too."),
    ] = "1,8,inf",
    seeds: Annotated[int, typer.Option(help="Runs of each size with other artists, as far as they reach.")] = 3,
    artworks: Annotated[int, typer.Option(help="Pictures of an artist; a third are held out as queries.")] = 12,
    views: Annotated[int, typer.Option(help="Augmented views of each training picture.")] = 1,
    iterations: Annotated[int, typer.Option(help="Model updates.")] = 6,
    as_json: Json = False,
) -> None:
    """Measure what an epsilon costs as the cohort grows, on artists of one atelier, through real masked sessions."""
    from ..experiments.growth import GrowthPlan, measure_growth

    keep_freed_memory()
    screen: Screen = context.obj
    plan = GrowthPlan(
        out=out,
        artists=_numbers(artists, "--artists", int),
        epsilons=_numbers(epsilons, "--epsilons", float),
        seeds=seeds,
        artworks=artworks,
        views=views,
        iterations=iterations,
    )
    results = measure_growth(plan, command=_command(), progress=screen.progress)
    if as_json:
        _print_json(results)
        return
    table = screen.new_table(title="Accuracy@1 as the cohort grows")
    for heading in ("artists", "epsilon", "no training", "trained", "cost", "MB up", "seconds"):
        table.add_column(heading, justify="right")
    for row in results["rows"]:
        shares = [f"{row[name]:.3f}" for name in ("no_training", "accuracy_at_1")]
        cost = "" if row["epsilon"] is None else f"{100 * row['cost']:+.1f}"
        effort = [f"{row['bytes_up'] / 1e6:.2f}", f"{row['seconds_per_artist']:.2f}"]
        table.add_row(f"{row['artists']:,}", _bound(row["epsilon"]), *shares, cost, *effort)
    table.caption = "cost: points lost to privacy. MB up, seconds: of each artist, in a whole run"
    screen.show(table)
    for answer in results["answers"]:
        screen.show(Text(answer["sentence"]))
    screen.show(Text.assemble("Report: ", screen.plain(str(out / "report.html"))))


def _command() -> str:
    return shlex.join(["fedstyle", *sys.argv[1:]])


def _bound(epsilon: float | None) -> str:
    return "inf" if epsilon is None else f"{epsilon:g}"


def _numbers(text: str, option: str, parse: Callable[[str], T]) -> list[T]:
    try:
        return [parse(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option} must be numbers with commas between, as in 1,8; got {text!r}") from error


def _print_json(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def card(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="New folder to write to (default: the run's own).")] = None,
    as_json: Json = False,
) -> None:
    """Write a model card and a data sheet from a run's summary."""
    from ..runs.card import write_cards

    screen: Screen = context.obj
    written = write_cards(run, out=out)
    if as_json:
        _print_json(dict(zip(("model_card", "data_sheet"), map(str, written), strict=True)))
        return
    for title, path in zip(("Model card: ", "Data sheet: "), written, strict=True):
        screen.show(Text.assemble(title, screen.plain(str(path))))


@experiment_app.command()
def content(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of a run on artworks whose index names contents.")],
    artworks: Annotated[
        Path | None, typer.Option(help="Where its artworks are now (default: where they were).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write results and page to; must not exist.")] = None,
    as_json: Json = False,
) -> None:
    """Show whether a run's search follows style or subject, and on an atelier how true its distances are."""
    from ..experiments.content import measure_content
    from ..report.content import claim

    keep_freed_memory()
    screen: Screen = context.obj
    results = measure_content(run, artworks=artworks, out=out, command=_command(), progress=screen.progress)
    if as_json:
        _print_json(results)
        return
    table = screen.new_table(title="Nearer with probability")
    table.add_column("space")
    for heading in ("same style", "same subject", "style over subject"):
        table.add_column(heading, justify="right")
    for name, found in results["spaces"].items():
        shares = (found["style"]["auc"], found["subject"]["auc"], found["style_over_subject"])
        table.add_row(name.replace("_", " "), *(f"{share:.3f}" for share in shares))
    table.caption = "chance one half; styles among works of other subjects, subjects among works of other artists"
    screen.show(table)
    if results["distances"] is not None:
        table = screen.new_table("space", title="Learned distances against true ones")
        for heading in ("rank correlation", "p"):
            table.add_column(heading, justify="right")
        for name, found in results["distances"]["spaces"].items():
            table.add_row(name.replace("_", " "), f"{found['spearman']:.3f}", f"{found['p']:.3f}")
        screen.show(table)
    screen.show(Text(claim(results)))


@experiment_app.command("cohort-changes")
def cohort_changes(
    context: typer.Context,
    artworks: Annotated[Path, typer.Option(help="Folder with one folder of artworks for each artist.")],
    newcomers: Annotated[int, typer.Option(help="Artists who join after training.")] = 6,
    leavers: Annotated[int, typer.Option(help="Participants who leave after that.")] = 2,
    seeds: Annotated[int, typer.Option(help="Repetitions with other splits and other artists.")] = 3,
    config: Annotated[Path | None, typer.Option(help="TOML file with any settings of a run; options win.")] = None,
    public: Annotated[int | None, typer.Option(help="Declare this many artists public (default: a third).")] = None,
    public_art: Annotated[Path | None, typer.Option(help="A folder of public artists instead of --public.")] = None,
    split: Annotated[Split | None, typer.Option(help="Hold out artworks by artist, or subjects by content.")] = None,
    privacy: Annotated[Mode | None, typer.Option(help="Where noise comes from (default: distributed).")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Limit on all an artist releases (default: 8).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write results and page to; must not exist.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how well artists are found who join without training, and whether others notice who leaves."""
    chosen: dict[str, object] = {"artworks": artworks, "public": public, "public_art": public_art, "split": split}
    chosen |= {"privacy": privacy, "epsilon": epsilon, "out": Path("run"), "all_agreed": True}  # nothing is published
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = Settings.from_values((read_toml(config) if config is not None else {}) | given)
    from ..experiments.cohort_changes import Change, measure_changes

    keep_freed_memory()
    screen: Screen = context.obj
    change = Change(newcomers=newcomers, leavers=leavers, seeds=seeds)
    results = measure_changes(settings, change, out=out, command=_command(), progress=screen.progress)
    if as_json:
        _print_json(results)
        return
    table = screen.new_table(title="Accuracy@1 among all")
    table.add_column("searched by")
    for heading in ("took part", "joined later"):
        table.add_column(heading, justify="right")
    found = results["found"]
    for name in found["participants"]:
        table.add_row(name.replace("_", " "), *(f"{found[group][name]['mean']:.3f}" for group in found))
    others = results["others"]
    table.caption = (
        f"those who stay are found at {others['before']['mean']:.3f} before {leavers} leave and at "
        f"{others['after']['mean']:.3f} after; means over {seeds} runs"
    )
    screen.show(table)
    screen.show(Text(results["sentence"]))
