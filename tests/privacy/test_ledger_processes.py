"""LED-6 with real processes: what one has charged, no other takes away, spoils or overlooks."""

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from dp_accounting import GaussianDpEvent

from fedstyle_secure.privacy.ledger import Ledger, LedgerError
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.releases import Release

_FORK = multiprocessing.get_context("fork")
_LINES = 40


def opened(path: Path) -> Ledger:
    return Ledger.open(path, limit=8.0, delta=1e-5, view=View.AGGREGATE)


def release(iteration: int) -> Release:
    return Release(
        name="head", iteration=iteration, events=dict.fromkeys(View, GaussianDpEvent(500.0)), delta_slack=0.0
    )


def start(work: Callable[..., None], *arguments: object) -> multiprocessing.process.BaseProcess:
    process = _FORK.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def _write_half_then(rest: Callable[[int, bytes], int], begun: Event) -> None:
    """Make this process' next write stop in the middle for a while, and then go on with `rest`."""
    write = os.write

    def slow(descriptor: int, data: bytes) -> int:
        os.write = write
        half = len(data) // 2
        write(descriptor, data[:half])
        begun.set()
        time.sleep(0.3)
        return half + rest(descriptor, data[half:])

    os.write = slow


def _fail(path: Path, begun: Event) -> None:
    ledger = opened(path)
    _write_half_then(lambda _descriptor, _data: 0, begun)
    with pytest.raises(LedgerError, match="in full"):
        ledger.charge(release(7))


def _charge_slowly(path: Path, begun: Event) -> None:
    ledger = opened(path)
    _write_half_then(os.write, begun)
    ledger.charge(release(7))


def _charge_often(path: Path, first: int, ready: Event) -> None:
    ledger = opened(path)
    ready.wait(10)
    for iteration in range(first, first + _LINES):
        ledger.charge(release(iteration))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "frida.jsonl"
    opened(path).charge(release(1))
    return path


def test_another_process_failed_write_takes_no_charge_away(path: Path) -> None:
    ledger, begun = opened(path), _FORK.Event()
    other = start(_fail, path, begun)
    assert begun.wait(10)
    ledger.charge(release(2))
    other.join(10)
    assert other.exitcode == 0
    assert [entry.iteration for entry in opened(path).releases] == [1, 2]


def test_opening_while_another_process_writes_waits_for_its_charge(path: Path) -> None:
    begun = _FORK.Event()
    other = start(_charge_slowly, path, begun)
    assert begun.wait(10)
    for read in (opened, lambda path: Ledger.read(path, limit=8.0, delta=1e-5, view=View.AGGREGATE)):
        ledger = read(path)
        assert [entry.iteration for entry in ledger.releases] == [1, 7]
        assert ledger.spent(View.AGGREGATE) < 1
    other.join(10)
    assert other.exitcode == 0


def test_two_processes_in_a_loop_charge_all_they_want(path: Path) -> None:
    ready = _FORK.Event()
    others = [start(_charge_often, path, first, ready) for first in (100, 200)]
    ready.set()
    for other in others:
        other.join(60)
    assert [other.exitcode for other in others] == [0, 0]
    charged = [entry.iteration for entry in opened(path).releases]
    assert sorted(charged) == [1, *range(100, 100 + _LINES), *range(200, 200 + _LINES)]


def test_two_processes_begin_one_ledger(tmp_path: Path) -> None:
    for number in range(10):
        path, ready = tmp_path / f"{number}.jsonl", _FORK.Event()
        others = [start(_begin, path, ready) for _ in range(2)]
        ready.set()
        for other in others:
            other.join(10)
        assert [other.exitcode for other in others] == [0, 0]
        assert len(opened(path).releases) == 2


def _begin(path: Path, ready: Event) -> None:
    ready.wait(10)
    opened(path).charge(release(1))
