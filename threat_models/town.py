"""A small town: artists with synthetic style features, real keys, real masks and a real server, to be bent."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.masking import IN_PROCESS, REFUSALS, Enrolment
from fedstyle_secure.aggregation.session import NO_LOG, Subject
from fedstyle_secure.aggregation.windows import Beacon, Opening, Speaking
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.store import MemoryStore
from fedstyle_secure.artist.terms import Terms
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import Mechanism, View, plan
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.server.alignment import Alignment
from fedstyle_secure.server.checkpoint import Checkpoint
from fedstyle_secure.server.cohort import CohortPlan
from fedstyle_secure.server.iterations import Outcome, run
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.tensors import head_segment, moments_segment
from fedstyle_secure.training.updates import Layout

from .platform_key import PLATFORM, SERVER_KEY
from .scripted import scripted

RAW, POOLED, D, H, VIEWS, ARTWORKS = 20, 4, 12, 4, 3, 10

Mailbox = Callable[[bytes], bytes]


def cosine(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Of the angle between two vectors; 0 where one has no length."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


def style_features(seed: int, *, artworks: int = ARTWORKS, views: int = VIEWS, subjects: float = 5.0) -> StyleFeatures:
    """One artist: a style of its own, artworks scattered around it, views scattered around the artworks.

    Four features speak of subjects, `subjects` times as loud as the others: only training can learn to ignore them.
    """
    rng = np.random.default_rng(seed)
    style = rng.normal(size=RAW)
    loudness = np.where(np.arange(RAW) < 4, subjects, 1.0)
    each = style + loudness * rng.normal(size=(artworks, 1, RAW))
    return StyleFeatures((each + 0.3 * rng.normal(size=(artworks, 1 + views, RAW))).astype(np.float32))


@cache
def public_features() -> tuple[StyleFeatures, ...]:
    """Six public artists, from whom the public space is fitted."""
    return tuple(style_features(1000 + number, subjects=1.0) for number in range(6))


@cache
def first_model() -> StyleModel:
    """The model before any training."""
    public = np.concatenate([features.views[:, 0] for features in public_features()])
    rng = np.random.default_rng(3)
    return StyleModel(
        whitening=Whitening.fit(public, pooled_size=POOLED, dimensions=D),
        alignment=np.eye(D, dtype=np.float32),
        head=np.linalg.qr(rng.normal(size=(D, H)))[0].T.astype(np.float32),
        residual=0.5,
        encoder="synthetic@0",
    )


@cache
def first_alignment() -> Alignment:
    """The server's state before any aggregate."""
    model = first_model()
    return Alignment.start(model, np.concatenate([model.whiten(each.views[:, 0]) for each in public_features()]))


def first_checkpoint(**changes: Any) -> Checkpoint:
    """Where a training of this town begins, but for what is named."""
    facts: dict[str, Any] = {"model": first_model(), "alignment": first_alignment()}
    return Checkpoint(**(facts | changes))


@cache
def codebook() -> Codebook:
    """The public anchors."""
    return Codebook.from_seed(b"town", dimensions=H)


@cache
def identity(number: int) -> Ed25519PrivateKey:
    """An artist's long-lived key, the same every time."""
    return Ed25519PrivateKey.from_private_bytes(sha256(b"artist %d" % number).digest())


def public_key(number: int) -> bytes:
    """The public half of `identity`."""
    return identity(number).public_key().public_bytes_raw()


def make_enrolment(number: int, *, artists: int) -> Enrolment:
    """What an artist of a town of so many brings to every session."""
    return Enrolment(
        identity=identity(number),
        roster=frozenset(public_key(other) for other in range(artists)),
    )


def make_terms(**changes: Any) -> Terms:
    """What every artist of a town insists on, but for what is named; budgets are the ledger's business here."""
    terms: dict[str, Any] = {
        "platform_key": SERVER_KEY,
        "architectures": frozenset({first_model().architecture_digest}),
        "corrupt": 1,
        "min_cohort": 5,
        "min_survivors": 5,
        "patience": IN_PROCESS,
        "mode": Mode.DISTRIBUTED,
        "unit": Unit.ARTWORK,
        "sampling_rate": 1.0,
        "max_artworks": 20,
        "iteration_epsilon": math.inf,
        "unsummed_epsilon": math.inf,
        "max_uploads": 3,
        "max_jump": 100,
    }
    return Terms(**(terms | changes))


def make_mechanism(layout: Layout | None = None, **changes: Any) -> Mechanism:
    """A release of moments and head by eight artists, one of them corrupt, of whom two may drop out."""
    mode = changes.get("mode", Mode.DISTRIBUTED)
    settings: dict[str, Any] = {
        "mode": mode,
        "unit": Unit.ARTWORK,
        "layout": layout or Layout((moments_segment(D, 0.4), head_segment(D, H, 0.6))),
        "noise_multiplier": 0.0 if mode is Mode.NONE else 2.0,
        "clients": 8,
        "corrupt": 1,
        "min_survivors": 6,
        "max_artworks": 20,
        "rotation_seed": sha256(b"rotation").digest(),
    }
    return plan(**(settings | changes))


def make_subject(**changes: Any) -> Subject:
    """The first iteration of the first model, but for what is named."""
    model = first_model()
    facts: dict[str, Any] = {
        "iteration": 1,
        "model_digest": model.digest,
        "architecture_digest": model.architecture_digest,
        "anchors_digest": codebook().digest,
        "agreed": NO_LOG,
    }
    return Subject(**(facts | changes))


def an_hour(session: int) -> Opening:
    """A window that ends in an hour."""
    return Opening(pulse=session, end=int(time.time()) + 3600)


def make_announcement(mechanism: Mechanism | None = None, **changes: Any) -> Announcement:
    """The first iteration of the first model, but for what is named."""
    facts: dict[str, Any] = {"iteration": 1, "mechanism": mechanism or make_mechanism(), "model": first_model()}
    return Announcement(**(facts | changes))


def mailbox(artist: Artist, answer: Mailbox, purpose: Purpose = Purpose.ANNOUNCEMENT) -> Mailbox:
    """Where an artist opens what the platform signed, and signs what it answers."""
    return answering(answer, purpose, identity=artist.enrolment.identity, server_key=artist.terms.platform_key)


@dataclass(kw_only=True)
class Federation:
    """A server's loop with its artists; `guards` replace an artist's session mailbox by what they make of it.

    With a beacon, artists speak once.
    """

    folder: Path
    mode: Mode = Mode.NONE
    unit: Unit = Unit.ARTWORK
    clients: int = 8
    corrupt: int = 1
    min_survivors: int = 6
    multipliers: Sequence[float] = (0.0, 0.0, 0.0)
    limit: float = float("inf")
    buckets: int = 1
    min_cohort: int = 5
    randomness: Callable[[int], Callable[[int], bytes]] = field(default=lambda number: scripted(f"random {number}"))
    guards: Mapping[int, Callable[[Mailbox], Mailbox]] = field(default_factory=dict)
    beacon: Beacon | None = None

    def __post_init__(self) -> None:
        self.names = [f"artist {number}" for number in range(self.clients)]
        self.identities = [public_key(number) for number in range(self.clients)]
        self.artists = {name: self._enrol(number) for number, name in enumerate(self.names)}
        sessions: dict[str, Mailbox] = {name: artist.receive_request for name, artist in self.artists.items()}
        for number, guard in self.guards.items():
            sessions[self.names[number]] = guard(sessions[self.names[number]])
        self.engine = MemoryEngine(
            {
                f"{name}/announcement": mailbox(self.artists[name], self.artists[name].receive_announcement)
                for name in self.names
            }
            | {
                f"{name}/session": mailbox(self.artists[name], session, Purpose.SESSION)
                for name, session in sessions.items()
            },
            refusals=REFUSALS,
        )
        self.cohort = CohortPlan(
            mode=self.mode,
            unit=self.unit,
            clients=-(-self.clients // self.buckets),
            corrupt=self.corrupt,
            min_cohort=self.min_cohort,
            min_survivors=self.min_survivors,
            max_artworks=20,
            noise=Noise.GAUSSIAN,
            sampling_rate=1.0,
            multipliers=self.multipliers,
            seed=b"town",
            buckets=self.buckets,
        )

    @property
    def terms(self) -> Terms:
        """What every artist here insists on."""
        return make_terms(
            corrupt=self.corrupt,
            min_cohort=self.min_cohort,
            min_survivors=min(self.min_cohort, self.min_survivors),
            mode=self.mode,
            unit=self.unit,
        )

    def _enrol(self, number: int) -> Artist:
        random = self.randomness(number)
        view = View.LOCAL if self.mode is Mode.LOCAL else View.AGGREGATE
        self.folder.mkdir(parents=True, exist_ok=True)
        return Artist(
            features=style_features(number),
            codebook=codebook(),
            codeword=codebook().draw(scripted(f"anchor {number}")),
            enrolment=make_enrolment(number, artists=self.clients),
            terms=self.terms,
            agreed=NO_LOG,
            ledger=Ledger.open(self.folder / f"{number}.jsonl", limit=self.limit, delta=1e-5, view=view),
            store=MemoryStore(),
            random=random,
            beacon=self.beacon,
        )

    def loop(self, **changes: Any) -> Iterator[Outcome]:
        """The server's iterator of outcomes, nothing done yet."""
        arguments: dict[str, Any] = {
            "checkpoint": first_checkpoint(),
            "cohort": self.cohort,
            "anchors_digest": codebook().digest,
            "agreed": NO_LOG,
            "identity": PLATFORM,
            "identities": self.identities,
            "engine": self.engine,
            "artists": self.names,
            "speaking": None if self.beacon is None else Speaking(beacon=self.beacon, opening=an_hour),
        }
        return run(**(arguments | changes))

    def run(self) -> list[Outcome]:
        """All iterations."""
        return list(self.loop())


@dataclass(frozen=True)
class Town:
    """Everything above under one name, for the fixture `town`."""

    folder: Path

    RAW, POOLED, D, H, VIEWS, ARTWORKS = RAW, POOLED, D, H, VIEWS, ARTWORKS
    scripted = staticmethod(scripted)
    features = staticmethod(style_features)
    public_features = staticmethod(public_features)
    model = staticmethod(first_model)
    alignment = staticmethod(first_alignment)
    checkpoint = staticmethod(first_checkpoint)
    codebook = staticmethod(codebook)
    PLATFORM, SERVER_KEY = PLATFORM, SERVER_KEY
    identity = staticmethod(identity)
    public_key = staticmethod(public_key)
    enrolment = staticmethod(make_enrolment)
    terms = staticmethod(make_terms)
    mechanism = staticmethod(make_mechanism)
    subject = staticmethod(make_subject)
    announcement = staticmethod(make_announcement)

    def federation(self, **changes: Any) -> Federation:
        """A federation whose ledgers lie in this folder."""
        return Federation(folder=self.folder / "ledgers", **changes)

    def artist(self, number: int = 0, **changes: Any) -> Artist:
        """One artist of a town in mode distributed, with some attributes replaced."""
        federation = self.federation(mode=Mode.DISTRIBUTED, multipliers=(2.0,))
        artist = federation.artists[federation.names[number]]
        for name, value in changes.items():
            setattr(artist, name, value)
        return artist

    bend = staticmethod(replace)
