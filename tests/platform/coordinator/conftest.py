"""A platform's store and log, real artists of a town, and a postman who does for them what agents and gateways do."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.aggregation.letters import Envelope, Purpose, answering
from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.platform.coordinator.generations import propose_roster
from fedstyle_secure.platform.coordinator.starting import Draft, start_training
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.artists import Entry, Newcomer, add_token, enrol
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.exchanges import keep_reply, oldest_request
from fedstyle_secure.platform.store.trainings import keep_foundation
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.training.updates import Layout, Segment, Support
from fedstyle_secure.transparency.watch import Watch
from fedstyle_secure.wire.messages import Asked, Offer, Plan
from fedstyle_secure.wire.routes import AGREED, NOTED
from threat_models.town import Town

ARTISTS = 6


def alone(length: int) -> Mechanism:
    segment = Segment(name="signature", length=length, support=Support.ARTIST, clip_norm=1.0, share=1.0)
    return plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        layout=Layout((segment,)),
        noise_multiplier=1.0,
        clients=1,
        corrupt=0,
        min_survivors=1,
        max_artworks=20,
        rotation_seed=bytes(32),
    )


def draft(town, **changes) -> Draft:
    promises = {
        "mode": Mode.DISTRIBUTED,
        "unit": Unit.ARTWORK,
        "noise": Noise.GAUSSIAN,
        "sampling_rate": 1.0,
        "corrupt": 0,
        "min_cohort": 5,
        "min_survivors": 5,
        "max_artworks": 20,
        "multipliers": (1.0, 1.0),
        "buckets": 1,
        "seed": sha256(b"town").digest(),
        "protocol": Protocol.SECAGG,
    }
    facts = {
        "asked": Asked(aggregate=8.0, local=None, worst_case=None, delta=1e-5),
        "prototype": alone(town.D),
        "signature": alone(8),
        "anchors": town.codebook().digest,
        "announcement_seconds": 60,
        "round_seconds": 60,
        "attempts": 1,
    }
    plan_ = Plan(**{name: changes.pop(name, value) for name, value in promises.items()})
    return Draft(plan=plan_, **(facts | changes))


@dataclass
class Gallery:
    """A platform without its doors.

    Attributes:
        silent: Numbers of artists who do not answer this purpose.
        silent_from: The same from a session on.
    """

    town: Town
    url: str
    folder: Path
    silent: dict[Purpose, set[int]] = field(default_factory=dict)
    silent_from: dict[Purpose, tuple[int, set[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = Database.open(self.url)
        self.signer = Signer.create(self.folder, log_name="gallery.example/log")
        self.logbook = Logbook(self.database, self.signer)
        self.foundation = Foundation(
            model=self.town.model(), public=[each.views for each in self.town.public_features()]
        )
        with self.database.writing() as connection:
            keep_foundation(connection, self.foundation.encode())
        self.artists = {}
        self.outcomes = {}
        self.refusals = []

    def join(self, *numbers: int, cohort: int = ARTISTS) -> None:
        """Enrol artists of the town; their terms pin this platform."""
        federation = self.town.federation(clients=cohort, min_survivors=5, corrupt=0, mode=Mode.DISTRIBUTED)
        for number in numbers:
            token = sha256(b"token %d" % number).digest()
            key = self.town.public_key(number)
            newcomer = Newcomer(name=f"artist {number}", folded=f"artist {number}", link=None, terms=b"")
            with self.database.writing() as connection:
                add_token(connection, digest=token, label=f"artist {number}", expires=1)
                entry = Entry(key=key, leaf=0, salt=bytes(32))
                label = f"artist {number}"
                enrol(connection, token=token, label=label, newcomer=newcomer, identity=entry, now=0)
            artist = list(federation.artists.values())[number % cohort]
            artist.terms = self.town.terms(platform_key=self.signer.platform_key, corrupt=0)
            self.artists[key] = (number, artist)

    def start(self, **changes):
        """A training that is offered."""
        made = draft(self.town, **changes)
        with self.database.reading() as connection:
            proposal = propose_roster(connection, made.plan.min_cohort)
        return start_training(self.database, self.foundation, proposal, made)

    def watch(self) -> Watch:
        return Watch(origin=self.signer.said.origin, key=self.signer.log_key)

    def post(self) -> bool:
        """Carry each artist's oldest request to it, and its answer back; whether there was any."""
        moved = False
        for key in self.artists:
            with self.database.reading() as connection:
                request = oldest_request(connection, key)
            if request is None:
                continue
            try:
                answer = self.answer(key, request)
            except (FedStyleError, *REFUSALS) as error:
                if str(error) not in self.refusals:
                    self.refusals.append(str(error))
                continue
            if answer is None:
                continue
            opened = Envelope.claims(answer)
            with self.database.writing() as connection:
                keep_reply(connection, opened, answer)
            moved = True
        return moved

    def answer(self, key: bytes, request: bytes) -> bytes | None:
        number, artist = self.artists[key]
        claims = Envelope.claims(request)
        purpose = claims.purpose
        first, gone = self.silent_from.get(purpose, (0, set()))
        if number in self.silent.get(purpose, ()) or (claims.session >= first and number in gone):
            return None
        answers = {
            Purpose.OFFER: lambda body: self.agree(artist, body),
            Purpose.ANNOUNCEMENT: artist.receive_announcement,
            Purpose.SESSION: artist.receive_request,
            Purpose.OUTCOME: lambda body: self.outcomes.__setitem__(key, body) or NOTED,
        }
        return answering(
            answers[purpose], purpose, identity=self.town.identity(number), server_key=self.signer.platform_key
        )(request)

    def agree(self, artist, body: bytes) -> bytes:
        _, artist.agreed = Offer.decode(body).enter(self.watch())
        return AGREED


class Postman:
    """Carries letters until it is told to go home."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery, self._home = gallery, threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            while not self._home.is_set():
                if not self._gallery.post():
                    self._home.wait(0.01)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> "Postman":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._home.set()
        self._thread.join()
        if self.error is not None:
            raise self.error


@pytest.fixture
def gallery_url(request, tmp_path) -> str:
    """SQLite, unless a test asks for the other kind too."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("shared_cluster").new_database()
    return f"sqlite:///{tmp_path}/platform.sqlite"


@pytest.fixture
def gallery(town, gallery_url, tmp_path) -> Iterator[Gallery]:
    gallery = Gallery(town, gallery_url, tmp_path / "platform")
    gallery.join(*range(ARTISTS))
    yield gallery
    gallery.database.close()
