"""Published signatures: what the catalogue is made of. An artist has one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, ForeignKey, Index, LargeBinary, String, Table, insert, select, update

from .artists import ARTISTS
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
_IS_PUBLIC: Final = SIGNATURES.c.withdrawn.is_(None)
Index(
    "uq_signatures_public",
    SIGNATURES.c.artist,
    unique=True,
    sqlite_where=_IS_PUBLIC,
    postgresql_where=_IS_PUBLIC,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSignature:
    """A signature in the catalogue.

    Attributes:
        training: Digest of the training whose model it is about.
        name: Under which buyers find the artist.
        link: Public address, or None.
        vector: Little-endian float32.
        leaf: Index of the log's leaf that enters it.
    """

    training: bytes
    name: str
    link: str | None
    vector: bytes
    leaf: int


def publish_signature(connection: Connection, artist: int, signature: PublicSignature) -> None:
    """Put an artist's signature into the catalogue, in place of the one before."""
    withdraw_signature(connection, artist, signature.leaf)
    connection.execute(
        insert(SIGNATURES).values(
            artist=artist,
            training=signature.training,
            name=signature.name,
            link=signature.link,
            vector=signature.vector,
            leaf=signature.leaf,
        )
    )


def withdraw_signature(connection: Connection, artist: int, leaf: int) -> bool:
    """Take an artist's signature out of the catalogue and forget its numbers; whether there was one."""
    changed = connection.execute(
        update(SIGNATURES).where(SIGNATURES.c.artist == artist, _IS_PUBLIC).values(withdrawn=leaf, vector=None)
    ).rowcount
    return changed > 0


def public_signatures(connection: Connection) -> Sequence[PublicSignature]:
    """The catalogue, in the order of the log's leaves."""
    rows = connection.execute(select(SIGNATURES).where(_IS_PUBLIC).order_by(SIGNATURES.c.leaf))
    return [
        PublicSignature(training=row.training, name=row.name, link=row.link, vector=row.vector, leaf=row.leaf)
        for row in rows
    ]
