"""Public files by their digest: models, spaces, codebooks. What is kept under a digest never changes."""

from hashlib import sha256
from typing import Final

from sqlalchemy import Column, Connection, LargeBinary, Table, insert, select

from .schema import METADATA

FILES: Final = Table(
    "files",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)


def keep_file(connection: Connection, content: bytes) -> bytes:
    """Keep a file, once.

    Returns:
        Its SHA-256, 32 bytes.
    """
    digest = sha256(content).digest()
    if connection.execute(select(FILES.c.sha256).where(FILES.c.sha256 == digest)).one_or_none() is None:
        connection.execute(insert(FILES).values(sha256=digest, content=content))
    return digest


def read_file(connection: Connection, digest: bytes) -> bytes | None:
    """The file of a SHA-256; None if there is none."""
    return connection.execute(select(FILES.c.content).where(FILES.c.sha256 == digest)).scalar_one_or_none()
