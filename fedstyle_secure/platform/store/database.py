"""The one database of a platform: opening it, bringing its schema up to date, transactions.

DBS-1  What `writing` did is there whole or not at all, and is on disk when it returns, whenever a process is killed or
       the power fails.
DBS-2  A database that a newer program wrote is refused before anything in it is touched.
DBS-3  No error names an address, a password or a value: only what failed, and what to do.
DBS-4  What is deleted from SQLite is overwritten, and once `forget_writes` is done in its log of writes no more either.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as Connection  # noqa: PLC0414  (whoever calls the store gets it from here)
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from ...errors import FedStyleError, InputError

# WAL lets readers go on while one writes; FULL syncs at each commit (DBS-1); what is deleted is overwritten. Each
# connection has a cache of its own, of half a megabyte.
_SETTINGS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",
    "cache_size = -500",
)
_SQLITE_WAIT: Final = 30.0
"""Seconds that one writer waits for another."""
_CONNECT_SECONDS: Final = 5
_CONNECTIONS: Final = 16
_MIGRATING: Final = 0x66656473  # any number, the same in all processes: one of them migrates
_STEPS: Final = Path(__file__).with_name("migrations")


class StorageError(FedStyleError):
    """The database cannot be used now; nothing was written, and the same may be tried again."""


class DeadlockError(StorageError):
    """Two writers waited for each other, and the database ended this one: try again at once."""


class Database:
    """A platform's database; may be shared by threads.

    Args:
        engine: Connected to it; made by `open`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commits = 0
        self._committed = threading.Condition()

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database, make it if it is not there, and bring its schema up to date.

        Args:
            url: ``sqlite:///PATH``, or ``postgresql://USER:PASSWORD@HOST/NAME`` as libpq has it.

        Raises:
            InputError: No such URL, or a database of a newer program (DBS-2).
            StorageError: It cannot be reached.
        """
        database = cls(_connect(_parse(url)))
        try:
            with database.writing() as connection:
                _migrate(connection)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def is_postgresql(self) -> bool:
        """Whether several processes may write at a time."""
        return self._engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of everything.

        Raises:
            StorageError: The database cannot be used now.
        """
        with _told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at its end, or never was (DBS-1).

        Raises:
            StorageError: The database cannot be used now; nothing was written.
        """
        with _told(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
        with self._committed:
            self._commits += 1
            self._committed.notify_all()

    @property
    def commits(self) -> int:
        """How often this process has written."""
        return self._commits

    def await_commit(self, seen: int, seconds: float) -> None:
        """Let time go by until this process has written more often than so many times, so long at most.

        Of other processes it knows nothing: whoever waits for them looks again in time.
        """
        with self._committed:
            self._committed.wait_for(lambda: self._commits > seen, seconds)

    def forget_writes(self) -> None:
        """Empty SQLite's log of writes, which has what was deleted since (DBS-4).

        Whoever reads for longer than writers wait for each other puts it off until the next call.

        Raises:
            StorageError: The database cannot be used now.
        """
        if not self.is_postgresql:
            with _told(), self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # outside of transactions


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is not None and url.drivername in {"sqlite", "postgresql"}:
        return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
    raise InputError("a database is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME: mend the settings")


def _connect(url: URL) -> Engine:
    if url.drivername == "sqlite":
        # The driver begins no transaction of its own: `_begin` does.
        arguments = {"timeout": _SQLITE_WAIT, "isolation_level": None, "check_same_thread": False}
    else:
        arguments = {"connect_timeout": _CONNECT_SECONDS}
    engine = create_engine(
        url, connect_args=arguments, pool_size=_CONNECTIONS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
    )
    if url.drivername == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "begin", _isolate)
    return engine


def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]  # the driver's own types
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """Who writes takes the lock at once: two who read first and write then would stop each other."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _isolate(connection: Connection) -> None:
    """Who only reads sees one state, as in SQLite; who writes takes the locks of the rows it changes."""
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise InputError(
            f"the database is of a newer program (schema {current}): run that one, or restore a backup of this one's"
        )
    command.upgrade(config, "head")


@contextmanager
def _told() -> Iterator[None]:
    """Say what a database's failure means, and nothing of what it was asked (DBS-3)."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = _reason(error)  # the error itself, which PostgreSQL puts values into, is shown to nobody
        kind = DeadlockError if reason == _DEADLOCK else StorageError
        raise kind(f"the database cannot be used now ({reason}): nothing was written, try again") from None


def _reason(error: BaseException) -> str:
    """One of a few causes that an operator can act on, or the kind of error.

    SQLite undoes a whole transaction when its disk is full, and what is undone after that fails in turn: the first
    cause that is known is told.
    """
    each: BaseException | None = error
    while each is not None:
        text = str(each.orig).lower() if isinstance(each, DBAPIError) else ""
        for sign, reason in _REASONS.items():
            if sign in text:
                return reason
        each = each.__context__
    return type(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error).__name__


_DEADLOCK: Final = "two writers waited for each other"
_REASONS: Final = {
    "deadlock": _DEADLOCK,
    "disk is full": "its disk is full",
    "no space left": "its disk is full",
    "locked": "another process holds it",
    "unable to open": "its file cannot be opened",
    "readonly": "its file cannot be written",
    "not a database": "its file is no database, or damaged",
    "malformed": "its file is no database, or damaged",
    "password": "it does not know this user or password",
    "refused": "nobody answers",
    "timeout": "nobody answers",
    "connection": "the connection was lost",
}
