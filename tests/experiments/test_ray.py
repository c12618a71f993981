"""A real Ray cluster on this machine: a worker that is killed costs time and nothing else; nobody else is answered."""

import os
import signal
import subprocess
import sys
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
from fedstyle_secure.experiments.cluster import AGAIN, load_ray, run_on_cluster
from fedstyle_secure.experiments.experiment import cell_path, run_experiment
from fedstyle_secure.experiments.pool import Serial, choose_engine
from fedstyle_secure.experiments.simulation import simulate
from tests import stand_ins

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"
)

FOLDER = "FEDSTYLE_TEST_FOLDER"


@pytest.fixture(autouse=True)
def workers_find_the_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv(FOLDER, str(tmp_path))


def die_first(task):
    """Is killed as the kernel would for want of memory, the first times that a task is tried."""
    number, deaths = task
    marks = Path(os.environ[FOLDER])
    died = len(list(marks.glob(f"{number} died *")))
    if died < deaths:
        (marks / f"{number} died {died}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (marks / f"{number} done {os.getpid()} {time.time_ns()}").touch()
    return number * number


def refuse(_task):
    raise InputError("not with me")


def test_ray3_workers_that_die_again_and_again_are_one_sentence():
    with pytest.raises(FedStyleError, match=rf"died {AGAIN + 1} times over the same task, perhaps for want of memory"):
        list(run_on_cluster(die_first, [(1, 99)], 2))


def test_what_a_task_raises_is_raised_as_it_is():
    with pytest.raises(InputError, match=r"^not with me$"):
        list(run_on_cluster(refuse, [0], 1))


STRANGER = """
import ray
try:
    ray.init(address="{address}", log_to_driver=False, logging_level="CRITICAL")
    print("in", ray.cluster_resources())
except BaseException as error:
    print("out", type(error).__name__)
"""


def knock(_task):
    """What somebody without the token gets, from a process beside the cluster's."""
    ray = load_ray()
    address = ray.get_runtime_context().gcs_address
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    answers = []
    for token in ("0" * 64, os.environ["RAY_AUTH_TOKEN"]):
        known = others | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        try:
            done = subprocess.run(
                [sys.executable, "-c", STRANGER.format(address=address)],
                env=known,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            answers.append(done.stdout.split(" ")[0].strip())
        except subprocess.TimeoutExpired:
            answers.append("out")
    return answers


def act(task):
    return knock(task) if task == "knock" else die_first(task)


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
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = run_experiment(common, grid, split=None, engine=choose_engine("ray", 2))
    killer.join()
    assert killed
    assert [cell | {"seconds": 0} for cell in found] == [cell | {"seconds": 0} for cell in here]
    assert all(cell_path(common.out, cell).exists() for cell in grid)
