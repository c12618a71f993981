"""Commands that look at runs from other sides: who comes and goes, what grows, what style is and what it is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from ..allocator import keep_freed_memory
from ..bounds import COHORT, EPSILON, ITERATIONS, PICTURES, REPETITIONS, VIEWS
from ..config import Settings
from .experiments import experiment_app
from .options import Json, number, numbers, with_settings
from .screen import command_line, plain, screen

catalogue_app = typer.Typer(
    name="catalogue", help="Let artists join and leave a finished run's catalogue.", no_args_is_help=True
)


@catalogue_app.command("add")
def add_artist(
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist_folder: Annotated[Path, typer.Option(help="The joining artist's pictures; they do not leave this machine.")],
    name: Annotated[str | None, typer.Option(help="To be found by (default: the folder's name).")] = None,
    epsilon: Annotated[
        float | None,
        number("Limit on all that is ever released of these works (default: the last one, or the run's).", EPSILON),
    ] = None,
    showcase: Annotated[
        Path | None, typer.Option(help="Works that the artist shows already: they join the signature and cost nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign a new artist without any training: encode, charge a ledger of the artist's own, publish a signature."""
    from ..runs.members import join

    keep_freed_memory()
    joined = join(run, artist_folder, name=name, limit=epsilon, showcase=showcase, progress=screen)
    screen.warn_left_out(joined["left_out"])
    if as_json:
        screen.json(joined)
        return
    spent = joined["epsilon"]["aggregate"]
    cost = "without any protection" if spent is None else f"at epsilon {spent:.2f} of {joined['limit']:g} in all views"
    screen.show(
        plain(
            f"{joined['artist']} joined with {joined['artworks']} artworks{_shown(joined)}, {cost}; the catalogue has "
            f"{joined['catalogue']} artists. Ledger: {joined['ledger']}"
        ),
    )


def _shown(joined: Mapping[str, Any]) -> str:
    if not joined["shown"]:
        return ""
    both = f", {joined['in_both']} of them left out of the artworks" if joined["in_both"] else ""
    return f" beside {joined['shown']} that are shown already{both}"


@catalogue_app.command("remove")
def remove_artist(
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist: Annotated[str, typer.Argument(help="Who leaves.")],
    as_json: Json = False,
) -> None:
    """Take an artist's signature out of the catalogue; the ledger is kept, and so is what the model learned."""
    from ..runs.members import leave

    left = leave(run, artist, tell=screen.tell)
    if as_json:
        screen.json(left)
        return
    screen.show(
        plain(
            f"{left['artist']} left; the catalogue has {left['catalogue']} artists. The ledger {left['ledger']} is "
            "kept: what was released stays released, and copies of the old catalogue cannot be called back."
        ),
    )


@experiment_app.command()
def growth(
    out: Annotated[Path, typer.Option(help="Folder of the experiment; one that was stopped is continued.")],
    artists: Annotated[str, typer.Option(metavar="N,N,...", help="Sizes of cohorts.")] = "25,100,400",
    epsilons: Annotated[
        str,
        typer.Option(metavar="E,E,...", help="Limits on all an artist releases; no noise is always measured too."),
    ] = "1,8,inf",
    seeds: Annotated[int, number("Runs of each size with other artists, as far as they reach.", REPETITIONS)] = 3,
    artworks: Annotated[int, number("Pictures of an artist; a third are held out as queries.", PICTURES)] = 12,
    views: Annotated[int, number("Augmented views of each training picture.", VIEWS)] = 1,
    iterations: Annotated[
        int | None, number("Model updates (default: 6, or none where a rehearsal finds that better).", ITERATIONS)
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what an epsilon costs as the cohort grows, on artists of one atelier, through real masked sessions."""
    sizes = numbers(artists, "--artists", COHORT, int)
    limits = numbers(epsilons, "--epsilons", EPSILON, float, allow_infinite=True)
    from ..experiments.growth import GrowthPlan, measure_growth

    keep_freed_memory()
    plan = GrowthPlan(
        out=out,
        artists=sizes,
        epsilons=limits,
        seeds=seeds,
        artworks=artworks,
        views=views,
        iterations=iterations,
    )
    results = measure_growth(plan, command=command_line(), progress=screen)
    if as_json:
        screen.json(results)
        return
    table = screen.table(title="Accuracy@1 as the cohort grows")
    for heading in ("artists", "epsilon", "no training", "accuracy", "trained", "cost", "MB up", "seconds"):
        table.add_column(heading, justify="right")
    for row in results["rows"]:
        shares = [f"{row[name]:.3f}" for name in ("no_training", "accuracy_at_1")]
        cost = "" if row["epsilon"] is None else f"{100 * row['cost']:+.1f}"
        effort = [f"{row['bytes_up'] / 1e6:.2f}", f"{row['seconds_per_artist']:.2f}"]
        trained = f"{row['trained']} of {row['seeds']}"
        table.add_row(f"{row['artists']:,}", _bound(row["epsilon"]), *shares, trained, cost, *effort)
    table.caption = (
        "trained: how many runs did, the others found in a rehearsal that it does not pay. cost: points lost to "
        "privacy. MB up, seconds: of each artist, in a whole run"
    )
    screen.show(table)
    for answer in results["answers"]:
        screen.show(Text(answer["sentence"]))
    screen.show("Report:", plain(str(out / "report.html")))


def _bound(epsilon: float | None) -> str:
    return "inf" if epsilon is None else f"{epsilon:g}"


def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; must not exist.")],
    as_json: Json = False,
) -> None:
    """Write what a buyer needs, and nothing else of a run: `fedstyle search` takes the folder on any machine."""
    from ..runs.publish import publish as publish_run

    files = publish_run(run, out)
    if as_json:
        screen.json({"out": str(out), "files": files})
        return
    screen.show("Published:", plain(f"{out} ({', '.join(files)})"))


def card(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="New folder to write to (default: the run's own).")] = None,
    as_json: Json = False,
) -> None:
    """Write a model card and a data sheet from a run's summary."""
    from ..runs.card import write_cards

    written = write_cards(run, out=out, tell=screen.tell)
    if as_json:
        screen.json(dict(zip(("model_card", "data_sheet"), map(str, written), strict=True)))
        return
    for title, path in zip(("Model card:", "Data sheet:"), written, strict=True):
        screen.show(title, plain(str(path)))


@experiment_app.command()
def content(
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
    results = measure_content(run, artworks=artworks, out=out, command=command_line(), progress=screen)
    if as_json:
        screen.json(results)
        return
    table = screen.table(title="Nearer with probability")
    table.add_column("space")
    for heading in ("same style", "same subject", "style over subject"):
        table.add_column(heading, justify="right")
    for name, found in results["spaces"].items():
        shares = (found["style"]["auc"], found["subject"]["auc"], found["style_over_subject"])
        table.add_row(name.replace("_", " "), *(f"{share:.3f}" for share in shares))
    table.caption = "chance one half; styles among works of other subjects, subjects among works of other artists"
    screen.show(table)
    if results["distances"] is not None:
        table = screen.table("space", title="Learned distances against true ones")
        for heading in ("rank correlation", "p"):
            table.add_column(heading, justify="right")
        for name, found in results["distances"]["spaces"].items():
            table.add_row(name.replace("_", " "), f"{found['spearman']:.3f}", f"{found['p']:.3f}")
        screen.show(table)
    screen.show(Text(claim(results)))


@experiment_app.command("cohort-changes")
# No run is written, nothing is published.
@with_settings("artworks", "public", "public_art", "split", "privacy", "epsilon", out="run", all_agreed=True)
def cohort_changes(
    settings: Settings,
    newcomers: Annotated[int, number("Artists who join after training.", COHORT)] = 6,
    leavers: Annotated[int, number("Participants who leave after that.", COHORT)] = 2,
    seeds: Annotated[int, number("Repetitions with other splits and other artists.", REPETITIONS)] = 3,
    out: Annotated[Path | None, typer.Option(help="Folder to write results and page to; must not exist.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how well artists are found who join without training, and whether others notice who leaves."""
    from ..experiments.cohort_changes import Change, measure_changes

    keep_freed_memory()
    change = Change(newcomers=newcomers, leavers=leavers, seeds=seeds)
    results = measure_changes(settings, change, out=out, command=command_line(), progress=screen)
    if as_json:
        screen.json(results)
        return
    table = screen.table(title="Accuracy@1 among all")
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
