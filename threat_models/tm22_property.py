"""TM-22: property inference: what an artist's artworks have in common, read from a sum or from a signature.

Ateniese et al. 2015 (arXiv 1306.4447); Melis et al. 2019 (arXiv 1805.04049) for federated learning. The attacker
wonders whether half of a portfolio shows creatures, or none of it. It has every artwork that the portfolio was drawn
from, the exact portfolios of everybody else, and the code: it runs that on portfolios of its own choice, learns how the
property moves what is released, and looks along that direction. Noise is alike in all directions, so no linear attack
does better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.aggregation.summing import ring_sum
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.artworks.subjects import SUBJECTS, creatures
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.features import StyleFeatures, extract
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.budget import Budget, plan_budget
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .decoder import VIEWS, Studio, open_studio
from .deployment import Deployment
from .lone_artist import lone_artist, unlimited_ledger
from .masked_sum import EPSILON, NOISE
from .ranking import auc
from .reconstruction import paint

MASKS, UNIT = "masks", "noise for a whole artist"
ARTISTS, PORTFOLIO = 8, 30
WITH, WITHOUT = PORTFOLIO // 2, 0
"""Artworks of a portfolio that show creatures, in the two worlds."""
TRIALS: Final = {Effort.FAST: 40, Effort.SLOW: 150}
"""Portfolios in each world."""
_VARIANTS: Final = 2  # of each subject by the victim
_SIDE, _SEED = 32, 22
_ENCODER: Final = "lite0"
_STUDIES: Final = 20  # portfolios in each world from which the attacker learns where to look
_SUM, _SIGNATURE = "sum: AUC", "signature: AUC"
_MOST: Final = 0.7

CLAIM: Final = Claim(
    number=22,
    title="property inference on sums and signatures",
    adversary="a server that keeps the rules and sees the first iteration's sum, on which most of the budget is spent, "
    "or anyone who sees a signature; has all artworks that the portfolio was drawn from, everybody else's portfolios, "
    "and all codewords",
    assets="what an artist's artworks show: here, whether half of them show creatures",
    assumption=f"--unit artist at epsilon {EPSILON:g} or less, {ARTISTS} artists or more",
    promise=f"whether half of an artist's artworks share a subject, or none, is told with an AUC of at most {_MOST:g}",
    defenses={
        MASKS: "`aggregation`: the server sees the sum, in which the others' shares of noise are as well",
        NOISE: "`privacy.noise.add_noise_share`",
        UNIT: "`privacy.clipping.clip` with --unit artist: the whole portfolio moves a sum by no more than one artwork "
        "may with --unit artwork",
    },
    power=(Limit(figure=_SUM, at_least=0.95), Limit(figure=_SIGNATURE, at_least=0.95)),
    protected=(Limit(figure=_SUM, at_most=_MOST), Limit(figure=_SIGNATURE, at_most=_MOST)),
    residual="with --unit artwork, the default, neither masks nor noise hide what half of a portfolio shows (the arm "
    "without noise for a whole artist): epsilon speaks of one artwork, and fifteen of them move a sum fifteen times as "
    "far. A signature tells it to everybody. Whoever minds must choose --unit artist, or keep such artworks out",
    tests=("tests/threat_models/test_tm22_property.py",),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.DETECTING),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(deployment: Deployment) -> bool:
    """Whole artists are protected, at epsilon 8 or less, with a part of it for signatures, among eight or more."""
    return (
        deployment.has_noise_of(EPSILON)
        and deployment.settings.unit is Unit.ARTIST
        and deployment.settings.sign
        and deployment.clients >= ARTISTS
    )


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Tell portfolios with the property from those without, by sums and by signatures."""
    release = Release(make_cohort(), _budget(without), is_masked=MASKS not in without)
    silent = Release(make_cohort(), _budget(without | {NOISE}), is_masked=False)
    trials = TRIALS[effort]
    return {
        _SUM: _auc(release.sums, silent.sums, trials),
        _SIGNATURE: _auc(release.signatures, silent.signatures, trials),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """Who takes part, and what the victim might have brought.

    Attributes:
        studio: The encoder, and the model that a run starts from.
        candidates: The victim's artworks.
        has: Which of them show creatures [artworks].
        others: Everybody else's portfolios.
    """

    studio: Studio
    candidates: StyleFeatures
    has: NDArray[np.bool_]
    others: Sequence[StyleFeatures]

    def draw(self, count: int, name: str) -> StyleFeatures:
        """A portfolio of the victim's, `count` artworks of which show creatures."""
        rng = np.random.default_rng(list(name.encode()))
        chosen = [
            rng.choice(np.flatnonzero(self.has), count, replace=False),
            rng.choice(np.flatnonzero(~self.has), PORTFOLIO - count, replace=False),
        ]
        return StyleFeatures(self.candidates.views[np.concatenate(chosen)])


@cache
def make_cohort() -> Cohort:
    """Paint everybody; the victim paints every subject several times."""
    studio = open_studio(_ENCODER, _SIDE)
    (portfolio,) = paint(1, _VARIANTS * len(SUBJECTS), seed=_SEED, size=_SIDE)
    rest = paint(ARTISTS - 1, PORTFOLIO, seed=_SEED + 1, size=_SIDE)
    seen = [extract(each.artworks, studio.encoder, views=VIEWS) for each in (portfolio, *rest)]
    shown = {name for name, draw in SUBJECTS.items() if draw.__module__ == creatures.__name__}
    has = np.array([artwork.content in shown for artwork in portfolio.artworks])
    return Cohort(studio=studio, candidates=seen[0], has=has, others=seen[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """What is seen of the cohort: the sum of a training's first iteration, and the victim's signature.

    Attributes:
        cohort: Who takes part.
        budget: What a run promises them.
        is_masked: Whether the server sees the sum, and not the victim's upload.
    """

    cohort: Cohort
    budget: Budget
    is_masked: bool

    def sums(self, portfolio: StyleFeatures, name: str) -> NDArray[np.float64]:
        """The sum over all artists, or the victim's upload; masks, which cancel in sums, are left out."""
        head = self.cohort.studio.model.head
        mechanism = self.budget.cohort.mechanism(1, dimensions=head.shape[1], outputs=head.shape[0])
        artists = [portfolio, *(self.cohort.others if self.is_masked else ())]
        uploads = [
            self._upload(features, codeword, mechanism, f"{name} {codeword}")
            for codeword, features in enumerate(artists)
        ]
        return dequantize(ring_sum(uploads, mechanism), mechanism)

    def signatures(self, portfolio: StyleFeatures, name: str) -> NDArray[np.float64]:
        """What the victim publishes."""
        studio = self.cohort.studio
        with TemporaryDirectory() as folder:
            artist = self._artist(portfolio, 0, Path(folder), name)
            mechanism = self.budget.signature_mechanism(studio.space.dimensions)
            return artist.publish_signature(studio.embed, mechanism).astype(np.float64)

    def _upload(self, portfolio: StyleFeatures, codeword: int, mechanism: Mechanism, name: str) -> NDArray[np.int64]:
        studio = self.cohort.studio
        with TemporaryDirectory() as folder:
            artist = self._artist(portfolio, codeword, Path(folder), name)
            artist.release_prototype(studio.model, self.budget.prototype_mechanism(studio.model.head.shape[1]))
            rows = contribute(
                portfolio, studio.model, mechanism, studio.codebook, codeword, prototype=artist._prototype
            )
            return protect(rows, mechanism, artist.random).values

    def _artist(self, portfolio: StyleFeatures, codeword: int, folder: Path, name: str) -> Artist:
        return lone_artist(
            portfolio,
            self.cohort.studio.codebook,
            codeword,
            ledger=unlimited_ledger(folder),
            mode=self.budget.cohort.mode,
            unit=self.budget.cohort.unit,
            name=name,
        )


def _budget(without: frozenset[str]) -> Budget:
    """What a run promises, but for what is left out."""
    settings = Settings(
        artworks=Path("artworks"),
        out=Path("run"),
        epsilon=EPSILON,
        privacy=Mode.NONE if NOISE in without else Mode.DISTRIBUTED,
        unit=Unit.ARTWORK if UNIT in without else Unit.ARTIST,
    )
    return plan_budget(settings, clients=ARTISTS, dimensions=DIMENSIONS, outputs=OUTPUTS)


Look = Callable[[StyleFeatures, str], NDArray[np.float64]]
"""What is seen when the victim has this portfolio; the name decides all randomness."""


def _auc(look: Look, study: Look, trials: int) -> float:
    """How well the best direction tells the worlds apart: looked for without noise, tried on fresh portfolios.

    Args:
        look: What is attacked.
        study: The same of the victim alone and without noise, as the attacker runs it.
        trials: Portfolios in each world.
    """
    draw = make_cohort().draw

    def see(by: Look, count: int, names: Sequence[str]) -> NDArray[np.float64]:
        return np.stack([by(draw(count, name), f"{count} {name}") for name in names])

    studies, tried = [f"study {n}" for n in range(_STUDIES)], [f"trial {n}" for n in range(trials)]
    direction = see(study, WITH, studies).mean(axis=0) - see(study, WITHOUT, studies).mean(axis=0)
    inside, outside = (see(look, count, tried) @ direction for count in (WITH, WITHOUT))
    return auc(inside, outside)
