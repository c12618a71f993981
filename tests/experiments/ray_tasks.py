"""Tasks for workers of a cluster in tests: what they load is small, for each worker loads it anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fedstyle_secure.errors import InputError
from fedstyle_secure.experiments.cluster import load_ray

FOLDER = "FEDSTYLE_TEST_FOLDER"


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
