"""Polls and answers over TLS, on both databases."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.wire.routes import Route, decode_error
from tests.platform.letters import PLATFORM, answer, artist_key, asked, public, sealed
from tests.platform.street import gateway, poll


@pytest.fixture
def door(new_url, tmp_path):
    with gateway(new_url(), tmp_path / "platform", poll_seconds=1) as door:
        door.enrol()
        yield door


def test_an_artist_is_asked_answers_and_is_asked_no_more(door):
    exchange = door.ask()
    heard = door.poll()
    assert (heard.status, heard.body) == (200, asked()[f"{public(artist_key(0)).hex()}/session"])
    assert [door.post(Route.ANSWERS, answer(0)[1]).status for _ in range(2)] == [200, 200]
    assert door.kept(exchange) == [answer(0)[1]]
    heard = door.poll()
    assert (heard.status, heard.body) == (204, b"")


def test_a_poll_waits_for_what_is_asked_later(door):
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        waiting = pool.submit(door.poll)
        while not door.bell.waiting and time.monotonic() < start + 10:
            time.sleep(0.01)
        door.ask()
        assert waiting.result(10).status == 200


def test_a_newer_poll_sends_an_older_one_home(door):
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        older = pool.submit(door.poll)
        while not door.bell.waiting and time.monotonic() < start + 10:
            time.sleep(0.01)
        threading.Timer(0.1, door.ask).start()
        assert door.poll().status == 200
        assert older.result(10).status == 204


def test_a_platform_that_ends_sends_polls_home(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with gateway(f"sqlite:///{tmp_path}/p.sqlite", tmp_path / "platform", poll_seconds=60) as door:
            door.enrol()
            waiting = pool.submit(door.poll)
            until = time.monotonic() + 30
            while not door.bell.waiting and time.monotonic() < until:
                time.sleep(0.01)
        assert waiting.result(10).status == 204


def test_mlb2_one_start_of_an_agent_is_at_work(door):
    door.ask()
    assert door.poll(instance=1).status == 200
    assert door.poll(instance=2, start=b"b" * 16).status == 200
    for instance, start in ((1, bytes(16)), (2, bytes(16))):
        heard = door.poll(instance=instance, start=start)
        assert heard.status == 409
        assert "another start of this artist's agent" in decode_error(heard.body)
    assert door.poll(instance=2, start=b"b" * 16).status == 200


@pytest.mark.parametrize(
    ("about", "status", "match"),
    [
        ({"round_": 1}, 503, "nobody has asked for this yet"),
        ({"session": 0, "round_": 9}, 410, "too late"),
        ({"body": b"x" * 1001}, 413, "1000 is the most here"),
        ({"session": 1 << 63}, 400, "below 2"),
        ({"purpose": Purpose.POLL}, 400, "this route takes announcement or offer or outcome or session, not poll"),
        ({"recipient": artist_key(1)}, 400, "another platform"),
    ],
)
def test_what_cannot_be_kept_says_why(door, about, status, match):
    exchange = door.ask()
    heard = door.post(Route.ANSWERS, sealed(artist_key(0), **about))
    assert heard.status == status
    assert match in decode_error(heard.body)
    assert heard.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert door.kept(exchange) == []


def test_another_answer_is_refused_and_a_late_one_too(door):
    exchange = door.ask()
    assert door.post(Route.ANSWERS, answer(0)[1]).status == 200
    assert door.post(Route.ANSWERS, answer(0, b"other")[1]).status == 409
    door.close_exchange(exchange)
    assert door.post(Route.ANSWERS, answer(0)[1]).status == 200, "it was acknowledged before"
    assert door.post(Route.ANSWERS, answer(1)[1]).status == 410
    assert door.kept(exchange) == [answer(0)[1]]


def test_mlb3_a_retired_key_says_nothing_any_more(door):
    exchange = door.ask()
    door.retire(0)
    for route, data in ((Route.NEXT, poll(0)), (Route.ANSWERS, answer(0)[1])):
        heard = door.post(route, data)
        assert heard.status == 401
        assert "unknown or retired key" in decode_error(heard.body)
    assert door.kept(exchange) == []


def test_a_stranger_and_a_forger_are_told_the_same(door):
    exchange = door.ask()
    data = bytearray(answer(0)[1])
    data[-1] ^= 1
    told = {door.post(Route.ANSWERS, bytes(wrong)).body for wrong in (data, answer(7)[1])}
    assert len(told) == 1
    assert door.kept(exchange) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"x" * 146, {}, 400),
        (b"", {"Content-Length": "1_000"}, 400),
        (b"", {"Content-Length": str(1 << 30)}, 413),
        (b"", {"Content-Length": "9" * 19}, 413),
    ],
)
def test_what_is_no_envelope_is_not_read(door, body, headers, status):
    assert door.call("POST", Route.ANSWERS, body, headers).status == status


def test_chunks_are_not_taken(door):
    data = answer(0)[1]
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    heard = door.call("POST", Route.ANSWERS, iter([chunked]), {"Transfer-Encoding": "chunked"})
    assert heard.status == 400
    assert "Content-Length" in decode_error(heard.body)


def test_what_is_no_http_is_refused_in_a_sentence_too(door):
    plain = socket.create_connection(("127.0.0.1", door.port), 10)
    with door.context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
        line.sendall(b"\x00\x01 nonsense\r\n\r\n")
        heard = line.recv(4096)
    assert b" 400 " in heard
    assert decode_error(heard.partition(b"\r\n\r\n")[2]) == "no request of HTTP/1.1"


def test_polls_have_one_form(door):
    for wrong in (
        sealed(artist_key(0), purpose=Purpose.POLL, body=b"short"),
        sealed(artist_key(0), purpose=Purpose.POLL, body=bytes(16), round_=1),
    ):
        assert door.post(Route.NEXT, wrong).status == 400
    assert door.post(Route.NEXT, sealed(PLATFORM, purpose=Purpose.POLL, body=bytes(16))).status == 401


def test_many_artists_answer_at_once(new_url, tmp_path):
    with gateway(new_url(), tmp_path / "platform", poll_seconds=2) as door:
        door.enrol(20)
        exchange = door.ask(count=20, reply_limit=200_000)
        bodies = [answer(index, bytes([index]) * 200_000)[1] for index in range(20)]
        with ThreadPoolExecutor(10) as pool:
            heard = list(pool.map(lambda data: door.post(Route.ANSWERS, data).status, bodies))
        assert heard == [200] * 20
        assert sorted(door.kept(exchange)) == sorted(bodies)
        assert door.reception.memory.taken == 0
