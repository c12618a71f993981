"""The drill: a backup while the platform works, a lost machine, and what is not brought back with it."""

import shutil
from pathlib import Path

import pytest

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.backup import DATABASE_FILE, make_backup, restore_backup
from fedstyle_secure.platform.store import exchanges
from fedstyle_secure.platform.store.copying import JUMP
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.numbers import LAST_ITERATION, LAST_SESSION, raise_number, read_number
from fedstyle_secure.platform.store.trainings import next_training
from fedstyle_secure.wire.enrolment import Leave, Publish
from fedstyle_secure.wire.routes import Route
from tests.platform.gateway.test_enrolment import SPACE, VECTOR
from tests.platform.house import TRAINING, make, serving
from tests.platform.letters import answer, artist_key, asked, public

SECRET = b"a masked upload that nobody keeps"


@pytest.fixture
def worked(new_url, tmp_path, shared_town):
    """A platform with an artist, a signature and an open round, and a backup of it made meanwhile."""
    folder = make(tmp_path / "platform", shared_town, new_url())
    with serving(folder) as house:
        house.welcome(0)
        house.welcome(1)
        house.finish_training(SPACE)
        body = Publish(training=TRAINING, vector=VECTOR, name="Artist 0", link=None)
        assert house.act(0, Route.PUBLISH, body).status == 200
        with house.service.database.writing() as connection:
            raise_number(connection, LAST_SESSION, 7)
            raise_number(connection, LAST_ITERATION, 3)
            exchanges.open_exchange(
                connection, training=1, name="session 7 round 2", requests=asked(2, session=7), reply_limit=1000
            )
            exchanges.keep_reply(connection, *answer(0, SECRET, session=7))
        make_backup(folder, tmp_path / "backup")
    return folder


def lose(folder) -> None:
    """The machine's disk is gone; with PostgreSQL, its database too."""
    settings = folder.settings()
    if settings.database == "postgresql":
        database = Database.open(folder.database_url(settings))
        with database.writing() as connection:
            _empty(connection)
        database.close()
    shutil.rmtree(folder.path)


def _empty(connection) -> None:
    (schema,) = connection.exec_driver_sql("SELECT current_schema()").one()
    connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}")


@pytest.mark.usefixtures("worked")
def test_bak1_what_is_said_in_sessions_is_in_no_backup(tmp_path):
    for path in (tmp_path / "backup").rglob("*"):
        assert not path.is_file() or SECRET not in path.read_bytes()
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_bak2_a_lost_platform_comes_back_without_its_sessions(worked, tmp_path):
    lose(worked)
    restore_backup(tmp_path / "backup", worked.path)
    for path in worked.secrets.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    with serving(worked) as house:
        with house.service.database.reading() as connection:
            assert read_number(connection, LAST_SESSION) == 7 + JUMP
            assert read_number(connection, LAST_ITERATION) == 3 + JUMP
            assert next_training(connection) > JUMP
            assert exchanges.oldest_request(connection, public(artist_key(0))) is None
        late = house.seal(1, SECRET, Purpose.SESSION, session=7)
        assert house.door.post(Route.ANSWERS, late).status == 410
        house.acts[0] = 1
        assert house.act(0, Route.LEAVE, Leave()).status == 200, "artists are who they were"
        house.welcome(2)


def test_bak3_a_lost_database_is_brought_back_into_a_folder_whose_log_had_gone_on(worked, tmp_path):
    with serving(worked) as house:
        house.welcome(2)
        said = house.service.logbook.checkpoint()
    if worked.settings().database == "postgresql":
        database = Database.open(worked.database_url(worked.settings()))
        with database.writing() as connection:
            _empty(connection)
        database.close()
    for path in worked.path.glob("platform.sqlite*"):
        path.unlink()
    restore_backup(tmp_path / "backup", worked.path)
    with serving(worked) as house:
        heard = house.door.call("GET", Route.CHECKPOINT)
        assert heard.status == 503, "nothing is signed that did not grow out of what was said"
        assert said not in heard.body


def test_nothing_is_written_over(worked, tmp_path):
    with pytest.raises(InputError, match="there already"):
        make_backup(worked, tmp_path / "backup")
    with pytest.raises(InputError, match="has something in it"):
        restore_backup(tmp_path / "backup", worked.path)
    with pytest.raises(InputError, match="no backup"):
        restore_backup(tmp_path / "platform", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert DATABASE_FILE in {path.name for path in Path(tmp_path / "backup").iterdir()}
