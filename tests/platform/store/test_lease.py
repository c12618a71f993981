"""One coordinator leads, and what an older one writes is never committed."""

import pytest

from fedstyle_secure.platform.store.lease import LeaseLostError, check_lease, renew_lease, take_lease
from fedstyle_secure.platform.store.numbers import raise_number, read_number


def taken(database, holder, now, seconds=30):
    with database.writing() as connection:
        return take_lease(connection, holder=holder, now=now, seconds=seconds)


def test_one_leads_until_its_time_is_over(database):
    assert taken(database, b"one", 100) == 1
    assert taken(database, b"two", 129) is None
    assert taken(database, b"two", 130) == 2
    assert taken(database, b"one", 131) is None


def test_who_renews_goes_on_and_who_lets_go_lets_others_in(database):
    epoch = taken(database, b"one", 100)
    with database.writing() as connection:
        renew_lease(connection, epoch=epoch, until=160)
    assert taken(database, b"two", 150, seconds=60) is None
    with database.writing() as connection:
        renew_lease(connection, epoch=epoch, until=0)
    assert taken(database, b"two", 151) == 2


def test_a_process_that_begins_again_has_a_new_epoch(database):
    assert [taken(database, b"one", 100), taken(database, b"one", 101)] == [1, 2]


def test_a_lease_of_a_clock_far_ahead_keeps_nobody_out(database):
    taken(database, b"one", 100 + 3600)
    assert taken(database, b"two", 100) == 2


def test_lse1_what_an_older_epoch_writes_is_not_committed(database):
    old = taken(database, b"one", 100)
    new = taken(database, b"two", 200)

    def write(epoch):
        with database.writing() as connection:
            raise_number(connection, "written", epoch)
            check_lease(connection, epoch)

    for epoch in (old, new + 1):
        with pytest.raises(LeaseLostError, match="another leads"):
            write(epoch)
    with pytest.raises(LeaseLostError), database.writing() as connection:
        renew_lease(connection, epoch=old, until=1000)
    with database.reading() as connection:
        assert read_number(connection, "written") == 0
    write(new)
