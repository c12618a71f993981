"""TM-1: the honest-but-curious server. It follows the protocol and computes with whatever it was sent.

What it was sent includes an upload that came late: its sender counts as a dropout by then, so what its pairwise masks
come from is reconstructed, and the self mask is all that is left on that upload (Bonawitz et al., CCS 2017, section
4.2). That holds for five rounds and for windows, and both are attacked.
"""

from collections.abc import Collection, Mapping
from math import erfc, exp, gamma, sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols import SessionParams, VectorSpec
from protocols.audit import Transcript, audit
from protocols.codec import unpack
from protocols.masking import from_ring
from protocols.secagg.messages import MaskedInputResponse

from .adversaries.parties import ITERATION, SERVER_KEY, SESSION, roster
from .attacker import Attacker
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .sessions import Session
from .windows import ONCE
from .windows.attacker import Attacker as WindowAttacker
from .windows.lying_server import LyingServer
from .windows.parties import window

CLIENTS, LATE, BITS, BINS = 8, 7, 32, 64
_BOUND = 2 ** (BITS - 1) // CLIENTS - 1
_COORDINATES: Final = {Effort.FAST: 125_000, Effort.SLOW: 1_000_000}
_Uploads: TypeAlias = Mapping[int, NDArray[np.unsignedinteger]]
_MESSAGE: Final = "protocols.speakonce.client:_message"
_MASK_INPUT: Final = "protocols.secagg.client:_mask_input"
_EDITS: Final = {
    "self masks": (
        Edit(_MASK_INPUT, "masks = [self_mask(seed=state.self_mask_seed, graph=graph, index=index)]", "masks = []"),
    ),
    "pairwise masks": (Edit(_MASK_INPUT, "for peer in boxes\n", "for peer in ()\n"),),
    f"{ONCE}self masks": (
        Edit(_MESSAGE, "masks.append(self_mask(seed=state.self_mask_seed, graph=ring, index=index))", "pass"),
    ),
    f"{ONCE}pairwise masks": (
        Edit(_MESSAGE, "for peer, secret in zip(peers, secrets, strict=True)\n", "for peer, secret in ()\n"),
    ),
}
_DIMENSIONS, _CORRELATION, _UNIFORM = (
    "dimensions that leak",
    "correlation with the true vector, times sqrt(m)",
    "p of a uniform upload",
)

CLAIM = Claim(
    number=1,
    title="honest-but-curious server",
    adversary="a server that follows the protocol, keeps everything, and knows the vector it suspects an artist of",
    assets="one artist's update",
    assumption="X25519, HKDF, AES and SHA-256 are what they are taken for; artists' random bytes are random",
    promise="it learns the sum of the survivors and nothing else: all that it can strip of masks is still uniform",
    defenses={
        "self masks": "protocols/secagg/client.py, _mask_input: a mask whose seed is shared",
        "pairwise masks": "protocols/secagg/client.py, _mask_input: a mask with each neighbor whose box opened",
        f"{ONCE}self masks": "protocols/speakonce/client.py, SPC-3",
        f"{ONCE}pairwise masks": "protocols/speakonce/client.py, SPC-3: with every neighbor, whoever comes",
    },
    power=tuple(
        limit
        for kind in ("", ONCE)
        for limit in (
            Limit(figure=f"{kind}{_CORRELATION}", at_least=100),
            Limit(figure=f"{kind}{_UNIFORM}", at_most=1e-12),
        )
    ),
    protected=tuple(
        limit
        for kind in ("", ONCE)
        for limit in (
            Limit(figure=f"{kind}{_DIMENSIONS}", at_least=1, at_most=1),
            Limit(figure=f"{kind}{_CORRELATION}", at_most=4),
            Limit(figure=f"{kind}{_UNIFORM}", at_least=1e-6),
        )
    ),
    residual="the sum itself: see TM-7, TM-11 and TM-12 for what a sum can tell",
    tests=(
        "tests/threat_models/test_protocol_threats.py",
        "tests/protocols/test_audit.py",
        "tests/protocols/test_masking.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """No sum is of one artist alone."""
    return deployment.min_survivors >= 2


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Strip every upload of the masks that can be computed, then look for the vector in what is left."""
    coordinates = _COORDINATES[effort]
    left_out = {
        kind: [
            name.removeprefix(kind).removesuffix(" masks") for name in without if name.startswith(ONCE) == bool(kind)
        ]
        for kind in ("", ONCE)
    }
    with off(without, _EDITS):
        rounds = _five_rounds(coordinates, left_out[""])
        once = _one_message(coordinates, left_out[ONCE])
    return {**rounds, **{f"{ONCE}{name}": figure for name, figure in once.items()}}


def _five_rounds(coordinates: int, left_out: Collection[str]) -> Figures:
    session = _session(coordinates)
    transcript = session.play()
    attacker = Attacker([transcript], left_out=left_out)
    stripped = {client: upload for (_, client), (upload,) in attacker.uploads.items()}
    raw = {
        exchange.index: unpack(
            MaskedInputResponse.decode(exchange.response, session.params).packed[0], *_shape(session)
        )
        for exchange in transcript.exchanges
        if type(exchange.response) is bytes and exchange.response[0] == MaskedInputResponse.TAG
    }
    return _figures(transcript, raw, stripped)


def _one_message(coordinates: int, left_out: Collection[str]) -> Figures:
    """The last client speaks when the window is over; the others' dealings of what it shares with them are released."""
    params = window(CLIENTS, vectors=(_vector(coordinates),))
    server = LyingServer(params, vectors=lambda index: {"update": _input(index, coordinates)})
    on_time = [index for index in range(CLIENTS) if index != LATE]
    server.speak(on_time).open_boxes(on_time)
    server.ask(LATE, server.invitation)
    server.release(server.sign(on_time, on_time), on_time)
    attacker = WindowAttacker(params, server.exchanges, left_out=left_out)
    return _figures(server.transcript, attacker.raw(), attacker.stripped())


def _figures(transcript: Transcript, raw: _Uploads, stripped: _Uploads) -> Figures:
    seen = [(client, words) for uploads in (raw, stripped) for client, words in uploads.items()]
    return {
        _DIMENSIONS: audit([transcript]).dimension,
        _CORRELATION: max(_correlation(words, _input(client, len(words))) for client, words in seen),
        _UNIFORM: min(_uniformity(np.concatenate([*uploads.values()])) for uploads in (raw, stripped)),
        "coordinates": sum(len(words) for words in raw.values()),
    }


def _session(coordinates: int) -> Session:
    params = SessionParams(
        session=SESSION,
        iteration=ITERATION,
        server_key=SERVER_KEY,
        identities=roster(CLIENTS),
        vectors=(_vector(coordinates),),
        degree=CLIENTS - 1,
        threshold=CLIENTS // 2,
        corrupt=0,
        min_survivors=CLIENTS // 2 + 1,
    )
    vectors = {index: _input(index, coordinates) for index in range(CLIENTS)}
    return Session(params=params, vectors=vectors, seed=1, late=frozenset({LATE}))


def _vector(coordinates: int) -> VectorSpec:
    return VectorSpec(name="update", length=coordinates, modulus_bits=BITS, max_abs_input=_BOUND)


def _input(index: int, coordinates: int) -> NDArray[np.int64]:
    """As unlike noise as can be: blocks of the largest and the smallest number allowed."""
    vector: NDArray[np.int64] = np.where(np.arange(coordinates) >> (index + 3) & 1, _BOUND, -_BOUND)
    return vector


def _shape(session: Session) -> tuple[int, int]:
    (spec,) = session.params.vectors
    return spec.length, spec.modulus_bits


def _correlation(words: NDArray[np.unsignedinteger], vector: NDArray[np.int64]) -> float:
    """Pearson's, in the standard deviations that it has between independent vectors."""
    return float(abs(np.corrcoef(from_ring(words, BITS).astype(float), vector)[0, 1]) * sqrt(len(vector)))


def _uniformity(words: NDArray[np.unsignedinteger]) -> float:
    """How likely a uniform vector fills 64 bins, by its six highest bits, as unevenly as this one."""
    counts = np.bincount((words >> (BITS - 6)).astype(np.int64), minlength=BINS)
    expected = len(words) / BINS
    return _chi_square_tail(float(((counts - expected) ** 2).sum() / expected), BINS - 1)


def _chi_square_tail(statistic: float, degrees: int) -> float:
    """P(X >= statistic) for an odd number of degrees of freedom: erfc and a finite sum (Abramowitz, Stegun 26.4.4)."""
    half = min(statistic / 2, 700.0)  # exp(-700) is as small as it gets
    terms = (half ** (k / 2) / gamma(k / 2 + 1) for k in range(1, degrees, 2))
    return float(erfc(sqrt(half)) + exp(-half) * sum(terms))
