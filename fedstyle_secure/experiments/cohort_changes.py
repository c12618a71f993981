"""New artists and leaving artists: are those who join without training found as well, and do the others notice a leave?

CHG-1  Newcomers train nothing: neither their artworks nor their number is known to the run they join.
CHG-2  All are searched for among all: participants and newcomers compete in one catalogue of private signatures.
"""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from ..catalogue.index import StyleIndex
from ..catalogue.search import search
from ..config import Settings
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..errors import InputError
from ..privacy.ledger import Ledger
from ..privacy.mechanism import View
from ..privacy.sizing import Mode
from ..report.cohort_changes import render_changes
from ..runs.budget import plan_budget
from ..runs.dataset import derive_seed, read_dataset
from ..runs.evaluation import Embed, prototypes, rank
from ..runs.folder import whole_or_nothing
from ..runs.ledgers import scratch_ledgers
from ..runs.members import Newcomer
from ..runs.progress import Progress, Silent
from ..runs.spending import finite
from ..runs.stages import Prepared
from ..runs.train import DIMENSIONS, OUTPUTS, _prepare, walk

FORMAT: Final = "fedstyle-cohort-changes-1"

RESULTS_FILE, REPORT_FILE = "cohort-changes.json", "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who joins and who leaves.

    Attributes:
        newcomers: Artists who join after training.
        leavers: Participants who leave after that.
        seeds: Repetitions: other splits, other newcomers, other leavers.
    """

    newcomers: int
    leavers: int
    seeds: int = 3

    def __post_init__(self) -> None:
        for name in ("newcomers", "leavers", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """Everyone, after training: who took part, who comes later, and what everybody is asked with."""

    participants: Mapping[str, StyleFeatures]
    newcomers: Mapping[str, StyleFeatures]
    queries: Mapping[str, StyleFeatures]


def measure_changes(
    settings: Settings, change: Change, *, out: Path | None = None, command: str = "", progress: Progress | None = None
) -> dict[str, Any]:
    """Train without some artists, let them join, let others leave, and ask about everyone's held-out works each time.

    Args:
        settings: Of the runs; their own `out` and `seed` are not used.
        change: Who joins and leaves.
        out: Folder to write the results and their page to; must not exist. None for nowhere.
        command: The command that reproduces the study, for the page.
        progress: Where to show how far it is.

    Returns:
        The results, as written to ``cohort-changes.json``; infinite epsilon is null.

    Raises:
        InputError: Too few artists, or nobody signs.
        PrivacyError: The budget cannot be kept.
        FedStyleError: No session completed, or the disk failed.
    """
    if not settings.sign:
        raise InputError("who joins and leaves a catalogue signs: drop --no-sign")
    kept = nullcontext() if out is None else whole_or_nothing(out)
    with kept as folder:
        runs = [_measure(replace(settings, seed=seed), change, progress or Silent()) for seed in range(change.seeds)]
        results = {"format": FORMAT, "command": command, "settings": settings.as_dict()} | _summarize(runs)
        if folder is not None:
            content = json.dumps(results, indent=2, allow_nan=False) + "\n"
            (folder / RESULTS_FILE).write_text(content, encoding="utf-8")
            (folder / REPORT_FILE).write_text(render_changes(results), encoding="utf-8")
    return results


def _measure(settings: Settings, change: Change, progress: Progress) -> dict[str, Any]:
    """One training, one wave of newcomers, one of leavers, and one training without the leavers."""
    with tempfile.TemporaryDirectory(prefix="fedstyle-changes-") as scratch:
        everyone = _prepare(settings, read_dataset(settings), Path(scratch), progress)
        rng = np.random.Generator(np.random.PCG64(derive_seed(settings.seed, "cohort changes")))
        names = [list(everyone.training)[number] for number in rng.permutation(len(everyone.training))]
        joining, staying = names[: change.newcomers], names[change.newcomers :]
        leaving = staying[: change.leavers]
        if len(staying) - len(leaving) < max(2, settings.min_cohort):
            raise InputError(
                f"of {len(names)} artists {len(joining)} join later and {len(leaving)} leave, so that too few stay: "
                f"the minimum cohort is {settings.min_cohort}; lower --newcomers or --leavers, or add artists"
            )
        prepared = _only(everyone, staying)
        trained, index = walk(prepared, scratch_ledgers(prepared, _folder(scratch, "all")), None, progress)
        model = trained.model
        cohort = Cohort(
            participants=prepared.training,
            newcomers={name: everyone.training[name] for name in joining},
            queries=everyone.held_out,
        )
        signed = cast("StyleIndex", index)  # these settings sign
        joined, spent = _join(prepared, cohort, model, signed, _folder(scratch, "newcomers"))
        left = joined
        for name in leaving:
            left = left.without(name)
        others = [name for name in staying if name not in leaving]
        fewer = _only(everyone, others)
        again, _ = walk(fewer, scratch_ledgers(fewer, _folder(scratch, "others")), None, progress)
        retrained = again.model
    groups = {"participants": staying, "newcomers": joining}
    embeddings = {"no_training": trained.start.whiten, "exact": model.embed}
    return {
        "artists": {"participants": len(staying), "newcomers": len(joining), "leavers": len(leaving)},
        "found": {
            group: {name: _by_prototypes(cohort, embed, asked, among=names) for name, embed in embeddings.items()}
            | {"signatures": _by_signatures(cohort, model, joined, asked)}
            for group, asked in groups.items()
        },
        "others": {
            "before": _by_signatures(cohort, model, joined, others),
            "after": _by_signatures(cohort, model, left, others),
            "model": _by_prototypes(cohort, model.embed, others, among=others),
            "model_retrained": _by_prototypes(cohort, retrained.embed, others, among=others),
        },
        "epsilon": {"participants": _spent(trained.fullest_ledger), "newcomers": spent},
    }


def _only(prepared: Prepared, names: Sequence[str]) -> Prepared:
    """The same with fewer artists, who know nothing of the others (CHG-1)."""
    return replace(
        prepared,
        training={name: prepared.training[name] for name in names},
        held_out={name: prepared.held_out[name] for name in names},
        budget=plan_budget(prepared.settings, clients=len(names), dimensions=DIMENSIONS, outputs=OUTPUTS),
        seconds={},
    )


def _join(
    prepared: Prepared, cohort: Cohort, model: StyleModel, index: StyleIndex, folder: Path
) -> tuple[StyleIndex, dict[str, float | None]]:
    """The catalogue with all newcomers, and what one of them spent."""
    settings, budget = prepared.settings, prepared.budget
    limit = math.inf if settings.privacy is Mode.NONE else settings.epsilon
    mechanism = budget.signature_mechanism(index.space.dimensions)
    for number, (name, features) in enumerate(cohort.newcomers.items()):
        ledger = Ledger.open(folder / f"{number:04d}.jsonl", limit=limit, delta=settings.delta, view=budget.view)
        newcomer = Newcomer(name, features, ledger, settings, budget)
        index = index.with_signature(newcomer.sign(model, index, mechanism))
    return index, _spent(ledger)


def _by_prototypes(cohort: Cohort, embed: Embed, asked: Sequence[str], *, among: Sequence[str]) -> float:
    """accuracy@1 of the queries of `asked`, by exact prototypes of `among`: an experimenter's view."""
    works = {**cohort.participants, **cohort.newcomers}
    targets = prototypes({name: embed(works[name].views[:, 0]) for name in among})
    hits = [rank(embed(cohort.queries[name].views[:, 0]), targets)[:, 0] == list(among).index(name) for name in asked]
    return float(np.concatenate(hits).mean())


def _by_signatures(cohort: Cohort, model: StyleModel, index: StyleIndex, asked: Sequence[str]) -> float:
    """accuracy@1 of the queries of `asked` in a catalogue: what a buyer gets (CHG-2)."""
    hits = [
        answer[0].artist == name
        for name in asked
        for answer in search(index, model.embed(cohort.queries[name].views[:, 0]), 1)
    ]
    return float(np.mean(hits))


def _summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and one sentence."""
    found = {
        group: {name: _spread([run["found"][group][name] for run in runs]) for name in scores}
        for group, scores in runs[0]["found"].items()
    }
    others = {name: _spread([run["others"][name] for run in runs]) for name in runs[0]["others"]}
    newcomers, participants = (_mean(runs, "found", group, "signatures") for group in ("newcomers", "participants"))
    ratio = newcomers / max(participants, 1e-12)
    change = _mean(runs, "others", "after") - _mean(runs, "others", "before")
    sentence = (
        f"Artists who join without training are found with {ratio:.0%} of the accuracy of those who took part; "
        f"when some leave, accuracy for the others changes by {100 * change:+.1f} points."
    )
    return {
        "seeds": len(runs),
        "artists": runs[0]["artists"],
        "epsilon": runs[0]["epsilon"],
        "found": found,
        "others": others,
        "newcomers_to_participants": ratio,
        "sentence": sentence,
        "runs": list(runs),
    }


def _mean(runs: Sequence[Mapping[str, Any]], *keys: str) -> float:
    return float(np.mean([reduce(getitem, keys, run) for run in runs]))


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and sample standard deviation, which a single value has none of."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if len(values) > 1 else None}


def _spent(ledger: Ledger) -> dict[str, float | None]:
    spent = {view.value: ledger.epsilon(view) for view in View}
    return {view: finite(value) for view, value in spent.items()}


def _folder(scratch: str, name: str) -> Path:
    folder = Path(scratch) / name
    folder.mkdir()
    return folder
