"""Very many artists in shards: every cohort's sum is its survivors' (SIM-1), and what one shard holds stays small."""

import tracemalloc

import numpy as np
import pytest

from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.experiments import simulation
from fedstyle_secure.experiments.simulation import divide, simulate

LONG = 30_000
SMALL = {"coordinates": 300, "drop_rate": 0.2, "seed": 0}


@pytest.mark.parametrize(("artists", "cohort", "sizes"), [(30, 10, [10] * 3), (31, 10, [8, 8, 8, 7]), (5, 5, [5])])
def test_cohorts_are_as_even_as_can_be(artists, cohort, sizes):
    assert [shard.artists for shard in divide(artists, cohort, **SMALL)] == sizes


def test_sim1_sums_of_cohorts_add_up_to_the_survivors_uploads(monkeypatch):
    made = []
    honest = simulation.protect

    def noted(*arguments):
        update = honest(*arguments)
        made.append(update.values)
        return update

    monkeypatch.setattr(simulation, "protect", noted)
    found = simulate(artists=20, cohort=10, engine="local", jobs=1, **SMALL)
    assert (found["cohorts"], found["survivors"]) == (2, len(made))
    assert 16 <= len(made) < 20  # whoever vanishes after its upload is in the sum
    assert found["sum"] == simulation.digest_of(np.sum(made, axis=0)).hex()
    assert found["million"]["terabytes_up"] == pytest.approx(found["per_artist"]["bytes_up"] / 1e6)
    assert found["per_artist"]["bytes_up"] > 4 * 300 * 0.8


def test_sim1_another_sum_is_refused(monkeypatch):
    honest = simulation.aggregate

    def one_off(*arguments, **options):
        summed = honest(*arguments, **options)
        return type(summed)(tensors=summed.tensors, noise=summed.noise, survivors=summed.survivors, digest=bytes(32))

    monkeypatch.setattr(simulation, "aggregate", one_off)
    with pytest.raises(FedStyleError, match="cohort 0 came to another sum"):
        simulate(artists=10, cohort=10, engine="local", jobs=1, **SMALL)


def peak(artists, cohort):
    """Most bytes at a time, but for what is made once for a size."""
    simulation._Uploads(simulation._mechanism(cohort, LONG, 0.0)).make(0)
    tracemalloc.start()
    simulate(artists=artists, cohort=cohort, coordinates=LONG, drop_rate=0.0, seed=0, engine="local", jobs=1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize(("artists", "cohort"), [(48, 6), (30, 30)], ids=["more cohorts", "a larger cohort"])
def test_sim2_memory_does_not_grow_with_artists(artists, cohort):
    peak(6, 6)
    few, many = peak(6, 6), peak(artists, cohort)
    assert many - few < 4 * 8 * 2**15  # not four sums more, of 8 bytes a coordinate


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"artists": 5}, "--cohort 10 is more than --artists 5"),
        ({"drop_rate": 0.6}, "of a cohort of 10 at least 7 must stay, and --drop-rate 0.6 leaves 4"),
        ({"engine": "cloud"}, "--engine must be local or ray, got 'cloud'"),
    ],
)
def test_what_cannot_work_is_one_sentence_before_anything_is_begun(changes, problem):
    with pytest.raises(InputError, match=problem):
        simulate(**({"artists": 20, "cohort": 10, "engine": "local", "jobs": 1} | SMALL | changes))


def test_the_command_prints_what_a_million_would_cost(call):
    done = call("simulate", "--artists", "8", "--cohort", "8", "--coordinates", "50", "--jobs", "1")
    assert done.code == 0
    assert "a million" in done.out
    assert "1 cohorts, each sum checked" in done.out
