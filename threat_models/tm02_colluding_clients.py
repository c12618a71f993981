"""TM-2: clients that tell the server what they know. Up to t - 1 shares say nothing of a secret; t shares say it all.

Twice over: in a small field by counting every way to share every secret, and on the wire, where a coalition opens its
boxes, combines what it can, and takes off every mask it has the key of. Where artists speak once, whoever is drawn into
the committee holds shares of every artist's secrets, so there it is members who collude.
"""

from collections import Counter
from itertools import product
from typing import Final

import numpy as np

from protocols import SessionParams, VectorSpec
from protocols.masking import from_ring
from protocols.primitives.key_agreement import KeyPair
from protocols.primitives.shamir import split

from .adversaries.parties import ITERATION, SERVER_KEY, SESSION, randomness, roster
from .attacker import Attacker
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .sessions import Session
from .windows import ONCE
from .windows.attacker import Attacker as WindowAttacker
from .windows.lying_server import LyingServer
from .windows.parties import randomness as drawn_for_window
from .windows.parties import vectors_of, window

CLIENTS, CORRUPT, THRESHOLD, BITS = 8, 3, 6, 16
_SESSIONS: Final = {Effort.FAST: 5, Effort.SLOW: 100}
_FIELDS: Final = {Effort.FAST: ((5, 2), (5, 3), (7, 3)), Effort.SLOW: ((5, 2), (5, 3), (7, 3), (7, 4), (11, 4))}
_EDITS: Final = {
    "threshold": (),
    "uniform coefficients": (
        Edit(
            "protocols.secagg.client:_split_secrets",
            "elements_from_uniform(stream.read((state.params.threshold - 1) * UNIFORM_SIZE))",
            "[0] * (state.params.threshold - 1)",
        ),
    ),
    f"{ONCE}threshold": (),
    f"{ONCE}uniform coefficients": (
        Edit(
            "protocols.speakonce.dealing:deal",
            "elements_from_uniform(stream.read((params.threshold - 1) * UNIFORM_SIZE))",
            "[0] * (params.threshold - 1)",
        ),
    ),
}

CLAIM = Claim(
    number=2,
    title="colluding clients",
    adversary="the server with t - 1 of an artist's neighbors, more than the c corrupt clients that a session assumes; "
    "or, where artists speak once, with t - 1 members of the committee",
    assets="one artist's update",
    assumption="fewer than t of an artist's neighbors, or of the committee, are corrupt",
    promise="t - 1 shares fit every secret equally often, and no honest artist's own vector is taken",
    defenses={
        "threshold": "protocols/primitives/shamir.py: any t - 1 shares; without it the coalition has t",
        "uniform coefficients": "protocols/secagg/client.py, _split_secrets: what hides the secret in its shares",
        f"{ONCE}threshold": "the same, of the committee's members",
        f"{ONCE}uniform coefficients": "protocols/speakonce/dealing.py, deal",
    },
    power=(
        Limit(figure="distance between secrets", at_least=1),
        Limit(figure="vectors taken", at_least=1),
        Limit(figure=f"{ONCE}vectors taken", at_least=1),
    ),
    protected=(
        Limit(figure="distance between secrets", at_most=0),
        Limit(figure="vectors taken", at_most=0),
        Limit(figure=f"{ONCE}vectors taken", at_most=0),
    ),
    residual="t corrupt neighbors of one artist take that artist's update; t corrupt members of a committee take every "
    "update of its window, and may be corrupted until they have answered; the sum of the honest is theirs in any case",
    tests=("tests/threat_models/test_protocol_threats.py", "tests/protocols/primitives/test_shamir.py"),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.INFORMATION_DISCLOSURE, Stride.ELEVATION_OF_PRIVILEGE),
)


def defended(deployment: Deployment) -> bool:
    """Fewer artists are assumed corrupt than it takes shares to give back a secret."""
    return deployment.corrupt < deployment.threshold


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Compare what t - 1 shares look like for every two secrets, then collude in real sessions."""
    uniform = "uniform coefficients" not in without
    extra = int("threshold" in without)
    distances = [
        _distance(prime, threshold, shares=threshold - 1 + extra, uniform=uniform)
        for prime, threshold in _FIELDS[effort]
    ]
    with off(without, _EDITS):
        taken = sum(_vectors_taken(seed, THRESHOLD - 1 + extra) for seed in range(_SESSIONS[effort]))
        more = int(f"{ONCE}threshold" in without)
        taken_once = sum(_vectors_taken_once(seed, more) for seed in range(_SESSIONS[effort]))
    return {
        "distance between secrets": max(distances),
        "vectors taken": taken,
        f"{ONCE}vectors taken": taken_once,
        "sessions": _SESSIONS[effort],
    }


def _distance(prime: int, threshold: int, *, shares: int, uniform: bool) -> float:
    """Largest total variation distance between what so many shares are for one secret and for another; exact."""
    positions = range(1, shares + 1)
    hidden = range(prime) if uniform else (0,)
    views = [
        Counter(
            tuple(split(secret, coefficients, positions, prime))
            for coefficients in product(hidden, repeat=threshold - 1)
        )
        for secret in range(prime)
    ]
    ways = sum(views[0].values())
    return max(
        sum(abs(one[seen] - other[seen]) for seen in one.keys() | other.keys()) / (2 * ways)
        for one in views
        for other in views
    )


def _vectors_taken(seed: int, coalition: int) -> int:
    """Honest clients whose vector is among what a coalition of so many neighbors can strip of all masks."""
    params = SessionParams(
        session=SESSION,
        iteration=ITERATION,
        server_key=SERVER_KEY,
        identities=roster(CLIENTS),
        vectors=(VectorSpec(name="update", length=4, modulus_bits=BITS, max_abs_input=1000),),
        degree=CLIENTS - 1,
        threshold=THRESHOLD,
        corrupt=CORRUPT,
        min_survivors=THRESHOLD + 1,
    )
    vectors = {index: np.arange(4) * 7 + index * 31 - 100 for index in range(CLIENTS)}
    transcript = Session(params=params, vectors=vectors, seed=seed).play()
    corrupt = range(CLIENTS - coalition, CLIENTS)
    secrets = [randomness(seed, index) for index in corrupt]
    keys = [(KeyPair(secret[:32]), KeyPair(secret[32:64])) for secret in secrets]
    attacker = Attacker([transcript], corrupt=corrupt, keys=keys)
    return sum(
        from_ring(upload, BITS).tolist() == vectors[client].tolist()
        for (_, client), (upload,) in attacker.uploads.items()
    )


def _vectors_taken_once(seed: int, more: int) -> int:
    """The same of t - 1 members of a window's committee, or so many more."""
    params = window(CLIENTS, seed=seed, members=CLIENTS - 2, quorum=CLIENTS - 3, corrupt=CORRUPT, min_survivors=CLIENTS)
    corrupt = params.committee[: params.threshold - 1 + more]
    server = LyingServer(params, seed=seed, evil=corrupt).speak().open_boxes()
    server.release(server.sign(range(CLIENTS), params.committee), params.committee)
    attacker = WindowAttacker(params, server.exchanges, {index: drawn_for_window(seed, index) for index in corrupt})
    (spec,) = params.vectors
    return sum(
        from_ring(words, spec.modulus_bits).tolist() == vectors_of(params, index)["update"].tolist()
        for index, words in attacker.stripped().items()
    )
