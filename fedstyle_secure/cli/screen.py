"""Where commands write: results to standard output, all else to standard error.

SCR-1  Names, paths and messages are data: no markup, no emoji codes, no line breaks, nothing that steers a terminal.
SCR-2  What goes into a file or a pipe is cut nowhere: only a terminal has an edge.
SCR-3  Standard output that is full or gone is a failure that is told; what standard error cannot take is lost, and
       changes nothing else.
"""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn, TextIO, cast

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

from ..errors import FedStyleError
from ..names import shown

_WIDE: Final = 72
"""Columns that the largest table needs, about."""
_NAMED: Final = 3
_NO_EDGE: Final = 10_000


def plain(text: str) -> Text:
    """Data as text that does nothing but show (SCR-1)."""
    return Text(shown(text))


def command_line() -> str:
    """The command that is running, to be repeated."""
    return shlex.join(["fedstyle", *sys.argv[1:]])


class OutputError(FedStyleError):
    """A result could not be shown."""


class _Results(Console):
    """Standard output; whoever stopped reading is told of like a full disk, not passed over in silence."""

    def __init__(self) -> None:
        has_edge = "COLUMNS" in os.environ or (sys.stdout is not None and sys.stdout.isatty())
        size = None if has_edge else _NO_EDGE
        super().__init__(width=size, height=size)

    def on_broken_pipe(self) -> NoReturn:
        raise  # noqa: PLE0704 - it is called where the error is handled


class _Lossy:
    """Standard error as it is at any time (SCR-3)."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def isatty(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty()

    def write(self, text: str) -> int:
        with self._losing():
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with self._losing():
            sys.stderr.flush()

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """What takes no word is let go of, or Python would try again at its end, and end with a code of its own."""
        try:
            with suppress(AttributeError):  # it was closed from the beginning
                yield
        except OSError:
            sys.stderr = None


class Screen:
    """Standard output and standard error; progress bars on the latter if it is a terminal: a log wants sentences."""

    def __init__(self) -> None:
        self.out: Console = _Results()
        self.notes = Console(file=cast("TextIO", _Lossy()))

    def show(self, *parts: RenderableType | str) -> None:
        """Show a result; strings are the command's own words, data is `plain`."""
        with self._telling():
            self.out.print(*parts, soft_wrap=all(isinstance(part, str | Text) for part in parts), highlight=False)

    def json(self, result: Any) -> None:
        """Print a result as JSON, and nothing else."""
        with self._telling():
            sys.stdout.write(json.dumps(result, indent=2) + "\n")
            sys.stdout.flush()

    def finish(self) -> None:
        """See that all that was shown has arrived."""
        with self._telling():
            sys.stdout.flush()

    def abandon(self) -> None:
        """Let go of what standard output did not take, or Python would try again at its end."""
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written ({error.strerror}): the work is done, its result could not be shown"
            ) from error

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
