"""STO-1 to STO-3: all or nothing, sealed, one process; a store in memory behaves as one on disk."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedstyle_secure.artist.store import FileStore, MemoryStore, Store, StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "artist.state"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with closing(FileStore.open(path)) as store:
        yield store


def test_values_are_read_back_replaced_listed_and_forgotten(store: Store) -> None:
    assert store.read("a 1") is None
    store.write({"a 1": b"one", "a 2": b"", "b": b"\0" * 1000})
    assert [store.read(name) for name in ("a 1", "a 2", "b")] == [b"one", b"", b"\0" * 1000]
    assert (store.names("a "), store.names(""), store.names("c")) == (["a 1", "a 2"], ["a 1", "a 2", "b"], [])
    store.write({"a 1": b"two", "b": None, "nothing": None})
    assert [store.read(name) for name in ("a 1", "b", "nothing")] == [b"two", None, None]


def test_values_outlive_the_process_in_files_that_only_their_owner_reads(path: Path) -> None:
    store = FileStore.open(path)
    store.write({"codeword": b"a secret of the artist"})
    store.close()
    with closing(FileStore.open(path)) as again:
        assert again.read("codeword") == b"a secret of the artist"
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "artist.state": 0o600,
        "artist.key": 0o600,
    }
    assert b"secret" not in path.read_bytes()


def test_a_second_process_does_not_open_the_same_state(path: Path) -> None:
    """STO-3."""
    store = FileStore.open(path)
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()
    other = context.Process(target=_try_to_open, args=(path, said))
    other.start()
    other.join()
    assert "is in use by another process of this artist" in said.get()
    with pytest.raises(StoreError, match="in use"):
        FileStore.open(path)
    store.write({"a": b"1"})
    store.close()
    with closing(FileStore.open(path)) as again:
        assert again.read("a") == b"1"


def _try_to_open(path, said) -> None:
    try:
        FileStore.open(path)
    except StoreError as error:
        said.put(str(error))
    else:
        said.put("opened")


def test_a_write_that_fails_changes_nothing(path: Path) -> None:
    """STO-1."""
    store = FileStore.open(path)
    store.write({"a": b"1", "b": b"2"})
    with pytest.raises(TypeError):
        store.write({"a": None, "b": "no bytes"})
    store._database.execute("PRAGMA max_page_count = 5")  # a full disk
    with pytest.raises(StoreError, match="nothing may be answered: database or disk is full"):
        store.write({"a": None, "b": b"\0" * 100_000})
    assert (store.read("a"), store.read("b")) == (b"1", b"2")
    store.write({"a": b"3"})
    assert store.read("a") == b"3"
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE kept SET value = 'text' WHERE name = 'session'",
        "UPDATE kept SET value = (SELECT value FROM kept WHERE name = 'other') WHERE name = 'session'",
        "UPDATE kept SET value = CAST(substr(value, 1, 20) || x'0000' AS BLOB) WHERE name = 'session'",
        "UPDATE kept SET value = x'00' WHERE name = 'session'",
    ],
)
def test_an_altered_or_exchanged_value_is_refused(change: str, path: Path) -> None:
    """STO-2."""
    store = FileStore.open(path)
    store.write({"session": b"s" * 40, "other": b"o" * 40})
    store.close()
    with sqlite3.connect(path) as database:
        database.execute(change)
    database.close()
    with closing(FileStore.open(path)) as altered, pytest.raises(StoreError, match="'session' was altered"):
        altered.read("session")


def test_a_state_without_its_key_or_that_is_none_is_refused(path: Path) -> None:
    store = FileStore.open(path)
    store.write({"a": b"1"})
    store.close()
    path.with_suffix(".key").unlink()
    with pytest.raises(StoreError, match=r"artist\.key"):
        FileStore.open(path)
    assert not path.with_suffix(".key").exists()
    path.write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(StoreError, match="cannot be used"):
        FileStore.open(path)
    with pytest.raises(StoreError, match="cannot be used"):
        FileStore.open(path.parent / "missing" / "artist.state")
