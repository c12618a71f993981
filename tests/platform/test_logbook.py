"""The log as a platform shows it: what is committed is signed, what is signed is shown, and nothing else is."""

import shutil
from threading import Thread

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.logbook import MOST_ENTRIES, Logbook
from fedstyle_secure.platform.signer import RestoredError, Signer
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.transparency.leaves import Joined, Session
from fedstyle_secure.transparency.watch import Watch


def joined(number):
    return Joined(commitment=number.to_bytes(32, "big"))


def enter_more(database, *numbers):
    with database.writing() as connection:
        return [enter(connection, joined(number)) for number in numbers]


@pytest.fixture
def signer(tmp_path):
    return Signer.create(tmp_path / "platform", log_name="gallery.example/log")


@pytest.fixture
def database(new_url):
    database = Database.open(new_url())
    yield database
    database.close()


def watch_of(signer):
    return Watch(origin=signer.said.origin, key=signer.log_key)


def test_a_log_begins_with_its_opening_and_is_followed_as_it_grows(database, signer):
    logbook = Logbook(database, signer)
    watch = watch_of(signer).take(logbook.checkpoint(), ())
    assert watch.read(logbook.entries(0, 1)) == [signer.said.opening]
    for number in range(5):
        assert enter_more(database, number) == [number + 1]
        note = logbook.checkpoint()
        watch = watch.take(note, logbook.growth(watch.size, watch.open(note).size))
        watch.check(joined(number), logbook.place(number + 1, watch.size))
        assert watch.newest.digest == logbook.digest(watch.size)
    assert watch.read(logbook.entries(0, 6)) == [signer.said.opening, *map(joined, range(5))]
    assert logbook.checkpoint() == watch.note


def test_lbk1_what_is_not_committed_is_not_shown(database, signer):
    logbook = Logbook(database, signer)
    logbook.checkpoint()

    def fail():
        with database.writing() as connection:
            enter(connection, joined(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    enter_more(database, 2)
    for ask in (
        lambda: logbook.entries(0, 3),
        lambda: logbook.entries(2, 2),
        lambda: logbook.entries(-1, 1),
        lambda: logbook.place(0, 3),
        lambda: logbook.place(2, 2),
        lambda: logbook.growth(2, 3),
        lambda: logbook.growth(2, 1),
        lambda: logbook.digest(3),
    ):
        with pytest.raises(InputError, match=r"to 2|newest is 2|has 0 to|has 1 to"):
            ask()
    assert logbook.entries(1, 2) == [joined(2).encode()]


def test_several_processes_show_one_log(database, signer, tmp_path):
    first, second = Logbook(database, signer), Logbook(database, Signer(tmp_path / "platform"))
    watch = watch_of(signer)
    for number in range(6):
        enter_more(database, number)
        logbook = (first, second)[number % 2]
        note = logbook.checkpoint()
        watch = watch.take(note, logbook.growth(watch.size, watch.open(note).size))
    assert watch.size == 7


def test_threads_may_ask_at_once(database, signer):
    logbook = Logbook(database, signer)
    notes = []

    def follow(number):
        enter_more(database, number)
        notes.append(logbook.checkpoint())

    threads = [Thread(target=follow, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watch = watch_of(signer)
    for note in sorted(notes, key=lambda note: watch_of(signer).open(note).size):
        watch = watch.take(note, logbook.growth(watch.size, watch_of(signer).open(note).size))
    assert watch.size == 9


def test_a_page_of_entries_is_bounded(database, signer):
    logbook = Logbook(database, signer)
    with database.writing() as connection:
        for number in range(MOST_ENTRIES + 5):
            enter(connection, Session(digest=bytes(32), training=bytes(32), survivors=number))
    assert len(logbook.entries(0, MOST_ENTRIES + 6)) == MOST_ENTRIES


def test_a_restored_database_shows_nothing_until_a_person_begins_anew(signer, tmp_path):
    path = tmp_path / "platform.sqlite"
    database = Database.open(f"sqlite:///{path}")
    Logbook(database, signer)
    enter_more(database, 1)
    database.close()
    shutil.copy(path, tmp_path / "backup")
    database = Database.open(f"sqlite:///{path}")
    enter_more(database, 2)
    seen = watch_of(signer).take(Logbook(database, signer).checkpoint(), ())
    database.close()
    shutil.copy(tmp_path / "backup", path)
    database = Database.open(f"sqlite:///{path}")
    restored = Logbook(database, signer)
    for ask in (restored.checkpoint, lambda: restored.entries(0, 1), lambda: restored.growth(1, 1)):
        with pytest.raises(RestoredError, match="restored from a backup"):
            ask()
    enter_more(database, 3, 4)
    with pytest.raises(RestoredError):
        restored.checkpoint()
    signer.begin_epoch()
    with pytest.raises(InputError, match="not of"):
        seen.take(Logbook(database, signer).checkpoint(), ())
    anew = Logbook(database, signer)
    opening = watch_of(signer).take(anew.checkpoint(), ()).read(anew.entries(0, 4))[0]
    assert (opening.number, opening.size, opening.root) == (2, seen.size, seen.newest.root)
    database.close()
