"""TM-1, TM-3 and TM-9 over each engine: an engine that lies is one more server that lies.

Over syft, where an exchange takes seconds, `tests/threat_models/test_over_syft.py` has a door of its own.
"""

from functools import partial

import numpy as np
import pytest

from fedstyle_secure.engines.opening import EngineName
from tests.engines.doors import adversary_door, need, only_outcome, opened
from threat_models import tm01_curious_server, wall
from threat_models.adversaries.hunt import attack, hunt, lying_clients
from threat_models.claim import Effort
from threat_models.town import Federation

ENGINES = (pytest.param(EngineName.HTTP, marks=pytest.mark.slow), EngineName.FLOWER)


@pytest.mark.parametrize("engine", ENGINES)
def test_tm1_who_looks_at_all_that_is_carried_sees_no_upload(engine):
    need(engine)
    with adversary_door(engine) as door:
        figures = tm01_curious_server.attack(frozenset(), Effort.FAST)
    assert door.asked >= 35
    assert all(limit.holds(figures) for limit in tm01_curious_server.CLAIM.protected), figures


@pytest.mark.parametrize(("adversary", "sessions"), [(attack([]), 4), (lying_clients, 3)], ids=["tm3", "tm9"])
@pytest.mark.parametrize("engine", ENGINES)
def test_who_lies_through_an_engine_gets_one_exact_sum_at_most(engine, adversary, sessions):
    need(engine)
    with adversary_door(engine) as door:
        tally = hunt(adversary, sessions=sessions)
    assert tally.violation is None
    assert tally.completed > 0
    assert door.asked > 20 * tally.completed


@pytest.mark.parametrize("engine", ENGINES)
def test_tm9_what_was_forged_in_an_engine_is_in_no_sum(engine, tmp_path):
    need(engine)

    def summed(change):
        federation = Federation(folder=tmp_path / change.__name__, clients=6, min_survivors=5, multipliers=(0.0,))
        with opened(engine, federation) as honest:
            return only_outcome(federation, wall._Wall(honest, "artist 0/session", change))

    def nothing(_reply):
        return b""

    def forged(reply):
        return partial(wall._forged, 4)(reply)

    others, bent = summed(nothing), summed(forged)
    assert (others.problem, bent.problem) == ("", "")
    assert (bent.aggregate.survivors, bent.aggregate.digest) == (5, others.aggregate.digest)
    assert all(np.array_equal(bent.aggregate.tensors[name], each) for name, each in others.aggregate.tensors.items())
