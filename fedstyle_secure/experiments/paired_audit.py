"""Audit one artist's whole run from pixels on: what one artwork more changes in any release, and whether noise is new.

PAI-1  Both worlds are whole runs from pictures on, through `extract` and `train.walk`: agents, sessions, ledgers, all
       releases. In one of them the audited artist's first picture is missing.
PAI-2  Whatever was released before, by anyone, is the same in both worlds. Given that, every release may differ by the
       one row of the missing artwork, to the last bit, and its clipped sum by at most 1.
PAI-3  The noise of all releases together is as wide as planned and comes back nowhere, and when the budget is spent
       the artist refuses.
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..artist import artist as agents
from ..artworks.artwork import Artwork
from ..config import Settings
from ..encoder.features import StyleFeatures, extract
from ..privacy import clipping, pipeline
from ..privacy.ledger import BudgetExceededError, Ledger
from ..privacy.mechanism import Mechanism
from ..privacy.noise import NoisyUpdate
from ..privacy.randomness import RandomBytes
from ..privacy.rotation import rotate
from ..runs.budget import Budget
from ..runs.dataset import Dataset
from ..runs.progress import Silent
from ..runs.stages import Prepared
from ..runs.train import walk
from ..training.codebook import new_codebook
from ..training.updates import Contributions

PICTURES: Final = 21
"""Of the artist, the one that is missing in the other world among them."""
_PUBLIC, _SIDE, _FIELDS = 12, 48, 6
_FALSE_ALARM_DEVIATIONS: Final = 7.0  # by Chernoff's bound below 1e-9 for sums of so many products, at each distance
_LEAST_OVERLAP: Final = 128


@dataclass(slots=True)
class _Heard:
    """What the audited artist hands over to be protected, and what comes back; with `played`, that comes back to all.

    Everybody else has one picture, and so hands over one row: that is how the audited artist is told apart.
    """

    played: Sequence[NoisyUpdate] | None = None
    handed: list[Contributions] = field(default_factory=list)
    released: list[NoisyUpdate] = field(default_factory=list)
    everyones: list[NoisyUpdate] = field(default_factory=list)

    def protect(self, contributions: Contributions, mechanism: Mechanism, random: RandomBytes) -> NoisyUpdate:
        update = pipeline.protect(contributions, mechanism, random)
        if len(contributions.rows) > 1:
            self.handed.append(contributions)
            self.released.append(update)
        if self.played is not None:
            update = self.played[len(self.everyones)]
        self.everyones.append(update)
        return update


def audit_from_pixels(settings: Settings, budget: Budget) -> dict[str, Any]:
    """Run one artist's releases in two worlds that differ in one picture.

    Args:
        settings: Of the run.
        budget: Of the run; its noise, on a small style space.

    Returns:
        Plain values: number of `releases`, largest `influence` on a clipped sum, `noise` as found over as planned, the
        largest `repetition` of noise in standard deviations, and `problems`, a sentence each.
    """
    eye = _Eye()
    pictures = [_picture(number) for number in range(max(3, min(PICTURES, settings.max_artworks)))]
    worlds = [extract(works, eye, views=settings.views) for works in (pictures, pictures[1:])]
    whole = _Heard()
    refuses = _live(worlds[0], settings, budget, whole)
    fewer = _Heard(played=whole.everyones)
    _live(worlds[1], settings, budget, fewer)
    pairs = list(zip(whole.handed, fewer.handed, (update.mechanism for update in whole.released), strict=True))
    names = ["+".join(segment.name for segment in mechanism.layout.segments) for _, _, mechanism in pairs]
    problems = [
        f"{name}: one artwork less changes more than its own row"
        for name, (more, less, _) in zip(names, pairs, strict=True)
        if len(more.rows) != len(less.rows) + 1 or not np.array_equal(more.rows[1:], less.rows)
    ]
    influence = max(_influence(more, less, mechanism) for more, less, mechanism in pairs)
    if influence > 1:
        problems.append(f"one artwork moves a clipped sum by {influence:.6g}, more than 1")
    noise = [_noise(given, update) for given, update in zip(whole.handed, whole.released, strict=True)]
    width, repetition = _width(noise), _repetition(np.concatenate(noise))
    if width < 1 - _FALSE_ALARM_DEVIATIONS * math.sqrt(0.5 / sum(map(len, noise))):
        problems.append(f"noise is {width:.3g} times as wide as planned")
    if repetition > _FALSE_ALARM_DEVIATIONS:
        problems.append(f"noise comes back in another coordinate or release, by {repetition:.3g} standard deviations")
    if not refuses:
        problems.append("the artist released once more after its budget was spent")
    return {
        "releases": len(pairs),
        "influence": influence,
        "noise": width,
        "repetition": repetition,
        "problems": problems,
    }


def _live(features: StyleFeatures, settings: Settings, budget: Budget, heard: _Heard) -> bool:
    """A whole run (`train.walk`) with the audited artist in it; whether that one then refuses to release once more."""
    settings = replace(settings, drop_rate=0.0, buckets=1)
    budget = replace(budget, cohort=replace(budget.cohort, buckets=1))
    others = {
        f"other {number}": extract([_picture(2000 + number)], _Eye(), views=settings.views)
        for number in range(1, budget.cohort.clients)
    }
    public = {
        f"public {number}": extract(
            [_picture(1000 + 2 * number + work) for work in (0, 1)], _Eye(), views=settings.views
        )
        for number in range(_PUBLIC)
    }
    prepared = Prepared(
        settings=settings,
        dataset=Dataset(public=(), training=(), held_out=(), warnings=()),
        budget=budget,
        codebook=new_codebook(),
        public=public,
        training={"audited": features} | others,
        held_out={},
        encoder=_Eye.name,
        pooled_size=_Eye.pooled_size,
    )
    with tempfile.TemporaryDirectory(prefix="fedstyle-audit-") as folder:
        ledgers = {
            name: Ledger.open(
                Path(folder) / f"{number}.jsonl", limit=settings.epsilon, delta=settings.delta, view=budget.view
            )
            for number, name in enumerate(prepared.training)
        }
        with _listening(heard):
            trained, _ = walk(prepared, ledgers, None, Silent())
        mechanism = budget.prototype_mechanism(trained.start.whitening.dimensions)
        try:
            trained.artists["audited"].publish_signature(trained.start.whiten, mechanism)
        except BudgetExceededError:
            return True
    return False


@contextmanager
def _listening(heard: _Heard) -> Iterator[None]:
    """Listen where the artist's agent hands its rows over."""
    real: Callable[..., NoisyUpdate] = agents.protect  # type: ignore[attr-defined]
    agents.protect = heard.protect  # type: ignore[attr-defined]
    try:
        yield
    finally:
        agents.protect = real  # type: ignore[attr-defined]


class _Eye:
    """A public network as small as one can be: mean and deviation of each of 6 x 6 fields, by color."""

    name, runtime = "audit@0", "numpy"
    image_size, pooled_size, workers = _SIDE, 3 * _FIELDS**2, 1

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        fields = image.reshape(3, _FIELDS, _SIDE // _FIELDS, _FIELDS, _SIDE // _FIELDS)
        return np.concatenate([fields.std(axis=(2, 4)).ravel(), fields.mean(axis=(2, 4)).ravel()])


def _picture(number: int) -> Artwork:
    """Blocks of color, the same on every machine."""
    blocks = hashlib.shake_256(b"picture %d" % number).digest(9 * 9 * 3)
    colors = np.frombuffer(blocks, dtype=np.uint8).reshape(9, 9, 3)
    return Artwork(np.repeat(np.repeat(colors, 8, axis=0), 8, axis=1))


def _influence(more: Contributions, less: Contributions, mechanism: Mechanism) -> float:
    if mechanism.unit is clipping.Unit.ARTIST:
        less = replace(less, rows=less.rows[:0])
    sums = [clipping.clip(each, mechanism.unit, max_artworks=mechanism.max_artworks).values for each in (more, less)]
    return float(np.linalg.norm(sums[0] - sums[1]))


def _noise(given: Contributions, update: NoisyUpdate) -> NDArray[np.float64]:
    """What a release holds beside its clipped sum, in planned standard deviations of its noise."""
    mechanism = update.mechanism
    if mechanism.sampling_rate < 1:  # which rows were taken is secret
        return np.zeros(0)
    clipped = clipping.clip(given, mechanism.unit, max_artworks=mechanism.max_artworks).values
    rotated = rotate(np.ldexp(clipped, clipping.FRACTION_BITS).astype(np.int64), mechanism.rotation_seed).astype(
        np.float64
    )
    expected = np.clip(np.ldexp(mechanism.gain * rotated, -mechanism.shift), -mechanism.clamp, mechanism.clamp)
    noise: NDArray[np.float64] = (update.values - expected) / mechanism.sigma_share
    return noise


def _width(noise: Sequence[NDArray[np.float64]]) -> float:
    return math.sqrt(float(np.mean(np.concatenate(noise) ** 2)))


def _repetition(series: NDArray[np.float64]) -> float:
    """The largest correlation with itself at any distance, in the standard deviations of fresh noise."""
    padded = np.concatenate([series, np.zeros(len(series))])
    products = np.fft.irfft(np.abs(np.fft.rfft(padded)) ** 2, len(padded))[1 : len(series)]
    overlaps = np.sqrt(np.arange(len(series) - 1, 0, -1))
    return float(np.abs(products / overlaps)[overlaps**2 >= _LEAST_OVERLAP].max(initial=0.0))
