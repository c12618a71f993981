"""Opening, migrating, and transactions, on both kinds of database."""

import importlib
import pkgutil
import threading
import traceback

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from fedstyle_secure.errors import InputError
from fedstyle_secure.platform import store
from fedstyle_secure.platform.store.database import Database, StorageError
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.numbers import NUMBERS, raise_number, read_number
from fedstyle_secure.platform.store.schema import METADATA


def test_the_steps_lead_to_the_tables_as_the_modules_have_them(database):
    for module in pkgutil.iter_modules(store.__path__):
        if not module.ispkg:
            importlib.import_module(f"{store.__name__}.{module.name}")
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_database_is_opened_again_with_what_is_in_it(new_url):
    url = new_url()
    for value in (3, 5):
        database = Database.open(url)
        with database.writing() as connection:
            raise_number(connection, "a number", value)
        database.close()
    database = Database.open(url)
    with database.reading() as connection:
        assert read_number(connection, "a number") == 5
    database.close()


def test_dbs1_what_raises_is_undone(database):
    def fail():
        with database.writing() as connection:
            raise_number(connection, "a number", 3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.reading() as connection:
        assert read_number(connection, "a number") == 0


def test_whoever_waits_for_a_commit_goes_on_once_there_is_one(database):
    before = database.commits
    waiting = threading.Thread(target=database.await_commit, args=(before, 3600), daemon=True)
    waiting.start()
    with database.writing() as connection:
        raise_number(connection, "a number", 3)
        assert database.commits == before
    waiting.join(60)
    late = threading.Thread(target=database.await_commit, args=(before, 3600), daemon=True)
    late.start()
    late.join(60)
    assert not waiting.is_alive()
    assert not late.is_alive()
    database.await_commit(database.commits, 0.01)  # and no longer than that


def test_dbs2_a_database_of_a_newer_program_is_refused_and_stays_as_it_is(new_url):
    url = new_url()
    database = Database.open(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="newer program"):
        Database.open(url)
    with database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    database.close()


def test_who_reads_sees_one_state_and_writes_nothing(database):
    with database.reading() as reader:
        assert read_number(reader, "a number") == 0
        with database.writing() as connection:
            raise_number(connection, "a number", 3)
        assert read_number(reader, "a number") == 0
        if database.is_postgresql:
            with pytest.raises(Exception, match="read-only"):
                reader.execute(insert(NUMBERS).values(name="x", value=1))
            reader.rollback()


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("", "a database is sqlite"),
        ("mysql://somebody:secret@host/name", "a database is sqlite"),
        ("postgresql+asyncpg://somebody:secret@host/name", "a database is sqlite"),
    ],
)
def test_what_is_no_database_is_refused_without_its_password(url, match):
    with pytest.raises(InputError, match=match) as caught:
        Database.open(url)
    assert "secret" not in str(caught.value)


def test_dbs3_what_cannot_be_reached_says_so_and_names_no_secret(tmp_path):
    for url in (
        f"sqlite:///{tmp_path}/no/such/folder",
        f"postgresql://somebody:secret@/name?host={tmp_path}",
        "postgresql://somebody:secret@127.0.0.1:1/name",
    ):
        with pytest.raises(StorageError, match="nothing was written") as caught:
            Database.open(url)
        assert "secret" not in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
    (tmp_path / "text").write_text("no database " * 1000)
    with pytest.raises(StorageError, match="its file is no database"):
        Database.open(f"sqlite:///{tmp_path}/text")


def test_a_value_is_in_no_error(database):
    twice = insert(NUMBERS).values([{"name": "a secret name", "value": 1}] * 2)
    with pytest.raises(StorageError) as caught, database.writing() as connection:
        connection.execute(twice)
    assert "secret" not in "".join(traceback.format_exception(caught.value, limit=0))
    with database.reading() as connection:
        assert connection.execute(select(NUMBERS)).all() == []


def test_dbs4_what_was_deleted_is_in_no_file(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/platform.sqlite")
    secret = b"what was said in a session" * 1000

    def kept():
        return any(secret[5000:5050] in path.read_bytes() for path in tmp_path.glob("platform.sqlite*"))

    with database.writing() as connection:
        keep_file(connection, secret)
    assert kept()
    with database.writing() as connection:
        connection.execute(text("DELETE FROM files"))
    assert kept(), "the log of writes still has it"
    database.forget_writes()
    assert not kept()
    database.close()


def test_sqlite_syncs_each_commit_and_keeps_no_deleted_bytes(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/platform.sqlite")
    with database.reading() as connection:
        read = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    database.close()
    assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
