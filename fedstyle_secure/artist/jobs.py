"""What a researcher may ask of one artist: an experiment of a type that is listed here, at a budget that it names.

JOB-1  A request names a type and an epsilon, in one encoding; whatever else somebody sends is refused, and nothing that
       was sent is ever run.
JOB-2  Nothing is computed of artworks before the artist approved of this request, by the name of its type, and the
       ledger was charged. A request is charged once: asked again, it has the answer that it had.
JOB-3  What an artwork adds depends on it alone and has norm 1 at most, so that the noise is what the charge says.
JOB-4  A job runs without a network, without the artist's files and without its keys (`sandbox`): it is handed features
       and gives back noisy numbers.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .. import canonical
from ..bounds import EPSILON
from ..encoder.features import StyleFeatures
from ..errors import FedStyleError, InputError
from ..privacy.accounting import mu_of
from ..privacy.mechanism import Mechanism, plan
from ..privacy.pipeline import protect
from ..privacy.quantization import dequantize
from ..privacy.randomness import RandomBytes
from ..privacy.releases import Release
from ..training.updates import Contributions, Layout, Segment, Support, one_by_one
from .home import Home
from .portfolio import load_features
from .recovery import open_ledger, write_recovery
from .termsfile import StandingTerms

LARGEST_REQUEST: Final = 1_000
_BINS: Final = 8
_MOCK_ARTWORKS, _MOCK_VIEWS, _MOCK_FEATURES = 30, 5, 64

Views = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    """One experiment that an artist may approve of.

    Attributes:
        about: What the answer tells, for the artist's eyes.
        bins: What each number of the answer counts, in order.
        row: What one artwork adds: its views, float32 [1, 1 + K, features], to float32 [1, len(bins)], of norm 1 at
            most.
    """

    about: str
    bins: tuple[str, ...]
    row: Callable[[Views], Views]


def _one(views: Views) -> Views:
    return np.ones((len(views), 1), np.float32)


def _steadiness(views: Views) -> Views:
    """In which eighth of 0 to 1 the cosine between an artwork and the mean of its crops lies."""
    whole, crops = views[:, 0].astype(np.float64), views[:, 1:].mean(axis=1, dtype=np.float64)
    lengths = np.linalg.norm(whole, axis=1) * np.linalg.norm(crops, axis=1)
    cosines = (whole * crops).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)
    bins = np.clip(np.nan_to_num(cosines) * _BINS, 0, _BINS - 1).astype(np.int64)
    counted: Views = np.eye(_BINS, dtype=np.float32)[bins]
    return counted


JOB_TYPES: Final[Mapping[str, JobType]] = {
    "count": JobType(about="how many artworks you have", bins=("artworks",), row=_one),
    "steadiness": JobType(
        about="how many of your artworks look like their own crops: the cosine between both, in eighths",
        bins=tuple(f"{at / _BINS:g} to {(at + 1) / _BINS:g}" for at in range(_BINS)),
        row=_steadiness,
    ),
}
"""All that can be asked for."""


class JobError(FedStyleError):
    """A job was refused or failed; the message says whether it was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What a researcher asks for.

    Attributes:
        type: A name of `JOB_TYPES`.
        epsilon: What it may cost, at the delta of the artist's own terms.
        number: The researcher's own, so that the same experiment can be asked for twice.

    Raises:
        InputError: There is no such type, or the epsilon is out of bounds.
    """

    type: str
    epsilon: float
    number: int

    def __post_init__(self) -> None:
        if self.type not in JOB_TYPES:
            raise InputError(f"there is no job of type {self.type[:40]!r}: known are {', '.join(JOB_TYPES)}")
        EPSILON.check("a job's epsilon", self.epsilon)

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "JobRequest":
        """The inverse of `encode`.

        Raises:
            InputError: Other bytes (JOB-1).
        """
        if len(data) > LARGEST_REQUEST:
            raise InputError(f"a request for a job has at most {LARGEST_REQUEST} bytes, this has {len(data)}")
        return canonical.decode(cls, data)

    @property
    def kind(self) -> JobType:
        """What is asked for."""
        return JOB_TYPES[self.type]

    def mechanism(self, terms: StandingTerms) -> Mechanism:
        """The release that answers it: one artist alone, all of whose noise is its own."""
        segment = Segment(name=self.type, length=len(self.kind.bins), support=Support.ARTIST, clip_norm=1.0, share=1.0)
        return plan(
            mode=terms.privacy,
            unit=terms.unit,
            layout=Layout((segment,)),
            noise_multiplier=1 / mu_of(self.epsilon, terms.delta),
            clients=1,
            corrupt=0,
            min_survivors=1,
            max_artworks=terms.max_artworks,
            rotation_seed=sha256(self.encode()).digest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request, and who made it.

    Attributes:
        request: What is asked for.
        researcher: Enrolled Ed25519 public key of who asks, 32 bytes.
    """

    request: JobRequest
    researcher: bytes

    @property
    def name(self) -> str:
        """Under which it is charged and answered, once."""
        return f"job {self.request.type} {sha256(self.researcher + self.request.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAnswer:
    """What a researcher gets.

    Attributes:
        request: What was asked for.
        delta: At which the request's epsilon holds: the artist's own terms say it.
        numbers: One for each bin of the type, with all of the noise.
    """

    request: JobRequest
    delta: float
    numbers: tuple[float, ...]

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "JobAnswer":
        """The inverse of `encode`.

        Raises:
            InputError: Other bytes.
        """
        return canonical.decode(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an artist sees before it decides; nothing of its artworks is in it.

    Attributes:
        about: What the answer would tell.
        bins: What each number would count.
        exact: The answer of the mock artworks without noise.
        noisy: And with it: one answer among many.
        spent: Epsilon so far.
        after: And when this was charged, too.
        limit: The most there may be.
    """

    about: str
    bins: Sequence[str]
    exact: Sequence[float]
    noisy: Sequence[float]
    spent: float
    after: float
    limit: float


def preview(home: Home, request: JobRequest) -> Preview:
    """What a job would answer and cost, on artworks that nobody made."""
    terms = home.terms
    ledger = open_ledger(home.ledger_path, terms)
    mechanism, mock = request.mechanism(terms), mock_features()
    return Preview(
        about=request.kind.about,
        bins=request.kind.bins,
        exact=one_by_one(request.kind.row, mock.views).sum(axis=0).tolist(),
        noisy=compute(request, mechanism, mock, os.urandom),
        spent=ledger.spent(ledger.view),
        after=ledger.spent_with(Release.of(mechanism, name=request.type, iteration=0), ledger.view),
        limit=ledger.limit,
    )


def compute(request: JobRequest, mechanism: Mechanism, features: StyleFeatures, random: RandomBytes) -> list[float]:
    """The noisy answer (JOB-3): clipped, on the grid, and with all of its noise."""
    rows = one_by_one(request.kind.row, features.views)
    update = protect(Contributions(rows, mechanism.layout), mechanism, random)
    numbers: list[float] = mechanism.layout.split(dequantize(update.values, mechanism))[request.type].tolist()
    return numbers


def perform(
    home: Home, job: Job, *, approved: str, run: Callable[[JobRequest, StandingTerms, StyleFeatures], list[float]]
) -> JobAnswer:
    """Charge and answer a job that the artist approved of, or give the answer that it had (JOB-2).

    Args:
        home: Open.
        job: What was asked, and by whom.
        approved: Name of the job type that the artist approved of.
        run: Computes the answer, apart from everything else (JOB-4).

    Returns:
        What may go to the researcher.

    Raises:
        JobError: The artist approved of another type.
        PrivacyError: It would exceed the ledger's limit; nothing was charged or computed.
    """
    if approved != job.request.type:
        raise JobError(f"{job.request.type!r} was asked for and {approved!r} approved of: nothing was charged")
    kept = home.store.read(job.name)
    if kept is not None:
        return JobAnswer.decode(kept)
    terms = home.terms
    ledger = open_ledger(home.ledger_path, terms)
    release = Release.of(job.request.mechanism(terms), name=job.name, iteration=0)
    if release not in ledger.releases:
        ledger.charge(release)
        write_recovery(home.ledger_path)
    numbers = run(job.request, terms, load_features(home))
    answer = JobAnswer(request=job.request, delta=terms.delta, numbers=tuple(numbers))
    home.store.write({job.name: answer.encode()})
    return answer


def mock_features() -> StyleFeatures:
    """Features of artworks that nobody made, the same for everybody."""
    rng = np.random.Generator(np.random.PCG64(0))
    works = rng.normal(size=(_MOCK_ARTWORKS, 1, _MOCK_FEATURES))
    crops = rng.normal(size=(_MOCK_ARTWORKS, _MOCK_VIEWS, _MOCK_FEATURES))
    return StyleFeatures((works + rng.uniform(0.2, 1.5, size=(_MOCK_ARTWORKS, 1, 1)) * crops).astype(np.float32))
