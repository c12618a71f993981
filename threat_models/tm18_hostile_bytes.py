"""TM-18: hostile bytes. Whoever can reach the platform sends what is no envelope, too large, too deep or too often."""

from collections.abc import Iterator
from random import Random
from typing import Final

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.wire.routes import LIMITS, Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .street import REPLY_LIMIT, Street, street

ALLOWED, FLOOD = 60, 400
"""Refused requests that one address may send at once, and how many it sends."""
_LARGE: Final = 40 << 20
_TRIES: Final = {Effort.FAST: 60, Effort.SLOW: 2000}
_POSTED: Final = {
    Route.NEXT: Purpose.POLL,
    Route.ANSWERS: Purpose.SESSION,
    Route.JOIN: Purpose.JOIN,
    Route.PUBLISH: Purpose.PUBLISH,
    Route.WITHDRAW: Purpose.WITHDRAW,
    Route.LEAVE: Purpose.LEAVE,
    Route.RENEW: Purpose.RENEW,
}
_SIZES, _BOMBS, _RATE = "sizes before bodies", "whatever is no record is refused", "an address has so many tries"
_EDITS: Final = {
    _SIZES: (
        Edit(
            "fedstyle_secure.platform.gateway.receiving:Reception._check_sender",
            "if length > ENVELOPE_SIZE + limit:",
            "if False:",
        ),
    ),
    _BOMBS: (
        Edit(
            "fedstyle_secure.canonical:decode",
            "except (ValueError, TypeError, OverflowError, RecursionError) as error:",
            "except KeyError as error:",
        ),
    ),
    _RATE: (
        Edit(
            "fedstyle_secure.platform.gateway.receiving:Reception.admit",
            "if wait := self._refusals.wait(network_of(host)):",
            "if wait := 0.0:",
        ),
    ),
}

CLAIM = Claim(
    number=18,
    title="hostile bytes",
    adversary="anybody who reaches the platform, with the public key of an artist, or one invited artist",
    assets="that the platform answers others; its memory; that it never fails in a way of its own",
    assumption="each address is one network's; floods of the line itself are the provider's",
    promise="whatever comes is answered with a refusal, bodies above their size are not read, and an address that "
    "sends nothing else is soon not looked at",
    defenses={
        _SIZES: "platform/gateway/receiving.py, DOR-1; wire/routes.py, WIR-1",
        _BOMBS: "canonical.py, CAN-1",
        _RATE: "platform/gateway/limits.py, LIM-1",
    },
    power=(
        Limit(figure="failures of its own", at_least=1),
        Limit(figure="MB read of one request", at_least=40, unit="MB"),
        Limit(figure="hostile requests looked at", at_least=FLOOD),
    ),
    protected=(
        Limit(figure="failures of its own", at_most=0),
        Limit(figure="MB read of one request", at_most=1, unit="MB"),
        Limit(figure="hostile requests looked at", at_most=ALLOWED),
    ),
    residual="many addresses at once; slow lines hold a connection until its time is over",
    tests=("tests/platform/gateway/test_bad_days.py", "tests/platform/gateway/test_schema.py"),
    linddun=(Linddun.DETECTING,),
    stride=(Stride.DENIAL_OF_SERVICE,),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, the door is the same."""
    return True


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Bytes of all kinds on every route, one large body, and a flood."""
    with off(without, _EDITS):
        return {
            "failures of its own": float(_failures(_TRIES[effort])),
            "MB read of one request": _megabytes(),
            "hostile requests looked at": float(_looked_at()),
        }


def _failures(tries: int) -> int:
    """Requests that end in no answer, or in an error of the platform's own."""
    with street() as town:
        town.ask()
        return sum(
            not _is_answered(town.post(route, data).status)
            for number in range(tries)
            for route, data in _hostile(town, Random(number))  # noqa: S311  (reproducible noise is no secret)
        )


def _is_answered(status: int) -> bool:
    """A refusal, or that it may be tried later."""
    return 200 <= status < 500 or status == 503


def _hostile(town: Street, random: Random) -> Iterator[tuple[Route, bytes]]:
    """For every route: noise, an envelope with a bit flipped, and one that is signed and holds a bomb."""
    bombs = (
        b"[" * 1000,
        b"[" * 7000,
        b'{"a":' * 1500,
        b"1" * 5000,
        b'{"token":' + b"9" * 6000 + b"}",
        b"\xff\xfe" * 500,
        b'{"name":"\\ud800"}',
        random.randbytes(random.randrange(200)),
    )
    for route, purpose in _POSTED.items():
        yield route, random.randbytes(random.randrange(600))
        bomb = random.choice(bombs)[: LIMITS[purpose]]
        session, round_ = random.choice((0, 1, (1 << 63) - 1, (1 << 64) - 1)), random.choice((0, 1, (1 << 64) - 1))
        sealed = bytearray(town.seal(random.randrange(4), purpose, bomb, session=session, round_=round_))
        yield route, bytes(sealed)
        sealed[random.randrange(len(sealed))] ^= 1 << random.randrange(8)
        yield route, bytes(sealed[: random.randrange(len(sealed) + 1)])


def _megabytes() -> float:
    """What is read of a body of 40 MB, in an artist's name but not signed by it."""
    with street() as town:
        town.ask()
        body = town.seal(1, Purpose.SESSION, bytes(REPLY_LIMIT), session=1, sender=0) + bytes(_LARGE)
        return town.post(Route.ANSWERS, body).taken / 1e6


def _looked_at() -> int:
    """Of a flood from one address, what is looked into before it is refused."""
    with street(refusals=ALLOWED) as town:
        forged = town.seal(1, Purpose.POLL, bytes(16), session=1, sender=0)
        return sum(town.post(Route.NEXT, forged).status == 401 for _ in range(FLOOD))
