"""A real Ray cluster on this machine: a worker that is killed costs time and nothing else; nobody else is answered."""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("ray") is None:  # not imported here: it reads its settings when it is
    pytest.skip("needs the extra `ray`, in an environment of its own: make test-ray", allow_module_level=True)

from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.experiments.cells import Cell
from fedstyle_secure.experiments.cluster import AGAIN, STARTS, load_ray, run_on_cluster
from fedstyle_secure.experiments.experiment import cell_path, run_experiment
from fedstyle_secure.experiments.pool import Serial, choose_engine
from fedstyle_secure.experiments.simulation import simulate
from tests import stand_ins
from tests.experiments.ray_tasks import FOLDER, act, die_first, refuse

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"
)


@pytest.fixture(autouse=True)
def workers_find_the_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv(FOLDER, str(tmp_path))


def test_ray3_workers_that_die_again_and_again_are_one_sentence():
    with pytest.raises(FedStyleError, match=rf"died {AGAIN + 1} times over the same task, perhaps for want of memory"):
        list(run_on_cluster(die_first, [(1, 99)], 2))


def late(monkeypatch, times):
    """A machine that is too busy for Ray so many times; returns where a cluster was looked for."""
    ray, looked = load_ray(), []
    honest = ray.init

    def init(**options):
        looked.append(options["address"])
        if len(looked) <= times:
            raise Exception("The current node timed out during startup.")  # noqa: TRY002  (as Ray says it)
        return honest(**options)

    monkeypatch.setattr(ray, "init", init)
    return looked


def test_a_cluster_that_does_not_start_in_time_is_started_again_on_this_machine_alone(monkeypatch):
    looked = late(monkeypatch, 1)
    assert list(run_on_cluster(act, [(2, 0)], 1)) == [((2, 0), 4)]
    assert looked[:2] == ["local"] * 2


def test_a_cluster_that_never_starts_is_one_sentence(monkeypatch):
    looked = late(monkeypatch, STARTS)
    with pytest.raises(FedStyleError, match="cannot be reached or started: The current node timed out"):
        list(run_on_cluster(act, [(2, 0)], 1))
    assert looked == ["local"] * STARTS


def test_what_a_task_raises_is_raised_as_it_is():
    with pytest.raises(InputError, match=r"^not with me$"):
        list(run_on_cluster(refuse, [0], 1))


def test_ray1_ray3_a_task_whose_worker_dies_is_run_again_and_who_has_no_token_is_not_answered(tmp_path):
    found = dict(run_on_cluster(act, [(0, 0), (1, 1), (2, 0), (3, 2), "knock"], 2))
    assert found == {(0, 0): 0, (1, 1): 1, (2, 0): 4, (3, 2): 9, "knock": ["out", "in"]}
    assert sorted(path.name.split()[0] for path in tmp_path.glob("* done *")) == ["0", "1", "2", "3"]


def test_ray2_nothing_is_reported(monkeypatch):
    load_ray()
    from ray._common.usage.usage_lib import usage_stats_enabled

    assert not usage_stats_enabled()
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    assert usage_stats_enabled()


def test_a_simulation_on_a_cluster_sums_every_cohort():
    found = simulate(artists=20, cohort=10, coordinates=200, drop_rate=0.2, seed=0, engine="ray", jobs=2)
    assert (found["cohorts"], 16 <= found["survivors"] <= 20) == (2, True)


@pytest.mark.usefixtures("quick")
@pytest.mark.slow
def test_an_experiment_loses_nothing_when_a_worker_is_killed(art, tmp_path):
    common = stand_ins.settings(art, tmp_path / "out", iterations=1)
    grid = [Cell(method="no-training", seed=seed) for seed in range(4)]
    here = run_experiment(replace(common, out=tmp_path / "here"), grid, split=None, engine=Serial())
    killed = []

    def kill_one():
        """A worker of this cluster, while it is at a cell."""
        mark, until = os.environ[FOLDER].encode(), time.monotonic() + 300
        while not killed and time.monotonic() < until:
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    is_ours = mark in (process / "environ").read_bytes()
                    if is_ours and (process / "cmdline").read_bytes().startswith(b"ray::_do"):
                        os.kill(int(process.name), signal.SIGKILL)
                        killed.append(process.name)
                        return
            time.sleep(0.1)  # and no more of the processor than that: Ray is given half a minute to start

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = run_experiment(common, grid, split=None, engine=choose_engine("ray", 2))
    killer.join()
    assert killed
    assert [cell | {"seconds": 0} for cell in found] == [cell | {"seconds": 0} for cell in here]
    assert all(cell_path(common.out, cell).exists() for cell in grid)
