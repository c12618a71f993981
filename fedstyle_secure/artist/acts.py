"""What an artist asks of a platform on its own: to publish, to withdraw, to leave, to speak under a new key.

ACT-1  Each act has a number that only rises, and is in the store before it leaves: killed at any moment, an agent sends
       the same bytes again until the platform has entered them, once, and asks for nothing else before.
ACT-2  An answer counts only as what the pinned platform signed for this act.
ACT-3  A new key is in the store before anybody hears of it, proves itself, and is the artist's once the platform has
       entered it and not before; ledger, terms, features and all that is remembered stay.
ACT-4  Who left takes part no more, after a restart neither: that is kept in the write that ends the act.
"""

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..aggregation.letters import Envelope, ProtocolError, Purpose
from ..errors import FedStyleError
from ..wire.bodies import Body
from ..wire.enrolment import Entered, Pins, Renew
from ..wire.routes import Route, Status
from .client import Line
from .home import ENDED, IDENTITY, NEXT_IDENTITY, Home, read_pins

_PENDING, _NUMBER = "act", "act number"
_ROUTES = {
    Purpose.PUBLISH: Route.PUBLISH,
    Purpose.WITHDRAW: Route.WITHDRAW,
    Purpose.LEAVE: Route.LEAVE,
    Purpose.RENEW: Route.RENEW,
}


class ActError(FedStyleError):
    """The platform did not do what was asked."""


def act(home: Home, line: Line, body: Body) -> int:
    """Ask for something, until the platform has done it.

    Args:
        home: Keeps the number and the bytes (ACT-1).
        line: To the platform.
        body: What is asked: `Publish`, `Withdraw` or `Leave`.

    Returns:
        Index of the log's leaf that enters it.

    Raises:
        ActError: The platform refused it, in its own words.
        LineError: It cannot be spoken to.
    """
    finish(home, line)
    number = _next_number(home)
    sealed = replace(_envelope(home, body.PURPOSE, number), body=body.encode()).seal(home.identity)
    home.store.write({_PENDING: sealed, _NUMBER: number.to_bytes(8, "big")})
    return finish(home, line)


def renew(home: Home, line: Line) -> int:
    """Retire the artist's key, and speak under a new one (ACT-3).

    Returns:
        Index of the log's leaf that enters the new key.

    Raises:
        ActError: The platform refused it; the old key is the artist's as before.
        LineError: It cannot be spoken to.
    """
    finish(home, line)
    number, fresh = _next_number(home), Ed25519PrivateKey.generate()
    asked, own = _envelope(home, Purpose.RENEW, number), fresh.public_key().public_bytes_raw()
    proof = replace(asked, sender=own, body=asked.sender).seal(fresh)
    sealed = replace(asked, body=Renew(identity=own, proof=proof).encode()).seal(home.identity)
    home.store.write({NEXT_IDENTITY: fresh.private_bytes_raw(), _PENDING: sealed, _NUMBER: number.to_bytes(8, "big")})
    return finish(home, line)


def finish(home: Home, line: Line) -> int:
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
        home.store.write({_PENDING: None, NEXT_IDENTITY: None})
        raise ActError(f"the platform refused to {asked.purpose.name.lower()} ({answer.status}): {answer.reason}")
    if asked.purpose is Purpose.RENEW:
        return _take_new_key(home, asked, answer.body)
    leaf = Entered.decode(_open(home, asked, answer.body, recipient=asked.sender)).leaf
    left = f"you left {read_pins(home.folder).address} (entry {leaf} of its log)".encode()
    home.store.write({_PENDING: None, **({ENDED: left} if asked.purpose is Purpose.LEAVE else {})})
    return leaf


def _take_new_key(home: Home, asked: Envelope, answer: bytes) -> int:
    """Pins first, then the key: killed between the two, an agent asks again and is answered again."""
    fresh = home.store.read(NEXT_IDENTITY) or b""
    own = Ed25519PrivateKey.from_private_bytes(fresh).public_key().public_bytes_raw()
    space = Pins.decode(_open(home, asked, answer, recipient=own))
    home.pin(read_pins(home.folder).renewed(own, space))
    home.store.write({IDENTITY: fresh, NEXT_IDENTITY: None, _PENDING: None})
    return space.leaf


def _open(home: Home, asked: Envelope, answer: bytes, *, recipient: bytes) -> bytes:
    """What the pinned platform answered this act (ACT-2)."""
    pins = read_pins(home.folder)
    try:
        reply = Envelope.open(answer, sender=pins.platform_key, recipient=recipient, purpose=asked.purpose)
    except ProtocolError as error:
        raise ActError(f"what answers at {pins.address} is not the platform that was joined: {error}") from error
    if reply.round != asked.round:
        raise ActError(f"the platform answered act {reply.round} where act {asked.round} was asked for: try again")
    return reply.body


def _envelope(home: Home, purpose: Purpose, number: int) -> Envelope:
    pins = read_pins(home.folder)
    return Envelope(
        sender=pins.identity, recipient=pins.platform_key, purpose=purpose, session=0, round=number, body=b""
    )


def _next_number(home: Home) -> int:
    return int.from_bytes(home.store.read(_NUMBER) or b"", "big") + 1
