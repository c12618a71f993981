"""Bad days on the platform's side: each ends in a clear sentence, and nothing that was acknowledged is lost."""

import http.client
import resource
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest
from sqlalchemy import event

from fedstyle_secure import errors
from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.platform import serving
from fedstyle_secure.platform.gateway import limits
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.wire.routes import Route, decode_error
from tests.platform.conftest import running_cluster
from tests.platform.letters import answer, artist_key, sealed
from tests.platform.street import gateway, poll
from threat_models.street import street


@pytest.fixture
def door(tmp_path):
    with gateway(f"sqlite:///{tmp_path}/platform.sqlite", tmp_path / "platform", poll_seconds=1) as door:
        door.enrol()
        yield door


def test_a_disk_that_is_full_acknowledges_nothing_and_loses_nothing(door):
    exchange = door.ask(reply_limit=1 << 20)
    assert door.post(Route.ANSWERS, answer(0)[1]).status == 200
    full = []

    @event.listens_for(door.database._engine, "begin")
    def cramp(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages if full else 1 << 30}")

    full.append(True)
    large = answer(1, bytes(1 << 19))[1]
    heard = door.post(Route.ANSWERS, large)
    assert heard.status == 503
    assert "its disk is full" in decode_error(heard.body)
    assert heard.headers["Retry-After"] == "5"
    assert door.post(Route.ANSWERS, answer(0)[1]).status == 200, "it is there"
    full.clear()
    assert door.post(Route.ANSWERS, large).status == 200
    assert door.kept(exchange) == [answer(0)[1], large]


def test_a_database_that_is_gone_for_a_while_costs_nothing_but_time(tmp_path):
    with running_cluster() as cluster:
        url = cluster.new_database()
        with gateway(url, tmp_path / "platform", poll_seconds=30) as door, ThreadPoolExecutor(1) as pool:
            door.enrol()
            exchange = door.ask(count=1)
            assert door.post(Route.ANSWERS, answer(0)[1]).status == 200
            waiting = pool.submit(door.poll, 1)
            time.sleep(1)  # it has looked, and waits
            cluster.stop("immediate")
            for route, data in ((Route.ANSWERS, answer(0)[1]), (Route.NEXT, poll(2))):
                heard = door.post(route, data)
                assert heard.status == 503
                assert "nothing was written" in decode_error(heard.body)
            assert door.call("GET", "/readyz").status == 503
            assert door.call("GET", "/healthz").status == 200
            cluster.start()
            until = time.monotonic() + 30
            while door.call("GET", "/readyz").status != 200 and time.monotonic() < until:
                time.sleep(0.1)
            assert door.post(Route.ANSWERS, answer(0)[1]).status == 200
            assert door.kept(exchange) == [answer(0)[1]]
            door.ask("y", count=2, round_=1)
            assert waiting.result(30).status == 200, "whoever waited is asked"


def test_200_megabytes_are_refused_unread(door):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection = door.connection()
    connection.putrequest("POST", Route.ANSWERS)
    connection.putheader("Content-Length", str(200 << 20))
    connection.endheaders(answer(0)[1])
    response = connection.getresponse()
    assert response.status == 413
    assert "is the most" in decode_error(response.read())
    with suppress(OSError):  # the system tells it by the first or the second byte too many
        for _ in range(200):
            connection.send(bytes(1 << 20))
        pytest.fail("200 MB were taken in")
    connection.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


def test_one_byte_a_second_is_not_waited_for(door, monkeypatch):
    monkeypatch.setattr(serving, "HEAD_SECONDS", 1.0)
    plain = socket.create_connection(("127.0.0.1", door.port), 10)
    head, sent = b"POST /v1/answers HTTP/1.1\r\nHost: a\r\nContent-Length: 155\r\n", 0
    with door.context.wrap_socket(plain, server_hostname="127.0.0.1") as line, suppress(OSError):
        line.settimeout(0.2)
        for byte in head:
            line.sendall(bytes([byte]))
            sent += 1
            with suppress(TimeoutError):
                assert line.recv(1) == b""
                break
    assert 1 <= sent <= 15


def test_a_slow_body_is_given_up(door, monkeypatch):
    monkeypatch.setattr(limits, "_BODY_GRACE", 1.0)
    exchange = door.ask()
    data = answer(0)[1]
    for begun in (data[:10], data[:-1]):
        connection = door.connection()
        connection.putrequest("POST", Route.ANSWERS)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(begun)
        response = connection.getresponse()
        assert response.status == 408
        assert "took longer" in decode_error(response.read())
        connection.close()
    assert door.kept(exchange) == []
    assert door.reception.memory.taken == 0


def test_ten_thousand_requests_without_a_signature_stop_nobody_else(tmp_path):
    with gateway(
        f"sqlite:///{tmp_path}/platform.sqlite", tmp_path / "platform", poll_seconds=1, refusals_per_second=0.01
    ) as door:
        door.enrol()
        exchange = door.ask()
        forged = bytearray(answer(0)[1])
        forged[-1] ^= 1
        statuses = [door.post(Route.ANSWERS, bytes(forged)).status for _ in range(200)]
        assert set(statuses) == {401, 429}
        assert statuses.count(401) == 60
        connection = http.client.HTTPSConnection(
            "127.0.0.1", door.port, timeout=30, context=door.context, source_address=("127.0.0.2", 0)
        )
        connection.request("POST", Route.ANSWERS, answer(0)[1])
        assert connection.getresponse().status == 200, "another address is not meant"
        connection.close()
        assert door.kept(exchange) == [answer(0)[1]]


@pytest.mark.slow
def test_ten_thousand_requests_without_a_signature_cost_little():
    """TM-18: under 100 ms and 50 MB together, whatever one address sends."""
    with street(refusals=60) as town:
        forged = town.seal(1, Purpose.POLL, bytes(16), session=1, sender=0)
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        statuses = Counter(town.post(Route.NEXT, forged).status for _ in range(10_000))
        spent = time.process_time() - begun
    assert set(statuses) == {401, 429}
    assert statuses[401] < 100
    assert spent < 0.1 * 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


def test_an_agent_of_an_older_version_is_told_which_is_spoken(door):
    exchange = door.ask()
    data = answer(0)[1]
    heard = door.post(Route.ANSWERS, bytes([data[0] - 1]) + data[1:])
    assert heard.status == 400
    assert f"this code speaks {data[0]} only" in decode_error(heard.body)
    assert door.kept(exchange) == []


def test_too_much_of_one_artist_waits(tmp_path):
    few = {"requests_burst": 3, "requests_per_second": 0.01, "poll_seconds": 0}
    with gateway(f"sqlite:///{tmp_path}/p.sqlite", tmp_path / "platform", **few) as door:
        door.enrol()
        assert [door.poll().status for _ in range(5)] == [204] * 3 + [429] * 2
        assert door.poll(1).status == 204


def test_bodies_in_memory_are_bounded_together(door):
    door.ask()
    data = answer(0)[1]
    memory = door.reception.memory
    memory.size, memory._patience = 2 * len(data), 0.5

    def begin() -> http.client.HTTPSConnection:
        connection = door.connection()
        connection.putrequest("POST", Route.ANSWERS)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data[:-1])
        return connection

    with ExitStack() as stack:
        let_in = []
        for _ in range(2):
            let_in.append(stack.enter_context(closing(begin())))
            limit = time.monotonic() + 10
            while memory.taken < len(let_in) * len(data) and time.monotonic() < limit:
                time.sleep(0.01)
        refused = stack.enter_context(closing(begin())).getresponse()
        assert memory.taken == 2 * len(data)
        assert refused.status == 503
        assert "too many large bodies" in decode_error(refused.read())
        for connection in let_in:
            connection.send(data[-1:])
            assert connection.getresponse().status == 200


def test_an_error_of_its_own_shows_nothing(door, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("a secret of the platform's")

    monkeypatch.setattr("fedstyle_secure.platform.gateway.receiving.find_identity", broken)
    heard = door.poll()
    assert heard.status == 500
    assert b"secret" not in heard.body
    assert "platform's own" in decode_error(heard.body)


def test_a_database_of_a_newer_program_is_not_served(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/p.sqlite")
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with (
        pytest.raises(errors.InputError, match="newer program"),
        gateway(f"sqlite:///{tmp_path}/p.sqlite", tmp_path / "platform"),
    ):
        pass


def test_a_purpose_that_only_platforms_use_is_not_taken(door):
    for purpose in Purpose:
        heard = door.post(Route.NEXT, sealed(artist_key(0), purpose=purpose, body=bytes(16)))
        assert heard.status == (204 if purpose is Purpose.POLL else 400), purpose
