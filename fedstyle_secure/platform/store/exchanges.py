"""Exchanges of an engine: requests that wait for artists, replies in the order in which they were committed.

MBX-1  Replies of an exchange are numbered from 1 in the order in which they were committed, whoever writes them: who
       has read up to one number misses none below it.
MBX-2  An exchange is closed once, at the number of its last reply; a reply is committed before that, or never.
MBX-3  A request has one reply; the same bytes again change nothing, other bytes are refused.

What each message asks of the database is made once: to make a statement takes longer than to have it answered.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from ...aggregation.letters import Envelope, ProtocolError
from ...engines.http import Exchange, Reply, digest_entry, digest_requests
from ...errors import InputError
from .artists import IDENTITIES
from .schema import METADATA, NUMBER

EXCHANGES: Final = Table(
    "exchanges",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("training", NUMBER, nullable=False),
    Column("name", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("reply_limit", NUMBER, nullable=False),
    Column("last_sequence", NUMBER, nullable=False),
    Column("closed_at", NUMBER),
    Column("opened", NUMBER),
    UniqueConstraint("training", "name"),
)
Index(
    "ix_exchanges_open",
    EXCHANGES.c.id,
    sqlite_where=EXCHANGES.c.closed_at.is_(None),
    postgresql_where=EXCHANGES.c.closed_at.is_(None),
)
REQUESTS: Final = Table(
    "requests",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("exchange", ForeignKey(EXCHANGES.c.id), nullable=False),
    Column("mailbox", String, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("purpose", NUMBER, nullable=False),
    Column("session", NUMBER, nullable=False),
    Column("round", NUMBER, nullable=False),
    Column("envelope", LargeBinary),
    UniqueConstraint("exchange", "mailbox"),
    UniqueConstraint("exchange", "identity"),
    Index(None, "identity", "purpose", "session", "round"),
)
REPLIES: Final = Table(
    "replies",
    METADATA,
    Column("request", ForeignKey(REQUESTS.c.id), primary_key=True),
    Column("exchange", ForeignKey(EXCHANGES.c.id), nullable=False),
    Column("sequence", NUMBER, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("envelope", LargeBinary),
    UniqueConstraint("exchange", "sequence"),
)


class Verdict(Enum):
    """What became of a reply."""

    KEPT = "kept"
    """It is kept, now or since it came first."""
    OTHER = "other"
    """Another one was kept before."""
    CLOSED = "closed"
    """The exchange is closed, or there never was such a request."""
    EARLY = "early"
    """It answers a request that is yet to come."""


def open_exchange(
    connection: Connection, *, training: int, name: str, requests: Mapping[str, bytes], reply_limit: int
) -> Exchange:
    """Keep the requests of an exchange, or find it as it was left.

    Args:
        connection: Of a writer.
        training: Number of the training.
        name: The exchange's own in this training.
        requests: Sealed envelopes by mailbox; read one at a time.
        reply_limit: Bytes of the largest reply's body.

    Raises:
        InputError: Other requests were made under this name before; or one is no envelope.
    """
    found = connection.execute(
        select(EXCHANGES.c.id, EXCHANGES.c.digest, EXCHANGES.c.closed_at).where(
            EXCHANGES.c.training == training, EXCHANGES.c.name == name
        )
    ).one_or_none()
    if found is not None:
        if digest_requests(requests) != found.digest:
            raise InputError(f"exchange {name!r} of training {training} was begun with other requests")
        return Exchange(id=found.id, closed_at=found.closed_at, silent=_silent(connection, found.id))
    digest = sha256()
    (number,) = connection.execute(
        insert(EXCHANGES)
        .values(training=training, name=name, digest=b"", reply_limit=reply_limit, last_sequence=0)
        .returning(EXCHANGES.c.id)
    ).one()
    for mailbox, request in requests.items():
        digest.update(digest_entry(mailbox, request))
        connection.execute(insert(REQUESTS).values(exchange=number, mailbox=mailbox, **_header(request)))
    connection.execute(update(EXCHANGES).where(EXCHANGES.c.id == number).values(digest=digest.digest()))
    return Exchange(id=number, closed_at=None, silent=_silent(connection, number))


def _silent(connection: Connection, exchange: int) -> int:
    """How many artists are asked who left, or have another key by now, and had not replied before."""
    silent: int = connection.execute(
        select(func.count())
        .select_from(REQUESTS)
        .join(IDENTITIES, IDENTITIES.c.key == REQUESTS.c.identity)
        .outerjoin(REPLIES, REPLIES.c.request == REQUESTS.c.id)
        .where(REQUESTS.c.exchange == exchange, IDENTITIES.c.retired.is_not(None), REPLIES.c.request.is_(None))
    ).scalar_one()
    return silent


def note_opening(connection: Connection, exchange: int, *, now: int) -> None:
    """Tell whoever follows an exchange since when artists have had time for it; nothing else depends on that."""
    connection.execute(
        update(EXCHANGES).where(EXCHANGES.c.id == exchange, EXCHANGES.c.closed_at.is_(None)).values(opened=now)
    )


def kept_reply(connection: Connection, *, training: int, name: str, mailbox: str) -> bytes:
    """What a mailbox answered in an exchange of a training, as it was sealed.

    Raises:
        InputError: There is none, or it was deleted.
    """
    found: bytes | None = connection.execute(
        select(REPLIES.c.envelope)
        .join(REQUESTS, REQUESTS.c.id == REPLIES.c.request)
        .join(EXCHANGES, EXCHANGES.c.id == REQUESTS.c.exchange)
        .where(EXCHANGES.c.training == training, EXCHANGES.c.name == name, REQUESTS.c.mailbox == mailbox)
    ).scalar_one_or_none()
    if found is None:
        raise InputError(f"nothing is kept of what {mailbox!r} answered in {name!r}")
    return found


def close_exchange(connection: Connection, exchange: int) -> int:
    """Take no more replies (MBX-2).

    Returns:
        Number of the last reply; the same if it was closed before.
    """
    connection.execute(
        update(EXCHANGES)
        .where(EXCHANGES.c.id == exchange, EXCHANGES.c.closed_at.is_(None))
        .values(closed_at=EXCHANGES.c.last_sequence)
    )
    last: int = connection.execute(select(EXCHANGES.c.closed_at).where(EXCHANGES.c.id == exchange)).scalar_one()
    return last


def replies_after(connection: Connection, exchange: int, sequence: int, *, at_most: int) -> Sequence[Reply]:
    """The next replies, in order (MBX-1); what was forgotten is none."""
    rows = connection.execute(_next_replies(), {"of": exchange, "after": sequence, "at_most": at_most})
    return [Reply(sequence=row.sequence, mailbox=row.mailbox, content=row.envelope) for row in rows]


@cache
def _next_replies() -> Select[Any]:
    return (
        select(REPLIES.c.sequence, REQUESTS.c.mailbox, REPLIES.c.envelope)
        .join_from(REPLIES, REQUESTS)
        .where(
            REPLIES.c.exchange == bindparam("of"),
            REPLIES.c.sequence > bindparam("after"),
            REPLIES.c.envelope.is_not(None),
        )
        .order_by(REPLIES.c.sequence)
        .limit(bindparam("at_most"))
    )


def oldest_request(connection: Connection, identity: bytes) -> bytes | None:
    """The envelope of the oldest request that waits for an artist; None if none does."""
    return connection.execute(_oldest(), {"asked": identity}).scalar_one_or_none()


@cache
def _oldest() -> Select[Any]:
    return (
        select(REQUESTS.c.envelope)
        .join_from(REQUESTS, EXCHANGES)
        .outerjoin(REPLIES, REPLIES.c.request == REQUESTS.c.id)
        .where(REQUESTS.c.identity == bindparam("asked"), EXCHANGES.c.closed_at.is_(None), REPLIES.c.request.is_(None))
        .order_by(REQUESTS.c.id)
        .limit(1)
    )


def newest_request(connection: Connection) -> int:
    """Number of the newest request of all; 0 for none."""
    return connection.execute(_newest()).scalar_one() or 0


@cache
def _newest() -> Select[Any]:
    return select(func.max(REQUESTS.c.id))


def identities_asked_after(connection: Connection, request: int) -> tuple[int, frozenset[bytes]]:
    """The newest request's number, and whom requests above another number are for."""
    newest = newest_request(connection)
    if newest <= request:
        return newest, frozenset()
    asked = connection.execute(select(REQUESTS.c.identity).where(REQUESTS.c.id > request).distinct()).scalars()
    return newest, frozenset(asked)


def reply_limit(connection: Connection, answer: Envelope) -> int | None:
    """Bytes of the largest body that answers a request; None if there is no such request.

    Args:
        connection: Of a reader.
        answer: At least its header.
    """
    request = _find(connection, answer)
    return None if request is None else request.reply_limit


def keep_reply(connection: Connection, answer: Envelope, envelope: bytes) -> Verdict:
    """Keep an artist's reply to a request (MBX-3).

    Args:
        connection: Of a writer.
        answer: The reply, opened.
        envelope: Its bytes.
    """
    request = _find(connection, answer)
    if request is None:
        return verdict_unasked(connection, answer)
    digest = sha256(envelope).digest()
    if request.digest is not None:
        return Verdict.KEPT if request.digest == digest else Verdict.OTHER
    # The row stays locked until the commit, so that numbers become visible in their order (MBX-1).
    sequence = connection.execute(_next_number(), {"of": request.exchange}).scalar_one_or_none()
    if sequence is None:
        return Verdict.CLOSED
    reply = {"exchange": request.exchange, "sequence": sequence, "digest": digest, "envelope": envelope}
    connection.execute(insert(REPLIES), {"request": request.id} | reply)
    return Verdict.KEPT


def _find(connection: Connection, answer: Envelope) -> Row[Any] | None:
    """The request that an answer belongs to, and the digest of its reply; the newest is meant."""
    header = {"session": answer.session, "round": answer.round, "purpose": answer.purpose.value}
    return connection.execute(_asked(), {"sender": answer.sender} | header).one_or_none()


@cache
def _asked() -> Select[Any]:
    return (
        select(REQUESTS.c.id, REQUESTS.c.exchange, EXCHANGES.c.reply_limit, REPLIES.c.digest)
        .join_from(REQUESTS, EXCHANGES)
        .outerjoin(REPLIES, REPLIES.c.request == REQUESTS.c.id)
        .where(
            REQUESTS.c.identity == bindparam("sender"),
            REQUESTS.c.purpose == bindparam("purpose"),
            REQUESTS.c.session == bindparam("session"),
            REQUESTS.c.round == bindparam("round"),
        )
        .order_by(REQUESTS.c.id.desc())
        .limit(1)
    )


@cache
def _next_number() -> ReturningUpdate[Any]:
    return (
        update(EXCHANGES)
        .where(EXCHANGES.c.id == bindparam("of"), EXCHANGES.c.closed_at.is_(None))
        .values(last_sequence=EXCHANGES.c.last_sequence + 1)
        .returning(EXCHANGES.c.last_sequence)
    )


def verdict_unasked(connection: Connection, answer: Envelope) -> Verdict:
    """Whether what nobody asked for comes too early, being newer than all that was asked, or too late."""
    last = connection.execute(
        select(REQUESTS.c.session, REQUESTS.c.round)
        .where(REQUESTS.c.identity == answer.sender, REQUESTS.c.purpose == answer.purpose.value)
        .order_by(REQUESTS.c.session.desc(), REQUESTS.c.round.desc())
        .limit(1)
    ).one_or_none()
    is_ahead = last is None or (answer.session, answer.round) > (last.session, last.round)
    return Verdict.EARLY if is_ahead else Verdict.CLOSED


def forget_messages(connection: Connection, training: int) -> None:
    """Delete what was said in a training's closed exchanges; that it was said, and its digests, stay.

    Whoever runs an exchange again afterwards gets no replies: call it together with what makes that needless.
    """
    closed = select(EXCHANGES.c.id).where(EXCHANGES.c.training == training, EXCHANGES.c.closed_at.is_not(None))
    for table in (REQUESTS, REPLIES):
        connection.execute(
            update(table).where(table.c.exchange.in_(closed), table.c.envelope.is_not(None)).values(envelope=None)
        )


def abort_open(connection: Connection) -> int:
    """Close whatever is open, and delete all that was said: what a restored database holds is no longer true.

    Returns:
        Number of exchanges that were open.
    """
    closed = connection.execute(
        update(EXCHANGES).where(EXCHANGES.c.closed_at.is_(None)).values(closed_at=EXCHANGES.c.last_sequence)
    ).rowcount
    for table in (REQUESTS, REPLIES):
        connection.execute(update(table).values(envelope=None))
    return closed


def _header(request: bytes) -> dict[str, object]:
    try:
        header = Envelope.claims(request)
    except ProtocolError as error:
        raise InputError(f"a request is a sealed envelope: {error}") from error
    return {
        "identity": header.recipient,
        "purpose": header.purpose.value,
        "session": header.session,
        "round": header.round,
        "envelope": request,
    }
