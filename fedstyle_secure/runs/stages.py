"""What a run has come to know, stage by stage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from ..artist.artist import Artist
from ..config import Settings
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.whitening import Space
from ..engines.memory import MemoryEngine
from ..errors import FedStyleError
from ..privacy.clipping import Unit
from ..privacy.ledger import Ledger
from ..server.alignment import artworks_each
from ..server.iterations import Outcome
from ..training.codebook import Codebook
from ..training.tensors import MOMENTS
from .budget import Budget
from .dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Before training.

    Attributes:
        settings: The user's wishes.
        dataset: Portfolios by role.
        budget: Promises and noise.
        codebook: Public anchors.
        public: Raw features of public artists; all views where anything is trained, or the unaltered one alone.
        training: The same of the clients' training artworks.
        held_out: Raw features of the clients' queries, unaltered view only.
        encoder: Name of the encoder and digest of its weights.
        pooled_size: How many of the last raw features are the pooled embedding.
        showcase: Raw features of what clients show already, unaltered view only; of those who show anything.
        space: How public artists' features are whitened.
        rehearsal: What was played on public artists before `space` and the number of iterations were chosen, in plain
            values, best first; nothing where nothing was.
        seconds: Time by stage; later stages add theirs.
    """

    settings: Settings
    dataset: Dataset
    budget: Budget
    codebook: Codebook
    public: Mapping[str, StyleFeatures]
    training: Mapping[str, StyleFeatures]
    held_out: Mapping[str, StyleFeatures]
    encoder: str
    pooled_size: int
    showcase: Mapping[str, StyleFeatures] = field(default_factory=dict)
    space: Space = Space.PRINCIPAL
    rehearsal: Sequence[dict[str, object]] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        """Whether there are iterations, and so a head."""
        return self.settings.iterations != 0

    @property
    def expected_artworks(self) -> float:
        """How many artworks an artist may sign with."""
        return expected_artworks(self.settings, self.public)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """After training.

    Attributes:
        start: The model before any iteration.
        outcomes: One entry for each iteration; none where nothing is trained.
        artists: The clients, by name.
        engine: Knows how many bytes went where.
    """

    start: StyleModel
    outcomes: Sequence[Outcome]
    artists: Mapping[str, Artist]
    engine: MemoryEngine

    @property
    def model(self) -> StyleModel:
        """The model after all iterations."""
        return self.outcomes[-1].model if self.outcomes else self.start

    @property
    def fullest_ledger(self) -> Ledger:
        """Of an artist who spent most: whoever drops out before an upload is not charged for it."""
        return max((artist.ledger for artist in self.artists.values()), key=lambda ledger: ledger.spent(ledger.view))

    def check(self) -> list[str]:
        """Sentences about sessions that aborted and buckets that were left out; none if all completed.

        Raises:
            FedStyleError: No session completed, so that nothing was learned.
        """
        problems = [outcome.problem for outcome in self.outcomes if outcome.aggregate is None]
        notes = [f"iteration {each.iteration}: {reason}" for each in self.outcomes for reason in each.left_out]
        if not problems:
            return notes
        reason = f"{problems[0]}{self._refused()}"
        if len(problems) == len(self.outcomes):
            raise FedStyleError(f"none of {len(problems)} sessions completed, so nothing was learned: {reason}")
        return [f"{len(problems)} of {len(self.outcomes)} sessions aborted and changed nothing: {reason}", *notes]

    def artworks_each(self) -> float:
        """How many artworks an artist sums in the mean, as the first moments tell; 0 where none came."""
        for outcome in self.outcomes:
            if outcome.aggregate is not None and MOMENTS in outcome.aggregate.tensors:
                rate, dimensions = outcome.mechanism.sampling_rate, outcome.model.whitening.dimensions
                return artworks_each(outcome.aggregate, rate, dimensions)
        return 0.0

    def _refused(self) -> str:
        """How many artists refused, and why the first did."""
        refusals = self.engine.refusals
        artists = {mailbox.rpartition("/")[0] for mailbox in refusals}
        return f"; {len(artists)} artists refused, the first because {next(iter(refusals.values()))}" if artists else ""


def expected_artworks(settings: Settings, public: Mapping[str, StyleFeatures]) -> float:
    """How many artworks an artist signs with if it has as many as public ones have, of which some are held out."""
    if settings.unit is Unit.ARTIST:
        return 1.0
    each = np.mean([len(features) for features in public.values()])
    return min(float(each) * (1 - settings.hold_out), settings.max_artworks)


@contextmanager
def stopwatch(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the time spent inside to `seconds[name]`."""
    start = perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + perf_counter() - start
