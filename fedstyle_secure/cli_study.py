"""Commands that look at runs from other sides: who comes and goes, what grows, what style is and what it is not."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .allocator import keep_freed_memory
from .cli_screen import Json, Shown, plain, show

catalogue_app = typer.Typer(
    name="catalogue", help="Let artists join and leave a finished run's catalogue.", no_args_is_help=True
)


@catalogue_app.command("add")
def add_artist(
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist_folder: Annotated[Path, typer.Option(help="The joining artist's pictures; they do not leave this machine.")],
    name: Annotated[str | None, typer.Option(help="To be found by (default: the folder's name).")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Limit on all the artist ever releases here (default: the run's).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign a new artist without any training: encode, charge a ledger of the artist's own, publish a signature."""
    from .experiments.members import join

    keep_freed_memory()
    joined = join(run, artist_folder, name=name, limit=epsilon, progress=Shown())
    if as_json:
        _print_json(joined)
        return
    spent = joined["epsilon"]["aggregate"]
    cost = "without any protection" if spent is None else f"at epsilon {spent:.2f} of {joined['limit']:g} in all views"
    show(
        plain(
            f"{joined['artist']} joined with {joined['artworks']} artworks, {cost}; the catalogue has "
            f"{joined['catalogue']} artists. Ledger: {joined['ledger']}"
        ),
        soft_wrap=True,
    )


@catalogue_app.command("remove")
def remove_artist(
    run: Annotated[Path, typer.Argument(help="Folder of a run whose artists signed.")],
    artist: Annotated[str, typer.Argument(help="Who leaves.")],
    as_json: Json = False,
) -> None:
    """Take an artist's signature out of the catalogue; the ledger is kept, and so is what the model learned."""
    from .experiments.members import leave

    left = leave(run, artist)
    if as_json:
        _print_json(left)
        return
    show(
        plain(
            f"{left['artist']} left; the catalogue has {left['catalogue']} artists. The ledger {left['ledger']} is "
            "kept: what was released stays released, and copies of the old catalogue cannot be called back."
        ),
        soft_wrap=True,
    )


def _print_json(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
