"""A client that was killed goes on from what was kept, says the same again, and never anything else in its place."""

import pytest

from protocols import Position, SnapshotError, Vault
from protocols.speakonce import states
from protocols.speakonce.client import Client

KEY = b"k" * 32


class Disk:
    def __init__(self):
        self.kept = []

    @property
    def vault(self):
        return Vault(key=KEY, keep=self.kept.append)


def with_disk(village, cohort, index):
    disk = Disk()
    cohort.clients[index] = village.client(index, vault=disk.vault)
    return disk


def restored(village, disk, index, **changes):
    given = {"identity": village.identity(index), "vault": disk.vault, "at_least": Position(session=0)}
    return Client.restore(disk.kept[-1], **(given | changes))


def test_a_session_survives_a_restart_after_every_answer(village):
    """Each member is restored from its newest snapshot before every request; the same request gets the same answer."""
    cohort = village.cohort(4)
    disks = [with_disk(village, cohort, index) for index in range(4)]
    for index in range(4):
        cohort.clients[index].publish()
    for number in range(4):
        cohort.clients = [restored(village, disk, index) for index, disk in enumerate(disks)]
        cohort.run(number + 1)
        for index, disk in enumerate(disks):
            again = restored(village, disk, index)
            cohort.clients[index] = again
            assert cohort.answer(number, index, cohort.requests[number][index]) == cohort.responses[number][index]
    cohort.check_aggregate(range(4))
    positions = [[Position.of(snapshot) for snapshot in disk.kept] for disk in disks]
    assert all(reached == sorted(reached) for reached in positions)
    assert all(client.finished for client in cohort.clients)


def test_what_is_not_kept_is_not_released(village):
    def fails(_):
        raise OSError("no space")

    cohort = village.cohort()
    cohort.clients[0] = village.client(0, vault=Vault(key=KEY, keep=fails))
    with pytest.raises(OSError, match="space"):
        cohort.clients[0].publish()
    with pytest.raises(OSError, match="space"):
        cohort.answer(0, 0, cohort.requests[0][0])
    assert cohort.clients[0].finished


def test_a_refusal_and_the_end_of_the_window_are_kept(village):
    for end in ("refusal", "expiry"):
        cohort = village.cohort()
        disk = with_disk(village, cohort, 0)
        cohort.run(1)
        if end == "refusal":
            cohort.refuses(0, b"garbage", "tag")
        else:
            cohort.clients[0].expire()
        again = restored(village, disk, 0)
        assert again.finished
        assert type(again._held.look()[0]) is (states.Aborted if end == "refusal" else states.Finished)


def test_a_snapshot_that_is_older_or_altered_or_anothers_is_refused(village):
    cohort = village.cohort()
    disk = with_disk(village, cohort, 0)
    cohort.clients[0].publish()
    cohort.run(2)
    first, newest = disk.kept[0], disk.kept[-1]
    disk.kept = [first]
    with pytest.raises(SnapshotError, match="rolled back"):
        restored(village, disk, 0, at_least=Position.of(newest))
    disk.kept = [newest]
    with pytest.raises(SnapshotError):
        restored(village, disk, 0, identity=village.identity(1))
    disk.kept = [newest[:-1] + bytes([newest[-1] ^ 1])]
    with pytest.raises(SnapshotError):
        restored(village, disk, 0)


def test_no_snapshot_holds_a_vector_or_a_key_longer_than_its_state(village):
    """Who is no member keeps its answer alone; a member its seal key, then shares, then nothing."""
    cohort = village.cohort(5, members=3)
    disks = [with_disk(village, cohort, index) for index in range(5)]
    cohort.run()
    for index, disk in enumerate(disks):
        kinds = [
            type(restored(village, disk_at(disk, place), index)._held.look()[0]) for place in range(len(disk.kept))
        ]
        member = index in cohort.params.committee
        expected = [states.Appointed, states.BoxesOpened, states.SurvivorsSigned, states.Finished]
        assert kinds == (expected if member else [states.Finished])


def disk_at(disk, place):
    other = Disk()
    other.kept = [disk.kept[place]]
    return other
