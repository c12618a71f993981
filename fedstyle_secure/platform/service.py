"""One platform's process put together: its parts, opened in order and closed in order."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial

from fastapi import FastAPI

from ..errors import InputError
from ..server.foundation import Foundation
from ..wire.pins import PublicPins
from ..wire.routes import POLL_SECONDS
from .gateway.app import make_app
from .gateway.catalogue import Catalogue, catalogue_routes
from .gateway.enrolment import Desk, Space, desk_routes
from .gateway.limits import Rate
from .gateway.log import log_routes
from .gateway.mailboxes import Bell, Mailboxes, mailbox_routes
from .gateway.pages import buyer_routes
from .gateway.receiving import Reception
from .gateway.trainings import training_routes
from .logbook import Logbook
from .metrics import Metrics
from .pages.buyer import Exported
from .settings import PlatformFolder, Settings
from .signer import Signer
from .store.database import Connection, Database
from .store.trainings import read_foundation
from .store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a process is made of.

    Attributes:
        folder: The platform's.
        settings: Its settings.
        database: Open.
        signer: Its keys.
        logbook: Its log.
        metrics: What it counts.
        app: What answers HTTP.
    """

    folder: PlatformFolder
    settings: Settings
    database: Database
    signer: Signer
    logbook: Logbook
    metrics: Metrics
    app: FastAPI


@contextmanager
def opened(folder: PlatformFolder, *, poll_seconds: float = POLL_SECONDS) -> Iterator[Service]:
    """Open a platform.

    Args:
        folder: The platform's.
        poll_seconds: How long an artist's poll waits at most.

    Raises:
        InputError: Its folder, settings, keys or database cannot be used.
        StorageError: Its database cannot be reached.
    """
    settings = folder.settings()
    signer = Signer(folder.path)
    with ExitStack() as stack:
        database = Database.open(folder.database_url(settings))
        stack.callback(database.close)
        logbook = Logbook(database, signer)
        writer, metrics = Writer(database), Metrics()
        stack.callback(writer.close)
        app = _assemble(
            settings,
            public_pins(folder, settings, signer),
            exported=Exported.read(folder.web),
            database=database,
            writer=writer,
            signer=signer,
            logbook=logbook,
            metrics=metrics,
            poll_seconds=poll_seconds,
        )
        yield Service(
            folder=folder,
            settings=settings,
            database=database,
            signer=signer,
            logbook=logbook,
            metrics=metrics,
            app=app,
        )


def public_pins(folder: PlatformFolder, settings: Settings, signer: Signer) -> PublicPins:
    """What anybody must know of the platform."""
    return PublicPins(
        address=settings.address,
        certificates=folder.authority.read_text(encoding="ascii") if settings.has_tls else "",
        platform_key=signer.platform_key,
        log_key=signer.log_key,
        log_origin=signer.said.origin,
    )


def read_space(connection: Connection) -> Space | None:
    """What newcomers pin, once the platform has its foundation."""
    content = read_foundation(connection)
    return None if content is None else _space_of(content)


def encoder_of(folder: PlatformFolder) -> str:
    """The encoder of a platform, as ``name@sha256``.

    Raises:
        InputError: It has no foundation, or cannot be opened.
        StorageError: Its database cannot be reached.
    """
    database = Database.open(folder.database_url(folder.settings()))
    try:
        return _encoder(database, str(folder.path))
    finally:
        database.close()


def _encoder(database: Database, where: str) -> str:
    with database.reading() as connection:
        space = read_space(connection)
    if space is None:
        raise InputError(f"{where} has no foundation: `fedstyle platform init` makes a platform")
    return space.encoder


@cache
def _space_of(foundation: bytes) -> Space:
    model = Foundation.decode(foundation).model
    return Space(style_space=model.style_space_digest, architecture=model.architecture_digest, encoder=model.encoder)


def _assemble(
    settings: Settings,
    pins: PublicPins,
    *,
    exported: Exported | None,
    database: Database,
    writer: Writer,
    signer: Signer,
    logbook: Logbook,
    metrics: Metrics,
    poll_seconds: float,
) -> FastAPI:
    reception = Reception(
        database,
        signer.platform_key,
        memory=settings.memory_mb << 20,
        refusals=Rate(burst=settings.refusals_burst, per_second=settings.refusals_per_second),
        requests=Rate(burst=settings.requests_burst, per_second=settings.requests_per_second),
    )
    bell = Bell(database)
    metrics.watch("polls_waiting", "Polls that wait for a request.", lambda: bell.waiting)
    metrics.watch("body_bytes", "Bytes of bodies in memory.", lambda: reception.memory.taken)
    metrics.watch("writes_waiting", "Writes that wait for a commit.", lambda: writer.waiting)
    catalogue = Catalogue(database, logbook, signer, {} if exported is None else exported.digests)
    desk = Desk(writer=writer, reception=reception, signer=signer, logbook=logbook, space=read_space)
    return make_app(
        [
            mailbox_routes(Mailboxes(database, writer, reception, bell, poll_seconds=poll_seconds)),
            desk_routes(desk),
            log_routes(logbook),
            training_routes(database),
            catalogue_routes(catalogue, pins),
            buyer_routes(catalogue, pins, exported, encoder=partial(_encoder, database, pins.address)),
        ],
        database=database,
        reception=reception,
        metrics=metrics,
        bell=bell,
    )
