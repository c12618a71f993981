"""A platform and eight artists, each a program of its own, over TLS on this machine: `make platform`.

Paints an atelier, founds a platform on six public painters, lets eight others join, trains, opens the catalogue and
asks it who painted a picture that nobody trained with. Every program is what a deployment runs, with one difference:
each agent here also leaves its upload, before it is masked, in the demonstration's folder. No real agent does that; it
is how the sums can be held against what went into them.

    python examples/live_platform.py FOLDER [--once]

With ``--once`` it ends by itself, with exit code 0 only if every iteration's sum is exact: if the digest that the
platform published of it is the digest of the sum, modulo the ring, of the uploads of as many artists as the platform
says.
"""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import numpy as np

from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.cli.start import main as fedstyle_main
from fedstyle_secure.privacy import pipeline

T = TypeVar("T")

ARTISTS, PUBLIC, ARTWORKS, ITERATIONS = 8, 6, 12, 2
PATIENCE = 900
"""Seconds that anything here may take."""
FEDSTYLE = (sys.executable, "-c", "from fedstyle_secure.cli.start import main; main()")


def main() -> None:
    """The demonstration, or one agent of it."""
    if sys.argv[1:2] == ["agent"]:
        run_agent(*sys.argv[2:4])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder, is_once, begun = Path(sys.argv[1]).absolute(), "--once" in sys.argv, time.monotonic()
    is_exact = False
    with programs(folder) as start:
        try:
            is_exact = demonstrate(folder, start)
            say(f"{time.monotonic() - begun:.0f} seconds.")
            if not is_once:
                say(f"All of it goes on, in {folder}. Ctrl-C ends it.")
                signal.pause()
        except KeyboardInterrupt:
            say("\nending all of it")
    sys.exit(0 if is_exact else 1)


def demonstrate(folder: Path, start: "Start") -> bool:
    """All of it, in the order in which it happens; whether every sum was exact."""
    platform, address, local = folder / "platform", f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    names = paint(folder)
    say(f"An operator makes a platform on {PUBLIC} public painters.")
    where = (*listening(address), "--local", local)
    made = fedstyle("platform", "init", platform, "--public-art", folder / "public", *where)
    fingerprint = made.splitlines()[-1].rpartition(":")[2].strip()
    say(f"  https://{address}, fingerprint {fingerprint}")
    exported = run("platform", "export-web", "--platform", platform)
    if exported.returncode:
        say(f"  without a page for buyers: {exported.stderr.strip()}")
    start("platform", *FEDSTYLE, "platform", "serve", "--platform", platform)
    wait_for(lambda: answers(address), "the platform's door", start)
    say(f"{ARTISTS} artists join; each makes its key and looks at its artworks on its own machine.")
    with ThreadPoolExecutor(2) as pool:  # one for each core of a small machine
        homes = dict(zip(names, pool.map(lambda name: join(folder, platform, name, fingerprint), names), strict=True))
    for name, home in homes.items():
        start(name, sys.executable, __file__, "agent", home, folder / "uploads")
    say(f"The operator starts a training of {ITERATIONS} iterations; each agent decides by its own terms.")
    fedstyle("platform", "train", "start", "--platform", platform, "--iterations", ITERATIONS)
    is_exact = check_sums(wait_for(lambda: outcome_of(platform), "the training's end", start), folder / "uploads")
    invitation = folder / f"{names[0]}.invitation"
    wait_for(lambda: is_listed(invitation, folder, len(homes)), "the catalogue", start)
    for name in names[:2]:
        picture = next((folder / "held out" / name).iterdir())
        found = json.loads(fedstyle("search", "--platform", invitation, picture, "--json"))["results"]
        say(f"A buyer asks who painted a picture by {name}: {', '.join(each['artist'] for each in found[:3])}, ...")
    tell_who_holds_what(platform, homes, start)
    say("Pages, for a browser on this machine:")
    pages = {
        f"{names[0]}'s own": (start.page(names[0]), "budget"),
        "the operator's": (start.page("platform"), "training"),
    }
    say(f"  {'the buyers':<14} http://{local}/")
    for whose, (address, _) in pages.items():
        say(f"  {whose:<16} {address}")
    return is_exact and all(is_shown(address, part) for address, part in pages.values())


def listening(address: str) -> tuple[str, ...]:
    """Where a platform listens and is called."""
    return "--address", f"https://{address}", "--listen", address


def paint(folder: Path) -> list[str]:
    """An atelier: public painters, artists, and of each artist a picture that is kept out; the artists' names."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("public", "artists", "held out", "uploads"):
        (folder / part).mkdir(parents=True)
    say(f"An atelier is painted: {ARTISTS + PUBLIC} painters, {ARTWORKS} pictures each.")
    fedstyle("atelier", "--artists", ARTISTS + PUBLIC, "--artworks", ARTWORKS, "--out", folder / "atelier")
    painters = sorted(path for path in (folder / "atelier").iterdir() if path.is_dir())
    for painter in painters[ARTISTS:]:
        painter.rename(folder / "public" / painter.name)
    for painter in painters[:ARTISTS]:
        kept_out = folder / "held out" / painter.name
        kept_out.mkdir()
        picture = sorted(painter.iterdir())[-1]
        picture.rename(kept_out / picture.name)
        painter.rename(folder / "artists" / painter.name)
    return [painter.name for painter in painters[:ARTISTS]]


def join(folder: Path, platform: Path, name: str, fingerprint: str) -> Path:
    """Invite an artist, who joins with terms that let it be found; the artist's folder."""
    terms, invitation, home = folder / f"{name}.toml", folder / f"{name}.invitation", folder / "homes" / name
    terms.write_text(write_terms({"sign": True}))
    fedstyle("platform", "invite", name, "--platform", platform, "--out", invitation)
    artworks = ("--artworks", folder / "artists" / name, "--terms", terms)
    fedstyle("artist", "join", invitation, "--home", home, "--fingerprint", fingerprint, *artworks)
    return home


def run_agent(home: str, uploads: str) -> None:
    """`fedstyle artist run`, which also leaves what it uploads, before it is masked, where it can be looked at."""
    honest = pipeline.protect

    def watched(contributions, mechanism, random):  # type: ignore[no-untyped-def]
        update = honest(contributions, mechanism, random)
        if mechanism.clients > 1:  # what is released in a session, and not by one artist alone
            name = f"{mechanism.digest.hex()}-{mechanism.modulus_bits}-{os.urandom(8).hex()}.npy"
            np.save(Path(uploads) / name, update.values)
        return update

    pipeline.protect = watched
    sys.argv = ["fedstyle", "artist", "run", "--home", home]
    fedstyle_main()


def outcome_of(platform: Path) -> list[tuple[str, int]] | None:
    """Digest and number of artists of each iteration's sum, when the training is over."""
    training = json.loads(fedstyle("platform", "train", "show", "--platform", platform, "--json"))
    if training["state"] == "failed":
        raise SystemExit(f"the training failed: {training['problem']}")
    if training["state"] != "ended":
        return None
    last = {attempt["iteration"]: attempt for attempt in training["attempts"]}
    return [(attempt["sum"], attempt["survivors"]) for attempt in last.values()]


def check_sums(published: list[tuple[str, int]], uploads: Path) -> bool:
    """Hold every sum against what went into it, and say what came of it."""
    exact = [explain(digest, survivors, uploads) for digest, survivors in published]
    for number, ((digest, survivors), is_exact) in enumerate(zip(published, exact, strict=True), 1):
        verdict = "is exactly theirs" if is_exact else "IS NOT A SUM OF THEIR UPLOADS"
        say(f"  iteration {number}: the sum of {survivors} artists, SHA-256 {digest[:16]}..., {verdict}")
    return len(exact) == ITERATIONS and all(exact)


def explain(digest: str, survivors: int, uploads: Path) -> bool:
    """Whether a digest is that of a sum of so many uploads of one iteration, read back from the ring."""
    iterations: dict[tuple[str, int], list[Path]] = {}
    for path in uploads.glob("*.npy"):
        mechanism, bits, _ = path.stem.split("-")
        iterations.setdefault((mechanism, int(bits)), []).append(path)
    for (_, bits), paths in iterations.items():
        half = 1 << bits - 1
        for chosen in itertools.combinations(map(np.load, paths), survivors):
            total = (sum(chosen) + half) % (2 * half) - half
            if survivors and sha256(total.astype("<i8").tobytes()).hexdigest() == digest:
                return True
    return False


def is_listed(invitation: Path, folder: Path, artists: int) -> bool | None:
    """Whether all artists are found, once their agents have signed."""
    picture = next((folder / "held out").glob("*/*"))
    done = run("search", "--platform", invitation, picture, "--top", artists, "--json")
    return True if not done.returncode and len(json.loads(done.stdout)["results"]) == artists else None


def is_shown(address: str, part: str) -> bool:
    """Whether a page shows a part of it to whoever has its address."""
    place, _, token = address.partition("#")
    asked = urllib.request.Request(f"{place}parts/{part}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310  (our own, on loopback)
        return answer.status == HTTPStatus.OK and b"epsilon" in answer.read()


def tell_who_holds_what(platform: Path, homes: Mapping[str, Path], start: "Start") -> None:
    """What each program keeps on disk and in memory."""
    say("What each program holds:")
    parts = "keys, roster, models, sums, log, signatures; no artwork, no upload"
    say(f"  platform     {start.memory('platform'):4d} MB  {platform}: {parts}")
    for name, home in homes.items():
        spent = json.loads(fedstyle("artist", "status", "--home", home, "--json"))["spent"]
        kept = f"key, encrypted features, ledger: epsilon {spent['aggregate']:.2f} of {spent['limit']:g} spent"
        say(f"  {name:<12} {start.memory(name):4d} MB  {home.name}: {kept}")


def fedstyle(*arguments: object) -> str:
    """What one command printed; the demonstration ends where a command fails."""
    done = run(*arguments)
    if done.returncode:
        raise SystemExit(f"fedstyle {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    return subprocess.run([*FEDSTYLE, *map(str, arguments)], check=False, capture_output=True, text=True)  # noqa: S603  (our own)


def answers(address: str) -> bool | None:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return None
    return True


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def say(sentence: str) -> None:
    """One line, at once."""
    print(sentence, flush=True)


class Start:
    """Starts programs, and ends all of them.

    Args:
        logs: Folder for what they say.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, name: str, *command: object) -> None:
        """Start a program under a name."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("wb") as log:
            environment = os.environ | {"OMP_NUM_THREADS": "1"}  # eight artists share this machine
            # A session of its own: Ctrl-C reaches this program alone, which then ends the others.
            self._running[name] = subprocess.Popen(  # noqa: S603  (our own)
                list(map(str, command)), env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """See that nothing has ended by itself."""
        for name, program in self._running.items():
            if program.poll() is not None:
                told = (self._logs / f"{name}.log").read_text()[-500:]
                raise SystemExit(f"{name} ended with {program.returncode}: {told}")

    def page(self, name: str) -> str:
        """The address of the page that a program serves, as it printed it."""
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/#\S+", (self._logs / f"{name}.log").read_text())
        return address

    def memory(self, name: str) -> int:
        """Megabytes in use, where the system tells; 0 elsewhere."""
        try:
            status = Path(f"/proc/{self._running[name].pid}/status").read_text()
        except OSError:
            return 0
        return int(status.partition("VmRSS:")[2].split()[0]) >> 10

    def end(self) -> None:
        """End all, agents first; whoever presses Ctrl-C again meanwhile would leave programs behind."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for program in reversed(self._running.values()):
            program.terminate()
        for program in self._running.values():
            try:
                program.wait(timeout=30)
            except subprocess.TimeoutExpired:
                program.kill()


@contextmanager
def programs(folder: Path) -> Iterator[Start]:
    """What is started here ends with the block."""
    start = Start(folder / "logs")
    try:
        yield start
    finally:
        start.end()


def wait_for(look: Callable[[], T | None], what: str, start: Start) -> T:
    """Look until there is something, as long as all programs run."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        start.check()
        time.sleep(1)
    raise SystemExit(f"{what} did not come in {PATIENCE} seconds")


if __name__ == "__main__":
    main()
