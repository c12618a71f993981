"""A platform's gateway and three enrolled artists, called as a server calls an application, without sockets."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import ASGIApp

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.platform.gateway.app import make_app
from fedstyle_secure.platform.gateway.enrolment import Desk, Space, desk_routes
from fedstyle_secure.platform.gateway.limits import Rate
from fedstyle_secure.platform.gateway.mailboxes import Bell, Mailboxes, mailbox_routes
from fedstyle_secure.platform.gateway.receiving import Reception
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.metrics import Metrics
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store import artists, exchanges
from fedstyle_secure.platform.store.artists import Entry, Newcomer
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.writer import Writer
from fedstyle_secure.wire.routes import Route

ARTISTS: Final = 3
REPLY_LIMIT: Final = 4096
_MEMORY: Final = 64 << 20
_SPACE: Final = Space(style_space=bytes(32), architecture=bytes(32), encoder="lite0")


def key_of(index: int) -> Ed25519PrivateKey:
    """An artist's key; any number beyond the enrolled ones is a stranger's."""
    return Ed25519PrivateKey.from_private_bytes(sha256(b"artist on the street %d" % index).digest())


def public(index: int) -> bytes:
    """Its public half."""
    return key_of(index).public_key().public_bytes_raw()


@dataclass(frozen=True, slots=True)
class Heard:
    """What an application answered."""

    status: int
    body: bytes
    taken: int = field(default=0, compare=False)
    """Bytes of the request that were read."""


class Street:
    """A gateway that is called in this process.

    Args:
        folder: For keys and the database.
        refusals: Refused requests that one address may send at once.
    """

    def __init__(self, folder: Path, refusals: int) -> None:
        self.signer = Signer.create(folder, log_name="street.example/log")
        self.database = Database.open(f"sqlite:///{folder}/platform.sqlite")
        self.writer = Writer(self.database)
        rate = Rate(burst=refusals, per_second=0.001)
        self.reception = Reception(
            self.database,
            self.signer.platform_key,
            memory=_MEMORY,
            refusals=rate,
            requests=Rate(burst=1 << 20, per_second=1000.0),
        )
        bell = Bell(self.database)
        logbook = Logbook(self.database, self.signer)
        desk = Desk(
            writer=self.writer,
            reception=self.reception,
            signer=self.signer,
            logbook=logbook,
            space=lambda _connection: _SPACE,
        )
        mailboxes = Mailboxes(self.database, self.writer, self.reception, bell, poll_seconds=0.0)
        self.app = make_app(
            [mailbox_routes(mailboxes), desk_routes(desk)],
            database=self.database,
            reception=self.reception,
            metrics=Metrics(),
            bell=bell,
        )
        with self.database.writing() as connection:
            for index in range(ARTISTS):
                label, token = f"artist {index}", sha256(b"%d" % index).digest()
                newcomer = Newcomer(name=label, folded=label, link=None, terms=b"{}")
                entry = Entry(key=public(index), leaf=0, salt=bytes(32))
                artists.add_token(connection, digest=token, label=label, expires=1)
                artists.enrol(connection, token=token, label=label, newcomer=newcomer, identity=entry, now=0)

    def ask(self, session: int = 1, round_: int = 0) -> int:
        """A round of a session asks every artist; the exchange's number."""
        requests = {
            f"{public(index).hex()}/session": Envelope(
                sender=self.signer.platform_key,
                recipient=public(index),
                purpose=Purpose.SESSION,
                session=session,
                round=round_,
                body=b"for artist %d alone" % index,
            ).seal(self.signer.identity)
            for index in range(ARTISTS)
        }
        with self.database.writing() as connection:
            return exchanges.open_exchange(
                connection,
                training=1,
                name=f"session {session} round {round_}",
                requests=requests,
                reply_limit=REPLY_LIMIT,
            ).id

    def close_exchange(self, exchange: int) -> None:
        """Take no more answers."""
        with self.database.writing() as connection:
            exchanges.close_exchange(connection, exchange)

    def kept(self, exchange: int) -> list[bytes]:
        """Bodies of the answers that were kept."""
        with self.database.reading() as connection:
            replies = exchanges.replies_after(connection, exchange, 0, at_most=1000)
        return [Envelope.claims(reply.content).body for reply in replies]

    def seal(
        self, index: int, purpose: Purpose, body: bytes = b"", *, session: int = 0, round_: int = 0, sender: int = -1
    ) -> bytes:
        """An envelope signed by one artist, in the name of another if `sender` says so."""
        envelope = Envelope(
            sender=public(index),
            recipient=self.signer.platform_key,
            purpose=purpose,
            session=session,
            round=round_,
            body=body,
        )
        sealed = envelope.seal(key_of(index))
        return sealed if sender < 0 else sealed[:2] + public(sender) + sealed[34:]

    def call(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Heard:
        """Call the application once."""
        return asyncio.run(call(self.app, method, path, body, headers))

    def post(self, route: Route, body: bytes) -> Heard:
        """Post an envelope."""
        return self.call("POST", route.value, body)

    def close(self) -> None:
        """Let go of the database."""
        self.writer.close()
        self.database.close()


async def call(
    app: ASGIApp, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Heard:
    """Call an application once, from an address of documentation's."""
    told = {"content-length": str(len(body))} | dict(headers or {})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path.partition("?")[0],
        "raw_path": path.encode(),
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()],
        "client": ("192.0.2.1", 50_000),
        "server": ("127.0.0.1", 8443),
        "scheme": "https",
        "root_path": "",
    }
    pieces = [body[start : start + (1 << 16)] for start in range(0, len(body), 1 << 16)] or [b""]
    answered: dict[str, Any] = {"status": 0, "body": b"", "taken": 0}

    async def receive() -> dict[str, Any]:
        if pieces:
            answered["taken"] += len(pieces[0])
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered["status"] = message["status"]
        else:
            answered["body"] += message.get("body", b"")

    try:
        await app(scope, receive, send)
    except Exception:  # a server answers such a request with 500, which was sent
        answered["status"] = answered["status"] or 500
    return Heard(answered["status"], answered["body"], answered["taken"])


@contextmanager
def street(*, refusals: int = 1 << 20) -> Iterator[Street]:
    """A gateway in a temporary folder."""
    with TemporaryDirectory(prefix="threat-") as folder:
        opened = Street(Path(folder), refusals)
        try:
            yield opened
        finally:
            opened.close()
