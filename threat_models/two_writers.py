"""Two writers of one ledger: what an acknowledged charge is worth when somebody else writes meanwhile."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from dp_accounting import GaussianDpEvent

from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.releases import Release

_TURNS: Final = 4
_PATIENCE: Final = 0.2  # seconds for what a lock keeps waiting


def lost_charges() -> int:
    """Charges that either of two writers was told are written, and that whoever reads the file afterwards misses.

    They charge in turns; one charges between the other's reading and its writing; one charges while the other's write
    stops halfway and then fails.
    """
    return sum(map(_lost, (_take_turns, _write_at_once, _write_beside_a_failure)))


def _lost(charge: Callable[[Ledger, Ledger], int]) -> int:
    with TemporaryDirectory(prefix="threat-") as folder:
        path = Path(folder) / "artist.jsonl"
        acknowledged = int(_is_charged(_opened(path), 1))
        acknowledged += charge(_opened(path), _opened(path))
        try:
            found = len(_opened(path).releases)
        except PrivacyError:
            found = 0  # nobody can tell any more what was spent
    return max(acknowledged - found, 0)


def _take_turns(one: Ledger, other: Ledger) -> int:
    return sum(_is_charged(ledger, turn) for turn in range(2, 2 + _TURNS) for ledger in (one, other))


def _write_at_once(one: Ledger, other: Ledger) -> int:
    return _write_while(one, other, lambda _: b"")


def _write_beside_a_failure(one: Ledger, other: Ledger) -> int:
    return _write_while(one, other, lambda data: data[: len(data) // 2], fails=True)


def _write_while(one: Ledger, other: Ledger, first: Callable[[bytes], bytes], *, fails: bool = False) -> int:
    """How many are acknowledged if `other` charges while `one` has written only what `first` makes of its line."""
    with ThreadPoolExecutor(1) as pool:
        others: list[Future[bool]] = []

        def meanwhile() -> None:
            others.append(pool.submit(_is_charged, other, 3))
            wait(others, _PATIENCE)

        with _stopping(first, meanwhile, fails=fails):
            acknowledged = _is_charged(one, 2)
        return acknowledged + sum(each.result() for each in others)


@contextmanager
def _stopping(first: Callable[[bytes], bytes], meanwhile: Callable[[], None], *, fails: bool) -> Iterator[None]:
    """The next write of this process stops after `first` of its bytes, and goes on afterwards unless it fails."""
    write = os.write
    is_first = iter((True,))

    def stopping(descriptor: int, line: bytes) -> int:
        if not next(is_first, False):
            return write(descriptor, line)
        written = write(descriptor, first(line))
        meanwhile()
        return written if fails else written + write(descriptor, line[written:])

    with patch.object(os, "write", stopping):
        yield


def _is_charged(ledger: Ledger, iteration: int) -> bool:
    try:
        ledger.charge(_release(iteration))
    except PrivacyError:
        return False
    return True


def _release(iteration: int) -> Release:
    events = dict.fromkeys(View, GaussianDpEvent(500.0))
    return Release(name="head", iteration=iteration, events=events, delta_slack=0.0)


def _opened(path: Path) -> Ledger:
    return Ledger.open(path, limit=8.0, delta=1e-5, view=View.AGGREGATE)
