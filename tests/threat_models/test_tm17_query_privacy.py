"""TM-17: all arms; and that the hook which watches the buyer would have seen an attempt."""

import subprocess
import sys
from pathlib import Path

import pytest

from threat_models import tm17_query_privacy
from threat_models.claim import Effort
from threat_models.runner import run
from threat_models.tm17_query_privacy import CLAIM, attack

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_claim_holds_the_attack_has_power_and_every_defense_is_missed() -> None:
    verdict = run(CLAIM, attack, Effort.FAST)
    assert verdict.holds, (verdict.in_words, verdict.arms)


def test_a_local_buyer_that_tries_to_send_is_stopped(tmp_path: Path) -> None:
    """The search is replaced by one that opens a socket: the buyer's own process refuses it."""
    import numpy as np

    tm17_query_privacy._publish(tmp_path)
    np.save(tmp_path / "features.npy", np.ones((1, tm17_query_privacy.RAW), dtype=np.float32))
    leak = (
        "import socket; from threat_models import tm17_query_privacy as buyer; "
        "buyer.reading_room.search = lambda *_: socket.create_connection(('127.0.0.1', 9)); buyer.buy()"
    )
    command = [sys.executable, "-c", leak, str(tmp_path), "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "PermissionError: socket." in done.stderr
