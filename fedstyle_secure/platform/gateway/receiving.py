"""How an envelope comes in: the order of checks, cheapest first, so that what is refused cost little.

DOR-1  The order is length, rate, header, sender, size, body, signature: no body is read before a key that may speak is
       named and its size is allowed, and nothing is done before its signature holds.
DOR-2  A retired or unknown key, or a signature that does not hold, is answered alike: 401.
DOR-3  What is refused tells nothing of anybody else: a sentence about the request itself.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request

from ...aggregation.letters import ENVELOPE_SIZE, Envelope, ProtocolError, Purpose
from ...wire.routes import LIMITS, Status, largest_envelope
from ..store.artists import find_entry, find_identity
from ..store.database import Connection, Database
from ..store.exchanges import Verdict, reply_limit, verdict_unasked
from .limits import Buckets, Memory, Rate, RefusedError, network_of, seconds_for

_NUMBERS_END: Final = 1 << 63
_LARGE: Final = 1 << 16
"""Bytes above which a signature is checked off the event loop."""
_OPENED_AT_ONCE: Final = 2
"""Envelopes above that size: each is in memory twice until its signature is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An envelope that somebody signed who may speak.

    Attributes:
        envelope: Opened; what is said in a session stays in `data` alone, since it may have megabytes.
        data: Its bytes.
    """

    envelope: Envelope
    data: bytes = field(repr=False)


class Reception:
    """Takes envelopes in.

    Args:
        database: Who may speak.
        own_key: The platform's public key, 32 bytes: whom envelopes must be for.
        memory: Bytes of bodies that may be in memory together.
        refusals: What one address may do wrong.
        requests: What one identity may send.
    """

    def __init__(self, database: Database, own_key: bytes, *, memory: int, refusals: Rate, requests: Rate) -> None:
        self._database = database
        self._own_key = own_key
        self.memory = Memory(memory)
        self._refusals, self._requests = Buckets(refusals), Buckets(requests)
        self._opening = CapacityLimiter(_OPENED_AT_ONCE)

    def admit(self, host: str | None) -> None:
        """Refuse an address that did too much wrong (LIM-1).

        Raises:
            RefusedError: It did.
        """
        if wait := self._refusals.wait(network_of(host)):
            raise RefusedError(
                Status.TOO_MANY, "too much from this address was refused: wait", retry_after=1 + int(wait)
            )

    def blame(self, host: str | None) -> None:
        """Count a refused request against the address that it came from."""
        self._refusals.take(network_of(host))

    @asynccontextmanager
    async def letter(self, request: Request, purposes: Collection[Purpose]) -> AsyncIterator[Letter]:
        """Take in the envelope that a request brings; its bytes count as memory in use until the end.

        Args:
            request: Its body has not been read.
            purposes: What it may be for.

        Raises:
            RefusedError: Says why.
        """
        length = _length(request, max(map(largest_envelope, purposes)))
        chunks = request.stream()
        head = await _read(chunks, b"", ENVELOPE_SIZE, seconds_for(0))
        claimed = self._claimed(head, purposes)
        await self._check_sender(claimed, length)
        async with self.memory.holding(length):
            data = await _read(chunks, head, length, seconds_for(length))
            if len(data) != length:
                raise RefusedError(
                    Status.MALFORMED, "the body has another length than Content-Length says", is_abuse=True
                )
            envelope = await self._open(claimed, data)
            if wait := self._requests.wait(envelope.sender):
                raise RefusedError(Status.TOO_MANY, "too many requests of one artist: wait", retry_after=1 + int(wait))
            self._requests.take(envelope.sender)
            yield Letter(envelope=envelope, data=data)

    def _claimed(self, head: bytes, purposes: Collection[Purpose]) -> Envelope:
        """What the header says, if it may be said here."""
        try:
            claimed = Envelope.claims(head[:ENVELOPE_SIZE])  # and no copy of what has come of the body
        except ProtocolError as error:
            raise RefusedError(Status.MALFORMED, f"no envelope: {error}", is_abuse=True) from error
        if claimed.purpose not in purposes:
            names = " or ".join(sorted(purpose.name.lower() for purpose in purposes))
            raise RefusedError(
                Status.MALFORMED, f"this route takes {names}, not {claimed.purpose.name.lower()}", is_abuse=True
            )
        if claimed.recipient != self._own_key:
            raise RefusedError(
                Status.MALFORMED, "an envelope for another platform: check the invitation", is_abuse=True
            )
        if max(claimed.session, claimed.round) >= _NUMBERS_END:
            raise RefusedError(Status.MALFORMED, "numbers of sessions and rounds are below 2^63", is_abuse=True)
        return claimed

    async def _check_sender(self, claimed: Envelope, length: int) -> None:
        """Whether the sender may speak, and say so much; who joins is not known yet."""
        limit = LIMITS[claimed.purpose]
        if claimed.purpose is not Purpose.JOIN:
            limit = min(limit, await asyncio.to_thread(self._look_up, claimed))
        if length > ENVELOPE_SIZE + limit:
            raise RefusedError(
                Status.TOO_LARGE,
                f"a body of {length - ENVELOPE_SIZE} bytes, {limit} is the most here",
                is_abuse=True,
            )

    def _look_up(self, claimed: Envelope) -> int:
        """Bytes that a known sender may say in this session; without end outside of any."""
        with self._database.reading() as connection:
            if find_identity(connection, claimed.sender) is None and not _may_ask_again(connection, claimed):
                raise RefusedError(Status.UNKNOWN, UNKNOWN, is_abuse=True)
            if claimed.purpose is not Purpose.SESSION:
                return _NUMBERS_END
            limit = reply_limit(connection, claimed)
            if limit is None:
                raise refusal(verdict_unasked(connection, claimed))
            return limit

    async def _open(self, claimed: Envelope, data: bytes) -> Envelope:
        def opened() -> Envelope:
            envelope = Envelope.open(data, sender=claimed.sender, recipient=self._own_key, purpose=claimed.purpose)
            return replace(envelope, body=b"") if claimed.purpose is Purpose.SESSION else envelope

        try:
            return await to_thread.run_sync(opened, limiter=self._opening) if len(data) > _LARGE else opened()
        except ProtocolError as error:
            raise RefusedError(Status.UNKNOWN, UNKNOWN, is_abuse=True) from error


def _may_ask_again(connection: Connection, claimed: Envelope) -> bool:
    """Whether a retired key may have lost the answer to what retired it."""
    return claimed.purpose in {Purpose.LEAVE, Purpose.RENEW} and find_entry(connection, claimed.sender) is not None


UNKNOWN: Final = "an unknown or retired key, or a signature that does not hold: join with an invitation"
"""What every key that may not speak is told (DOR-2)."""


def refusal(verdict: Verdict) -> RefusedError:
    """What an answer is told that was not kept."""
    match verdict:
        case Verdict.OTHER:
            return RefusedError(Status.CONFLICT, "another answer to this request was kept before: it stands")
        case Verdict.EARLY:
            return RefusedError(Status.NOT_NOW, "nobody has asked for this yet: send it again", retry_after=1)
    return RefusedError(Status.GONE, "too late: the round that this answers is closed")


def _length(request: Request, largest: int) -> int:
    """Of the body, as it is announced; without an announcement nothing is read."""
    text = request.headers.get("content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise RefusedError(Status.MALFORMED, "a request with an envelope says its Content-Length", is_abuse=True)
    length = int(text)
    if length > largest:
        raise RefusedError(Status.TOO_LARGE, f"{length} bytes, {largest} is the most on this route", is_abuse=True)
    if length < ENVELOPE_SIZE:
        raise RefusedError(Status.MALFORMED, f"an envelope has at least {ENVELOPE_SIZE} bytes", is_abuse=True)
    return length


async def _read(chunks: AsyncIterator[bytes], begun: bytes, size: int, seconds: float) -> bytes:
    """What has come once there are so many bytes, or no more come (LIM-3)."""
    parts, length = [begun], len(begun)
    try:
        async with asyncio.timeout(seconds):
            while length < size:
                chunk = await anext(chunks, None)
                if chunk is None:
                    break
                parts.append(chunk)
                length += len(chunk)
    except TimeoutError:
        raise RefusedError(
            Status.TOO_SLOW, f"the body took longer than {seconds:.0f} seconds: send it again", is_abuse=True
        ) from None
    except ClientDisconnect:
        raise RefusedError(Status.MALFORMED, "the body ended early", is_abuse=True) from None
    return b"".join(parts)
