"""Processes of this machine that share long work, each with one thread; none outlives the process that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import torch

from ..allocator import keep_freed_memory
from ..errors import FedStyleError


@contextmanager
def worker_processes(count: int, prepare: Callable[[], object] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool that ends, with all its work, when the block does.

    Whatever ends the block, Ctrl-C and the death of this process included, ends the processes.

    Args:
        count: How many.
        prepare: What each does first.

    Raises:
        FedStyleError: One of them died, for example for want of memory.
    """
    pool = ProcessPoolExecutor(
        max_workers=count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(prepare,),
    )
    is_done = False
    try:
        yield pool
        is_done = True
    except BrokenProcessPool as error:
        raise FedStyleError(
            "a process of the pool died, perhaps for want of memory: lower --jobs and start again, what was finished "
            "is kept"
        ) from error
    finally:
        if not is_done:
            for process in multiprocessing.active_children():
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(prepare: Callable[[], object] | None) -> None:
    """Set up a process: its parent decides when it ends, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
    torch.set_num_threads(1)
    keep_freed_memory()
    if prepare is not None:
        prepare()
