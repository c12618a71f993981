"""A platform's public half with a real catalogue, and the same keys under a second history: a fork."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from fastapi import APIRouter

from fedstyle_secure import canonical
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.platform.gateway.catalogue import Catalogue, catalogue_routes
from fedstyle_secure.platform.gateway.log import log_routes
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.artists import ARTISTS
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import publish_signature, withdraw_signature
from fedstyle_secure.platform.store.trainings import GENERATIONS, TRAININGS, Connection
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.transparency.leaves import Joined, Leaf, Model
from fedstyle_secure.wire.catalogue import Listed
from fedstyle_secure.wire.pins import PublicPins
from tests.platform.gateway.served import serving

TRAINING = b"t" * 32


class Shown:
    """One platform in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = Signer(folder) if folder.exists() else Signer.create(folder, log_name="gallery.example/log")
        self.database = Database.open(f"sqlite:///{folder}/platform.sqlite")
        self.logbook = Logbook(self.database, self.signer)
        self.catalogue = Catalogue(self.database, self.logbook, self.signer)
        self.artists: dict[str, int] = {}

    def publish(self, model: bytes, index: StyleIndex) -> None:
        """A training's model, and all signatures of a catalogue."""
        with self.database.writing() as connection:
            digest, space = keep_file(connection, model), keep_file(connection, index.space.encode())
            enter(connection, Model(digest=digest, space=space, training=TRAINING))
            for name, vector in zip(index.artists, index.vectors, strict=True):
                facts = {"label": name, "name": name, "folded": name, "terms": b""}
                row = connection.execute(ARTISTS.insert().values(**facts).returning(ARTISTS.c.id))
                self.artists[name] = row.scalar_one()
                publish_signature(connection, self.artists[name], listed(name, vector))

    def withdraw(self, name: str) -> None:
        with self.database.writing() as connection:
            withdraw_signature(connection, self.artists[name])

    def enter(self, *leaves: Leaf) -> None:
        with self.database.writing() as connection:
            for leaf in leaves:
                enter(connection, leaf)

    def fork(self, folder: Path) -> "Shown":
        """The same keys and history, as a platform has them that says something else from now on."""
        self.database.close()
        shutil.copytree(self.folder, folder)
        other = Shown(folder)
        other.artists = dict(self.artists)
        return other

    @contextmanager
    def served(self, pins: Path | None = None) -> Iterator[str]:
        """Serves, and writes a file of its pins; yields its address."""

        def routes(address: str) -> list[APIRouter]:
            own = PublicPins(
                address=address,
                certificates="",
                platform_key=self.signer.platform_key,
                log_key=self.signer.log_key,
                log_origin=self.signer.said.origin,
            )
            if pins is not None:
                pins.write_bytes(canonical.encode(own))
            return [log_routes(self.logbook), catalogue_routes(self.catalogue, own)]

        with serving(routes) as address:
            yield address


def add_training(connection: Connection, digest: bytes, signature: Mechanism) -> None:
    """A training that is over, of which only the release of its signatures is looked at."""
    connection.execute(GENERATIONS.insert().values(number=1, salt=bytes(32), leaf=0))
    facts = {"facts": b"", "start": b"", "signature": canonical.encode(signature), "problem": ""}
    numbers = {"number": 1, "generation": 1, "leaf": 0, "attempts": 1}
    connection.execute(TRAININGS.insert().values(digest=digest, state="ended", stop=False, **facts, **numbers))


def listed(name: str, vector: np.ndarray) -> Listed:
    return Listed(training=TRAINING, name=name, link=None, vector=vector.astype("<f4").tobytes())


def anybody(number: int) -> Joined:
    return Joined(commitment=number.to_bytes(32, "big"))
