"""The durable engine: what passes outlives the process that reads it."""

from itertools import count

import pytest

from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.http import Exchange, HttpEngine, Reply
from fedstyle_secure.errors import InputError

REQUESTS = {"a": b"to a", "b": b"to b", "c": b"to c"}
PATIENT = Wait(deadline=100.0, enough=3, grace=0.0)


class Book:
    """A journal in memory, whose replies come while the engine waits, and a clock that only waiting moves."""

    def __init__(self, *arrivals):
        self.silent = 0
        self.arrivals = list(arrivals)
        """Each an hour and whose reply comes then."""
        self.now = 0.0
        self.opened, self.kept, self.closed = {}, {}, {}
        self.log = []

    def open(self, name, requests):
        if self.opened.setdefault(name, dict(requests)) != requests:
            raise ValueError
        self.log.append(f"open {name}")
        self.kept.setdefault(name, [])
        return Exchange(id=name, closed_at=self.closed.get(name), silent=self.silent)

    def replies(self, exchange, after):
        return self.kept[exchange][after : after + 2]

    def close(self, exchange):
        self.log.append(f"close {exchange}")
        return self.closed.setdefault(exchange, len(self.kept[exchange]))

    def wait(self, seconds):
        self.now += min(seconds, 1.0)
        due = [mailbox for hour, mailbox in self.arrivals if hour <= self.now]
        self.arrivals = [each for each in self.arrivals if each[0] > self.now]
        for mailbox in due:
            self.reply(mailbox)

    def reply(self, mailbox, name="x"):
        kept = self.kept[name]
        kept.append(Reply(sequence=len(kept) + 1, mailbox=mailbox, content=b"from " + mailbox.encode()))


def run(book, wait=PATIENT, name="x"):
    engine = HttpEngine(book, clock=lambda: book.now)
    return [mailbox for mailbox, _ in engine.exchange(REQUESTS, name=name, wait=wait)]


def test_replies_come_as_they_arrive_and_all_of_them_end_it():
    book = Book((3, "b"), (5, "a"), (7, "c"))
    assert run(book) == ["b", "a", "c"]
    assert book.now == 7
    assert book.log == ["open x", "close x"]


def test_the_deadline_ends_it():
    book = Book((3, "b"))
    assert run(book) == ["b"]
    assert book.now == 100


def test_enough_and_a_grace_end_it():
    book = Book((3, "b"), (5, "a"), (30, "c"))
    assert run(book, Wait(deadline=100.0, enough=2, grace=10.0)) == ["b", "a"]
    assert book.now == 15
    assert run(Book((3, "b"), (5, "a"), (12, "c")), Wait(deadline=100.0, enough=2, grace=10.0)) == ["b", "a", "c"]
    assert run(Book((3, "b"), (95, "a")), Wait(deadline=100.0, enough=2, grace=10.0)) == ["b", "a"]


def test_htt3_nobody_is_waited_for_who_can_reply_no_more():
    book = Book((3, "b"), (5, "a"))
    book.silent = 1
    assert run(book, Wait(deadline=100.0, enough=2, grace=10.0)) == ["b", "a"]
    assert book.now == 5


def test_what_arrives_before_the_closing_is_not_lost():
    class Late(Book):
        def close(self, exchange):
            self.reply("c")
            return super().close(exchange)

    assert run(Late((3, "b"))) == ["b", "c"]


def test_htt2_an_exchange_that_was_closed_gives_the_same_again_and_asks_nobody():
    book = Book((3, "b"), (5, "a"))
    first = run(book)
    book.reply("c")
    book.now = 0.0
    assert run(book) == first == ["b", "a"]
    assert book.now == 0.0


@pytest.mark.parametrize("taken", range(4))
def test_htt2_an_exchange_that_was_left_open_goes_on(taken):
    book = Book((3, "b"), (5, "a"), (7, "c"))
    replies = HttpEngine(book, clock=lambda: book.now).exchange(REQUESTS, name="x", wait=PATIENT)
    for _ in zip(range(taken), replies, strict=False):
        pass
    replies.close()
    assert "close x" not in book.log
    assert run(book) == ["b", "a", "c"]


def test_htt1_requests_are_kept_before_and_the_closing_before_the_end():
    book = Book((1, "a"), (1, "b"), (1, "c"))
    numbers = count()
    for _ in HttpEngine(book, clock=lambda: book.now).exchange(REQUESTS, name="x", wait=PATIENT):
        assert (book.log, book.opened, next(numbers) < 3) == (["open x"], {"x": REQUESTS}, True)
    assert book.log == ["open x", "close x"]


def test_nobody_asked_is_over_at_once():
    book = Book()
    assert list(HttpEngine(book, clock=lambda: book.now).exchange({}, name="x", wait=PATIENT)) == []
    assert book.log == ["open x", "close x"]


def test_htt2_what_was_deleted_is_not_taken_for_silence():
    book = Book((3, "b"))
    run(book)
    book.kept["x"].clear()
    with pytest.raises(InputError, match="lacks replies"):
        run(book)


def test_htt3_who_says_nothing_is_no_reply_and_is_not_waited_for():
    class Refusing(Book):
        def reply(self, mailbox, name="x"):
            self.kept[name].append(Reply(sequence=len(self.kept[name]) + 1, mailbox=mailbox, content=b""))

    book = Refusing((3, "b"), (5, "a"), (7, "c"))
    assert run(book) == []
    assert book.now == 7
    assert run(book) == []  # closed, and the same again


def test_htt3_a_refusal_is_not_one_of_enough():
    class Mixed(Book):
        def reply(self, mailbox, name="x"):
            content = b"" if mailbox == "b" else b"from " + mailbox.encode()
            self.kept[name].append(Reply(sequence=len(self.kept[name]) + 1, mailbox=mailbox, content=content))

    book = Mixed((3, "b"), (5, "a"), (30, "c"))
    assert run(book, Wait(deadline=100.0, enough=2, grace=1.0)) == ["a", "c"]
    assert book.now == 30
