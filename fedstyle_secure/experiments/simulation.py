"""How much a round of very many artists costs: shards of cohorts, each a real session of real clients on real vectors.

A cohort's session is what `fedstyle train` runs: artists clip, quantize, add noise and mask as planned, a server sums.
Only features are random. Cohorts do not see each other; their sums are added up here, as a platform with several
cohorts would.

SIM-1  A cohort's sum counts only if it is, to the integer, the sum of its survivors' uploads.
SIM-2  However many cohorts there are, what adds them up holds one sum, and so does a shard, however many artists it
       has: between two requests an artist is on disk, as an agent is that was killed there, and its upload with it.
"""

import os
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.letters import Purpose, answering
from ..aggregation.masking import IN_PROCESS, REFUSALS, Conditions, Enrolment, Keeping, Part, Stage, mask, resume
from ..aggregation.session import NO_LOG, Subject, fewest_survivors, session_params
from ..aggregation.summing import aggregate, digest_of
from ..engines.memory import MemoryEngine
from ..errors import FedStyleError, InputError
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, plan
from ..privacy.noise import NoisyUpdate
from ..privacy.pipeline import protect
from ..privacy.sizing import Mode
from ..runs.dropouts import Dropouts
from ..runs.progress import Progress, Silent
from ..training.updates import Contributions, Layout, Segment, Support
from .cluster import run_on_cluster
from .processes import worker_processes

MILLION: Final = 1_000_000
_ROWS: Final = 4
_MULTIPLIER: Final = 8.0
_NOTHING: Final = bytes(32)
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One cohort.

    Attributes:
        number: From 0.
        artists: How many.
        coordinates: Of an upload.
        drop_rate: Fraction of artists that vanish, each at a random message.
        seed: Decides who vanishes when, and nothing secret.
    """

    number: int
    artists: int
    coordinates: int
    drop_rate: float
    seed: int


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


def simulate(
    *,
    artists: int,
    cohort: int,
    coordinates: int,
    drop_rate: float,
    seed: int,
    engine: str,
    jobs: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Sum one iteration of so many artists.

    Args:
        artists: All of them.
        cohort: Of a session; the last cohorts are as even as can be.
        coordinates: Of an upload.
        drop_rate: Fraction that vanishes in each session.
        seed: Decides who vanishes.
        engine: ``local`` for processes of this machine, ``ray`` for a cluster.
        jobs: Processes.
        progress: Where to show how far it is.

    Returns:
        Plain values: what was summed, what an artist costs, and what a million would.

    Raises:
        InputError: The numbers make no secure session, or the engine is unknown or missing.
        FedStyleError: A cohort came to no sum, or not to its own.
    """
    shards = divide(artists, cohort, coordinates=coordinates, drop_rate=drop_rate, seed=seed)
    for size in {shard.artists for shard in shards}:
        _mechanism(size, coordinates, drop_rate)  # what cannot work is refused before anything is begun
    total, survivors, seconds, up, down, memory = np.zeros(0, np.int64), 0, 0.0, 0, 0, 0
    with (progress or Silent()).stage("Cohorts", len(shards)) as advance:
        for summed in _spread(shards, engine, jobs):
            total = total + summed.total if total.size else summed.total
            survivors, seconds = survivors + summed.survivors, seconds + summed.seconds
            up, down, memory = up + summed.bytes_up, down + summed.bytes_down, max(memory, summed.memory)
            advance(1)
    each = {"seconds": seconds / artists, "bytes_up": up / artists, "bytes_down": down / artists}
    return {
        "format": "fedstyle-simulation-1",
        "artists": artists,
        "cohorts": len(shards),
        "survivors": survivors,
        "coordinates": coordinates,
        "sum": digest_of(total).hex(),
        "per_artist": each,
        "memory": memory,
        "million": {
            "cpu_hours": each["seconds"] * MILLION / 3600,
            "terabytes_up": each["bytes_up"] * MILLION / 1e12,
            "terabytes_down": each["bytes_down"] * MILLION / 1e12,
        },
    }


def divide(artists: int, cohort: int, *, coordinates: int, drop_rate: float, seed: int) -> list[Shard]:
    """Cohorts that differ in one artist at most, none larger than asked for.

    Raises:
        InputError: A cohort would be larger than all artists together.
    """
    if cohort > artists:
        raise InputError(f"--cohort {cohort} is more than --artists {artists}: lower it")
    count = ceil(artists / cohort)
    return [
        Shard(
            number=number,
            artists=artists // count + (number < artists % count),
            coordinates=coordinates,
            drop_rate=drop_rate,
            seed=seed,
        )
        for number in range(count)
    ]


def _spread(shards: Sequence[Shard], engine: str, jobs: int) -> Iterator[Summed]:
    if engine == "ray":
        for _, summed in run_on_cluster(run_shard, shards, jobs):
            yield summed
    elif engine != "local":
        raise InputError(f"--engine must be local or ray, got {engine!r}")
    elif jobs == 1:
        yield from map(run_shard, shards)
    else:
        with worker_processes(min(jobs, len(shards))) as pool:
            yield from pool.map(run_shard, shards)


def run_shard(shard: Shard) -> Summed:
    """One cohort's session, its sum checked against what its survivors uploaded (SIM-1).

    Raises:
        FedStyleError: It came to no sum, or to another.
    """
    begun = process_time()
    mechanism = _mechanism(shard.artists, shard.coordinates, shard.drop_rate)
    platform = Ed25519PrivateKey.generate()
    keys = {f"{shard.number}/{each}": Ed25519PrivateKey.generate() for each in range(shard.artists)}
    uploads = _Uploads(mechanism)
    dropouts = Dropouts(list(keys), count=int(shard.drop_rate * len(keys)), seed=shard.seed + shard.number)
    dropouts.next_session()
    identities = [_public(key) for key in keys.values()]
    params = session_params(identities, _subject(mechanism), mechanism, session=1, server_key=_public(platform))
    with TemporaryDirectory(prefix="fedstyle-cohort-") as folder:
        ends = _mailboxes(keys, mechanism, params.server_key, uploads=uploads, dropouts=dropouts, folder=Path(folder))
        engine = MemoryEngine(ends, refusals=REFUSALS)
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
        path: Where the session is kept.
    """

    def __init__(self, part: Part, path: Path) -> None:
        self._part, self._path, self._key = part, path, os.urandom(_KEY_BYTES)

    def receive(self, request: bytes) -> bytes:
        """Answer one request."""
        keeping = Keeping(key=self._key, keep=self._keep)
        if self._path.exists():
            session = resume(self._path.read_bytes(), self._part, keeping=keeping)
        else:
            session = mask(self._part, random=os.urandom, keeping=keeping)
        return session.receive(request)

    def _keep(self, _stage: Stage, snapshot: bytes) -> None:
        self._path.write_bytes(snapshot)


def _mechanism(artists: int, coordinates: int, drop_rate: float) -> Mechanism:
    """A release as a run would plan it: a tenth of the artists corrupt, noise in shares."""
    corrupt, survivors = max(1, artists // 10), artists - int(drop_rate * artists)
    if survivors < (least := fewest_survivors(artists, corrupt)):
        raise InputError(
            f"of a cohort of {artists} at least {least} must stay, and --drop-rate {drop_rate:g} leaves {survivors}: "
            "lower it, or raise --cohort"
        )
    tensor = Segment(name="update", length=coordinates, support=Support.COHORT, clip_norm=1.0, share=1.0)
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


def _subject(mechanism: Mechanism) -> Subject:
    return Subject(
        iteration=1,
        model_digest=_NOTHING,
        architecture_digest=mechanism.digest,
        anchors_digest=_NOTHING,
        agreed=NO_LOG,
    )


def _mailboxes(
    keys: Mapping[str, Ed25519PrivateKey],
    mechanism: Mechanism,
    platform_key: bytes,
    *,
    uploads: _Uploads,
    dropouts: Dropouts,
    folder: Path,
) -> dict[str, Callable[[bytes], bytes]]:
    """An artist's end of the session for each key, kept in a folder."""
    roster = frozenset(map(_public, keys.values()))
    conditions = Conditions(
        platform_key=platform_key,
        architectures=frozenset({mechanism.digest}),
        corrupt=mechanism.corrupt,
        min_cohort=mechanism.min_survivors,
        min_survivors=mechanism.min_survivors,
        patience=IN_PROCESS,
    )
    made = {}
    for number, (name, key) in enumerate(keys.items()):
        part = Part(
            protected=partial(uploads.make, number),
            mechanism=mechanism,
            subject=_subject(mechanism),
            last_session=0,
            enrolment=Enrolment(identity=key, roster=roster),
            conditions=conditions,
        )
        away = _Away(part, folder / str(number))
        mailbox = answering(away.receive, Purpose.SESSION, identity=key, server_key=platform_key)
        made[name] = dropouts.guard(name, mailbox)
    return made


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
