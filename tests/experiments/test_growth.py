"""Growth with the cohort: no finished cell is run twice (GRO-1), costs compare equals (GRO-2), features (STU-1)."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError
from fedstyle_secure.experiments import growth, studio
from fedstyle_secure.experiments.growth import GrowthPlan, measure_growth, needed_artists
from fedstyle_secure.report.growth import draw_costs
from fedstyle_secure.runs.rehearsal import Played, Stage, rehearse
from tests import stand_ins
from tests.stand_ins import listing


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A quick eye and small pictures; the names of the artists it looks at, each time it does."""
    seen: list[str] = []
    paint = studio.paint_subject

    def paint_small(hand: studio.Hand, subject: str, *, seed: int) -> object:
        seen.append(hand.artist)
        return paint(hand, subject, seed=seed, size=32)

    monkeypatch.setattr(studio, "paint_subject", paint_small)
    monkeypatch.setattr(growth, "open_encoder", stand_ins.Eye)
    monkeypatch.setattr(growth, "PUBLIC", 3)
    monkeypatch.setattr(growth, "PUBLIC_ARTWORKS", 6)
    return seen


def plan(out: Path, **changes: object) -> GrowthPlan:
    quick = {"artists": [5, 10], "epsilons": [8.0, math.inf], "seeds": 2, "artworks": 4, "iterations": 1}
    return GrowthPlan(out=out, **(quick | changes))


def test_an_experiment_that_was_stopped_goes_on_where_it_was(
    encoded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run = growth._run

    def run_three(plan: GrowthPlan, cell: growth.Cell, *others: object) -> dict[str, object]:
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append(cell.name)
        return run(plan, cell, *others)

    monkeypatch.setattr(growth, "_run", run_three)
    with pytest.raises(KeyboardInterrupt):
        measure_growth(plan(tmp_path / "out"))
    assert not (tmp_path / "out" / "growth.json").exists()
    kept = listing(tmp_path / "out")
    painted = len(encoded)
    assert painted == 3 * 6 + 10 * 4

    def run_others(plan: GrowthPlan, cell: growth.Cell, *others: object) -> dict[str, object]:
        assert cell.name not in ran
        ran.append(cell.name)
        return run(plan, cell, *others)

    monkeypatch.setattr(growth, "_run", run_others)
    results = measure_growth(plan(tmp_path / "out"))
    assert len(encoded) == painted
    assert len(ran) == len(set(ran)) == len(results["cells"]) == 6
    after = listing(tmp_path / "out")
    assert {name: after[name] for name in kept} == kept
    assert json.loads(after["growth.json"]) == results
    assert set(after) >= {"report.html", "growth.svg"}

    monkeypatch.setattr(growth, "_run", None)
    assert measure_growth(plan(tmp_path / "out")) == results


def test_a_cell_is_a_real_private_run_of_other_artists_where_there_are_any(encoded: list[str], tmp_path: Path) -> None:
    results = measure_growth(plan(tmp_path / "out", artists=[5, 10]), command="fedstyle experiment growth")
    assert encoded
    cells = {(cell["artists"], cell["first"], cell["seed"], cell["epsilon"]) for cell in results["cells"]}
    assert cells == {(*cohort, epsilon) for cohort in ((5, 0, 0), (5, 5, 1), (10, 0, 0)) for epsilon in (8.0, None)}
    for cell in results["cells"]:
        private = cell["epsilon"] is not None
        assert cell["views"]["aggregate"] == (pytest.approx(8.0, abs=0.1) if private else None)
        assert cell["artists"] <= cell["queries"] < 4 * cell["artists"]
        assert cell["bytes_up"] > 0 < cell["seconds_per_artist"]
    by_size = {(row["artists"], row["epsilon"]): row for row in results["rows"]}
    free, private = by_size[5, None], by_size[5, 8.0]
    assert free["cost"] == 0 == free["cost_std"]
    assert private["cost"] == pytest.approx(free["accuracy_at_1"] - private["accuracy_at_1"])
    assert private["gain"] == pytest.approx(private["accuracy_at_1"] - private["no_training"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert results["answers"][0]["sentence"] in page
    assert "fedstyle experiment growth" in page


def test_a_cohort_that_had_better_train_nothing_sends_and_loses_nothing(
    encoded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Stage] = []

    def rank_choices(stage: Stage, budgets: object) -> list[Played]:
        heard.append(stage)
        return sorted(rehearse(stage, budgets), key=lambda choice: choice.iterations)  # type: ignore[arg-type]

    monkeypatch.setattr(growth, "rehearse", rank_choices)
    results = measure_growth(plan(tmp_path / "out", artists=[5], epsilons=[8.0], seeds=1, iterations=None))
    assert encoded
    assert all(list(stage.public) == list(heard[0].public) for stage in heard)
    assert {stage.artworks for stage in heard} == {2}, "as many as a client trains on"
    for cell, row in zip(results["cells"], results["rows"][::-1], strict=True):
        assert cell["accuracy_at_1"] == cell["no_training"] > 0
        assert (cell["bytes_up"], cell["views"]["aggregate"]) == (0, 0)
        assert [choice["iterations"] for choice in cell["rehearsal"]] == [0, 6]
        assert (row["trained"], row["gain"]) == (0, 0)
    assert "had better train nothing" in (tmp_path / "out" / "report.html").read_text()


def test_features_of_another_plan_are_refused(encoded: list[str], tmp_path: Path) -> None:
    measure_growth(plan(tmp_path / "out", artists=[5], seeds=1))
    before, seen = listing(tmp_path / "out"), len(encoded)
    with pytest.raises(InputError, match="holds an experiment with other settings"):
        measure_growth(plan(tmp_path / "out", artists=[5], seeds=1, artworks=5))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(InputError, match="holds no experiment to continue"):
        measure_growth(plan(tmp_path / "other"))
    assert listing(tmp_path / "out") == before
    assert len(encoded) == seen
    (features,) = (tmp_path / "out" / "features").glob("00004.*")
    features.write_bytes(b"damaged")
    with pytest.raises(InputError, match="remove the file"):
        measure_growth(plan(tmp_path / "out", artists=[5], seeds=1, iterations=2))


def test_what_cannot_be_measured_is_refused_before_anything_is_painted(encoded: list[str], tmp_path: Path) -> None:
    attempts: list[tuple[dict[str, object], type[FedStyleError]]] = [
        ({"artists": []}, InputError),
        ({"artists": [5, 5]}, InputError),
        ({"artists": [3]}, InputError),
        ({"epsilons": [0.0]}, InputError),
        ({"epsilons": [1e-3]}, PrivacyError),
        ({"epsilons": [math.nan]}, InputError),
        ({"seeds": 0}, InputError),
        ({"artworks": 3}, InputError),
        ({"artworks": 99}, InputError),
    ]
    for changes, error in attempts:
        with pytest.raises(error):
            measure_growth(plan(tmp_path / "out", **changes))
    assert encoded == []
    assert listing(tmp_path) == {}


def test_the_number_of_artists_is_read_off_where_the_cost_falls_below_a_point() -> None:
    assert needed_artists([25, 100, 400], [0.03, 0.02, 0.0]) == pytest.approx(200)
    assert needed_artists([25, 100, 400], [0.005, 0.02, 0.02]) is None
    assert needed_artists([25, 100, 400], [0.005, 0.0, -0.01]) == 25
    assert needed_artists([25, 100, 400], [0.0, 0.011, 0.009]) == pytest.approx(200)


def test_sentences_follow_the_costs() -> None:
    def answer(costs: list[float], gain: float = 0.042) -> str:
        sizes = zip((25, 100), costs, strict=True)
        rows = [{"epsilon": 1.0, "artists": size, "cost": cost, "gain": 0.0} for size, cost in sizes]
        rows.append({"epsilon": None, "artists": 100, "cost": 0.0, "gain": gain})
        return str(growth._answer(rows, 1.0)["sentence"])

    assert answer([0.03, 0.02]).startswith("Epsilon 1 still costs 2.0 points with 100 artists")
    assert answer([0.0, 0.0]).startswith("Epsilon 1 costs less than one point in every cohort measured, from 25 ")
    gain = "without noise, training gains +4.2 points with 100."
    assert answer([0.02, 0.0]) == f"Epsilon 1 costs less than one point from about 50 artists on; {gain}"
    assert answer([0.0, 0.0], gain=-0.019).endswith(
        "gains -1.9 points with 100, so that there is little for noise to take."
    )


def test_features_read_back_are_those_that_were_made(encoded: list[str], tmp_path: Path) -> None:
    kept = studio.StudioPlan(artworks=4, public=1, public_artworks=6, views=1, encoder="eye@0", seed=0)
    first = studio.Studio(tmp_path / "studio", kept, stand_ins.Eye())
    first.prepare(2, lambda _done: None)
    again = studio.Studio(tmp_path / "studio", kept, stand_ins.Eye())
    again.prepare(2, lambda _done: None)
    assert len(encoded) == 6 + 4
    for number, (training, held_out) in enumerate([((6, 2), (6, 1)), ((2, 2), (2, 1))]):
        painter = again.painter(number)
        assert painter.training.views.shape[:2] == training
        assert painter.held_out.views.shape[:2] == held_out
        assert np.array_equal(painter.training.views, first.painter(number).training.views)


def test_no_name_of_a_line_stands_on_the_sizes_below_it() -> None:
    """Not even where nothing is lost at any epsilon, and all lines are the axis."""
    rows = [
        {"artists": artists, "epsilon": epsilon, "cost": 0.0, "cost_std": None}
        for epsilon in (1.0, 2.0, 8.0)
        for artists in (25, 100)
    ]
    drawn = str(draw_costs(rows, 700))
    heights = [float(y) for y in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>ε = ', drawn)]
    (size,) = re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>100<', drawn)
    assert len(set(heights)) == 3
    assert max(heights) <= float(size) - 14
