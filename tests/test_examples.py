"""Every page in examples/ runs as it stands."""

import subprocess
import sys
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
