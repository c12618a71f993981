"""A rival from start to scores: tuned on public artists, trained on the clients, and measured as FedStyle is.

RIV-1  Nothing about a rival is chosen by looking at a client's artwork: learning rate, steps and clip norms come from
       the public artists alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.whitening import to_unit
from ..errors import InputError
from ..runs.dataset import derive_seed
from ..runs.evaluation import prototypes, score
from ..runs.stages import Prepared
from ..training.baselines.fedavg import CLASSIFIER, COUNT, HEAD
from ..training.baselines.task import Baseline, Recipe, Task
from ..training.updates import Support
from .exchange import ClearExchange, MaskedExchange, upload_mechanism

LEARNING_RATES: Final = (0.3, 1.0, 3.0, 10.0)
"""What is tried on the public artists, with every number of local steps of the baseline."""

TUNING_SHARE: Final = 0.3
"""Part of each public artist's artworks that is asked about while tuning."""

CLIP_MARGIN: Final = 2.0
"""Clip norms, over the longest upload seen while tuning: clients' uploads are rarely shortened."""

RESIDUAL, HEAD_ALONE = "residual", "head"
EMBEDDINGS: Final = (RESIDUAL, HEAD_ALONE)
"""How a head is used: beside the whitened features as in FedStyle, or by itself as its paper does."""

_BYTE = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What a rival came to.

    Attributes:
        heads: float32 [1 or artists, h, d].
        recipe: What was chosen on the public artists.
        rounds: Exchanges.
        bytes_up: Of each artist.
        bytes_down: Of each artist.
    """

    heads: NDArray[np.float32]
    recipe: Recipe
    rounds: int
    bytes_up: int
    bytes_down: int


def fit(baseline: Baseline, prepared: Prepared, start: StyleModel) -> Fitted:
    """Tune on public artists, then train on the clients, with as many bytes up as FedStyle takes."""
    rounds = affordable_rounds(prepared, start)
    recipe, clip_norms = tune(baseline, prepared, start, rounds=rounds)
    exchange: ClearExchange | MaskedExchange = ClearExchange()
    if baseline.uploads is Support.COHORT:
        clip_norms[COUNT] = float(prepared.budget.cohort.max_artworks)
        exchange = MaskedExchange(
            cohort=prepared.budget.cohort, clip_norms=clip_norms, min_cohort=prepared.settings.min_cohort
        )
    task = Task(
        head=start.head,
        artists=[_inputs(start, features) for features in prepared.training.values()],
        public=[_inputs(start, features) for features in prepared.public.values()],
        rounds=rounds,
        seed=derive_seed(prepared.settings.seed, "classifier"),
    )
    heads = baseline.fit(task, recipe, exchange)
    return Fitted(heads=heads, recipe=recipe, rounds=rounds, bytes_up=exchange.bytes_up, bytes_down=exchange.bytes_down)


def affordable_rounds(prepared: Prepared, start: StyleModel) -> int:
    """How many uploads of head, classifier and count FedStyle's masked vectors pay for; its own iterations at least."""
    outputs, dimensions = start.head.shape
    cohort = prepared.budget.cohort
    releases = [
        cohort.mechanism(iteration, dimensions=dimensions, outputs=outputs)
        for iteration in range(1, len(cohort.multipliers) + 1)
    ]
    sizes = {HEAD: outputs * dimensions, CLASSIFIER: outputs * cohort.clients, COUNT: 1}
    one = upload_mechanism(cohort, sizes, dict.fromkeys(sizes, 1.0), Support.COHORT)
    paid = sum(release.dimension * release.modulus_bits for release in releases) // _BYTE
    return max(len(releases), paid * _BYTE // (one.dimension * one.modulus_bits))


def tune(baseline: Baseline, prepared: Prepared, start: StyleModel, *, rounds: int) -> tuple[Recipe, dict[str, float]]:
    """The best recipe among public artists who play clients, and clip norms with room above their longest uploads.

    Every public artist's artworks are divided; heads start at random, because the warm one knows all of them. The
    best is the one with the highest mean reciprocal rank of the embedding beside the whitened features; among equals,
    with the widest margin.
    """
    known, asked = _divide(prepared)
    rng = np.random.Generator(np.random.PCG64(derive_seed(prepared.settings.seed, "tuning head")))
    cold = (
        np.linalg.qr(rng.normal(size=start.head.T.shape))[0].T if start.head.shape[0] <= start.head.shape[1] else None
    )
    head = start.head if cold is None else (cold * np.linalg.norm(start.head) / np.linalg.norm(cold)).astype(np.float32)
    task = Task(
        head=head,
        artists=[_inputs(start, features) for features in known.values()],
        public=[],
        rounds=rounds,
        seed=derive_seed(prepared.settings.seed, "classifier"),
    )
    best: tuple[tuple[float, float], Recipe, dict[str, float]] | None = None
    for steps in baseline.local_steps:
        for rate in LEARNING_RATES:
            recipe, exchange = Recipe(learning_rate=rate, local_steps=steps), ClearExchange()
            heads = baseline.fit(task, recipe, exchange)
            if not np.isfinite(heads).all():
                continue
            similarities, truth = compare(heads, start, known, asked, embedding=RESIDUAL)
            reached = score(ranked(similarities), truth).mrr, margin(similarities, truth)
            if best is None or reached > best[0]:
                best = reached, recipe, exchange.largest
    if best is None:
        raise InputError(f"{baseline.title} diverges on the public artists at every learning rate of {LEARNING_RATES}")
    return best[1], {name: CLIP_MARGIN * length for name, length in best[2].items()}


def compare(
    heads: NDArray[np.float32],
    start: StyleModel,
    known: Mapping[str, StyleFeatures],
    asked: Mapping[str, StyleFeatures],
    *,
    embedding: str,
) -> tuple[NDArray[np.float32], list[int]]:
    """How near every query is to every artist, to each by its own head where it has one.

    Args:
        heads: float32 [1 or artists, h, d].
        start: The model whose head they replace.
        known: Artists' training artworks.
        asked: Their queries, the same artists in the same order.
        embedding: One of `EMBEDDINGS`.

    Returns:
        Cosines float32 [queries, artists], and the right answer of each query.
    """
    names = list(known)
    queries = np.concatenate([asked[name].views[:, 0] for name in names])
    truth = [number for number, name in enumerate(names) for _ in range(len(asked[name]))]
    columns = []
    for number, head in enumerate(heads):
        model = replace(start, head=head)
        targets = names if len(heads) == 1 else [names[number]]
        places = prototypes({name: embed(model, known[name].views[:, 0], embedding) for name in targets})
        columns.append(embed(model, queries, embedding) @ places.T)
    return np.concatenate(columns, axis=1), truth


def ranked(similarities: NDArray[np.float32]) -> NDArray[np.intp]:
    """Artists for each query, nearest first."""
    return np.argsort(-similarities, axis=1, kind="stable")


def margin(similarities: NDArray[np.float32], truth: Sequence[int]) -> float:
    """By how much the right artist is nearer than the nearest other, on average."""
    rows = np.arange(len(truth))
    others = similarities.copy()
    others[rows, truth] = -np.inf
    return float(np.mean(similarities[rows, truth] - others.max(axis=1)))


def embed(model: StyleModel, raw: NDArray[np.float32], embedding: str) -> NDArray[np.float32]:
    """Raw features [.., features] to unit vectors, beside the aligned features or by the head alone."""
    if embedding == RESIDUAL:
        return model.embed(raw)
    return to_unit(model.align(model.whiten(raw)) @ model.head.T)


def _inputs(start: StyleModel, features: StyleFeatures) -> NDArray[np.float32]:
    """What FedStyle's head trains on: augmented views, float32 [artworks, K, d]."""
    return start.align(start.whiten(features.views[:, 1:]))


def _divide(prepared: Prepared) -> tuple[dict[str, StyleFeatures], dict[str, StyleFeatures]]:
    """Public artists with at least two artworks, their artworks divided at random."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(prepared.settings.seed, "tuning split")))
    known, asked = {}, {}
    for name, features in prepared.public.items():
        if len(features) < 2:
            continue
        order = rng.permutation(len(features))
        count = max(1, round(TUNING_SHARE * len(features)))
        known[name], asked[name] = _some(features, order[count:]), _some(features, order[:count])
    return known, asked


def _some(features: StyleFeatures, rows: Sequence[int] | NDArray[np.int64]) -> StyleFeatures:
    return StyleFeatures(features.views[np.sort(rows)])
