"""The engine over syft: parties with folders of their own, and one folder that all of them see."""

import os
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

pytest.importorskip("syft", reason="needs the optional extra: pip install '.[syft]'")
pytest.importorskip("syft_rds", reason="needs the optional extra: pip install '.[syft]'")

from syft.sync.sync.caches.cache_file_writer_connection import FSFileConnection
from syft.sync.sync.caches.persisted_dict import PersistedDict

from fedstyle_secure.engines.courier import Wait, Window
from fedstyle_secure.engines.http import HttpEngine
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.engines.syft import folder as folder_module
from fedstyle_secure.engines.syft import open_local
from fedstyle_secure.engines.syft.boxes import ArtistBox, VisitorBox
from fedstyle_secure.engines.syft.cards import CardError, card_file, identity_of, name_of, read_card
from fedstyle_secure.engines.syft.engine import Attendant, FolderJournal
from fedstyle_secure.engines.syft.folder import FolderConnection, FolderError
from fedstyle_secure.errors import InputError
from fedstyle_secure.server.iterations import Windows
from tests.engines.artists_over_syft import make_federation
from threat_models.platform_key import PLATFORM
from threat_models.town import public_key

ROOT = Path(__file__).resolve().parents[2]


PATIENT = Wait(deadline=60.0, enough=2, grace=0.0)


def public(key):
    return key.public_key().public_bytes_raw()


def interrupt(_seconds):
    raise KeyboardInterrupt


class Street:
    """A platform and artists by name, each with its box; nobody looks into a folder until a test says so."""

    def __init__(self, folder, *names):
        self.folder, self.shared = folder, folder / "shared"
        self.platform = Ed25519PrivateKey.generate()
        self.keys = {name: Ed25519PrivateKey.generate() for name in names}
        self.open()

    def open(self):
        """Begin all processes anew."""
        self.boxes = {
            name: ArtistBox(self.shared, self.folder / name, key, public(self.platform))
            for name, key in self.keys.items()
        }
        self.visitor = VisitorBox(
            self.shared, self.folder / "platform", self.platform, [public(key) for key in self.keys.values()]
        )
        self.attendants = {name: Attendant(box, self.answering(name)) for name, box in self.boxes.items()}
        self.asked = []

    def answering(self, name):
        def answer(kind, request):
            self.asked.append((name, kind, request))
            return b"%s to %s" % (name.encode(), request)

        return answer

    def attend(self, *names):
        for name in names or self.attendants:
            self.attendants[name].attend()

    def ask(self, requests, name="x"):
        """Open an exchange, and end before anybody could answer."""
        with pytest.raises(KeyboardInterrupt):
            self.exchange(requests, name, pause=interrupt)

    def exchange(self, requests, name="x", wait=PATIENT, pause=interrupt):
        journal = FolderJournal(
            self.folder / "exchanges",
            self.visitor,
            {owner: public(key) for owner, key in self.keys.items()},
            pause=pause,
        )
        return list(HttpEngine(journal).exchange(requests, name=name, wait=wait))

    def messages(self, receiver, sender, way="from"):
        """What lies in the shared folder between two parties."""
        return sorted((self.shared / name_of(receiver) / way / name_of(sender)).glob("*.tar.gz"))

    def inbox(self, name):
        return self.messages(public(self.keys[name]), public(self.platform))

    def outbox(self, name):
        return self.messages(public(self.keys[name]), public(self.platform), "to")


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path, "ann", "bob")


REQUESTS = {"ann/session": b"for ann", "bob/session": b"for bob"}
REPLIES = [("ann/session", b"ann to for ann"), ("bob/session", b"bob to for bob")]


def test_an_exchange_goes_there_and_back(street):
    assert street.exchange(REQUESTS, pause=lambda _: street.attend()) == REPLIES
    assert street.asked == [("ann", "session", b"for ann"), ("bob", "session", b"for bob")]


def test_syf9_a_reply_counts_once_however_often_its_file_is_seen(street):
    """An artist that answers one request, then another: the second look finds both answers."""
    requests, ann = {"ann/announcement": b"one", "ann/session": b"two"}, street.boxes["ann"]
    street.ask(requests)
    ann.sync()

    def answer_the_next(_seconds):
        name, request = next(iter(ann.unanswered()))
        ann.answer(name, b"to " + request)
        ann.sync()

    replies = street.exchange(requests, pause=answer_the_next)
    assert sorted(replies) == [("ann/announcement", b"to one"), ("ann/session", b"to two")]


def test_nobody_is_online_at_the_same_time(street):
    """The platform asks and ends; artists come one after the other, days later; the platform comes back."""
    street.ask(REQUESTS)
    for name in ("bob", "ann"):
        street = reopened(street)
        street.attend(name)
    assert reopened(street).exchange(REQUESTS) == REPLIES


def reopened(street):
    street.open()
    return street


def test_an_exchange_that_was_closed_is_the_same_again_and_asks_nobody(street):
    first = street.exchange(REQUESTS, pause=lambda _: street.attend())
    street = reopened(street)
    assert street.exchange(REQUESTS, pause=interrupt) == first
    assert not street.inbox("ann")
    with pytest.raises(InputError, match="exchange 'x' was begun with other requests"):
        street.exchange({**REQUESTS, "ann/session": b"another"})


def test_who_is_silent_is_waited_for_no_longer_than_was_said(street):
    wait = Wait(deadline=60.0, enough=1, grace=0.0)
    assert street.exchange(REQUESTS, wait=wait, pause=lambda _: street.attend("bob")) == REPLIES[1:]


def test_a_mailbox_of_this_process_that_vanished_is_not_waited_for():
    mailboxes = MemoryEngine({"ann/session": lambda request: request[::-1], "bob/session": vanished})
    began = time.monotonic()
    with open_local(mailboxes) as engine:
        replies = list(engine.exchange({"ann/session": b"abc", "bob/session": b""}, name="x", wait=PATIENT))
    assert replies == [("ann/session", b"cba")]
    assert time.monotonic() - began < PATIENT.deadline


class TestTheSharedFolder:
    """SYF-1, SYF-2, SYF-3: whoever runs it sees sealed files, and can hold them back, and nothing else."""

    def test_syf1_nothing_in_it_is_in_clear(self, street):
        street.ask({"ann/session": b"QUITE SECRET " * 50})
        street.attend()
        files = [path for path in street.shared.rglob("*") if path.is_file()]
        assert len(files) > 3
        for path in files:
            content = path.read_bytes()
            assert b"QUITE" not in content
            assert b64encode(b"QUITE SECRET ") not in content
            assert path.suffix == ".json" or content.startswith(b"SYC"), path

    def test_syf1_syft_itself_would_send_in_clear_and_may_not(self, street):
        street.visitor._store.use_encryption = False  # as it is for a peer that syft does not know
        street.visitor.meet()
        with pytest.raises(FolderError, match="is not sealed"):
            street.visitor.ask(public(street.keys["ann"]), "x/session", b"in clear")
        assert not street.inbox("ann")

    def test_syf1_what_is_in_clear_is_not_taken(self, street, monkeypatch):
        """A sender of another program, that sends as syft does when it has no key."""
        with monkeypatch.context() as careless:
            careless.setattr(folder_module, "_check_sealed", lambda *_: None)
            street.visitor._store.use_encryption = False
            street.visitor.meet()
            street.visitor.ask(public(street.keys["ann"]), "x/session", b"in clear")
        assert street.inbox("ann")
        street.attend("ann")
        assert not street.asked
        assert not street.boxes["ann"].has_news
        assert not street.boxes["ann"].refused  # syft never saw it

    def test_syf2_the_folder_holds_cards_and_messages_and_nothing_else(self, street):
        street.ask(REQUESTS)
        street.attend()
        parties = {name_of(public(key)) for key in (street.platform, *street.keys.values())}
        for path in street.shared.rglob("*"):
            party, *inside = path.relative_to(street.shared).parts
            assert party in parties
            match inside:
                case [] | ["cards" | "from" | "to"] | ["from" | "to", _]:
                    assert path.is_dir()
                case ["cards", name]:
                    assert name.removesuffix(".json") in parties
                case ["from" | "to", other, name]:
                    assert other in parties
                    assert name.endswith(".tar.gz")
                case _:
                    pytest.fail(f"{path} is in the shared folder")

    def test_syf2_a_stranger_is_no_peer(self, street):
        """One whom ann deals with elsewhere asks nothing in the platform's name, whatever it does to the folder."""
        stranger, ann = Ed25519PrivateKey.generate(), public(street.keys["ann"])
        ArtistBox(street.shared, street.folder / "for the stranger", street.keys["ann"], public(stranger))
        VisitorBox(street.shared, street.folder / "stranger", stranger, [ann]).ask(ann, "x/session", b"hello")
        (message,) = street.messages(ann, public(stranger))
        street.attend()
        place = street.shared / name_of(ann) / "from" / name_of(public(street.platform))
        place.mkdir(parents=True)
        shutil.copy(message, place)
        street.attend()
        assert not street.asked
        assert street.boxes["ann"].refused

    @pytest.mark.parametrize("side", ["inbox", "outbox"])
    def test_syf3_an_altered_file_is_none(self, street, side):
        street.ask({"ann/session": b"for ann"})
        if side == "outbox":
            street.attend()
        for message in getattr(street, side)("ann"):
            content = bytearray(message.read_bytes())
            content[-20] ^= 1
            message.write_bytes(content)
        street.ask({"ann/session": b"for ann"})
        street.ask({"ann/announcement": b"more"}, "y")
        street.attend()  # it holds nothing up
        replies = street.exchange({"ann/announcement": b"more"}, "y", pause=lambda _: pytest.fail("nothing came"))
        assert replies == [("ann/announcement", b"ann to more")]
        reasons = {**street.boxes["ann"].refused, **street.visitor.refused}.values()
        assert reasons
        assert all(reason.startswith("not taken") for reason in reasons)
        street.open()
        street.attend()  # and what was lost is asked and told again
        assert street.exchange({"ann/session": b"for ann"}) == REPLIES[:1]

    @pytest.mark.parametrize("name", ["the same", "another"])
    def test_syf3_an_old_file_that_comes_again_changes_nothing(self, street, name):
        street.ask({"ann/session": b"for ann"})
        (message,) = street.inbox("ann")
        kept, place = message.read_bytes(), message
        street.attend()
        news = {path: path.read_bytes() for path in street.outbox("ann")}
        assert street.exchange({"ann/session": b"for ann"}) == REPLIES[:1]
        street.attend()
        again = (lambda path: path) if name == "the same" else renamed
        again(place).write_bytes(kept)
        for path, content in news.items():
            again(path).write_bytes(content)
        assert street.boxes["ann"].has_news is (name == "another")
        street.attend()
        assert len(street.asked) == 1
        assert street.exchange({"ann/session": b"more"}, "y", pause=lambda _: street.attend()) == [
            ("ann/session", b"ann to more")
        ]

    def test_syf3_a_file_that_may_not_be_removed_is_taken_once(self, street, monkeypatch):
        original = Path.unlink

        def forbidden(path, **how):
            if path.match("from/*/msgv2_*"):
                raise PermissionError
            original(path, **how)

        monkeypatch.setattr(Path, "unlink", forbidden)
        street.ask({"ann/session": b"for ann"})
        street.attend()
        assert len(street.inbox("ann")) == 1
        assert not street.boxes["ann"].has_news
        assert len(street.asked) == 1

    def test_files_that_come_in_another_order_all_come(self, street):
        for name in ("x", "y"):
            street.ask({"ann/session": b"for ann"}, name)
            street.attend("ann")
        early, *late = street.outbox("ann")
        content = early.read_bytes()
        early.unlink()
        for path in (early, *late[:-1]):
            path.unlink(missing_ok=True)
        assert street.exchange({"ann/session": b"for ann"}, "y") == REPLIES[:1]
        early.write_bytes(content)
        list(street.visitor.answers(public(street.keys["ann"])))
        assert not early.exists()

    def test_a_folder_that_went_away_is_one_sentence(self, street):
        shutil.rmtree(street.shared)
        street.shared.write_text("")
        with pytest.raises(FolderError, match="cannot be written to: Not a directory"):
            street.open()


def renamed(path):
    kind, at, rest = path.name.split("_", 2)
    return path.with_name(f"{kind}_{float(at) + 5}_{rest[::-1].removeprefix('zg.rat.')[::-1][:-1]}0.tar.gz")


class TestCards:
    """SYF-4, SYF-5, SYF-6: who is who was settled by the enrolment, and nobody is believed because it came first."""

    def card(self, street, owner, reader):
        return card_file(street.shared, name_of(public(owner)), name_of(public(reader)))

    def test_syf4_a_key_that_somebody_replaced_is_refused_by_name(self, street):
        evil, ann = Ed25519PrivateKey.generate(), street.keys["ann"]
        VisitorBox(street.shared, street.folder / "evil", evil, [public(ann)])
        shutil.copy(self.card(street, evil, ann), self.card(street, street.platform, ann))
        street.ask({"ann/session": b"for ann"})
        street.attend()
        assert not street.asked
        (problem,) = street.boxes["ann"].problems.values()
        assert "is not what the key that was enrolled for" in problem
        assert "somebody replaced it" in problem

    def test_syf4_not_even_before_anything_else_came(self, tmp_path):
        """A key that was there first is nobody's: an attacker that waits in an empty folder gains nothing."""
        evil, ann, platform = (Ed25519PrivateKey.generate() for _ in range(3))
        shared, readers = tmp_path / "shared", name_of(public(platform))
        ArtistBox(shared, tmp_path / "evil", evil, public(platform))
        place = card_file(shared, name_of(public(ann)), readers)
        place.parent.mkdir(parents=True)
        shutil.copy(card_file(shared, name_of(public(evil)), readers), place)
        visitor = VisitorBox(tmp_path / "shared", tmp_path / "platform", platform, [public(ann)])
        assert not visitor.knows(public(ann))
        ArtistBox(tmp_path / "shared", tmp_path / "ann", ann, public(platform))
        visitor.meet()
        assert visitor.knows(public(ann))

    def test_syf4_one_bad_card_harms_nobody_else(self, street):
        self.card(street, street.keys["ann"], street.platform).write_text("{}")
        replies = street.exchange(
            REQUESTS, wait=Wait(deadline=60.0, enough=1, grace=0.0), pause=lambda _: street.attend()
        )
        assert replies == REPLIES[1:]

    def test_syf5_keys_are_their_owners_alone_and_ours_are_not_among_them(self, street):
        keys = street.folder / "ann" / "keys" / "keys.json"
        assert keys.stat().st_mode & 0o777 == 0o600
        assert keys.parent.stat().st_mode & 0o777 == 0o700
        keys.chmod(0o644)
        before = keys.read_bytes()
        street.open()
        assert keys.stat().st_mode & 0o777 == 0o600
        assert keys.read_bytes() == before
        private = street.keys["ann"].private_bytes_raw()
        for path in street.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not any(form in content for form in (private, private.hex().encode(), b64encode(private)[:40]))

    def test_syf6_a_version_that_was_not_tried_is_named_with_the_range(self, street, monkeypatch):
        monkeypatch.setattr("fedstyle_secure.engines.syft.boxes.syft_version", "0.9.5")
        ArtistBox(street.shared, street.folder / "ann", street.keys["ann"], public(street.platform))
        with pytest.raises(CardError, match=r"its owner runs syft 0\.9\.5, this was tried with syft>=0\.10,<0\.11$"):
            read_card(street.shared, name_of(public(street.keys["ann"])), name_of(public(street.platform)))
        street.visitor.meet()
        assert not street.visitor.knows(public(street.keys["ann"]))

    def test_syf4_a_card_for_somebody_else_is_none(self, street):
        mine, others = (self.card(street, street.platform, street.keys[name]) for name in ("ann", "bob"))
        shutil.copy(others, mine)
        street.ask(REQUESTS)
        street.attend()
        assert {name for name, _, _ in street.asked} == {"bob"}

    def test_a_name_is_an_enrolled_key_and_nothing_else(self):
        key = public(Ed25519PrivateKey.generate())
        assert identity_of(name_of(key)) == key
        for wrong in ("ann@example.org", name_of(key).upper(), "00@fedstyle.invalid"):
            with pytest.raises(CardError, match="is no party of this platform"):
                identity_of(wrong)


class TestRights:
    """SYF-7, SYF-8: what each side may write."""

    @pytest.mark.parametrize(
        "path",
        [
            "answers/x.b64",
            "requests/../answers/x.b64",
            "requests/../../../evil",
            "requests/../syft.pub.yaml",
            "requests/syft.pub.yaml",
            "syft.pub.yaml",
            "private/x.b64",
        ],
    )
    def test_syf8_a_visitor_writes_requests_and_nothing_else(self, street, path):
        ann = street.boxes["ann"]
        before = {each: each.read_bytes() for each in (street.folder / "ann" / "box" / ann.name).rglob("*.*")}
        rule = "rules:\n- access: {write: ['*'], read: ['*']}\n  pattern: '**'\n"
        street.visitor._manager.datasite_watcher_syncer.on_file_change(Path(ann.name) / path, rule)
        ann.sync()
        assert {each: each.read_bytes() for each in (street.folder / "ann" / "box" / ann.name).rglob("*.*")} == before
        assert not (street.folder / "evil").exists()

    def test_syf8_an_artist_writes_no_other_artists_answers(self, street):
        """A message says whose datasite it is about, and may say what it likes."""
        street.ask(REQUESTS)
        street.attend("ann")
        ann, bob = street.boxes["ann"], street.boxes["bob"]
        syncer = ann._manager.datasite_owner_syncer
        ann.answer("forged/session", b"as bob")
        message = ann._cache.process_local_file_changes()
        for event in message.events:
            event.datasite_email = bob.name
        syncer.connection_router.owner_write_event_messages_to_outbox(street.visitor.name, message)
        list(street.visitor.answers(public(street.keys["ann"])))
        assert not (street.folder / "platform" / "box" / bob.name / "answers").exists()


def artists(folder, numbers, kind="secagg", seconds=400):
    """A process with some artists of a town."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines.artists_over_syft", str(folder), numbers, kind, str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


@contextmanager
def processes(folder, *groups, kind="secagg"):
    """Artists in processes of their own, ready."""
    begun = [artists(folder, numbers, kind) for numbers in groups]
    try:
        assert [process.stdout.readline() for process in begun] == ["ready\n"] * len(begun)
        yield begun
    finally:
        (folder / "stop").touch()
        for process in begun:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def summed(folder, federation, during=lambda: None):
    """One iteration of a town whose artists are elsewhere: what it came to."""
    names = [f"artist {number}" for number in range(8)]
    artists = {name: public_key(number) for number, name in enumerate(names)}
    box = VisitorBox(folder / "shared", folder / "platform", PLATFORM, list(artists.values()))

    def pause(seconds):
        during()
        time.sleep(seconds)

    engine = HttpEngine(FolderJournal(folder / "exchanges", box, artists, pause=pause))
    window = Window(deadline=90.0, grace=15.0)
    (outcome,) = federation.loop(engine=engine, windows=Windows(announcement=window, round=window))
    return outcome


class TestBadDays:
    """A process that ends at any moment of a sync goes on when it is started again."""

    @pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        ("kind", "name", "nth"),
        [
            (FSFileConnection, "write_file", 1),
            (FSFileConnection, "write_file", 2),
            (FSFileConnection, "write_file", 3),
            (PersistedDict, "__setitem__", 1),
            (PersistedDict, "__setitem__", 2),
            (FolderConnection, "_settle", 1),
            (FolderConnection, "owner_write_raw_bytes_to_outbox", 1),
            (FolderConnection, "owner_write_raw_bytes_to_outbox", 2),
        ],
    )
    def test_an_artist_that_is_killed_in_a_sync_answers_after_all(self, street, monkeypatch, kind, name, nth, is_after):
        street.ask({"ann/session": b"for ann"})
        original, calls = getattr(kind, name), []

        def dying(self, *args, **kwargs):
            calls.append(name)
            if len(calls) == nth and not is_after:
                raise KeyboardInterrupt
            result = original(self, *args, **kwargs)
            if len(calls) == nth:
                raise KeyboardInterrupt
            return result

        with monkeypatch.context() as patched:
            patched.setattr(kind, name, dying)
            with pytest.raises(KeyboardInterrupt):
                street.attend("ann")
        assert len(calls) == nth
        street = reopened(street)
        for _ in range(2):
            street.attend("ann")
        assert street.exchange({"ann/session": b"for ann"}) == REPLIES[:1]

    def test_a_platform_that_is_killed_while_it_asks_asks_again(self, street, monkeypatch):
        with monkeypatch.context() as patched:
            original, calls = VisitorBox.ask, []

            def dying(self, *args):
                if calls:
                    raise KeyboardInterrupt
                calls.append(args)
                original(self, *args)

            patched.setattr(VisitorBox, "ask", dying)
            street.ask(REQUESTS)
        street.attend()
        assert reopened(street).exchange(REQUESTS, pause=lambda _: street.attend()) == REPLIES


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["secagg", "speakonce"])
def test_artists_in_processes_of_their_own_and_one_of_them_killed(tmp_path, kind):
    """Nobody has a line to anybody: the sum is that of who was there, to the bit, for either protocol."""
    ahead = 1 if kind == "speakonce" else 0
    with processes(tmp_path, "0,1,2,3", "4,5,6", "7", kind=kind) as (_, _, last):

        def kill_one():
            """When it has answered what comes before a session: the announcement, and the request for keys ahead."""
            if last.poll() is None and len(list((tmp_path / "exchanges").iterdir())) > 1 + ahead:
                last.kill()

        federation = make_federation(tmp_path / "platform's", kind, beacons=tmp_path / "beacon")
        outcome = summed(tmp_path, federation, during=kill_one)
        assert last.wait() == -signal.SIGKILL
    guards = {7: partial(vanishing, ahead)}
    (expected,) = make_federation(tmp_path / "here", kind, beacons=tmp_path / "other", guards=guards).run()
    assert (outcome.problem, expected.problem) == ("", "")
    assert outcome.aggregate.survivors == 7
    assert outcome.aggregate.digest == expected.aggregate.digest


def vanished(_request):
    raise Unreachable


def vanishing(ahead, mailbox):
    """A mailbox whose owner is gone after so many answers."""
    answered = []

    def answer(request):
        if len(answered) == ahead:
            raise Unreachable
        answered.append(request)
        return mailbox(request)

    return answer
