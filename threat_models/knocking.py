"""A local page's door, and those who knock there without leave: one page for both desks, which have one door."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from fedstyle_secure.desks.desk import ANSWER, Act, Desk, Done, Question
from fedstyle_secure.desks.door import HOST, Open, Pass, serving
from fedstyle_secure.desks.parts import ASSETS
from fedstyle_secure.web.html import Html

_SECONDS: Final = 30.0
_ASKED: Final = Question(title="Leave?", body=Html(""), yes="Leave")


@dataclass
class Room:
    """What is behind the door.

    Attributes:
        shown: How often its owner's things were shown.
        done: How often something was done there.
    """

    shown: int = 0
    done: int = 0

    def desk(self) -> Desk:
        """One part and one act."""
        return Desk(
            shell=Html("<!doctype html>"),
            assets=ASSETS,
            parts={"budget": self._show},
            acts={"leave": Act(lambda _fields: _ASKED, self._leave)},
        )

    def _show(self) -> Html:
        self.shown += 1
        return Html("")

    def _leave(self, _fields: Mapping[str, str]) -> Done:
        self.done += 1
        return Done(told="left")


@dataclass(frozen=True, slots=True)
class Knocker:
    """Somebody at the door.

    Attributes:
        host: What it takes the page's host to be.
        origin: Whose page asks; None for what names none.
        token: It knows.
    """

    host: str
    origin: str | None
    token: str = field(repr=False)


def knockers(page: Open) -> tuple[Knocker, ...]:
    """Another user of the machine, who has no token; and two pages in the owner's browser, which have seen it.

    One is of another origin, one of a name that was made to point here.
    """
    own, token = f"{HOST}:{page.pass_.port}", page.pass_.token
    rebound = f"rebound.example:{page.pass_.port}"
    return (
        Knocker(own, f"http://{own}", Pass.new().token),
        Knocker(own, "https://evil.example", token),
        Knocker(rebound, None, token),
    )


@contextmanager
def opened() -> Iterator[tuple[Room, Open]]:
    """A page that is served."""
    room = Room()
    with serving(room.desk(), Pass.new(), on_fault=lambda _error: None) as page:
        yield room, page


def knock(page: Open, who: Knocker) -> None:
    """Look at what can be looked at, and press what can be pressed."""
    fields = json.dumps({ANSWER: _ASKED.answer}).encode()
    for method, path, body in (("GET", "/parts/budget", b""), ("POST", "/acts/leave", fields)):
        connection = http.client.HTTPConnection(HOST, page.pass_.port, timeout=_SECONDS)
        try:
            headers = {"Host": who.host, "Authorization": f"Bearer {who.token}"}
            connection.request(method, path, body, headers | ({} if who.origin is None else {"Origin": who.origin}))
            connection.getresponse().read()
        finally:
            connection.close()
