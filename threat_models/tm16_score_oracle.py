"""TM-16: copying a catalogue through its search. A buyer asks until the answers give the signatures away.

Exact scores are linear equations. Ranks are not, but an adaptive buyer makes numbers of them: a rank among many artists
is a quantile of the score, and an artist who is not named scores less than those who are. Least squares does the rest,
once for all artists with random questions, and once for one artist with questions aimed where it is named.
"""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.metered import MeteredSearch
from fedstyle_secure.catalogue.search import SearchResults
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import InputError

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off

ARTISTS, DIMENSIONS = 200, 64
QUESTIONS, TOP = 64, 5
VICTIMS: Final = {Effort.FAST: 60, Effort.SLOW: 200}
UNMETERED: Final = {Effort.FAST: 2048, Effort.SLOW: 16384}
"""Questions of a buyer whom nothing stops."""
_SPREAD: Final = {True: 0.05, False: 0.7}
"""How far aimed questions are strewn: scores must go on to name the victim, ranks must change."""
_TRIES = 16  # questions at random, until the victim is named
_NORMAL: Final = NormalDist()
_METER: Final = "fedstyle_secure.catalogue.metered:MeteredSearch.search"
_EDITS: Final = {
    "ranks only": (
        Edit(
            "fedstyle_secure.catalogue.search:search",
            "tuple(SearchResult(rank=found.rank, artist=found.artist) for found in answers)",
            "answers",
        ),
    ),
    "limits": (Edit(_METER, "if top > self.top:", "if False:"), Edit(_METER, "if questions > left:", "if False:")),
}

CLAIM = Claim(
    number=16,
    title="copying the catalogue through its search",
    adversary="a buyer who knows the mean of all signatures, asks whatever it likes and solves for signatures",
    assets="the signatures of a catalogue that is searched on behalf of buyers",
    assumption=f"buyers have no files of the catalogue, {QUESTIONS} questions each, and {TOP} names an answer",
    promise="beyond the mean of all, a buyer learns signatures to a cosine of at most 0.4 for all at once, 0.65 "
    "for one it aims at, where 64 exact scores give a cosine of 1",
    defenses={
        "ranks only": "catalogue/search.py, search: RNK-1",
        "limits": "catalogue/metered.py, MeteredSearch: MTR-1, MTR-2",
    },
    power=(
        Limit(figure="cosine, all artists", at_least=0.99),
        Limit(figure="cosine, aimed", at_least=0.75),
    ),
    protected=(
        Limit(figure="cosine, all artists", at_most=0.4),
        Limit(figure="cosine, aimed", at_most=0.65),
        Limit(figure="victims named", at_least=0.2),
    ),
    residual="a catalogue that is searched locally, the default, is a public file: there is nothing to copy, and what "
    "protects artists is the noise of their signatures (TM-14). Buyers who pool their questions have as many as they "
    "are; ranks of unlimited questions are as good as scores",
    tests=("tests/threat_models/test_tm16_score_oracle.py", "tests/catalogue/test_metered.py"),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.LINKING),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """The catalogue is searched on behalf of buyers, for 64 questions and 5 names an answer at most."""
    return deployment.questions is not None and deployment.questions <= QUESTIONS and deployment.top <= TOP


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Estimate all signatures from random questions, and some of them from questions aimed at one artist each."""
    rng = np.random.default_rng(16)
    with off(without, _EDITS):
        everyone = _estimate_all(_meter(), UNMETERED[effort], rng)
        victims = range(VICTIMS[effort])
        aimed = [_estimate_one(_meter(), victim, rng) for victim in victims]
    deviations = _deviations()
    named = [(victim, estimate) for victim, estimate in zip(victims, aimed, strict=True) if estimate is not None]
    return {
        "cosine, all artists": float(np.mean(_cosines(everyone, deviations))),
        "cosine, aimed": float(np.mean([_cosines(estimate, deviations[victim]) for victim, estimate in named])),
        "victims named": len(named) / len(victims),
    }


@cache
def _index() -> StyleIndex:
    """Signatures around a common direction, as styles of one catalogue are."""
    rng = np.random.default_rng(61)
    rows = to_unit((rng.normal(size=(ARTISTS, DIMENSIONS)) + 0.7 * rng.normal(size=DIMENSIONS)).astype(np.float32))
    space = SignatureSpace(np.eye(DIMENSIONS, dtype=np.float32))
    return StyleIndex(space, [Signature(f"{number:03d}", row) for number, row in enumerate(rows)])


def _meter() -> MeteredSearch:
    return MeteredSearch(index=_index(), questions=QUESTIONS, top=TOP)


def _deviations() -> NDArray[np.float64]:
    """What a buyer does not know: signatures less their mean, float64 [artists, d]."""
    return _index().vectors - _mean()


def _cosines(estimates: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(estimates, axis=-1) * np.linalg.norm(truth, axis=-1)
    cosines: NDArray[np.float64] = np.sum(estimates * truth, axis=-1) / np.maximum(norms, 1e-12)
    return cosines


@dataclass
class _Answers:
    """Questions [q, d] that were answered, and for each artist a number [q, artists].

    Exact scores, NaN where an artist was not named; or else what ranks say about the score's quantile.
    """

    questions: NDArray[np.float64]
    numbers: NDArray[np.float64]
    exact: bool

    def solve(self, artist: int) -> NDArray[np.float64]:
        """The artist's deviation from the mean, as nearly as a prior around 0 lets it."""
        solution: NDArray[np.float64]
        told = ~np.isnan(self.numbers[:, artist])
        questions, numbers = self.questions[told], self.numbers[told, artist]
        if self.exact:
            numbers = numbers - questions @ _mean()
            solution = np.linalg.lstsq(questions, numbers, rcond=1e-6)[0]
        else:
            solution = np.linalg.solve(questions.T @ questions + np.eye(DIMENSIONS), questions.T @ numbers)
        return solution


def _mean() -> NDArray[np.float64]:
    mean: NDArray[np.float64] = _index().vectors.mean(axis=0, dtype=np.float64)
    return mean


def _ask(meter: MeteredSearch, questions: NDArray[np.float64]) -> _Answers:
    """All names if a buyer can have them, else as many as there are; as many questions as are left."""
    points = to_unit(questions.astype(np.float32))
    for wanted, top in ((points, ARTISTS), (points, TOP), (points[: meter.questions - meter.asked], TOP)):
        try:
            answers = meter.search(wanted, top)
        except InputError:
            continue
        exact = hasattr(answers[0][0], "score")
        return _Answers(wanted.astype(np.float64), np.stack([_numbers(answer) for answer in answers]), exact)
    raise InputError("no question is left")


def _numbers(answer: SearchResults) -> NDArray[np.float64]:
    """Scores where the answer has them; else the normal quantile of each rank, and for all others their mean."""
    positions = [int(result.artist) for result in answer]
    scores = [getattr(result, "score", None) for result in answer]
    if None not in scores:
        numbers = np.full(ARTISTS, np.nan)
        numbers[positions] = scores
        return numbers
    cut = _NORMAL.inv_cdf(1 - len(answer) / ARTISTS) if len(answer) < ARTISTS else 0.0
    numbers = np.full(ARTISTS, -_NORMAL.pdf(cut) / _NORMAL.cdf(cut))
    numbers[positions] = [_NORMAL.inv_cdf(1 - (result.rank - 0.5) / ARTISTS) for result in answer]
    return numbers


def _estimate_all(meter: MeteredSearch, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    answers = _ask(meter, rng.normal(size=(count, DIMENSIONS)))
    return np.stack([answers.solve(artist) for artist in range(ARTISTS)])


def _estimate_one(meter: MeteredSearch, victim: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Ask at random until the victim is named, then around there; None if it never was."""
    scale = 1 / np.sqrt(DIMENSIONS)
    for _ in range(_TRIES):
        tried = _ask(meter, scale * rng.normal(size=(1, DIMENSIONS)))
        numbers = tried.numbers[0]
        if numbers[victim] > (-1.0 if tried.exact else numbers.min()):
            break
    else:
        return None
    first = tried.questions[0]
    spread = _SPREAD[tried.exact] / np.sqrt(DIMENSIONS)
    near = _ask(meter, first + spread * rng.normal(size=(QUESTIONS - _TRIES, DIMENSIONS)))
    if near.exact:
        return near.solve(victim)
    # Ranks near one point tell the slope of the victim's score there, and the point itself is near the victim.
    centered = _Answers(near.questions - near.questions.mean(axis=0), near.numbers - near.numbers.mean(axis=0), False)
    slope = centered.solve(victim)
    estimate: NDArray[np.float64] = slope / max(float(np.linalg.norm(slope)), 1e-12) + first
    return estimate
