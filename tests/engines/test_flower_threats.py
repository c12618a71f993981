"""TM-1, TM-3 and TM-9 over Flower: an engine that lies is one more server that lies."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra `flower`, in an environment of its own: make test-engines")

from fedstyle_secure.engines.courier import Window
from fedstyle_secure.engines.flower.local import open_local
from fedstyle_secure.server.iterations import Windows
from tests.engines.doors import adversary_door
from threat_models import tm01_curious_server, wall
from threat_models.adversaries.hunt import attack, hunt, lying_clients
from threat_models.claim import Effort
from threat_models.town import Federation

WINDOW = Window(deadline=300.0, grace=300.0)


def test_tm1_who_looks_at_all_that_flower_carries_sees_no_upload():
    with adversary_door(open_local) as door:
        figures = tm01_curious_server.attack(frozenset(), Effort.FAST)
    assert door.asked >= 35
    assert all(limit.holds(figures) for limit in tm01_curious_server.CLAIM.protected), figures


@pytest.mark.parametrize(("adversary", "sessions"), [(attack([]), 4), (lying_clients, 3)], ids=["tm3", "tm9"])
def test_who_lies_through_flower_gets_one_exact_sum_at_most(adversary, sessions):
    with adversary_door(open_local) as door:
        tally = hunt(adversary, sessions=sessions)
    assert tally.violation is None
    assert tally.completed > 0
    assert door.asked > 20 * tally.completed


def test_tm9_what_was_forged_in_flower_is_in_no_sum(tmp_path):
    def summed(change):
        federation = Federation(folder=tmp_path / change.__name__, clients=6, min_survivors=5, multipliers=(0.0,))
        with open_local(federation.engine) as engine:
            lying = wall._Wall(engine, "artist 0/session", change)
            (outcome,) = federation.loop(engine=lying, windows=Windows(announcement=WINDOW, round=WINDOW))
        return outcome

    def nothing(_reply):
        return b""

    def forged(reply):
        return partial(wall._forged, 4)(reply)

    others, bent = summed(nothing), summed(forged)
    assert (others.problem, bent.problem) == ("", "")
    assert (bent.aggregate.survivors, bent.aggregate.digest) == (5, others.aggregate.digest)
    assert all(np.array_equal(bent.aggregate.tensors[name], each) for name, each in others.aggregate.tensors.items())
