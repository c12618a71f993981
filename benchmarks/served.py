"""A platform in a process of its own, that sums what its callers bring when it is told to, and says what that cost."""

import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

from fedstyle_secure.aggregation.summing import Aggregate, aggregate
from fedstyle_secure.allocator import return_freed_memory
from fedstyle_secure.engines.http import HttpEngine
from fedstyle_secure.platform.coordinator.lead import Lead, LedJournal
from fedstyle_secure.platform.service import Service, opened
from fedstyle_secure.platform.serving import make_server
from fedstyle_secure.platform.settings import PlatformFolder
from fedstyle_secure.platform.store.journal import DatabaseJournal
from fedstyle_secure.privacy.mechanism import Mechanism
from protocols import SessionParams

_REST_BYTES = 1 << 20
"""More than what an artist sends beside its vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used.

    Attributes:
        cpu_seconds: Of all its threads, since it began.
        rss_mb: Memory now; the most so far where the system does not tell.
        peak_mb: The most memory so far.
    """

    cpu_seconds: float
    rss_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """A session over the wire.

    Attributes:
        digest: Of the sum.
        survivors: Artists in it.
        seconds: From its first request to its sum.
        before: Used before it.
        after: Used after it.
    """

    digest: bytes
    survivors: int
    seconds: float
    before: Usage
    after: Usage


def mailboxes(params: SessionParams) -> list[str]:
    """Names of the artists' mailboxes, in the session's order."""
    return [f"{identity.hex()}/session" for identity in params.identities]


class Platform:
    """The process, as its caller sees it.

    Args:
        line: To the process.
    """

    def __init__(self, line: Connection) -> None:
        self._line = line

    def usage(self) -> Usage:
        """What it has used so far."""
        self._line.send(None)
        return Usage(**self._line.recv())

    def sum(self, params: SessionParams, mechanism: Mechanism) -> Summed:
        """Lead a session."""
        self._line.send((params, mechanism))
        told = self._line.recv()
        return Summed(**told | {name: Usage(**told[name]) for name in ("before", "after")})


@contextmanager
def platform(folder: PlatformFolder) -> Iterator[Platform]:
    """A platform that listens, until this is over."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(folder.path, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield Platform(ours)
    finally:
        ours.close()
        process.join(20)
        process.kill()


def _serve(path: Path, line: Connection) -> None:
    """Answer HTTP in one thread, and lead what is asked for in this one."""
    folder = PlatformFolder(path)
    return_freed_memory()
    with opened(folder) as service:
        server = make_server(service.app, folder, service.settings)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                sleep(0.01)
            line.send("listening")
            _lead(service, line)
        except EOFError:  # whoever asked has gone
            pass
        finally:
            server.should_exit = True
            thread.join()


def _lead(service: Service, line: Connection) -> None:
    lead = Lead.take(service.database, os.urandom(16), threading.Event())
    if lead is None:
        raise SystemExit("another process leads")
    while True:
        match line.recv():
            case (params, mechanism):
                line.send(_summed(service, lead, params, mechanism))
            case _:
                line.send(asdict(_usage()))


def _summed(service: Service, lead: Lead, params: SessionParams, mechanism: Mechanism) -> dict[str, Any]:
    journal = DatabaseJournal(
        service.database,
        training=1,
        epoch=lead.epoch,
        reply_limit=mechanism.dimension * mechanism.modulus_bits // 8 + _REST_BYTES,
    )
    before, begun = _usage(), perf_counter()
    summed: Aggregate = aggregate(
        params,
        mechanism,
        HttpEngine(LedJournal(journal, lead.look)),
        mailboxes(params),
        identity=service.signer.identity,
    )
    seconds = perf_counter() - begun
    return {
        "digest": summed.digest,
        "survivors": summed.survivors,
        "seconds": seconds,
        "before": asdict(before),
        "after": asdict(_usage()),
    }


def _usage() -> Usage:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    try:
        rss = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        rss = peak
    return Usage(cpu_seconds=process_time(), rss_mb=rss, peak_mb=peak)
