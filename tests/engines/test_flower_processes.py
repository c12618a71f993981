"""Flower between processes: four artists, a node that is killed, a SuperLink that is killed and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from math import inf
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="needs the extra `flower`, in an environment of its own: make test-engines")

from fedstyle_secure.engines.memory import Unreachable
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from tests.engines.flower_processes import HERE, SMALL, found
from threat_models.town import Federation

ROOT = Path(__file__).resolve().parents[2]
DELIVERY = 2


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


def start(stack, *words):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engines.flower_processes", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)
    return process


def expected(folder):
    """The same without Flower: the last artist is gone from the masked input of the first session on."""

    def guard(mailbox):
        heard = []

        def answer(request):
            heard.append(request)
            if len(heard) > DELIVERY:
                raise Unreachable
            return mailbox(request)

        return answer

    outcomes = Federation(folder=folder, guards={3: guard}, **SMALL).run()
    return [{"problem": "", "digest": each.aggregate.digest.hex(), "survivors": 3} for each in outcomes]


def test_four_artists_one_killed_a_superlink_killed_and_the_sums_are_exact(tmp_path):
    found(tmp_path)
    port = free_port()
    with ExitStack() as stack:
        start(stack, "node", tmp_path, port, "012")
        victim = start(stack, "node", tmp_path, port, "3", DELIVERY)
        first = start(stack, "superlink", tmp_path, port, 1)
        told = [json.loads(line) for line in first.stdout]
        assert victim.wait(60) == -signal.SIGKILL
        assert first.wait(60) == -signal.SIGKILL
        wanted = expected(tmp_path / "expected")
        assert told == wanted[:1]
        second = start(stack, "superlink", tmp_path, port)
        assert [json.loads(line) for line in second.stdout] == wanted
        assert second.wait(60) == 0
    for number in range(3):  # each was charged once for each iteration, whoever was killed
        ledger = Ledger.open(tmp_path / "artists 012" / f"{number}.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE)
        assert [release.iteration for release in ledger.releases] == [1, 2]
