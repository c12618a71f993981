"""The embedded engine: bytes move and are counted; silence is a dropout; a bug is not silence."""

import pytest

from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError


class OwnRefusalError(Exception):
    pass


def exchange(engine, requests):
    return dict(engine.exchange(requests, name="some round", wait=FOREVER.until(len(requests))))


def raising(error):
    def mailbox(_request):
        raise error

    return mailbox


def test_requests_reach_their_mailboxes_and_replies_come_back():
    engine = MemoryEngine({"a": lambda request: b"A" + request, "b": bytes.upper, "c": raising(AssertionError())})
    assert exchange(engine, {"a": b"x", "b": b"y"}) == {"a": b"Ax", "b": b"Y"}
    assert exchange(engine, {}) == {}


def test_bytes_pass_as_they_are_and_nothing_else_is_handed_over():
    """ENG-1."""
    request, seen = bytes(range(256)), []
    reply = request[::-1]

    def mailbox(*arguments, **named):
        seen.append((arguments, named))
        return reply

    assert exchange(MemoryEngine({"a": mailbox}), {"a": request})["a"] is reply
    assert seen == [((request,), {})]


@pytest.mark.parametrize(
    "silence", [Unreachable(), InputError("no"), PrivacyError("no"), FedStyleError(), OwnRefusalError()]
)
def test_refusals_and_vanished_owners_give_no_reply(silence):
    engine = MemoryEngine({"a": raising(silence), "b": lambda _request: b"here"}, refusals=(OwnRefusalError,))
    assert exchange(engine, {"a": b"?", "b": b"?"}) == {"b": b"here"}


@pytest.mark.parametrize(
    "bug",
    [ValueError("bug"), KeyError("bug"), OwnRefusalError("not declared"), KeyboardInterrupt(), AssertionError("bug")],
)
def test_a_bug_does_not_look_like_a_dropout(bug):
    with pytest.raises(type(bug)):
        exchange(MemoryEngine({"a": raising(bug)}), {"a": b"?"})


def test_bytes_are_counted_both_ways_and_by_mailbox():
    engine = MemoryEngine({"a": lambda request: 3 * request, "b": raising(Unreachable()), "c": bytes})
    assert engine.bytes_to == engine.bytes_from == {"a": 0, "b": 0, "c": 0}
    exchange(engine, {"a": b"12345", "b": b"1234567"})
    exchange(engine, {"a": b""})
    exchange(engine, {"a": b"1"})
    assert engine.bytes_to == {"a": 6, "b": 7, "c": 0}
    assert engine.bytes_from == {"a": 18, "b": 0, "c": 0}


def test_an_unknown_mailbox_is_the_callers_mistake():
    with pytest.raises(KeyError, match="nobody"):
        exchange(MemoryEngine({}), {"nobody": b""})


def test_the_experimenter_sees_who_refused_and_why_and_vanishing_is_no_refusal():
    engine = MemoryEngine(
        {"a": raising(InputError("first")), "b": raising(Unreachable()), "c": lambda request: request}
    )
    exchange(engine, {"a": b"1", "b": b"2", "c": b"3"})
    assert engine.refusals == {"a": "first"}


def test_replies_come_one_at_a_time_and_the_next_artist_is_asked_when_one_was_taken():
    """ENG-2."""
    asked = []
    engine = MemoryEngine({name: lambda request: asked.append(request) or request for name in "abc"})
    replies = engine.exchange({"a": b"1", "b": b"2", "c": b"3"}, name="some round", wait=FOREVER.until(3))
    assert asked == []
    for number, (_, reply) in enumerate(replies, start=1):
        assert reply == asked[-1]
        assert len(asked) == number
