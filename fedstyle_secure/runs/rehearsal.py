"""Before anything private is touched, a run is played on its public artists: style space, training, signatures.

REH-1  A rehearsal sees public artworks, sizes and planned noise, and nothing of a client: it costs no privacy.
REH-2  Public artists who play clients fit nothing in that play: spaces are fitted on the others, and where an encoder
       was made on all of them, the packaged one is heard in its place.
REH-3  Training nothing is always among the choices where nobody pinned the number of iterations, and wins a tie.
REH-4  Whoever fits a space is nobody's rival in it: those who play clients are found among themselves. A space treats
       the artists that it was fitted on in its own way, and so would choose itself, or another.
REH-5  A share or a length of signatures other than the rule's is chosen only where it misses a tenth less: a dozen
       public artists tell no closer choices apart, and what is best of many draws of noise is noise.

A rehearsal speaks for clients who are like the public artists: those who are drawn from the same folder. Of public art
from elsewhere it would only tell how well that art knows itself, so there nothing is rehearsed and training goes on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..aggregation.summing import Aggregate
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.signature_space import SignatureSpace
from ..encoder.styles import signature_space
from ..encoder.whitening import Space, Whitening, to_unit
from ..privacy.clipping import Unit
from ..privacy.shrinkage import kept_fraction
from ..server.alignment import Alignment
from ..training.moments import Prototype, outer_product_rows, packed_length
from ..training.tensors import MOMENTS
from .budget import SIGNATURE_SHARE, Budget
from .evaluation import rank, score

LEAST_PUBLIC = 6
"""Public artists below which nothing is rehearsed: two of them at a time play clients."""

FOLDS, DRAWS, ASKED = 3, 8, 0.3
"""Every public artist plays a client once in so many plays, each with so many draws of noise; it asks with a share."""

MARGIN = 0.1
"""By this part of what it misses may what is preferred miss more: so little is chance. Preferred are the space within
artists, which plays fit on fewer artists than the run will, and what is the rule for signatures."""

SHARES = (SIGNATURE_SHARE, 0.35)
"""Of mu squared for signatures beside training, the rule first; more than half is the artist's own word (TM-15)."""

LENGTHS = (1.0, 0.5, 2.0)
"""Of signatures, as parts of what their noise is worth, the rule first."""


UNTRAINED_DIMENSIONS = 1000
"""Of the space within artists where nothing is summed in it: exact prototypes tell more with so many, signatures, which
are shorter, as much."""


def untrained_dimensions(space: Space, trained: int) -> int:
    """Of a style space where nothing is trained, at most; principal components serve no better beyond the usual ones.

    Args:
        space: How public artists' features are whitened.
        trained: Its dimensions where anything is.
    """
    return UNTRAINED_DIMENSIONS if space is Space.WITHIN else trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One choice, and how well it found public artists.

    Attributes:
        space: Of the whitening.
        iterations: Model updates; 0 for none.
        share: A signature's of mu squared; 1 without training.
        length: A signature's, as a part of what its noise is worth or of what was pinned.
        mrr: Mean of 1 / position of the own artist, over all plays.
    """

    space: Space
    iterations: int
    share: float
    length: float
    mrr: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """What all plays share.

    Attributes:
        public: Raw features of public artists; of views the unaltered one counts.
        pooled_size: How many of the last raw features are the pooled embedding.
        dimensions: d of the style space, at most, where anything is trained.
        outputs: h of the head, which is not played: what it adds to signatures is nothing.
        clients: Of the run itself, for whose number the noise is planned.
        artworks: Of a client, at most, and so of whoever plays one.
        seed: Of folds, splits and noise; these are public artworks, and nobody is protected by it.
        spaces: Those to choose from.
        lengths: The same.
    """

    public: Mapping[str, StyleFeatures]
    pooled_size: int
    dimensions: int
    outputs: int
    clients: int
    artworks: int
    seed: int
    spaces: Sequence[Space] = tuple(Space)
    lengths: Sequence[float] = LENGTHS


def rehearse(stage: Stage, budgets: Mapping[tuple[int, float], Budget]) -> list[Played]:
    """Play every choice, best first, MARGIN considered (REH-3, REH-5).

    Args:
        stage: The public artists.
        budgets: By number of iterations and share of signatures, what each would promise; of shares, the rule first.
    """
    rng = np.random.Generator(np.random.PCG64(stage.seed))
    shuffled = [list(stage.public)[index] for index in rng.permutation(len(stage.public))]
    found: dict[tuple[int, float, Space, float], list[float]] = {
        (count, share, space, length): []
        for count, share in sorted(budgets, key=lambda each: each[0])
        for space in reversed(stage.spaces)
        for length in stage.lengths
    }
    for fold in range(FOLDS):
        actors = frozenset(shuffled[fold::FOLDS])
        play = _Play.of(stage, actors, rng)
        for space in stage.spaces:
            wide = play.whitening(space)
            untrained, start = play.model(wide), play.model(wide.cut(stage.dimensions))
            for (count, share), budget in budgets.items():
                scores = play.scores(start if count else untrained, budget, is_trained=count > 0)
                for length, mrr in scores.items():
                    found[count, share, space, length].append(mrr)
    choices = [
        Played(iterations=count, share=share, space=space, length=length, mrr=float(np.mean(scores)))
        for (count, share, space, length), scores in found.items()
    ]
    rule = next(iter(share for count, share in budgets if count), None)
    return sorted(choices, key=lambda choice: _missed(choice, rule))


def _missed(choice: Played, rule: float | None) -> float:
    """What a choice misses, less what it may miss more than others.

    Args:
        choice: What was played.
        rule: The share of signatures beside training that is preferred.
    """
    is_rule = not choice.iterations or choice.share == rule
    preferred = (choice.space is Space.WITHIN, choice.length == LENGTHS[0], is_rule)
    return (1 - choice.mrr) * (1 - MARGIN) ** sum(preferred)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Play:
    """Public artists of whom some play clients.

    Attributes:
        stage: What all plays share.
        actors: Those who do.
        signing: Raw features of each public artist's works that are signed with, all views.
        asking: The same of actors' works that are asked with.
        rng: For noise.
    """

    stage: Stage
    actors: frozenset[str]
    signing: Mapping[str, NDArray[np.float32]]
    asking: Mapping[str, NDArray[np.float32]]
    rng: np.random.Generator

    @classmethod
    def of(cls, stage: Stage, actors: frozenset[str], rng: np.random.Generator) -> "_Play":
        signing, asking = {}, {}
        for name, features in stage.public.items():
            order = rng.permutation(len(features))
            count = max(1, round(ASKED * len(order)))
            signing[name] = features.views[order[count:]]
            if name in actors:
                signing[name] = signing[name][: stage.artworks]
                asking[name] = features.views[order[:count]]
        return cls(stage=stage, actors=actors, signing=signing, asking=asking, rng=rng)

    def whitening(self, space: Space) -> Whitening:
        """Of all public artists but the actors (REH-2)."""
        stage = self.stage
        known = [stage.public[name].views[:, 0] for name in self.signing if name not in self.actors]
        dimensions = untrained_dimensions(space, stage.dimensions)
        return Whitening.fit_space(space, known, pooled_size=stage.pooled_size, dimensions=dimensions)

    @staticmethod
    def model(whitening: Whitening) -> StyleModel:
        """What a play begins with."""
        return StyleModel.without_head(whitening, outputs=1, encoder="rehearsed")

    def scores(self, start: StyleModel, budget: Budget, *, is_trained: bool) -> dict[float, float]:
        """By length: mean reciprocal rank of actors among themselves, by signatures as noisy as planned (REH-4)."""
        model = self._train(start, budget) if is_trained else start
        works = 1.0 if budget.cohort.unit is Unit.ARTIST else np.mean([len(self.signing[name]) for name in self.asking])
        counts = {length: budget.signature_length(float(works), length) for length in self.stage.lengths}
        directions = signature_space(model, self._known, max(counts.values())).projection
        names = list(self.asking)
        signed = [model.embed(self.signing[name][:, 0]) for name in names]
        asked = np.concatenate([model.embed(rows[:, 0]) for rows in self.asking.values()])
        truth = [names.index(name) for name, rows in self.asking.items() for _ in rows]

        def find(count: int) -> float:
            space = SignatureSpace(directions[:, :count])
            queries = space.apply(asked)
            sums = np.stack([self._clip(space.apply(rows).sum(axis=0), budget) for rows in signed])
            noise = (budget.signature_multiplier or 0.0) * self.rng.normal(size=(DRAWS, *sums.shape))
            return float(
                np.mean([score(rank(queries, to_unit((sums + each).astype(np.float32))), truth).mrr for each in noise])
            )

        return {length: find(count) for length, count in counts.items()}

    @property
    def _known(self) -> list[NDArray[np.float32]]:
        """All views of public artists who do not act."""
        return [features.views for name, features in self.stage.public.items() if name not in self.actors]

    def _train(self, start: StyleModel, budget: Budget) -> StyleModel:
        """By the first iteration's moments of the actors, in as much noise for their number as is planned for all."""
        d = start.whitening.dimensions
        mechanism = budget.cohort.mechanism(1, dimensions=d, outputs=self.stage.outputs)
        share = next(segment.share for segment in mechanism.layout.segments if segment.name == MOMENTS)
        joint = math.sqrt(mechanism.clients / share) * mechanism.sigma_share / mechanism.scale
        noise = joint * len(self.actors) / self.stage.clients
        summed = noise * self.rng.normal(size=packed_length(d))
        for name in self.actors:
            rows = start.whiten(self.signing[name][:, 0])
            alone = (budget.prototype_multiplier or 0.0) * self.rng.normal(size=d)
            style = self._clip(rows.sum(axis=0), budget) + alone
            energy = d * (budget.prototype_multiplier or 0.0) ** 2
            left = Prototype(to_unit(style.astype(np.float32)), kept_fraction(style, energy)).remove_from(rows)
            summed += self._clip(outer_product_rows(left).sum(axis=0), budget)
        known = [Prototype.exact(rows).remove_from(rows) for rows in (start.whiten(each[:, 0]) for each in self._known)]
        aggregate = Aggregate(tensors={MOMENTS: summed}, noise={MOMENTS: noise}, survivors=len(self.actors), digest=b"")
        return Alignment.start(start, np.concatenate(known)).advance(start, aggregate)[1]

    @staticmethod
    def _clip(summed: NDArray[np.float32], budget: Budget) -> NDArray[np.float64]:
        """An artist's sum, of length 1 at most where noise hides a whole artist."""
        wide = summed.astype(np.float64)
        return wide / max(1.0, float(np.linalg.norm(wide))) if budget.cohort.unit is Unit.ARTIST else wide
