"""Where commands write: results to standard output, all else to standard error.

SCR-1  Names, paths and messages are data: no markup, no emoji codes, no line breaks, nothing that steers a terminal.
SCR-2  What goes into a file or a pipe is cut nowhere: only a terminal has an edge.
"""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

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

from ..names import shown

_WIDE: Final = 72
"""Columns that the largest table needs, about."""
_NAMED: Final = 3


def plain(text: str) -> Text:
    """Data as text that does nothing but show (SCR-1)."""
    return Text(shown(text))


def command_line() -> str:
    """The command that is running, to be repeated."""
    return shlex.join(["fedstyle", *sys.argv[1:]])


class Screen:
    """Standard output and standard error; progress bars on the latter if it is a terminal: a log wants sentences."""

    def __init__(self) -> None:
        self.out = Console()
        self.notes = Console(stderr=True)

    def show(self, *parts: RenderableType | str) -> None:
        """Show a result; strings are the command's own words, data is `plain`."""
        self.out.print(*parts, soft_wrap=all(isinstance(part, str | Text) for part in parts), highlight=False)

    def json(self, result: Any) -> None:
        """Print a result as JSON, and nothing else."""
        sys.stdout.write(json.dumps(result, indent=2) + "\n")

    def tell(self, sentence: str) -> None:
        """One line on standard error, before long work."""
        self.say("note:", sentence, "bold")

    def warn(self, warning: str) -> None:
        """One line on standard error, whatever its length."""
        self.say("warning:", warning, "yellow")

    def warn_left_out(self, left_out: Sequence[Mapping[str, str]]) -> None:
        """Name the first pictures that were not taken, and how many there are."""
        if left_out:
            named = "; ".join(f"{each['file']}: {each['reason']}" for each in left_out[:_NAMED])
            more = f"; and {len(left_out) - _NAMED} more, which --json lists all" if len(left_out) > _NAMED else ""
            self.warn(f"pictures left out, {len(left_out)}: {named}{more}")

    def say(self, kind: str, message: str, style: str) -> None:
        """One line on standard error, whatever its length, that begins with its kind."""
        self.notes.print(Text.assemble((kind, style), " ", plain(message)), soft_wrap=True)

    def table(self, *headings: str, title: str | Text | None = None) -> Table:
        """A new table; a narrow screen has no room for borders."""
        is_wide = self.out.width >= _WIDE
        return Table(*headings, title=title, box=box.HEAVY_HEAD if is_wide else None, pad_edge=is_wide)

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar with the time left; see `runs.progress.Progress`."""
        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        ]
        with Bars(*columns, console=self.notes, disable=not self.notes.is_terminal) as bars:
            task = bars.add_task(name, total=total)
            yield lambda done: bars.advance(task, done)
            bars.update(task, total=total or 1, completed=total or 1)


screen: Final = Screen()
"""The one there is."""
