"""``fedstyle train``, ``demo`` and ``atelier``: from artworks to a run, and to artworks where there are none."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.table import Table

from ..allocator import keep_freed_memory
from ..bounds import PAINTERS, PICTURES
from ..config import SETTINGS, Settings, Split
from ..privacy.sizing import Mode
from .budget import views_table
from .options import Json, Seed, number, with_settings
from .screen import command_line, plain, screen


@with_settings(*SETTINGS)
def train(settings: Settings, as_json: Json = False) -> None:
    """Train a style model on folders of artworks, and write a run."""
    train_and_show(settings, as_json=as_json)


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write the run to; must not exist.")] = Path("build/demo"),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Paint an atelier of 32 artists and make a run of it at epsilon 8. Downloads nothing."""
    from ..artworks.atelier import write_atelier
    from ..runs.files import refuse_existing

    refuse_existing(out)
    with tempfile.TemporaryDirectory(prefix="fedstyle-atelier-") as scratch:
        folder = Path(scratch) / "atelier"
        with screen.stage("Painting the atelier", 32 * 30) as advance:
            write_atelier(folder, artists=32, artworks=30, seed=seed, on_progress=_steps(advance))
        settings = Settings(
            artworks=folder,
            out=out,
            public=8,
            all_agreed=True,
            fresh_ledgers=True,  # the art is new
            split=Split.CONTENT,
            drop_rate=0.1,
            seed=seed,
        )
        train_and_show(settings, as_json=as_json)


def atelier(
    artists: Annotated[int, number("Painters.", PAINTERS)],
    out: Annotated[Path, typer.Option(help="Folder to write to; must not exist, or be empty.")],
    artworks: Annotated[int, number("Artworks of each painter.", PICTURES)] = 30,
    seed: Seed = 0,
) -> None:
    """Paint a folder of procedural artists, styles and subjects crossed; they agree to be public: --all-agreed."""
    from ..artworks.atelier import write_atelier

    with screen.stage("Painting the atelier", artists * artworks) as advance:
        write_atelier(out, artists=artists, artworks=artworks, seed=seed, on_progress=_steps(advance))
    screen.show("Atelier:", plain(str(out)))


def train_and_show(settings: Settings, *, as_json: bool) -> None:
    """Run it, and show what it came to."""
    from ..runs.train import train as run_training

    keep_freed_memory()
    if settings.privacy is Mode.NONE:
        screen.notes.print("[bold white on red] --privacy none: NOTHING IS PROTECTED. Use it for comparison only. [/]")
    summary = run_training(settings, command=command_line(), progress=screen)
    screen.warn_left_out(summary["left_out"])
    for warning in summary["warnings"]:
        screen.warn(warning)
    if as_json:
        screen.json(summary)
        return
    if "retrieval" in summary:
        screen.show(_retrieval_table(summary))
    else:
        screen.show("Nothing was held out: all artworks trained, and no accuracy was measured.")
    screen.show(_privacy_table(summary))
    screen.show("Report:", plain(str(settings.out / "report.html")))
    if "buyer" in summary:
        screen.show(Padding(_bought(summary), 0))  # unlike a bare text, it is wrapped


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """From "done of total" to "done since the last call"."""
    seen = 0

    def report_total(done: int, _total: int) -> None:
        nonlocal seen
        advance(done - seen)
        seen = done

    return report_total


def _bought(summary: dict[str, Any]) -> str:
    """What a buyer gets, in a sentence."""
    found = {count: scores for count, scores in summary["buyer"]["references"].items() if scores is not None}
    shares = ", ".join(f"{100 * scores['accuracy_at_1']:.0f} of 100 with {count}" for count, scores in found.items())
    return f"Searches by a buyer that end at the right one of {summary['artists']} artists: {shares} pictures."


def _retrieval_table(summary: dict[str, Any]) -> Table:
    table = screen.table(title=f"Finding {summary['artists']} artists with {summary['queries']} held-out artworks")
    table.add_column(min_width=len("signatures"))
    for heading in ("accuracy@1", "recall@5", "MRR", "macro F1"):
        table.add_column(heading, justify="right", min_width=len("0.123"), overflow="fold")
    rows = {
        "exact, random head": summary["random_head"],
        "exact, no training": summary["no_training"],
        "exact, trained": summary["retrieval"],
    }
    if "buyer" in summary:
        kinds = (("no training, whole epsilon", "no_training"), ("buyer", "references"))
        for kind, key in kinds[0 if summary["aggregation"]["sessions"] else 1 :]:
            for count, scores in summary["buyer"][key].items():
                rows[f"{kind}, {count} picture{'' if count == '1' else 's'}"] = scores
    for title, scores in rows.items():
        if scores is not None:
            values = [scores[name] for name in ("accuracy_at_1", "recall_at_5", "mrr", "macro_f1")]
            table.add_row(title, *[f"{value:.3f}" for value in values])
    table.caption = f"chance {summary['retrieval']['chance']:.3f}"
    return table


def _privacy_table(summary: dict[str, Any]) -> Table:
    privacy, sessions, traffic = summary["privacy"], summary["aggregation"], summary["communication"]
    table = views_table(privacy | {"clients": summary["artists"]}, privacy["epsilon"])
    if not sessions["sessions"]:
        table.caption = "nothing was trained, so that nothing left an artist but its signature"
        return table
    table.caption = (
        f"{sessions['completed']} of {sessions['sessions']} sessions completed with {sessions['survivors_min']} to "
        f"{sessions['survivors_max']} survivors; {traffic['bytes_up_per_artist'] / 1e6:.2f} MB up, "
        f"{traffic['bytes_down_per_artist'] / 1e6:.2f} MB down for each artist"
    )
    return table
