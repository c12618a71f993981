"""The engine on a real database: again the same after a restart, and nothing under an old lease."""

import threading

import pytest

from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.http import HttpEngine
from fedstyle_secure.platform.store import exchanges
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.journal import DatabaseJournal
from fedstyle_secure.platform.store.lease import LeaseLostError, take_lease
from tests.platform.letters import answer, asked

WAIT = Wait(deadline=30.0, enough=3, grace=0.0)


def led(database, now=100):
    with database.writing() as connection:
        return take_lease(connection, holder=b"%d" % now, now=now, seconds=10)


def engine(database, epoch):
    return HttpEngine(DatabaseJournal(database, training=1, epoch=epoch, reply_limit=1000))


def reply(database, index):
    with database.writing() as connection:
        exchanges.keep_reply(connection, *answer(index))


def test_what_was_exchanged_is_exchanged_again_after_a_restart(new_url):
    url = new_url()
    database = Database.open(url)
    replies = engine(database, led(database)).exchange(asked(), name="x", wait=WAIT)
    gateway = threading.Thread(target=lambda: [reply(database, index) for index in (1, 0, 2)])
    requests = iter(replies)
    opener = threading.Timer(0.2, gateway.start)
    opener.start()
    first = list(requests)
    opener.join(), gateway.join()
    database.close()
    database = Database.open(url)
    assert list(engine(database, led(database, 200)).exchange(asked(), name="x", wait=WAIT)) == first
    assert [data for _, data in first] == [answer(index)[1] for index in (1, 0, 2)]
    database.close()


def test_under_an_old_lease_nothing_is_asked_and_nothing_closed(database):
    old = led(database)
    replies = engine(database, old).exchange(asked(1), name="x", wait=WAIT)
    again = engine(database, old).exchange(asked(2), name="y", wait=WAIT)
    threading.Timer(0.3, reply, (database, 0)).start()
    assert next(replies)[1] == answer(0)[1]
    led(database, 200)
    for stale in (replies, again):
        with pytest.raises(LeaseLostError):
            next(stale)
    with database.reading() as connection:
        assert exchanges.identities_asked_after(connection, 0)[0] == 1
