"""A Ray cluster (optional extra): tasks that outlive the workers that do them.

RAY-1  A cluster that is started here answers only whoever shows a token that was made for it: Ray listens on every
       interface, whatever it is told.
RAY-2  Nothing is told to Ray's makers: usage statistics are off.
RAY-3  A task whose worker dies is run again by another, a limited number of times; what is finished stays finished.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from ..errors import FedStyleError
from ..extras import load_extra

Task = TypeVar("Task")
Result = TypeVar("Result")

AGAIN: Final = 3
"""Times that a task is run again."""
STARTS: Final = 3
"""Times that a cluster is started: Ray gives a machine half a minute for it, and a busy one is slow, not wrong."""
_TOKEN: Final = "RAY_AUTH_TOKEN"  # noqa: S105  (the name of a variable)
_SETTINGS: Final = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def load_ray() -> Any:
    """The library, told what it may not do (RAY-1, RAY-2); what a user has set in the environment stands.

    Raises:
        InputError: It is not installed, or of a version that was not tried.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if "RAY_ADDRESS" not in os.environ and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault(_TOKEN, secrets.token_hex(32))
    return load_extra("ray", "ray", option="--engine ray")


def run_on_cluster(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Result]]:
    """Do tasks on the cluster that `RAY_ADDRESS` names, else on one that is started here for as long as it takes.

    Args:
        work: Does one; importable on every machine, with what it needs.
        tasks: What it is given.
        jobs: Processors that a cluster of this machine may use.

    Yields:
        Each task and what came of it, in whatever order they are done.

    Raises:
        FedStyleError: A task's workers died again and again, or the cluster cannot be reached.
        Exception: What `work` raised.
    """
    ray = load_ray()
    if "RAY_ADDRESS" in os.environ:
        _begin(ray, tries=1)
    else:  # nor one that somebody else started on this machine, to which Ray goes unless it is told
        _begin(ray, tries=STARTS, address="local", num_cpus=jobs)
    try:
        remote = ray.remote(num_cpus=1, max_retries=AGAIN)(_do)
        waiting = {remote.remote(work, task): task for task in tasks}
        while waiting:
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(done), _take(ray, done)
    finally:
        ray.shutdown()


def _begin(ray: Any, *, tries: int, **options: Any) -> None:
    try:
        ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR", **options)
    except Exception as error:  # Ray raises whatever it comes upon
        if tries > 1:
            _begin(ray, tries=tries - 1, **options)
            return
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FedStyleError(f"Ray's cluster cannot be reached or started: {reason}") from error


def _do(work: Callable[[Task], Result], task: Task) -> Result:
    return work(task)


def _take(ray: Any, done: Any) -> Any:
    """What came of a task; its own error as it was raised, without Ray's around it."""
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        raise FedStyleError(
            f"a worker of the cluster died {AGAIN + 1} times over the same task, perhaps for want of memory: lower "
            "--jobs or --cohort and start again, what was finished is kept"
        ) from error
