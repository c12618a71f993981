"""TM-17: the hook which watches the buyer would have seen an attempt."""

import subprocess
import sys
from pathlib import Path

from threat_models import tm17_query_privacy

ROOT = Path(__file__).resolve().parents[2]


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
