"""Killed wherever it may be, a training goes on from its last checkpoint and comes to the same sums, charged once."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedstyle_secure.engines.courier import FOREVER
from fedstyle_secure.engines.memory import Unreachable
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server.alignment import Alignment
from fedstyle_secure.server.checkpoint import Checkpoint
from protocols.secagg.messages import AdvertiseKeysRequest
from threat_models.town import Town

from .journal import Journal, KilledError

MULTIPLIERS = (1.0, 1.0)


def cohort_of(town, folder, **changes):
    """Five artists whose every random byte is scripted: two such cohorts upload the same."""
    facts = {"clients": 5, "min_survivors": 5, "multipliers": MULTIPLIERS, "mode": Mode.DISTRIBUTED, "corrupt": 0}
    return town.bend(town, folder=town.folder / folder).federation(**(facts | changes))


class Platform:
    """The loop, as something that is started again and again on the same journal; its disk holds checkpoints' bytes."""

    def __init__(self, federation, *, kill, **arguments):
        self.federation, self.arguments = federation, arguments
        self.commits = itertools.count(1)
        self.kill = kill
        self.journal = Journal(federation.engine, on_commit=self.committed)
        self.checkpoint = None
        self.outcomes = []
        self.starts = 0

    def committed(self):
        if self.kill(next(self.commits)):
            raise KilledError

    def start(self):
        """One life; what it commits it commits in one go, as a database does."""
        self.starts += 1
        where = {} if self.checkpoint is None else {"checkpoint": Checkpoint.decode(self.checkpoint)}
        for outcome in self.federation.loop(engine=self.journal, **where, **self.arguments):
            self.checkpoint = outcome.checkpoint.encode()
            self.outcomes.append(outcome)
            self.committed()

    def live(self, *, lives=1000):
        for _ in range(lives):
            try:
                return self.start()
            except KilledError:
                continue
        raise AssertionError("it does not come to an end")


def results(platform):
    """What must be the same however often it was killed; receipts are of ledgers with keys of their own."""
    sessions = {name: kept for name, kept in platform.journal.kept.items() if name.startswith("session")}
    ledgers = [artist.ledger for artist in platform.federation.artists.values()]
    return (
        [(each.iteration, each.problem, each.sessions) for each in platform.outcomes],
        [each.aggregate and each.aggregate.digest for each in platform.outcomes],
        [each.model.digest for each in platform.outcomes],
        [each.checkpoint.alignment.encode() for each in platform.outcomes],
        {name: kept.requests for name, kept in sessions.items()},
        [[each.session.session_id for each in ledger.releases] for ledger in ledgers],
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    platform = Platform(cohort_of(Town(tmp_path_factory.mktemp("town")), "undisturbed"), kill=lambda _: False)
    platform.live()
    return platform


def test_killed_after_every_single_thing_it_keeps_a_training_comes_to_the_same(town, undisturbed):
    """ITE-3: every announcement, round, reply and outcome, one after another in the same training."""
    platform = Platform(cohort_of(town, "killed"), kill=lambda _: True)
    platform.live()
    exchanges = 2 * (1 + 5)
    assert platform.starts == exchanges * (1 + 5 + 1) + 2 + 1  # begun, five replies, closed; two outcomes; the end
    assert results(platform) == results(undisturbed)
    assert [each.aggregate.survivors for each in platform.outcomes] == [5, 5]
    assert {len(artist.ledger.releases) for artist in platform.federation.artists.values()} == {2}


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(when=st.sets(st.integers(1, 90), max_size=6))
def test_killed_now_and_then_it_comes_to_the_same_too(town, undisturbed, when):
    platform = Platform(cohort_of(town, f"killed {sorted(when)}"), kill=lambda number: number in when)
    platform.live()
    assert results(platform) == results(undisturbed)


def silent(session, *, sessions, after):
    """A mailbox whose artist vanishes in these sessions, after so many answers."""
    begun, answers = 0, 0

    def mailbox(request):
        nonlocal begun, answers
        if request[0] == AdvertiseKeysRequest.TAG:
            begun, answers = begun + 1, 0
        if begun in sessions and answers == after:
            raise Unreachable
        answers += 1
        return session(request)

    return mailbox


def test_a_session_without_a_sum_is_tried_again_under_a_new_number_and_charged_again(town):
    """ITE-4: its announcement brings back the same receipts, so that who has agreed to it agrees again."""
    federation = cohort_of(
        town, "again", guards={2: lambda session: silent(session, sessions={2}, after=2)}, multipliers=(1.0,) * 3
    )
    platform = Platform(federation, kill=lambda _: True, attempts=2)
    platform.live()
    assert [each.iteration for each in platform.outcomes] == [1, 2, 2, 3]
    assert [each.aggregate is None for each in platform.outcomes] == [False, True, False, False]
    assert [each.checkpoint.step for each in platform.outcomes] == [1, 1, 2, 3]
    assert [len(each.sessions) for each in platform.outcomes] == [1] * 4
    assert [each.sessions[0].survivors for each in platform.outcomes] == [5, 0, 5, 5]
    assert len({each.sessions[0].session_id for each in platform.outcomes}) == 4
    charged = [len(artist.ledger.releases) for artist in federation.artists.values()]
    assert charged == [4, 4, 3, 4, 4]  # who uploaded to the session that came to nothing pays for both
    kept = platform.journal.kept
    first, second = (kept[f"announcement 2 attempt {number}"] for number in (1, 2))
    assert first.requests == second.requests
    assert len(second.replies) == 5
    receipts = [list(kept[f"announcement {number} attempt 1"].requests.values()) for number in (2, 3)]
    assert all(one[146:178] != other[146:178] for one, other in zip(*receipts, strict=True))


def test_an_iteration_is_tried_no_more_often_than_was_said(town):
    guards = {0: lambda session: silent(session, sessions={1, 2, 3, 4}, after=2)}
    platform = Platform(cohort_of(town, "never", guards=guards), kill=lambda _: False, attempts=2)
    platform.live()
    assert [each.iteration for each in platform.outcomes] == [1, 1, 2, 2]
    assert all(each.aggregate is None for each in platform.outcomes)
    assert platform.outcomes[-1].checkpoint.model.digest == town.model().digest


def test_artists_upload_to_an_iteration_no_more_often_than_their_own_terms_allow(town):
    """Whatever the platform tries (TRM-4)."""
    guards = {0: lambda session: silent(session, sessions=range(1, 9), after=2)}
    federation = cohort_of(town, "terms", guards=guards, multipliers=(1.0,))
    most = federation.terms.max_uploads
    platform = Platform(federation, kill=lambda _: False, attempts=most + 2)
    platform.live()
    assert [len(artist.ledger.releases) for artist in federation.artists.values()] == [0, *[most] * 4]


def test_other_requests_under_the_name_of_an_exchange_are_an_error(town):
    journal = Journal(cohort_of(town, "names").engine)
    wait = FOREVER.until(0)
    assert list(journal.exchange({}, name="a", wait=wait)) == []
    with pytest.raises(InputError, match="exchange 'a' was begun with other requests"):
        list(journal.exchange({"artist 0/session": b""}, name="a", wait=wait))


def test_a_checkpoint_has_one_encoding(undisturbed):
    """CKP-1."""
    for data in (each.checkpoint.encode() for each in undisturbed.outcomes):
        assert Checkpoint.decode(data).encode() == data
        for broken in (data[:-1], data + b"\0", data[:3], b"", data[4:], data[:4] + b" " + data[4:]):
            with pytest.raises(InputError):
                Checkpoint.decode(broken)


@pytest.mark.parametrize(
    ("change", "to"),
    [
        (b'"attempt":0', b'"attempt":0.0'),
        (b'"step":1', b'"step":-1'),
        (b'"informed":["artist 0"', b'"informed":["artist 9"'),
        (b'"receipt":"', b'"receipt":"0'),
    ],
)
def test_what_is_no_checkpoint_is_refused(undisturbed, change, to):
    data = undisturbed.outcomes[0].checkpoint.encode()
    length = int.from_bytes(data[:4], "big")
    facts = data[4 : 4 + length]
    assert change in facts
    changed = facts.replace(change, to)
    with pytest.raises(InputError):
        Checkpoint.decode(len(changed).to_bytes(4, "big") + changed + data[4 + length :])


def test_an_alignment_has_one_encoding(undisturbed):
    for outcome in undisturbed.outcomes:
        state = outcome.checkpoint.alignment
        again = Alignment.decode(state.encode())
        assert again.encode() == state.encode()
        assert np.array_equal(again.public_moments, state.public_moments)
        assert np.array_equal(again.direction, state.direction)
        assert again.direction_noise == state.direction_noise > 0
    for broken in (b"", state.encode()[:-8], state.encode() + b"\0", undisturbed.outcomes[0].model.encode()):
        with pytest.raises(InputError):
            Alignment.decode(broken)
