"""New and leaving artists: newcomers train nothing (CHG-1), and all compete in one catalogue (CHG-2)."""

import json
import math
from pathlib import Path

import pytest

from fedstyle_secure.config import Settings
from fedstyle_secure.errors import InputError
from fedstyle_secure.experiments import cohort_changes
from fedstyle_secure.experiments.cohort_changes import Change, measure_changes
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.stages import Prepared
from tests import stand_ins
from tests.stand_ins import listing

pytestmark = pytest.mark.usefixtures("quick")


def settings(art: Path, out: Path, **changes: object) -> Settings:
    return stand_ins.settings(art, out / "unused", iterations=1, public=3, min_cohort=4, **changes)


def test_newcomers_train_nothing_and_compete_with_all(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[Prepared] = []
    walk, searched = cohort_changes.walk, []
    search = cohort_changes.search

    def walk_and_tell(prepared: Prepared, *others: object) -> object:
        walked.append(prepared)
        return walk(prepared, *others)

    def search_and_tell(index: object, *others: object) -> object:
        searched.append(len(index))
        return search(index, *others)

    monkeypatch.setattr(cohort_changes, "walk", walk_and_tell)
    monkeypatch.setattr(cohort_changes, "search", search_and_tell)
    results = measure_changes(
        settings(art, tmp_path), Change(newcomers=2, leavers=2, seeds=2), out=tmp_path / "out", command="fedstyle x"
    )
    assert json.loads((tmp_path / "out" / "cohort-changes.json").read_text()) == results
    page = (tmp_path / "out" / "report.html").read_text()
    assert results["sentence"] in page
    assert [len(prepared.training) for prepared in walked] == [7, 5, 7, 5]
    assert [prepared.budget.cohort.clients for prepared in walked] == [7, 5, 7, 5]
    assert set(walked[1].training) < set(walked[0].training)
    assert set(walked[0].training) == set(walked[0].held_out)
    assert set(searched) == {9, 7}
    assert results["artists"] == {"participants": 7, "newcomers": 2, "leavers": 2}
    participant, newcomer = (results["epsilon"][group]["aggregate"] for group in ("participants", "newcomers"))
    assert 0 < newcomer < participant <= 8.0
    assert results["seeds"] == len(results["runs"]) == 2
    for scores in results["found"].values():
        assert set(scores) == {"no_training", "exact", "signatures"}
        assert all(0 <= score["mean"] <= 1 <= 1 + score["std"] for score in scores.values())


def test_who_leaves_can_only_help_those_who_stay(art: Path, tmp_path: Path) -> None:
    """A smaller catalogue has the same signatures in the same order, so no answer that was right becomes wrong."""
    results = measure_changes(settings(art, tmp_path, privacy=Mode.NONE), Change(newcomers=1, leavers=3, seeds=1))
    assert results["others"]["after"]["mean"] >= results["others"]["before"]["mean"]
    assert results["epsilon"]["newcomers"]["aggregate"] is None
    assert results["others"]["after"]["std"] is None
    assert math.isfinite(results["newcomers_to_participants"])
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "changes", "message"),
    [
        ({"newcomers": 0, "leavers": 1}, {}, "--newcomers must be at least 1"),
        ({"newcomers": 1, "leavers": 0}, {}, "--leavers must be at least 1"),
        ({"newcomers": 1, "leavers": 1, "seeds": 0}, {}, "--seeds must be at least 1"),
        ({"newcomers": 4, "leavers": 3}, {}, "too few stay"),
        ({"newcomers": 99, "leavers": 1}, {}, "too few stay"),
        ({"newcomers": 1, "leavers": 1}, {"sign": False}, "drop --no-sign"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    change: dict[str, int], changes: dict[str, object], message: str, art: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        measure_changes(settings(art, tmp_path, **changes), Change(**change), out=tmp_path / "out")
    assert listing(tmp_path) == {}
