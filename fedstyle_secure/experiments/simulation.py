"""How much a round of very many artists costs: shards of one roster, each a real session, and their sums added up.

Shards are cut by a beacon, and each artist cuts for itself (`aggregation.shards`).

SIM-1  A cohort's sum counts only if it is, to the integer, the sum of its survivors' uploads.
SIM-2  However many cohorts there are, what adds them up holds one sum, and so does a shard, however many artists it
       has: between two requests an artist is on disk, as an agent is that was killed there, and its upload with it.
       Beside it are 32 bytes for each artist there is and, where they speak once, a cohort's boxes until they are
       delivered.
"""

import os
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..aggregation.kinds import Protocol
from ..aggregation.shards import cut
from ..aggregation.summing import digest_of
from ..aggregation.windows import Beacon, OwnBeacon
from ..errors import InputError
from ..runs.progress import Progress, Silent
from .cluster import run_on_cluster
from .processes import worker_processes
from .shard import KEY_BYTES, Plan, Shard, Summed, public_half, run_shard

MILLION: Final = 1_000_000


def simulate(
    *,
    artists: int,
    cohort: int,
    coordinates: int,
    drop_rate: float,
    seed: int,
    engine: str,
    jobs: int,
    protocol: Protocol = Protocol.SECAGG,
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
        protocol: How a cohort's uploads are summed.
        progress: Where to show how far it is.

    Returns:
        Plain values: what was summed, what an artist costs, and what a million would.

    Raises:
        InputError: The numbers make no secure session, or the engine is unknown or missing.
        FedStyleError: A cohort came to no sum, or not to its own.
    """
    if cohort > artists:
        raise InputError(f"--cohort {cohort} is more than --artists {artists}: lower it")
    common = Plan(
        artists=artists,
        cohorts=ceil(artists / cohort),
        coordinates=coordinates,
        drop_rate=drop_rate,
        seed=seed,
        protocol=protocol,
    )
    for size in common.sizes:
        common.mechanism(size)  # what cannot work is refused before anything is begun
    shards = divide(common, OwnBeacon(os.urandom))
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
        "protocol": protocol.value,
        "cohorts": len(shards),
        "corrupt_in_a_cohort": common.corrupt,
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


def divide(common: Plan, beacon: Beacon) -> list[Shard]:
    """Cut all artists into cohorts that differ in one artist at most, by a pulse that comes after their roster."""
    made = (os.urandom(KEY_BYTES) for _ in range(common.artists))
    keys = {public_half(Ed25519PrivateKey.from_private_bytes(key)): key for key in made}
    roster, pulse = b"".join(keys), beacon.pulse(beacon.newest + 1)
    return [
        Shard(plan=common, number=number, keys=tuple(keys[own] for own in cohort), roster=roster, pulse=pulse)
        for number, cohort in enumerate(cut(keys, common.cohorts, pulse))
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
