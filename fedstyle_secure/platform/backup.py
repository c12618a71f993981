"""A platform's folder and database as one folder of files, and back, whatever kind of database it has.

BAK-1  A backup is one moment of the whole database, without what is said in sessions: masked uploads are in no backup.
BAK-2  What is restored opens no session again: exchanges that were open are closed, trainings that ran have failed, and
       numbers of sessions go on far above all that may have been given out since.
BAK-3  What the log said last is never set back where it is still there: it stays the folder's own.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from ..errors import InputError
from .settings import SETTINGS_FILE, PlatformFolder
from .signer import STATE_FILE
from .store.copying import copy_rows, is_empty, settle_restored
from .store.database import Database

DATABASE_FILE: Final = "database.sqlite"
_FOLDERS: Final = ("tls", "secrets")


def make_backup(folder: PlatformFolder, out: Path) -> None:
    """Write a backup, secrets included; the platform may go on meanwhile (BAK-1).

    Args:
        folder: The platform's.
        out: A folder that is not there yet; only its owner can look into it.

    Raises:
        InputError: There is something at `out`, or the platform cannot be read.
        StorageError: Its database cannot be used now.
        OSError: It cannot be written; nothing is left at `out`.
    """
    if out.exists():
        raise InputError(f"{out} is there already: name a folder that is not")
    settings = folder.settings()
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    draft.mkdir(mode=0o700)
    try:
        for name in (SETTINGS_FILE, STATE_FILE):
            shutil.copy2(folder.path / name, draft / name)
        for name in _FOLDERS:
            shutil.copytree(folder.path / name, draft / name)
        _copy(folder.database_url(settings), f"sqlite:///{draft / DATABASE_FILE}", is_restored=False)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def restore_backup(backup: Path, path: Path) -> None:
    """Bring a platform back (BAK-2, BAK-3).

    Args:
        backup: What `make_backup` wrote.
        path: The platform's folder: without its database, or not there at all. What else is in it stays as it is.

    Raises:
        InputError: `backup` is none, or there is a database with something in it.
        StorageError: The database cannot be used now.
    """
    if not (backup / DATABASE_FILE).is_file():
        raise InputError(f"{backup} is no backup of a platform")
    path.mkdir(mode=0o700, exist_ok=True)
    for name in (SETTINGS_FILE, STATE_FILE):
        if not (path / name).exists():
            shutil.copy2(backup / name, path / name)
    for name in _FOLDERS:
        if not (path / name).exists():
            shutil.copytree(backup / name, path / name)
    folder = PlatformFolder(path)
    _copy(f"sqlite:///{backup / DATABASE_FILE}", folder.database_url(folder.settings()), is_restored=True)


def _copy(source_url: str, target_url: str, *, is_restored: bool) -> None:
    source = Database.open(source_url)
    target = Database.open(target_url)
    try:
        with source.reading() as reader, target.writing() as writer:
            if not is_empty(writer):
                raise InputError("the database has something in it: move it away, or name an empty one, then restore")
            copy_rows(reader, writer)
            if is_restored:
                settle_restored(writer)
    finally:
        target.close()
        source.close()
