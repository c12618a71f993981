"""STA-3: two threads at one machine. One gets the state, the other is refused; nobody signs, takes or closes twice."""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest

from protocols import FaultyServerError, LocalProtocolError, SessionAborted
from protocols.secagg.messages import ConsistencyCheckRequest

TRIES = 300


@pytest.fixture
def eager_threads():
    """Threads change places as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def both(first, second):
    """What two calls at the same moment come to: a value each, or the error."""
    barrier = Barrier(2)

    def call(step):
        barrier.wait()
        try:
            return step()
        except (LocalProtocolError, FaultyServerError, SessionAborted) as error:
            return error

    with ThreadPoolExecutor(2) as threads:
        return [future.result() for future in [threads.submit(call, step) for step in (first, second)]]


@pytest.mark.usefixtures("eager_threads")
def test_two_threads_never_sign_two_survivor_sets(house):
    cohort = house.cohort(5).run(3)
    requests = [
        ConsistencyCheckRequest(survivors=frozenset(survivors)).encode(cohort.params)
        for survivors in (range(5), range(4))
    ]
    for _ in range(TRIES):
        client = house.twin(cohort.clients[0])
        answers = both(*(partial(client.receive, data) for data in requests))
        assert sum(isinstance(answer, bytes) for answer in answers) <= 1


@pytest.mark.usefixtures("eager_threads")
def test_two_threads_close_a_round_once(house):
    cohort = house.cohort(5).run(3)
    for index, request in cohort.requests[3].items():
        cohort.server.receive(index, cohort.clients[index].receive(request))
    for _ in range(TRIES // 3):
        server = cohort.fork(cohort.server)
        closed = both(server.close_round, server.close_round)
        assert sum(not isinstance(each, Exception) for each in closed) == 1


def test_a_call_from_within_a_call_is_refused_and_changes_nothing(house):
    """As a second thread would be: the vectors are asked for while the state is out."""
    cohort, seen = house.cohort(4), []

    def vectors():
        for step in (lambda: client.receive(cohort.requests[2][0]), lambda: client.finished):
            with pytest.raises(LocalProtocolError, match="another call"):
                step()
            seen.append(step)
        return house.vectors(cohort.params, 0)

    client = cohort.clients[0] = house.client(cohort.params, 0, vectors=vectors)
    cohort.run().check_aggregate(range(4))
    assert len(seen) == 2
