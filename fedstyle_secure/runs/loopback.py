"""A platform on this machine for one run: what passes goes to its gateway and back, as between machines.

The server's loop and the artists' half are in this process, as in any run; between them are TLS on loopback, a process
that answers HTTP, and a database. Each artist has a line of its own and polls like an agent.

LOO-1  What the server asks and what artists answer pass through a gateway that trusts neither: enrolled keys, pinned
       authority, every check of a platform. Only that an artist will not answer is known without it.
LOO-2  The gateway ends with whoever started it, however that ended; nothing of it is left.
LOO-3  A gateway that dies, or a mistake of ours in an artist's thread, ends the run in a sentence; nobody waits for it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..aggregation.letters import Envelope, Purpose
from ..artist.client import Line
from ..engines.courier import Engine
from ..engines.http import Exchange, HttpEngine
from ..engines.memory import MemoryEngine
from ..errors import FedStyleError
from ..platform.coordinator.lead import Lead, LedJournal
from ..platform.settings import PlatformFolder, Settings
from ..platform.setup import make_platform
from ..platform.store.artists import Entry, Newcomer, add_token, enrol
from ..platform.store.database import Database
from ..platform.store.exchanges import forget_messages, keep_reply
from ..platform.store.journal import DatabaseJournal
from ..wire.routes import INSTANCE_BYTES, UPLOAD_LIMIT, Route, Status
from .opening import Parties

_HERE: Final = "127.0.0.1"
_TRAINING: Final = 1
_NO_LIMIT: Final = 1 << 30
"""All artists of a run share this machine's address."""
_PATIENCE: Final = 30.0
"""Seconds that a gateway has to end, and an artist's thread to notice."""


@contextmanager
def open_local(mailboxes: MemoryEngine, parties: Parties) -> Iterator[Engine]:
    """An engine over a gateway on loopback, with a line for each artist.

    Raises:
        FedStyleError: The gateway cannot be started, or ends before its time.
    """
    with TemporaryDirectory(prefix="fedstyle-http-") as scratch:
        folder = _make(Path(scratch) / "platform", parties)
        database = Database.open(folder.database_url(folder.settings()))
        try:
            with _Callers(mailboxes, parties, database) as callers, _Gateway(folder) as gateway:

                def look() -> None:
                    lead.look()
                    gateway.check()
                    callers.check()

                lead = _take(database)
                callers.call(gateway)
                kept = DatabaseJournal(database, training=_TRAINING, epoch=lead.epoch, reply_limit=UPLOAD_LIMIT)
                yield HttpEngine(_Newest(LedJournal(kept, look), lead))
        finally:
            database.close()


def enrol_all(database: Database, artists: Mapping[str, Ed25519PrivateKey]) -> None:
    """As if each had joined with an invitation, under its name."""
    with database.writing() as connection:
        for name, key in artists.items():
            token = sha256(name.encode()).digest()
            add_token(connection, digest=token, label=name, expires=1)
            newcomer = Newcomer(name=name, folded=name, link=None, terms=b"{}")
            entry = Entry(key=key.public_key().public_bytes_raw(), leaf=0, salt=bytes(32))
            enrol(connection, token=token, label=name, newcomer=newcomer, identity=entry, now=0)


def seal_poll(identity: Ed25519PrivateKey, platform_key: bytes) -> bytes:
    """What an artist's first start asks with, again and again."""
    poll = Envelope(
        sender=identity.public_key().public_bytes_raw(),
        recipient=platform_key,
        purpose=Purpose.POLL,
        session=1,
        round=0,
        body=os.urandom(INSTANCE_BYTES),
    )
    return poll.seal(identity)


def _make(path: Path, parties: Parties) -> PlatformFolder:
    """A platform whose key is the run's own, with the run's artists."""
    settings = Settings(
        address=f"https://{_HERE}",
        hosts=(_HERE,),
        listen=f"{_HERE}:0",
        refusals_burst=_NO_LIMIT,
        requests_burst=_NO_LIMIT,
        log_level="error",
    )
    make_platform(
        path, settings, log_name="loopback/log", database_url=None, foundation=None, identity=parties.platform
    )
    folder = PlatformFolder(path)
    database = Database.open(folder.database_url(settings))
    try:
        enrol_all(database, parties.artists)
    finally:
        database.close()
    return folder


def _take(database: Database) -> Lead:
    lead = Lead.take(database, os.urandom(16), threading.Event())
    if lead is None:
        raise FedStyleError("another process leads this run's platform")
    return lead


class _Newest(LedJournal):
    """A journal that keeps no more than the exchange that is on: a run that is interrupted begins anew."""

    def __init__(self, journal: LedJournal, lead: Lead) -> None:
        super().__init__(journal, lambda: None)
        self._lead = lead

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """As `Journal.open`; what was said before is deleted."""
        self._lead.write(lambda connection: forget_messages(connection, _TRAINING))
        return super().open(name, requests)


class _Gateway:
    """The platform's process.

    Args:
        folder: The platform's.

    Attributes:
        address: Where it listens.
        certificates: Its authority's.
    """

    def __init__(self, folder: PlatformFolder) -> None:
        self._told = folder.path / "gateway.log"
        self.certificates = folder.authority.read_text(encoding="ascii")
        self._folder = folder

    def __enter__(self) -> "_Gateway":
        with self._told.open("wb") as told:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the other.
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                [sys.executable, "-P", "-m", "fedstyle_secure.platform.alone", str(self._folder.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                start_new_session=True,
            )
        port = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not port:
            self.__exit__()
            self.check()
        self.address = f"https://{_HERE}:{int(port)}"
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # closes its standard input, and waits
            try:
                self._process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def check(self) -> None:
        """See that it is there.

        Raises:
            FedStyleError: It has ended.
        """
        if (code := self._process.poll()) is not None:
            last = self._told.read_text(errors="replace").strip().rpartition("\n")[2][:300]
            raise FedStyleError(f"the gateway of this run ended with {code} ({last}): run it again")


class _OverError(Exception):
    """An artist is told to end while it waits."""


class _Callers:
    """A thread for each artist, which polls and answers; artists compute one at a time, as without a gateway.

    Args:
        mailboxes: What answers.
        parties: Their keys.
        database: Where it is noted that an artist will not answer.
    """

    def __init__(self, mailboxes: MemoryEngine, parties: Parties, database: Database) -> None:
        self._mailboxes, self._artists, self._database = mailboxes, parties.artists, database
        self._platform_key = parties.platform.public_key().public_bytes_raw()
        self._over, self._turn = threading.Event(), threading.Lock()
        self._failures, self._threads = list[Exception](), list[threading.Thread]()

    def __enter__(self) -> "_Callers":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def call(self, gateway: _Gateway) -> None:
        """Begin; a gateway that ends sends home who waits in a poll."""
        for artist in self._artists.items():
            self._threads.append(threading.Thread(target=self._run, args=(gateway, *artist), daemon=True))
            self._threads[-1].start()

    def check(self) -> None:
        """See that all are well.

        Raises:
            Exception: What ended one of them.
        """
        if self._failures:
            raise self._failures[0]

    def _run(self, gateway: _Gateway, name: str, identity: Ed25519PrivateKey) -> None:
        try:
            with suppress(_OverError), Line(gateway.address, gateway.certificates, sleep=self._sleep) as line:
                self._attend(line, name, identity)
        except Exception as error:  # which a thread must not keep to itself
            self._failures.append(error)

    def _sleep(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise _OverError

    def _attend(self, line: Line, name: str, identity: Ed25519PrivateKey) -> None:
        poll = seal_poll(identity, self._platform_key)
        while not self._over.is_set():
            asked = line.post(Route.NEXT, poll)
            if asked.status == Status.DONE:
                self._answer(line, name, identity, asked.body)
            elif asked.status != Status.NOTHING:
                raise FedStyleError(f"the gateway refuses {name} ({asked.status}): {asked.reason}")

    def _answer(self, line: Line, name: str, identity: Ed25519PrivateKey, request: bytes) -> None:
        claimed = Envelope.claims(request)
        mailbox = f"{name}/{claimed.purpose.name.lower()}"
        with self._turn:
            reply = self._mailboxes.answer(mailbox, request)
        if reply is not None:
            answer = line.post(Route.ANSWERS, reply)
            if answer.status in {Status.DONE, Status.GONE}:
                return
            self._mailboxes.refusals[mailbox] = answer.reason
        silence = replace(claimed, sender=identity.public_key().public_bytes_raw(), recipient=self._platform_key)
        with self._database.writing() as connection:
            keep_reply(connection, silence, b"")
