"""One artist's releases in one append-only file: what was spent, and the refusal of what would be too much.

LED-1  `charge` returns only after the release is on disk (fsync); only then may the caller touch the data.
LED-2  A release that would take epsilon over the limit, in the limited view, is refused before anything is written;
       what other processes charged before counts.
LED-3  Each line carries an HMAC over the one before it and its own content, under a key of the ledger's own: what was
       changed, moved, removed from within, written by another ledger or written anew by who lacks the key is refused.
       Missing *last* lines show only against a known `head`.
LED-4  A torn last line (power lost in mid-write) counts as spent: as written if it is all there, else without bound.
LED-5  A `receipt` names the newest line to whoever keeps it, and tells nothing else: a ledger put back from a backup
       does not know the receipts it gave since.
LED-6  Whoever reads, repairs or adds holds the file's lock, and reads what others added first. Nothing is ever taken
       out of the file but what a failed write of the same call put there.
LED-7  A session is charged once: the same release again writes nothing, another one under its name is refused.
LED-8  Keys of artists and platforms die, a ledger does not: its key is in a file of its own beside it (``.key``), a
       copy of which opens every copy of the ledger, whatever its name. Without the key no ledger is opened or begun.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from dp_accounting import DpEvent

from ..durable import locked, make_key, read_key, replace, sync_folder
from ..errors import InputError, PrivacyError
from .accounting import epsilon, is_within, quick_epsilon
from .mechanism import View
from .releases import Release

_LOGGER: Final = logging.getLogger(__name__)
_FORMAT: Final = 2
_OLD_LINE: Final = b'{"digest":'
_START, _LINE, _RECEIPT = (b"fedstyle-secure ledger v2 " + purpose for purpose in (b"start\0", b"line\0", b"receipt\0"))


class LedgerError(PrivacyError):
    """A ledger cannot be read or written, was altered, or was rolled back; nothing may be released."""


class BudgetExceededError(PrivacyError):
    """A release was refused because it would cost more than its artist allows; nothing was written or released."""


class Ledger:
    """One artist's spending, limited in one view.

    Attributes:
        path: The file; its stem names the artist in messages.
        limit: Largest epsilon that may be spent in `view`; `math.inf` for no limit.
        delta: Delta at which every epsilon of this ledger is stated.
        view: The view whose epsilon is limited.
    """

    def __init__(self, path: Path, *, limit: float, delta: float, view: View, key: bytes) -> None:
        if not limit > 0 or not 0 < delta < 1:
            raise InputError(f"a ledger needs a limit above 0 and delta between 0 and 1, got {limit} and {delta}")
        self.path, self.limit, self.delta, self.view = path, limit, delta, view
        self._key = key
        self._content = b""
        self._releases: list[Release] = []
        self._heads = [self._mac(_START)]
        self._slack = 0.0

    @classmethod
    def open(cls, path: Path, *, limit: float, delta: float, view: View, known_head: str | None = None) -> Self:
        """Read a ledger back, or begin one and its key; repair a torn last line (LED-3, LED-4).

        Args:
            path: The file, made if it is not there; its folder must exist. The key is beside it, see `key_path`.
            limit: Largest epsilon that may be spent in `view`.
            delta: Delta at which epsilon is stated.
            view: The view to limit.
            known_head: A `head` seen earlier and kept elsewhere. A file from before it is refused as rolled back.

        Raises:
            InputError: If the limit or delta is out of range.
            LedgerError: If the file was altered, does not reach `known_head`, or has lost its key.
        """
        with _told(path):
            with locked(path) as file:
                _refuse_old_format(path, file)
                is_new = os.fstat(file).st_size == 0 and not key_path(path).exists()
                key = make_key(key_path(path)) if is_new else read_key(key_path(path))
            ledger = cls(path, limit=limit, delta=delta, view=view, key=key)
            with ledger._held():
                pass
        ledger._check_reaches(known_head)
        return ledger

    @classmethod
    def read(cls, path: Path, *, limit: float, delta: float, view: View, known_head: str | None = None) -> Self:
        """What `open` would return of a ledger that is there, without changing any file: for reports.

        Raises:
            InputError: If the limit or delta is out of range.
            LedgerError: As `open` does, and if there is no ledger.
        """
        with _told(path), locked(path, is_writer=False) as file:
            _refuse_old_format(path, file)
            ledger = cls(path, limit=limit, delta=delta, view=view, key=read_key(key_path(path)))
            torn = ledger._catch_up(file)
            if torn:
                ledger._accept(*ledger._judge_torn(torn))
        ledger._check_reaches(known_head)
        return ledger

    @property
    def artist(self) -> str:
        """Whose ledger this is, by its file's name."""
        return self.path.stem

    @property
    def releases(self) -> tuple[Release, ...]:
        """All releases charged so far, oldest first, as far as this process has read."""
        return tuple(self._releases)

    @property
    def start(self) -> str:
        """What the chain begins with, 64 hexadecimal digits: the same for all copies of one ledger, for no other."""
        return self._heads[0]

    @property
    def head(self) -> str:
        """What the last line's HMAC is, 64 hexadecimal digits: keep it elsewhere to notice a rollback."""
        return self._heads[-1]

    def reaches(self, head: str) -> bool:
        """Whether a head that was seen earlier is in this ledger: if not, it was rolled back, or is another one."""
        return head in self._heads

    def releases_until(self, head: str) -> tuple[Release, ...]:
        """The releases up to a head that this ledger reaches; all of them up to one that it does not know."""
        return tuple(self._releases[: self._heads.index(head)]) if head in self._heads else self.releases

    def releases_since(self, head: str) -> tuple[Release, ...]:
        """The releases after a head that this ledger reaches; none after one that it does not know."""
        return tuple(self._releases[self._heads.index(head) :]) if head in self._heads else ()

    def last_iteration(self, platform: bytes) -> int:
        """The highest iteration with this platform that anything was charged in; 0 for none."""
        marked = (release for release in self._releases if release.session and release.session.platform == platform)
        return max((release.iteration for release in marked), default=0)

    def last_session(self, platform: bytes) -> int:
        """The highest number of a session with this platform that was charged; 0 for none."""
        marks = (release.session for release in self._releases)
        return max((mark.number for mark in marks if mark and mark.platform == platform), default=0)

    @property
    def receipt(self) -> bytes:
        """For someone else to keep: 32 bytes that name the newest line, and say nothing without the key (LED-5)."""
        return bytes.fromhex(self._mac(_RECEIPT + self.head.encode()))

    def knows(self, receipt: bytes) -> bool:
        """Whether this ledger once gave that receipt: if not, lines are missing (LED-5)."""
        return any(bytes.fromhex(self._mac(_RECEIPT + head.encode())) == receipt for head in self._heads)

    def spent(self, view: View) -> float:
        """Epsilon so far in one view, by the closed form where there is one (fast; equal to `epsilon` within 1e-3)."""
        return quick_epsilon(self._events(view), self.delta, delta_slack=self._slack)

    def spent_with(self, release: Release, view: View) -> float:
        """What `spent` would be after one more release; nothing is charged."""
        events = [*self._events(view), release.events[view]]
        return quick_epsilon(events, self.delta, delta_slack=self._slack + release.delta_slack)

    def epsilon(self, view: View) -> float:
        """Epsilon so far in one view, by the accountant (for reports)."""
        return epsilon(self._events(view), self.delta, delta_slack=self._slack)

    def charge(self, release: Release) -> None:
        """Write a release down, if the limit allows it. Touch the data only after this returned (LED-1).

        Of one session the same release is charged once, however often this is called (LED-7).

        Raises:
            BudgetExceededError: If the release would exceed the limit; nothing was written (LED-2).
            LedgerError: If the file no longer holds what it held, could not be written, or names another release of
                the same session.
        """
        with _told(self.path), self._held() as file:
            if self._is_charged(release):
                return
            self._check_limit(release)
            self._append(file, self._encode(release) + b"\n")
            self._accept(self._encode(release), release)

    def check(self, release: Release) -> None:
        """Refuse what `charge` would refuse, and write nothing.

        Raises:
            BudgetExceededError: The release would exceed the limit.
            LedgerError: As `charge` does.
        """
        with _told(self.path), self._held():
            if not self._is_charged(release):
                self._check_limit(release)

    def _is_charged(self, release: Release) -> bool:
        if release.session is None:
            return False
        for charged in self._releases:
            if charged.session is not None and charged.session.session_id == release.session.session_id:
                if charged != release:
                    raise LedgerError(
                        f"{self.path} names {charged.name} as the release of session {charged.session.number}: "
                        f"{release.name} cannot be charged as the same one"
                    )
                return True
        return False

    def _check_limit(self, release: Release) -> None:
        events = [*self._events(self.view), release.events[self.view]]
        slack = self._slack + release.delta_slack
        if not is_within(events, self.limit, self.delta, delta_slack=slack):
            raise BudgetExceededError(
                f"artist {self.artist} has spent epsilon {self.spent(self.view):.4g} of {self.limit:g} "
                f"in the {self.view} view; {release.name} of iteration {release.iteration} would make it "
                f"{quick_epsilon(events, self.delta, delta_slack=slack):.4g}: raise the limit, add noise or stop"
            )

    def _check_reaches(self, known_head: str | None) -> None:
        if known_head is not None and known_head not in self._heads:
            raise LedgerError(f"{self.path} was rolled back: it lacks releases it once had; restore the newest copy")

    def _events(self, view: View) -> list[DpEvent]:
        return [release.events[view] for release in self._releases]

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The file, locked, read up to its end and without a torn line (LED-4, LED-6)."""
        with locked(self.path) as file:
            torn = self._catch_up(file)
            if not torn:
                yield file
                return
            line, release = self._judge_torn(torn)
            _LOGGER.warning("%s ended in a torn line, which counts as spent: %s", self.path, release)
            replace(self.path, self._content + line + b"\n")
        with self._held() as file:  # it is another file now
            yield file

    def _catch_up(self, file: int) -> bytes:
        """Count the lines that are new since this was last called; return what follows the last whole one."""
        content = os.pread(file, os.fstat(file).st_size, 0)
        if not content.startswith(self._content):
            raise LedgerError(
                f"{self.path} no longer holds the lines it held when it was opened: restore the newest copy"
            )
        complete, newline, torn = content[len(self._content) :].rpartition(b"\n")
        for line in complete.split(b"\n") if newline else ():
            self._accept(line, self._decode(line))
        return torn

    def _accept(self, line: bytes, release: Release) -> None:
        """Count a release that is on disk."""
        self._heads.append(self._mac_after(release))
        self._releases.append(release)
        self._slack += release.delta_slack
        self._content += line + b"\n"

    def _mac(self, content: bytes) -> str:
        """HMAC-SHA256 (RFC 2104) under the ledger's key, 64 hexadecimal digits."""
        mac = HMAC(self._key, SHA256())
        mac.update(content)
        return mac.finalize().hex()

    def _mac_after(self, release: Release) -> str:
        """The head once this release is written (LED-3)."""
        return self._mac(_LINE + (self.head + release.encode()).encode())

    def _encode(self, release: Release) -> bytes:
        """The line of a release that follows the present head, without its newline."""
        return f'{{"format":{_FORMAT},"mac":"{self._mac_after(release)}","release":{release.encode()}}}'.encode()

    def _decode(self, line: bytes) -> Release:
        """The release of a line that follows the present head; accepts only what `_encode` writes (LED-3)."""
        number = len(self._releases) + 1
        try:
            release = Release.read(json.loads(line)["release"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError, PrivacyError) as error:
            raise LedgerError(f"{self.path} line {number} is no release: restore the file from a copy") from error
        if self._encode(release) != line:
            raise LedgerError(
                f"{self.path} line {number} was altered, does not follow the line before, or was written under another "
                f"key than {key_path(self.path).name}: restore a copy of both"
            )
        return release

    def _judge_torn(self, torn: bytes) -> tuple[bytes, Release]:
        """What a torn last line counts as, and the line to put in its place (LED-4)."""
        try:
            release = self._decode(torn)
        except LedgerError:
            release = Release.unbounded("torn line")
        return self._encode(release), release

    def _append(self, file: int, data: bytes) -> None:
        """Write one line and wait until it is on disk; what a failure leaves behind is nothing, or counts as spent."""
        before = os.fstat(file).st_size
        written = os.write(file, data)
        if written != len(data):
            if os.fstat(file).st_size == before + written:
                os.ftruncate(file, before)
            raise LedgerError(f"{self.path} could not be written in full: free some disk space")
        os.fsync(file)
        if before == 0:
            sync_folder(self.path.parent)


def key_path(path: Path) -> Path:
    """Where the key of a ledger is: keep a copy of this file, apart from the ledger's own copies (LED-8)."""
    return path.with_suffix(".key")


def _refuse_old_format(path: Path, file: int) -> None:
    if os.pread(file, len(_OLD_LINE), 0) == _OLD_LINE:
        raise LedgerError(
            f"{path} was written before ledgers had keys, and is not read any more: keep it, begin another one and "
            "lower its limit by what this one spent"
        )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what a disk's failure means for an artist."""
    try:
        yield
    except FileNotFoundError as error:
        if error.filename is not None and Path(error.filename) == key_path(path):
            raise LedgerError(f"{path} has lost its key: put the copy of {key_path(path)} back") from error
        raise LedgerError(f"{path} cannot be used, so nothing may be released: {error}") from error
    except OSError as error:
        raise LedgerError(f"{path} cannot be used, so nothing may be released: {error}") from error
