"""The whole way, over TLS: eight agents and a platform come to exact sums; killed in every round, too."""

import multiprocessing
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist import artist, engagement
from fedstyle_secure.artist.agent import Agent
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.home import Home
from fedstyle_secure.artist.portfolio import load_features
from fedstyle_secure.artist.recovery import open_ledger
from tests.platform.live import ARTISTS, Live, Uploads, begin, found, made

PATIENCE = 3600
"""Seconds; a busy machine takes its time, and agents wait longer and longer for a platform that is away."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(live: Live, port: int):
    """The platform, in threads of this process."""
    with made(live, port) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()


def assert_keeps_no_secret(live: Live) -> None:
    """What a thief of the platform's folder, database and all, does not find; and that looking finds what is there."""
    stolen = b"".join(path.read_bytes() for path in live.platform.path.rglob("*") if path.is_file())
    for number in range(ARTISTS):
        with closing(Home.open(live.home(number))) as home:
            key = home.identity
            secrets = {
                "identity": key.private_bytes_raw(),
                "features key": home.features_key,
                "store key": bytes.fromhex((home.folder / "artist.key").read_text()),
                "ledger key": bytes.fromhex((home.folder / "ledger" / "ledger.key").read_text()),
                "an artwork's features": load_features(home).views[0, 0].tobytes(),
            }
            if live.platform.settings().database == "sqlite":
                assert key.public_key().public_bytes_raw() in stolen
        for name, secret in secrets.items():
            assert secret not in stolen, name
            assert secret.hex().encode() not in stolen, name


def off_by(seconds):
    return lambda: time.time() + seconds


def wait_for_the_end(live: Live):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        training = live.training()
        if training.state.name in {"ENDED", "FAILED"}:
            assert training.problem == "", training.problem
            return live.outcome()
        time.sleep(0.1)
    raise AssertionError(f"the training did not end: {training.state}")


def charged(live: Live, number: int) -> list[tuple[str, int]]:
    with closing(Home.open(live.home(number))) as home:
        return [(each.name, each.iteration) for each in open_ledger(home.ledger_path, home.terms).releases]


def tap(folder: Path, monkeypatch) -> Uploads:
    """Note what goes into masks, until the test is over."""
    monkeypatch.setattr(artist, "protect", artist.protect)  # and back
    uploads = Uploads(folder / "uploads")
    uploads.tap()
    return uploads


ONCE = [("prototype", 0), ("moments+head", 1), ("head", 2)]
"""What an artist is charged for a training of two iterations."""


def test_eight_agents_and_a_platform_come_to_exact_sums(new_url, tmp_path, art, monkeypatch):
    """Whatever their clocks say: some are an hour late, others an hour early."""
    live, over, words = found(tmp_path / "live", new_url(), (free_port(),), art), threading.Event(), []
    offsets = cycle((-3600, 0, 3600))
    monkeypatch.setattr(engagement, "Artist", lambda **own: Artist(**own, clock=off_by(next(offsets))))
    uploads = tap(tmp_path, monkeypatch)

    def take_part(number):
        with closing(Home.open(live.home(number))) as home:
            Agent(home, tell=words.append, sleep=lambda seconds: time.sleep(min(seconds, 0.2))).run(until=over.is_set)

    agents = [threading.Thread(target=take_part, args=(number,)) for number in range(ARTISTS)]
    with serving(live, live.ports[0]):
        for agent in agents:
            agent.start()
        try:
            outcome = wait_for_the_end(live)
        finally:
            over.set()
            for agent in agents:
                agent.join()
    assert outcome.survivors == (ARTISTS, ARTISTS)
    assert all(map(uploads.explain, outcome.sums, outcome.survivors))
    assert len(list(uploads.folder.iterdir())) == ARTISTS * len(outcome.sums)
    assert [charged(live, number) for number in range(ARTISTS)] == [ONCE] * ARTISTS
    assert not any(word.refused for word in words)
    assert_keeps_no_secret(live)
    assert not uploads.explain(bytes(32), ARTISTS)


# Processes that have loaded libraries already: doing so takes longer than most of what they do until they are killed.
NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.platform.live", "fedstyle_secure.artist.engagement"])


class Process:
    """A program that is killed and started again."""

    def __init__(self, program: str, *arguments: object, log: Path) -> None:
        self._arguments, self._log = (program, [str(each) for each in arguments]), log
        self.deaths = 0
        self.start()

    def start(self) -> None:
        self._process = NURSERY.Process(target=begin, args=(*self._arguments, self._log), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """SIGKILL, and start again."""
        self._process.kill()
        self._process.join()
        assert self._process.exitcode == -signal.SIGKILL, self._log.read_text()[-2000:]
        self.deaths += 1
        self.start()

    def end(self) -> int:
        self._process.terminate()
        self._process.join()
        return self._process.exitcode


@pytest.mark.slow
@pytest.mark.parametrize("servers", [1, 2])
def test_killed_in_every_round_eight_agents_and_their_platform_come_to_exact_sums(
    request, tmp_path, art, monkeypatch, servers
):
    """SQLite; and PostgreSQL with two API processes, of which one leads.

    The last artist is in this process, and holds every round open: before it answers one, an agent is killed that has
    answered it or is about to, and every process of the platform.
    """
    url = request.getfixturevalue("shared_cluster").new_database() if servers == 2 else f"sqlite:///{tmp_path}/db"
    live = found(tmp_path / "live", url, tuple(free_port() for _ in range(servers)), art)
    uploads, over, rounds = tap(tmp_path, monkeypatch), threading.Event(), []
    platforms = [Process("platform", live.folder, port, log=tmp_path / f"platform {port}.log") for port in live.ports]
    agents = [
        Process("agent", live.home(number), uploads.folder, log=tmp_path / f"agent {number}.log")
        for number in range(ARTISTS - 1)
    ]
    send = Agent._send

    def kill_first(agent, reply):
        letter = Envelope.claims(reply)
        if letter.purpose is Purpose.SESSION:
            rounds.append((letter.session, letter.round))
            agents[len(rounds) % len(agents)].kill()
            for platform in platforms:
                platform.kill()
        send(agent, reply)

    monkeypatch.setattr(Agent, "_send", kill_first)

    def take_part():
        with closing(Home.open(live.home(ARTISTS - 1))) as home:
            Agent(home).run(until=over.is_set)

    last = threading.Thread(target=take_part)
    last.start()
    try:
        outcome = wait_for_the_end(live)
    finally:
        over.set()
        codes = [each.end() for each in agents]
        last.join()
        for platform in platforms:
            platform.end()
    assert rounds == [(session, number) for session in (1, 2) for number in range(5)]
    assert sum(each.deaths for each in agents) == 10
    assert [platform.deaths for platform in platforms] == [10] * servers
    assert set(codes) <= {128 + signal.SIGTERM, -signal.SIGTERM}  # the latter in the instant of a new beginning
    assert outcome.survivors == (ARTISTS, ARTISTS)
    assert all(map(uploads.explain, outcome.sums, outcome.survivors))
    assert [charged(live, number) for number in range(ARTISTS)] == [ONCE] * ARTISTS
