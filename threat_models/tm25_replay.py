"""TM-25: replay. Whoever recorded what artists signed sends it again, later, in another order or another place."""

from typing import Final

import numpy as np

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.platform.store.files import keep_file
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import public_signatures
from fedstyle_secure.transparency.leaves import Model
from fedstyle_secure.wire.enrolment import Publish, Withdraw
from fedstyle_secure.wire.routes import INSTANCE_BYTES, Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .street import Street, street

_RISE, _AGAIN = "numbers of acts rise", "the last answer is given again"
_SIGNED, _START = "the envelope's signature", "one start of an agent"
_DESK: Final = "fedstyle_secure.platform.gateway.enrolment:Desk._act"
_EDITS: Final = {
    _RISE: (Edit(_DESK, "if asked.round <= artist.act:", "if False:"),),
    _AGAIN: (Edit(_DESK, "if again is not None:", "if False:"),),
    _SIGNED: (
        Edit(
            "fedstyle_secure.platform.gateway.receiving:Reception._open",
            "Envelope.open(data, sender=claimed.sender, recipient=self._own_key, purpose=claimed.purpose)",
            "Envelope.claims(data)",
        ),
    ),
    _START: (
        Edit(
            "fedstyle_secure.platform.store.artists:claim_instance",
            "return (number, start) == (row.instance, row.instance_start)",
            "return True",
        ),
    ),
}
_TRAINING: Final = bytes(range(32))

CLAIM = Claim(
    number=25,
    title="replay and reordering",
    adversary="whoever recorded signed requests, say a proxy that ends TLS, or a copy of an agent's outbox",
    assets="that a withdrawn signature stays out; that a round has the answers of that round; that one agent acts",
    assumption="the platform's database was not set back; after a restore, acts since the backup may be sent again",
    promise="what was done is not done again, what was signed for one round is in no other, and who lost an answer "
    "is given it again",
    defenses={
        _RISE: "platform/gateway/enrolment.py, ENR-2",
        _AGAIN: "platform/gateway/enrolment.py, ENR-2",
        _SIGNED: "protocols/envelope.py, ENV-2; platform/gateway/receiving.py, DOR-1",
        _START: "platform/gateway/mailboxes.py, MLB-2; platform/store/artists.py: the claim",
    },
    power=(
        Limit(figure="withdrawn signatures that are back", at_least=1),
        Limit(figure="answers in another round", at_least=1),
        Limit(figure="old polls that are served", at_least=1),
    ),
    powerless=frozenset({_RISE, _SIGNED, _START}),
    protected=(
        Limit(figure="withdrawn signatures that are back", at_most=0),
        Limit(figure="answers in another round", at_most=0),
        Limit(figure="old polls that are served", at_most=0),
        Limit(figure="lost answers that are not given again", at_most=0),
    ),
    residual="a recorded poll of the newest start is served: it tells which session its artist is asked for, and no "
    "more than a platform's operator knows",
    tests=("tests/platform/gateway/test_enrolment.py", "tests/platform/gateway/test_mailboxes.py"),
    linddun=(Linddun.NON_COMPLIANCE,),
    stride=(Stride.SPOOFING, Stride.TAMPERING),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, envelopes are numbered."""
    return True


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Send again what was published, answered and polled, in another order."""
    with off(without, _EDITS), street() as town:
        back, lost = _acts(town)
        return {
            "withdrawn signatures that are back": float(back),
            "lost answers that are not given again": float(lost),
            "answers in another round": float(_rounds(town)),
            "old polls that are served": float(_polls(town)),
        }


def _acts(town: Street) -> tuple[int, int]:
    """Publish, withdraw, and send both again in this order; ask for the last answer again."""
    space = SignatureSpace(np.eye(4, dtype=np.float32)[:, :2])
    with town.database.writing() as connection:
        digest = keep_file(connection, space.encode())
        enter(connection, Model(digest=keep_file(connection, b"a model"), training=_TRAINING, space=digest))
    vector = np.array([1, 0], dtype="<f4").tobytes()
    publish = Publish(training=_TRAINING, vector=vector, name="artist 0", link=None).encode()
    first = town.seal(0, Purpose.PUBLISH, publish, round_=1)
    second = town.seal(0, Purpose.WITHDRAW, Withdraw().encode(), round_=2)
    answered = [town.post(Route.PUBLISH, first), town.post(Route.WITHDRAW, second)]
    again = town.post(Route.WITHDRAW, second)
    town.post(Route.PUBLISH, first)
    with town.database.reading() as connection:
        back = len(public_signatures(connection))
    return back, int(again != answered[1])


def _rounds(town: Street) -> int:
    """The answer of one round, said to be another's."""
    first = town.ask(round_=0)
    answer = town.seal(0, Purpose.SESSION, b"of round 0", session=1, round_=0)
    town.post(Route.ANSWERS, answer)
    town.close_exchange(first)
    second = town.ask(round_=1)
    moved = answer[:74] + (1).to_bytes(8, "big") + answer[82:]
    for data in (answer, moved):
        town.post(Route.ANSWERS, data)
    return len(town.kept(second))


def _polls(town: Street) -> int:
    """A poll of an older start, after a newer one has begun."""
    town.ask(session=2)
    polls = [
        town.seal(1, Purpose.POLL, bytes([start]) * INSTANCE_BYTES, session=number)
        for number, start in ((1, 1), (2, 2), (2, 3))
    ]
    town.post(Route.NEXT, polls[0])
    town.post(Route.NEXT, polls[1])
    return sum(town.post(Route.NEXT, poll).status in {200, 204} for poll in (polls[0], polls[2]))
