"""The command line: every command ends in a result or in one sentence that says what to change.

Exit codes: 0 done, 1 refused or failed while working, 2 the command cannot be carried out as given, 130 Ctrl-C.
"""

import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..allocator import keep_freed_memory
from ..config import Settings, Split, read_toml, setting_names
from ..errors import FedStyleError, InputError
from ..names import shown
from ..privacy.clipping import Unit
from ..privacy.sizing import Mode, Noise
from .experiments import Computing, FeaturesCache, Screen, experiment_app
from .runs import card, catalogue_app

app = typer.Typer(
    name="fedstyle",
    help="Find artists by style; artworks and updates stay private.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audit_app = typer.Typer(name="audit", help="Check what the server can have learned.", no_args_is_help=True)
app.add_typer(audit_app)
budget_app = typer.Typer(name="budget", help="Plan what privacy costs, and see what was spent.", no_args_is_help=True)
app.add_typer(budget_app)
app.add_typer(experiment_app)
app.add_typer(catalogue_app)
app.command()(card)
_screen = Console()
_notes = Console(stderr=True)
_WIDE = 72  # columns that the largest table needs, about
_INTERRUPTED = "interrupted; nothing half-written is left"

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]
Seed = Annotated[int, typer.Option(help="Makes learning reproducible. Never touches keys, masks or privacy noise.")]

# What a run and a plan of its budget have in common.
ConfigFile = Annotated[Path | None, typer.Option(help="TOML file with the settings of a run; options win.")]
Privacy = Annotated[
    Mode | None,
    typer.Option(
        help="Where noise comes from (default: distributed). none: NOTHING IS PROTECTED, for comparison only."
    ),
]
Epsilon = Annotated[float | None, typer.Option(help="Limit on all an artist releases (default: 8).")]
Delta = Annotated[float | None, typer.Option(help="Delta that epsilon is stated at (default: 1e-5).")]
ProtectedUnit = Annotated[Unit | None, typer.Option(help="What is protected (default: artwork).")]
NoiseLaw = Annotated[Noise | None, typer.Option(help="Law of the noise shares (default: gaussian).")]
SamplingRate = Annotated[
    float | None, typer.Option(help="Chance of each artwork to take part in an iteration (default: 1).")
]
Iterations = Annotated[int | None, typer.Option(help="Model updates (default: 6).")]
MinCohort = Annotated[int | None, typer.Option(help="Fewest artists a sum may cover (default: 5).")]
Corrupt = Annotated[int | None, typer.Option(help="Artists assumed corrupt (default: a tenth).")]
MaxArtworks = Annotated[int | None, typer.Option(help="Most training artworks an artist uses (default: 500).")]
Sign = Annotated[
    bool | None,
    typer.Option("--sign/--no-sign", help="Artists publish a private signature, to be found by (default: they do)."),
]


def main() -> None:
    """Run the command line and turn every expected failure into one sentence and an exit code."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: _fail("terminated; nothing half-written is left", 143))
    try:
        # Typer turns Ctrl-C and every Exit into a returned code.
        code = app(standalone_mode=False, prog_name="fedstyle")
        if code == 130:
            _fail(_INTERRUPTED, 130)
        sys.exit(code or 0)
    except InputError as error:
        _fail(str(error), 2)
    except FedStyleError as error:
        _fail(str(error), 1)
    except (typer.Abort, KeyboardInterrupt):
        _fail(_INTERRUPTED, 130)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"click", "typer"} or not hasattr(error, "format_message"):
            raise
        if message := error.format_message():  # empty where the help was shown instead
            _fail(message, 2)
        sys.exit(2)


def _fail(message: str, code: int) -> NoReturn:
    _say("fedstyle:", message, "bold red")
    sys.exit(code)


def _say(kind: str, message: str, style: str) -> None:
    """One line on standard error, whatever its length."""
    _notes.print(Text.assemble((kind, style), " ", _plain(message)), soft_wrap=True)


def _plain(text: str) -> Text:
    """File and artist names are data: no markup, no emoji codes, no line breaks, nothing that steers a terminal."""
    return Text(shown(text))


class _Shown:
    """Progress bars with the time left, on standard error, if that is a terminal: a log wants sentences."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
        ]
        columns += [TimeElapsedColumn(), TimeRemainingColumn()]
        with Bars(*columns, console=_notes, disable=not _notes.is_terminal) as bars:
            task = bars.add_task(name, total=total)
            yield lambda done: bars.advance(task, done)
            bars.update(task, total=total or 1, completed=total or 1)

    def tell(self, sentence: str) -> None:
        _say("note:", sentence, "bold")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Find artists by style; artworks and updates stay private."""
    context.obj = Screen(
        show=lambda content: _screen.print(content, soft_wrap=isinstance(content, Text)),
        note=lambda warning: _say("warning:", warning, "yellow"),
        plain=_plain,
        new_table=_new_table,
        progress=_Shown(),
    )
    if version:
        _screen.print(__version__, highlight=False)
        raise typer.Exit


@app.command()
def train(
    artworks: Annotated[Path | None, typer.Option(help="Folder with one folder of artworks for each artist.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the run to; must not exist.")] = None,
    config: ConfigFile = None,
    public: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,NAME|N",
            help="Artists who agreed that their artworks are protected by nothing; or how many, with --all-agreed.",
        ),
    ] = None,
    all_agreed: Annotated[
        bool | None, typer.Option("--all-agreed", help="Every artist agreed to be drawn by lot as a public one.")
    ] = None,
    public_art: Annotated[Path | None, typer.Option(help="A folder of public artists instead of --public.")] = None,
    split: Annotated[Split | None, typer.Option(help="Hold out artworks by artist, or subjects by content.")] = None,
    privacy: Privacy = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    unit: ProtectedUnit = None,
    noise: NoiseLaw = None,
    sampling_rate: SamplingRate = None,
    iterations: Iterations = None,
    encoder: Annotated[
        str | None, typer.Option(help="lite0, small, timm:NAME or torchvision:NAME (default: lite0).")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Local weights file of a timm or torchvision encoder.")] = None,
    download_weights: Annotated[bool | None, typer.Option(help="Allow fetching pretrained weights.")] = None,
    device: Computing = None,
    features_cache: FeaturesCache = None,
    views: Annotated[int | None, typer.Option(help="Augmented views of each artwork (default: 4).")] = None,
    drop_rate: Annotated[
        float | None, typer.Option(help="Fraction of artists that may vanish, and here does, in each iteration.")
    ] = None,
    min_cohort: MinCohort = None,
    corrupt: Corrupt = None,
    buckets: Annotated[
        int | None, typer.Option(help="Sums the cohort is cut into; from 3 on, poison spoils one of them (default: 1).")
    ] = None,
    min_artworks: Annotated[int | None, typer.Option(help="Fewest artworks of an artist (default: 4).")] = None,
    max_artworks: MaxArtworks = None,
    transcripts: Annotated[
        Path | None, typer.Option(help="Folder to write what the server saw of each session to; must not exist.")
    ] = None,
    sign: Sign = None,
    seed: Annotated[
        int | None, typer.Option(help="Makes learning reproducible. Never touches keys, masks or privacy noise.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a style model on folders of artworks, and write a run."""
    given = {name: value for name, value in locals().items() if name in setting_names() and value is not None}
    settings = Settings.from_values((read_toml(config) if config is not None else {}) | given)
    _train(settings, as_json=as_json)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write the run to; must not exist.")] = Path("build/demo"),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Paint an atelier of 32 artists, train on it at epsilon 8 with dropouts, and write a run. Downloads nothing."""
    import tempfile

    from ..artworks.atelier import write_atelier
    from ..runs.files import refuse_existing

    refuse_existing(out)
    with tempfile.TemporaryDirectory(prefix="fedstyle-atelier-") as scratch:
        folder = Path(scratch) / "atelier"
        with _Shown().stage("Painting the atelier", 32 * 30) as advance:
            write_atelier(folder, artists=32, artworks=30, seed=seed, on_progress=_steps(advance))
        _train(
            Settings(
                artworks=folder,
                out=out,
                public=8,
                all_agreed=True,  # painters who are procedures
                split=Split.CONTENT,
                drop_rate=0.1,
                seed=seed,
            ),
            as_json=as_json,
        )


@app.command()
def search(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    image: Annotated[Path, typer.Argument(help="The picture to find artists for; it does not leave this machine.")],
    top: Annotated[int, typer.Option(help="How many artists to name.")] = 5,
    as_json: Json = False,
) -> None:
    """Name the artists whose style is nearest to a picture's, nearest first. Ranks only: scores would leak."""
    from ..runs.search import open_run

    keep_freed_memory()
    found = open_run(run).search(image, top=top)
    if as_json:
        results = [{"rank": result.rank, "artist": result.artist} for result in found]
        sys.stdout.write(json.dumps({"results": results}) + "\n")
        return
    table = _new_table("rank", "artist")
    for result in found:
        table.add_row(str(result.rank), _plain(result.artist))
    _screen.print(table)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    show_artworks: Annotated[
        Path | None, typer.Option(help="Folder of artworks to show in the page: only art you may show.")
    ] = None,
) -> None:
    """Write RUN/report.html again, with pictures if you own them."""
    from ..report import write_report

    _screen.print("Report:", _plain(str(write_report(run, artworks=show_artworks))), soft_wrap=True)


@app.command()
def atelier(
    artists: Annotated[int, typer.Option(help="Painters.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; must not exist, or be empty.")],
    artworks: Annotated[int, typer.Option(help="Artworks of each painter.")] = 30,
    seed: Seed = 0,
) -> None:
    """Paint a folder of procedural artists, styles and subjects crossed; they agree to be public: --all-agreed."""
    from ..artworks.atelier import write_atelier

    with _Shown().stage("Painting the atelier", artists * artworks) as advance:
        write_atelier(out, artists=artists, artworks=artworks, seed=seed, on_progress=_steps(advance))
    _screen.print("Atelier:", _plain(str(out)), soft_wrap=True)


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
    from ..aggregation.transcripts import audit_transcripts

    contents = [(str(file), _read(file)) for place in files for file in _transcripts(place)]
    findings = audit_transcripts(contents, corrupt=_indices(corrupt), same_inputs=same_inputs)
    if as_json:
        sys.stdout.write(json.dumps(findings, indent=2) + "\n")
    else:
        _screen.print(_findings_table(findings))
        for problem in findings["problems"]:
            _screen.print(Text(problem, style="bold red"), soft_wrap=True)
    if not findings["holds"]:
        raise typer.Exit(1)


@audit_app.command()
def privacy(
    config: Annotated[Path, typer.Argument(help="TOML file with the settings of a run; no artworks are needed.")],
    artists: Annotated[int, typer.Option(help="Size of the cohort.")] = 24,
    trials: Annotated[int, typer.Option(help="Runs with, and as many without, one more artwork.")] = 6000,
    canaries: Annotated[
        int | None, typer.Option(help="Artworks to guess about in one run (default: 2000, or as many as fit).")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Probability that a true claim is left alone.")] = 0.99,
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
        progress=_Shown(),
    )
    for warning in results["warnings"]:
        _say("warning:", warning, "yellow")
    if as_json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        _screen.print(_audit_table(results))
        for problem in results["problems"]:
            _screen.print(Text(problem, style="bold red"), soft_wrap=True)
        if out is not None:
            _screen.print("Results:", _plain(str(out)), soft_wrap=True)
    if not results["holds"]:
        raise typer.Exit(1)


@budget_app.command("plan")
def plan_budget(
    artists: Annotated[int, typer.Option(help="Artists of the cohort; public ones do not count.")],
    artworks: Annotated[int, typer.Option(help="Training artworks of each artist: a public guess.")],
    config: ConfigFile = None,
    privacy: Privacy = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    unit: ProtectedUnit = None,
    noise: NoiseLaw = None,
    sampling_rate: SamplingRate = None,
    iterations: Iterations = None,
    drop_rate: Annotated[
        float | None, typer.Option(help="Fraction of artists that may vanish in each iteration (default: 0).")
    ] = None,
    corrupt: Corrupt = None,
    min_cohort: MinCohort = None,
    max_artworks: MaxArtworks = None,
    sign: Sign = None,
    as_json: Json = False,
) -> None:
    """Say what a run would promise and how much noise that takes. Nothing runs, and no artwork is needed."""
    given = {name: value for name, value in locals().items() if name in setting_names() and value is not None}
    del given["artworks"]  # a number here, where a run has a folder
    from ..runs.budget_tables import tabulate
    from .budget import plan_screen

    # A plan needs neither artworks nor a run's folder, so its file may leave them out.
    folders = {"artworks": "artworks", "out": "run"}
    settings = Settings.from_values(folders | (read_toml(config) if config is not None else {}) | given)
    plan = tabulate(settings, artists=artists, artworks=artworks, progress=_Shown())
    if as_json:
        sys.stdout.write(json.dumps(plan, indent=2) + "\n")
        return
    for part in plan_screen(plan, _new_table):
        _screen.print(part)


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
    from .budget import spending_screen

    spending = read_spending(run, artist=artist, since=since)
    if as_json:
        sys.stdout.write(json.dumps(spending, indent=2) + "\n")
        return
    for part in spending_screen(spending, _new_table, _plain):
        _screen.print(part)


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


def _indices(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise InputError(f"--corrupt must be numbers with commas between, as in 3,7; got {text!r}") from error


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """From "done of total" to "done since the last call"."""
    seen = 0

    def report_total(done: int, _total: int) -> None:
        nonlocal seen
        advance(done - seen)
        seen = done

    return report_total


def _train(settings: Settings, *, as_json: bool) -> None:
    from ..runs.train import train as run_training

    keep_freed_memory()
    if settings.privacy is Mode.NONE:
        _notes.print("[bold white on red] --privacy none: NOTHING IS PROTECTED. Use it for comparison only. [/]")
    summary = run_training(settings, command=shlex.join(["fedstyle", *sys.argv[1:]]), progress=_Shown())
    for warning in summary["warnings"]:
        _say("warning:", warning, "yellow")
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
        return
    _screen.print(_retrieval_table(summary))
    _screen.print(_privacy_table(summary))
    _screen.print("Report:", _plain(str(settings.out / "report.html")), soft_wrap=True)


def _new_table(*headings: str, title: str | Text | None = None) -> Table:
    """A narrow screen has no room for borders."""
    is_wide = _screen.width >= _WIDE
    return Table(*headings, title=title, box=box.HEAVY_HEAD if is_wide else None, pad_edge=is_wide)


def _findings_table(findings: dict[str, Any]) -> Table:
    table = _new_table("session", "iteration", "artists", "survivors", "what leaks")
    for number, session in enumerate(findings["sessions"], start=1):
        numbers = (number, session["iteration"], session["artists"], len(session["survivors"]))
        table.add_row(*map(str, numbers), session["in_words"])
    return table


def _audit_table(results: dict[str, Any]) -> Table:
    promise, session = results["promise"], results["session"]
    table = _new_table("audit", title=f"Epsilon of one {promise['unit']} at delta {promise['delta']:g}")
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


def _retrieval_table(summary: dict[str, Any]) -> Table:
    table = _new_table(title=f"Finding {summary['artists']} artists with {summary['queries']} held-out artworks")
    table.add_column(min_width=len("signatures"))
    for heading in ("accuracy@1", "recall@5", "MRR", "macro F1"):
        table.add_column(heading, justify="right", min_width=len("0.123"), overflow="fold")
    rows = {
        "random head": "random_head",
        "no training": "no_training",
        "trained": "retrieval",
        "trained, by private signatures": "signatures",
    }
    for title, key in rows.items():
        if key in summary:
            scores = [summary[key][name] for name in ("accuracy_at_1", "recall_at_5", "mrr", "macro_f1")]
            table.add_row(title, *[f"{value:.3f}" for value in scores])
    table.caption = f"chance {summary['retrieval']['chance']:.3f}"
    return table


def _privacy_table(summary: dict[str, Any]) -> Table:
    from .budget import views_table

    privacy, sessions, traffic = summary["privacy"], summary["aggregation"], summary["communication"]
    table = views_table(privacy | {"clients": summary["artists"]}, privacy["epsilon"], _new_table)
    table.caption = (
        f"{sessions['completed']} of {sessions['sessions']} sessions completed with {sessions['survivors_min']} to "
        f"{sessions['survivors_max']} survivors; {traffic['bytes_up_per_artist'] / 1e6:.2f} MB up, "
        f"{traffic['bytes_down_per_artist'] / 1e6:.2f} MB down for each artist"
    )
    return table
