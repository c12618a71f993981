"""Commands of studies: results as sentences or JSON, refusals as one sentence with exit code 2."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fedstyle_secure.experiments import cohort_changes as changes_module
from fedstyle_secure.experiments import growth as growth_module
from fedstyle_secure.runs import train as run
from tests import stand_ins
from tests.command_line import Call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli_study")
    art = stand_ins.paint(folder / "art")
    sorted(path for path in art.iterdir() if path.is_dir())[-1].rename(folder / "new [red]")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run.train(stand_ins.settings(art, folder / "run", iterations=1, public=3))
    return folder


@pytest.fixture
def finished(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_ins.install(monkeypatch)
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run"


def test_an_artist_joins_and_leaves_on_the_command_line(finished: Path, trained: Path, call: Call) -> None:
    newcomer = trained / "new [red]"
    code, out, err = call("catalogue", "add", finished, "--artist-folder", newcomer, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["artist"] == "new [red]"
    assert "new [red]" in (finished / "report.html").read_text()
    code, _, err = call("catalogue", "add", finished, "--artist-folder", newcomer)
    assert code == 2
    assert "in the catalogue already" in err
    code, out, _ = call("catalogue", "remove", finished, "new [red]")
    assert code == 0
    assert out.startswith("new [red] left; the catalogue has 8 artists.")
    assert "new [red]" not in (finished / "report.html").read_text()
    code, out, err = call("catalogue", "remove", finished, "new [red]", "--json")
    assert (code, out) == (2, "")
    assert "no artist 'new [red]'" in err
    code, out, _ = call("catalogue", "add", finished, "--artist-folder", newcomer, "--epsilon", "30")
    assert code == 0
    assert re.search(r"joined with \d artworks, at epsilon \d+\.\d+ of 30 in all views", out)


def test_cards_are_written_on_the_command_line(finished: Path, call: Call) -> None:
    code, out, _ = call("card", finished)
    assert code == 0
    assert "MODEL_CARD.md" in out.replace("\n", "")
    code, out, _ = call("card", finished, "--json", "--out", finished.parent / "docs")
    assert sorted(json.loads(out)) == ["data_sheet", "model_card"]
    assert (finished.parent / "docs" / "DATA_SHEET.md").exists()
    assert call("card", finished.parent)[0] == 2


def test_growth_is_measured_on_the_command_line(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    row = {
        "artists": 25,
        "no_training": 0.5,
        "accuracy_at_1": 0.6,
        "trained": 2,
        "seeds": 3,
        "cost": 0.02,
        "bytes_up": 1e6,
        "seconds_per_artist": 1,
    }
    results = {
        "rows": [row | {"epsilon": 1.0}, row | {"epsilon": None}],
        "answers": [{"epsilon": 1.0, "artists": None, "sentence": "It takes more."}],
    }

    def measure(plan: growth_module.GrowthPlan, **_options: object) -> dict[str, object]:
        asked.append(plan)
        return results

    monkeypatch.setattr(growth_module, "measure_growth", measure)
    code, out, _ = call("experiment", "growth", "--out", tmp_path / "out", "--artists", "25,50", "--epsilons", "1,inf")
    assert code == 0
    assert "+2.0" in out
    assert "2 of 3" in out
    assert "It takes more." in out
    assert list(asked[0].artists) == [25, 50]
    code, out, _ = call("experiment", "growth", "--out", tmp_path / "out", "--json")
    assert json.loads(out) == results
    code, _, err = call("experiment", "growth", "--out", tmp_path / "out", "--artists", "many")
    assert code == 2
    assert "numbers with commas between" in err


def test_style_and_subject_are_compared_on_the_command_line(finished: Path, trained: Path, call: Call) -> None:
    code, out, _ = call("experiment", "content", finished, "--out", finished.parent / "out")
    assert code == 0
    assert "same subject" in out
    assert "rank correlation" in out
    assert (finished.parent / "out" / "report.html").exists()
    code, out, _ = call("experiment", "content", finished, "--artworks", trained / "art", "--json")
    assert json.loads(out)["artists"] == 8
    assert call("experiment", "content", trained)[0] == 2


def test_changes_of_a_cohort_are_measured_on_the_command_line(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    found = {key: {"mean": 0.5, "std": None} for key in ("no_training", "exact", "signatures")}
    results = {
        "found": {"participants": found, "newcomers": found},
        "others": {key: {"mean": 0.25, "std": None} for key in ("before", "after")},
        "sentence": "Newcomers are found.",
    }

    def measure(*given: object, **_options: object) -> dict[str, object]:
        asked.append(given)
        return results

    monkeypatch.setattr(changes_module, "measure_changes", measure)
    (tmp_path / "run.toml").write_text("epsilon = 3.0\nviews = 2\n")
    wanted = ("experiment", "cohort-changes", "--artworks", tmp_path, "--config", tmp_path / "run.toml")
    code, out, _ = call(*wanted, "--newcomers", 4, "--epsilon", 2)
    assert code == 0
    assert "Newcomers are found." in out
    assert "0.250" in out
    settings, change = asked[0]
    assert (settings.epsilon, settings.views, settings.artworks) == (2.0, 2, tmp_path)
    assert change == changes_module.Change(newcomers=4, leavers=2, seeds=3)
    code, out, _ = call(*wanted, "--json")
    assert json.loads(out) == results
    assert call(*wanted, "--seeds", 0)[0] == 2
