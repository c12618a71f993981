"""One artist's releases in one append-only file: what was spent, and the refusal of what would be too much.

LED-1  `charge` returns only after the release is on disk (fsync); only then may the caller touch the data.
LED-2  A release that would take epsilon over the limit, in the limited view, is refused before anything is written.
LED-3  Each line carries SHA-256 over the digest before it and its own content; what was changed, moved, removed from
       within or written by another artist's ledger is refused. Missing *last* lines show only against a known `head`.
LED-4  A torn last line (power lost in mid-write) counts as spent: as written if it is all there, else without bound.
LED-5  A `receipt` names the newest line to whoever keeps it, and tells nothing else: a ledger put back from a backup
       does not know the receipts it gave since.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from dp_accounting import DpEvent, NonPrivateDpEvent

from ..errors import InputError, PrivacyError
from .accounting import decode_event, encode_event, epsilon, is_within, quick_epsilon
from .mechanism import Mechanism, View

_LOGGER: Final = logging.getLogger(__name__)


class LedgerError(PrivacyError):
    """A ledger file was altered, rolled back, or written by someone else at the same time."""


class BudgetExceededError(PrivacyError):
    """A release was refused because it would cost more than its artist allows; nothing was written or released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One line of a ledger.

    Attributes:
        name: What is released, for example ``head`` or ``signature``.
        iteration: In which iteration, from 0.
        events: The cost in every view.
        delta_slack: Failure probability of the mechanism, added to delta.

    Raises:
        InputError: If a view is missing, or a number is out of range.
        PrivacyError: If an event cannot be written down.
    """

    name: str
    iteration: int
    events: Mapping[View, DpEvent]
    delta_slack: float

    def __post_init__(self) -> None:
        if set(self.events) != set(View):
            raise InputError(f"release {self.name!r} states its cost in {sorted(self.events)}, not in every view")
        if self.iteration < 0 or not 0 <= self.delta_slack < 1:
            raise InputError(f"release {self.name!r} needs iteration >= 0 and 0 <= delta_slack < 1")
        for event in self.events.values():
            encode_event(event)

    @classmethod
    def of(cls, mechanism: Mechanism, *, name: str, iteration: int) -> Self:
        """The cost of one use of `mechanism`."""
        events = {view: mechanism.event(view) for view in View}
        return cls(name=name, iteration=iteration, events=events, delta_slack=mechanism.delta_slack)

    @classmethod
    def unbounded(cls, name: str) -> Self:
        """A release of unknown cost, which counts as everything."""
        return cls(name=name, iteration=0, events=dict.fromkeys(View, NonPrivateDpEvent()), delta_slack=0.0)


class Ledger:
    """One artist's spending, limited in one view.

    Attributes:
        path: The file; its stem names the artist.
        limit: Largest epsilon that may be spent in `view`; `math.inf` for no limit.
        delta: Delta at which every epsilon of this ledger is stated.
        view: The view whose epsilon is limited.
    """

    def __init__(self, path: Path, *, limit: float, delta: float, view: View) -> None:
        if not limit > 0 or not 0 < delta < 1:
            raise InputError(f"a ledger needs a limit above 0 and delta between 0 and 1, got {limit} and {delta}")
        self.path, self.limit, self.delta, self.view = path, limit, delta, view
        self._releases: list[Release] = []
        self._digests = [hashlib.sha256(f"fedstyle-secure ledger v1\n{self.artist}".encode()).hexdigest()]
        self._size = 0
        self._slack = 0.0

    @classmethod
    def open(cls, path: Path, *, limit: float, delta: float, view: View, known_head: str | None = None) -> Self:
        """Read a ledger back, or begin one; repair a torn last line (LED-3, LED-4).

        Args:
            path: The file. It is created by the first charge; its folder must exist.
            limit: Largest epsilon that may be spent in `view`.
            delta: Delta at which epsilon is stated.
            view: The view to limit.
            known_head: A `head` seen earlier and kept elsewhere. A file from before it is refused as rolled back.

        Raises:
            InputError: If the limit or delta is out of range.
            LedgerError: If the file was altered, or does not reach `known_head`.
        """
        ledger = cls(path, limit=limit, delta=delta, view=view)
        content = path.read_bytes() if path.exists() else b""
        complete, _, torn = content.rpartition(b"\n")
        for line in complete.split(b"\n") if complete else ():
            ledger._accept(ledger._decode(line))
        if torn:
            ledger._repair(torn)
        ledger._size = path.stat().st_size if path.exists() else 0
        if known_head is not None and known_head not in ledger._digests:
            raise LedgerError(f"{path} was rolled back: it lacks releases it once had; restore the newest copy")
        return ledger

    @property
    def artist(self) -> str:
        """Whose ledger this is."""
        return self.path.stem

    @property
    def releases(self) -> tuple[Release, ...]:
        """All releases charged so far, oldest first."""
        return tuple(self._releases)

    @property
    def head(self) -> str:
        """Digest of the last line, 64 hexadecimal digits: keep it elsewhere to notice a rollback."""
        return self._digests[-1]

    def receipt(self, key: bytes) -> bytes:
        """For someone else to keep: 32 bytes that name the newest line, and say nothing without the key (LED-5).

        Args:
            key: 32 secret bytes of the artist, the same ones for all receipts.
        """
        return _receipt(key, self.head)

    def knows(self, receipt: bytes, key: bytes) -> bool:
        """Whether this ledger once gave that receipt: if not, lines are missing (LED-5)."""
        return any(_receipt(key, digest) == receipt for digest in self._digests)

    def spent(self, view: View) -> float:
        """Epsilon so far in one view, by the closed form where there is one (fast; equal to `epsilon` within 1e-3)."""
        return quick_epsilon(self._events(view), self.delta, delta_slack=self._slack)

    def epsilon(self, view: View) -> float:
        """Epsilon so far in one view, by the accountant (for reports)."""
        return epsilon(self._events(view), self.delta, delta_slack=self._slack)

    def charge(self, release: Release) -> None:
        """Write a release down, if the limit allows it. Touch the data only after this returned (LED-1).

        Raises:
            BudgetExceededError: If the release would exceed the limit; nothing was written (LED-2).
            LedgerError: If the file changed since it was opened, or could not be written.
        """
        events = [*self._events(self.view), release.events[self.view]]
        slack = self._slack + release.delta_slack
        if not is_within(events, self.limit, self.delta, delta_slack=slack):
            raise BudgetExceededError(
                f"artist {self.artist} has spent epsilon {self.spent(self.view):.4g} of {self.limit:g} "
                f"in the {self.view} view; {release.name} of iteration {release.iteration} would make it "
                f"{quick_epsilon(events, self.delta, delta_slack=slack):.4g}: raise the limit, add noise or stop"
            )
        self._append(self._encode(release))
        self._accept(release)

    def _events(self, view: View) -> list[DpEvent]:
        return [release.events[view] for release in self._releases]

    def _accept(self, release: Release) -> None:
        """Count a release that is on disk."""
        self._digests.append(self._digest(release))
        self._releases.append(release)
        self._slack += release.delta_slack

    def _digest(self, release: Release) -> str:
        return hashlib.sha256((self.head + _content(release)).encode()).hexdigest()

    def _encode(self, release: Release) -> bytes:
        """The line of a release that follows the present head, without its newline."""
        return f'{{"digest":"{self._digest(release)}","release":{_content(release)}}}'.encode()

    def _decode(self, line: bytes) -> Release:
        """The release of a line that follows the present head; accepts only what `_encode` writes (LED-3)."""
        number = len(self._releases) + 1
        try:
            release = _release(json.loads(line)["release"])
        except (ValueError, KeyError, TypeError, AttributeError, InputError, PrivacyError) as error:
            raise LedgerError(f"{self.path} line {number} is no release: restore the file from a copy") from error
        if self._encode(release) != line:
            raise LedgerError(
                f"{self.path} line {number} was altered or does not follow the line before: restore a copy"
            )
        return release

    def _repair(self, torn: bytes) -> None:
        """Count a torn last line as spent, and put a whole line in its place at once (LED-4)."""
        try:
            release = self._decode(torn)
        except LedgerError:
            release = Release.unbounded("torn line")
        _LOGGER.warning("%s ended in a torn line, which counts as spent: %s", self.path, release)
        content = self.path.read_bytes()[: -len(torn)] + self._encode(release) + b"\n"
        with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.artist}", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.path)
        _sync_folder(self.path.parent)
        self._accept(release)

    def _append(self, line: bytes) -> None:
        """Write one line and wait until it is on disk; what a failure leaves behind is nothing, or counts as spent."""
        data = line + b"\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.fstat(descriptor).st_size != self._size:
                    raise LedgerError(f"{self.path} was changed by another process: open it again")
                if os.write(descriptor, data) != len(data):
                    os.ftruncate(descriptor, self._size)
                    raise LedgerError(f"{self.path} could not be written in full: free some disk space")
                os.fsync(descriptor)
                if os.fstat(descriptor).st_size != self._size + len(data):
                    raise LedgerError(f"{self.path} was written by two processes at once: restore a copy")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise LedgerError(f"{self.path} could not be written, so nothing may be released: {error}") from error
        if self._size == 0:
            _sync_folder(self.path.parent)
        self._size += len(data)


def _receipt(key: bytes, digest: str) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    mac = HMAC(key, SHA256())
    mac.update(digest.encode())
    return mac.finalize()


def _content(release: Release) -> str:
    """Canonical JSON of a release."""
    fields = {
        "name": release.name,
        "iteration": release.iteration,
        "events": {view.value: encode_event(event) for view, event in release.events.items()},
        "delta_slack": release.delta_slack,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _release(fields: dict[str, object]) -> Release:
    """The inverse of `_content`, for parsed JSON; the caller compares what it encodes to."""
    match fields:
        case {
            "name": str(name),
            "iteration": int(iteration),
            "events": dict(events),
            "delta_slack": float(slack),
        }:
            costs = {View(view): decode_event(event) for view, event in events.items()}
            return Release(name=name, iteration=iteration, events=costs, delta_slack=slack)
    raise ValueError("a release has a name, an iteration, events and delta_slack")


def _sync_folder(folder: Path) -> None:
    """Make a new or replaced file name survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
