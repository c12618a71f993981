"""LIN-1 to LIN-3: the line to a platform, over real TLS."""

import pytest

from fedstyle_secure.artist import client
from fedstyle_secure.artist.client import Line, LineError, ensure
from fedstyle_secure.errors import InputError
from fedstyle_secure.wire.routes import Route, Status, encode_error
from tests.artist.street import Authority, open_street


class Waits:
    """Instead of waiting."""

    def __init__(self):
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)


def make_line(street, authority, **changes):
    return Line(street.address, authority.pem, **changes)


def test_an_answer_comes_back_over_one_connection(street, authority):
    street.answer = lambda path, body: (Status.DONE, path.encode() + body)
    with make_line(street, authority) as line:
        assert line.post(Route.NEXT, b"poll").body == b"/v1/nextpoll"
        assert line.get("/v1/log/checkpoint").body == b"/v1/log/checkpoint"


def test_lin2_the_same_bytes_go_again_until_they_are_answered(street, authority):
    """Asked for patience, hung up on, away for a while: the artist's answer stays what it is."""
    street.scripted[Route.ANSWERS.value] = [
        (Status.NOT_NOW, encode_error("not asked yet"), {"Retry-After": "3"}),
        (None, b"", {}),
        (Status.TOO_MANY, encode_error("slowly"), {"Retry-After": "100000"}),
        (502, b"<html>a proxy's own</html>", {}),
        (Status.DONE, b"", {}),
    ]
    waits, troubles = Waits(), []
    with make_line(street, authority, sleep=waits, on_trouble=troubles.append, random=bytes) as line:
        assert line.post(Route.ANSWERS, b"answer").status == Status.DONE
    assert street.calls(Route.ANSWERS.value) == [b"answer"] * 5
    assert waits.seconds == [3.0, 0.0, client.LONGEST_WAIT, 0.0]
    assert "asks for patience: not asked yet" in troubles[0]
    assert "cannot be reached" in troubles[1]
    assert troubles[-1].endswith("answers again")


def test_waits_double_up_to_a_bound_and_no_two_agents_wait_alike(authority, tmp_path):
    with open_street(tmp_path / "street", authority) as street:
        pass  # it is closed again: nobody is there
    waits = Waits()

    def give_up(_sentence):
        if len(waits.seconds) == 12:
            raise KeyboardInterrupt

    line = make_line(
        street, authority, sleep=waits, on_trouble=give_up, random=lambda count: b"\x80" + bytes(count - 1)
    )
    with pytest.raises(KeyboardInterrupt):
        line.get("/")
    assert waits.seconds == [min(0.25 * 2**number, client.LONGEST_WAIT / 2) for number in range(12)]
    assert len({make_line(street, authority)._pause(5, 0) for _ in range(8)}) == 8


def test_lin1_another_authority_is_not_trusted(street):
    with pytest.raises(LineError, match="the authority of your invitation did not make"):
        make_line(street, Authority()).get("/")
    assert street.came == []


@pytest.mark.parametrize("valid", [(1, 2), (-2, -1)])
def test_a_clock_that_is_days_off_is_told_as_such(tmp_path, authority, valid):
    told = pytest.raises(LineError, match=r"is not valid now, and this machine's clock says \d{4}-")
    with open_street(tmp_path / "street", authority, valid=valid) as street, told:
        make_line(street, authority).get("/")


def test_a_certificate_for_another_host_is_not_trusted(tmp_path, authority):
    told = pytest.raises(LineError, match="somebody else answers there")
    with open_street(tmp_path / "street", authority, hosts=("gallery.example",)) as street, told:
        make_line(street, authority).get("/")


def test_lin3_an_answer_without_an_end_is_given_up(street, authority, monkeypatch):
    monkeypatch.setattr(client, "LARGEST_REQUEST", 10)
    street.scripted["/"] = [(Status.DONE, bytes(11), {}), (Status.DONE, bytes(10), {})]
    with make_line(street, authority, sleep=Waits()) as line:
        assert len(line.get("/").body) == 10


def test_a_platforms_reason_is_shown_as_text_and_no_more(street, authority):
    street.scripted["/"] = [(Status.GONE, encode_error("the token\x1b[31m expired" + "!" * 999), {})]
    with make_line(street, authority) as line, pytest.raises(LineError) as told:
        ensure(line.get("/"), "to let you join")
    assert str(told.value).startswith(r"the platform refused to let you join (410): the token\x1b[31m expired!!!")
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "gallery.example", "https://", "ftp://a"])
def test_what_is_no_address_is_refused(authority, address):
    with pytest.raises(InputError, match="is no address of a platform"):
        Line(address, authority.pem)
