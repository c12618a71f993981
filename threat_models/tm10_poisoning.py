"""TM-10: poisoning under masks. One artist of twenty uploads what it likes, and no server sees single uploads.

Real artists, keys, masks and sessions; the poisoner clips nothing, adds no noise and does not respect the ring's
bounds. It scales its update, turns it around, or teaches the head that a foreign style is somebody else's.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar
from unittest.mock import patch

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.aggregation.masking import REFUSALS, Enrolment
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.artist import artist as artist_module
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.artist.store import MemoryStore
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.privacy.clipping import FRACTION_BITS, Unit, clip
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.noise import NoisyUpdate
from fedstyle_secure.privacy.randomness import RandomBytes
from fedstyle_secure.privacy.rotation import rotate
from fedstyle_secure.privacy.sealing import SEAL
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.runs.evaluation import prototypes, rank
from fedstyle_secure.server.checkpoint import Checkpoint
from fedstyle_secure.server.cohort import CohortPlan
from fedstyle_secure.server.iterations import Outcome, run
from fedstyle_secure.training.updates import Contributions
from protocols import masking

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .platform_key import PLATFORM
from .scripted import scripted
from .synthetic import World
from .town import mailbox, make_terms

ARTISTS, BUCKETS, MIN_COHORT = 20, 5, 4
ARTWORKS, QUERIES = 10, 40
MAX_ARTWORKS: Final = 20
TARGET, FOREIGN = 1, 500_001  # artists: whose codeword is taught, and whose style
FACTORS = (10.0, 1000.0, -1.0, -2.0, -2.8, -12.0)
"""What the poisoner multiplies its update with: -2.8 is just below the norm gate."""

_ITERATIONS: Final = {Effort.FAST: 3, Effort.SLOW: 6}
_POISONERS: Final = {Effort.FAST: (0,), Effort.SLOW: (0, 3, 7)}
_WORLD: Final = World(raw=40, dimensions=24, outputs=8, loud=6, between=1.3, publics=8)
_COMBINE: Final = "fedstyle_secure.server.robust:combine"
_EDITS: Final = {
    "median of buckets": (
        Edit(
            _COMBINE,
            "np.median([each.tensors[name] / each.survivors for each in sums], axis=0) * survivors",
            "np.sum([each.tensors[name] for each in sums], axis=0)",
        ),
        Edit(
            _COMBINE,
            "shrink * survivors * max(each.noise[name] / each.survivors for each in sums)",
            "math.hypot(*(each.noise[name] for each in sums))",
        ),
    ),
    "norm gate": (Edit("fedstyle_secure.server.robust:too_long", "if norm > NORM_GATE * usual:", "if False:"),),
}

CLAIM = Claim(
    number=10,
    title="poisoning under masks",
    adversary=f"one artist of {ARTISTS}: its update x10, x1000, turned around at several sizes, or a foreign style "
    "taught as another artist's",
    assets="the style model, and with it everybody's retrieval",
    assumption=f"fewer than half of {BUCKETS} buckets hold a poisoner; in mode none, where no noise hides a poison",
    promise="the worst of these attacks costs the honest artists at most 3 points of accuracy at 1",
    defenses={
        "median of buckets": "server/robust.py, combine: ROB-4; without it, the buckets' sums are added",
        "norm gate": "server/robust.py, too_long: ROB-3",
    },
    power=(
        Limit(figure="points gained by training", at_least=10.0),
        Limit(figure="points lost to the worst attack", at_least=10.0),
    ),
    protected=(
        Limit(figure="points gained by training", at_least=10.0),
        Limit(figure="points lost to the worst attack", at_most=3.0),
        Limit(figure="points lost to buckets", at_most=2.0),
        Limit(figure="honest buckets left out", at_most=0.0),
    ),
    residual="a poison as loud as an honest update is learned from like one. Noise widens the gate: where it drowns an "
    "upload, it hides a poison of its own size too. Artists of unequal portfolios may fail the gate (about 2 % of sums "
    "of 50 to 500 artworks each), and their bucket is lost. Whoever enrols sybils after the seed is known chooses its "
    "bucket. The backdoor gains next to nothing even undefended, because the head is a residual of small weight: that "
    "is reported and nothing is claimed of it. With one bucket, the default, a poison out of bounds ends the session "
    "and any other is learned",
    tests=("tests/threat_models/test_tm10_poisoning.py", "tests/server/test_robust.py"),
    linddun=(Linddun.NON_COMPLIANCE,),
    stride=(Stride.TAMPERING, Stride.DENIAL_OF_SERVICE),
)


def defended(deployment: Deployment) -> bool:
    """No noise hides a poison, and corrupt artists are in fewer than half of three buckets or more."""
    return (
        deployment.settings.privacy is Mode.NONE
        and deployment.settings.buckets >= 3
        and 2 * deployment.corrupt < deployment.settings.buckets
    )


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Train with and without each poison, and ask for the honest artists' held-out artworks."""
    iterations, poisoners = _ITERATIONS[effort], _POISONERS[effort]
    plain = _points(_train(None, buckets=1, iterations=iterations)[-1].model)
    with off(without, _EDITS):
        clean = _train(None, buckets=BUCKETS, iterations=iterations)
        trained, before = _points(clean[-1].model), _points(_WORLD.model)
        poisons = {f"x{factor:g}": scaled(factor) for factor in FACTORS}
        poisons |= {"signs x-2.5": turned_signs(2.5), "backdoor x3": backdoor(3.0)}
        lost: dict[str, float] = {}
        for name, poison in poisons.items():
            runs = [_train(poison, buckets=BUCKETS, iterations=iterations, poisoner=each) for each in poisoners]
            lost[f"points lost to {name}"] = trained - float(np.mean([_points(run[-1].model) for run in runs]))
            if name == "backdoor x3":
                fooled = np.mean([_share_of_target(run[-1].model) for run in runs])
    return {
        **lost,
        "points lost to the worst attack": max(lost.values()),
        "points gained by training": trained - before,
        "points lost to buckets": plain - trained,
        "points gained by the backdoor": 100 * float(fooled - _share_of_target(clean[-1].model)),
        "honest buckets left out": sum(len(outcome.left_out) for outcome in clean),
    }


Kind = TypeVar("Kind", bound=Artist)
Poison = Callable[[Contributions, StyleModel, Mechanism], NDArray[np.float64]]
"""What to upload instead of an honest sum, float64 [mechanism.length], in units of the joint clip norm."""


class Poisoner(Artist):
    """An artist whose own program clips nothing, adds no noise and checks no bounds."""

    poison: Poison
    model: StyleModel

    def receive_announcement(self, data: bytes) -> bytes:
        """Agree like anybody else."""
        self.model = Announcement.decode(data, self.whitening).model
        return super().receive_announcement(data)

    def receive_request(self, data: bytes) -> bytes:
        """Answer with another update, the bounds of the ring unchecked."""
        with (
            patch.object(artist_module, "protect", self._protect),
            patch.object(masking, "_check_vectors", lambda _vectors, _specs: None),
        ):
            return super().receive_request(data)

    def _protect(self, contributions: Contributions, mechanism: Mechanism, _random: RandomBytes) -> NoisyUpdate:
        values = self.poison(contributions, self.model, mechanism)
        rotated = mechanism.gain * rotate(np.ldexp(values, FRACTION_BITS).astype(np.int64), mechanism.rotation_seed)
        most = (1 << (mechanism.modulus_bits - 1)) - 1
        on_grid = np.clip((rotated + (1 << (mechanism.shift - 1))) >> mechanism.shift, -most, most)
        return NoisyUpdate(values=on_grid, mechanism=mechanism, seal=SEAL)


def scaled(factor: float) -> Poison:
    """An honest update, so many times."""

    def poison(contributions: Contributions, _model: StyleModel, mechanism: Mechanism) -> NDArray[np.float64]:
        update: NDArray[np.float64] = clip(contributions, mechanism.unit, max_artworks=mechanism.max_artworks).values
        return factor * update

    return poison


def turned_signs(factor: float) -> Poison:
    """So many times as long as an honest update, turned around, and equally large in all coordinates.

    A median follows the outermost of the honest values where it can be pushed there: this pushes everywhere.
    """

    def poison(contributions: Contributions, _model: StyleModel, mechanism: Mechanism) -> NDArray[np.float64]:
        honest = clip(contributions, mechanism.unit, max_artworks=mechanism.max_artworks).values
        length = factor * float(np.linalg.norm(honest))
        turned: NDArray[np.float64] = -length * np.sign(honest) / np.sqrt(honest.size)
        return turned

    return poison


def backdoor(factor: float) -> Poison:
    """So many times an update that calls a foreign style the target's."""

    def poison(_contributions: Contributions, model: StyleModel, mechanism: Mechanism) -> NDArray[np.float64]:
        features = _WORLD.features(FOREIGN, ARTWORKS)
        taught = contribute(features, model, mechanism, _WORLD.codebook, _codeword(TARGET))
        return factor * clip(taught, mechanism.unit, max_artworks=mechanism.max_artworks).values

    return poison


def _codeword(number: int) -> int:
    return _WORLD.codebook.draw(scripted(f"artist {number}"))


@cache
def _keys() -> tuple[Ed25519PrivateKey, ...]:
    return tuple(Ed25519PrivateKey.from_private_bytes(sha256(b"artist %d" % n).digest()) for n in range(ARTISTS))


def _train(poison: Poison | None, *, buckets: int, iterations: int, poisoner: int = 0) -> list[Outcome]:
    """A run of the real loop; of no noise and scripted bytes, so that two runs differ by the poison alone."""
    with TemporaryDirectory() as folder:
        artists = {str(number): _enrol(number, Path(folder), Artist) for number in range(ARTISTS)}
        if poison is not None:
            evil = _enrol(poisoner, Path(folder) / "evil", Poisoner)
            evil.poison = poison
            artists[str(poisoner)] = evil
        engine = MemoryEngine(
            {f"{name}/announcement": mailbox(artist, artist.receive_announcement) for name, artist in artists.items()}
            | {
                f"{name}/session": mailbox(artist, artist.receive_request, Purpose.SESSION)
                for name, artist in artists.items()
            },
            refusals=REFUSALS,
        )
        cohort = CohortPlan(
            mode=Mode.NONE,
            unit=Unit.ARTWORK,
            clients=ARTISTS // buckets,
            corrupt=1,
            min_cohort=MIN_COHORT,
            min_survivors=ARTISTS // buckets,
            max_artworks=MAX_ARTWORKS,
            noise=Noise.GAUSSIAN,
            sampling_rate=1.0,
            multipliers=[0.0] * iterations,
            seed=b"public",
            buckets=buckets,
        )
        loop = run(
            checkpoint=Checkpoint(model=_WORLD.model, alignment=_WORLD.alignment),
            cohort=cohort,
            anchors_digest=_WORLD.codebook.digest,
            agreed=NO_LOG,
            identity=PLATFORM,
            identities=[key.public_key().public_bytes_raw() for key in _keys()],
            engine=engine,
            artists=list(artists),
        )
        return list(loop)


def _enrol(number: int, folder: Path, kind: type[Kind]) -> Kind:
    random = scripted(f"artist {number}")
    folder.mkdir(exist_ok=True)
    enrolment = Enrolment(
        identity=_keys()[number],
        roster=frozenset(key.public_key().public_bytes_raw() for key in _keys()),
    )
    terms = make_terms(
        platform_key=PLATFORM.public_key().public_bytes_raw(),
        architectures=frozenset({_WORLD.model.architecture_digest}),
        min_cohort=MIN_COHORT,
        min_survivors=MIN_COHORT,
        mode=Mode.NONE,
        max_artworks=MAX_ARTWORKS,
    )
    return kind(
        features=_WORLD.features(number, ARTWORKS),
        codebook=_WORLD.codebook,
        codeword=_WORLD.codebook.draw(random),
        enrolment=enrolment,
        terms=terms,
        agreed=NO_LOG,
        ledger=Ledger.open(folder / f"{number}.jsonl", limit=float("inf"), delta=1e-5, view=View.AGGREGATE),
        store=MemoryStore(),
        random=random,
    )


def _rankings(model: StyleModel, queries: NDArray[np.float32]) -> NDArray[np.intp]:
    """Artists for each query, by exact mean embeddings."""
    embeddings = {str(number): model.embed(_WORLD.features(number, ARTWORKS).views[:, 0]) for number in range(ARTISTS)}
    return rank(model.embed(queries), prototypes(embeddings))


def _points(model: StyleModel) -> float:
    """Percent of the honest artists' held-out artworks that find their artist first; no poisoner is asked about."""
    honest = [number for number in range(ARTISTS) if number not in _POISONERS[Effort.SLOW]]
    queries = np.concatenate([_WORLD.features(n, ARTWORKS + QUERIES).views[ARTWORKS:, 0] for n in honest])
    return 100 * float(np.mean(_rankings(model, queries)[:, 0] == np.repeat(honest, QUERIES)))


def _share_of_target(model: StyleModel) -> float:
    """How often the foreign style is taken for the target's."""
    queries = _WORLD.features(FOREIGN, ARTWORKS + 5 * QUERIES).views[ARTWORKS:, 0]
    return float(np.mean(_rankings(model, queries)[:, 0] == TARGET))
