"""What an engine keeps: requests, replies in the order of their commits, and a closing that is final."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.store import artists, exchanges
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.exchanges import Verdict
from tests.platform.letters import answer, artist_key, asked, public, sealed
from tests.platform.street import enrol


def opened(database, name="session 1 round 0", **about):
    with database.writing() as connection:
        return exchanges.open_exchange(connection, training=1, name=name, requests=asked(**about), reply_limit=1000)


def kept(database, index, body=b"answer", **about):
    with database.writing() as connection:
        return exchanges.keep_reply(connection, *answer(index, body, **about))


def closed(database, exchange):
    with database.writing() as connection:
        return exchanges.close_exchange(connection, exchange.id)


def replies(database, exchange, after=0):
    with database.reading() as connection:
        return exchanges.replies_after(connection, exchange.id, after, at_most=100)


def waiting(database, index):
    with database.reading() as connection:
        return exchanges.oldest_request(connection, public(artist_key(index)))


def test_mbx1_replies_come_in_the_order_of_their_commits(database):
    exchange = opened(database)
    for index in (2, 0):
        assert kept(database, index, b"%d" % index) is Verdict.KEPT
    found = replies(database, exchange)
    assert [(reply.sequence, reply.content) for reply in found] == [(1, answer(2, b"2")[1]), (2, answer(0, b"0")[1])]
    assert [reply.mailbox for reply in found] == [list(asked())[2], next(iter(asked()))]
    assert replies(database, exchange, after=1) == found[1:]


def test_who_left_without_a_reply_can_give_none(database):
    with database.writing() as connection:
        for index in range(3):
            enrol(connection, index)
    assert opened(database).silent == 0
    kept(database, 0)
    with database.writing() as connection:
        for index in (0, 1):
            artists.retire(connection, artists.find_identity(connection, public(artist_key(index))).artist, now=2)
    assert opened(database).silent == 1, "found again, it knows who has left meanwhile"
    assert opened(database, "session 1 round 1", round_=1).silent == 2


def test_mbx1_who_reads_while_many_write_misses_none(new_url):
    url, artists = new_url(), 24
    database = Database.open(url)
    exchange = opened(database, count=artists)
    others = [Database.open(url) for _ in range(2)]
    seen, is_over = [], threading.Event()

    def read():
        while True:
            was_over = is_over.is_set()
            seen.extend(reply.sequence for reply in replies(database, exchange, after=max(seen, default=0)))
            if was_over:
                return

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read)
        verdicts = list(pool.map(lambda index: kept(others[index % 2], index), range(artists)))
        is_over.set()
        reader.result()
    for each in (database, *others):
        each.close()
    assert verdicts == [Verdict.KEPT] * artists
    assert seen == list(range(1, artists + 1))


def test_mbx2_an_exchange_is_closed_once_and_takes_nothing_more(database):
    exchange = opened(database)
    kept(database, 0)
    assert closed(database, exchange) == 1
    assert kept(database, 1) is Verdict.CLOSED
    assert closed(database, exchange) == 1
    assert opened(database).closed_at == 1
    assert len(replies(database, exchange)) == 1


def test_mbx3_the_same_bytes_again_change_nothing_and_other_bytes_are_refused(database):
    exchange = opened(database)
    assert [kept(database, 0, body) for body in (b"one", b"one", b"two")] == [Verdict.KEPT, Verdict.KEPT, Verdict.OTHER]
    closed(database, exchange)
    assert [kept(database, 0, body) for body in (b"one", b"two")] == [Verdict.KEPT, Verdict.OTHER]
    assert [reply.content for reply in replies(database, exchange)] == [answer(0, b"one")[1]]


@pytest.mark.parametrize(
    ("about", "verdict"),
    [
        ({"round_": 1}, Verdict.EARLY),
        ({"session": 2}, Verdict.EARLY),
        ({"session": 0, "round_": 9}, Verdict.CLOSED),
        ({"purpose": Purpose.OFFER}, Verdict.EARLY),
    ],
)
def test_what_nobody_asked_for_is_too_early_or_too_late(database, about, verdict):
    opened(database)
    assert kept(database, 0, **about) is verdict


def test_a_stranger_answers_nothing(database):
    exchange = opened(database)
    assert kept(database, 7) is Verdict.EARLY
    assert replies(database, exchange) == []


def test_an_artist_is_given_the_oldest_request_that_waits_for_it(database):
    first = opened(database)
    opened(database, "session 1 round 1", round_=1)
    assert waiting(database, 0) == asked()[next(iter(asked()))]
    kept(database, 0)
    assert waiting(database, 0) == asked(round_=1)[next(iter(asked()))]
    closed(database, first)
    assert waiting(database, 1) == asked(round_=1)[list(asked())[1]]
    assert waiting(database, 7) is None


def test_whom_newer_requests_wait_for(database):
    with database.reading() as connection:
        assert exchanges.identities_asked_after(connection, 0) == (0, frozenset())
    opened(database)
    with database.reading() as connection:
        newest, identities = exchanges.identities_asked_after(connection, 0)
        assert identities == {public(artist_key(index)) for index in range(3)}
        assert exchanges.identities_asked_after(connection, newest) == (newest, frozenset())


def test_the_limit_of_a_reply_is_that_of_its_exchange(database):
    opened(database)
    with database.reading() as connection:
        assert exchanges.reply_limit(connection, answer(0)[0]) == 1000
        assert exchanges.reply_limit(connection, answer(0, round_=1)[0]) is None


def test_an_exchange_is_found_as_it_was_left_and_never_with_other_requests(database):
    exchange = opened(database)
    kept(database, 0)
    assert opened(database) == exchange
    for other in ({"count": 2}, {"session": 2}):
        with pytest.raises(InputError, match="begun with other requests"):
            opened(database, **other)
    with pytest.raises(InputError, match="sealed envelope"), database.writing() as connection:
        exchanges.open_exchange(connection, training=1, name="x", requests={"a/session": b"text"}, reply_limit=1)
    with database.reading() as connection:
        assert exchanges.identities_asked_after(connection, 0)[0] == 3


def test_messages_of_closed_exchanges_are_forgotten_and_what_was_said_is_not_said_again(database):
    first, second = opened(database), opened(database, "session 1 round 1", round_=1)
    kept(database, 0)
    kept(database, 0, round_=1)
    closed(database, first)
    with database.writing() as connection:
        exchanges.forget_messages(connection, 1)
    assert replies(database, first) == []
    assert [reply.content for reply in replies(database, second)] == [answer(0, round_=1)[1]]
    assert waiting(database, 1) == asked(round_=1)[list(asked())[1]]
    assert [kept(database, 0, body) for body in (b"answer", b"other")] == [Verdict.KEPT, Verdict.OTHER]


def test_what_a_restored_database_holds_is_closed_and_forgotten(database):
    exchange = opened(database)
    kept(database, 0)
    with database.writing() as connection:
        assert exchanges.abort_open(connection) == 1
        assert exchanges.abort_open(connection) == 0
    assert waiting(database, 1) is None
    assert kept(database, 1) is Verdict.CLOSED
    assert replies(database, exchange) == []


def test_numbers_up_to_63_bits_are_kept(database):
    about = {"session": 2**63 - 1, "round_": 2**63 - 1}
    opened(database, **about)
    assert kept(database, 0, **about) is Verdict.KEPT
    assert sealed(artist_key(0), **about) != sealed(artist_key(1), **about)
