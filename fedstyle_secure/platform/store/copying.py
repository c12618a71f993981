"""A whole database into another, of whatever kind, in one transaction each."""

from typing import Final

from sqlalchemy import Connection, Table, func, insert, select

from . import artists, exchanges, files, lease, log, numbers, signatures, trainings
from .exchanges import REPLIES, REQUESTS, abort_open
from .lease import LEASE
from .numbers import LAST_ITERATION, LAST_SESSION, LAST_TRAINING, raise_number, read_number
from .schema import METADATA
from .trainings import fail_training, next_training, open_training

JUMP: Final = 500
"""How far numbers go on above the last one that a backup knows; artists' terms bear 1,000 by default."""
_AT_ONCE: Final = 50
_SAID: Final[dict[Table, str]] = {REQUESTS: "envelope", REPLIES: "envelope"}
_HOLDS_ALL = (artists, exchanges, files, lease, log, numbers, signatures, trainings)  # METADATA knows their tables


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy all that a platform keeps, but for the lease and what is said in sessions (BAK-1).

    Args:
        source: Of a reader: one moment.
        target: Of a writer, to an empty database.
    """
    for table in METADATA.sorted_tables:
        if table is LEASE:
            continue
        with source.execute(select(table).execution_options(yield_per=_AT_ONCE)) as rows:
            for part in rows.partitions():
                values = [dict(row._mapping) for row in part]
                for row in values:
                    if table in _SAID:
                        row[_SAID[table]] = None
                target.execute(insert(table), values)
        if target.dialect.name == "postgresql":
            _count_on(target, table)


def is_empty(connection: Connection) -> bool:
    """Whether nobody was ever invited, and nothing entered."""
    return all(
        connection.execute(select(table).limit(1)).first() is None
        for table in (artists.ARTISTS, artists.TOKENS, files.FILES)
    )


def settle_restored(connection: Connection) -> None:
    """End what a restored database holds as going on (BAK-2)."""
    abort_open(connection)
    while (training := open_training(connection)) is not None:
        fail_training(connection, training.number, "the platform was restored from a backup while it ran")
    for name in (LAST_SESSION, LAST_ITERATION):
        raise_number(connection, name, read_number(connection, name) + JUMP)
    raise_number(connection, LAST_TRAINING, next_training(connection) + JUMP)


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL counts keys in a sequence, which does not see keys that were given."""
    column = table.autoincrement_column
    if column is not None:
        last = select(func.max(column)).scalar_subquery()
        counted = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(counted, last)).where(last.is_not(None)))
