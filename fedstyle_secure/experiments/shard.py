"""One cohort of very many: a real session of real clients on real vectors, of whom only the features are random.

A cohort's session is what `fedstyle train` runs: artists clip, quantize, add noise and mask as planned, a server sums.
"""

import os
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.joining import join, rejoin
from ..aggregation.kinds import Protocol
from ..aggregation.letters import Purpose, answering
from ..aggregation.masking import IN_PROCESS, REFUSALS, Conditions, Enrolment, Keeping, Part, Stage, half_a_day
from ..aggregation.opening import open_window
from ..aggregation.session import NO_LOG, Subject, fewest_survivors, session_params
from ..aggregation.shards import cut, most_corrupt
from ..aggregation.summing import aggregate, digest_of
from ..aggregation.windows import AnyParams, Beacon, OwnBeacon, Speaking
from ..engines.courier import FOREVER
from ..engines.memory import MemoryEngine
from ..errors import FedStyleError, InputError
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, plan
from ..privacy.noise import NoisyUpdate
from ..privacy.pipeline import protect
from ..privacy.sizing import Mode
from ..runs.dropouts import Dropouts
from ..training.updates import Contributions, Layout, Segment, Support

KEY_BYTES: Final = 32
_ROWS: Final = 4
_MULTIPLIER: Final = 8.0
_NOTHING: Final = bytes(32)
_CORRUPT: Final = 20
"""One artist in so many is taken to be corrupt, among all there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all cohorts have in common.

    Attributes:
        artists: In all cohorts together.
        cohorts: How many cohorts.
        coordinates: Of an upload.
        drop_rate: Fraction of artists that vanish, each at a random message.
        seed: Decides who vanishes when, and nothing secret.
        protocol: How a cohort's uploads are summed.
    """

    artists: int
    cohorts: int
    coordinates: int
    drop_rate: float
    seed: int
    protocol: Protocol

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of cohorts: one, or two that differ by one."""
        return tuple(sorted({self.artists // self.cohorts, ceil(self.artists / self.cohorts)}))

    @property
    def corrupt(self) -> int:
        """Corrupt artists that every cohort withstands (CUT-2)."""
        return most_corrupt(self.artists, ceil(self.artists / _CORRUPT), self.cohorts)

    def mechanism(self, artists: int) -> Mechanism:
        """A cohort's release as a run would plan it, noise in shares.

        Args:
            artists: Of the cohort.

        Raises:
            InputError: Too few of them stay.
        """
        corrupt = self.corrupt
        survivors = artists - int(self.drop_rate * artists)
        if survivors < (least := fewest_survivors(artists, corrupt)):
            raise InputError(
                f"of a cohort of {artists}, {corrupt} of whom may be corrupt, at least {least} must stay, and "
                f"--drop-rate {self.drop_rate:g} leaves {survivors}: lower it, or raise --cohort"
            )
        tensor = Segment(name="update", length=self.coordinates, support=Support.COHORT, clip_norm=1.0, share=1.0)
        return plan(
            mode=Mode.DISTRIBUTED,
            unit=Unit.ARTWORK,
            layout=Layout((tensor,)),
            noise_multiplier=_MULTIPLIER,
            clients=artists,
            corrupt=corrupt,
            min_survivors=survivors,
            max_artworks=_ROWS,
            rotation_seed=sha256(b"simulation").digest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One cohort.

    Attributes:
        plan: What it has in common with all others.
        number: From 0.
        keys: Its artists' private Ed25519 keys, 32 bytes each.
        roster: Identities of all artists there are, 32 bytes each, one after the other.
        pulse: That cut them, 32 bytes.
    """

    plan: Plan
    number: int
    keys: tuple[bytes, ...] = field(repr=False)
    roster: bytes = field(repr=False)
    pulse: bytes

    def rosters(self) -> list[frozenset[bytes]]:
        """For each of its artists, the cohort in which that one finds itself when it cuts the roster (CUT-1)."""
        whole = memoryview(self.roster)
        everybody = [bytes(whole[start : start + KEY_BYTES]) for start in range(0, len(whole), KEY_BYTES)]
        cohorts = [frozenset(each) for each in cut(everybody, self.plan.cohorts, self.pulse)]
        own = [public_half(Ed25519PrivateKey.from_private_bytes(key)) for key in self.keys]
        return [next(cohort for cohort in cohorts if each in cohort) for each in own]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summed:
    """What a cohort's session came to.

    Attributes:
        total: Sum of its survivors' uploads, int64 [dimension].
        survivors: Artists in it.
        seconds: Processor time, of artists and server together.
        bytes_up: Sent by all artists.
        bytes_down: Sent to them.
        memory: Largest resident size that the worker's process ever had, bytes.
    """

    total: NDArray[np.int64]
    survivors: int
    seconds: float
    bytes_up: int
    bytes_down: int
    memory: int


def run_shard(shard: Shard) -> Summed:
    """One cohort's session, its sum checked against what its survivors uploaded (SIM-1).

    Raises:
        FedStyleError: It came to no sum, or to another.
    """
    begun = process_time()
    shared = shard.plan
    mechanism = shared.mechanism(len(shard.keys))
    platform = Ed25519PrivateKey.generate()
    own = public_half(platform)
    keys = {f"{shard.number}/{each}": Ed25519PrivateKey.from_private_bytes(key) for each, key in enumerate(shard.keys)}
    uploads = _Uploads(mechanism)
    beacon = OwnBeacon(os.urandom) if shared.protocol is Protocol.SPEAKONCE else None
    dropouts = Dropouts(
        list(keys),
        count=int(shared.drop_rate * len(keys)),
        seed=shared.seed + shard.number,
        ahead=0 if beacon is None else 1,
    )
    dropouts.next_session()
    with TemporaryDirectory(prefix="fedstyle-cohort-") as folder:
        mailboxes = {}
        for number, ((name, key), roster) in enumerate(zip(keys.items(), shard.rosters(), strict=True)):
            enrolment = Enrolment(identity=key, roster=roster)
            part = _part(enrolment, mechanism, own, protected=partial(uploads.make, number))
            away = _Away(part, beacon, Path(folder) / str(number))
            mailbox = answering(away.receive, Purpose.SESSION, identity=key, server_key=own)
            mailboxes[name] = dropouts.guard(name, mailbox)
        engine = MemoryEngine(mailboxes, refusals=REFUSALS)
        params = _open(keys, mechanism, engine, platform=platform, beacon=beacon)
        summed = aggregate(params, mechanism, engine, list(keys), identity=platform)
    total = uploads.total
    if (digest_of(total), uploads.count) != (summed.digest, summed.survivors):
        raise FedStyleError(f"cohort {shard.number} came to another sum than that of its survivors: report this")
    return Summed(
        total=total,
        survivors=summed.survivors,
        seconds=process_time() - begun,
        bytes_up=sum(engine.bytes_from.values()),
        bytes_down=sum(engine.bytes_to.values()),
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


class _Uploads:
    """Makes artists' updates, and adds them up as it goes (SIM-2)."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self.total, self.count = np.zeros(mechanism.dimension, np.int64), 0

    def make(self, number: int) -> NoisyUpdate:
        """An artist's update, by the way that every update goes."""
        rng = np.random.default_rng(number)
        rows = rng.standard_normal((_ROWS, self._mechanism.layout.length), dtype=np.float32)
        update = protect(Contributions(rows, self._mechanism.layout), self._mechanism, os.urandom)
        self.total += update.values
        self.count += 1
        return update


class _Away:
    """An artist's end of a session, of which nothing is in memory between two requests (SIM-2).

    Args:
        part: What the artist brings into it.
        beacon: Where it reads the beacon if it speaks once; None for five rounds.
        path: Where the session is kept.
    """

    def __init__(self, part: Part, beacon: Beacon | None, path: Path) -> None:
        self._part, self._beacon, self._path, self._key = part, beacon, path, os.urandom(KEY_BYTES)

    def receive(self, request: bytes) -> bytes:
        """Answer one request."""
        keeping = Keeping(key=self._key, keep=self._keep)
        kept = self._path.read_bytes() if self._path.exists() else None
        begin = join if kept is None else partial(rejoin, kept)
        session = begin(self._part, beacon=self._beacon, random=os.urandom, keeping=keeping)
        return session.receive(request)

    def _keep(self, _stage: Stage, snapshot: bytes) -> None:
        self._path.write_bytes(snapshot)


def _subject(mechanism: Mechanism) -> Subject:
    return Subject(
        iteration=1,
        model_digest=_NOTHING,
        architecture_digest=mechanism.digest,
        anchors_digest=_NOTHING,
        agreed=NO_LOG,
    )


def _open(
    keys: Mapping[str, Ed25519PrivateKey],
    mechanism: Mechanism,
    engine: MemoryEngine,
    *,
    platform: Ed25519PrivateKey,
    beacon: Beacon | None,
) -> AnyParams:
    """A session over all of a cohort."""
    artists = {name: public_half(key) for name, key in keys.items()}
    if beacon is None:
        own = public_half(platform)
        return session_params(list(artists.values()), _subject(mechanism), mechanism, session=1, server_key=own)
    return open_window(
        _subject(mechanism),
        mechanism,
        engine,
        artists,
        session=1,
        identity=platform,
        speaking=Speaking(beacon=beacon, opening=half_a_day),
        take=lambda _mailbox, reply: reply,
        window=FOREVER,
    )


def _part(
    enrolment: Enrolment, mechanism: Mechanism, platform_key: bytes, *, protected: Callable[[], NoisyUpdate]
) -> Part:
    """What an artist brings."""
    return Part(
        protected=protected,
        mechanism=mechanism,
        subject=_subject(mechanism),
        last_session=0,
        enrolment=enrolment,
        conditions=Conditions(
            platform_key=platform_key,
            architectures=frozenset({mechanism.digest}),
            corrupt=mechanism.corrupt,
            min_cohort=mechanism.min_survivors,
            min_survivors=mechanism.min_survivors,
            patience=IN_PROCESS,
        ),
    )


def public_half(key: Ed25519PrivateKey) -> bytes:
    """Who owns a key, 32 bytes."""
    return key.public_key().public_bytes_raw()
