"""The door of a local page: a small HTTP server for one person on this machine, by the standard library alone.

DRS-1  It listens on 127.0.0.1 and can be told no other address.
DRS-2  A request names exactly this address as its host: a name that somebody else's DNS points here is refused.
DRS-3  A request that says where it comes from comes from this page; whatever does something has to say so.
DRS-4  What shows or does anything needs the token, which is new at each start, is printed where the person looks, and
       travels in an Authorization header, which no other page can make a browser send. Without it there is the empty
       page, its script and its style, the same for everybody.
DRS-5  No answer may be framed, kept, sniffed or embedded elsewhere; scripts and styles are the page's own files.
DRS-6  What it reads, for how long and for how many at a time is bounded.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from ..errors import FedStyleError, InputError
from ..web.answers import Answer, page
from .desk import Desk, Done, Fields, NothingSuchError, Question

HOST: Final = "127.0.0.1"
_TOKEN_BYTES: Final = 32
_MOST_BYTES: Final = 16384
"""Of what is filled in."""
_SECONDS: Final = 10.0
"""For which a silent connection is kept."""
_AT_A_TIME: Final = 16
_JSON: Final = "application/json"


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP status.
        sentence: Why.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True)
class Pass:
    """What a page's address is made of; handed on where a process begins anew as itself.

    Attributes:
        port: Where it listens; 0 for any that is free.
        token: Of the person who may look.
    """

    port: int
    token: str = field(repr=False)

    @classmethod
    def new(cls, port: int = 0) -> "Pass":
        """With a token that nobody had before (DRS-4)."""
        return cls(port, secrets.token_urlsafe(_TOKEN_BYTES))

    def encode(self) -> str:
        """In one word."""
        return f"{self.port}:{self.token}"

    @classmethod
    def decode(cls, word: str) -> "Pass":
        """The inverse of `encode`."""
        port, _, token = word.partition(":")
        return cls(int(port), token)


@dataclass(frozen=True, slots=True)
class Open:
    """A page that is served.

    Attributes:
        pass_: With the port that it really has.
    """

    pass_: Pass

    @property
    def address(self) -> str:
        """For its person alone: whoever has it may do all that the page can."""
        return f"http://{HOST}:{self.pass_.port}/#{self.pass_.token}"


@contextmanager
def serving(desk: Desk, pass_: Pass, *, on_fault: Callable[[Exception], None]) -> Iterator[Open]:
    """Serve a page as long as the block runs.

    Args:
        desk: What it shows.
        pass_: Port and token.
        on_fault: Is told of errors of the page's own.

    Raises:
        InputError: The port is taken.
    """
    try:
        server = _Server(desk, pass_, on_fault)
    except OSError as error:
        raise InputError(
            f"{HOST}:{pass_.port} cannot be listened on ({error.strerror}): another program may"
        ) from error
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.2), name="page", daemon=True)
    thread.start()
    try:
        yield Open(Pass(server.server_port, pass_.token))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # what a browser keeps open does not hold up the end

    def __init__(self, desk: Desk, pass_: Pass, on_fault: Callable[[Exception], None]) -> None:
        self.desk, self.token, self.on_fault = desk, pass_.token, on_fault
        self._places = threading.BoundedSemaphore(_AT_A_TIME)
        super().__init__((HOST, pass_.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Each in a thread of its own, as long as there are not too many (DRS-6)."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the browser's affair."""


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, one connection."""

    server: _Server
    timeout = _SECONDS
    server_version, sys_version = "page", ""

    def do_GET(self) -> None:
        """Show something."""
        self._answer(self._shown)

    def do_POST(self) -> None:
        """Do something."""
        self._answer(self._pressed)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its parent's name)
        """Nothing is written down of who looks when."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What is no request that this page knows of; nothing of it is shown."""
        self._send(_refusal(code, "there is nothing here"))

    def _answer(self, answer: Callable[[], Answer]) -> None:
        try:
            self._check_origin()
            made = answer()
        except RefusedError as error:
            made = _refusal(error.status, error.sentence)
        except NothingSuchError as error:
            made = _refusal(404, str(error))
        except FedStyleError as error:
            made = _refusal(409, str(error))
        except Exception as error:  # the person sees that it failed, the terminal why
            self.server.on_fault(error)
            made = _refusal(500, "an error of this program's own: the terminal says more")
        self._send(made)

    def _check_origin(self) -> None:
        """See that this page's own address was asked for, by this page (DRS-2, DRS-3)."""
        own = f"{HOST}:{self.server.server_port}"
        if self.headers.get_all("Host") != [own]:
            raise RefusedError(403, f"this page is at http://{own} only, under no other name")
        origins = self.headers.get_all("Origin", [])
        if origins != [f"http://{own}"] and (origins or self.command != "GET"):
            raise RefusedError(403, "only this page itself may ask for that")

    def _check_token(self) -> None:
        """See that it is the person to whom the address was printed (DRS-4)."""
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise RefusedError(
                401, "this address does not open the page: use the one that was printed when the program started last"
            )

    def _shown(self) -> Answer:
        desk = self.server.desk
        if self.path == "/":
            return page(desk.shell)
        if (file := desk.assets.answer(self.path)) is not None:
            return file
        self._check_token()
        return page(desk.show(self._named("/parts/")))

    def _pressed(self) -> Answer:
        self._check_token()
        return _written(self.server.desk.press(self._named("/acts/"), self._fields()))

    def _named(self, place: str) -> str:
        if not self.path.startswith(place):
            raise RefusedError(404, "there is nothing here")
        return self.path.removeprefix(place)

    def _fields(self) -> Fields:
        """What was filled in (DRS-6)."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= _MOST_BYTES):
            raise RefusedError(413, f"what is filled in has {_MOST_BYTES} bytes at most")
        try:
            fields = json.loads(self.rfile.read(int(length)))
        except (OSError, ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise RefusedError(400, "what is filled in comes as texts by their names, in JSON")
        return fields

    def _send(self, answer: Answer) -> None:
        with suppress(OSError):  # the browser went away
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)


def _refusal(status: int, sentence: str) -> Answer:
    return Answer(json.dumps({"error": sentence}, ensure_ascii=False).encode(), _JSON, status)


def _written(answer: Question | Done) -> Answer:
    facts: dict[str, Any] = (
        {"done": answer.told, "file": answer.file}
        if isinstance(answer, Done)
        else {"question": answer.title, "body": answer.body, "yes": answer.yes, "answer": answer.answer}
    )
    return Answer(json.dumps(facts, ensure_ascii=False).encode(), _JSON)
