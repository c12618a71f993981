"""Rosters: a few who join or leave are never told apart by the difference of two sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from fedstyle_secure.aggregation.session import Cohorts
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.coordinator.generations import keep_roster, next_members, propose_roster
from fedstyle_secure.platform.coordinator.starting import start_training
from fedstyle_secure.platform.store.artists import IDENTITIES
from fedstyle_secure.platform.store.trainings import keep_foundation, rosters
from fedstyle_secure.transparency import leaves
from threat_models.gallery import ARTISTS, draft

IDENTITY = [number.to_bytes(32, "big") for number in range(24)]
PEOPLE = st.frozensets(st.sampled_from(IDENTITY), min_size=1)


@given(st.lists(PEOPLE, min_size=1, max_size=6), st.integers(2, 6))
def test_each_side_of_a_difference_is_nobody_or_enough(days, min_cohort):
    """GEN-1: as every artist holds it against the cohorts that it was in."""
    roster = next_members(frozenset(), days[0], min_cohort)
    assert roster == days[0]
    for active in days[1:]:
        if not roster:
            return  # of nobody there is no sum
        following = next_members(roster, active, min_cohort)
        for side in (following - roster, roster - following):
            assert len(side) == 0 or len(side) >= min_cohort
        assert Cohorts([roster]).conflict(following, min_cohort) == ""
        assert following <= roster | active
        roster = following


def leave(gallery, *numbers):
    with gallery.database.writing() as connection:
        for number in numbers:
            key = gallery.town.public_key(number)
            connection.execute(update(IDENTITIES).where(IDENTITIES.c.key == key).values(retired=1))


def propose(gallery, min_cohort=5):
    with gallery.database.reading() as connection:
        return propose_roster(connection, min_cohort)


def keep(gallery, proposal):
    with gallery.database.writing() as connection:
        return keep_roster(connection, proposal)


def test_who_leaves_stays_listed_and_who_joins_waits_until_they_are_enough(gallery):
    first = keep(gallery, propose(gallery))
    assert first.members == tuple(sorted(gallery.artists))
    leave(gallery, 0)
    gallery.join(10, 11)
    proposal = propose(gallery)
    assert (proposal.is_new, proposal.gone, proposal.waiting) == (False, 1, 2)
    assert keep(gallery, proposal) == first
    gallery.join(12, 13, 14)
    proposal = propose(gallery)
    assert (proposal.number, proposal.is_new, proposal.gone, proposal.waiting) == (2, True, 1, 0)
    second = keep(gallery, proposal)
    assert len(second.members) == ARTISTS + 5
    with gallery.database.reading() as connection:
        assert rosters(connection) == [first, second]


def test_a_roster_stands_in_the_log_under_its_salt(gallery):
    """GEN-2."""
    roster = keep(gallery, propose(gallery))
    expected = leaves.Generation(
        number=1, members=ARTISTS, commitment=leaves.commit_roster(roster.members, roster.salt)
    )
    assert gallery.logbook.snapshot()[1][roster.leaf] == expected.encode()


def test_too_few_artists_make_no_roster(gallery):
    leave(gallery, 0, 1)
    with pytest.raises(InputError, match="4 artists can take part, 5 is the minimum cohort: invite more artists"):
        propose(gallery)


def test_two_trainings_that_are_started_at_once_do_not_share_a_generation(gallery):
    stale = propose(gallery)
    keep(gallery, propose(gallery))
    with pytest.raises(InputError, match="another training was started in the meantime"):
        keep(gallery, stale)


def test_a_cohort_that_tells_somebody_apart_is_refused_over_all_that_ever_were(gallery):
    """COH-1, where cohorts are chosen: a smaller minimum for one training lets nobody slip into the next."""
    gallery.start()
    with gallery.database.writing() as connection:
        connection.exec_driver_sql("UPDATE trainings SET state = 'ended'")
    leave(gallery, 0)
    gallery.join(10)
    with pytest.raises(InputError, match="keep the cohort as it was, or let 5 or more join or leave at once"):
        start_training(gallery.database, gallery.foundation, propose(gallery, 1), draft(gallery.town))
    with gallery.database.reading() as connection:
        assert len(rosters(connection)) == 1


def test_what_trainings_begin_with_is_laid_once(gallery):
    with gallery.database.writing() as connection:
        assert not keep_foundation(connection, b"another")
