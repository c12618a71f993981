"""A whole platform with its artists: real TLS, store, coordinator and agents; only the eye is a stand-in.

`found` lays everything on disk, as an operator and eight artists would; `made` is the platform in this process,
`python -m tests.platform.live platform | agent ...` is one of them as a process of its own.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from fedstyle_secure.aggregation.summing import digest_of, ring_sum
from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.artworks.reader import read_portfolio
from fedstyle_secure.cli.start import main as fedstyle
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.names import fold
from fedstyle_secure.platform.coordinator.coordinator import Coordinator
from fedstyle_secure.platform.coordinator.generations import propose_roster
from fedstyle_secure.platform.coordinator.starting import Draft, start_training
from fedstyle_secure.platform.logbook import Logbook
from fedstyle_secure.platform.service import opened
from fedstyle_secure.platform.serving import make_server
from fedstyle_secure.platform.settings import SETTINGS_FILE, PlatformFolder, Settings, write_secret
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.artists import Entry, Newcomer, add_token, enrol
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.trainings import State, find_training, keep_foundation
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.server.foundation import Foundation
from fedstyle_secure.training.codebook import OUTPUTS, new_codebook
from fedstyle_secure.transparency.leaves import Joined, commit_identity
from fedstyle_secure.wire.enrolment import Pins
from fedstyle_secure.wire.trainings import Asked, Outcome, Plan
from tests.artist.stage import NAMED, D, alone
from tests.platform.street import certify
from tests.stand_ins import Eye

ARTISTS = 8
SALT = bytes(32)


@dataclass(frozen=True)
class Live:
    """A platform and its artists, on disk.

    Attributes:
        folder: Of all of it.
        ports: Where the platform listens; artists call one of them.
    """

    folder: Path
    ports: tuple[int, ...]

    @property
    def platform(self) -> PlatformFolder:
        return PlatformFolder(self.folder / "platform")

    def home(self, number: int) -> Path:
        return self.folder / f"home {number}"

    @property
    def database(self) -> Database:
        return Database.open(self.platform.database_url(self.platform.settings()))

    def training(self, number: int = 1):
        with closing(self.database) as database, database.reading() as connection:
            return find_training(connection, number)

    def outcome(self, number: int = 1) -> Outcome | None:
        """Of a training that all artists heard the end of."""
        training = self.training(number)
        if training.state in {State.FAILED} or training.state is not State.ENDED:
            return None
        return Outcome.decode(training.outcome)


def found(
    folder: Path, url: str, ports: tuple[int, ...], art: Path, *, planned: Mapping[str, object] = {}, **terms: object
) -> Live:
    """A platform on three public artists, eight who joined, and a training of two iterations that is offered.

    Args:
        folder: Of all of it.
        url: Of an empty PostgreSQL database, or any of SQLite's for the platform's own file.
        ports: Where the platform listens.
        art: Of all artists.
        planned: In which the training's plan differs from `start`'s.
        terms: In which artists differ from what `join` proposes.
    """
    live = Live(folder=folder, ports=ports)
    live.platform.path.mkdir(parents=True)
    signer = Signer.create(live.platform.path, log_name="gallery.example/log")
    authority = certify(live.platform)
    live.platform.authority.write_text(authority)
    settings = Settings(
        address=f"https://127.0.0.1:{ports[0]}",
        hosts=("127.0.0.1",),
        listen=f"127.0.0.1:{ports[0]}",
        database="sqlite" if url.startswith("sqlite") else "postgresql",
    )
    (live.platform.path / SETTINGS_FILE).write_text(settings.encode())
    if settings.database == "postgresql":
        write_secret(live.platform.secrets / "database.url", url.encode())
    galleries = [read_portfolio(path) for path in sorted(art.iterdir()) if path.is_dir()]
    public = [extract(each.portfolios[0].artworks, Eye(), views=4).views for each in galleries[ARTISTS:]]
    foundation = Foundation(model=first_model(public), public=public)
    space = {"style_space": foundation.model.style_space_digest, "encoder": NAMED, "log_origin": signer.said.origin}
    with closing(live.database) as database:
        logbook = Logbook(database, signer)
        with database.writing() as connection:
            keep_foundation(connection, foundation.encode())
            for number, gallery in enumerate(galleries[:ARTISTS]):
                name, token = gallery.portfolios[0].artist, sha256(b"%d" % number).digest()
                with closing(Home.make(live.home(number), write_terms({"encoders": (NAMED,)} | terms))) as home:
                    portfolio.keep_features(home, gallery, Eye(), lambda _done: None)
                    key = home.identity.public_key().public_bytes_raw()
                    leaf = enter(connection, Joined(commitment=commit_identity(key, SALT)))
                    pins = PlatformPins(
                        address=f"https://127.0.0.1:{ports[number % len(ports)]}",
                        certificates=authority,
                        platform_key=signer.platform_key,
                        log_key=signer.log_key,
                        identity=key,
                        name=name,
                        link=None,
                        space=Pins(architecture=foundation.model.architecture_digest, leaf=leaf, salt=SALT, **space),
                    )
                    home.pin(pins)
                add_token(connection, digest=token, label=name, expires=1)
                newcomer = Newcomer(name=name, folded=fold(name), link=None, terms=b"{}")
                entry = Entry(key=key, leaf=leaf, salt=SALT)
                enrol(connection, token=token, label=name, newcomer=newcomer, identity=entry, now=0)
        logbook.checkpoint()
        start(database, foundation, planned)
    return live


def first_model(public: list[np.ndarray]) -> StyleModel:
    rng = np.random.default_rng(0)
    plain = np.concatenate([views[:, 0] for views in public])
    return StyleModel(
        whitening=Whitening.fit(plain, pooled_size=Eye.pooled_size, dimensions=D),
        alignment=np.eye(D, dtype=np.float32),
        head=rng.normal(size=(OUTPUTS, D)).astype(np.float32),
        residual=0.25,
        encoder=NAMED,
    )


def start(database: Database, foundation: Foundation, planned: Mapping[str, object] = {}) -> None:
    plan = Plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        noise=Noise.GAUSSIAN,
        sampling_rate=1.0,
        corrupt=1,
        min_cohort=5,
        min_survivors=6,
        max_artworks=100,
        multipliers=(4.0, 8.0),
        buckets=1,
        seed=bytes(32),
    )
    draft = Draft(
        plan=replace(plan, **planned),
        asked=Asked(aggregate=6.0, local=None, worst_case=None, delta=1e-5),
        prototype=alone("prototype", D),
        signature=alone("signature", 6),
        anchors=new_codebook().digest,
        announcement_seconds=600,
        round_seconds=600,
        attempts=1,
    )
    with database.reading() as connection:
        proposal = propose_roster(connection, plan.min_cohort)
    start_training(database, foundation, proposal, draft)


@contextmanager
def made(live: Live, port: int, tell=lambda *_, **__: None, *, poll_seconds: float = 1) -> Iterator[object]:
    """A platform's server, with a coordinator beside it for as long as the block runs."""
    with opened(live.platform, poll_seconds=poll_seconds) as service:
        settings = replace(service.settings, listen=f"127.0.0.1:{port}")
        coordinator = Coordinator(service.database, service.signer, service.logbook, tell=tell)
        leave = threading.Event()
        thread = threading.Thread(target=coordinator.run, args=(leave,))
        thread.start()
        try:
            yield make_server(service.app, live.platform, settings)
        finally:
            leave.set()
            thread.join()


class Uploads:
    """What went into masks, as whoever owns all the machines can see it.

    Args:
        folder: Where agents in processes of their own leave theirs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.mechanisms: dict[str, Mechanism] = {}

    def tap(self) -> None:
        """Note the uploads of all artists of this process."""
        from fedstyle_secure.artist import artist

        honest = artist.protect

        def noted(contributions, mechanism, random):
            update = honest(contributions, mechanism, random)
            if mechanism.clients > 1:
                self.mechanisms[mechanism.digest.hex()] = mechanism
                np.save(self.folder / f"{mechanism.digest.hex()} {os.urandom(8).hex()}.npy", update.values)
            return update

        artist.protect = noted

    def explain(self, digest: bytes, survivors: int) -> bool:
        """Whether a published sum is the sum of so many uploads, modulo the ring."""
        for name, mechanism in self.mechanisms.items():
            uploads = [np.load(path) for path in self.folder.glob(f"{name} *.npy")]
            if any(digest_of(ring_sum(each, mechanism)) == digest for each in combinations(uploads, survivors)):
                return True
        return False


def run_platform(folder: str, port: str) -> None:
    """A platform as a process."""
    with made(Live(folder=Path(folder), ports=(int(port),)), int(port)) as server:
        server.run()


def run_agent(home: str, uploads: str) -> None:
    """``fedstyle artist run`` as a process, whose uploads are noted."""
    Uploads(Path(uploads)).tap()
    sys.argv = ["fedstyle", "artist", "run", "--home", home]
    fedstyle()


PROGRAMS = {"platform": run_platform, "agent": run_agent}


def begin(program: str, arguments: list[str], log: Path) -> None:
    """One of them in a process that was forked, as if it had been started."""
    with log.open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    torch.set_num_threads(1)
    sys.orig_argv = [sys.executable, "-m", "tests.platform.live", program, *arguments]  # what it may begin anew as
    PROGRAMS[program](*arguments)


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
