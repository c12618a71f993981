import json
import math
from pathlib import Path

import pytest

from tests.threat_models.doors import honest, make_claim
from threat_models.claim import Effort, Limit
from threat_models.results import ResultsError, encode, load, store
from threat_models.runner import run


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "threats.json"
    store(path, {"TM-1": encode(run(make_claim(), honest, Effort.SLOW), Effort.SLOW)}, keep=["TM-1"])
    return path


def test_what_was_measured_is_read_back(recorded: Path) -> None:
    entry = load(recorded, [make_claim()])[1]
    assert entry.effort is Effort.SLOW
    assert entry.verdict.holds
    assert [arm.name for arm in entry.verdict.arms] == ["power", "protected", "without lock", "without chain"]
    assert entry.verdict.arms[0].figures == {"entries": 2.0}


def test_an_old_file_cannot_make_a_new_claim_hold(recorded: Path) -> None:
    """RES-1: the file says that it holds, the figures say that it does not."""
    stricter = make_claim(power=(Limit(figure="entries", at_least=3),))
    assert json.loads(recorded.read_text())["threats"]["TM-1"]["holds"]
    assert not load(recorded, [stricter])[1].verdict.holds


def test_a_claim_with_other_arms_or_figures_must_run_again(recorded: Path) -> None:
    with pytest.raises(ResultsError, match="TM-1: its arms are not the claim's any more"):
        load(recorded, [make_claim(defenses={"lock": "door.py"})])
    with pytest.raises(ResultsError, match="figure 'exits' was not recorded"):
        load(recorded, [make_claim(power=(Limit(figure="exits"),))])


def test_entries_stay_that_were_not_run_again_and_go_with_their_threat(recorded: Path) -> None:
    second = encode(run(make_claim(2), honest, Effort.FAST), Effort.FAST)
    store(recorded, {"TM-2": second}, keep=["TM-1", "TM-2"])
    assert list(json.loads(recorded.read_text())["threats"]) == ["TM-1", "TM-2"]
    store(recorded, {"TM-2": second}, keep=["TM-2"])
    assert list(json.loads(recorded.read_text())["threats"]) == ["TM-2"]


def test_figures_that_are_no_numbers_survive(tmp_path: Path) -> None:
    path = tmp_path / "threats.json"
    verdict = run(make_claim(), lambda _without, _effort: {"entries": math.inf, "depth": math.nan}, Effort.FAST)
    store(path, {"TM-1": encode(verdict, Effort.FAST)}, keep=[])
    figures = load(path, [make_claim()])[1].verdict.arms[0].figures
    assert figures["entries"] == math.inf
    assert math.isnan(figures["depth"])


@pytest.mark.parametrize("content", ["", "[]", '{"format": "x", "threats": {}}', '{"threats": {}}'])
def test_a_file_that_holds_no_results_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.json"
    path.write_text(content)
    with pytest.raises(ResultsError, match="holds no threat results"):
        store(path, {}, keep=[])
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_holds_no_entries(tmp_path: Path) -> None:
    assert load(tmp_path / "absent.json", [make_claim()]) == {}
