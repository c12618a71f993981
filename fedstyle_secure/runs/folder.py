"""A run's folder: what is in it by digest, one lock for whatever changes it, changes that are whole or not there.

FOL-1  Whoever changes a run holds its lock from the first look to the last byte; whoever waits for it is told for whom.
FOL-2  A change is all of its files with the manifest that names them, or nothing: it stands whole beside the run before
       it moves in, and whoever opens the run next carries through what was interrupted on the way.
FOL-3  Nothing of a run is used unless every file that its manifest names is there, with its SHA-256. This notices
       damage, not a forger who writes a manifest as well.
FOL-4  What belongs to the experimenter can be read by its owner alone, what is public by everyone.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from ..durable import sync_folder
from ..errors import FedStyleError, InputError
from .files import LEDGER_FOLDER, PRIVATE_FILES, refuse_existing

FORMAT: Final = "fedstyle-manifest-1"
MANIFEST_FILE: Final = "manifest.json"

_LOCK, _CHANGE, _DRAFT = ".lock", ".change", ".change.new"


@contextmanager
def whole_or_nothing(out: Path, *, option: str = "--out") -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` on success and vanishes on anything else (RUN-1).

    Raises:
        InputError: Something is at `out` already.
        FedStyleError: The disk failed; nothing is left.
    """
    refuse_existing(out, option=option)
    made = [parent for parent in out.parents if not parent.exists()]
    folder = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        yield folder
        folder.chmod(0o755)
        folder.rename(out)
    except OSError as error:
        raise FedStyleError(f"the run {out} cannot be written ({error}); nothing is left of it") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # holds the finished run
                parent.rmdir()


def seal(folder: Path) -> None:
    """Write the manifest of a folder that is whole, and set every file's mode (FOL-4)."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    contents = {name: (folder / name).read_bytes() for name in names if not _is_apart(name)}
    _write(folder, contents | {MANIFEST_FILE: _manifest({name: _digest(data) for name, data in contents.items()})})


@contextmanager
def opened(run: Path) -> Iterator[Path]:
    """A run as it is, checked (FOL-3), and as it stays while this is open; commands that change it wait so long.

    Raises:
        InputError: Not a run, or damaged.
    """
    while True:
        _carry_through(run)
        with _held(run, fcntl.LOCK_SH):
            if not (run / _CHANGE).exists():
                _check(run)
                yield run
                return


@contextmanager
def changing(run: Path, command: str, tell: Callable[[str], None]) -> Iterator["Change"]:
    """A run to change, by one command at a time (FOL-1), checked.

    Args:
        run: The folder.
        command: Who changes it, for whoever waits.
        tell: Is told for whom this waits.

    Raises:
        InputError: Not a run, damaged, or not ours to change.
    """
    with opened(run):  # no lock is left in what is no run
        pass
    try:
        descriptor = os.open(run / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(f"{run} cannot be changed ({error.strerror}): check who owns the folder") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            tell(f"waiting for {holder or 'another command'}, which is changing {run}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} (process {os.getpid()})".encode(), 0)
        with opened(run):
            pass
        yield Change(run)
    finally:
        os.close(descriptor)


class Change:
    """A run that is ours to change.

    Attributes:
        run: The folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run

    def commit(self, files: Mapping[str, bytes]) -> None:
        """Put files in, or in the place of older ones, all at once (FOL-2).

        Args:
            files: Contents by name, relative to the run.

        Raises:
            InputError: They cannot be written; the run is as it was.
        """
        digests = _read_manifest(self.run) | {name: _digest(content) for name, content in files.items()}
        draft = self.run / _DRAFT
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            _write(draft, dict(files) | {MANIFEST_FILE: _manifest(digests)})
            draft.rename(self.run / _CHANGE)
            sync_folder(self.run)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise InputError(f"{self.run} cannot be changed ({error.strerror}); it is as it was") from error
        _carry_through(self.run)


def _carry_through(run: Path) -> None:
    """Move a whole change into place, whoever prepared it; every step may come twice (FOL-2)."""
    change = _folder(run) / _CHANGE
    if not change.exists():
        return
    try:
        with _held(run, fcntl.LOCK_EX):
            for path in [path for path in sorted(change.rglob("*")) if path.is_file()]:
                target = run / path.relative_to(change)
                target.parent.mkdir(exist_ok=True)
                path.rename(target)
                sync_folder(target.parent)
            shutil.rmtree(change, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"a change of {run} was interrupted and cannot be carried through ({error.strerror}): let its owner open it"
        ) from error


def _check(run: Path) -> None:
    for name, digest in _read_manifest(run).items():
        try:
            is_intact = _digest((run / name).read_bytes()) == digest
        except OSError as error:
            raise InputError(f"cannot read {run / name} ({error.strerror}): restore a copy of {run}") from error
        if not is_intact:
            raise InputError(f"{run / name} is damaged or was altered: restore a copy of {run}, or write it anew")


def _read_manifest(run: Path) -> dict[str, str]:
    path = run / MANIFEST_FILE
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{run} is not a run: cannot read {path} ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    match content:
        case {"format": str(format_), "files": {**files}} if format_ == FORMAT:
            if all(isinstance(digest, str) and _is_within(str(name)) for name, digest in files.items()):
                return {str(name): str(digest) for name, digest in files.items()}
    raise InputError(f"{path} is not a manifest of format {FORMAT}")


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _manifest(digests: Mapping[str, str]) -> bytes:
    return (json.dumps({"format": FORMAT, "files": dict(sorted(digests.items()))}, indent=1) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Files and their folders, on disk, each with its mode."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if path.parent != folder:
            path.parent.chmod(0o755)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o600 if name in PRIVATE_FILES else 0o644)
            os.fsync(file.fileno())
        sync_folder(path.parent)


def _is_apart(name: str) -> bool:
    """What no manifest names: itself, ledgers, which have digests of their own, and locks."""
    return name == MANIFEST_FILE or name.startswith((".", f"{LEDGER_FOLDER}/"))


def _folder(run: Path) -> Path:
    if not run.is_dir():
        raise InputError(f"{run} is not a run: there is no such folder")
    return run


@contextmanager
def _held(run: Path, lock: int) -> Iterator[None]:
    """The folder itself, locked for a look at it or for moving files in; briefly, so that nobody has to be told."""
    descriptor = os.open(_folder(run), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, lock)
        yield
    finally:
        os.close(descriptor)
