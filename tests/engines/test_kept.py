"""A journal in one file: killed between any two calls, the next process goes on."""

import pytest

from fedstyle_secure.engines.kept import KeptJournal
from fedstyle_secure.errors import InputError

REQUESTS = {"a": b"to a", "b": b"to b"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def said(journal, exchange):
    return [(reply.sequence, reply.mailbox, reply.content) for reply in journal.replies(exchange, 0)]


def test_kep1_what_was_recorded_is_there_without_having_been_closed(path):
    first = KeptJournal(path)
    exchange = first.open("x", REQUESTS)
    assert exchange.closed_at is None
    first.record(exchange.id, "b", b"from b")
    with KeptJournal(path) as second:  # the first process was killed
        found = second.open("x", REQUESTS)
        assert (found, said(second, found.id)) == (exchange, [(1, "b", b"from b")])
        assert second.replied(found.id) == {"b"}
        assert second.close(found.id) == 1
        assert second.open("x", REQUESTS).closed_at == 1
    first.__exit__()


def test_kep2_a_mailbox_replies_once_and_not_after_the_closing(path):
    with KeptJournal(path) as journal:
        exchange = journal.open("x", REQUESTS).id
        for content in (b"first", b"second"):
            journal.record(exchange, "a", content)
        assert journal.close(exchange) == 1
        journal.record(exchange, "b", b"late")
        assert journal.close(exchange) == 1
        assert said(journal, exchange) == [(1, "a", b"first")]


def test_many_replies_come_in_order(path):
    with KeptJournal(path) as journal:
        exchange = journal.open("x", {str(number): b"" for number in range(40)}).id
        for number in range(40):
            journal.record(exchange, str(number), b"%d" % number)
        taken = 0
        while found := journal.replies(exchange, taken):
            assert [reply.content for reply in found] == [b"%d" % (taken + at) for at in range(len(found))]
            taken = found[-1].sequence
        assert taken == 40


@pytest.mark.parametrize("other", [{"a": b"to a"}, {"a": b"to a", "b": b"to c"}, {"b": b"to b", "a": b"to a"}])
def test_a_name_with_other_requests_is_another_training(path, other):
    with KeptJournal(path) as journal:
        journal.open("x", REQUESTS)
        with pytest.raises(InputError, match="another training"):
            journal.open("x", other)
