"""Every page in examples/ runs as it stands."""

import os
import signal
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_ten_clients_sum_their_secrets_and_two_vanish() -> None:
    page = EXAMPLES / "sum_of_secrets.py"
    assert len(page.read_text(encoding="utf-8").splitlines()) < 75
    ran = subprocess.run([sys.executable, page], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "clients in the sum: (0, 1, 2, 4, 5, 6, 8, 9)",
        "{'steps': [35000, 35008, 35016, 35024, 35032, 35040, 35048], 'count': [8]}",
    ]


def test_twelve_clients_speak_once_and_two_never_come() -> None:
    page = EXAMPLES / "speak_once.py"
    assert len(page.read_text(encoding="utf-8").splitlines()) < 85
    ran = subprocess.run([sys.executable, page], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["clients in the sum: 10 of them in the committee: 6", "exact: True"]


@pytest.mark.slow
def test_a_platform_and_eight_artists_come_to_exact_sums(tmp_path: Path) -> None:
    page = EXAMPLES / "live_platform.py"
    ran = subprocess.run([sys.executable, page, tmp_path / "all", "--once"], capture_output=True, text=True, check=True)
    assert ran.stdout.count("is exactly theirs") == 2
    assert ran.stdout.count("A buyer asks") == 2


def programs_in(folder: Path) -> list[int]:
    """Processes whose command names something in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if bytes(folder) in command:
            found.append(int(process.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the system does not tell what runs")
@pytest.mark.parametrize("is_whole_group", [True, False], ids=["ctrl-c", "sigint"])
def test_an_interrupted_platform_leaves_no_program_behind(tmp_path: Path, is_whole_group: bool) -> None:
    """In the middle of a training; from a terminal, which interrupts all that is in front, or to the one program."""
    page, folder = EXAMPLES / "live_platform.py", tmp_path / "all"
    with subprocess.Popen(
        [sys.executable, page, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as running:
        assert running.stdout is not None
        list(takewhile(lambda line: "starts a training" not in line, running.stdout))
        while running.poll() is None and not any((folder / "uploads").iterdir()):
            time.sleep(0.1)
        among = len(programs_in(folder))
        (os.killpg if is_whole_group else os.kill)(running.pid, signal.SIGINT)
        rest = running.stdout.read()
    assert among >= 10  # the demonstration, its platform, eight agents
    assert rest == "\nending all of it\n"
    assert running.returncode == 1  # no sum was shown to be exact
    assert not programs_in(folder)
