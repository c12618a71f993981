"""Cells are run once (EXP-1), under one set of settings (EXP-2), and FedStyle's walk its own way (CEL-1)."""

import json
import math
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from fedstyle_secure import extras
from fedstyle_secure.artworks.artwork import Gallery, Portfolio
from fedstyle_secure.config import Settings, Split
from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.experiments import cells as cells_module
from fedstyle_secure.experiments import experiment as experiment_module
from fedstyle_secure.experiments import rivals
from fedstyle_secure.experiments.bench import Bench, with_split
from fedstyle_secure.experiments.cells import FEDSTYLE, Cell
from fedstyle_secure.experiments.exchange import ClearExchange
from fedstyle_secure.experiments.experiment import (
    baseline_cells,
    budget_cells,
    cell_path,
    run_experiment,
)
from fedstyle_secure.experiments.outcomes import write_results
from fedstyle_secure.experiments.pool import Serial, choose_engine
from fedstyle_secure.experiments.statistics import tabulate
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs import train as run_module
from fedstyle_secure.runs.ledgers import scratch_ledgers
from fedstyle_secure.runs.progress import Silent
from fedstyle_secure.runs.train import first_model
from fedstyle_secure.training.baselines import BASELINES
from fedstyle_secure.training.baselines.task import Recipe, Task
from tests import stand_ins


@pytest.fixture(autouse=True)
def few_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "LEARNING_RATES", (0.3,))


def settings(art: Path, out: Path, **changes: object) -> Settings:
    return stand_ins.settings(art, out, **changes)


def listed(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "cells").iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[dict]]:
    """All rivals and FedStyle at one budget, one seed; in module scope because it takes seconds."""
    folder = tmp_path_factory.mktemp("experiment")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        monkeypatch.setattr(rivals, "LEARNING_RATES", (0.3,))
        common = settings(stand_ins.paint(folder / "art"), folder / "out")
        found = run_experiment(common, baseline_cells(epsilons=[8.0, None], seeds=1), split=None, engine=Serial())
    return common, found


def test_the_grid_has_every_rival_and_budget_once_a_seed() -> None:
    grid = baseline_cells(epsilons=[1.0, 8.0, None], seeds=2)
    assert len({cell.name for cell in grid}) == len(grid) == 2 * (2 + len(BASELINES) + 1 + 4)
    budgets = budget_cells(epsilons=[1.0, 8.0, None], seeds=2)
    assert set(budgets) < set(grid)
    assert {(cell.privacy, cell.epsilon) for cell in budgets if cell.method == FEDSTYLE} == {
        (Mode.NONE, None),
        *((mode, epsilon) for mode in (Mode.DISTRIBUTED, Mode.LOCAL) for epsilon in (1.0, 8.0)),
    }


def test_every_cell_has_scores_epsilons_bytes_and_seconds(finished: tuple[Settings, list[dict]]) -> None:
    _, found = finished
    assert len(found) == 2 + len(BASELINES) + 3
    for cell in found:
        for scores in cell["scores"].values():
            assert all(0 <= value <= 1 for value in scores.values())
            assert scores["chance"] == 1 / 8
        assert 8 <= sum(map(sum, cell["confusion"])) == cell["queries"] < 8 * stand_ins.ARTWORKS
        right = sum(cell["confusion"][number][number] for number in range(8))
        assert right / cell["queries"] == pytest.approx(cell["scores"]["residual"]["accuracy_at_1"])
        assert cell["seconds"] > 0
    by_name = {(cell["method"], cell["privacy"]): cell for cell in found}
    private = by_name[FEDSTYLE, "distributed"]
    assert 7 < private["epsilon"]["aggregate"] <= 8 < private["epsilon"]["local"] <= private["epsilon"]["worst_case"]
    assert set(by_name["fedavg", "none"]["epsilon"].values()) == {None}
    assert set(by_name["no-training", "none"]["epsilon"].values()) == {0.0}
    assert by_name["local-only", "none"]["bytes_up"] == by_name["centralised", "none"]["bytes_up"] == 0
    assert 0 < by_name["fedproto", "none"]["bytes_up"] < by_name["fedavg", "none"]["bytes_up"]
    # As many bytes as FedStyle's sessions, up to one more round and the keys and shares of its sessions.
    assert 0.8 < by_name["fedavg", "none"]["bytes_up"] / by_name[FEDSTYLE, "none"]["bytes_up"] < 1.5


@pytest.mark.usefixtures("quick")
def test_a_cell_without_noise_is_the_same_in_another_folder(
    finished: tuple[Settings, list[dict]], tmp_path: Path
) -> None:
    common, found = finished
    chosen = [Cell(method="fedavg"), Cell(method=FEDSTYLE), Cell(method="random-head")]
    again = run_experiment(replace(common, out=tmp_path / "out"), chosen, split=None, engine=Serial())
    for cell in again:
        (before,) = [one for one in found if (one["method"], one["limit"]) == (cell["method"], None)]
        assert cell | {"seconds": 0} == before | {"seconds": 0}


@pytest.mark.usefixtures("quick")
def test_finished_cells_are_kept_and_never_run_again(
    finished: tuple[Settings, list[dict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    common, found = finished
    before = listed(common.out)
    monkeypatch.setattr(experiment_module, "run_cell", lambda *_: pytest.fail("a finished cell was run again"))
    again = run_experiment(common, baseline_cells(epsilons=[None, 8.0], seeds=1), split=None, engine=Serial())
    assert {json.dumps(cell) for cell in again} == {json.dumps(cell) for cell in found}
    assert listed(common.out) == before


@pytest.mark.usefixtures("quick")
def test_what_is_stopped_goes_on_where_it_was(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common, grid = settings(art, tmp_path / "out"), [Cell(method="no-training", seed=seed) for seed in range(3)]
    run_cell, ran = experiment_module.run_cell, []

    def stop_at_the_third(cell: Cell, prepared: object) -> dict:
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(cell)
        return run_cell(cell, prepared)

    monkeypatch.setattr(experiment_module, "run_cell", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(common, grid, split=None, engine=Serial())
    kept = listed(common.out)
    assert sorted(kept) == [f"no-training-seed-{seed}.json" for seed in range(2)]
    ran.clear()
    found = run_experiment(common, grid, split=None, engine=Serial())
    assert ran == grid[2:]
    assert [cell["seed"] for cell in found] == [0, 1, 2]
    assert kept.items() < listed(common.out).items()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("changes", "split", "named"),
    [
        ({"iterations": 3}, None, "iterations (2 there, 3 here)"),
        ({"public": 3}, None, "public (none there, 3 here)"),
        ({}, Split.ARTIST, "split (content there, artist here)"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused_with_what_differs(
    changes: dict[str, object],
    split: Split | None,
    named: str,
    finished: tuple[Settings, list[dict]],
) -> None:
    common, _ = finished
    with pytest.raises(InputError) as refusal:
        run_experiment(replace(common, **changes), [Cell(method="no-training")], split=split, engine=Serial())
    assert named in str(refusal.value)


@pytest.mark.usefixtures("quick")
def test_other_artworks_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    art = stand_ins.paint(tmp_path / "art", artists=8, artworks=4)
    common = settings(art, tmp_path / "out", public=2)
    run_experiment(common, [Cell(method="no-training")], split=None, engine=Serial())
    first, *_, last = sorted(art.rglob("*.png"))
    Image.open(last).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(first)  # a copy would be folded
    with pytest.raises(InputError, match="another content of the artworks"):
        run_experiment(common, [Cell(method="random-head")], split=None, engine=Serial())


@pytest.mark.usefixtures("quick")
def test_a_folder_with_something_else_in_it_is_left_alone(art: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="holds no experiment"):
        run_experiment(settings(art, tmp_path / "out"), [Cell(method="no-training")], split=None, engine=Serial())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


@pytest.mark.usefixtures("quick")
def test_a_budget_that_cannot_be_kept_is_refused_before_any_feature(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "fill", lambda *_: pytest.fail("features were extracted"))
    hopeless = Cell(method=FEDSTYLE, privacy=Mode.DISTRIBUTED, epsilon=1e-3)
    with pytest.raises(PrivacyError):
        run_experiment(settings(art, tmp_path / "out"), [hopeless], split=None, engine=Serial())
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_fedstyles_cells_walk_as_a_run_does(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked, walk = [], cells_module.walk
    monkeypatch.setattr(cells_module, "walk", lambda *arguments: walked.append(arguments[0]) or walk(*arguments))
    grid = [Cell(method=FEDSTYLE), Cell(method="no-training")]
    run_experiment(settings(art, tmp_path / "out"), grid, split=None, engine=Serial())
    assert [prepared.settings.privacy for prepared in walked] == [Mode.NONE]


@pytest.mark.usefixtures("quick")
def test_artists_are_enrolled_with_the_style_space_of_the_start(art: Path, tmp_path: Path) -> None:
    """AGT-7: no announcement chooses it for them."""
    bench = Bench(common=settings(art, tmp_path / "out"))
    bench.fill(Silent())
    prepared = bench.prepare(Cell(method=FEDSTYLE))
    start = first_model(prepared)
    artists = run_module._enrol(prepared, start, bytes(32), scratch_ledgers(prepared, tmp_path), None)
    assert artists.keys() == prepared.training.keys()
    assert all(artist.whitening is start.whitening for artist in artists.values())


@pytest.mark.usefixtures("quick")
def test_nothing_about_a_rival_is_chosen_by_a_clients_artworks(art: Path, tmp_path: Path) -> None:
    bench = Bench(common=settings(art, tmp_path / "out", split=Split.CONTENT))
    bench.fill(Silent())
    prepared = bench.prepare(Cell(method="fedavg"))
    start = first_model(prepared)
    chosen = rivals.tune(BASELINES["fedavg"], prepared, start, rounds=2)
    blind = replace(prepared, training={}, held_out={})
    assert rivals.tune(BASELINES["fedavg"], blind, start, rounds=2) == chosen


class Telling:
    """A rival whose head is its learning rate."""

    title, local_steps = "telling", (1,)

    def fit(self, task: Task, recipe: Recipe, exchange: ClearExchange) -> np.ndarray:
        exchange.largest["head"] = recipe.learning_rate
        return np.full((1, *task.head.shape), np.nan if recipe.learning_rate > 5 else recipe.learning_rate)


@pytest.mark.usefixtures("quick")
def test_tuning_takes_the_best_of_the_grid_and_nothing_that_diverges(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(common=settings(art, tmp_path / "out"))
    bench.fill(Silent())
    prepared = bench.prepare(Cell(method="centralised"))

    def compare(heads: np.ndarray, *_: object, **__: object) -> tuple[np.ndarray, list[int]]:
        """Right at any rate, by the widest margin at 1."""
        near = 1 - abs(float(heads[0, 0, 0]) - 1)
        return np.array([[near, -1.0], [-1.0, near]]), [0, 1]

    monkeypatch.setattr(rivals, "LEARNING_RATES", (0.3, 1.0, 1.5, 10.0))
    monkeypatch.setattr(rivals, "compare", compare)
    recipe, clip_norms = rivals.tune(Telling(), prepared, first_model(prepared), rounds=1)
    assert recipe == Recipe(learning_rate=1.0, local_steps=1)
    assert clip_norms == {"head": 2.0}
    monkeypatch.setattr(rivals, "LEARNING_RATES", (10.0,))
    with pytest.raises(InputError, match="telling diverges"):
        rivals.tune(Telling(), prepared, first_model(prepared), rounds=1)


def test_similar_scores_come_from_the_margin() -> None:
    similarities = np.array([[0.9, 0.5, 0.1], [0.2, 0.1, 0.6]], dtype=np.float32)
    assert rivals.margin(similarities, [0, 1]) == pytest.approx((0.4 - 0.5) / 2)
    assert rivals.ranked(similarities).tolist() == [[0, 1, 2], [2, 0, 1]]


def test_the_default_split_is_by_content_where_all_artworks_have_one(art: Path, tmp_path: Path) -> None:
    bench = Bench(common=settings(art, tmp_path / "out"))
    gallery = bench.galleries[0]
    assert with_split(bench.common, gallery, None).split is Split.CONTENT
    assert with_split(bench.common, gallery, Split.ARTIST).split is Split.ARTIST
    nameless = [
        Portfolio(portfolio.artist, tuple(replace(artwork, content=None) for artwork in portfolio.artworks))
        for portfolio in gallery.portfolios
    ]
    mixed = Gallery(portfolios=(*gallery.portfolios[1:], nameless[0]), warnings=(), left_out=())
    assert with_split(bench.common, mixed, None).split is Split.ARTIST


def test_results_and_report_are_written_whole_and_as_the_summary_writes_infinity(
    finished: tuple[Settings, list[dict]],
) -> None:
    common, found = finished
    rows = write_results(common.out, found, command="fedstyle experiment <baselines>", delta=1e-5)
    table = parquet.read_table(common.out / "results.parquet").to_pylist()
    assert len(table) == sum(len(cell["scores"]) for cell in found)
    fedavg = next(line for line in table if (line["method"], line["embedding"]) == ("fedavg", "head"))
    assert fedavg["epsilon_aggregate"] is None
    assert fedavg["limit"] is None
    assert (fedavg["learning_rate"], fedavg["artists"]) == (0.3, 8)
    assert [row.method for row in rows][-3:] == [FEDSTYLE] * 3
    assert rows == tabulate(found)
    page = (common.out / "report.html").read_text()
    assert page.count('class="command"') >= 7
    assert "&lt;baselines&gt;" in page
    assert "<baselines>" not in page
    assert not any(path.name.startswith(".") for path in common.out.rglob("*"))


def test_rows_pair_seeds_and_spread_over_them() -> None:
    def cell(method: str, seed: int, accuracy: float, limit: float | None = None) -> dict:
        scores = {"accuracy_at_1": accuracy, "recall_at_5": 1.0, "mrr": 0.5, "macro_f1": 0.5, "chance": 0.1}
        return {
            "method": method,
            "privacy": "none" if limit is None else "distributed",
            "limit": limit,
            "seed": seed,
            "scores": {"residual": scores},
            "epsilon": dict.fromkeys(("local", "aggregate", "worst_case"), limit),
            "bytes_up": 10,
            "bytes_down": 20,
            "seconds": 1.0,
            "recipe": None,
        }

    cells = [cell("fedavg", 0, 0.4), cell("fedavg", 1, 0.5), cell(FEDSTYLE, 0, 0.6), cell(FEDSTYLE, 1, 0.8)]
    cells += [cell(FEDSTYLE, seed, 0.5, limit=2.0) for seed in (0, 1)]
    fedavg, own, private = tabulate(cells)
    assert (fedavg.accuracy.mean, fedavg.accuracy.std) == (pytest.approx(0.45), pytest.approx(0.1 / math.sqrt(2)))
    assert fedavg.difference is not None
    assert (fedavg.difference.mean, fedavg.difference.std) == (pytest.approx(-0.25), pytest.approx(0.1 / math.sqrt(2)))
    assert own.difference is not None
    assert (own.difference.mean, own.difference.std) == (0, 0)
    assert fedavg.as_dict()["epsilon"]["aggregate"] is None
    assert private.as_dict()["epsilon"]["aggregate"] == 2.0
    assert tabulate(cells[:1])[0].difference is None
    assert tabulate(cells[:1])[0].accuracy.std is None


def test_engines_are_named_and_ray_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose_engine("local", 1), Serial)
    monkeypatch.setattr(extras, "version", _missing)
    with pytest.raises(InputError, match=r"pip install 'fedstyle-secure\[ray\]'"):
        choose_engine("ray", 2)
    with pytest.raises(InputError, match="local or ray"):
        choose_engine("cluster", 2)
    with pytest.raises(InputError, match="--jobs"):
        choose_engine("local", 0)


def _missing(name: str) -> str:
    raise PackageNotFoundError(name)


class FakeRay:
    """As much of Ray as is used: tasks run when they are waited for, the last one first."""

    def __init__(self) -> None:
        self.stopped = 0

    def init(self, **_options: object) -> None: ...

    def shutdown(self) -> None:
        self.stopped += 1

    def remote(self, **_options: object):
        def wrap(function):
            class Remote:
                @staticmethod
                def remote(*arguments):
                    return lambda: function(*arguments)

            return Remote

        return wrap

    def wait(self, references: list, num_returns: int) -> tuple[list, list]:
        assert num_returns == 1
        return references[-1:], references[:-1]

    def get(self, reference) -> None:
        reference()


@pytest.mark.usefixtures("quick")
def test_cells_on_a_cluster_are_the_cells_here(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(extras, "version", lambda _name: "2.60.0")
    common, grid = settings(art, tmp_path / "out"), [Cell(method="no-training", seed=seed) for seed in range(2)]
    found = run_experiment(common, grid, split=None, engine=choose_engine("ray", 2))
    here = run_experiment(replace(common, out=tmp_path / "here"), grid, split=None, engine=Serial())
    assert [cell | {"seconds": 0} for cell in found] == [cell | {"seconds": 0} for cell in here]
    assert ray.stopped == 1


@pytest.mark.usefixtures("quick")
def test_a_damaged_cell_is_named(art: Path, tmp_path: Path) -> None:
    common, cell = settings(art, tmp_path / "out"), Cell(method="no-training")
    run_experiment(common, [cell], split=None, engine=Serial())
    cell_path(common.out, cell).write_text('{"format": "other"}')
    with pytest.raises(InputError, match=r"no-training-seed-0.json is not of format"):
        run_experiment(common, [cell], split=None, engine=Serial())
