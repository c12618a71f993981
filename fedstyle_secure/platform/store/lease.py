"""One coordinator at a time: whoever holds the lease leads, and each of its writes says under which epoch.

LSE-1  A write that names an older epoch than the newest is never committed, however late it comes and whatever any
       clock says. Clocks decide only when another may try.
"""

from typing import Final

from sqlalchemy import Column, Connection, LargeBinary, Table, insert, select, update

from ...errors import FedStyleError
from .schema import METADATA, NUMBER

LEASE: Final = Table(
    "lease",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("holder", LargeBinary, nullable=False),
    Column("epoch", NUMBER, nullable=False),
    Column("until", NUMBER, nullable=False),
)
_ONE: Final = 1  # there is one row


class LeaseLostError(FedStyleError):
    """Another process leads now; this one must stop what it does and write nothing."""


def take_lease(connection: Connection, *, holder: bytes, now: int, seconds: int) -> int | None:
    """Begin to lead, if nobody else does.

    Args:
        connection: Of a writer.
        holder: Random bytes of this process.
        now: Seconds since 1970.
        seconds: How long, until it is renewed.

    Returns:
        The epoch, higher than all before; None while another leads.
    """
    row = connection.execute(select(LEASE).where(LEASE.c.id == _ONE).with_for_update()).one_or_none()
    if row is None:
        connection.execute(insert(LEASE).values(id=_ONE, holder=holder, epoch=1, until=now + seconds))
        return 1
    if row.holder != holder and now < row.until <= now + seconds:  # one far in the future is of another clock
        return None
    epoch: int = row.epoch + 1
    connection.execute(update(LEASE).where(LEASE.c.id == _ONE).values(holder=holder, epoch=epoch, until=now + seconds))
    return epoch


def leading_epoch(connection: Connection, now: int) -> int | None:
    """The epoch under which a process leads now; None while none does."""
    return connection.execute(select(LEASE.c.epoch).where(LEASE.c.id == _ONE, LEASE.c.until > now)).scalar_one_or_none()


def renew_lease(connection: Connection, *, epoch: int, until: int) -> None:
    """Lead for longer; `until` now or before lets another begin at once.

    Raises:
        LeaseLostError: Another leads.
    """
    check_lease(connection, epoch)
    connection.execute(update(LEASE).where(LEASE.c.id == _ONE).values(until=until))


def check_lease(connection: Connection, epoch: int) -> None:
    """Insist that this epoch is the newest, until the transaction ends (LSE-1).

    Raises:
        LeaseLostError: It is not.
    """
    newest = connection.execute(select(LEASE.c.epoch).where(LEASE.c.id == _ONE).with_for_update()).scalar_one_or_none()
    if newest != epoch:
        raise LeaseLostError(f"this process led under epoch {epoch}, the lease is at {newest}: another leads now")
