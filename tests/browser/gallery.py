"""A platform with painters in its catalogue and a page for buyers, served as its own process does, on loopback."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedstyle_secure.artworks.reader import read_artwork
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.nearness import NEARNESS_FILE, Nearness
from fedstyle_secure.catalogue.signature import Signature
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.opening import open_encoder
from fedstyle_secure.encoder.spec import BackboneSpec
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.platform.gateway.catalogue import Catalogue
from fedstyle_secure.platform.service import Service, encoder_of, opened
from fedstyle_secure.platform.settings import PlatformFolder, Settings
from fedstyle_secure.platform.setup import make_platform
from fedstyle_secure.platform.store.artists import ARTISTS
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import publish_signature, withdraw_signature
from fedstyle_secure.runs.exporting import export_web
from fedstyle_secure.runs.founding import lay_foundation
from fedstyle_secure.runs.search import OpenRun
from fedstyle_secure.transparency.leaves import Model
from fedstyle_secure.wire.catalogue import Listed
from tests.browser.looking import PACKAGES
from tests.platform.shown import add_training
from tests.platform.street import listening
from threat_models.town import make_mechanism

SETTINGS = Settings(address="https://gallery.example", hosts=("gallery.example",), listen="127.0.0.1:0", has_tls=False)
"""As behind a proxy that ends TLS; browsers trust loopback as they trust https."""
TRAINING = bytes(32)
LENGTH = 32


@dataclass(kw_only=True)
class Gallery:
    """What tests know of it.

    Attributes:
        address: Where its page is.
        python: The same catalogue on the road that the command line takes.
        questions: Of each painter, pictures that the signature is not of.
        heard: Every request that came, with its body.
        database: The platform's.
        platform_key: What it signs its catalogue with.
    """

    address: str
    python: OpenRun = field(repr=False)
    questions: Mapping[str, Sequence[Path]]
    heard: list["Heard"] = field(repr=False)
    database: Database = field(repr=False)
    platform_key: bytes = field(repr=False)

    def embed(self, picture: Path) -> NDArray[np.float32]:
        features = extract([read_artwork(picture)], self.python.encoder, views=0)
        return self.python.model.embed(features.views[:, 0])[0]

    def ranking(self, *pictures: Path) -> list[str]:
        return [each.artist for each in self.python.search(pictures, top=len(self.python.index)).results]

    def withdraw(self, artist: str) -> int:
        """Take an artist out of the catalogue; its number."""
        with self.database.writing() as connection:
            number: int = connection.execute(select(ARTISTS.c.id).where(ARTISTS.c.name == artist)).scalar_one()
            withdraw_signature(connection, number)
        return number


@dataclass(kw_only=True)
class Heard:
    """One request."""

    method: str
    url: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""


class Recorder:
    """Keeps every byte that an application is sent."""

    def __init__(self, app: ASGIApp, heard: list[Heard]) -> None:
        self._app, self._heard = app, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        url = scope["raw_path"] + b"?" + scope["query_string"]
        request = Heard(method=scope["method"], url=url, headers=scope["headers"])
        self._heard.append(request)

        async def receiving() -> Message:
            message = await receive()
            request.body += message.get("body", b"")
            return message

        await self._app(scope, receiving, send)


@contextmanager
def opened_gallery(folder: Path, *, public: Path, artists: Path) -> Iterator[Gallery]:
    """A gallery.

    Args:
        folder: For the platform, and what is not shown.
        public: Pictures that the style space is made of, a folder for each painter.
        artists: Pictures of the artists who publish; the last quarter of each one's asks.
    """
    foundation = lay_foundation(public, BackboneSpec())
    place = PlatformFolder(folder / "platform")
    make_platform(
        place.path, SETTINGS, log_name="gallery.example/log", database_url=None, foundation=foundation.encode()
    )
    export_web(encoder_of(place), place.web, packages=PACKAGES)
    encoder, model = open_encoder(BackboneSpec()), foundation.model
    space = foundation.signature_space(model, LENGTH)
    signatures, questions = [], {}
    for painter in sorted(path for path in artists.iterdir() if path.is_dir()):
        pictures = sorted(painter.glob("*.*g"))
        last = max(1, len(pictures) // 4)
        shown, questions[painter.name] = pictures[:-last], pictures[-last:]
        features = extract([read_artwork(picture) for picture in shown], encoder, views=0)
        style = to_unit(space.apply(model.embed(features.views[:, 0])).mean(axis=0))
        signatures.append(Signature(painter.name, style))
    with opened(place) as service:
        with service.database.writing() as connection:
            files = [keep_file(connection, content) for content in (model.encode(), space.encode())]
            enter(connection, Model(digest=files[0], space=files[1], training=TRAINING))
            add_training(connection, TRAINING, make_mechanism())
            for number, signature in enumerate(signatures):
                artist = add_artist(connection, signature.artist)
                publish_signature(connection, artist, listed(signature.artist, signature.vector, number))
        heard: list[Heard] = []
        service.app.add_middleware(Recorder, heard=heard)
        with listening(service.app, place, SETTINGS) as port:
            yield Gallery(
                address=f"http://127.0.0.1:{port}/",
                python=OpenRun(encoder, model, StyleIndex(space, signatures), nearness(service, folder)),
                questions=questions,
                heard=heard,
                database=service.database,
                platform_key=service.signer.platform_key,
            )


def nearness(service: Service, folder: Path) -> Nearness:
    """What the command line would say words by."""
    catalogue = Catalogue(service.database, service.logbook, service.signer)
    named = catalogue.edition().contents.collections[-1].nearness
    (folder / NEARNESS_FILE).write_bytes(catalogue.file(named) or b"")
    return Nearness.load(folder)


def add_artist(connection: Connection, name: str) -> int:
    row = {"label": name, "name": name, "folded": name, "terms": b""}
    number: int = connection.execute(ARTISTS.insert().values(row).returning(ARTISTS.c.id)).scalar_one()
    return number


def listed(artist: str, vector: NDArray[np.float32], number: int) -> Listed:
    """As published; every third artist has a link."""
    link = None if number % 3 else f"https://{artist}.example/works"
    return Listed(training=TRAINING, name=artist, link=link, vector=vector.astype("<f4").tobytes())
