"""What artists are asked, and what they answer: a long poll with the oldest open request, and answers that are kept.

MLB-1  An answer is acknowledged after the commit that keeps it, and so is the same answer whenever it comes again.
MLB-2  One start of an agent is at work: it claims its number when it polls first, and an older one, or another of the
       same number, is given nothing from then on.
MLB-3  What a retired key signed is not kept, even if it was let in before the key was retired.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response

from ...aggregation.letters import Envelope, Purpose
from ...wire.routes import ANSWERED, CONTENT_TYPE, INSTANCE_BYTES, POLL_SECONDS, Route, Status
from ..store.artists import Enrolled, claim_instance, find_identity
from ..store.database import Connection, Database, StorageError
from ..store.exchanges import Verdict, identities_asked_after, keep_reply, newest_request, oldest_request
from ..store.writer import Writer
from .limits import RefusedError
from .receiving import UNKNOWN, Letter, Reception, refusal

_PAUSE: Final = 0.05
"""Seconds between two looks for new requests, which another process may have written."""
_BREATH: Final = 0.01
"""The same, at least, while this process writes."""
_AWAY: Final = 1.0
"""The same while the database cannot be used."""


class Waiter:
    """One poll that waits."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.is_sent_home = False


class Bell:
    """Wakes polls that wait, each when there is something for its artist.

    Args:
        database: Where requests are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[bytes, Waiter] = {}
        self._is_needed = asyncio.Event()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """Polls that wait."""
        return len(self._waiting)

    @contextmanager
    def waiting_for(self, identity: bytes) -> Iterator[Waiter]:
        """Wait for an artist's requests; an older poll of the same artist goes home with nothing."""
        if (older := self._waiting.get(identity)) is not None:
            older.is_sent_home = True
            older.called.set()
        waiter = self._waiting[identity] = Waiter()
        waiter.is_sent_home = self._is_closed
        self._is_needed.set()
        try:
            yield waiter
        finally:
            if self._waiting.get(identity) is waiter:
                del self._waiting[identity]

    def close(self) -> None:
        """Send everybody home with nothing, from now on: the process is to end."""
        self._is_closed = True
        for waiter in self._waiting.values():
            waiter.is_sent_home = True
            waiter.called.set()

    async def run(self) -> None:
        """Look for new requests as long as anybody waits; until it is cancelled."""
        seen: int | None = None
        commits = 0
        while True:
            self._is_needed.clear()
            if not self._waiting:
                await self._is_needed.wait()
            try:
                commits, seen, identities = await asyncio.to_thread(self._look, commits, seen)
            except StorageError:
                await asyncio.sleep(_AWAY)
                continue
            for identity in identities & self._waiting.keys():
                self._waiting[identity].called.set()
            await asyncio.sleep(_BREATH)

    def _look(self, commits: int, seen: int | None) -> tuple[int, int, frozenset[bytes]]:
        """Once this process has written again, or it is time; how often it has, the newest request, and for whom."""
        self._database.await_commit(commits, _PAUSE)
        commits = self._database.commits
        with self._database.reading() as connection:
            if seen is None:  # whoever enlisted before has not looked yet
                return commits, newest_request(connection), frozenset(self._waiting)
            return commits, *identities_asked_after(connection, seen)


class Mailboxes:
    """Both ways of the post.

    Args:
        database: Where requests and replies are.
        writer: Who commits.
        reception: Takes envelopes in.
        bell: Wakes polls.
        poll_seconds: How long a poll waits at most.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        reception: Reception,
        bell: Bell,
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database, self._writer, self._reception, self._bell = database, writer, reception, bell
        self._poll_seconds = poll_seconds

    async def next(self, request: Request) -> Response:
        """The oldest request that waits for the artist that polls."""
        async with self._reception.letter(request, {Purpose.POLL}) as letter:
            poll = letter.envelope
        if len(poll.body) != INSTANCE_BYTES or poll.round != 0:
            raise RefusedError(
                Status.MALFORMED, f"a poll has round 0 and {INSTANCE_BYTES} bytes of its start", is_abuse=True
            )
        end = time.monotonic() + self._poll_seconds
        with self._bell.waiting_for(poll.sender) as waiter, suppress(TimeoutError):
            while not waiter.is_sent_home:
                waiter.called.clear()
                found = await self._look(poll)
                if found is not None:
                    return Response(found, media_type=CONTENT_TYPE)
                async with asyncio.timeout(end - time.monotonic()):
                    await waiter.called.wait()
        return Response(status_code=Status.NOTHING)

    async def _look(self, poll: Envelope) -> bytes | None:
        is_claimed, found = await asyncio.to_thread(self._read, poll)
        if is_claimed:
            return found
        claim = partial(claim_instance, key=poll.sender, number=poll.session, start=poll.body)
        if not await asyncio.wrap_future(self._writer.submit(claim)):
            raise RefusedError(
                Status.CONFLICT,
                "another start of this artist's agent is at work: end one of them; after a restored backup, join anew",
            )
        return (await asyncio.to_thread(self._read, poll))[1]

    def _read(self, poll: Envelope) -> tuple[bool, bytes | None]:
        """Whether this start is the one at work, and what waits for it (MLB-2)."""
        with self._database.reading() as connection:
            artist = _speaker(connection, poll.sender)
            if (artist.instance, artist.instance_start) == (poll.session, poll.body):
                return True, oldest_request(connection, poll.sender)
            return False, None

    async def answers(self, request: Request) -> Response:
        """Keep an answer; acknowledged is committed (MLB-1)."""
        async with self._reception.letter(request, ANSWERED) as letter:
            work = partial(_keep, letter=letter)
            verdict = await asyncio.wrap_future(self._writer.submit(work, len(letter.data)))
        if verdict is not Verdict.KEPT:
            raise refusal(verdict)
        return Response(status_code=Status.DONE, media_type=CONTENT_TYPE)


def mailbox_routes(mailboxes: Mailboxes) -> APIRouter:
    """Routes of what artists are asked and answer."""
    router = APIRouter(tags=["artists"])
    router.post(Route.NEXT, summary="The oldest open request for the artist that polls")(mailboxes.next)
    router.post(Route.ANSWERS, summary="An artist's answer to a request")(mailboxes.answers)
    return router


def _keep(connection: Connection, letter: Letter) -> Verdict:
    _speaker(connection, letter.envelope.sender)
    return keep_reply(connection, letter.envelope, letter.data)


def _speaker(connection: Connection, key: bytes) -> Enrolled:
    """Who speaks under a key now (MLB-3)."""
    artist = find_identity(connection, key)
    if artist is None:
        raise RefusedError(Status.UNKNOWN, UNKNOWN)
    return artist
