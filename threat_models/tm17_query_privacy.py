"""TM-17: query privacy of the buyer. What a buyer looks for stays on the buyer's machine.

The buyer is a process of its own: it reads a model and a catalogue from files, embeds a picture's features, searches,
and prints names. An audit hook of its interpreter (PEP 578) counts whatever could carry bytes out, sockets and child
processes, and in the protected arm refuses it. A server that answers queries stands by on the loopback interface.

Who searches on a platform's page instead is watched in a real browser, by a platform that keeps every byte that it is
sent (tests/browser/test_buyer_privacy.py); the same page that posts its picture is found there (tests/ablation.py).
"""

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.catalogue import search as reading_room
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.search import SearchResult, SearchResults
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.encoder.model import StyleModel, read_model
from fedstyle_secure.encoder.whitening import Whitening

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment

ARTISTS, RAW, DIMENSIONS, OUTPUTS, TOP = 50, 40, 24, 8, 10
QUERIES: Final = {Effort.FAST: 20, Effort.SLOW: 2000}
_ROOT = Path(__file__).resolve().parents[1]
_WATCHED = ("socket.", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_MODEL, _CATALOGUE, _FEATURES = "model.safetensors", "catalogue", "features.npy"

CLAIM = Claim(
    number=17,
    title="query privacy of the buyer",
    adversary="whoever runs the catalogue, and whoever listens on the buyer's network",
    assets="the picture a buyer searches with, and its embedding",
    assumption="the buyer holds the catalogue's files; nothing of the buyer's own system sends bytes",
    promise="a search sends nothing, and names the same artists in the same order as a server would",
    defenses={"local search": "catalogue/search.py, search: over an index in memory"},
    power=(
        Limit(figure="cosine of the query seen", at_least=0.999),
        Limit(figure="bytes sent", at_least=1.0),
        Limit(figure="same answers", at_least=1.0),
    ),
    protected=(
        Limit(figure="bytes sent", at_most=0.0, unit="bytes"),
        Limit(figure="attempts to send", at_most=0.0),
        Limit(figure="same answers", at_least=1.0),
    ),
    residual="the hook sees what Python does, not what a library does in its own machine code. Fetching a catalogue "
    "shows that somebody is interested in it, and when. A platform's page is the platform's own: one that lies can "
    "send another page, which the command line does not ask for",
    tests=("tests/threat_models/test_tm17_query_privacy.py", "tests/browser/test_buyer_privacy.py"),
    linddun=(Linddun.DETECTING, Linddun.DATA_DISCLOSURE),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """Buyers hold the catalogue's files."""
    return deployment.questions is None


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Let a buyer search, locally or at the server that stands by; see what reaches the server."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        model, index = _publish(folder)
        features = np.random.default_rng(17).normal(size=(QUERIES[effort], RAW)).astype(np.float32)
        np.save(folder / _FEATURES, features)
        with _server(index) as (port, seen):
            found = _buy(folder, port if "local search" in without else None)
        queries = model.embed(features)
        expected = [[result.artist for result in answer] for answer in reading_room.search(index, queries, TOP)]
    return {
        "bytes sent": len(seen),
        "attempts to send": found["attempts"],
        "cosine of the query seen": _cosine(bytes(seen), queries),
        "same answers": float(found["answers"] == expected),
    }


def _cosine(seen: bytes, queries: NDArray[np.float32]) -> float:
    """What the server makes of the bytes it was sent: 0 if nothing, or nothing that it can read."""
    floats = np.frombuffer(seen[: len(seen) // 4 * 4], dtype="<f4")
    if floats.size != queries.size:
        return 0.0
    return float(np.mean(np.sum(floats.reshape(queries.shape) * queries, axis=1)))


def _publish(folder: Path) -> tuple[StyleModel, StyleIndex]:
    """A model and a catalogue, written as a run writes them."""
    rng = np.random.default_rng(71)
    public = rng.normal(size=(200, RAW)).astype(np.float32)
    model = StyleModel(
        whitening=Whitening.fit(public, pooled_size=RAW // 5, dimensions=DIMENSIONS),
        alignment=np.eye(DIMENSIONS, dtype=np.float32),
        head=rng.normal(size=(OUTPUTS, DIMENSIONS)).astype(np.float32),
        residual=0.25,
        encoder="synthetic@0",
    )
    embeddings = model.embed(rng.normal(size=(ARTISTS, RAW)).astype(np.float32))
    space = SignatureSpace.fit(embeddings.T.astype(np.float64) @ embeddings, 16)
    rows = space.apply(embeddings)
    index = StyleIndex(space, [Signature(f"artist {number}", row) for number, row in enumerate(rows)])
    (folder / _MODEL).write_bytes(model.encode())
    index.save(folder / _CATALOGUE)
    return model, index


# The server that stands by


@contextmanager
def _server(index: StyleIndex) -> Iterator[tuple[int, bytearray]]:
    """Answers one connection on the loopback interface; gives its port, and every byte of a query that it saw."""
    seen = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        thread = Thread(target=_answer, args=(listener, index, seen), daemon=True)
        thread.start()
        yield listener.getsockname()[1], seen
        with socket.socket() as last:  # wakes a server that nobody called
            last.connect_ex(listener.getsockname())
        thread.join(10)


def _answer(listener: socket.socket, index: StyleIndex, seen: bytearray) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        header = stream.read(12)
        if len(header) < 12:
            return
        rows, columns, top = struct.unpack("<3I", header)
        data = stream.read(4 * rows * columns)
        seen += data
        answers = reading_room.search(index, np.frombuffer(data, dtype="<f4").reshape(rows, columns), top)
        connection.sendall(json.dumps([[result.artist for result in answer] for answer in answers]).encode())


# The buyer


def _buy(folder: Path, port: int | None) -> dict[str, Any]:
    command = [sys.executable, "-c", f"from {__name__} import buy; buy()", str(folder), str(port or 0)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, check=False, timeout=300)  # noqa: S603 - ourselves
    if done.returncode != 0:
        raise AssertionError(f"the buyer failed: {done.stderr.decode()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def buy() -> None:
    """The buyer's process: ``FOLDER PORT``, port 0 for a local search, in which every attempt to send is refused."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    attempts = []

    def watch(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(_WATCHED):
            attempts.append(event)
            if port == 0:
                raise PermissionError(f"{event}: nothing may leave this process")

    sys.addaudithook(watch)
    model, index = read_model(folder / _MODEL), StyleIndex.load(folder / _CATALOGUE)
    queries = model.embed(np.load(folder / _FEATURES, allow_pickle=False))
    if port == 0:
        answers = reading_room.search(index, queries, TOP)
    else:
        with patch.object(reading_room, "search", lambda _index, rows, top: _ask(port, rows, top)):
            answers = reading_room.search(index, queries, TOP)
    names = [[result.artist for result in answer] for answer in answers]
    sys.stdout.write(json.dumps({"answers": names, "attempts": len(attempts)}))


def _ask(port: int, queries: NDArray[np.float32], top: int) -> list[SearchResults]:
    """What a catalogue that is searched at a server would do."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(struct.pack("<3I", *queries.shape, top) + queries.astype("<f4").tobytes())
        connection.shutdown(socket.SHUT_WR)
        answers = json.loads(connection.makefile("rb").read())
    return [tuple(SearchResult(rank=rank, artist=name) for rank, name in enumerate(names, 1)) for names in answers]
