"""What every command shows: tables, sentences and progress bars, and the options that many commands share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import box
from rich.console import Console, RenderableType
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

screen = Console()
notes = Console(stderr=True)
_WIDE = 72  # columns that the largest table needs, about

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]
Seed = Annotated[int, typer.Option(help="Makes learning reproducible. Never touches keys, masks or privacy noise.")]


def show(*parts: RenderableType, soft_wrap: bool = False, highlight: bool | None = None) -> None:
    """Print a result."""
    screen.print(*parts, soft_wrap=soft_wrap, highlight=highlight)


def say(kind: str, message: str, style: str) -> None:
    """One line on standard error, whatever its length."""
    notes.print(Text.assemble((kind, style), " ", plain(message)), soft_wrap=True)


def plain(text: str) -> Text:
    """File and artist names are data: no markup, no emoji codes, no line breaks, nothing that steers a terminal."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


class Shown:
    """Progress bars with the time left, on standard error, if that is a terminal: a log wants sentences."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Open a stage; see `experiments.progress.Progress`."""
        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
        ]
        columns += [TimeElapsedColumn(), TimeRemainingColumn()]
        with Bars(*columns, console=notes, disable=not notes.is_terminal) as bars:
            task = bars.add_task(name, total=total)
            yield lambda done: bars.advance(task, done)
            bars.update(task, total=total or 1, completed=total or 1)


def new_table(*headings: str, title: str | Text | None = None) -> Table:
    """A narrow screen has no room for borders."""
    is_wide = screen.width >= _WIDE
    return Table(*headings, title=title, box=box.HEAVY_HEAD if is_wide else None, pad_edge=is_wide)


def steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """From "done of total" to "done since the last call"."""
    seen = 0

    def report_total(done: int, _total: int) -> None:
        nonlocal seen
        advance(done - seen)
        seen = done

    return report_total
