import multiprocessing
import os
import time
from functools import partial

import pytest
import torch

from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.experiments.processes import worker_processes


def test_processes_are_prepared_and_have_one_thread_each() -> None:
    with worker_processes(1, partial(os.putenv, "FEDSTYLE_TEST", "prepared")) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert pool.submit(os.system, 'test "$FEDSTYLE_TEST" = prepared').result() == 0
    assert not multiprocessing.active_children()


def test_a_process_that_dies_is_one_sentence() -> None:
    with pytest.raises(FedStyleError, match="lower --jobs"), worker_processes(1) as pool:
        pool.submit(os._exit, 9).result()


def test_whatever_ends_the_block_ends_its_processes_without_waiting_for_their_work() -> None:
    def stop_in_the_middle() -> None:
        with worker_processes(1) as pool:
            pool.submit(time.sleep, 600)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_in_the_middle()
    assert not multiprocessing.active_children()
