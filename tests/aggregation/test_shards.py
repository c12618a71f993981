"""Cutting a roster: nobody picks anybody's company (CUT-1), and chance is given its due (CUT-2)."""

from fractions import Fraction
from hashlib import sha256
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.aggregation.shards import cut, most_corrupt
from protocols.speakonce import parameters

PULSE = bytes(range(32))


def roster(artists):
    return [sha256(b"artist %d" % number).digest() for number in range(artists)]


def drawn(identities, shards, pulse):
    """The first twenty artists in the order in which they were dealt to shards."""
    found = cut(identities, shards, pulse)
    order = [found[place % shards][place // shards] for place in range(len(identities))]
    return [identity for identity in order if identity in roster(20)]


@given(st.integers(1, 60).flatmap(lambda artists: st.tuples(st.just(artists), st.integers(1, artists))))
def test_everybody_is_in_one_shard_and_sizes_differ_by_one_at_most(sizes):
    artists, shards = sizes
    found = cut(roster(artists), shards, PULSE)
    assert sorted(identity for shard in found for identity in shard) == sorted(roster(artists))
    lengths = [len(shard) for shard in found]
    assert len(found) == shards
    assert max(lengths) - min(lengths) <= 1


def test_cut1_the_cut_is_that_of_its_definition():
    """Written once more, for other implementations."""
    fixed = sha256(b"fedstyle-shards-1 roster\0" + b"\x03\0\0\0" + b"".join(sorted(roster(10)))).digest()
    keys = {sha256(b"fedstyle-shards-1 place\0" + fixed + PULSE + each).digest(): each for each in roster(10)}
    order = [keys[key] for key in sorted(keys)]
    assert cut(roster(10), 3, PULSE) == [tuple(order[0::3]), tuple(order[1::3]), tuple(order[2::3])]


def test_cut1_whoever_lists_the_roster_decides_nothing():
    assert cut(roster(20)[::-1], 4, PULSE) == cut(roster(20), 4, PULSE)


@pytest.mark.parametrize(
    ("artists", "shards", "pulse"),
    [(20, 4, bytes(32)), (21, 4, PULSE), (20, 5, PULSE)],
    ids=["another pulse", "one artist more", "one shard more"],
)
def test_cut1_all_that_is_fixed_and_the_pulse_decide_together(artists, shards, pulse):
    """Whoever could still choose one of them when the pulse is known would try until the company suits."""
    before, after = drawn(roster(20), 4, PULSE), drawn(roster(artists), shards, pulse)
    assert sum(one == other for one, other in zip(before, after, strict=True)) < 10


def chance(artists, corrupt, drawn, more_than):
    """P[of `drawn` artists more than so many are corrupt], in whole numbers."""
    ways = sum(comb(corrupt, held) * comb(artists - corrupt, drawn - held) for held in range(more_than + 1, drawn + 1))
    return Fraction(ways, comb(artists, drawn))


@pytest.mark.parametrize(
    ("artists", "corrupt", "shards"), [(60, 3, 2), (200, 10, 2), (500, 50, 5), (2_000, 100, 2), (2_001, 100, 2)]
)
def test_cut2_the_bound_is_the_lowest_that_all_shards_keep_to(artists, corrupt, shards):
    found, largest, allowed = most_corrupt(artists, corrupt, shards), -(-artists // shards), Fraction(1, 2**81)
    assert shards * chance(artists, corrupt, largest, found) <= allowed
    assert shards * chance(artists, corrupt, largest, found - 1) > allowed


@pytest.mark.parametrize(
    ("artists", "found", "sizes"),
    [
        (1_000, 50, (74, 17, 89, 61)),
        (2_000, 96, (96, 25, 113, 81)),
        (10_000, 130, (108, 30, 128, 94)),
        (100_000, 138, (114, 32, 133, 98)),
        (1_000_000, 141, (114, 32, 134, 99)),
    ],
)
def test_cut2_a_shard_may_hold_far_more_than_its_share(artists, found, sizes):
    """The figures of docs/scale.md: windows of 1,000, one artist in twenty corrupt, one in ten absent."""
    assert most_corrupt(artists, artists // 20, artists // 1_000) == found
    window = parameters(1_000, corrupt=found / 1_000, dropout=0.1)
    assert (window.degree, window.floor, window.members, window.quorum) == sizes
