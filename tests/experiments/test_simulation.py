"""Very many artists in shards: every cohort's sum is its survivors' (SIM-1), and what one shard holds stays small."""

import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.aggregation.summing import AggregationAborted
from fedstyle_secure.aggregation.windows import OwnBeacon
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.experiments import shard as one_shard
from fedstyle_secure.experiments.shard import Plan, run_shard
from fedstyle_secure.experiments.simulation import divide, simulate

LONG = 30_000
SMALL = {"coordinates": 300, "drop_rate": 0.2, "seed": 0}
BOTH = pytest.mark.parametrize("protocol", Protocol)


def plan(**changes):
    return Plan(**({"artists": 20, "cohorts": 2, "protocol": Protocol.SECAGG} | SMALL | changes))


@pytest.mark.parametrize(("artists", "cohorts", "sizes"), [(30, 3, [10] * 3), (31, 4, [8, 8, 8, 7]), (5, 1, [5])])
def test_cohorts_are_as_even_as_can_be(artists, cohorts, sizes):
    found = plan(artists=artists, cohorts=cohorts)
    shards = divide(found, OwnBeacon(os.urandom))
    assert [len(shard.keys) for shard in shards] == sizes
    assert found.sizes == tuple(sorted(set(sizes)))


def test_cut1_artists_are_cut_by_a_pulse_that_was_not_drawn_when_they_were_there():
    beacon = OwnBeacon(os.urandom)
    beacon.pulse(5)
    shards = divide(plan(), beacon)
    assert {shard.pulse for shard in shards} == {beacon.pulse(6)}


@BOTH
def test_cut1_an_artist_enters_no_cohort_but_its_own(protocol):
    """A server that puts an accomplice where the beacon did not put it."""
    first, second = divide(plan(protocol=protocol, drop_rate=0.0), OwnBeacon(os.urandom))
    assert run_shard(first).survivors == 10
    with pytest.raises(AggregationAborted):
        run_shard(replace(first, keys=(*first.keys[1:], second.keys[0])))


@BOTH
def test_sim1_sums_of_cohorts_add_up_to_the_survivors_uploads(monkeypatch, protocol):
    made = []
    honest = one_shard.protect

    def noted(*arguments):
        update = honest(*arguments)
        made.append(update.values)
        return update

    monkeypatch.setattr(one_shard, "protect", noted)
    found = simulate(artists=20, cohort=10, engine="local", jobs=1, protocol=protocol, **SMALL)
    assert (found["protocol"], found["cohorts"], found["survivors"]) == (protocol, 2, len(made))
    assert 16 <= len(made) < 20  # whoever vanishes after its upload is in the sum
    assert found["sum"] == one_shard.digest_of(np.sum(made, axis=0)).hex()
    assert found["million"]["terabytes_up"] == pytest.approx(found["per_artist"]["bytes_up"] / 1e6)
    assert found["per_artist"]["bytes_up"] > 4 * 300 * 0.8


def test_sim1_another_sum_is_refused(monkeypatch):
    honest = one_shard.aggregate

    def one_off(*arguments, **options):
        summed = honest(*arguments, **options)
        return type(summed)(tensors=summed.tensors, noise=summed.noise, survivors=summed.survivors, digest=bytes(32))

    monkeypatch.setattr(one_shard, "aggregate", one_off)
    with pytest.raises(FedStyleError, match="cohort 0 came to another sum"):
        simulate(artists=10, cohort=10, engine="local", jobs=1, **SMALL)


def peak(artists, cohort, protocol):
    """Most bytes at a time, but for what is made once for a size."""
    sizes = {"artists": artists, "coordinates": LONG, "drop_rate": 0.0, "protocol": protocol, "seed": 0}
    one_shard._Uploads(plan(cohorts=artists // cohort, **sizes).mechanism(cohort)).make(0)
    tracemalloc.start()
    simulate(cohort=cohort, engine="local", jobs=1, **sizes)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize(
    ("artists", "cohort", "protocol"),
    [(48, 6, Protocol.SECAGG), (30, 30, Protocol.SECAGG), (48, 6, Protocol.SPEAKONCE)],
    ids=["more cohorts", "a larger cohort", "more windows"],
)
def test_sim2_memory_does_not_grow_with_artists(artists, cohort, protocol):
    peak(6, 6, protocol)
    few, many = peak(6, 6, protocol), peak(artists, cohort, protocol)
    assert many - few < 4 * 8 * 2**15  # not four sums more, of 8 bytes a coordinate


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"artists": 5}, "--cohort 10 is more than --artists 5"),
        (
            {"drop_rate": 0.6},
            "of a cohort of 10, 1 of whom may be corrupt, at least 7 must stay, and --drop-rate 0.6 leaves 4",
        ),
        ({"artists": 1_000}, "of a cohort of 10, 10 of whom may be corrupt, at least 12 must stay"),
        ({"engine": "cloud"}, "--engine must be local or ray, got 'cloud'"),
    ],
)
def test_what_cannot_work_is_one_sentence_before_anything_is_begun(changes, problem):
    with pytest.raises(InputError, match=problem):
        simulate(**({"artists": 20, "cohort": 10, "engine": "local", "jobs": 1} | SMALL | changes))


@BOTH
def test_the_command_prints_what_a_million_would_cost(call, protocol):
    wanted = ("--artists", "8", "--cohort", "8", "--coordinates", "50", "--jobs", "1", "--protocol", protocol)
    done = call("simulate", *wanted)
    assert done.code == 0
    assert "a million" in done.out
    assert "1 cohorts, each sum checked" in done.out
    assert "withstands 1 corrupt" in done.out
