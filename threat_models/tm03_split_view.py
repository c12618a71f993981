"""TM-3: a server that lies: split views, survivors that are dropouts, a second unmasking, replay, rollback.

Each session draws one deviation or two out of all of `adversaries.deviations`, plays it against real clients, and the
leakage oracle says what the answers gave away. Vacuous is a run in which fewer
than 5 % of sessions end in the exact sum.
"""

from typing import Final

from .adversaries.defenses import LEAKS
from .adversaries.hunt import attack as attacking
from .adversaries.hunt import hunt
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import off

_SESSIONS: Final = {Effort.FAST: 200, Effort.SLOW: 3_000}
_PATIENCE: Final = 60.0  # seconds in which a missing defense must be found
_EDITS: Final = {ablation.name: ablation.edits for ablation in LEAKS}

CLAIM = Claim(
    number=3,
    title="split-view server",
    adversary="a server that shows different artists different advertisements, boxes, survivor sets, signatures and "
    "parameters, asks twice, replays, sets clients back, and has up to c corrupt artists",
    assets="any combination of updates but the one sum over at least the promised number of survivors",
    assumption="at most c corrupt artists; 2 t > k + c and 2 confirmations > n + c, which clients check",
    promise="whatever it bends, it learns one sum at most, over as many survivors as were agreed",
    defenses={ablation.name: ablation.places for ablation in LEAKS},
    power=(Limit(figure="leaks", at_least=1),),
    protected=(
        Limit(figure="leaks", at_most=0),
        Limit(figure="vacuous", at_most=0),
    ),
    residual="it can end any session: that costs the artists their charge and itself the sum, and gives nothing away",
    tests=(
        "tests/protocols/test_adversaries.py::test_a_lying_server_learns_one_sum_at_most",
        "tests/protocols/test_adversaries.py::test_twice_the_threshold_must_exceed_degree_and_corrupt_clients",
        "tests/protocols/secagg/test_evil_server.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.LINKING),
    stride=(Stride.TAMPERING, Stride.SPOOFING, Stride.INFORMATION_DISCLOSURE),
)


def defended(deployment: Deployment) -> bool:
    """Degree and threshold withstand a server that lies, as artists compute it themselves."""
    return deployment.withstands_lies


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Play session after session until one leaks; with something missing, look for just that every other time."""
    missing = [ablation for ablation in LEAKS if ablation.name in without]
    kinds = list(dict.fromkeys(kind for ablation in missing for kind in ablation.attacks))
    with off(without, _EDITS):
        tally = hunt(
            attacking(kinds),
            sessions=10_000 if missing else _SESSIONS[effort],
            seconds=_PATIENCE if missing else float("inf"),
            may_crash=bool(missing),
        )
    return {
        "leaks": tally.violation is not None,
        "sessions": tally.sessions,
        "exact sums": tally.completed,
        "vacuous": not missing and tally.completed < 0.05 * tally.sessions,
        "seconds": tally.seconds,
    }
