"""What an operator does about artists: invite, revoke, list.

IVT-1  An invitation is a file that only its owner can read, and its token is nowhere else: the store has its digest.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..errors import InputError
from ..names import check_name
from ..wire.bodies import TOKEN_BYTES
from ..wire.enrolment import Invitation
from .service import public_pins
from .settings import PlatformFolder, write_secret
from .signer import Signer
from .store.artists import Listed, add_token, list_artists, revoke_tokens
from .store.database import Database

_DAY: Final = 24 * 3600


def invite_artist(
    folder: PlatformFolder, label: str, path: Path, *, days: int | None = None, clock: Callable[[], float] = time.time
) -> str:
    """Write an invitation; older unused ones of the same label enrol nobody any more.

    Args:
        folder: The platform's.
        label: What the operator calls the artist.
        path: Of the file.
        days: How long it may be used; None for as long as the settings say.
        clock: Seconds since 1970.

    Returns:
        The platform's fingerprint, to be told another way.

    Raises:
        InputError: The label is none, there is something at `path`, or the platform cannot be used.
        StorageError: The database cannot be used now.
    """
    invitation, fingerprint = _draft(folder, label, days, clock)
    try:
        write_secret(path, invitation.encode())
    except FileExistsError:
        raise InputError(f"{path} is there already: move it away, or name another with --out") from None
    try:
        _enter(folder, label, invitation)
    except BaseException:
        path.unlink()
        raise
    return fingerprint


def hand_invitation(
    folder: PlatformFolder, label: str, *, days: int | None = None, clock: Callable[[], float] = time.time
) -> tuple[bytes, str]:
    """As `invite_artist`, for whoever keeps it elsewhere: what it would write, and the fingerprint."""
    invitation, fingerprint = _draft(folder, label, days, clock)
    _enter(folder, label, invitation)
    return invitation.encode(), fingerprint


def _draft(folder: PlatformFolder, label: str, days: int | None, clock: Callable[[], float]) -> tuple[Invitation, str]:
    """An invitation that enrols nobody yet, and the platform's fingerprint."""
    check_name(label)
    settings = folder.settings()
    pins = public_pins(folder, settings, Signer(folder.path))
    invitation = Invitation(
        address=pins.address,
        certificates=pins.certificates,
        platform_key=pins.platform_key,
        log_key=pins.log_key,
        log_origin=pins.log_origin,
        token=os.urandom(TOKEN_BYTES),
        expires=int(clock()) + _DAY * (settings.invitation_days if days is None else days),
    )
    return invitation, pins.fingerprint


def _enter(folder: PlatformFolder, label: str, invitation: Invitation) -> None:
    with _database(folder) as database, database.writing() as connection:
        add_token(connection, digest=sha256(invitation.token).digest(), label=label, expires=invitation.expires)


def revoke_invitations(folder: PlatformFolder, label: str) -> int:
    """Let no unused invitation of a label enrol anybody; how many there were."""
    with _database(folder) as database, database.writing() as connection:
        return revoke_tokens(connection, label)


def listed_artists(folder: PlatformFolder) -> list[Listed]:
    """All artists, by label."""
    with _database(folder) as database, database.reading() as connection:
        return list_artists(connection)


@contextmanager
def _database(folder: PlatformFolder) -> Iterator[Database]:
    database = Database.open(folder.database_url(folder.settings()))
    try:
        yield database
    finally:
        database.close()
