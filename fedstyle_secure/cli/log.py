"""``fedstyle log``: what a platform says that it did, checked by whoever wants to."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import Json
from .screen import plain, screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..platform.signer import Signer
    from ..platform.store.database import Database

log_app = typer.Typer(name="log", help="A platform's transparency log.", no_args_is_help=True)


_Folder = Annotated[Path, typer.Argument(help="The platform's folder; nothing else may be at work on it.")]


@log_app.command("restore")
def restore(
    folder: _Folder,
    entries: Annotated[Path, typer.Argument(help="The file `entries` that whoever verified the log has.")],
) -> None:
    """Bring back what a database that was put back from a backup lacks of the log."""
    from ..platform.restoring import restore_log

    with _platform(folder) as (database, signer):
        try:
            count = restore_log(database, signer, entries.read_bytes().splitlines())
        except OSError as error:
            raise InputError(f"{entries} cannot be read: {error.strerror}") from error
    screen.show(f"{count} entries are back; the log goes on as it was.")


@log_app.command("begin")
def begin(
    folder: _Folder,
    is_meant: Annotated[
        bool, typer.Option("--everybody-was-told", help="Artists and buyers must pin its name.")
    ] = False,
) -> None:
    """Begin a log anew that cannot be gone on with, under another name."""
    from ..platform.restoring import begin_log_anew

    if not is_meant:
        raise InputError("everybody refuses a new log until they pin its name: tell them, then --everybody-was-told")
    with _platform(folder) as (database, signer):
        said = begin_log_anew(database, signer)
    screen.show("The log is", plain(said.origin), "from now on: every artist and buyer must pin that name.")


@log_app.command("pins")
def pins(
    folder: Annotated[Path, typer.Argument(help="The platform's folder.")],
    out: Annotated[Path, typer.Argument(help="File to write: public, for buyers and whoever watches the log.")],
) -> None:
    """Write what `search --platform` and `log verify` must know of a platform: its address, keys and the log's name."""
    from .. import canonical
    from ..platform.service import public_pins
    from ..platform.settings import PlatformFolder
    from ..platform.signer import Signer

    place = PlatformFolder(folder)
    own = public_pins(place, place.settings(), Signer(folder))
    out.write_bytes(canonical.encode(own))
    screen.show("Fingerprint, for others to compare:", plain(own.fingerprint))


@contextmanager
def _platform(folder: Path) -> Iterator[tuple[Database, Signer]]:
    """A platform's database and signer, for as long as it is worked on."""
    from ..platform.settings import PlatformFolder
    from ..platform.signer import Signer
    from ..platform.store.database import Database

    place = PlatformFolder(folder)
    database = Database.open(place.database_url(place.settings()))
    try:
        yield database, Signer(folder)
    finally:
        database.close()


@log_app.command("verify")
def verify(
    platform: Annotated[
        str, typer.Argument(help="A file of the platform's pins, an invitation, or its https:// address.")
    ],
    as_json: Json = False,
) -> None:
    """Read the whole log and check that it grew out of what was seen here before; a fork is refused, and kept."""
    from ..runs.visiting import visit
    from ..transparency.leaves import published

    visitor = visit(platform, tell=screen.tell)
    seen = visitor.read_log()
    newest, kinds = seen.watch.newest, Counter(leaf.KIND for leaf in seen.leaves)
    signatures = len(published(seen.leaves))
    if as_json:
        screen.json(
            {
                "log": newest.origin,
                "size": newest.size,
                "root": newest.root.hex(),
                "checkpoint": newest.digest.hex(),
                "fingerprint": visitor.pins.fingerprint,
                "entries": dict(kinds),
                "published": signatures,
                "kept": str(visitor.folder),
            }
        )
        return
    table = screen.table("entries", "how many")
    for kind, count in kinds.items():
        table.add_row(kind, str(count))
    table.caption = f"{signatures} signatures are published; root {newest.root.hex()}"
    screen.show(table)
    screen.show(plain(newest.origin), f"is whole, {newest.size} entries, and grew out of what was seen here before.")
    screen.show("Fingerprint, to compare with others:", plain(visitor.pins.fingerprint))
