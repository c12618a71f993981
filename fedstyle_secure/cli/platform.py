"""An operator's own commands: make a platform, serve it, invite artists, keep copies. None but init loads torch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..bounds import INVITATION_DAYS
from ..dumps import forbid_dumps
from ..encoder.spec import BackboneSpec
from ..encoder.whitening import Space
from .options import Json, number
from .platform_trainings import HERE, FolderOption, train_app
from .screen import plain, screen

platform_app = typer.Typer(
    name="platform", help="Run a platform: artists train on their own machines.", no_args_is_help=True
)

platform_app.add_typer(train_app)
platform_app.callback()(forbid_dumps)


@platform_app.command("init")
def init_platform(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")],
    public_art: Annotated[
        Path, typer.Option(help="A folder for each artist who declared all in it public; the style space's source.")
    ],
    address: Annotated[str, typer.Option(help="Where artists call.")] = "https://127.0.0.1:8443",
    listen: Annotated[str, typer.Option(help="Address and port to listen on.")] = "127.0.0.1:8443",
    local: Annotated[
        str, typer.Option(help="Address and port on loopback for browsers of this machine, without TLS.")
    ] = "",
    host: Annotated[
        list[str] | None, typer.Option(help="More names or addresses for the certificate; may be repeated.")
    ] = None,
    log_name: Annotated[
        str | None, typer.Option(help="The log's name, unique in the world (default: the address, and /log).")
    ] = None,
    encoder: Annotated[str, typer.Option(help="What makes features of artworks, on every artist's machine.")] = "lite0",
    weights: Annotated[
        Path | None, typer.Option(help="Its weights file, if it does not come with this program; all artists need it.")
    ] = None,
    space: Annotated[
        Space, typer.Option(help="`within` only if public artists paint as the others do; it tells their hands apart.")
    ] = Space.PRINCIPAL,
    nested: Annotated[bool, typer.Option(help="Take pictures in folders inside an artist's folder, too.")] = False,
    postgresql: Annotated[
        bool, typer.Option("--postgresql", help="Read a PostgreSQL URL from standard input, and use that database.")
    ] = False,
) -> None:
    """Make a platform: keys, certificates, settings, a database, and the style space of public art."""
    from ..platform.settings import Settings
    from ..platform.setup import make_platform

    url = sys.stdin.readline().strip() if postgresql else None
    name = address.removeprefix("https://").partition(":")[0].strip("[]")
    settings = Settings(
        address=address,
        hosts=tuple(dict.fromkeys([name, *(host or [])])),
        listen=listen,
        local=local,
        database="postgresql" if postgresql else "sqlite",
    )
    fingerprint = make_platform(
        folder,
        settings,
        log_name=log_name or f"{address.removeprefix('https://')}/log",
        database_url=url,
        foundation=_foundation(public_art, BackboneSpec(name=encoder, weights=weights), space, nested=nested),
    )
    screen.show("Platform:", plain(str(folder)))
    screen.show("Fingerprint, for artists to compare:", plain(fingerprint))


def _foundation(public_art: Path, backbone: BackboneSpec, space: Space, *, nested: bool) -> bytes:
    from ..runs.founding import lay_foundation

    return lay_foundation(public_art, backbone, space=space, nested=nested, progress=screen).encode()


@platform_app.command("export-web")
def export_pages(platform: FolderOption = HERE) -> None:
    """Fetch and write what the buyer's page computes with, 30 MB, into the platform's folder; restart it afterwards."""
    from ..platform.service import encoder_of
    from ..platform.settings import PlatformFolder
    from ..runs.exporting import export_web

    folder = PlatformFolder(platform)
    settings = folder.settings()
    with screen.stage("Files of the buyer's page", None):
        files = export_web(encoder_of(folder), folder.web)
    for path in files:
        screen.show("Written:", plain(str(path)))
    screen.show("The buyer's page, once the platform is started again:", plain(f"{settings.address}/"))


@platform_app.command()
def serve(
    platform: FolderOption = HERE,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print the settings and stop.")] = False,
) -> None:
    """Answer artists and buyers, and lead trainings, until it is told to end.

    It prints the address of the operator's page, which is served to this machine alone: keep that address to yourself.
    """
    from ..platform.settings import PlatformFolder

    folder = PlatformFolder(platform)
    if show_config:
        screen.show(folder.settings().encode().rstrip("\n"))
        return
    from ..desks.operator import operator_page
    from ..platform.running import run

    run(folder, tell=screen.tell, beside=lambda service: operator_page(service, screen.tell))


@platform_app.command()
def invite(
    name: Annotated[str, typer.Argument(help="What you call the artist; buyers never see it.")],
    platform: FolderOption = HERE,
    out: Annotated[Path | None, typer.Option(help="Where to write it (default: NAME.invitation).")] = None,
    days: Annotated[
        int | None, number("How long it may be used (default: as in platform.toml).", INVITATION_DAYS)
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Only revoke the artist's unused invitations.")] = False,
) -> None:
    """Write an invitation for one artist; older ones for the same name can be used no more."""
    from ..platform.inviting import invite_artist, revoke_invitations
    from ..platform.settings import PlatformFolder

    folder = PlatformFolder(platform)
    if revoke:
        screen.show(f"Invitations revoked: {revoke_invitations(folder, name)}")
        return
    path = out if out is not None else Path(f"{name}.invitation")
    fingerprint = invite_artist(folder, name, path, days=days)
    screen.show("Invitation, for this artist alone:", plain(str(path)))
    screen.show("Tell them the fingerprint another way:", plain(fingerprint))


@platform_app.command()
def artists(platform: FolderOption = HERE, as_json: Json = False) -> None:
    """List artists, those who are invited only too."""
    from ..platform.inviting import listed_artists
    from ..platform.settings import PlatformFolder

    found = listed_artists(PlatformFolder(platform))
    if as_json:
        screen.json(
            {
                "artists": [
                    {
                        "label": each.label,
                        "name": each.name,
                        "link": each.link,
                        "identity": each.identity.hex() if each.identity else None,
                    }
                    for each in found
                ]
            }
        )
        return
    table = screen.table("artist", "found as", "state", "key")
    for each in found:
        state = "enrolled" if each.identity else ("invited" if each.name is None else "left")
        table.add_row(
            plain(each.label), plain(each.name or ""), state, each.identity.hex()[:16] if each.identity else ""
        )
    screen.show(table)


@platform_app.command()
def backup(
    out: Annotated[Path, typer.Argument(help="A folder that is not there yet; it will hold the platform's keys.")],
    platform: FolderOption = HERE,
) -> None:
    """Copy everything but what is said in sessions; the platform may go on meanwhile."""
    from ..platform.backup import make_backup
    from ..platform.settings import PlatformFolder

    make_backup(PlatformFolder(platform), out)
    screen.show("Backup:", plain(str(out)))


@platform_app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="What `fedstyle platform backup` wrote.")],
    platform: FolderOption = HERE,
) -> None:
    """Bring a platform back from a backup; no session goes on."""
    from ..platform.backup import restore_backup

    restore_backup(backup, platform)
    screen.show("Restored:", plain(str(platform)))
    screen.tell(
        "entries of the log since the backup are missing: `fedstyle log restore` brings them back from somebody's "
        "copy, `fedstyle log begin` begins a new epoch, which artists must confirm"
    )
