"""Who may speak to the platform: artists, their identities, and the tokens by which they enrol.

TOK-1  A token enrols one identity, once, before it expires and unless it was revoked; the store holds its digest only.
TOK-2  An artist has one identity that is not retired; a retired one is never used again.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from ...transparency.leaves import commit_identity
from .schema import METADATA, NUMBER

ARTISTS: Final = Table(
    "artists",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("label", String, nullable=False, unique=True),
    Column("name", String),
    Column("folded", String, unique=True),
    Column("link", String),
    Column("terms", LargeBinary, nullable=False),
)
IDENTITIES: Final = Table(
    "identities",
    METADATA,
    Column("key", LargeBinary, primary_key=True),
    Column("artist", ForeignKey(ARTISTS.c.id), nullable=False, index=True),
    Column("enrolled", NUMBER, nullable=False),
    Column("retired", NUMBER),
    Column("leaf", NUMBER, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("instance", NUMBER, nullable=False, default=0),
    Column("instance_start", LargeBinary),
    Column("act", NUMBER, nullable=False, default=0),
    Column("act_digest", LargeBinary),
    Column("act_answer", LargeBinary),
)
Index(
    "uq_identities_active",
    IDENTITIES.c.artist,
    unique=True,
    sqlite_where=IDENTITIES.c.retired.is_(None),
    postgresql_where=IDENTITIES.c.retired.is_(None),
)
TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("label", String, nullable=False),
    Column("expires", NUMBER, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
    Column("identity", ForeignKey(IDENTITIES.c.key)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """An identity that may speak to the platform.

    Attributes:
        artist: Number of the artist.
        label: What the operator calls it.
        instance: Number of the agent's start that polled last.
        instance_start: Random bytes of that start; None before the first.
        act: Number of its last publication, withdrawal, leaving or renewal.
        act_digest: SHA-256 of that envelope; None before the first.
        act_answer: What was answered.
    """

    artist: int
    label: str
    instance: int
    instance_start: bytes | None
    act: int
    act_digest: bytes | None
    act_answer: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """What an artist says of itself when it enrols.

    Attributes:
        name: Under which buyers find it.
        folded: The name as it is compared (NAM-2).
        link: Public address, or None.
        terms: Its statement of terms, encoded.
    """

    name: str
    folded: str
    link: str | None
    terms: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An identity as the log has it.

    Attributes:
        key: Ed25519 public key, 32 bytes.
        leaf: Index of the leaf that entered it.
        salt: Under which that leaf commits to it, 32 bytes.
    """

    key: bytes
    leaf: int
    salt: bytes = field(repr=False)


class TokenState(Enum):
    """What may be done with a token."""

    FRESH = "fresh"
    AGAIN = "again"
    """It enrolled this very identity: the answer may have been lost on the way."""
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An artist as its operator sees it.

    Attributes:
        label: What the operator calls it.
        name: Under which buyers find it; None before it has enrolled.
        link: Public address, or None.
        identity: Its key, 32 bytes; None before it has enrolled, and after it left.
    """

    label: str
    name: str | None
    link: str | None
    identity: bytes | None


def find_identity(connection: Connection, key: bytes, *, is_locked: bool = False) -> Enrolled | None:
    """Who speaks under a key; None for one that is unknown or retired (TOK-2).

    Args:
        connection: Of a writer if `is_locked`.
        key: Ed25519 public key, 32 bytes.
        is_locked: Whether no other process may change it until the transaction ends.
    """
    wanted = _speaker()
    found = connection.execute(wanted.with_for_update() if is_locked else wanted, {"speaker": key}).one_or_none()
    return None if found is None else Enrolled(**found._mapping)


@cache
def _speaker() -> Select[Any]:
    """Made once, since every request looks: to make a statement takes longer than to have it answered."""
    names = ("artist", "instance", "instance_start", "act", "act_digest", "act_answer")
    return (
        select(ARTISTS.c.label, *(IDENTITIES.c[name] for name in names))
        .join_from(IDENTITIES, ARTISTS)
        .where(IDENTITIES.c.key == bindparam("speaker"), IDENTITIES.c.retired.is_(None))
    )


def answer_again(connection: Connection, key: bytes, digest: bytes) -> bytes | None:
    """What a key's last act was answered, retired or not, if it was this one; None otherwise."""
    return connection.execute(
        select(IDENTITIES.c.act_answer).where(IDENTITIES.c.key == key, IDENTITIES.c.act_digest == digest)
    ).scalar_one_or_none()


def add_token(connection: Connection, *, digest: bytes, label: str, expires: int) -> None:
    """Let whoever holds a token enrol as the artist of this label; older tokens of the label enrol nobody any more."""
    revoke_tokens(connection, label)
    connection.execute(insert(TOKENS).values(digest=digest, label=label, expires=expires, revoked=False))


def revoke_tokens(connection: Connection, label: str) -> int:
    """Let no unused token of a label enrol anybody; how many there were."""
    return connection.execute(
        update(TOKENS)
        .where(TOKENS.c.label == label, TOKENS.c.identity.is_(None), TOKENS.c.revoked.is_(False))
        .values(revoked=True)
    ).rowcount


def forget_tokens(connection: Connection, before: int) -> int:
    """Delete tokens that nobody used and that expired before a time; how many there were."""
    return connection.execute(delete(TOKENS).where(TOKENS.c.identity.is_(None), TOKENS.c.expires < before)).rowcount


def check_token(connection: Connection, digest: bytes, *, identity: bytes, now: int) -> tuple[TokenState, str]:
    """Whether a token enrols an identity now (TOK-1), and the label that it is for."""
    row = connection.execute(select(TOKENS).where(TOKENS.c.digest == digest).with_for_update()).one_or_none()
    if row is None:
        return TokenState.UNKNOWN, ""
    if row.identity is not None:
        return TokenState.AGAIN if row.identity == identity else TokenState.USED, row.label
    if row.revoked:
        return TokenState.REVOKED, row.label
    if row.expires <= now:
        return TokenState.EXPIRED, row.label
    return TokenState.FRESH, row.label


def enrol(connection: Connection, *, token: bytes, label: str, newcomer: Newcomer, identity: Entry, now: int) -> None:
    """Enter an identity under a token's label; if that artist has one already, this one takes its place (TOK-2).

    Args:
        connection: Of a writer.
        token: Digest of a token that `check_token` called fresh.
        label: Its label.
        newcomer: What the artist says of itself.
        identity: The new identity.
        now: Seconds since 1970.
    """
    facts = {"name": newcomer.name, "folded": newcomer.folded, "link": newcomer.link, "terms": newcomer.terms}
    artist = connection.execute(select(ARTISTS.c.id).where(ARTISTS.c.label == label)).scalar_one_or_none()
    if artist is None:
        artist = connection.execute(insert(ARTISTS).values(label=label, **facts).returning(ARTISTS.c.id)).scalar_one()
    else:
        connection.execute(update(ARTISTS).where(ARTISTS.c.id == artist).values(**facts))
    replace_identity(connection, artist, identity, now=now)
    connection.execute(update(TOKENS).where(TOKENS.c.digest == token).values(identity=identity.key))


def active_entry(connection: Connection, label: str) -> Entry | None:
    """The identity under which the artist of a label speaks; None if there is none."""
    return _entry(connection, ARTISTS.c.label == label, IDENTITIES.c.retired.is_(None))


def find_entry(connection: Connection, key: bytes) -> Entry | None:
    """How an identity was entered, retired or not; None if it never was."""
    return _entry(connection, IDENTITIES.c.key == key)


def _entry(connection: Connection, *conditions: ColumnElement[bool]) -> Entry | None:
    columns = select(IDENTITIES.c.key, IDENTITIES.c.leaf, IDENTITIES.c.salt).join_from(IDENTITIES, ARTISTS)
    row = connection.execute(columns.where(*conditions)).one_or_none()
    return None if row is None else Entry(**row._mapping)


def is_name_taken(connection: Connection, folded: str, label: str) -> bool:
    """Whether another artist than the one of this label has this name."""
    return (
        connection.execute(select(ARTISTS.c.id).where(ARTISTS.c.folded == folded, ARTISTS.c.label != label)).first()
        is not None
    )


def forget_artist(connection: Connection, artist: int) -> None:
    """Delete name, link, terms and salts of an artist who left: what the log holds of it says nothing any more."""
    gone = {"name": None, "folded": None, "link": None, "terms": b""}
    connection.execute(update(ARTISTS).where(ARTISTS.c.id == artist).values(**gone))
    connection.execute(update(IDENTITIES).where(IDENTITIES.c.artist == artist).values(salt=b""))


def retire(connection: Connection, artist: int, *, now: int) -> None:
    """Let an artist's identity never speak again."""
    connection.execute(
        update(IDENTITIES).where(IDENTITIES.c.artist == artist, IDENTITIES.c.retired.is_(None)).values(retired=now)
    )


def retire_entered(connection: Connection, commitments: Collection[bytes], *, now: int) -> None:
    """Let identities never speak again that a log retires under these commitments."""
    active = select(IDENTITIES.c.key, IDENTITIES.c.salt).where(IDENTITIES.c.retired.is_(None))
    for key, salt in connection.execute(active).all():
        if commit_identity(key, salt) in commitments:
            connection.execute(update(IDENTITIES).where(IDENTITIES.c.key == key).values(retired=now))


def replace_identity(connection: Connection, artist: int, identity: Entry, *, now: int) -> None:
    """Let an artist speak under this key from now on, and under no other (TOK-2)."""
    retire(connection, artist, now=now)
    connection.execute(
        insert(IDENTITIES).values(key=identity.key, artist=artist, enrolled=now, leaf=identity.leaf, salt=identity.salt)
    )


def claim_instance(connection: Connection, key: bytes, *, number: int, start: bytes) -> bool:
    """Let one start of an agent be the one at work; False if a newer one, or another of the same number, is."""
    row = connection.execute(
        select(IDENTITIES.c.instance, IDENTITIES.c.instance_start).where(IDENTITIES.c.key == key).with_for_update()
    ).one()
    if number > row.instance:
        connection.execute(
            update(IDENTITIES).where(IDENTITIES.c.key == key).values(instance=number, instance_start=start)
        )
        return True
    return (number, start) == (row.instance, row.instance_start)


def note_act(connection: Connection, key: bytes, *, number: int, digest: bytes, answer: bytes) -> None:
    """Remember an artist's last act and its answer, which may be asked for again."""
    connection.execute(
        update(IDENTITIES).where(IDENTITIES.c.key == key).values(act=number, act_digest=digest, act_answer=answer)
    )


def list_artists(connection: Connection) -> list[Listed]:
    """All artists, those that are invited only too, by label."""
    rows = connection.execute(
        select(ARTISTS.c.label, ARTISTS.c.name, ARTISTS.c.link, IDENTITIES.c.key.label("identity")).outerjoin_from(
            ARTISTS, IDENTITIES, (IDENTITIES.c.artist == ARTISTS.c.id) & IDENTITIES.c.retired.is_(None)
        )
    )
    enrolled = {row.label: Listed(**row._mapping) for row in rows}
    invited = connection.execute(select(TOKENS.c.label).where(TOKENS.c.identity.is_(None), TOKENS.c.revoked.is_(False)))
    for label in invited.scalars():
        enrolled.setdefault(label, Listed(label=label, name=None, link=None, identity=None))
    return [enrolled[label] for label in sorted(enrolled)]
