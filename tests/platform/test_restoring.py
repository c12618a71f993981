"""The drill: a database is put back from yesterday, and the log goes on, or begins anew; nobody is shown a fork."""

import shutil

import numpy as np
import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.restoring import begin_log_anew, restore_log
from fedstyle_secure.platform.signer import RestoredError
from fedstyle_secure.platform.store.artists import Entry, active_entry, replace_identity
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import public_signatures, publish_signature
from fedstyle_secure.transparency.leaves import Joined, Retired, commit_identity, published
from tests.platform.shown import Shown, listed

NAMES = ("Anna", "Bea", "Cleo")
SPACE = SignatureSpace(np.eye(4, 3, dtype=np.float32))
INDEX = StyleIndex(SPACE, [Signature(name, row) for name, row in zip(NAMES, np.eye(3, dtype=np.float32), strict=True)])
KEY, SALT = b"k" * 32, b"s" * 32
COMMITMENT = commit_identity(KEY, SALT)


@pytest.fixture
def drill(tmp_path):
    """A platform whose database is yesterday's; its log as it was today, and what was in the catalogue."""
    platform = Shown(tmp_path / "platform")
    platform.publish(b"a model", INDEX)
    with platform.database.writing() as connection:
        leaf = enter(connection, Joined(commitment=COMMITMENT))
        replace_identity(connection, platform.artists["Anna"], Entry(key=KEY, leaf=leaf, salt=SALT), now=1)
    platform.logbook.checkpoint()
    platform.database.close()
    shutil.copy(tmp_path / "platform" / "platform.sqlite", tmp_path / "yesterday")
    today = Shown(tmp_path / "platform")
    today.artists = platform.artists
    today.withdraw("Bea")
    with today.database.writing() as connection:
        enter(connection, Retired(commitment=COMMITMENT))
        publish_signature(connection, today.artists["Cleo"], listed("Cleo", np.full(3, 0.5)))
    watch = watch_of(today).take(today.logbook.checkpoint(), ())
    entries = today.logbook.snapshot()[1]
    today.database.close()
    shutil.copy(tmp_path / "yesterday", tmp_path / "platform" / "platform.sqlite")
    restored = Shown(tmp_path / "platform")
    yield restored, list(entries), watch
    restored.database.close()


def watch_of(platform):
    from fedstyle_secure.transparency.watch import Watch

    return Watch(origin=platform.signer.said.origin, key=platform.signer.log_key)


def names(platform):
    with platform.database.reading() as connection:
        return [each.name for each in public_signatures(connection)]


def test_rst1_the_tail_comes_back_and_the_log_goes_on_as_it_was(drill):
    platform, entries, watch = drill
    with pytest.raises(RestoredError):
        platform.logbook.checkpoint()
    assert restore_log(platform.database, platform.signer, entries) == 4
    note = platform.logbook.checkpoint()
    grown = watch.take(note, platform.logbook.growth(watch.size, watch.open(note).size))
    assert grown.size == watch.size + 1  # the signature that only today's database held is withdrawn
    assert restore_log(platform.database, platform.signer, platform.logbook.snapshot()[1]) == 0


def test_rst2_what_was_withdrawn_or_retired_since_stays_so(drill):
    platform, entries, _ = drill
    assert names(platform) == list(NAMES)
    with platform.database.reading() as connection:
        assert active_entry(connection, "Anna") is not None
    restore_log(platform.database, platform.signer, entries)
    assert names(platform) == ["Anna"]
    with platform.database.reading() as connection:
        assert active_entry(connection, "Anna") is None
        standing = [each.digest for each in public_signatures(connection)]
    log = watch_of(platform).take(platform.logbook.checkpoint(), ()).read(platform.logbook.snapshot()[1])
    assert list(published(log)) == standing


def test_rst1_other_entries_are_not_taken_back(drill):
    platform, entries, _ = drill
    for wrong in (entries[:-1], [*entries[:-1], entries[0]], [], entries[1:]):
        with pytest.raises(InputError, match="that were signed last"):
            restore_log(platform.database, platform.signer, wrong)
    with platform.database.writing() as connection:
        enter(connection, Joined(commitment=bytes(32)))
    with pytest.raises(InputError, match="not in the log as it was"):
        restore_log(platform.database, platform.signer, entries)
    assert names(platform) == list(NAMES)


def test_rst3_a_new_epoch_says_out_of_what_it_came_and_keeps_every_place(drill):
    platform, entries, watch = drill
    said = begin_log_anew(platform.database, platform.signer)
    assert said.origin == "gallery.example/log/2"
    begun = Shown(platform.folder)
    anew = watch_of(begun).take(begun.logbook.checkpoint(), ())
    shown = begun.logbook.snapshot()[1]
    opening = anew.read(shown)[0]
    assert (opening.size, opening.root) == (watch.size, watch.newest.root)
    assert list(shown[1:]) == entries[1 : len(shown)]
    with pytest.raises(InputError, match="pin its name anew"):
        watch.take(begun.logbook.checkpoint(), ())
    begun.database.close()
