"""``fedstyle experiment``: measurements of many runs, each with one command."""

import typer

experiment_app = typer.Typer(
    name="experiment", help="Measure what learning and privacy are worth.", no_args_is_help=True
)
