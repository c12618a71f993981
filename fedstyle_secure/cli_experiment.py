"""``fedstyle experiment``: measurements of many runs, each with one command.

Screens, bars and safe texts are the command line's own; it hands them down in the context.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .experiments.progress import Progress

experiment_app = typer.Typer(
    name="experiment",
    help="Compare FedStyle with its rivals, and with itself under other budgets.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the command line shares with this file."""

    show: Callable[[RenderableType], None]
    note: Callable[[str], None]
    plain: Callable[[str], Text]
    new_table: Callable[..., Table]
    progress: "Progress"
