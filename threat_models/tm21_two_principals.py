"""TM-21: two principals. One artist, or nobody in particular, acts for another, or sees what is another's."""

from typing import Final

from fedstyle_secure.aggregation.letters import Envelope, ProtocolError, Purpose
from fedstyle_secure.platform.store import exchanges
from fedstyle_secure.wire.enrolment import Leave, Renew, Withdraw
from fedstyle_secure.wire.routes import INSTANCE_BYTES, Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .knocking import knock, knockers, opened
from .street import ARTISTS, Street, key_of, public, street

_STRANGER: Final = 99
_METHODS: Final = ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")
_SIGNED, _OWN, _PLACE = "the envelope's signature", "requests by identity", "answers by identity"
_TOKEN, _HOST, _ORIGIN = "a page's token", "a page's host", "a page's origin"
_DOOR: Final = "fedstyle_secure.desks.door:_Handler"
_EDITS: Final = {
    _SIGNED: (
        Edit(
            "fedstyle_secure.platform.gateway.receiving:Reception._open",
            "Envelope.open(data, sender=claimed.sender, recipient=self._own_key, purpose=claimed.purpose)",
            "Envelope.claims(data)",
        ),
    ),
    _OWN: (
        Edit(
            "fedstyle_secure.platform.store.exchanges:_oldest",
            'REQUESTS.c.identity == bindparam("asked"), ',
            "",
        ),
    ),
    _PLACE: (
        Edit(
            "fedstyle_secure.platform.store.exchanges:_asked",
            'REQUESTS.c.identity == bindparam("sender"),\n',
            "",
        ),
    ),
    _TOKEN: (Edit(f"{_DOOR}._check_token", "if not hmac", "if False and not hmac"),),
    _HOST: (Edit(f"{_DOOR}._check_origin", 'if self.headers.get_all("Host") != [own]:', "if False:"),),
    _ORIGIN: (Edit(f"{_DOOR}._check_origin", "if origins != [", "if False and origins != ["),),
}

CLAIM = Claim(
    number=21,
    title="two principals",
    adversary="an enrolled artist, and a stranger, who know every public key and call every route with every method; "
    "another user of a machine where a page is served, and other pages in its owner's browser, which know its token",
    assets="what another artist is asked, what it answers, its signature and its place among the artists; what an "
    "artist's and an operator's page show and do",
    assumption="keys are their owners' own",
    promise="nothing is done in an artist's name without its key, and nobody is given or answers what is for another; "
    "a page shows and does nothing but for its owner, from itself",
    defenses={
        _SIGNED: "platform/gateway/receiving.py, DOR-1; protocols/envelope.py, ENV-1",
        _OWN: "platform/store/exchanges.py: the oldest request of one identity",
        _PLACE: "platform/store/exchanges.py, MBX-3: an answer belongs to its signer's request",
        _TOKEN: "desks/door.py, DRS-4",
        _HOST: "desks/door.py, DRS-2",
        _ORIGIN: "desks/door.py, DRS-3",
    },
    power=(
        Limit(figure="acts in another's name", at_least=5),
        Limit(figure="requests shown to another", at_least=1),
        Limit(figure="answers in another's place", at_least=1),
        Limit(figure="looks at another's page", at_least=3),
        Limit(figure="acts on another's page", at_least=3),
    ),
    protected=(
        Limit(figure="acts in another's name", at_most=0),
        Limit(figure="requests shown to another", at_most=0),
        Limit(figure="answers in another's place", at_most=0),
        Limit(figure="other methods that are answered", at_most=0),
        Limit(figure="looks at another's page", at_most=0),
        Limit(figure="acts on another's page", at_most=0),
    ),
    residual="who calls when, and from where, is seen by whoever sees the network",
    tests=(
        "tests/platform/gateway/test_mailboxes.py",
        "tests/platform/gateway/test_enrolment.py",
        "tests/desks/test_door.py",
        "tests/browser/test_desks.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.NON_REPUDIATION),
    stride=(Stride.SPOOFING, Stride.ELEVATION_OF_PRIVILEGE),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, envelopes are signed."""
    return True


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Name another as the sender on every route; poll and answer for oneself and look whose it was; knock at a page."""
    with off(without, _EDITS):
        looks, pressed = _knocked()
        return {
            "acts in another's name": float(sum(_acts(signer) for signer in (1, _STRANGER))),
            "requests shown to another": float(_shown()),
            "answers in another's place": float(_misplaced()),
            "other methods that are answered": float(_methods()),
            "looks at another's page": float(looks),
            "acts on another's page": float(pressed),
        }


def _bodies(town: Street) -> dict[Route, bytes]:
    """What may be sent to each route in the name of artist 0, but for the signature."""
    proof = Envelope(
        sender=public(7), recipient=town.signer.platform_key, purpose=Purpose.RENEW, session=0, round=1, body=public(0)
    )
    return {
        Route.NEXT: bytes(INSTANCE_BYTES),
        Route.ANSWERS: b"an answer",
        Route.WITHDRAW: Withdraw().encode(),
        Route.RENEW: Renew(identity=public(7), proof=proof.seal(key_of(7))).encode(),
        Route.LEAVE: Leave().encode(),
    }


_PURPOSES: Final = {
    Route.NEXT: (Purpose.POLL, 1, 0),
    Route.ANSWERS: (Purpose.SESSION, 1, 0),
    Route.WITHDRAW: (Purpose.WITHDRAW, 0, 1),
    Route.RENEW: (Purpose.RENEW, 0, 1),
    Route.LEAVE: (Purpose.LEAVE, 0, 1),
}


def _acts(signer: int) -> int:
    """Routes on which something signed by another is taken as artist 0's; each on a street of its own."""
    taken = 0
    for route, (purpose, session, round_) in _PURPOSES.items():
        with street() as town:
            town.ask()
            body = _bodies(town)[route]
            heard = town.post(route, town.seal(signer, purpose, body, session=session, round_=round_, sender=0))
            taken += heard.status not in {400, 401}
    return taken


def _shown() -> int:
    """Requests for another that a poll of one's own is given."""
    with street() as town:
        town.ask()
        shown = 0
        for index in range(ARTISTS):
            heard = town.post(Route.NEXT, town.seal(index, Purpose.POLL, bytes(INSTANCE_BYTES), session=1))
            try:
                shown += Envelope.claims(heard.body).recipient != public(index)
            except ProtocolError:
                continue
        return shown


def _misplaced() -> int:
    """Answers that are kept as another's than who signed them."""
    with street() as town:
        exchange = town.ask()
        town.post(Route.ANSWERS, town.seal(0, Purpose.SESSION, b"an answer", session=1))
        with town.database.reading() as connection:
            replies = exchanges.replies_after(connection, exchange, 0, at_most=ARTISTS)
        return sum(reply.mailbox.partition("/")[0] != Envelope.claims(reply.content).sender.hex() for reply in replies)


def _knocked() -> tuple[int, int]:
    """How often a page showed something, and did something, for those who have no leave."""
    with opened() as (room, page):
        for who in knockers(page):
            knock(page, who)
        return room.shown, room.done


def _methods() -> int:
    """Methods that a route does not have and answers all the same."""
    with street() as town:
        return sum(town.call(method, route.value).status != 405 for route in _PURPOSES for method in _METHODS)
