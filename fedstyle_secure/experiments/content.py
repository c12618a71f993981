"""Content against style: whether a finished run finds who painted, and not what is painted.

Held-out works are compared with one another where the other answer cannot help: styles among works of other subjects,
subjects among works of other artists. On an atelier, whose styles are known, learned distances are compared with true
ones.

CNT-1  Style is asked for only among works of other subjects, and subjects only among works of other artists.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..artworks.artwork import Portfolio
from ..artworks.atelier import Hand, read_hands, style_distance
from ..catalogue.index import StyleIndex
from ..encoder.encoder import Encoder, title_of
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import extract
from ..encoder.model import StyleModel
from ..encoder.whitening import to_unit
from ..errors import InputError
from ..report.content import render_content
from ..runs.dataset import read_dataset
from ..runs.evaluation import Embed, prototypes
from ..runs.files import CATALOGUE_FOLDER, read_summary
from ..runs.folder import opened, whole_or_nothing
from ..runs.progress import Progress, Silent
from ..runs.search import open_model, read_settings
from ..runs.spending import read_listing

FORMAT: Final = "fedstyle-content-1"
RESULTS_FILE, REPORT_FILE = "content.json", "report.html"

POOLED, NO_TRAINING, TRAINED, SIGNATURES = "pooled", "no_training", "trained", "signatures"

_FEWEST: Final = 4  # artists, below which distances have no order worth a number
_SHUFFLES: Final = 999  # of the permutation test: p is at least one in a thousand


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Works:
    """Held-out works in one embedding.

    Attributes:
        embeddings: float32 [works, e], unit rows.
        artists: Number of the artist of each work, [works].
        contents: Number of the subject of each work, [works].
    """

    embeddings: NDArray[np.float32]
    artists: NDArray[np.intp]
    contents: NDArray[np.intp]


def measure_content(
    run: Path,
    *,
    artworks: Path | None = None,
    out: Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ask a finished run for styles and, as a control, for subjects.

    Args:
        run: Folder of a run on artworks whose index names contents.
        artworks: Where the run's artworks lie now; None for where they lay then.
        out: Folder to write the results and their page to; must not exist. None for nowhere.
        command: The command that reproduces the study, for the page.
        progress: Where to show how far it is.

    Returns:
        The results, as written to ``content.json``; `distances` is None where true styles are not known.

    Raises:
        InputError: Not a run, its artworks are gone or others, or no subject is shown by several artists.
    """
    kept = nullcontext() if out is None else whole_or_nothing(out)
    with kept as folder, opened(run):
        results = {"format": FORMAT, "command": command} | _measure(run, artworks, progress or Silent())
        if folder is not None:
            content = json.dumps(results, indent=2, allow_nan=False) + "\n"
            (folder / RESULTS_FILE).write_text(content, encoding="utf-8")
            (folder / REPORT_FILE).write_text(render_content(results), encoding="utf-8")
    return results


def judge(works: Works) -> dict[str, Any]:
    """How well works find others of their style, and others of their subject.

    Args:
        works: Held-out works in one embedding.

    Returns:
        For style and subject: `auc`, the probability that a work of the same is nearer than one of another (chance is
        one half); `first`, how often the nearest is of the same, and `chance` for that. And `style_over_subject`, the
        probability that a work of the same style and another subject is nearer than one of the same subject and
        another style. Means over all works that have both kinds.
    """
    likeness = works.embeddings @ works.embeddings.T
    style: list[tuple[float, ...]] = []
    subject: list[tuple[float, ...]] = []
    contest = []
    for row, artist, content in zip(likeness, works.artists, works.contents, strict=True):
        same_artist, same_content = works.artists == artist, works.contents == content
        by_style, by_subject = row[same_artist & ~same_content], row[~same_artist & same_content]
        others = row[~same_artist & ~same_content]
        if len(by_style) and len(by_subject) and len(others):
            style.append(_find(by_style, others))
            subject.append(_find(by_subject, others))
            contest.append(share_above(by_style, by_subject))
    if not contest:
        raise InputError(
            "no held-out subject is shown by several artists who show others too, so that style and subject cannot be "
            "told apart: use artworks whose contents are crossed with artists"
        )
    return {
        "style": dict(zip(("auc", "first", "chance"), np.mean(style, axis=0).tolist(), strict=True)),
        "subject": dict(zip(("auc", "first", "chance"), np.mean(subject, axis=0).tolist(), strict=True)),
        "style_over_subject": float(np.mean(contest)),
        "queries": len(contest),
    }


def share_above(mine: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Probability that one of `mine` is above one of `others`, ties counted half (the area under a ROC curve)."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, mine, "left") + np.searchsorted(ordered, mine, "right")
    return float(below.mean() / (2 * len(ordered)))


def mantel(a: NDArray[np.float64], b: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """Rank correlation of two distance matrices, and how often chance does as well (Mantel, Cancer Research 1967).

    Pairs that share an artist are not independent, so artists are shuffled and not pairs.

    Returns:
        The correlation, and the share of shuffles, this order among them, that correlate as much.
    """
    above = np.triu_indices(len(a), 1)
    ranks = np.zeros(a.shape)
    ranks[above] = _ranks(a[above])
    ranks += ranks.T
    fixed = _ranks(b[above])
    found = _correlation(ranks[above], fixed)
    rng = np.random.Generator(np.random.PCG64(seed))
    as_much = 1
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(a))
        as_much += _correlation(ranks[np.ix_(order, order)][above], fixed) >= found
    return found, as_much / (_SHUFFLES + 1)


def _measure(run: Path, artworks: Path | None, progress: Progress) -> dict[str, Any]:
    settings, summary = read_settings(run), read_summary(run)
    if not settings.hold_out:
        raise InputError(
            f"{run} held no artwork out, so there is nothing to ask with: use a run with --hold-out above 0"
        )
    place = artworks if artworks is not None else settings.artworks
    if not place.exists():
        raise InputError(f"the artworks of {run} are not in {place}: give the folder where they are with --artworks")
    encoder, model = open_model(run)
    with progress.stage("Reading artworks", None):
        dataset = read_dataset(replace(settings, artworks=place))
    names = [portfolio.artist for portfolio in dataset.training]
    if strangers := set(names) - set(read_listing(summary, run)):
        raise InputError(f"{place} does not hold the artworks of {run}, which knows no artist {min(strangers)!r}")
    if any(artwork.content is None for portfolio in dataset.held_out for artwork in portfolio.artworks):
        raise InputError(f"no index in {place} names what every artwork shows: add index.csv with a column 'content'")
    portfolios = (*dataset.training, *dataset.held_out)
    cache = FeatureCache(settings.features_cache)
    with progress.stage(title_of(encoder), sum(len(p.artworks) for p in portfolios)) as advance:
        raw = [extract(p.artworks, encoder, views=0, cache=cache, on_progress=advance).views[:, 0] for p in portfolios]
    training, held_out = dict(zip(names, raw, strict=False)), np.concatenate(raw[len(names) :])
    artists, contents = _labels(dataset.held_out)
    spaces = _spaces(model, encoder)
    return {
        "artists": len(names),
        "contents": int(contents.max()) + 1,
        "split": settings.split,
        "epsilon": summary["privacy"]["epsilon"],
        "spaces": {
            name: judge(Works(embeddings=embed(held_out), artists=artists, contents=contents))
            for name, embed in spaces.items()
        },
        "distances": _distances(
            {
                name: prototypes({artist: embed(features) for artist, features in training.items()})
                for name, embed in spaces.items()
            }
            | _signatures(run, names),
            names,
            read_hands(place),
        ),
    }


def _spaces(model: StyleModel, encoder: Encoder) -> dict[str, Embed]:
    """What is compared: what the encoder says is depicted, the public style space, and the trained one."""

    def pool(raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return to_unit(raw[:, -encoder.pooled_size :] - model.whitening.center[-encoder.pooled_size :])

    return {POOLED: pool, NO_TRAINING: model.whiten, TRAINED: model.embed}


def _signatures(run: Path, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Published signatures of all artists, if they all published one."""
    if not (run / CATALOGUE_FOLDER).exists():
        return {}
    index = StyleIndex.load(run / CATALOGUE_FOLDER)
    rows = [index.artists.index(name) for name in names if name in index.artists]
    return {SIGNATURES: index.vectors[rows]} if len(rows) == len(names) else {}


def _labels(portfolios: Sequence[Portfolio]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of artist and subject of every work, in order."""
    pairs = [(number, work.content) for number, p in enumerate(portfolios) for work in p.artworks]
    contents = sorted({str(content) for _, content in pairs})
    return (
        np.array([artist for artist, _ in pairs], dtype=np.intp),
        np.array([contents.index(str(content)) for _, content in pairs], dtype=np.intp),
    )


def _distances(
    spaces: Mapping[str, NDArray[np.float32]], names: Sequence[str], hands: Mapping[str, Hand] | None
) -> dict[str, Any] | None:
    """Learned distances against the true ones."""
    if hands is None or not set(names) <= set(hands) or len(names) < _FEWEST:
        return None
    true = np.zeros((len(names), len(names)))
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        true[i, j] = true[j, i] = style_distance(hands[a], hands[b])
    found = {name: mantel(1.0 - rows.astype(np.float64) @ rows.T, true, seed=0) for name, rows in spaces.items()}
    return {
        "pairs": len(names) * (len(names) - 1) // 2,
        "spaces": {name: {"spearman": rho, "p": p} for name, (rho, p) in found.items()},
    }


def _find(mine: NDArray[np.float32], others: NDArray[np.float32]) -> tuple[float, float, float]:
    """AUC, whether the nearest is of the same kind, and how likely that is by chance."""
    return share_above(mine, others), float(mine.max() > others.max()), len(mine) / (len(mine) + len(others))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0, ties sharing their mean rank."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else 0.0
