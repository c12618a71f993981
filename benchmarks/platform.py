"""What a platform's wire costs: the same cohort's sessions in one process, and over TLS with a server of its own.

`python -m benchmarks.platform --artists 100 --length 100000 --json`

All artists are real clients of the protocol with vectors of noise, in one process; over the wire each has an agent's
own line and polls like one. The platform is another process: gateway, SQLite on disk, journal. Nobody trains.
Both kinds take turns, so that both see the same machine; of each the session that took least counts, and every sum is
compared with the integers that went in. Neither keeps an artist's state on disk.

* memory_seconds: a session in one process, artists one after another. clients_seconds is the artists' part of it.
* http_seconds: a session from its first request to its sum. added_seconds: what it took longer.
* server_cpu_seconds: of the platform's process in a session; server_in_memory_seconds: what its part takes in memory.
* above_start_mb: the most memory of the platform's process, above what it had before the first session.
* bytes_down, bytes_up: of all envelopes to and from one artist in a session; _in_memory without its polls.
* idle_core_percent: with --idle N, of one core, while N artists wait in long polls and nothing happens.
"""

import argparse
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.session import NO_LOG, Subject, fewest_survivors, session_params
from fedstyle_secure.aggregation.summing import aggregate, digest_of
from fedstyle_secure.artist.client import Line
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.platform.service import public_pins
from fedstyle_secure.platform.settings import PlatformFolder, Settings
from fedstyle_secure.platform.setup import make_platform
from fedstyle_secure.platform.signer import Signer
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.loopback import enrol_all
from fedstyle_secure.training.updates import Layout, Segment, Support
from fedstyle_secure.wire.pins import PublicPins

from .callers import Caller
from .cohort import CORRUPT, Cohort, identities
from .served import Platform, mailboxes, platform

_CONNECT_SECONDS = 120


class House:
    """A platform's folder, whose artists are enrolled, and the artists.

    Args:
        path: Not there yet.
        artists: How many.
        length: Coordinates of an update.
    """

    def __init__(self, path: Path, artists: int, length: int) -> None:
        self.keys = identities(artists)
        self.mechanism = _mechanism(artists, length)
        self.folder = PlatformFolder(path)
        self.pins = _make(self.folder, self.keys)
        self.identity = Signer(path).identity
        self.callers = [Caller(key, self.pins.platform_key) for key in self.keys]
        self._session = 0

    def invite(self) -> Cohort:
        """The next session; every artist has a new client for it."""
        self._session += 1
        digests = {f"{name}_digest": bytes(32) for name in ("model", "architecture", "anchors")}
        params = session_params(
            [key.public_key().public_bytes_raw() for key in self.keys],
            Subject(iteration=1, agreed=NO_LOG, **digests),
            self.mechanism,
            session=self._session,
            server_key=self.pins.platform_key,
        )
        cohort = Cohort(params=params, keys=self.keys)
        for index, caller in enumerate(self.callers):
            caller.client, caller.received, caller.sent = cohort.client(index), 0, 0
        return cohort

    @contextmanager
    def calling(self) -> Iterator[None]:
        """All artists poll, until this is over and the platform has ended."""
        over = threading.Event()
        threads = [threading.Thread(target=caller.call, args=(self.pins, over), daemon=True) for caller in self.callers]
        for thread in threads:
            thread.start()
        try:
            self._await_polls()
            yield
        finally:
            over.set()

    def _await_polls(self) -> None:
        """Until every artist waits to be asked."""
        until = perf_counter() + _CONNECT_SECONDS
        with Line(self.pins.address, self.pins.certificates) as line:
            while f"polls_waiting {len(self.callers)}.0" not in line.get("/metrics").body.decode():
                if perf_counter() > until:
                    raise SystemExit("not all artists could call the platform")
                sleep(0.2)


def _make(folder: PlatformFolder, keys: Sequence[Ed25519PrivateKey]) -> PublicPins:
    """A platform that carries what it is told to, and leads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = Settings(address=f"https://{listen}", hosts=("127.0.0.1",), listen=listen, log_level="warning")
    make_platform(folder.path, settings, log_name="bench", database_url=None, foundation=None)
    database = Database.open(folder.database_url(settings))
    enrol_all(database, {f"artist {number}": key for number, key in enumerate(keys)})
    database.close()
    return public_pins(folder, settings, Signer(folder.path))


def _mechanism(artists: int, length: int) -> Mechanism:
    """A release of one tensor, as a deployment sizes it."""
    corrupt = max(1, round(CORRUPT * artists))
    return plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        layout=Layout((Segment(name="update", length=length, support=Support.COHORT, clip_norm=1.0, share=1.0),)),
        noise_multiplier=1.0,
        clients=artists,
        corrupt=corrupt,
        min_survivors=max(fewest_survivors(artists, corrupt), artists - artists // 10),
        max_artworks=100,
        rotation_seed=bytes(32),
    )


def in_memory(house: House) -> dict[str, float]:
    """One session in this process."""
    cohort = house.invite()
    params, clients_seconds = cohort.params, 0.0

    def timed(answer: Callable[[bytes], bytes], request: bytes) -> bytes:
        nonlocal clients_seconds
        begun = perf_counter()
        reply = answer(request)
        clients_seconds += perf_counter() - begun
        return reply

    names = mailboxes(params)
    engine = MemoryEngine(
        {name: partial(timed, caller.answer) for name, caller in zip(names, house.callers, strict=True)}
    )
    begun = perf_counter()
    summed = aggregate(params, house.mechanism, engine, names, identity=house.identity)
    seconds = perf_counter() - begun
    check(cohort, summed.digest, summed.survivors)
    return {
        "memory_seconds": seconds,
        "clients_seconds": clients_seconds,
        "server_in_memory_seconds": seconds - clients_seconds,
        "bytes_down_in_memory": max(engine.bytes_to.values()),
        "bytes_up_in_memory": max(engine.bytes_from.values()),
    }


def over_http(house: House, served: Platform) -> dict[str, float]:
    """One session over the wire."""
    cohort = house.invite()
    summed = served.sum(cohort.params, house.mechanism)
    check(cohort, summed.digest, summed.survivors)
    return {
        "http_seconds": summed.seconds,
        "server_cpu_seconds": summed.after.cpu_seconds - summed.before.cpu_seconds,
        "peak_mb": summed.after.peak_mb,
        "bytes_down": max(caller.received for caller in house.callers),
        "bytes_up": max(caller.sent for caller in house.callers),
    }


def check(cohort: Cohort, digest: bytes, survivors: int) -> None:
    """Compare a sum with the integers of all artists.

    Raises:
        SystemExit: It is another.
    """
    total = np.zeros(cohort.params.vectors[0].length, np.int64)
    for index in range(cohort.params.clients):
        total += cohort.vector(index)
    if survivors != cohort.params.clients or digest != digest_of(total):
        raise SystemExit("the sum is wrong")


def measure(artists: int, length: int, turns: int) -> dict[str, float]:
    """Sessions of both kinds, in turns."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as path:
        house = House(Path(path) / "platform", artists, length)
        with platform(house.folder) as served, house.calling():
            start = served.usage()
            rounds = [in_memory(house) | over_http(house, served) for _ in range(turns)]
    least = {name: min(each[name] for each in rounds) for name in rounds[0]}
    most = max(each["peak_mb"] for each in rounds)
    del least["peak_mb"]
    return {
        "artists": artists,
        "length": length,
        "added_seconds": least["http_seconds"] - least["memory_seconds"],
        **least,
        "start_mb": start.rss_mb,
        "above_start_mb": most - start.rss_mb,
    }


def idle(artists: int, seconds: float) -> dict[str, float]:
    """What artists cost of whom nothing is asked."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as path:
        house = House(Path(path) / "platform", artists, 10)
        with platform(house.folder) as served, house.calling():
            before, begun = served.usage(), perf_counter()
            sleep(seconds)
            after, gone = served.usage(), perf_counter() - begun
    return {
        "idle_artists": artists,
        "idle_seconds": gone,
        "idle_core_percent": 100 * (after.cpu_seconds - before.cpu_seconds) / gone,
        "idle_rss_mb": after.rss_mb,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.platform",
        description=__doc__.partition("\n")[0],
        epilog=__doc__.partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--artists", type=int, default=8)
    parser.add_argument("--length", type=int, default=100_000, help="coordinates of an update")
    parser.add_argument("--turns", type=int, default=3, help="sessions of each kind")
    parser.add_argument("--idle", type=int, metavar="N", help="instead: N artists of whom nothing is asked")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch those")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.idle:
        result = idle(options.idle, options.seconds)
    else:
        result = measure(options.artists, options.length, options.turns)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:>26}  {value:,.3f}".removesuffix(".000"))


if __name__ == "__main__":
    main()
