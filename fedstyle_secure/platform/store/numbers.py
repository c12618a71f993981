"""Numbers that only rise, by name: what a restored database must not give out twice."""

from typing import Final

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from .schema import METADATA, NUMBER

NUMBERS: Final = Table(
    "numbers", METADATA, Column("name", String, primary_key=True), Column("value", NUMBER, nullable=False)
)
LAST_SESSION: Final = "last session"
"""Number of the last protocol session; the next one is higher."""
LAST_ITERATION: Final = "last iteration"
"""Number of the last iteration that artists were shown; the next one is higher."""
LAST_TRAINING: Final = "last training"
"""Number of the last training that artists were offered, where the table of trainings does not know it."""


def read_number(connection: Connection, name: str) -> int:
    """The number of a name, 0 if it never rose."""
    return connection.execute(select(NUMBERS.c.value).where(NUMBERS.c.name == name)).scalar_one_or_none() or 0


def raise_number(connection: Connection, name: str, value: int) -> None:
    """Let a number rise to a value; a lower one changes nothing."""
    if connection.execute(select(NUMBERS.c.value).where(NUMBERS.c.name == name)).one_or_none() is None:
        connection.execute(insert(NUMBERS).values(name=name, value=value))
    connection.execute(update(NUMBERS).where(NUMBERS.c.name == name, NUMBERS.c.value < value).values(value=value))
