"""How artists come, publish, withdraw, change their keys and go: what they do of their own accord.

ENR-1  A change and its leaf in the log are one transaction: the log never says what is not so, nor is silent about
       what is.
ENR-2  Acts of a key are numbered, and numbers only rise: the last act sent again is answered again and changes nothing,
       an older one is refused.
ENR-3  Nobody is enrolled under a key without its signature, the first time and whenever it changes.
ENR-4  Only what the log's catalogue can hold is published: a unit vector in the space of a training's signatures.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

import numpy as np
from fastapi import APIRouter, Request, Response

from ... import canonical
from ...aggregation.letters import Envelope, ProtocolError, Purpose
from ...catalogue.signature import Signature
from ...encoder.signature_space import SignatureSpace
from ...errors import InputError
from ...names import fold
from ...transparency.leaves import Joined, Model, Retired, commit_identity, decode
from ...wire.bodies import Body
from ...wire.catalogue import Listed
from ...wire.enrolment import Entered, Join, Leave, Pins, Publish, Renew, Withdraw
from ...wire.routes import CONTENT_TYPE, Route, Status
from ..logbook import Logbook
from ..signer import Signer
from ..store import artists
from ..store.artists import Enrolled, Entry, Newcomer, TokenState
from ..store.database import Connection
from ..store.files import read_file
from ..store.log import enter
from ..store.signatures import publish_signature, withdraw_signature
from ..store.writer import Writer
from .limits import RefusedError
from .receiving import UNKNOWN, Letter, Reception

_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What whoever joins pins beside keys and log: see `wire.enrolment.Pins`."""

    style_space: bytes
    architecture: bytes
    encoder: str


class Desk:
    """Takes in what artists do of their own accord.

    Args:
        writer: Who commits.
        reception: Takes envelopes in.
        signer: Seals answers.
        logbook: The log that changes are entered into.
        space: Reads what newcomers pin; None while there is none.
        clock: Seconds since 1970; tokens expire by it, and nothing else.
    """

    def __init__(
        self,
        *,
        writer: Writer,
        reception: Reception,
        signer: Signer,
        logbook: Logbook,
        space: Callable[[Connection], Space | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._writer, self._reception, self._signer, self._logbook = writer, reception, signer, logbook
        self._space, self._clock = space, clock

    async def join(self, request: Request) -> Response:
        """Enrol a new identity."""
        async with self._reception.letter(request, {Purpose.JOIN}) as letter:
            body = Join.decode(letter.envelope.body)
            return await self._answer(partial(self._join, letter=letter, body=body))

    async def publish(self, request: Request) -> Response:
        """Put a signature into the catalogue."""
        async with self._reception.letter(request, {Purpose.PUBLISH}) as letter:
            body = Publish.decode(letter.envelope.body)
            return await self._answer(partial(self._act, letter=letter, do=partial(self._publish, body=body)))

    async def withdraw(self, request: Request) -> Response:
        """Take a signature out of the catalogue."""
        async with self._reception.letter(request, {Purpose.WITHDRAW}) as letter:
            Withdraw.decode(letter.envelope.body)
            return await self._answer(partial(self._act, letter=letter, do=self._withdraw))

    async def leave(self, request: Request) -> Response:
        """Retire an identity, and forget whose it was."""
        async with self._reception.letter(request, {Purpose.LEAVE}) as letter:
            Leave.decode(letter.envelope.body)
            return await self._answer(partial(self._act, letter=letter, do=self._leave))

    async def renew(self, request: Request) -> Response:
        """Replace an identity."""
        async with self._reception.letter(request, {Purpose.RENEW}) as letter:
            body = Renew.decode(letter.envelope.body)
            return await self._answer(partial(self._act, letter=letter, do=partial(self._renew, body=body)))

    async def _answer(self, work: Callable[[Connection], bytes]) -> Response:
        return Response(await asyncio.wrap_future(self._writer.submit(work)), media_type=CONTENT_TYPE)

    def _join(self, connection: Connection, *, letter: Letter, body: Join) -> bytes:
        key, token = letter.envelope.sender, sha256(body.token).digest()
        state, label = artists.check_token(connection, token, identity=key, now=int(self._clock()))
        if state in _REFUSED_TOKENS:
            status, sentence = _REFUSED_TOKENS[state]
            raise RefusedError(status, sentence, is_abuse=True)
        known = artists.find_entry(connection, key)
        if known is not None and (state is not TokenState.AGAIN or artists.find_identity(connection, key) is None):
            raise RefusedError(Status.CONFLICT, "this key was enrolled before: begin with a new folder and a new key")
        if known is None:
            folded = fold(body.name)
            if artists.is_name_taken(connection, folded, label):
                raise RefusedError(Status.CONFLICT, "another artist here has this name: choose one with --name")
            old = artists.active_entry(connection, label)
            if old is not None:
                enter(connection, Retired(commitment=commit_identity(old.key, old.salt)))
            known = _enter_identity(connection, key)
            newcomer = Newcomer(name=body.name, folded=folded, link=body.link, terms=canonical.encode(body.terms))
            artists.enrol(
                connection, token=token, label=label, newcomer=newcomer, identity=known, now=int(self._clock())
            )
        return self._seal(letter.envelope, self._pins(connection, known))

    def _act(
        self, connection: Connection, *, letter: Letter, do: Callable[[Connection, Enrolled, Envelope], bytes]
    ) -> bytes:
        """Do something once, and answer it as often as it is asked (ENR-2)."""
        asked, digest = letter.envelope, sha256(letter.data).digest()
        again = artists.answer_again(connection, asked.sender, digest)
        if again is not None:
            return again
        artist = artists.find_identity(connection, asked.sender, is_locked=True)
        if artist is None:
            raise RefusedError(Status.UNKNOWN, UNKNOWN)
        if asked.round <= artist.act:
            raise RefusedError(Status.CONFLICT, f"number {asked.round} was used: the next one is {artist.act + 1}")
        answer = do(connection, artist, asked)
        artists.note_act(connection, asked.sender, number=asked.round, digest=digest, answer=answer)
        return answer

    def _publish(self, connection: Connection, artist: Enrolled, asked: Envelope, *, body: Publish) -> bytes:
        vector = np.frombuffer(body.vector, dtype="<f4").astype(np.float32)
        signature = Signature(body.name, vector)  # refuses what is no unit vector
        if artists.is_name_taken(connection, fold(body.name), artist.label):
            raise RefusedError(Status.CONFLICT, "another artist here has this name: choose another")
        dimensions = self._dimensions(connection, body.training)
        if len(signature.vector) != dimensions:
            raise InputError(f"a signature of this training has {dimensions} numbers, not {len(signature.vector)}")
        listed = Listed(training=body.training, name=body.name, link=body.link, vector=body.vector)
        return self._seal(asked, Entered(leaf=publish_signature(connection, artist.artist, listed)))

    def _dimensions(self, connection: Connection, training: bytes) -> int:
        """Numbers of a signature of a training that came to a model (ENR-4)."""
        _, entries = self._logbook.snapshot()
        for leaf in map(decode, reversed(entries)):
            if isinstance(leaf, Model) and leaf.training == training:
                space = read_file(connection, leaf.space)
                if space is not None:
                    return SignatureSpace.decode(space).dimensions
        raise RefusedError(Status.CONFLICT, "no training of this digest has come to a model: sign after its outcome")

    def _withdraw(self, connection: Connection, artist: Enrolled, asked: Envelope) -> bytes:
        leaf = withdraw_signature(connection, artist.artist)
        if leaf is None:
            raise RefusedError(Status.CONFLICT, "there is no published signature of this artist")
        return self._seal(asked, Entered(leaf=leaf))

    def _leave(self, connection: Connection, artist: Enrolled, asked: Envelope) -> bytes:
        withdraw_signature(connection, artist.artist)
        leaf = _enter_retirement(connection, asked.sender)
        artists.retire(connection, artist.artist, now=int(self._clock()))
        artists.forget_artist(connection, artist.artist)
        return self._seal(asked, Entered(leaf=leaf))

    def _renew(self, connection: Connection, artist: Enrolled, asked: Envelope, *, body: Renew) -> bytes:
        """ENR-3: the new key says itself that it takes the old one's place."""
        try:
            proof = Envelope.open(body.proof, sender=body.identity, recipient=asked.recipient, purpose=Purpose.RENEW)
        except ProtocolError as error:
            raise RefusedError(Status.MALFORMED, f"the new key's proof: {error}", is_abuse=True) from error
        if (proof.body, proof.round) != (asked.sender, asked.round):
            raise RefusedError(Status.MALFORMED, "the new key's proof is about another key or number", is_abuse=True)
        if artists.find_entry(connection, body.identity) is not None:
            raise RefusedError(Status.CONFLICT, "the new key was enrolled before: make another")
        _enter_retirement(connection, asked.sender)
        identity = _enter_identity(connection, body.identity)
        artists.replace_identity(connection, artist.artist, identity, now=int(self._clock()))
        return self._seal(asked, self._pins(connection, identity), recipient=body.identity)

    def _pins(self, connection: Connection, identity: Entry) -> Pins:
        space = self._space(connection)
        if space is None:
            raise RefusedError(Status.NOT_NOW, "the platform has no style space yet: join later", retry_after=60)
        return Pins(
            style_space=space.style_space,
            architecture=space.architecture,
            encoder=space.encoder,
            log_origin=self._logbook.origin,
            leaf=identity.leaf,
            salt=identity.salt,
        )

    def _seal(self, asked: Envelope, body: Body, *, recipient: bytes | None = None) -> bytes:
        return Envelope(
            sender=self._signer.platform_key,
            recipient=asked.sender if recipient is None else recipient,
            purpose=asked.purpose,
            session=asked.session,
            round=asked.round,
            body=body.encode(),
        ).seal(self._signer.identity)


def desk_routes(desk: Desk) -> APIRouter:
    """Routes of what artists do of their own accord."""
    router = APIRouter(tags=["artists"])
    for route, answer, summary in (
        (Route.JOIN, desk.join, "Enrol a new identity with a token"),
        (Route.PUBLISH, desk.publish, "Put a signature into the catalogue"),
        (Route.WITHDRAW, desk.withdraw, "Take it out"),
        (Route.LEAVE, desk.leave, "Retire an identity"),
        (Route.RENEW, desk.renew, "Replace an identity"),
    ):
        router.post(route, summary=summary)(answer)
    return router


_REFUSED_TOKENS: Final = {
    TokenState.UNKNOWN: (Status.UNKNOWN, "this invitation is not of this platform: ask the operator for another"),
    TokenState.USED: (Status.GONE, "this invitation was used by another key: ask the operator for a new one"),
    TokenState.EXPIRED: (Status.GONE, "this invitation has expired: ask the operator for a new one"),
    TokenState.REVOKED: (Status.GONE, "this invitation was revoked: ask the operator for a new one"),
}


def _enter_identity(connection: Connection, key: bytes) -> Entry:
    """Enter a new identity into the log."""
    salt = os.urandom(_SALT_BYTES)
    return Entry(key=key, leaf=enter(connection, Joined(commitment=commit_identity(key, salt))), salt=salt)


def _enter_retirement(connection: Connection, key: bytes) -> int:
    """Enter into the log that an identity is used no more."""
    entry = artists.find_entry(connection, key)
    if entry is None:
        raise RefusedError(Status.UNKNOWN, UNKNOWN)
    return enter(connection, Retired(commitment=commit_identity(entry.key, entry.salt)))
