"""DRS-1 to DRS-6, DSK-1: who gets in at a local page, and what is done there."""

import socket
import threading
import time

import pytest

from fedstyle_secure.desks.desk import Act, Desk, Done, Question
from fedstyle_secure.desks.door import Pass, serving
from fedstyle_secure.desks.parts import ASSETS, shell
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.web.html import Html, tag
from tests.desks.knock import Caller

HIDDEN = "what nobody else may read"


class Till:
    """Something to look at and to press."""

    def __init__(self):
        self.price, self.pressed, self.faults = 1, [], []

    def desk(self):
        return Desk(
            shell=shell("A page", "For a test.", "Nobody answers.", []),
            assets=ASSETS,
            parts={"secret": lambda: tag("p", HIDDEN), "broken": self._fail, "away": self._away},
            acts={"buy": Act(self._ask, self._buy)},
        )

    def _ask(self, fields):
        if fields.get("what") == "nothing":
            raise InputError("name something")
        return Question(title=f"Buy for {self.price}?", body=Html(""), yes="Buy")

    def _buy(self, fields):
        self.pressed.append(fields)
        return Done(told=f"bought for {self.price}")

    def _fail(self):
        raise ZeroDivisionError(HIDDEN)

    def _away(self):
        raise FedStyleError("come back later")


@pytest.fixture
def till():
    return Till()


@pytest.fixture
def caller(till):
    with serving(till.desk(), Pass.new(), on_fault=till.faults.append) as page:
        address, _, token = page.address.partition("#")
        assert address == f"http://127.0.0.1:{page.pass_.port}/"
        yield Caller(page.pass_.port, token)


def test_whoever_has_the_address_looks_and_acts(caller, till):
    assert HIDDEN in caller.get("/parts/secret").body.decode()
    assert caller.do("buy", {"what": "a loaf"}) == "bought for 1"
    assert len(till.pressed) == 1


def test_drs1_nobody_else_in_the_network_can_connect(caller):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells under which address this machine goes out
        outward = probe.getsockname()[0]
    addresses = {outward, "127.0.0.2"} - {"127.0.0.1"}
    for address in addresses:  # also another of loopback's: it is bound to one address, not to all
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, caller.port), timeout=5)


@pytest.mark.parametrize("host", ["rebound.example:{port}", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "", None])
def test_drs2_under_another_name_nothing_is_answered(caller, till, host):
    """DNS rebinding: a name of somebody else's that points here, with the page's own token even."""
    said = None if host is None else host.format(port=caller.port)
    for heard in (caller.get("/", Host=said), caller.get("/parts/secret", Host=said), caller.press("buy", Host=said)):
        assert heard.status == 403
        assert HIDDEN not in heard.body.decode()
    assert till.pressed == []


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:{port}", "http://127.0.0.1:1", "null"])
def test_drs3_no_other_page_reads_or_presses(caller, till, origin):
    said = origin.format(port=caller.port)
    assert caller.get("/parts/secret", Origin=said).status == 403
    heard = caller.press("buy", Origin=said)
    assert heard.status == 403
    assert "access-control-allow-origin" not in heard.headers
    assert till.pressed == []


def test_drs3_what_does_something_says_where_it_comes_from(caller):
    assert caller.press("buy", Origin=None).status == 403


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "bearer {token}"])
def test_drs4_without_the_token_there_is_nothing_to_see_or_press(caller, till, given):
    said = None if given is None else given.format(token=caller.token)
    for heard in (caller.get("/parts/secret", Authorization=said), caller.press("buy", Authorization=said)):
        assert (heard.status, "the one that was printed" in heard.error) == (401, True)
    assert caller.get("/parts/secret", Authorization=None, Cookie=f"token={caller.token}").status == 401
    assert caller.get(f"/parts/secret?token={caller.token}", Authorization=None).status == 401
    assert till.pressed == []


def test_drs4_what_is_shown_without_it_says_nothing_of_anybody(till):
    """Two pages of two people are the same, byte for byte, before the token is shown."""
    shells = []
    for _ in range(2):
        with serving(till.desk(), Pass.new(), on_fault=print) as page:
            caller = Caller(page.pass_.port, "wrong")
            shells.append(caller.get("/", Authorization=None).body)
    assert shells[0] == shells[1]
    assert len({Pass.new().token for _ in range(10)}) == 10
    assert len(Pass.new().token) >= 43  # 32 bytes


def test_drs5_every_answer_says_what_a_browser_may_not_do_with_it(caller):
    answers = [caller.get("/"), caller.get("/parts/secret"), caller.get("/nothing"), caller.press("buy", Origin=None)]
    answers += [caller.call("OPTIONS", "/acts/buy"), caller.call("BREW", "/")]
    for heard in answers:
        policy = heard.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert heard.headers["x-frame-options"] == "DENY"
        assert heard.headers["referrer-policy"] == "no-referrer"
        assert heard.headers["cross-origin-resource-policy"] == "same-origin"
        assert heard.headers["cache-control"] == "no-store"
        assert not any(name.startswith("access-control") for name in heard.headers)


def test_drs6_too_much_is_not_read(caller, till):
    assert caller.press("buy", {"what": "x" * 20_000}).status == 413
    assert caller.call("POST", "/acts/buy", body=b"{}", Content_Length="many").status == 413
    for body in (b"[]", b'{"what": 1}', b"no json", b"[" * 10_000):
        assert caller.call("POST", "/acts/buy", body=body).status == 400
    assert till.pressed == []


def test_drs6_connections_that_say_nothing_leave_no_more_than_their_number(caller):
    before = threading.active_count()
    idle = [socket.create_connection(("127.0.0.1", caller.port)) for _ in range(40)]
    try:
        until = time.monotonic() + 30
        while threading.active_count() - before < 16 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
        assert threading.active_count() - before <= 16
    finally:
        for each in idle:
            each.close()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if caller.get("/").status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the page does not come back")


def test_dsk1_what_changed_since_it_was_asked_is_asked_again(caller, till):
    asked = caller.press("buy").json
    assert (asked["question"], till.pressed) == ("Buy for 1?", [])
    till.price = 2
    again = caller.press("buy", {"answer": asked["answer"]}).json
    assert (again["question"], till.pressed) == ("Buy for 2?", [])
    assert caller.press("buy", {"answer": again["answer"]}).json["done"] == "bought for 2"


def test_errors_are_sentences_and_a_fault_of_the_page_shows_nothing(caller, till):
    assert (caller.get("/parts/away").status, caller.get("/parts/away").error) == (409, "come back later")
    assert caller.press("buy", {"what": "nothing"}).error == "name something"
    heard = caller.get("/parts/broken")
    assert heard.status == 500
    assert HIDDEN not in heard.body.decode()
    assert [type(fault) for fault in till.faults] == [ZeroDivisionError]
    for path in ("/parts/none", "/acts/buy", "/parts/", "/../secret", "/assets/x/theme.css"):
        assert caller.get(path).status == 404
    assert caller.press("none").status == 404


def test_a_port_that_is_taken_is_named(caller, till):
    with (
        pytest.raises(InputError, match=f"127.0.0.1:{caller.port} cannot be listened on"),
        serving(till.desk(), Pass.new(caller.port), on_fault=print),
    ):
        pass


def test_a_page_begun_anew_is_at_the_same_address(till):
    with serving(till.desk(), Pass.new(), on_fault=print) as first:
        handed_on = first.pass_.encode()
    with serving(till.desk(), Pass.decode(handed_on), on_fault=print) as second:
        assert second.address == first.address
    assert first.pass_.token not in repr(first)
