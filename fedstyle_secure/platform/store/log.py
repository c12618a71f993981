"""Entries of the transparency log, in their order. What was entered is never changed, and only a new epoch begins anew.

LGS-1  An entry's place is the next one, taken in the transaction of what it is about: both are there, or neither.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, LargeBinary, Table, func, insert, select

from ...transparency.leaves import Epoch, Leaf
from .schema import METADATA, NUMBER

LOG_LEAVES: Final = Table(
    "log_leaves",
    METADATA,
    Column("epoch", NUMBER, primary_key=True, autoincrement=False),
    Column("place", NUMBER, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)
_ENTERING: Final = 0x6C6F6773  # any number, the same in all processes: one of them enters at a time


def begin_log(connection: Connection, opening: Epoch) -> None:
    """Enter what must be the first entry of an epoch, once."""
    if log_size(connection, opening.number) == 0:
        connection.execute(insert(LOG_LEAVES).values(epoch=opening.number, place=0, entry=opening.encode()))


def enter(connection: Connection, leaf: Leaf) -> int:
    """Enter a leaf at the end of the newest epoch (LGS-1).

    Args:
        connection: Of a writer; other writers wait for the end of its transaction.
        leaf: What is entered.

    Returns:
        Its place, from 0.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ENTERING)))
    epoch = connection.execute(select(func.max(LOG_LEAVES.c.epoch))).scalar_one()
    place = log_size(connection, epoch)
    connection.execute(insert(LOG_LEAVES).values(epoch=epoch, place=place, entry=leaf.encode()))
    return place


def log_size(connection: Connection, epoch: int) -> int:
    """How many entries an epoch has."""
    last = connection.execute(select(func.max(LOG_LEAVES.c.place)).where(LOG_LEAVES.c.epoch == epoch)).scalar_one()
    return 0 if last is None else last + 1


def log_entries(connection: Connection, epoch: int, start: int, end: int) -> Sequence[bytes]:
    """Entries from `start` to before `end`, as many as there are."""
    wanted = (
        select(LOG_LEAVES.c.entry)
        .where(LOG_LEAVES.c.epoch == epoch, LOG_LEAVES.c.place >= start, LOG_LEAVES.c.place < end)
        .order_by(LOG_LEAVES.c.place)
    )
    return connection.execute(wanted).scalars().all()
