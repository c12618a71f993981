"""Bucketed cohorts: dealt once, each a cohort of its own, combined by a median that one bucket cannot move far."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.aggregation.summing import Aggregate, AggregationAborted
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server import iterations
from fedstyle_secure.server.robust import NORM_GATE, aggregate_buckets, combine, deal, too_long

IDENTITIES = [sha256(b"artist %d" % number).digest() for number in range(23)]


def summed(values: Sequence[float], *, survivors: int = 5, noise: float = 0.0) -> Aggregate:
    return Aggregate(
        tensors={"head": np.array(values, dtype=np.float64)}, noise={"head": noise}, survivors=survivors, digest=b""
    )


@given(clients=st.integers(1, 23), buckets=st.integers(1, 7), seed=st.binary(max_size=8))
def test_every_artist_is_in_one_bucket_and_buckets_are_of_one_size_or_the_next(clients, buckets, seed):
    dealt = deal(IDENTITIES[:clients], buckets, seed)
    assert sorted(index for bucket in dealt for index in bucket) == list(range(clients))
    assert len(dealt) == buckets
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_the_seed_deals_and_the_order_of_the_roster_does_not():
    as_keys = [{IDENTITIES[index] for index in bucket} for bucket in deal(IDENTITIES, 4, b"seed")]
    turned = IDENTITIES[::-1]
    assert [{turned[index] for index in bucket} for bucket in deal(turned, 4, b"seed")] == as_keys
    assert deal(IDENTITIES, 4, b"seed") != deal(IDENTITIES, 4, b"other")


def test_all_iterations_of_a_run_have_the_same_buckets(town, monkeypatch):
    """Otherwise sums over other sets could be subtracted from each other."""
    cohorts = []
    session_params = iterations.session_params

    def recorded(identities, *arguments, **facts):
        cohorts.append(tuple(identities))
        return session_params(identities, *arguments, **facts)

    monkeypatch.setattr(iterations, "session_params", recorded)
    federation = town.federation(clients=15, buckets=3, min_survivors=5, multipliers=(0.0, 0.0))
    outcomes = federation.run()
    assert [outcome.aggregate.survivors for outcome in outcomes] == [15, 15]
    assert len(cohorts) == 6
    assert cohorts[:3] == cohorts[3:]
    assert {len(cohort) for cohort in cohorts} == {5}
    assert sorted(key for cohort in cohorts[:3] for key in cohort) == sorted(federation.identities)


def test_in_buckets_a_federation_learns_and_each_artist_is_charged_for_its_own_bucket(town):
    changes = {"clients": 15, "corrupt": 1, "multipliers": (0.5,), "mode": Mode.DISTRIBUTED}
    bucketed = town.federation(buckets=3, min_survivors=5, **changes)
    (outcome,) = bucketed.run()
    assert outcome.problem == ""
    assert outcome.model.digest != town.model().digest
    assert (outcome.mechanism.clients, outcome.mechanism.honest) == (5, 4)
    whole = town.bend(town, folder=town.folder / "whole").federation(min_survivors=13, **changes)
    whole.run()
    spent = [federation.artists["artist 0"].ledger.spent(View.AGGREGATE) for federation in (bucketed, whole)]
    assert spent[0] == pytest.approx(spent[1], rel=0.01)  # the same multiplier, on the noise of 4 and of 12 artists
    assert outcome.mechanism.sigma_share / outcome.mechanism.scale > 1.5 * (
        whole.cohort.mechanism(1, dimensions=town.D, outputs=town.H).sigma_share
        / whole.cohort.mechanism(1, dimensions=town.D, outputs=town.H).scale
    )


def test_a_bucket_that_is_too_long_is_left_out_and_named():
    sums = {number: summed([1.0, 1.0, 0.1 * number]) for number in range(5)}
    assert too_long(sums) == {}
    sums[3] = summed([0.0, 0.0, -2 * NORM_GATE])
    assert list(too_long(sums)) == [3]
    assert "'head' is" in too_long(sums)[3]


def test_length_is_per_artist():
    """A bucket after dropouts is shorter, and one of more artists longer, without any poison."""
    assert (
        too_long({0: summed([3.0], survivors=3), 1: summed([7.0], survivors=7), 2: summed([30.0], survivors=30)}) == {}
    )


@given(poison=st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3))
def test_one_bucket_of_five_moves_no_coordinate_beyond_the_honest_ones(poison):
    honest = [[1.0, -2.0, 0.5], [2.0, -1.0, 0.0], [1.5, -3.0, -0.5], [1.2, -2.5, 0.1]]
    means = combine([*map(summed, honest), summed(poison)]).tensors["head"] / 25
    assert (means >= np.min(honest, axis=0) / 5 - 1e-12).all()
    assert (means <= np.max(honest, axis=0) / 5 + 1e-12).all()


def test_equal_means_are_combined_to_their_sum():
    combined = combine([summed([3.0], survivors=3), summed([4.0], survivors=4), summed([5.0], survivors=5)])
    assert combined.tensors["head"] == pytest.approx([12.0])
    assert combined.survivors == 12


@pytest.mark.parametrize("buckets", [3, 4, 5, 8])
def test_the_noise_of_the_median_is_what_is_claimed_or_a_little_less(buckets):
    """Alignment believes the aggregate as far as it stands out of this noise."""
    rng = np.random.default_rng(buckets)
    combined = combine([summed(rng.normal(size=20_000), noise=1.0) for _ in range(buckets)])
    assert 0.8 * combined.noise["head"] < combined.tensors["head"].std() <= combined.noise["head"]


def aborting(sums: dict[int, Aggregate]):
    def session(number, _bucket):
        if number not in sums:
            raise AggregationAborted("too few artists stayed")
        return sums[number]

    return session


def test_without_a_majority_of_the_buckets_there_is_no_sum():
    buckets = [[0], [1], [2], [3]]
    three = {number: summed([1.0]) for number in (0, 1, 3)}
    _, left_out = aggregate_buckets(buckets, aborting(three))
    assert left_out == ["bucket 3 was left out: too few artists stayed"]
    del three[0]
    with pytest.raises(AggregationAborted, match=r"only 2 of 4 buckets .*bucket 1 .*bucket 3"):
        aggregate_buckets(buckets, aborting(three))


def test_a_single_bucket_is_the_sum_itself_and_its_failure_its_own():
    alone = summed([1.0])
    assert aggregate_buckets([[0, 1]], aborting({0: alone})) == (alone, [])
    with pytest.raises(AggregationAborted, match=r"^too few artists stayed$"):
        aggregate_buckets([[0, 1]], aborting({}))


def test_every_bucket_writes_its_own_transcripts(town, tmp_path):
    folder = tmp_path / "seen"
    folder.mkdir()
    list(town.federation(clients=15, buckets=3, min_survivors=5, multipliers=(0.0,)).loop(transcripts=folder))
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))
    assert written == ["bucket-2/iteration-0001.json", "bucket-3/iteration-0001.json", "iteration-0001.json"]


def test_an_upload_out_of_bounds_ends_its_session_and_not_the_run(town, monkeypatch):
    """As a server without buckets sees it; in a ring of 24 bits, where honest sums leave room."""
    from fedstyle_secure.artist import artist as artist_module
    from fedstyle_secure.privacy.noise import NoisyUpdate
    from fedstyle_secure.privacy.pipeline import protect
    from fedstyle_secure.privacy.sealing import SEAL
    from protocols import masking

    def boundless(contributions, mechanism, random):
        update = protect(contributions, mechanism, random)
        values = np.full_like(update.values, 1 << (mechanism.modulus_bits - 2))
        return NoisyUpdate(values=values, mechanism=mechanism, seal=SEAL) if random is evil.random else update

    federation = town.federation(clients=20, min_survivors=18, multipliers=(0.0,))
    evil = federation.artists["artist 2"]
    monkeypatch.setattr(artist_module, "protect", boundless)
    monkeypatch.setattr(masking, "_check_vectors", lambda _vectors, _specs: None)
    (outcome,) = federation.run()
    assert outcome.problem.startswith("iteration 1: some artist's upload is out of bounds")
    assert outcome.model.digest == town.model().digest
