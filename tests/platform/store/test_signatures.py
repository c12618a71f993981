"""What is published is what the log says, whatever happens in between."""

from dataclasses import replace

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.store.artists import ARTISTS
from fedstyle_secure.platform.store.log import begin_log, enter, log_entries, log_size
from fedstyle_secure.platform.store.signatures import public_signatures, publish_signature, withdraw_signature
from fedstyle_secure.transparency.leaves import Epoch, Joined, Published, Withdrawn, decode, published
from fedstyle_secure.wire.catalogue import Listed

OPENING = Epoch(number=1, size=0, root=bytes(32))
FIRST, SECOND, THIRD = (
    Listed(training=b"t" * 32, name=name, link=None, vector=bytes([at] * 8))
    for at, name in enumerate(("Zoë", "Ann", "Zoe"))
)


def leaves(connection, epoch=1):
    return list(map(decode, log_entries(connection, epoch, 0, 99)))


@pytest.fixture
def artists(database):
    """Numbers of two artists, and a log that has begun."""
    with database.writing() as connection:
        begin_log(connection, OPENING)
        return [
            connection.execute(
                ARTISTS.insert().values(label=name, name=name, folded=name, terms=b"").returning(ARTISTS.c.id)
            ).scalar_one()
            for name in ("zoe", "ann")
        ]


def test_psg1_the_catalogue_is_what_the_log_says(database, artists):
    zoe, ann = artists
    with database.writing() as connection:
        assert publish_signature(connection, zoe, FIRST) == 1
        assert publish_signature(connection, ann, SECOND) == 2
        assert public_signatures(connection) == [FIRST, SECOND]
        assert publish_signature(connection, zoe, THIRD) == 4  # after the withdrawal of the first
        assert public_signatures(connection) == [SECOND, THIRD]
        assert withdraw_signature(connection, ann) == 5
        assert withdraw_signature(connection, ann) is None
        assert public_signatures(connection) == [THIRD]
        assert leaves(connection)[1:] == [
            Published(digest=FIRST.digest),
            Published(digest=SECOND.digest),
            Withdrawn(digest=FIRST.digest),
            Published(digest=THIRD.digest),
            Withdrawn(digest=SECOND.digest),
        ]
        assert published(leaves(connection)) == (THIRD.digest,)


def test_lgs1_what_is_undone_is_not_in_the_log_either(database, artists):
    def fail():
        with database.writing() as connection:
            publish_signature(connection, artists[0], FIRST)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.reading() as connection:
        assert (public_signatures(connection), leaves(connection)) == ([], [OPENING])


def test_lgs2_a_new_epoch_repeats_what_there_was_in_its_place(database, artists):
    with database.writing() as connection:
        begin_log(connection, OPENING)
        assert publish_signature(connection, artists[0], FIRST) == 1
        second = Epoch(number=2, size=9, root=bytes(32))
        for _ in range(2):
            begin_log(connection, second)
        assert enter(connection, Joined(commitment=bytes(32))) == 2
        assert leaves(connection, 2) == [second, Published(digest=FIRST.digest), Joined(commitment=bytes(32))]
        assert (log_size(connection, 1), log_size(connection, 2), log_size(connection, 3)) == (2, 3, 0)


def test_two_artists_have_no_signatures_of_one_name(database, artists):
    with database.writing() as connection:
        publish_signature(connection, artists[0], FIRST)
        publish_signature(connection, artists[0], THIRD)
        with pytest.raises(InputError, match="choose another"):
            publish_signature(connection, artists[1], replace(SECOND, name="zoe"))
        assert public_signatures(connection) == [THIRD]
