"""A whole platform in a folder, made as an operator makes it, that really listens; and artists who call it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from fedstyle_secure import canonical
from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.platform.inviting import invite_artist
from fedstyle_secure.platform.service import Service, opened
from fedstyle_secure.platform.settings import PlatformFolder, Settings
from fedstyle_secure.platform.setup import make_platform
from fedstyle_secure.platform.store.artists import Entry, Newcomer, add_token, enrol
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.transparency.leaves import Model
from fedstyle_secure.wire import tls
from fedstyle_secure.wire.bodies import Body
from fedstyle_secure.wire.enrolment import Invitation, Join
from fedstyle_secure.wire.routes import Route
from tests.platform.letters import artist_key, public
from tests.platform.street import Gateway, Heard, listening
from tests.wire.test_bodies import STATEMENT

SETTINGS = Settings(address="https://127.0.0.1:8443", hosts=("127.0.0.1", "localhost"), listen="127.0.0.1:0")
TERMS = replace(STATEMENT, unit=Unit.ARTWORK, min_cohort=5, max_artworks=50, encoders=("synthetic@0",))
"""On which artists can train together."""
TRAINING = sha256(b"a training").digest()


def foundation(town) -> bytes:
    return Foundation(model=town.model(), public=[each.views for each in town.public_features()]).encode()


def make(path: Path, town, database_url: str | None = None, settings: Settings = SETTINGS) -> PlatformFolder:
    if database_url is not None and database_url.startswith("postgresql"):
        settings = replace(settings, database="postgresql")
    else:
        database_url = None
    make_platform(path, settings, log_name="tests.example/log", database_url=database_url, foundation=foundation(town))
    return PlatformFolder(path)


def opened_database(folder):
    return closing(Database.open(folder.database_url(folder.settings())))


def join(folder: PlatformFolder, *numbers: int, terms=TERMS) -> None:
    """Artists who joined on these terms, straight in the store."""
    with opened_database(folder) as database, database.writing() as connection:
        for number in numbers:
            name, token = f"artist {number}", sha256(b"%d" % number).digest()
            add_token(connection, digest=token, label=name, expires=1)
            newcomer = Newcomer(name=name, folded=name, link=None, terms=canonical.encode(terms))
            entry = Entry(key=public(artist_key(number)), leaf=0, salt=bytes(32))
            enrol(connection, token=token, label=name, newcomer=newcomer, identity=entry, now=0)


@dataclass(kw_only=True)
class House:
    """A platform that listens."""

    folder: PlatformFolder
    service: Service
    door: Gateway
    acts: dict[int, int] = field(default_factory=dict)

    @property
    def key(self) -> bytes:
        return self.service.signer.platform_key

    def invite(self, label: str, **changes: object) -> Invitation:
        path = self.folder.path / f"{label}.invitation"
        path.unlink(missing_ok=True)
        invite_artist(self.folder, label, path, **changes)
        return Invitation.decode(path.read_bytes())

    def seal(self, index: int, body: bytes, purpose: Purpose, number: int = 0, session: int = 0) -> bytes:
        envelope = Envelope(
            sender=public(artist_key(index)),
            recipient=self.key,
            purpose=purpose,
            session=session,
            round=number,
            body=body,
        )
        return envelope.seal(artist_key(index))

    def join(self, index: int, invitation: Invitation, *, name: str | None = None) -> Heard:
        return self.door.post(Route.JOIN, self.join_letter(index, invitation, name=name))

    def join_letter(self, index: int, invitation: Invitation, *, name: str | None = None) -> bytes:
        body = Join(token=invitation.token, name=name or f"Artist {index}", link=None, terms=STATEMENT)
        return self.seal(index, body.encode(), Purpose.JOIN)

    def welcome(self, index: int) -> None:
        assert self.join(index, self.invite(f"artist {index}")).status == 200

    def act(self, index: int, route: Route, body: Body, *, number: int | None = None) -> Heard:
        if number is None:
            number = self.acts[index] = self.acts.get(index, 0) + 1
        return self.door.post(route, self.seal(index, body.encode(), body.PURPOSE, number))

    def opened(self, index: int, heard: Heard, purpose: Purpose, kind: type[Body]) -> Body:
        assert heard.status == 200, heard
        envelope = Envelope.open(heard.body, sender=self.key, recipient=public(artist_key(index)), purpose=purpose)
        return kind.decode(envelope.body)

    def finish_training(self, space: SignatureSpace) -> None:
        """As if a training had come to a model."""
        with self.service.database.writing() as connection:
            digest = keep_file(connection, space.encode())
            model = keep_file(connection, b"a model")
            enter(connection, Model(digest=model, training=TRAINING, space=digest))


@contextmanager
def serving(folder: PlatformFolder) -> Iterator[House]:
    """A platform that listens, as long as this lasts."""
    with opened(folder) as service, listening(service.app, folder, service.settings) as port:
        door = Gateway(
            database=service.database,
            reception=None,
            bell=None,
            metrics=None,
            port=port,
            context=tls.client_context(folder.authority.read_text()),
        )
        yield House(folder=folder, service=service, door=door)
