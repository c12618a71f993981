"""``fedstyle log``: what a platform says that it did, checked by whoever wants to."""

from collections import Counter
from typing import Annotated

import typer

from .options import Json
from .screen import plain, screen

log_app = typer.Typer(name="log", help="A platform's transparency log.", no_args_is_help=True)


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
