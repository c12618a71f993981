"""Attack the claims: `python -m threat_models list`, `run TM-3`, `run --all --out FILE`, `check RUN`.

Exit codes: 0 every claim that ran holds, 1 a claim fails, or its attack has no power, or a defense is not missed, or a
threat is missing, 2 the command cannot be carried out as given, 130 Ctrl-C.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from fedstyle_secure.bounds import COHORT, EPSILON, JOBS, NAMED, QUESTIONS
from fedstyle_secure.cli.options import number
from fedstyle_secure.config import Settings, read_toml
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.runs.files import SUMMARY_FILE, read_summary
from fedstyle_secure.runs.folder import opened
from fedstyle_secure.runs.search import read_settings

from .claim import Effort, Verdict
from .deployment import Deployment
from .register import WAITING, Threat, missing, threats
from .results import ResultsError, encode, store
from .runner import run as run_arms
from .runner import run_together

app = typer.Typer(
    name="python -m threat_models",
    help="Adversaries as programs: each states a claim, then attacks it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_screen = Console()
if not _screen.is_terminal:
    _screen = Console(width=140)  # a log has no edge
_notes = Console(stderr=True)

_INTERRUPTED = 130
_ARTISTS = 8

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]


def main() -> None:
    """Run the command line; an expected failure is one sentence and an exit code."""
    try:
        # Typer turns Ctrl-C and every Exit into a returned code.
        code = app(standalone_mode=False, prog_name="python -m threat_models")
        if code == _INTERRUPTED:
            _fail("interrupted; what had been measured is kept", _INTERRUPTED)
        sys.exit(code or 0)
    except (ResultsError, FedStyleError, OSError) as error:
        _fail(str(error), 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted; what had been measured is kept", _INTERRUPTED)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"click", "typer"} or not hasattr(error, "format_message"):
            raise
        if message := error.format_message():
            _fail(message, 2)
        sys.exit(2)


@app.command("list")
def list_threats(*, as_json: Json = False) -> None:
    """List the register: claims, and threats that wait."""
    rows = [(t.claim.id, t.claim.title, t.claim.promise) for t in threats().values()]
    rows += [(waiting.id, waiting.title, waiting.reason) for waiting in WAITING]
    rows += [(name, "MISSING", "no module attacks it") for name in missing()]
    if as_json:
        _print_json([{"id": name, "title": title, "promise": promise} for name, title, promise in rows])
        return
    table = Table("id", "threat", "promise", box=box.SIMPLE)
    for row in sorted(rows, key=lambda row: int(row[0].removeprefix("TM-"))):
        table.add_row(*map(escape, row))
    _screen.print(table)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Threats to run, for example TM-3.", metavar="TM-n")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Record the figures here; entries of threats that do not run stay.")
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Try harder: minutes for each threat, not seconds.")] = False,
    jobs: Annotated[int | None, number("Threats at a time; all cores unless said.", JOBS)] = None,
    as_json: Json = False,
) -> None:
    """Attack claims: defenses off, on, and each one off; exit with 1 unless all comes out as claimed."""
    chosen = _chosen(names or [], everything=everything)
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"folder {out.parent} does not exist: make it first", param_hint="--out")
    effort = Effort.SLOW if slow else Effort.FAST
    keep = [threat.claim.id for threat in threats().values()]
    entries: dict[str, dict[str, Any]] = {}
    verdicts: list[Verdict] = []
    for verdict in _attack(chosen, effort, jobs if jobs is not None else os.cpu_count() or 1):
        verdicts.append(verdict)
        entries[verdict.claim.id] = encode(verdict, effort)
        if out is not None:
            store(out, entries, keep)
    verdicts.sort(key=lambda verdict: verdict.claim.number)
    absent = missing() if everything else []
    if as_json:
        _print_json({"threats": {each.claim.id: entries[each.claim.id] for each in verdicts}, "missing": absent})
    else:
        _screen.print(_table(verdicts))
    for name in absent:
        _notes.print(f"{name} is missing: no module attacks it", style="bold red")
    if absent or not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="A run's folder, to check what was done.", metavar="RUN")
    ] = None,
    *,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings, to check what will be done.")] = None,
    epsilon: Annotated[float | None, number("Instead of the settings' own.", EPSILON)] = None,
    artists: Annotated[int | None, number(f"Artists who train: {_ARTISTS} unless said.", COHORT)] = None,
    questions: Annotated[
        int | None, number("The catalogue is searched for buyers, who may ask so often.", QUESTIONS)
    ] = None,
    top: Annotated[int, number("Most names in such an answer.", NAMED)] = 5,
    unpinned: Annotated[
        bool, typer.Option("--unpinned", help="Artists know one another from the server alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell which claims speak of a deployment: whether its public parameters are those that were attacked."""
    if folder is not None and (config, epsilon, artists) != (None, None, None):
        raise typer.BadParameter("a run has its own settings: give it alone", param_hint="RUN")
    if folder is not None:
        with opened(folder):
            settings, count = read_settings(folder), read_summary(folder).get("artists")
        if type(count) is not int:
            raise InputError(f"{folder / SUMMARY_FILE} is damaged: it does not say how many artists took part")
    else:
        given = {} if epsilon is None else {"epsilon": epsilon}
        values = {"artworks": "artworks", "out": "run"} | (read_toml(config) if config is not None else {}) | given
        settings, count = Settings.from_values(values), artists or _ARTISTS
    deployment = Deployment.plan(settings, count, pinned=not unpinned, questions=questions, top=top)
    found = [(threat, threat.defended(deployment)) for threat in threats().values()]
    if as_json:
        _print_json([{"id": each.claim.id, "applies": applies, "condition": each.condition} for each, applies in found])
        return
    table = Table("id", "threat", "applies", "if", box=box.SIMPLE)
    for each, applies in found:
        mark = "[green]yes[/]" if applies else "[bold red]no[/]"
        table.add_row(each.claim.id, escape(each.claim.title), mark, escape(each.condition))
    _screen.print(table)


def _chosen(names: list[str], *, everything: bool) -> list[Threat]:
    if everything == bool(names):
        raise typer.BadParameter("name the threats to run, or give --all, and not both", param_hint="TM-n")
    known = threats()
    if everything:
        return list(known.values())
    return [_find(name, known) for name in dict.fromkeys(names)]


def _find(name: str, known: dict[int, Threat]) -> Threat:
    matched = re.fullmatch(r"(?:tm-?)?(\d{1,2})", name.lower())
    number = int(matched[1]) if matched else 0
    for waiting in WAITING:
        if waiting.number == number:
            raise typer.BadParameter(f"{waiting.id} cannot run: {waiting.reason}", param_hint="TM-n")
    if number not in known:
        ids = ", ".join(threat.claim.id for threat in known.values())
        raise typer.BadParameter(f"{name!r} is no threat; there are {ids}", param_hint="TM-n")
    return known[number]


def _attack(chosen: list[Threat], effort: Effort, jobs: int) -> Iterator[Verdict]:
    """Verdicts as they come, with a spinner on a terminal."""
    with _notes.status("") as status:
        if min(jobs, len(chosen)) > 1:
            status.update(f"attacking {len(chosen)} claims")
            for done, verdict in enumerate(run_together(chosen, effort, jobs), start=1):
                status.update(f"{done} of {len(chosen)} claims attacked, last {verdict.claim.id}: {verdict.in_words}")
                yield verdict
            return
        for number, threat in enumerate(chosen, start=1):
            heading = f"{threat.claim.id}, {number} of {len(chosen)}: {escape(threat.claim.title)}"
            show = partial(_show_arm, status, heading)
            yield run_arms(threat.claim, threat.attack, effort, on_arm=show)


def _show_arm(status: Status, heading: str, arm: str) -> None:
    status.update(f"{heading}, {escape(arm)}")


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("id", "arm", "figure", "measured", "must be", "", "s", box=box.SIMPLE)
    for verdict in verdicts:
        claim = verdict.claim
        for arm in verdict.arms:
            ablated = arm.name.startswith("without ")
            mark = "[green]ok[/]" if arm.holds else "[bold red]NO[/]"
            heads = [(claim.id, escape(arm.name), mark, f"{arm.seconds:.1f}")]
            for limit in claim.power if arm.name == "power" else claim.protected:
                name, shown, came, seconds = heads.pop() if heads else ("", "", "", "")
                must = f"[dim]broken:[/] {escape(limit.bounds)}" if ablated else escape(limit.bounds)
                value = f"{arm.figures[limit.figure]:.4g}"
                table.add_row(name, shown, escape(limit.figure), value, must, came, seconds)
        color = "green" if verdict.holds else "bold red"
        table.add_row("", f"[{color}]{escape(verdict.in_words)}[/]", f"[{color}]{escape(claim.title)}[/]")
        table.add_section()
    return table


def _print_json(content: object) -> None:
    print(json.dumps(content, indent=1, allow_nan=False))  # noqa: T201  (the one thing on standard output)


def _fail(message: str, code: int) -> NoReturn:
    _notes.print(f"threat_models: {escape(message)}", soft_wrap=True, style="bold red", highlight=False)
    sys.exit(code)


if __name__ == "__main__":
    main()
