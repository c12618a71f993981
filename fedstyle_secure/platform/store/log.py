"""Entries of the transparency log, in their order. What was entered is never changed, and only a new epoch begins anew.

LGS-1  An entry's place is the next one, taken in the transaction of what it is about: both are there, or neither.
LGS-2  A new epoch repeats what there was, each entry in its place: whatever names a place goes on naming the same.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, LargeBinary, Table, func, insert, literal, select

from ...errors import InputError
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
    """Begin an epoch, once: its opening, and after it what the database holds of the epoch before (LGS-2)."""
    if log_size(connection, opening.number):
        return
    connection.execute(insert(LOG_LEAVES).values(epoch=opening.number, place=0, entry=opening.encode()))
    before = select(literal(opening.number), LOG_LEAVES.c.place, LOG_LEAVES.c.entry).where(
        LOG_LEAVES.c.epoch == opening.number - 1, LOG_LEAVES.c.place > 0
    )
    connection.execute(insert(LOG_LEAVES).from_select(["epoch", "place", "entry"], before))


def bring_back(connection: Connection, epoch: int, entries: Sequence[bytes]) -> Sequence[bytes]:
    """Enter what a restored database lacks.

    Args:
        connection: Of a writer.
        epoch: That is open.
        entries: All of the log as it was.

    Returns:
        What was missing.

    Raises:
        InputError: The database holds other entries, or more.
    """
    held = log_entries(connection, epoch, 0, len(entries) + 1)
    if list(held) != list(entries[: len(held)]):
        raise InputError("the database holds entries that are not in the log as it was: only a new epoch can begin")
    rows = [
        {"epoch": epoch, "place": place, "entry": entry}
        for place, entry in enumerate(entries[len(held) :], start=len(held))
    ]
    if rows:
        connection.execute(insert(LOG_LEAVES), rows)
    return entries[len(held) :]


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
