"""TM-9: malformed shares, bad ciphertexts, and dropouts in every round: the exact sum, or an end that says why.

Corrupt clients bend a round or two of an honest server's session, and every number of clients falls silent in every
round of cohorts of every small size. A sum that is wrong, or an honest client that is named, is what they are after: so
they deal one honest client wrong shares together, which it releases in good faith. Where artists speak once, dealers
commit to one secret and share another, and members release shares that they were not dealt. Or it is somebody on the
wall, who adds seven to one coordinate of an honest client's masked input.
"""

from typing import Final

import numpy as np

from protocols import Server, SessionAborted, SessionParams, VectorSpec
from protocols.errors import ProtocolError

from .adversaries.defenses import EXACTNESS
from .adversaries.hunt import ELSEWHERE, lying_clients, searched
from .adversaries.parties import ITERATION, SERVER_KEY, SESSION, roster
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .sessions import ROUNDS, Session
from .wall import forge_coordinates
from .windows import ONCE
from .windows.defenses import EXACTNESS as WINDOW_EXACTNESS
from .windows.liars import LyingClients

_SESSIONS: Final = {Effort.FAST: 100, Effort.SLOW: 1_000}
_SIZES: Final = {Effort.FAST: (3, 5), Effort.SLOW: (3, 4, 5, 6, 8, 12)}
_FORGED: Final = {Effort.FAST: 1, Effort.SLOW: 4}  # of a town's eight artists
_SIGNED: Final = "the envelope's signature"
_WINDOWS: Final = {f"{ONCE}{ablation.name}": ablation for ablation in WINDOW_EXACTNESS}
_EDITS: Final = {
    **{ablation.name: ablation.edits for ablation in EXACTNESS},
    **{name: ablation.edits for name, ablation in _WINDOWS.items()},
    _SIGNED: (
        Edit(
            "protocols.envelope:Envelope.open",
            "signing.verify(sender, signature, Domain.ENVELOPE.value, envelope._statement())",
            "pass",
        ),
    ),
}

CLAIM = Claim(
    number=9,
    title="malformed shares and dropouts",
    adversary="up to c artists who send wrong shares, spoiled boxes, weak keys, second responses, or nothing; "
    "or somebody on the wall, without anybody's key, who adds 7 to one coordinate of a masked input",
    assets="the sum, and the good name of honest artists",
    assumption="the server is honest and at most c artists lie; at most (m - t) / 2 of m shares of a secret are wrong, "
    "or the session ends",
    promise="the exact sum, or a clean end, never a silently wrong sum; whoever is named lied: who is beside more than "
    "c others in pairs of which one lied, and an owner whose secret c holders could not have spoiled",
    defenses={ablation.name: ablation.places for ablation in EXACTNESS}
    | {name: ablation.places for name, ablation in _WINDOWS.items()}
    | {_SIGNED: "protocols.envelope, Envelope.open, ENV-1; aggregation/letters.py, LET-1: a forged reply is no reply"},
    power=(
        Limit(figure="wrong sums, or honest artists named", at_least=1),
        Limit(figure=f"{ONCE}wrong sums, or honest artists named", at_least=1),
        Limit(figure="wrong sums of a forged coordinate", at_least=1),
    ),
    protected=(
        Limit(figure="wrong sums, or honest artists named", at_most=0),
        Limit(figure=f"{ONCE}wrong sums, or honest artists named", at_most=0),
        Limit(figure="wrong sums of a forged coordinate", at_most=0),
        Limit(figure="vacuous", at_most=0),
    ),
    residual="a liar in few pairs is not told from its victim, and stays unnamed; availability: an artist who seals "
    "boxes that do not open can end a session; poison is TM-10",
    tests=(
        "tests/protocols/test_adversaries.py::test_lying_clients_get_no_wrong_sum_and_no_honest_client_blamed",
        "tests/protocols/secagg/test_dropouts.py",
        "tests/protocols/secagg/test_recovery.py",
        "tests/protocols/secagg/test_blame.py",
        "tests/protocols/speakonce/test_recovery.py",
        "tests/threat_models/test_windows.py",
        "tests/aggregation/test_aggregation.py::test_a_coordinate_that_was_forged_on_the_way_is_not_summed",
    ),
    linddun=(Linddun.NON_REPUDIATION,),
    stride=(Stride.TAMPERING, Stride.REPUDIATION, Stride.DENIAL_OF_SERVICE),
)


def defended(deployment: Deployment) -> bool:
    """Honest artists can give every secret back without the corrupt ones."""
    return deployment.threshold + deployment.corrupt <= deployment.degree


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Lie session after session until a sum is wrong, let clients vanish in every round, and forge on the wall."""
    sessions = ELSEWHERE if without else _SESSIONS[effort]
    with off(without, _EDITS):
        tally = searched(lying_clients, sessions, missing=bool(without & {each.name for each in EXACTNESS}))
        windows = searched(LyingClients, sessions, missing=bool(without & _WINDOWS.keys()))
        outcomes = [
            _sum_is_right(clients, number, gone)
            for clients in _SIZES[effort]
            for number in range(ROUNDS)
            for gone in range(clients + 1)
        ]
        forged, sums = forge_coordinates(_FORGED[effort])
    exact, wrong = outcomes.count(True), outcomes.count(False)
    return {
        "wrong sums, or honest artists named": wrong + (tally.violation is not None),
        "sessions with liars": tally.sessions,
        "exact sums with liars": tally.completed,
        f"{ONCE}wrong sums, or honest artists named": windows.violation is not None,
        f"{ONCE}sessions with liars": windows.sessions,
        f"{ONCE}exact sums with liars": windows.completed,
        "sessions with dropouts": len(outcomes),
        "exact sums with dropouts": exact,
        "wrong sums of a forged coordinate": forged,
        "sums in spite of a forged coordinate": sums,
        "vacuous": not without
        and (any(each.completed < 0.05 * each.sessions for each in (tally, windows)) or not exact or not sums),
    }


def _sum_is_right(clients: int, silent_from: int, gone: int) -> bool | None:
    """Whether the sum is exact when the first clients fall silent in one round; None if there is none."""
    threshold = (clients - 1) // 2 + 1
    params = SessionParams(
        session=SESSION,
        iteration=ITERATION,
        server_key=SERVER_KEY,
        identities=roster(clients),
        vectors=(VectorSpec(name="update", length=3, modulus_bits=16, max_abs_input=100 * clients),),
        degree=clients - 1,
        threshold=threshold,
        corrupt=0,
        min_survivors=threshold + 1,
    )
    vectors = {index: np.arange(3) - 100 * index for index in range(clients)}
    session = Session(params=params, vectors=vectors, seed=clients)
    parties, server = {index: session.client(index) for index in vectors}, Server(params)
    requests = dict(server.start())
    try:
        for number in range(ROUNDS):
            for index, request in requests.items():
                if index >= gone or number < silent_from:
                    server.receive(index, parties[index].receive(request))
            requests = dict(server.close_round())
    except SessionAborted:
        return None
    except ProtocolError:
        return False
    expected = np.sum([vectors[index] for index in server.survivors], axis=0)
    return bool(np.array_equal(server.aggregate()["update"], expected))
