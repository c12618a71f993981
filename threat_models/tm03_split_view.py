"""TM-3: a server that lies: split views, survivors that are dropouts, a second unmasking, replay, rollback.

Each session draws one deviation or two out of all of `adversaries.deviations`, plays it against real clients, and the
leakage oracle says what the answers gave away. Vacuous is a run in which fewer
than 5 % of sessions end in the exact sum.

Where artists speak once, the server tries what `windows.attacks` has: two survivor sets for two halves of a committee,
a second close, one consistent set that isolates an artist, a committee that is steered or of whom 2q - C are corrupt,
prekeys that are forged, replayed, or withheld until the roster is small, and anything else by chance.

The oracle itself is put to the test by sessions that leak together, hidden among others that have nothing to do with
them: more combinations than it can go through.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from protocols import SessionParams, VectorSpec
from protocols.audit import Transcript, audit

from .adversaries.defenses import LEAKS
from .adversaries.hunt import ELSEWHERE, searched
from .adversaries.hunt import attack as attacking
from .adversaries.parties import lowest_threshold, roster
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .sessions import Session
from .windows import ONCE
from .windows.defenses import LEAKS as WINDOW_LEAKS
from .windows.hunt import lying_windows

_SESSIONS: Final = {Effort.FAST: 200, Effort.SLOW: 3_000}
_ORACLE: Final = "an oracle that says what it did not search"
_WINDOWS: Final = {f"{ONCE}{ablation.name}": (ablation, attack) for ablation, attack in WINDOW_LEAKS.items()}
_EDITS: Final = {
    **{ablation.name: ablation.edits for ablation in LEAKS},
    **{name: ablation.edits for name, (ablation, _) in _WINDOWS.items()},
    _ORACLE: (
        Edit("protocols.audit.oracle:_problems_together", "parts(together) if", "[together] if"),
        Edit("protocols.audit.oracle:_problems_together", "if not is_searchable(part):", "if False:"),
    ),
}
_FOURS: Final = [range(start, start + 4) for start in range(12, 64, 4)]
_LEAKING: Final = ((0, 1, 2, 3, 4), (2, 5, 6, 7, 8, 9), (1, 2, 3, 4, 5, 6, 9, 10), (0, 1, 3, 5, 6, 7, 8, 9, 11))
_UNRELATED: Final = [(*_FOURS[number], *_FOURS[number + 1], *_FOURS[number + 7]) for number in range(6)]
_PROMISED: Final = 4  # clients in any combination; the smallest is over three

CLAIM = Claim(
    number=3,
    title="split-view server",
    adversary="a server that shows different artists different advertisements, boxes, survivor sets, signatures and "
    "parameters, asks twice, replays, sets clients back, and has up to c corrupt artists; where artists speak once, it "
    "steers the committee, replays or withholds prekeys, closes twice, and isolates by one consistent set",
    assets="any combination of updates but the one sum over at least the promised number of survivors",
    assumption="at most c corrupt artists; 2 t > k + c and 2 confirmations > n + c, which clients check; where artists "
    "speak once, fewer than 2q - C of the committee are corrupt, which is a matter of chance that clients compute",
    promise="whatever it bends, it learns one sum at most, over as many survivors as were agreed",
    defenses={ablation.name: ablation.places for ablation in LEAKS}
    | {name: ablation.places for name, (ablation, _) in _WINDOWS.items()}
    | {_ORACLE: "protocols/audit/oracle.py, ORA-5"},
    power=(
        Limit(figure="leaks", at_least=1),
        Limit(figure=f"{ONCE}leaks", at_least=1),
        Limit(figure="audits that pass over a leak", at_least=1),
    ),
    protected=(
        Limit(figure="leaks", at_most=0),
        Limit(figure=f"{ONCE}leaks", at_most=0),
        Limit(figure="audits that pass over a leak", at_most=0),
        Limit(figure="vacuous", at_most=0),
    ),
    residual="it can end any session: that costs the artists their charge and itself the sum, and gives nothing away. "
    "An audit sees what was written down: a server that lies leaves out what it did",
    tests=(
        "tests/protocols/test_adversaries.py::test_a_lying_server_learns_one_sum_at_most",
        "tests/protocols/test_adversaries.py::test_twice_the_threshold_must_exceed_degree_and_corrupt_clients",
        "tests/protocols/secagg/test_evil_server.py",
        "tests/protocols/speakonce/test_attacks.py",
        "tests/threat_models/test_windows.py",
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
    tried = [tried for name, (_, tried) in _WINDOWS.items() if name in without]
    leaking, unrelated = (
        [_honest(members, iteration) for iteration, members in enumerate(rosters, start=start)]
        for rosters, start in ((_LEAKING, 1), (_UNRELATED, 5))
    )
    sessions = ELSEWHERE if without else _SESSIONS[effort]
    with off(without, _EDITS):
        tally = searched(attacking(kinds), sessions, missing=bool(kinds))
        windows = searched(lying_windows(tried), sessions, missing=bool(tried))
        passed_over = not _holds(leaking) and _holds([*leaking, *unrelated])
    return {
        "leaks": tally.violation is not None,
        f"{ONCE}leaks": windows.violation is not None,
        "audits that pass over a leak": passed_over,
        "sessions": tally.sessions,
        "exact sums": tally.completed,
        f"{ONCE}sessions": windows.sessions,
        f"{ONCE}exact sums": windows.completed,
        "vacuous": not without and any(each.completed < 0.05 * each.sessions for each in (tally, windows)),
        "seconds": tally.seconds + windows.seconds,
    }


def _holds(transcripts: Sequence[Transcript]) -> bool:
    return audit(transcripts, same_inputs=True, min_support=_PROMISED).holds


@cache
def _honest(members: Sequence[int], iteration: int) -> Transcript:
    """A session of these clients, played honestly."""
    clients, known = len(members), roster(64)
    threshold = lowest_threshold(clients - 1, 0)
    params = SessionParams(
        session=iteration,
        iteration=iteration,
        server_key=bytes(32),
        identities=tuple(known[member] for member in members),
        vectors=(VectorSpec(name="update", length=1, modulus_bits=16, max_abs_input=100),),
        degree=clients - 1,
        threshold=threshold,
        corrupt=0,
        min_survivors=max(threshold + 1, clients // 2 + 1),
    )
    return Session(params=params, vectors={i: np.ones(1, np.int64) for i in range(clients)}, seed=iteration).play()
