"""Artists without artworks: real clients of a protocol, each with a line of its own to a platform, as agents have."""

import threading
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.artist.client import Line
from fedstyle_secure.runs.loopback import seal_poll
from fedstyle_secure.wire.pins import PublicPins
from fedstyle_secure.wire.routes import Route, Status
from protocols import Client


class _OverError(Exception):
    """The caller is told to end while it waits."""


class Caller:
    """One artist of a session.

    Args:
        identity: Its key.
        server_key: The platform's, 32 bytes.

    Attributes:
        client: Answers in the session that is on, or comes next.
        received: Bytes of envelopes that came.
        sent: Bytes of envelopes that went out, polls among them.
    """

    def __init__(self, identity: Ed25519PrivateKey, server_key: bytes) -> None:
        self._identity, self._server_key = identity, server_key
        self.client: Client | None = None
        self.received = self.sent = 0
        self.answer = answering(self._answer, Purpose.SESSION, identity=identity, server_key=server_key)

    def call(self, pins: PublicPins, over: threading.Event) -> None:
        """Poll and answer until it is over, as an agent does.

        Args:
            pins: Whom to call.
            over: Set when nobody listens any more.
        """

        def sleep(seconds: float) -> None:
            if over.wait(seconds):
                raise _OverError

        poll = seal_poll(self._identity, self._server_key)
        with suppress(_OverError), Line(pins.address, pins.certificates, sleep=sleep) as line:
            while not over.is_set():
                self.sent += len(poll)
                asked = line.post(Route.NEXT, poll)
                if asked.status == Status.DONE:
                    self.received += len(asked.body)
                    reply = self.answer(asked.body)
                    self.sent += len(reply)
                    if (answer := line.post(Route.ANSWERS, reply)).status != Status.DONE:
                        raise SystemExit(f"an answer was refused: {answer.reason}")

    def _answer(self, request: bytes) -> bytes:
        if self.client is None:
            raise SystemExit("a caller is asked before it has a client")
        return self.client.receive(request)
