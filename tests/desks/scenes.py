"""Artists at their pages, with real homes and agents; what a platform says to them is scripted."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fedstyle_secure.artist.agent import Agent, StoppedError
from fedstyle_secure.artist.client import Line
from fedstyle_secure.artist.engagement import Engagement
from fedstyle_secure.artist.home import Home, log_note, read_pins
from fedstyle_secure.artist.memory import Memory
from fedstyle_secure.artist.portfolio import load_features
from fedstyle_secure.artist.recovery import open_ledger
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.signature import Signature
from fedstyle_secure.desks.artist import artist_desk
from fedstyle_secure.desks.door import Pass, serving
from fedstyle_secure.platform.store.signatures import public_signatures
from fedstyle_secure.privacy.releases import Release, SessionMark
from fedstyle_secure.wire.routes import Status
from fedstyle_secure.wire.trainings import Facts
from tests.artist.stage import Stage, alone
from tests.desks.knock import Caller
from tests.platform.shown import Shown

OTHERS = (
    "Mira Lindqvist",
    "Atelier du Nord",
    "Tomás <O'Neill>",
    "Kiyoko",
    "a_very_long_name_without_a_place_to_break_it",
)


@dataclass
class AtThePage:
    """An artist at the page, while the agent runs.

    Attributes:
        caller: Who has the address.
        agent: It.
        thread: In which it runs.
        ended: Why it ended by itself.
    """

    caller: Caller
    agent: Agent
    thread: threading.Thread
    ended: list[str] = field(default_factory=list)

    def part(self, name: str) -> str:
        heard = self.caller.get(f"/parts/{name}")
        assert heard.status == 200, heard
        return heard.body.decode()


def finish_training(home: Home, street, pem: str) -> Facts:
    """A training that this artist took part in is over; the street enters what is asked for from then on."""
    on_stage = Stage()
    street.answer = on_stage.serve
    facts = on_stage.facts(home)
    with Line(street.address, pem) as line:
        engaged = Engagement(home, line)
        engaged.receive_offer(on_stage.offer(facts).encode())
        engaged.receive_outcome(on_stage.outcome(facts).encode())
    street.answer = on_stage.entering(home)
    return facts


def charge_sessions(home: Home, count: int = 3) -> None:
    """As if the artist had been in sessions, each charged to the ledger."""
    ledger, pins = open_ledger(home.ledger_path, home.terms), read_pins(home.folder)
    together = alone("head", 8, clients=8, corrupt=1, min_survivors=6, noise_multiplier=6.0)
    for number in range(1, count + 1):
        mark = SessionMark(number=number, session_id=bytes([number]) * 32, roster=bytes(32), platform=pins.platform_key)
        ledger.charge(Release.of(together, name="head", iteration=number, session=mark))


@contextmanager
def running(home: Home) -> Iterator[AtThePage]:
    """The agent as `fedstyle artist run` has it, with its page."""
    over, ended = threading.Event(), []
    made = Agent(home, sleep=lambda seconds: time.sleep(min(seconds, 0.05)))

    def run() -> None:
        try:
            made.run(until=over.is_set)
        except StoppedError as error:
            ended.append(str(error))

    thread = threading.Thread(target=run)
    with serving(artist_desk(home, made), Pass.new(), on_fault=print) as page:
        thread.start()
        try:
            yield AtThePage(Caller(page.pass_.port, page.pass_.token), made, thread, ended)
        finally:
            over.set()
            thread.join()


@contextmanager
def gallery(folder: Path, home: Home, street) -> Iterator[Shown]:
    """A catalogue in which this artist is one of six; the street shows it from then on."""
    on_stage, rng = Stage(), np.random.default_rng(5)
    own = on_stage.space.apply(on_stage.model.embed(load_features(home).views[:, 0])).mean(axis=0)
    vectors = [each / np.linalg.norm(each) for each in (own, *rng.normal(size=(len(OTHERS), len(own))))]
    pins, names = read_pins(home.folder), (read_pins(home.folder).name, *OTHERS)
    signatures = [Signature(name, each.astype(np.float32)) for name, each in zip(names, vectors, strict=True)]
    shown = Shown(folder)
    shown.publish(on_stage.model.encode(), StyleIndex(on_stage.space, signatures))
    space = replace(pins.space, log_origin=shown.signer.said.origin)
    home.pin(replace(pins, platform_key=shown.signer.platform_key, log_key=shown.signer.log_key, space=space))
    home.store.write({log_note(space.log_origin): shown.logbook.checkpoint()})
    with shown.served() as address:
        entered = on_stage.entering(home, shown.signer.identity)

        def answer(path: str, body: bytes) -> tuple[int, bytes]:
            status, content = entered(path, body)
            if status != Status.MISSING or body:
                return status, content
            with urllib.request.urlopen(address + path, timeout=30) as page:  # noqa: S310  (our own, on loopback)
                return page.status, page.read()

        street.answer = answer
        yield shown
    shown.database.close()


def sign_here(home: Home, shown: Shown) -> None:
    """As if this home had signed what the catalogue shows."""
    with shown.database.reading() as connection:
        own = next(each for each in public_signatures(connection) if each.name == read_pins(home.folder).name)
    Memory(home.store).keep_signature(np.frombuffer(own.vector, "<f4"), "a training", "signature")
