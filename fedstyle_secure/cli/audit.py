"""``fedstyle audit``: what the server can have learned, from recorded sessions and by attacking what is released."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..allocator import keep_freed_memory
from ..bounds import CANARIES, COHORT, CONFIDENCE, CORRUPT, TRIALS
from ..config import Settings, read_toml
from ..errors import InputError
from .options import Json, number, numbers
from .screen import plain, screen

audit_app = typer.Typer(name="audit", help="Check what the server can have learned.", no_args_is_help=True)


@audit_app.command()
def transcript(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR", help="Transcripts, or the folder train --transcripts wrote.")
    ],
    corrupt: Annotated[
        str, typer.Option(metavar="I,J,...", help="Artists that work with the server, by index in the first roster.")
    ] = "",
    same_inputs: Annotated[
        bool, typer.Option("--same-inputs", help="Take each artist's update to be the same in all sessions.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compute exactly which sums of updates leaked in recorded sessions; exit code 1 if more than was promised.

    Exit code 1, too, if there are too many combinations to look at all. This audits an honest logger: what a server did
    and left out of its files is in no finding.
    """
    colluders = numbers(corrupt, "--corrupt", CORRUPT, int) if corrupt else []
    from ..aggregation.transcripts import audit_transcripts

    contents = [(str(file), _read(file)) for place in files for file in _transcripts(place)]
    findings = audit_transcripts(contents, corrupt=colluders, same_inputs=same_inputs)
    if as_json:
        screen.json(findings)
    else:
        screen.show(_findings_table(findings))
        for problem in findings["problems"]:
            screen.show(Text(problem, style="bold red"))
    if not findings["holds"]:
        raise typer.Exit(1)


@audit_app.command()
def privacy(
    config: Annotated[Path, typer.Argument(help="TOML file with the settings of a run; no artworks are needed.")],
    artists: Annotated[int, number("Size of the cohort.", COHORT)] = 24,
    trials: Annotated[int, number("Runs with, and as many without, one more artwork.", TRIALS)] = 6000,
    canaries: Annotated[
        int | None, number("Artworks to guess about in one run (default: 2000, or as many as fit).", CANARIES)
    ] = None,
    confidence: Annotated[float, number("Probability that a true claim is left alone.", CONFIDENCE)] = 0.99,
    out: Annotated[Path | None, typer.Option(help="Folder to write results and plots to; must not exist.")] = None,
    as_json: Json = False,
) -> None:
    """Attack what a run releases, and hold it against the epsilon it claims; exit code 1 if the claim is refuted."""
    from ..experiments.privacy_audit import audit_privacy

    keep_freed_memory()
    # An audit needs neither artworks nor a run's folder, so its file may leave them out.
    settings = Settings.from_values({"artworks": "artworks", "out": "run"} | read_toml(config))
    results = audit_privacy(
        settings,
        artists=artists,
        trials=trials,
        canaries=canaries,
        confidence=confidence,
        out=out,
        progress=screen,
    )
    for warning in results["warnings"]:
        screen.warn(warning)
    if as_json:
        screen.json(results)
    else:
        screen.show(_audit_table(results))
        for problem in results["problems"]:
            screen.show(Text(problem, style="bold red"))
        if out is not None:
            screen.show("Results:", plain(str(out)))
    if not results["holds"]:
        raise typer.Exit(1)


def _transcripts(place: Path) -> list[Path]:
    """The files of a folder that ``train --transcripts`` wrote, or the one file."""
    if not place.is_dir():
        return [place]
    if files := sorted(place.glob("*.json")):
        return files
    raise InputError(f"{place} holds no transcripts, which end in .json: give the folder train --transcripts wrote")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the transcript {file}: {error.strerror}") from error


def _findings_table(findings: dict[str, Any]) -> Table:
    table = screen.table("session", "iteration", "artists", "survivors", "what leaks")
    for count, session in enumerate(findings["sessions"], start=1):
        counts = (count, session["iteration"], session["artists"], len(session["survivors"]))
        table.add_row(*map(str, counts), session["in_words"])
    return table


def _audit_table(results: dict[str, Any]) -> Table:
    promise, session = results["promise"], results["session"]
    table = screen.table("audit", title=f"Epsilon of one {promise['unit']} at delta {promise['delta']:g}")
    for heading in ("claimed", "at least", "verdict"):
        table.add_column(heading, justify="right")
    for name in ("two_worlds", "one_run"):
        if (found := results[name]) is not None:
            verdict = "holds" if found["holds"] else "refuted"
            table.add_row(found["title"], f"{found['claim']:.2f}", f"{found['lower_bound']:.2f}", verdict)
    table.caption = (
        f"{promise['view'].replace('_', ' ')} view, {100 * results['two_worlds']['confidence']:g} % confidence each; "
        f"a session with masks, {session['survivors']} of {session['artists']} artists staying, "
        f"{'sums' if session['agrees'] else 'DOES NOT SUM'} to the integer"
    )
    return table
