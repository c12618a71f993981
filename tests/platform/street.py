"""A gateway that really listens, with TLS, on loopback, in a thread; and how artists call it."""

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi import APIRouter

from fedstyle_secure.platform.gateway.app import make_app
from fedstyle_secure.platform.gateway.limits import Rate
from fedstyle_secure.platform.gateway.mailboxes import Bell, Mailboxes, mailbox_routes
from fedstyle_secure.platform.gateway.receiving import Reception
from fedstyle_secure.platform.metrics import Metrics
from fedstyle_secure.platform.serving import make_server
from fedstyle_secure.platform.settings import PlatformFolder, Settings
from fedstyle_secure.platform.store import artists, exchanges
from fedstyle_secure.platform.store.artists import Entry, Newcomer
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.writer import Writer
from fedstyle_secure.wire import tls
from fedstyle_secure.wire.routes import Route
from tests.platform.letters import PLATFORM, artist_key, asked, public, sealed

SETTINGS = Settings(address="https://127.0.0.1:8443", hosts=("127.0.0.1",), listen="127.0.0.1:0")
START = bytes(16)


@dataclass(frozen=True)
class Heard:
    status: int
    body: bytes
    headers: http.client.HTTPMessage = field(repr=False)


@dataclass(kw_only=True)
class Gateway:
    """A gateway that listens."""

    database: Database
    reception: Reception
    bell: Bell
    metrics: Metrics
    port: int
    context: ssl.SSLContext

    def connection(self, timeout: float = 60) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.context)

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Heard:
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Heard(response.status, response.read(), response.headers)
        finally:
            connection.close()

    def post(self, route: Route | str, envelope: bytes) -> Heard:
        return self.call("POST", str(route), envelope)

    def poll(self, index: int = 0, *, instance: int = 1, start: bytes = START) -> Heard:
        return self.post(Route.NEXT, poll(index, instance=instance, start=start))

    def enrol(self, count: int = 3) -> None:
        with self.database.writing() as connection:
            for index in range(count):
                enrol(connection, index)

    def ask(self, name: str = "x", reply_limit: int = 1000, **about: object) -> int:
        with self.database.writing() as connection:
            return exchanges.open_exchange(
                connection, training=1, name=name, requests=asked(**about), reply_limit=reply_limit
            ).id

    def close_exchange(self, exchange: int) -> None:
        with self.database.writing() as connection:
            exchanges.close_exchange(connection, exchange)

    def kept(self, exchange: int) -> list[bytes]:
        with self.database.reading() as connection:
            return [reply.content for reply in exchanges.replies_after(connection, exchange, 0, at_most=100)]

    def retire(self, index: int) -> None:
        with self.database.writing() as connection:
            found = artists.find_identity(connection, public(artist_key(index)))
            artists.retire(connection, found.artist, now=2)


def poll(index: int, *, instance: int = 1, start: bytes = START) -> bytes:
    from fedstyle_secure.aggregation.letters import Purpose

    return sealed(artist_key(index), purpose=Purpose.POLL, session=instance, body=start)


def enrol(connection, index: int) -> None:
    label = f"artist {index}"
    artists.add_token(connection, digest=b"%032d" % index, label=label, expires=100)
    artists.enrol(
        connection,
        token=b"%032d" % index,
        label=label,
        newcomer=Newcomer(name=label, folded=label, link=None, terms=b"{}"),
        identity=Entry(key=public(artist_key(index)), leaf=index, salt=bytes(32)),
        now=1,
    )


def certify(folder: PlatformFolder) -> str:
    """Make certificates; the authority's PEM."""
    authority_key, key = tls.make_key(), tls.make_key()
    authority = tls.make_authority(authority_key, "tests")
    certificate = tls.make_certificate(key, ["127.0.0.1"], authority=authority, authority_key=authority_key)
    folder.certificate.parent.mkdir(parents=True, exist_ok=True)
    folder.secrets.mkdir(mode=0o700, exist_ok=True)
    folder.certificate.write_bytes(tls.encode_certificate(certificate))
    folder.certificate_key.write_bytes(tls.encode_key(key))
    return tls.encode_certificate(authority).decode()


@contextmanager
def listening(app, folder: PlatformFolder, settings: Settings) -> Iterator[int]:
    """Serve an application from a thread; its port."""
    server = make_server(app, folder, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until, doors = time.monotonic() + 30, 1 if settings.local_on is None else 2
        while not (server.started and len(server.servers) == doors) and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def gateway(url: str, path: Path, *, routers: tuple[APIRouter, ...] = (), **changes: object) -> Iterator[Gateway]:
    """A gateway on a database; `changes` are settings, and `poll_seconds`."""
    poll_seconds = changes.pop("poll_seconds", 25)
    settings = replace(SETTINGS, **changes)
    folder = PlatformFolder(path)
    path.mkdir(exist_ok=True)
    context = tls.client_context(certify(folder))
    database = Database.open(url)
    writer = Writer(database)
    reception = Reception(
        database,
        public(PLATFORM),
        memory=settings.memory_mb << 20,
        refusals=Rate(burst=settings.refusals_burst, per_second=settings.refusals_per_second),
        requests=Rate(burst=settings.requests_burst, per_second=settings.requests_per_second),
    )
    bell, metrics = Bell(database), Metrics()
    mailboxes = Mailboxes(database, writer, reception, bell, poll_seconds=poll_seconds)
    app = make_app(
        [mailbox_routes(mailboxes), *routers],
        database=database,
        reception=reception,
        metrics=metrics,
        bell=bell,
    )
    with listening(app, folder, settings) as port:
        yield Gateway(database=database, reception=reception, bell=bell, metrics=metrics, port=port, context=context)
    writer.close()
    database.close()
