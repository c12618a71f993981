"""Files that outlive a crash and bear more than one process (POSIX: `flock`, `rename`, `fsync`).

DUR-1  `replace` leaves the old content or the new, whole, whenever power or process ends; when it returns, the new one
       is on disk. Nobody but the owner can read what is written here.
DUR-2  While `locked` holds a file, no other `locked` of the same file does, in this process or another; the file that
       is held is the one that its path names.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OWNER_ONLY: Final = 0o600
_KEY_SIZE: Final = 32


def user_state() -> Path:
    """The product's folder in a user's state folder (XDG Base Directory Specification 0.8); it may not exist yet."""
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return home / "fedstyle-secure"


class KeyFileError(OSError):
    """A key file is damaged, or others than its owner can read it."""


def replace(path: Path, content: bytes) -> None:
    """Put `content` in a file's place, or make the file (DUR-1). One process at a time: hold a lock.

    Raises:
        OSError: It cannot be written; the old content stands.
    """
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new or replaced file's name outlive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, is_writer: bool = True) -> Iterator[int]:
    """Hold a file, alone to write it or with other readers to read it (DUR-2); waits until whoever holds it is done.

    Args:
        path: The file; a writer makes it if it is not there.
        is_writer: False to read only, which makes and changes nothing.

    Yields:
        A descriptor, to append and read or to read only, from its beginning.

    Raises:
        OSError: The file cannot be opened.
    """
    flags, lock = (os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) if is_writer else (os.O_RDONLY, fcntl.LOCK_SH)
    while True:
        descriptor = os.open(path, flags, _OWNER_ONLY)
        try:
            fcntl.flock(descriptor, lock)
            if _is_named(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def make_key(path: Path, key: bytes | None = None) -> bytes:
    """32 secret bytes in a file that only its owner can read; one process at a time: hold a lock.

    Args:
        path: Of the file.
        key: The bytes; None for fresh ones.

    Raises:
        OSError: It cannot be written.
    """
    key = os.urandom(_KEY_SIZE) if key is None else key
    replace(path, key.hex().encode() + b"\n")
    return key


def read_key(path: Path) -> bytes:
    """The bytes of a key file.

    Raises:
        KeyFileError: Others than its owner can read it, or it is none that `make_key` wrote.
        FileNotFoundError: There is none.
        OSError: It cannot be read.
    """
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others than its owner: chmod 600 {path}")
    text = path.read_bytes()
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if key.hex().encode() + b"\n" != text or len(key) != _KEY_SIZE:
        raise KeyFileError(f"{path} is no key file, which holds 64 hexadecimal digits: restore it from its copy")
    return key


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether a path still names the opened file: while we waited for the lock it may have been replaced."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
