"""A platform's store and log, real artists of a town, and a postman who carries letters between them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.aggregation.letters import Envelope, Purpose, answering
from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.platform.coordinator.generations import propose_roster
from fedstyle_secure.platform.coordinator.starting import Draft, start_training
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.settings import SETTINGS_FILE, Settings
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.artists import Entry, Newcomer, add_token, enrol
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.exchanges import keep_reply, oldest_request
from fedstyle_secure.platform.store.trainings import Training, keep_foundation
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.training.updates import Layout, Segment, Support
from fedstyle_secure.transparency.watch import Watch
from fedstyle_secure.wire.enrolment import Statement
from fedstyle_secure.wire.routes import AGREED, NOTED
from fedstyle_secure.wire.trainings import Asked, Offer, Plan

from .town import Town

ARTISTS: Final = 6
REFUSING: Final[tuple[type[Exception], ...]] = (FedStyleError, *REFUSALS)
"""What an artist raises instead of an answer."""


def alone(length: int) -> Mechanism:
    """A release of one artist alone."""
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


def draft(town: Town, **changes: Any) -> Draft:
    """A training of two iterations, but for what is named."""
    promises: dict[str, Any] = {
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
    facts: dict[str, Any] = {
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
        self.artists: dict[bytes, tuple[int, Artist]] = {}
        self.outcomes: dict[bytes, bytes] = {}
        self.refusals: list[str] = []

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

    def start(self, **changes: Any) -> Training:
        """A training that is offered."""
        made = draft(self.town, **changes)
        with self.database.reading() as connection:
            proposal = propose_roster(connection, made.plan.min_cohort)
        return start_training(self.database, self.foundation, proposal, made)

    def watch(self) -> Watch:
        """The log, as an artist who has seen nothing of it."""
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
            except REFUSING as error:
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
        """What an artist answers to a request; None for silence."""
        number, artist = self.artists[key]
        claims = Envelope.claims(request)
        purpose = claims.purpose
        first, gone = self.silent_from.get(purpose, (0, set()))
        if number in self.silent.get(purpose, ()) or (claims.session >= first and number in gone):
            return None
        answers: dict[Purpose, Callable[[bytes], bytes]] = {
            Purpose.OFFER: lambda body: self._agree(artist, body),
            Purpose.ANNOUNCEMENT: artist.receive_announcement,
            Purpose.SESSION: artist.receive_request,
            Purpose.OUTCOME: lambda body: self._note(key, body),
        }
        return answering(
            answers[purpose], purpose, identity=self.town.identity(number), server_key=self.signer.platform_key
        )(request)

    def _agree(self, artist: Artist, body: bytes) -> bytes:
        _, artist.agreed = Offer.decode(body).enter(self.watch())
        return AGREED

    def _note(self, key: bytes, body: bytes) -> bytes:
        self.outcomes[key] = body
        return NOTED


STATEMENT: Final = Statement(
    mode=Mode.DISTRIBUTED,
    unit=Unit.ARTWORK,
    epsilon=8.0,
    delta=1e-5,
    iteration_epsilon=None,
    corrupt=0,
    corrupt_share=0.0,
    min_cohort=5,
    min_survivors=5,
    sampling_rate=1.0,
    max_artworks=20,
    encoders=("lite0",),
)
"""What an artist says of its terms when it joins."""


def write_settings(folder: Path) -> None:
    """Of a platform that is called without sockets, as often as anybody likes."""
    settings = Settings(
        address="https://127.0.0.1:1",
        hosts=("127.0.0.1",),
        listen="127.0.0.1:0",
        has_tls=False,
        requests_burst=1 << 30,
        log_level="error",
    )
    (folder / "tls").mkdir()
    (folder / SETTINGS_FILE).write_text(settings.encode(), encoding="utf-8")


class Postman:
    """Carries letters until it is told to go home, as agents and gateways do.

    Args:
        gallery: Whose.

    Attributes:
        error: What ended it before.
    """

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
