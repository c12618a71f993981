"""TM-19: crashes. A platform and an artist are killed (SIGKILL, real processes) at any line of what they do.

The platform's life is a whole one: gateway, coordinator, SQLite. Its artists send what they have until it is
acknowledged. Sums are compared with those of the same training that nobody interrupted.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from math import inf
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic, sleep, time
from typing import Final

import torch

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.aggregation.masking import REFUSALS
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.store import FileStore
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.platform.coordinator.coordinator import Coordinator
from fedstyle_secure.platform.service import opened
from fedstyle_secure.platform.settings import PlatformFolder
from fedstyle_secure.platform.store.trainings import State
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server.iterations import Outcome
from fedstyle_secure.transparency.leaves import Session, decode
from fedstyle_secure.wire.routes import INSTANCE_BYTES, Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .gallery import ARTISTS, REFUSING, Gallery, write_settings
from .mortal import Answering, Mortal
from .street import Heard, call
from .town import Federation, Town, codebook, identity, mailbox, make_enrolment, make_terms, style_features

KILLS: Final = {Effort.FAST: (4, 8), Effort.SLOW: (50, 165)}
"""Of a platform, and of an artist; where a defense is off, the fewer are enough."""
_MANY: Final = 2
"""Kills in an iteration of a training, about."""
_STUCK, _REST = 60.0, 0.1
"""Seconds after which a platform that asks nobody anything will do so no more, and between two looks."""
_PLATFORM: Final = ("fedstyle_secure/platform/", "engines/http", "server/iterations", "aggregation/summing")
_ARTIST: Final = ("fedstyle_secure/artist/", "privacy/ledger", "fedstyle_secure/durable", "protocols/answering")
_PAID: Final = "artist/rows"
"""What an artist computes when a session is charged and nothing of it is kept yet."""
_COMMITTED, _ONWARDS = "acknowledged after the commit", "on from the newest checkpoint"
_KEPT, _ONCE = "kept before it is answered", "a session is charged once"
_EDITS: Final = {
    _COMMITTED: (
        Edit(
            "fedstyle_secure.platform.gateway.mailboxes:Mailboxes.answers",
            "verdict = await asyncio.wrap_future(self._writer.submit(work, len(letter.data)))",
            "__import__('threading').Timer(0.5, self._writer.submit, (work,)).start(); verdict = Verdict.KEPT",
        ),
    ),
    _ONWARDS: (
        Edit(
            "fedstyle_secure.platform.coordinator.leading:Leading._iterate",
            "begin = store.newest_checkpoint(connection, self._number) or training.start",
            "begin = training.start",
        ),
    ),
    _KEPT: (Edit("fedstyle_secure.artist.memory:Memory.keep_session", "self._store.write(values)", "pass"),),
    _ONCE: (Edit("fedstyle_secure.privacy.ledger:Ledger._is_charged", "return True", "continue"),),
}

CLAIM = Claim(
    number=19,
    title="crashes",
    adversary="kills the platform or an artist's agent at any point, as often as it likes",
    assets="answers that were acknowledged; that no round has two answers; what a session is charged; sums",
    assumption="the disk keeps what it said it had written",
    promise="what was acknowledged is stored, no round is answered twice, no session is charged twice or in two "
    "states, no number goes back, and every sum is the one that nobody interrupted",
    defenses={
        _COMMITTED: "platform/gateway/mailboxes.py, MLB-1; platform/store/writer.py, WRI-1",
        _ONWARDS: "platform/coordinator/leading.py, COO-1",
        _KEPT: "artist/memory.py, MMR-1; protocols/vault.py",
        _ONCE: "privacy/ledger.py, LED-7",
    },
    power=(
        Limit(figure="acknowledged answers that are asked for again", at_least=1),
        Limit(figure="sums without the killed artist", at_least=1),
    ),
    powerless=frozenset({_COMMITTED, _KEPT}),
    protected=(
        Limit(figure="acknowledged answers that are asked for again", at_most=0),
        Limit(figure="sums that differ", at_most=0),
        Limit(figure="sessions in two states", at_most=0),
        Limit(figure="rounds answered twice", at_most=0),
        Limit(figure="sums without the killed artist", at_most=0),
        Limit(figure="charges beyond one a session", at_most=0),
    ),
    residual="a disk that loses what it has said it wrote; a process that is killed without end does nothing at all",
    tests=(
        "tests/platform/test_live.py",
        "tests/artist/test_kills.py",
        "tests/platform/coordinator/test_leading.py",
        "tests/privacy/test_ledger.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.DENIAL_OF_SERVICE, Stride.TAMPERING),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, machines fail."""
    return True


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Kill a platform through a training, and an artist through many sessions."""
    of_platform, of_artist = KILLS[Effort.FAST if without else effort]
    whole, within = _uninterrupted(of_platform // _MANY), _lines_of_an_iteration()
    with off(without, _EDITS), TemporaryDirectory(prefix="threat-") as folder:
        platform = _kill_a_platform(Path(folder) / "platform", of_platform, within, whole)
        artist = _kill_an_artist(Path(folder) / "artist", of_artist)
    return platform | artist


@dataclass
class _Run:
    """A training, from outside.

    Attributes:
        asked_again: Answers that a life of the platform acknowledged, and a later one asked for.
        sums: Digests of its sums, by iteration.
        iterations: In the order in which they were committed.
        entered: Sessions in the log.
        deaths: Of the platform.
        lines: That its last life ran.
    """

    asked_again: int = 0
    sums: dict[int, bytes] = field(default_factory=dict)
    iterations: list[int] = field(default_factory=list)
    entered: list[bytes] = field(default_factory=list)
    deaths: int = 0
    lines: int = 0


@cache
def _uninterrupted(iterations: int) -> _Run:
    """The training that nobody interrupts: what comes of it is the same whenever it is run."""
    with TemporaryDirectory(prefix="threat-") as folder:
        return _train(Path(folder), iterations, watched=())


@cache
def _lines_of_an_iteration() -> int:
    """How many lines a platform runs for each."""
    with TemporaryDirectory(prefix="threat-") as folder:
        return _train(Path(folder), 2).lines // 2


def _kill_a_platform(folder: Path, kills: int, within: int, whole: _Run) -> dict[str, float]:
    random = Random(within)  # noqa: S311  (where to kill is no secret)
    often = _train(folder, len(whole.sums), [random.randrange(1, within) for _ in range(kills)])
    differ = sum(often.sums.get(iteration) != digest for iteration, digest in whole.sums.items())
    twice = (
        len(often.entered)
        - len(set(often.entered))
        + sum(after <= before for before, after in zip(often.iterations, often.iterations[1:], strict=False))
    )
    return {
        "acknowledged answers that are asked for again": float(often.asked_again),
        "sums that differ": float(differ),
        "sessions in two states": float(twice),
        "kills of the platform": float(often.deaths),
    }


def _train(folder: Path, iterations: int, kill_at: Sequence[int] = (), *, watched: Sequence[str] = _PLATFORM) -> _Run:
    """A training of so many iterations; lives of the platform end at these lines, one after another."""
    path = folder / "platform"
    path.mkdir(parents=True)
    gallery = Gallery(Town(folder), f"sqlite:///{path}/platform.sqlite", path)
    gallery.join(*range(ARTISTS))
    gallery.start(multipliers=(1.0,) * iterations)
    gallery.database.close()
    write_settings(path)
    seen = _Run()
    with closing(Mortal(partial(_platform, path), watched)) as platform:
        _carry(gallery, platform, seen, list(kill_at), path)
        seen.deaths, seen.lines = platform.deaths, platform.lines
    with _reading(path) as connection:
        attempts = connection.execute("SELECT iteration, sum_digest FROM attempts ORDER BY number").fetchall()
        leaves = [decode(entry) for (entry,) in connection.execute("SELECT entry FROM log_leaves")]
    seen.iterations, seen.sums = [iteration for iteration, _ in attempts], dict(attempts)
    seen.entered = [leaf.digest for leaf in leaves if isinstance(leaf, Session)]
    return seen


def _carry(gallery: Gallery, platform: Mortal, seen: _Run, kill_at: list[int], path: Path) -> None:
    """Take each artist what it is asked, and the platform its answer, until the training is over."""
    acknowledged: dict[tuple[bytes, Purpose, int, int], int] = {}
    polls = {key: _poll(gallery, key) for key in gallery.artists}
    platform.kill_at = kill_at
    if kill_at:
        platform.end()
    asked_last = monotonic()
    while not _is_over(path) and monotonic() - asked_last < _STUCK:
        waited_for = _waited_for(path)
        for key in waited_for:
            asked = platform.ask((Route.NEXT, polls[key]))
            if asked.status != 200:
                continue
            letter = Envelope.claims(asked.body)
            name = (key, letter.purpose, letter.session, letter.round)
            seen.asked_again += acknowledged.get(name, platform.deaths) < platform.deaths
            answer = gallery.answer(key, asked.body)
            if answer is not None and platform.ask((Route.ANSWERS, answer)).status == 200:
                acknowledged[name] = platform.deaths
        if waited_for:
            asked_last = monotonic()
        else:
            platform.ask((Route.NEXT, next(iter(polls.values()))))  # or else nobody notices that it is gone
            sleep(_REST)


@contextmanager
def _platform(path: Path) -> Iterator[Answering]:
    """A platform's process, that is called without sockets."""
    with opened(PlatformFolder(path), poll_seconds=0.0) as service:
        ahead = _until_the_lease_ends(path)
        coordinator = Coordinator(service.database, service.signer, service.logbook, clock=lambda: time() + ahead)
        threading.Thread(target=coordinator.run, args=(threading.Event(),), daemon=True).start()

        def answer(question: tuple[Route, bytes]) -> Heard:
            route, body = question
            return asyncio.run(call(service.app, "POST", route.value, body))

        yield answer


def _until_the_lease_ends(path: Path) -> int:
    """Seconds for which another process may not lead after a kill: nobody waits for them here, clocks go ahead."""
    with _reading(path) as connection:
        until = [int(until) for (until,) in connection.execute("SELECT until FROM lease")]
    return max([0, *(1 + end - int(time()) for end in until)])


def _poll(gallery: Gallery, key: bytes) -> bytes:
    number, _ = gallery.artists[key]
    poll = Envelope(
        sender=key,
        recipient=gallery.signer.platform_key,
        purpose=Purpose.POLL,
        session=1,
        round=0,
        body=bytes(INSTANCE_BYTES),
    )
    return poll.seal(identity(number))


def _waited_for(path: Path) -> list[bytes]:
    """Artists whom something is asked: others need not poll, which saves time and changes nothing."""
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT identity FROM requests JOIN exchanges ON exchanges.id = requests.exchange "
            "LEFT JOIN replies ON replies.request = requests.id WHERE closed_at IS NULL AND replies.request IS NULL"
        )
        return [identity for (identity,) in rows]


def _is_over(path: Path) -> bool:
    with _reading(path) as connection:
        ((state,),) = connection.execute("SELECT state FROM trainings")
    return state in {State.ENDED, State.FAILED}


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """What a platform's disk holds, from outside."""
    with closing(sqlite3.connect(f"file:{path}/platform.sqlite?mode=ro", uri=True)) as connection:
        yield connection


def _kill_an_artist(folder: Path, kills: int) -> dict[str, float]:
    """One session without a kill, then one with each: evenly over its lines, and every other where it has paid."""
    folder.mkdir()
    federation = Federation(folder=folder / "others", mode=Mode.NONE, multipliers=(0.0,) * (kills + 1))
    with closing(Mortal(partial(_artist, folder), _ARTIST)) as process:
        killed = _Killed(process)
        first, *others = (federation.artists[name] for name in federation.names)
        mailboxes = {
            "artist 0/announcement": mailbox(first, partial(killed.ask, "receive_announcement")),
            "artist 0/session": mailbox(first, partial(killed.ask, "receive_request"), Purpose.SESSION),
        }
        for name, artist in zip(federation.names[1:], others, strict=True):
            mailboxes[f"{name}/announcement"] = mailbox(artist, artist.receive_announcement)
            mailboxes[f"{name}/session"] = mailbox(artist, artist.receive_request, Purpose.SESSION)
        loop = federation.loop(engine=MemoryEngine(mailboxes, refusals=REFUSALS))
        survivors = [_survivors(next(loop))]
        lines = process.lines
        for number in range(kills):
            process.end()
            has_paid = number % 2 == 1
            process.kill_in = _PAID if has_paid else ""
            process.kill_at = [1 + number % 8 if has_paid else 1 + number * lines // kills]
            process.end()  # the next life is the one that ends there
            survivors.append(_survivors(next(loop)))
    ledger = Ledger.read(folder / "ledger.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE)
    return {
        "rounds answered twice": float(killed.twice),
        "sums without the killed artist": float(sum(count < len(federation.names) for count in survivors)),
        "charges beyond one a session": float(abs(len(ledger.releases) - len(survivors))),
        "kills of the artist": float(process.deaths),
    }


def _survivors(outcome: Outcome) -> int:
    return 0 if outcome.aggregate is None else outcome.aggregate.survivors


class _Killed:
    """The killed artist, as its platform sees it.

    Args:
        process: Its own.

    Attributes:
        twice: Requests to which it gave two answers.
    """

    def __init__(self, process: Mortal) -> None:
        self._process = process
        self.twice = 0

    def ask(self, what: str, request: bytes) -> bytes:
        """Its answer; whoever may have died on it is asked once more."""
        answer: bytes = self._process.ask((what, request))
        if self._process.is_young:
            self._process.end()
            with suppress(*REFUSING):  # to say nothing the second time is no second answer
                self.twice += self._process.ask((what, request)) != answer
        return answer


@contextmanager
def _artist(folder: Path) -> Iterator[Answering]:
    """An artist's process."""
    torch.set_num_threads(1)  # of the parent's threads none is here
    artist = Artist(
        features=style_features(0),
        codebook=codebook(),
        codeword=codebook().draw(os.urandom),  # what is kept has the last word
        enrolment=make_enrolment(0, artists=8),
        terms=make_terms(mode=Mode.NONE, max_uploads=1, max_jump=1),
        agreed=NO_LOG,
        ledger=Ledger.open(folder / "ledger.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE),
        store=FileStore.open(folder / "state"),
        random=os.urandom,
    )
    receive: dict[str, Answering] = {
        "receive_announcement": artist.receive_announcement,
        "receive_request": artist.receive_request,
    }
    yield lambda question: receive[question[0]](question[1])
