"""Published signatures: what the catalogue is made of. An artist has one at a time.

PSG-1  What is published or withdrawn is entered into the log in the same transaction: the catalogue is never anything
       else than the log says.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, Connection, ForeignKey, Index, LargeBinary, Row, String, Table, insert, select, update

from ...errors import InputError
from ...names import fold
from ...transparency.leaves import Leaf, Published, Withdrawn, published
from ...wire.catalogue import Listed
from .artists import ARTISTS
from .log import enter
from .schema import METADATA, NUMBER

SIGNATURES: Final = Table(
    "signatures",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("artist", ForeignKey(ARTISTS.c.id), nullable=False),
    Column("training", LargeBinary, nullable=False),
    Column("name", String, nullable=False),
    Column("link", String),
    Column("vector", LargeBinary),
    Column("leaf", NUMBER, nullable=False),
    Column("withdrawn", NUMBER),
)
_SINCE_A_BACKUP: Final = 0
"""In place of a leaf: the log that was brought back has it."""
_IS_PUBLIC: Final = SIGNATURES.c.withdrawn.is_(None)
Index(
    "uq_signatures_public",
    SIGNATURES.c.artist,
    unique=True,
    sqlite_where=_IS_PUBLIC,
    postgresql_where=_IS_PUBLIC,
)


def publish_signature(connection: Connection, artist: int, signature: Listed) -> int:
    """Put an artist's signature into the catalogue, in place of the one before, and into the log (PSG-1).

    Args:
        connection: Of a writer.
        artist: Number of the artist.
        signature: What is published.

    Returns:
        Its leaf in the log.

    Raises:
        InputError: Another artist's signature has this name: a catalogue with both would be refused whole.
    """
    others = select(SIGNATURES.c.name).where(_IS_PUBLIC, SIGNATURES.c.artist != artist)
    if fold(signature.name) in map(fold, connection.execute(others).scalars()):
        raise InputError("another artist's signature has this name: choose another")
    withdraw_signature(connection, artist)
    leaf = enter(connection, Published(digest=signature.digest))
    connection.execute(
        insert(SIGNATURES).values(
            artist=artist,
            training=signature.training,
            name=signature.name,
            link=signature.link,
            vector=signature.vector,
            leaf=leaf,
        )
    )
    return leaf


def withdraw_signature(connection: Connection, artist: int) -> int | None:
    """Take an artist's signature out of the catalogue, enter that into the log, and forget its numbers (PSG-1).

    Returns:
        The leaf in the log; None where there was no signature.
    """
    row = connection.execute(select(SIGNATURES).where(SIGNATURES.c.artist == artist, _IS_PUBLIC)).one_or_none()
    if row is None:
        return None
    leaf = enter(connection, Withdrawn(digest=_listed(row).digest))
    connection.execute(update(SIGNATURES).where(SIGNATURES.c.id == row.id).values(withdrawn=leaf, vector=None))
    return leaf


def settle_signatures(connection: Connection, leaves: Iterable[Leaf]) -> None:
    """Make the catalogue what a log says that was brought back, and the log what is there to be shown (PSG-1).

    Args:
        connection: Of a writer.
        leaves: All entries of the log.
    """
    standing = published(leaves)
    rows = {_listed(row).digest: row.id for row in connection.execute(select(SIGNATURES).where(_IS_PUBLIC))}
    for digest, row in rows.items():
        if digest not in standing:
            gone = update(SIGNATURES).where(SIGNATURES.c.id == row)
            connection.execute(gone.values(withdrawn=_SINCE_A_BACKUP, vector=None))
    for digest in standing:
        if digest not in rows:  # published since the backup: its artist has it, and may publish it again
            enter(connection, Withdrawn(digest=digest))


def public_signatures(connection: Connection) -> list[Listed]:
    """The catalogue, in the order of the log's leaves."""
    return [
        _listed(row) for row in connection.execute(select(SIGNATURES).where(_IS_PUBLIC).order_by(SIGNATURES.c.leaf))
    ]


def _listed(row: Row[Any]) -> Listed:
    return Listed(training=row.training, name=row.name, link=row.link, vector=row.vector)
