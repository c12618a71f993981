"""What an artist asks of a platform on its own: to publish, to withdraw, to leave.

ACT-1  Each act has a number that only rises, and is in the store before it leaves: killed at any moment, an agent sends
       the same bytes again until the platform has entered them, once.
ACT-2  An answer counts only as what the pinned platform signed for this act.
"""

from dataclasses import replace

from ..aggregation.letters import Envelope, ProtocolError, Purpose
from ..errors import FedStyleError
from ..wire.messages import Body, Entered
from ..wire.routes import Route, Status
from .client import Line
from .home import Home
from .pins import PlatformPins

_PENDING, _NUMBER = "act", "act number"
_ROUTES = {Purpose.PUBLISH: Route.PUBLISH, Purpose.WITHDRAW: Route.WITHDRAW, Purpose.LEAVE: Route.LEAVE}


class ActError(FedStyleError):
    """The platform did not do what was asked."""


def act(home: Home, line: Line, pins: PlatformPins, body: Body) -> int:
    """Ask for something, until the platform has done it.

    Args:
        home: Keeps the number and the bytes (ACT-1).
        line: To the platform.
        pins: Who it is.
        body: What is asked: `Publish`, `Withdraw` or `Leave`.

    Returns:
        Index of the log's leaf that enters it.

    Raises:
        ActError: The platform refused it, in its own words.
        LineError: It cannot be spoken to.
    """
    number = int.from_bytes(home.store.read(_NUMBER) or b"", "big") + 1
    envelope = Envelope(
        sender=pins.identity, recipient=pins.platform_key, purpose=body.PURPOSE, session=0, round=number, body=b""
    )
    sealed = replace(envelope, body=body.encode()).seal(home.identity)
    home.store.write({_PENDING: sealed, _NUMBER: number.to_bytes(8, "big")})
    return finish(home, line, pins)


def finish(home: Home, line: Line, pins: PlatformPins) -> int:
    """Send what was asked for and not answered yet, if there is anything.

    Returns:
        Index of the log's leaf that enters it; -1 where there was nothing.

    Raises:
        ActError: The platform refused it.
    """
    sealed = home.store.read(_PENDING)
    if sealed is None:
        return -1
    asked = Envelope.claims(sealed)
    answer = line.post(_ROUTES[asked.purpose], sealed)
    if answer.status != Status.DONE:
        home.store.write({_PENDING: None})
        raise ActError(f"the platform refused to {asked.purpose.name.lower()} ({answer.status}): {answer.reason}")
    try:
        reply = Envelope.open(answer.body, sender=pins.platform_key, recipient=pins.identity, purpose=asked.purpose)
    except ProtocolError as error:
        raise ActError(f"what answers at {pins.address} is not the platform that was joined: {error}") from error
    if reply.round != asked.round:
        raise ActError(f"the platform answered act {reply.round} where act {asked.round} was asked for: try again")
    home.store.write({_PENDING: None})
    return Entered.decode(reply.body).leaf
