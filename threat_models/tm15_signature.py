"""TM-15: what a published signature tells of the artworks behind it: their pixels, and which they were.

Signatures are there to show a style, so both games are about artworks within one style. *Inversion*: a decoder that
was trained on public painters' signatures, made as the victim's was, turns the signature into an image.
*Re-identification*: one artwork of the portfolio stands among 99 others by the same hand; the attacker names the one
whose embedding fits the signature best, by the likelihood ratio, not knowing the rest of the portfolio or knowing it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.features import StyleFeatures, extract
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.accounting import mu_of, naming_bound
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.releases import Release
from fedstyle_secure.runs.budget import SIGNATURE_SHARE, Budget, plan_budget, untrained_budget
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .decoder import Decoder, Studio, open_studio
from .deployment import Deployment
from .lone_artist import lone_artist
from .masked_sum import EPSILON, NOISE, deployed, deployed_untrained, noiseless
from .reconstruction import paint, pixels, psnr

LEDGER: Final = "ledger"
PORTFOLIO, LARGER, CANDIDATES, SIDE, SEED = 30, 60, 100, 32, 15
"""Artworks of a small portfolio and of one as painters have; of how many an attacker names one."""
ENCODER: Final = "lite0"
VICTIMS: Final = {Effort.FAST: 2, Effort.SLOW: 6}
TRIALS: Final = {Effort.FAST: 10, Effort.SLOW: 12}
"""Signatures of each victim, each with fresh noise; victims differ by more than draws of noise do."""
PRICED: Final = {Effort.FAST: (EPSILON,), Effort.SLOW: (2.0, 4.0, EPSILON)}
SHARES: Final = (0.35, SIGNATURE_SHARE, 1.0)
"""Epsilons of a run, and shares of its mu squared that a signature may have: 1 where nothing is trained."""
_REQUESTS: Final = 32  # how often an attacker asks for a signature
_COHORT: Final = 8
_FLOOR, _ONE, _WHOLE = "floor", "a portfolio of one: over the floor", "a portfolio: over the floor"
_NAMED, _NAMED_KNOWING = "re-identified", "re-identified by who knows the rest"
_WHOLE_NAMED, _WHOLE_NAMED_KNOWING = (f"{name}, untrained" for name in (_NAMED, _NAMED_KNOWING))
_LARGER_NAMED: Final = f"{_WHOLE_NAMED}, {LARGER} artworks"
_NAMINGS: Final = (_NAMED, _NAMED_KNOWING, _WHOLE_NAMED, _WHOLE_NAMED_KNOWING, _LARGER_NAMED)
_RELEASED: Final = "signatures released"
_OF_BOUND: Final = "largest part of what the trade-off curve allows at epsilon 8, over shares"
_DRAWS: Final = 4  # signatures of each public painter that a decoder learns from


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Victim:
    """One artist: a portfolio, and other artworks by the same hand.

    Attributes:
        features: Raw features of the portfolio.
        embeddings: Of the portfolio [artworks, d].
        others: Embeddings of artworks that are not in it [CANDIDATES - 1, d].
        images: Of the portfolio [artworks, pixels].
    """

    features: StyleFeatures
    embeddings: NDArray[np.float64]
    others: NDArray[np.float64]
    images: NDArray[np.float64]


@cache
def _see(count: int) -> tuple[tuple[NDArray[np.float64], StyleFeatures], ...]:
    """Images and raw features of all that the victims painted."""
    studio = open_studio(ENCODER, SIDE)
    painted = paint(count, LARGER + CANDIDATES - 1, seed=SEED, size=SIDE)
    return tuple((pixels((each,)), extract(each.artworks, studio.encoder, views=0)) for each in painted)


@cache
def make_victims(count: int, draw: int = 0, artworks: int = PORTFOLIO) -> tuple[Victim, ...]:
    """Victims, and a draw of which of their artworks belong to a portfolio, so many.

    An artwork that stands out is named more often than others whether it is behind a signature or not: only over many
    draws is a guess right in 1 of 100 tries.
    """
    studio = open_studio(ENCODER, SIDE)
    victims = []
    for images, features in _see(count):
        order = np.random.default_rng(SEED + draw).permutation(len(images))
        inside, outside = order[:artworks], order[artworks : artworks + CANDIDATES - 1]
        embeddings = studio.embed(features.views[:, 0]).astype(np.float64)
        victims.append(
            Victim(
                features=StyleFeatures(features.views[inside]),
                embeddings=embeddings[inside],
                others=embeddings[outside],
                images=images[inside],
            )
        )
    return tuple(victims)


def signature_release(studio: Studio, budget: Budget, without: frozenset[str]) -> Mechanism:
    """A run's release of a signature."""
    mechanism = budget.signature_mechanism(studio.space.dimensions)
    return noiseless(mechanism) if NOISE in without else mechanism


def publish(
    studio: Studio, features: StyleFeatures, budget: Budget, without: frozenset[str], *, seed: int
) -> list[NDArray[np.float32]]:
    """Ask a real artist, who has done all else that the budget is for, for signatures until its ledger refuses."""
    mechanism = signature_release(studio, budget, without)
    limit = math.inf if {LEDGER, NOISE} & without else 8.0
    signatures: list[NDArray[np.float32]] = []
    with TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "artist.jsonl", limit=limit, delta=1e-5, view=View.AGGREGATE)
        artist = lone_artist(
            features,
            studio.codebook,
            0,
            ledger=ledger,
            mode=mechanism.mode,
            unit=mechanism.unit,
            name=f"signature {seed}",
        )
        d, outputs = studio.model.head.shape[::-1]
        for number, spent in enumerate(budget.mechanisms(dimensions=d, outputs=outputs)[:-1]):
            ledger.charge(Release.of(spent, name="training", iteration=1 + number))
        while len(signatures) < (_REQUESTS if LEDGER in without else 2):
            try:
                signatures.append(artist.publish_signature(studio.embed, mechanism))
            except PrivacyError:
                break
    return signatures


def combine(signatures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """All signatures that were got, as one with less noise [d]."""
    return to_unit(np.mean(signatures, axis=0)).astype(np.float64)


@cache
def train_decoder(noise: float, *, is_single: bool) -> Decoder:
    """Learn to invert signatures from public painters', made as the victims' are.

    Args:
        noise: Standard deviation beside a mean embedding, in each coordinate.
        is_single: Whether each signature stands for one artwork; else for all of its painter's.
    """
    studio = open_studio(ENCODER, SIDE)
    embeddings = [studio.embed(each.views[:, 0]).astype(np.float64) for each in studio.public]
    images = np.split(studio.images, np.cumsum([len(each) for each in embeddings])[:-1])
    if is_single:
        vectors, targets = np.concatenate(embeddings), np.concatenate(images)
        artists = np.repeat(np.arange(len(images)), [len(each) for each in images])
    else:
        vectors = np.repeat([each.mean(axis=0) for each in embeddings], _DRAWS, axis=0)
        targets = np.repeat([each.mean(axis=0) for each in images], _DRAWS, axis=0)
        artists = np.repeat(np.arange(len(images)), _DRAWS)
    noisy = vectors + noise * np.random.default_rng(SEED).normal(size=vectors.shape)
    return Decoder.fit(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), targets, artists)


def name_members(victim: Victim, signature: NDArray[np.float64], noise: float, *, knows_rest: bool) -> float:
    """How often the attacker names the member among 99 that are not, each member in its turn.

    Args:
        victim: Portfolio and others.
        signature: A unit vector [d].
        noise: Standard deviation in each coordinate of the summed embeddings.
        knows_rest: Whether the attacker knows all other members.
    """
    named, rest = 0, len(victim.embeddings) - 1
    summed = victim.embeddings.sum(axis=0)
    for member in victim.embeddings:
        candidates = np.vstack([member, victim.others])
        center = candidates.mean(axis=0)
        deviations = candidates - center
        spread = (deviations.T @ deviations + np.eye(len(center)) * np.sum(deviations**2) / len(center)) / (
            2 * len(candidates)
        )
        known = summed - member if knows_rest else rest * center
        unknown = 0.0 if knows_rest else rest
        expected = known + center
        length = expected @ expected / (signature @ expected)  # a unit vector does not tell how long the sum was
        precision = np.linalg.inv(unknown * spread + (noise**2 + 1e-6) * np.eye(len(center)))
        ahead = deviations @ precision @ (length * signature - expected)
        ratios = ahead - np.sum((deviations @ precision) * deviations, axis=1) / 2
        named += int(np.argmax(ratios) == 0)
    return named / len(victim.embeddings)


@cache
def priced(epsilon: float, share: float) -> Budget:
    """What a run promises in which a signature has this share."""
    settings = Settings(artworks=Path("artworks"), out=Path("run"), epsilon=epsilon, signature_share=min(share, 0.9))
    if share == 1:
        return untrained_budget(settings, _COHORT)
    return plan_budget(settings, clients=_COHORT, dimensions=DIMENSIONS, outputs=OUTPUTS)


def measure_prices(studio: Studio, effort: Effort) -> dict[tuple[float, float], float]:
    """How often who knows all others names the last one, by epsilon and share."""
    found = {}
    for epsilon, share in product(PRICED[effort], SHARES):
        budget = priced(epsilon, share)
        noise = signature_release(studio, budget, frozenset()).noise_multiplier
        got = [
            (victim, combine(publish(studio, victim.features, budget, frozenset(), seed=trial)))
            for trial in range(TRIALS[effort])
            for victim in make_victims(VICTIMS[effort], trial)
        ]
        named = [name_members(victim, signature, noise, knows_rest=True) for victim, signature in got]
        found[epsilon, share] = float(np.mean(named))
    return found


def bound(epsilon: float, share: float) -> float:
    """How often the trade-off curve lets anyone name one of CANDIDATES."""
    return naming_bound(math.sqrt(share) * mu_of(epsilon, 1e-5), CANDIDATES)


def defended(deployment: Deployment) -> bool:
    """The noise is that of epsilon 8 or less, artists sign, and have thirty artworks."""
    return deployment.has_noise_of(EPSILON) and deployment.settings.sign and deployment.artworks >= PORTFOLIO


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Get signatures of every victim, invert them, and look for members."""
    studio = open_studio(ENCODER, SIDE)
    budget, untrained = deployed(_COHORT), deployed_untrained(_COHORT)
    multiplier = signature_release(studio, budget, without).noise_multiplier
    alone = signature_release(studio, untrained, without).noise_multiplier
    names = (_FLOOR, _ONE, _WHOLE, *_NAMINGS, _RELEASED)
    found: dict[str, list[float]] = {name: [] for name in names}
    mean = studio.images.mean(axis=0)
    for number, victim in enumerate(make_victims(VICTIMS[effort])):
        floor = psnr(victim.images, mean)
        found[_FLOOR] += floor.tolist()
        for trial in range(TRIALS[effort]):
            drawn = make_victims(VICTIMS[effort], trial)[number]
            got = publish(studio, drawn.features, budget, without, seed=trial)
            signature, noise = combine(got), multiplier / float(np.sqrt(len(got)))
            image = train_decoder(noise / PORTFOLIO, is_single=False).decode(signature)
            found[_WHOLE].append(float(np.mean(psnr(drawn.images, image) - psnr(drawn.images, mean))))
            found[_NAMED].append(name_members(drawn, signature, noise, knows_rest=False))
            found[_NAMED_KNOWING].append(name_members(drawn, signature, noise, knows_rest=True))
            found[_RELEASED].append(float(len(got)))
            got = publish(studio, drawn.features, untrained, without, seed=trial)
            signature, noise = combine(got), alone / float(np.sqrt(len(got)))
            found[_WHOLE_NAMED].append(name_members(drawn, signature, noise, knows_rest=False))
            found[_WHOLE_NAMED_KNOWING].append(name_members(drawn, signature, noise, knows_rest=True))
            drawn = make_victims(VICTIMS[effort], trial, LARGER)[number]
            got = publish(studio, drawn.features, untrained, without, seed=trial)
            noise = alone / float(np.sqrt(len(got)))
            found[_LARGER_NAMED].append(name_members(drawn, combine(got), noise, knows_rest=False))
        for place, truth in enumerate(victim.images):
            single = StyleFeatures(victim.features.views[place : place + 1])
            got = publish(studio, single, budget, without, seed=place)
            image = train_decoder(multiplier / float(np.sqrt(len(got))), is_single=True).decode(combine(got))
            found[_ONE].append(float(psnr(truth, image) - floor[place]))
    figures = {name: float(np.mean(values)) for name, values in found.items()}
    prices = {(EPSILON, SIGNATURE_SHARE): figures[_NAMED_KNOWING], (EPSILON, 1.0): figures[_WHOLE_NAMED_KNOWING]}
    if not without:
        prices = measure_prices(studio, effort)
        figures |= {
            f"named at epsilon {epsilon:g}, share {share:g}": named for (epsilon, share), named in prices.items()
        }
        figures |= _errors(found, TRIALS[effort])
    # At smaller epsilon the bound is so near to a guess that which artworks stand out in a draw hides the difference.
    parts = [named / bound(*price) for price, named in prices.items() if price[0] == EPSILON]
    return figures | {_OF_BOUND: max(parts)}


def _errors(found: dict[str, list[float]], trials: int) -> dict[str, float]:
    """Standard errors over victims, where there are several."""
    means = {name: np.reshape(found[name], (-1, trials)).mean(axis=1) for name in _NAMINGS}
    return {
        f"{name}: standard error": float(np.std(values, ddof=1) / math.sqrt(len(values)))
        for name, values in means.items()
        if len(values) > 2
    }


CLAIM: Final = Claim(
    number=15,
    title="Signature: from a published style back to artworks",
    adversary="Anyone: signatures are public. Knows the model and plenty of public art, has 100 artworks by the "
    "artist, and wonders which one is in the portfolio; or even knows all the rest of the portfolio.",
    assets="The pixels of an artist's artworks, and which artworks it keeps.",
    assumption="A run at epsilon 8 that trains, of which a signature takes half of mu squared, or one that trains "
    "nothing and leaves it all; 30 artworks.",
    promise="A signature shows a style. Its inversion is within one decibel of the public mean image, and of 100 "
    "artworks in that style the one behind it is named in at most 10 of 100 tries, or 13 by who knows all others "
    "behind it, which is what half of mu squared allows against anyone; where nothing was trained, in 10 and 15, and "
    "in 6 if sixty are behind it. At each share it is named no more often than the trade-off curve allows, and "
    "`fedstyle budget plan` tells that price.",
    defenses={
        NOISE: "`artist.Artist.publish_signature` adds the artist's own noise",
        LEDGER: "`privacy.ledger.Ledger` refuses a second signature, whose mean with the first has less noise",
    },
    power=(
        Limit(figure=_ONE, at_least=1.5, unit="dB"),
        Limit(figure=_NAMED_KNOWING, at_least=0.9),
    ),
    protected=(
        Limit(figure=_ONE, at_most=1.0, unit="dB"),
        Limit(figure=_WHOLE, at_most=1.0, unit="dB"),
        Limit(figure=_NAMED, at_most=0.10),
        Limit(figure=_NAMED_KNOWING, at_most=bound(EPSILON, SIGNATURE_SHARE)),
        Limit(figure=_WHOLE_NAMED, at_most=0.10),
        Limit(figure=_WHOLE_NAMED_KNOWING, at_most=0.15),
        Limit(figure=_LARGER_NAMED, at_most=0.06),
        Limit(figure=_RELEASED, at_most=1),
        Limit(figure=_OF_BOUND, at_most=1),
    ),
    residual="Palette and lightness are style, and a signature tells them: an artist whose works all look alike is "
    "better inverted than this one. Chance would name 1 of 100. Epsilon 8 on one signature allows who knows 29 of 30 "
    "artworks exactly to name the last one in 26 of 100 tries; over six artists it is named in 13, and in 8 by who "
    "does not know the rest, or 4 if sixty are behind it (docs/adr/0015-training-is-rehearsed.md): less takes a "
    "smaller epsilon.",
    tests=("tests/threat_models/test_tm15_signature.py::test_after_training_a_ledger_lets_one_signature_out",),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.IDENTIFYING, Linddun.DETECTING),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)
