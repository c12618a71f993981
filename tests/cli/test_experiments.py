"""`fedstyle experiment`: tables, refusals in one sentence, and nothing finished is lost by a kill."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedstyle_secure.experiments import rivals
from tests import stand_ins

# What a user types, looking at pictures with the stand-in; processes of the pool read features and never look.
PROGRAM = """
import signal, pytest
from tests import stand_ins
from fedstyle_secure.cli.main import main
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stand_ins.install(pytest.MonkeyPatch())
    main()
"""


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_ins.paint(tmp_path_factory.mktemp("experiment") / "art")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Stand-ins for slow parts, and one learning rate for rivals."""
    stand_ins.install(monkeypatch)
    monkeypatch.setattr(rivals, "LEARNING_RATES", (0.3,))


def test_a_privacy_budget_is_shown_as_json_as_a_table_and_as_a_page(call, art, tmp_path):
    arguments = ("experiment", "privacy-budget", "--artworks", art, "--out", "out", "--jobs", 1, "--seeds", 1)
    code, out, err = call(*arguments, "--epsilons", "inf", "--json")
    assert code == 0, err
    results = json.loads(out)
    assert [(row["method"], row["privacy"], row["limit"]) for row in results["rows"]] == [
        ("no-training", "none", None),
        ("fedstyle", "none", None),
    ]
    assert results["command"].startswith("fedstyle experiment privacy-budget --artworks")
    untrained, own = results["rows"]
    assert set(own["epsilon"].values()) == {None}
    assert set(untrained["epsilon"].values()) == {0}
    assert own["difference_to_fedstyle"] == [0, None]
    assert (tmp_path / "out" / "results.parquet").exists()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "local view" in page
    assert results["command"] in re.sub(r"</?span>", "", page)
    assert "https://" not in page.replace("https://www.w3.org", "")
    code, out, _ = call(*arguments, "--epsilons", "inf")
    assert code == 0
    for words in ("FedStyle, no privacy", "no training", "to FedStyle", "Report: out/report.html"):
        assert words in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--epsilons", "1,two"), "--epsilons must be numbers with commas between, as in 1,8; got '1,two'"),
        (("--epsilons", "1,-2"), "--epsilons must lie between 0.001 and 32, got -2.0"),
        (("--epsilons", "1,nan"), "--epsilons must lie between 0.001 and 32, got nan"),
        (("--epsilons", "1,1"), "--epsilons names a number twice"),
        (("--seeds", "0"), "--seeds must lie between 1 and 1,000, got 0"),
        (("--jobs", "0"), "--jobs must lie between 1 and 1,024, got 0"),
        (("--engine", "cluster"), "--engine must be local or ray, got 'cluster'"),
        (("--encoder", "small"), "an experiment shares features among its seeds"),
    ],
)
def test_bad_input_ends_in_one_sentence(options, sentence, call, art, tmp_path):
    code, out, err = call("experiment", "baselines", "--artworks", art, "--out", "out", *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def start(art: Path, out: Path, *options: str) -> subprocess.Popen:
    program = out.parent / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(program), "experiment", "privacy-budget", "--artworks", str(art), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--epsilons", "inf", "--seeds", "2", "--json", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_cells(running: subprocess.Popen, out: Path, count: int) -> dict[str, tuple[int, bytes]]:
    """Inode and content of finished cells, as soon as there are so many."""
    for _ in range(6000):
        if len(found := finished(out)) >= count:
            return found
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    raise AssertionError("no cell was finished")


def finished(out: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in out.glob("cells/*.json")}


def test_killing_it_and_starting_again_loses_nothing_finished(art, tmp_path):
    out = tmp_path / "out"
    running = start(art, out, "--jobs", "1")
    wait_for_cells(running, out, 1)
    running.kill()
    running.communicate()
    before = finished(out)
    assert 1 <= len(before) < 4
    again = start(art, out, "--jobs", "1")
    result, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert len(finished(out)) == 4
    assert before.items() <= finished(out).items()
    assert [row["seeds"] for row in json.loads(result)["rows"]] == [2, 2]


def children(process: subprocess.Popen) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(number) for number in listed.split()]


def is_running(pid: int) -> bool:
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE) is None
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc, which is Linux's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_pool_leaves_no_process_and_no_half_written_file(number, art, tmp_path):
    out = tmp_path / "out"
    running = start(art, out, "--jobs", "2")
    wait_for_cells(running, out, 1)
    workers = children(running)
    assert len(workers) >= 2
    running.send_signal(number)
    _, err = running.communicate(timeout=120)
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert "Traceback" not in err
    for _ in range(500):
        if not any(map(is_running, workers)):
            break
        time.sleep(0.02)
    assert not any(map(is_running, workers))
    before = finished(out)
    again = start(art, out, "--jobs", "2")
    _, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert before.items() <= finished(out).items()
    assert len(finished(out)) == 4
    assert [path for path in out.rglob(".*") if number is not signal.SIGKILL] == []
