"""The command line: every command ends in a result or in one sentence that says what to change.

Exit codes: 0 done, 1 refused or failed while working, 2 the command cannot be carried out as given; 130 Ctrl-C, 143 a
request to terminate, 129 the terminal went away.
"""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from .. import __version__
from ..allocator import keep_freed_memory
from ..bounds import NAMED
from ..errors import FedStyleError, InputError
from ..names import told_apart
from .artist import artist_app
from .audit import audit_app
from .budget import budget_app
from .experiments import experiment_app
from .log import log_app
from .options import Json, number
from .platform import platform_app
from .research import research_app
from .runs import card, catalogue_app, publish
from .screen import plain, screen
from .simulation import simulate
from .start import EndedError, catch
from .training import atelier, demo, train

app = typer.Typer(
    name="fedstyle",
    help="Find artists by style; artworks and updates stay private.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, demo):
    app.command()(command)

_AGAIN: Final = 0.2  # seconds


def main() -> NoReturn:
    """Run the command line and turn every expected failure into one sentence and an exit code."""
    catch(_end)
    try:
        # Typer turns every Exit into a returned code.
        code = app(standalone_mode=False, prog_name="fedstyle")
        screen.finish()
        sys.exit(code or 0)
    except (Exception, EndedError) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _explain(error)


def _explain(error: BaseException) -> NoReturn:
    if ended := _ended_by(error):
        _fail(str(ended), ended.code)
    if isinstance(error, FedStyleError):
        _fail(str(error), 2 if isinstance(error, InputError) else 1)
    if isinstance(error, OSError):
        _fail(f"the system refused: {error}", 1)
    if isinstance(error, MemoryError):
        _fail("there is not enough memory for this", 1)
    if type(error).__module__.split(".")[0] not in {"click", "typer"} or not hasattr(error, "format_message"):
        raise error
    if message := error.format_message():  # empty where the help was shown instead
        _fail(message, 2)
    sys.exit(2)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind what was begun; whoever is impatient and asks again is not heard in between.

    What is raised while a library runs a destructor or clears errors of its own is lost, so it is raised again until
    something is being unwound.
    """
    catch(signal.SIG_IGN)
    error = EndedError(number)

    def again(_number: int, _frame: FrameType | None) -> None:
        if not _is_unwinding(error):
            raise error

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
    raise error


def _is_unwinding(error: EndedError) -> bool:
    return _ended_by(sys.exception()) is error


def _ended_by(error: BaseException | None) -> EndedError | None:
    """The signal that `error` is about; a compiled library that is being loaded makes an error of its own of it."""
    while error is not None and not isinstance(error, EndedError):
        error = error.__context__
    return error


def _fail(message: str, code: int) -> NoReturn:
    screen.abandon()
    screen.say("fedstyle:", message, "bold red")
    sys.exit(code)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Find artists by style; artworks and updates stay private."""
    if version:
        screen.show(__version__)
        raise typer.Exit


@app.command()
def search(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] PICTURE...",
            help="Folder of a run, or of what was published of it, unless there is --platform; and pictures by one "
            "hand, asked with together, or a folder to ask with each picture in it. They do not leave this machine.",
        ),
    ],
    platform: Annotated[
        str | None,
        typer.Option(help="Search a platform's catalogue: a file of its pins, an invitation, or its https:// address."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights file of an encoder that neither this program nor the run brings."),
    ] = None,
    top: Annotated[int, number("How many artists to name.", NAMED)] = 5,
    as_json: Json = False,
) -> None:
    """Name the artists whose style is nearest, nearest first, and say how near. Ranks only: scores would leak."""
    from ..runs.folder import opened
    from ..runs.search import open_run, questions

    pictures = paths if platform is not None else paths[1:]
    if not pictures:
        raise InputError("search takes a run and a picture, or a picture and --platform")
    asked = questions(pictures)
    keep_freed_memory()
    if platform is None:
        with opened(paths[0]):
            parts = open_run(paths[0], weights=weights)
    else:
        from ..runs.visiting import visit

        parts = open_run(visit(platform, tell=screen.tell).fetch_catalogue(), weights=weights)
    found = [parts.search(each, top=top) for each in asked]
    if as_json:
        alike = [answer.as_dict() for answer in found]
        screen.json(alike[0] if len(alike) == 1 else {"answers": alike})
        return
    for answer in found:
        table = screen.table("rank", "artist", title=plain(answer.pictures[0].name) if len(found) > 1 else None)
        for result, name in zip(answer.results, told_apart([one.artist for one in answer.results]), strict=True):
            table.add_row(str(result.rank), plain(name))
        table.caption = answer.nearness
        screen.show(table)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    show_artworks: Annotated[
        Path | None, typer.Option(help="Folder of artworks to show in the page: only art you may show.")
    ] = None,
) -> None:
    """Write RUN/report.html again, with pictures if you own them."""
    from ..runs.pages import write_report

    screen.show("Report:", plain(str(write_report(run, artworks=show_artworks, tell=screen.tell))))


for command in (publish, atelier, card, simulate):
    app.command()(command)
for group in (
    artist_app,
    platform_app,
    audit_app,
    budget_app,
    experiment_app,
    catalogue_app,
    log_app,
    research_app,
):
    app.add_typer(group)
