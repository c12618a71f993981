"""One thread commits for all: acknowledged is committed, and one that fails leaves the others alone."""

import threading

import pytest
from sqlalchemy import insert, text

from fedstyle_secure.platform.store.database import Database, StorageError
from fedstyle_secure.platform.store.numbers import NUMBERS, raise_number, read_number
from fedstyle_secure.platform.store.writer import MOST_BYTES, MOST_JOBS, BusyError, Writer


@pytest.fixture
def writer(database):
    writer = Writer(database)
    yield writer
    writer.close()


@pytest.fixture
def commits(database, monkeypatch):
    """Counts the transactions of a database."""
    counted = []
    writing = database.writing

    def counting():
        counted.append(None)
        return writing()

    monkeypatch.setattr(database, "writing", counting)
    return counted


def nothing(_connection):
    return None


def held(writer):
    """Keeps the writer busy until it is let go."""
    gate, is_held = threading.Event(), threading.Event()

    def hold(_connection):
        is_held.set()
        gate.wait(30)

    writer.submit(hold)
    is_held.wait(30)
    return gate


def test_wri1_what_was_acknowledged_is_there(database, writer):
    futures = [writer.submit(lambda connection, n=n: raise_number(connection, f"{n}", n)) for n in range(1, 121)]
    for future in futures:
        future.result(30)
    with database.reading() as connection:
        assert [read_number(connection, f"{n}") for n in range(1, 121)] == list(range(1, 121))


def test_many_writes_are_one_commit(commits, writer):
    gate = held(writer)
    futures = [writer.submit(lambda connection, n=n: raise_number(connection, f"{n}", n)) for n in range(2 * MOST_JOBS)]
    gate.set()
    for future in futures:
        future.result(30)
    assert len(commits) == 3


def test_a_commit_is_bounded_by_its_bytes_too(commits, writer):
    gate = held(writer)
    sizes = (MOST_BYTES // 2, MOST_BYTES // 2, 1, 3 * MOST_BYTES, 1)
    futures = [writer.submit(lambda connection: raise_number(connection, "n", 1), size) for size in sizes]
    gate.set()
    for future in futures:
        future.result(30)
    assert len(commits) == 1 + 4


def test_what_fails_is_undone_and_told_and_leaves_the_others_alone(database, writer):
    def fail(connection):
        raise_number(connection, "failed", 1)
        raise KeyError("a reason")

    def clash(connection):
        connection.execute(insert(NUMBERS).values([{"name": "twice", "value": 1}] * 2))

    gate = held(writer)
    before, failed, clashed, after = (
        writer.submit(lambda connection: raise_number(connection, "before", 1)),
        writer.submit(fail),
        writer.submit(clash),
        writer.submit(lambda connection: raise_number(connection, "after", 1)),
    )
    gate.set()
    with pytest.raises(KeyError, match="a reason"):
        failed.result(30)
    with pytest.raises(StorageError):
        clashed.result(30)
    before.result(30)
    after.result(30)
    with database.reading() as connection:
        assert [read_number(connection, name) for name in ("before", "failed", "twice", "after")] == [1, 0, 0, 1]


def test_wri1_without_a_commit_nothing_is_acknowledged(database, writer):
    gate = held(writer)
    futures = [
        writer.submit(lambda connection: raise_number(connection, "one", 1)),
        writer.submit(lambda connection: connection.execute(text("SELECT nothing FROM nowhere"))),
    ]
    gate.set()
    for future in futures:
        with pytest.raises(StorageError, match="nothing was written"):
            future.result(30)
    with database.reading() as connection:
        assert read_number(connection, "one") == 0
    writer.submit(lambda connection: raise_number(connection, "one", 1)).result(30)


def test_wri2_what_waits_is_bounded(writer):
    gate = held(writer)
    futures = []

    with pytest.raises(BusyError, match="try again"):
        futures.extend(writer.submit(nothing) for _ in range(10_000))
    gate.set()
    for future in futures:
        future.result(30)


def test_a_closed_writer_has_written_all_and_takes_nothing(database):
    writer = Writer(database)
    futures = [writer.submit(lambda connection, n=n: raise_number(connection, f"{n}", 1)) for n in range(60)]
    writer.close()
    assert all(future.done() for future in futures)
    with pytest.raises(BusyError):
        writer.submit(nothing)


def test_two_writers_that_wait_for_each_other_both_end(new_url):
    """PostgreSQL ends one of them, which tries again."""
    url = new_url()
    databases = [Database.open(url) for _ in range(2)]
    if not databases[0].is_postgresql:
        databases[0].close(), databases[1].close()
        pytest.skip("SQLite has one writer at a time")
    writers = [Writer(database) for database in databases]
    for name in ("a", "b"):
        writers[0].submit(lambda connection, name=name: raise_number(connection, name, 1)).result(30)
    both = threading.Barrier(2)
    tries = []

    def cross(connection, first, second):
        raise_number(connection, first, 2)
        tries.append(first)
        if len(tries) <= 2:
            both.wait(30)
        raise_number(connection, second, 3)

    futures = [
        writer.submit(lambda connection, pair=pair: cross(connection, *pair))
        for writer, pair in zip(writers, (("a", "b"), ("b", "a")), strict=True)
    ]
    for future in futures:
        future.result(60)
    assert len(tries) == 3
    for each in (*writers, *databases):
        each.close()
