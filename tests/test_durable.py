"""DUR-1 and DUR-2: whole files whenever a process dies, one holder of a lock at a time."""

import os
import threading
import time
from pathlib import Path

import pytest

from fedstyle_secure import durable


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_file_that_is_being_replaced_stays_whole_until_the_new_one_is_on_disk(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    durable.replace(path, b"old")
    synced = []

    def fail(*_: object) -> None:
        assert path.read_bytes() == b"old"
        raise OSError("power lost")

    if step == "fsync":
        monkeypatch.setattr(durable.os, "fsync", fail)
    else:
        fsync = os.fsync
        monkeypatch.setattr(durable.os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="power lost"):
        durable.replace(path, b"the new content")
    assert path.read_bytes() == b"old"
    assert bool(synced) == (step == "rename")
    monkeypatch.undo()
    durable.replace(path, b"the new content")
    assert path.read_bytes() == b"the new content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_two_threads_hold_a_file_one_after_the_other(tmp_path: Path) -> None:
    path, held = tmp_path / "file", []

    def hold() -> None:
        for _ in range(50):
            with durable.locked(path):
                held.append("in")
                held.append("out")

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held == ["in", "out"] * 200


def test_whoever_waited_for_a_file_that_was_replaced_holds_the_new_one(tmp_path: Path) -> None:
    path, found, opened = tmp_path / "file", [], threading.Event()
    path.write_bytes(b"old")

    def wait_for_it() -> None:
        opened.set()
        with durable.locked(path) as descriptor:
            found.append(os.pread(descriptor, 10, 0))

    other = threading.Thread(target=wait_for_it)
    with durable.locked(path):
        other.start()
        opened.wait()
        time.sleep(0.2)  # it waits by now; if not, it sees the new file anyway
        durable.replace(path, b"new")
    other.join()
    assert found == [b"new"]


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), durable.locked(tmp_path / "file", is_writer=False):
        pass
    assert not list(tmp_path.iterdir())


def test_a_key_is_read_back_by_its_owner(tmp_path: Path) -> None:
    key = durable.make_key(tmp_path / "key")
    assert len(key) == 32
    assert durable.read_key(tmp_path / "key") == key != durable.make_key(tmp_path / "other")
