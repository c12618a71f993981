"""The artist's house: consent first, then the ledger, then the features; and nothing of what is kept gets out."""

from dataclasses import replace

import numpy as np
import pytest

from fedstyle_secure.aggregation.session import SupportError, session_params
from fedstyle_secure.announcement import ACKNOWLEDGMENT, NO_RECEIPT, RECEIPT_BYTES
from fedstyle_secure.artist.artist import PROTOTYPE, SIGNATURE
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.artist.terms import TermsError
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.whitening import Whitening, to_unit
from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.ledger import BudgetExceededError, Ledger, LedgerError
from fedstyle_secure.privacy.mechanism import View, plan
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.releases import SessionMark
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.moments import Prototype, outer_product_rows
from fedstyle_secure.training.tensors import head_segment, moments_segment
from fedstyle_secure.training.updates import Layout, Segment, Support
from protocols import FaultyServerError, LocalProtocolError, PolicyRule, PolicyViolationError, Server
from tests.artist.hall import Hall


class WatchedFeatures:
    """Features that note how many releases the ledger held whenever they were looked at."""

    def __init__(self, features, ledger):
        self._features, self._ledger = features, ledger
        self.looks = []

    @property
    def views(self):
        self.looks.append(len(self._ledger.releases))
        return self._features.views


@pytest.fixture
def artist(town):
    made = town.artist()
    made.features = WatchedFeatures(made.features, made.ledger)
    return made


@pytest.fixture
def hall(town, artist):
    return Hall(town, artist)


def head_alone(town, **changes):
    return town.mechanism(Layout((head_segment(town.D, town.H, 1.0),)), **changes)


def first_request(town, mechanism, **subject):
    return invitation(town, [town.public_key(number) for number in range(8)], mechanism, **subject)


def invitation(town, identities, mechanism, *, session=99, **subject):
    """What the platform asks first, in a session of a high number."""
    facts = {"session": session, "server_key": town.SERVER_KEY}
    return Server(session_params(identities, town.subject(**subject), mechanism, **facts)).start()[0]


def test_an_upload_is_charged_once_enough_others_are_there_and_comes_with_a_receipt(artist, hall, town):
    """AGT-1, AGT-3: two rounds cost nothing, and nobody looks at an artwork before the charge."""
    mechanism = town.mechanism()
    assert hall.announce(town.announcement(mechanism)) == ACKNOWLEDGMENT
    answers, request = hall.walk(mechanism, rounds=2)
    assert artist.ledger.releases == ()
    assert artist.features.looks == []
    assert [answer[:RECEIPT_BYTES] for answer in answers] == [NO_RECEIPT] * 2
    upload = artist.receive_request(request)
    assert upload[:RECEIPT_BYTES] == artist.ledger.receipt
    (release,) = artist.ledger.releases
    assert (release.name, release.iteration) == ("moments+head", 1)
    assert release.events == {view: mechanism.event(view) for view in View}
    assert release.delta_slack == mechanism.delta_slack
    params = hall.params(mechanism, session=1)
    assert release.session == SessionMark(
        number=1, session_id=params.session_id, roster=params.roster_root, platform=town.SERVER_KEY
    )
    assert artist.features.looks == [1]


def test_all_five_rounds_give_one_receipt(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    answers, _ = hall.walk(mechanism, rounds=5)
    assert [answer[:RECEIPT_BYTES] != NO_RECEIPT for answer in answers] == [False, False, True, False, False]
    assert len(artist.ledger.releases) == 1


def test_the_artworks_are_whitened_once(artist, hall, town, monkeypatch):
    """AGT-7: the style space stays the same."""
    made = []

    def note(*arguments, **named):
        made.append((len(artist.ledger.releases), named["whitened"]))
        return contribute(*arguments, **named)

    for iteration, mechanism in ((1, town.mechanism()), (2, head_alone(town))):
        hall.announce(town.announcement(mechanism, iteration=iteration))
        _, request = hall.walk(mechanism, rounds=2, iteration=iteration)
        with monkeypatch.context() as patched:
            patched.setattr("fedstyle_secure.artist.artist.contribute", note)
            artist.receive_request(request)
    assert artist.features.looks == [1]
    assert [charged for charged, _ in made] == [1, 2]
    assert made[0][1] is made[1][1]
    np.testing.assert_array_equal(made[0][1], town.model().whiten(town.features(0).views))


def assert_refused(artist, town, announcement, error=PrivacyError, match=None):
    """Refused, nothing spent, nothing looked at, nothing left to ask for."""
    before = artist.ledger.head
    data = announcement if isinstance(announcement, bytes) else announcement.encode()
    with pytest.raises(error, match=match):
        artist.receive_announcement(data)
    assert artist.ledger.head == before
    assert artist.features.looks == []
    with pytest.raises(PrivacyError, match="before its iteration was announced"):
        artist.receive_request(first_request(town, town.mechanism()))


def test_an_iteration_over_the_limit_is_not_agreed_to(artist, town, tmp_path):
    """AGT-1: who cannot pay does not come, instead of leaving the others alone in the middle."""
    artist.ledger = Ledger.open(tmp_path / "strict.jsonl", limit=0.5, delta=1e-5, view=View.AGGREGATE)
    artist.features = WatchedFeatures(town.features(0), artist.ledger)
    refused = r"artist strict .*moments\+head of iteration 1"
    assert_refused(artist, town, town.announcement(), BudgetExceededError, match=refused)
    assert artist.ledger.path.read_bytes() == b""


def test_a_charge_over_the_limit_means_no_answer_and_the_end_of_the_session(artist, hall, town, tmp_path):
    """AGT-1: in the meantime somebody else spent the rest."""
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    _, request = hall.walk(mechanism, rounds=2)
    artist.ledger = Ledger.open(tmp_path / "strict.jsonl", limit=0.5, delta=1e-5, view=View.AGGREGATE)
    with pytest.raises(BudgetExceededError):
        artist.receive_request(request)
    assert artist.features.looks == []
    assert artist.ledger.releases == ()
    with pytest.raises(LocalProtocolError, match="aborted"):
        artist.receive_request(request)


def test_a_ledger_that_cannot_be_written_means_no_answer(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    _, request = hall.walk(mechanism, rounds=2)
    artist.ledger.path.unlink()
    artist.ledger.path.mkdir()
    with pytest.raises(LedgerError):
        artist.receive_request(request)
    assert artist.features.looks == []


@pytest.mark.parametrize("mode", [Mode.LOCAL, Mode.NONE])
def test_another_mode_than_agreed_is_refused(mode, artist, town):
    announcement = town.announcement(town.mechanism(mode=mode))
    assert_refused(artist, town, announcement, match=f"{mode} per artwork was announced, distributed per artwork was")


def test_another_unit_than_agreed_is_refused(artist, town):
    announcement = town.announcement(town.mechanism(unit=Unit.ARTIST))
    assert_refused(
        artist, town, announcement, match="distributed per artist was announced, distributed per artwork was"
    )


def test_another_architecture_than_agreed_is_refused(artist, town):
    model = town.model()
    for changes in ({"residual": 1.0}, {"encoder": "other@1"}, {"head": model.head[:-1]}):
        announcement = town.announcement(model=replace(model, **changes))
        assert_refused(artist, town, announcement, match="architecture")


def test_an_unknown_tensor_is_refused(artist, town):
    segments = (
        head_segment(town.D, town.H, 0.5),
        Segment(name="images", length=9, support=Support.COHORT, clip_norm=1.0, share=0.5),
    )
    announcement = town.announcement(town.mechanism(Layout(segments)))
    assert_refused(artist, town, announcement, match="'images' with support cohort")


@pytest.mark.parametrize("name", ["head", "moments"])
def test_a_support_that_is_not_the_artists_own_is_refused(name, artist, town):
    """AGT-2: what the server claims does not count."""
    segments = tuple(
        replace(segment, support=Support.ARTIST) if segment.name == name else segment
        for segment in town.mechanism().layout.segments
    )
    announcement = town.announcement(town.mechanism(Layout(segments)))
    assert_refused(artist, town, announcement, match=f"'{name}' with support artist")


def test_a_release_for_fewer_survivors_than_the_artists_own_cohort_is_never_agreed_to(artist, town):
    """AGG-2, at the artist's own door."""
    artist.terms = town.terms(min_cohort=7)
    assert_refused(artist, town, town.announcement(), SupportError, match=r"'moments' has 6 artist\(s\)")


def test_what_is_no_announcement_is_refused(artist, town):
    honest = town.announcement().encode()
    for data in (b"", honest[:-1], honest[:200], b"\0" * 100):
        assert_refused(artist, town, data, error=InputError)


def test_a_ledger_restored_from_a_backup_is_noticed_by_the_receipt_it_does_not_know(artist, hall, town):
    """AGT-4."""
    path, mechanism, receipts, backups = artist.ledger.path, head_alone(town), [], []
    for iteration in (1, 2):
        hall.announce(town.announcement(mechanism, iteration=iteration))
        answers, _ = hall.walk(mechanism, rounds=3, iteration=iteration)
        receipts.append(answers[2][:RECEIPT_BYTES])
        backups.append(path.read_bytes())
    assert len({*receipts, NO_RECEIPT}) == 3
    path.write_bytes(backups[0])
    artist.ledger = Ledger.open(path, limit=artist.ledger.limit, delta=1e-5, view=View.AGGREGATE)
    rolled_back = town.announcement(mechanism, iteration=3, receipt=receipts[1])
    with pytest.raises(LedgerError, match="was rolled back: the server holds a receipt"):
        artist.receive_announcement(rolled_back.encode())
    # An older receipt is one the ledger knows: the server missed an answer, and nothing is lost.
    assert artist.receive_announcement(town.announcement(mechanism, iteration=3, receipt=receipts[0]).encode())


def test_receipts_of_two_artists_with_the_same_releases_differ(hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    hall.walk(mechanism, rounds=3)
    assert hall.artists[0].ledger.releases == hall.artists[1].ledger.releases
    assert hall.artists[0].ledger.receipt != hall.artists[1].ledger.receipt


# AGT-3 and AGT-8: what an announcement and an invitation may move


@pytest.mark.parametrize("iteration", [101, 2**32 - 1])
def test_an_iteration_too_far_ahead_is_refused_and_kills_nobody(iteration, artist, hall, town):
    """One announcement used to end an artist for good."""
    far = town.announcement(iteration=iteration)
    assert_refused(artist, town, far, TermsError, match=f"iteration {iteration} was announced after 0")
    assert hall.announce(town.announcement(iteration=1)) == ACKNOWLEDGMENT


def test_announcements_alone_charge_nothing_and_move_no_number(artist, hall, town):
    for iteration in (100, 99, 7, 1):
        assert artist.receive_announcement(town.announcement(iteration=iteration).encode()) == ACKNOWLEDGMENT
    assert artist.ledger.releases == ()
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    hall.walk(mechanism, rounds=3)
    assert artist.ledger.last_iteration(town.SERVER_KEY) == 1


def test_an_iteration_before_the_last_one_charged_is_refused(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism, iteration=3))
    hall.walk(mechanism, rounds=5, iteration=3)
    for iteration in (2, 1):
        with pytest.raises(TermsError, match=f"iteration {iteration} was announced after 3: numbers rise"):
            artist.receive_announcement(town.announcement(iteration=iteration).encode())
    assert artist.receive_announcement(town.announcement(iteration=4).encode())


def test_a_session_too_far_ahead_is_refused_and_kills_nobody(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    for number in (101, 2**64 - 1):
        with pytest.raises(TermsError, match=f"session {number} was opened after 0"):
            artist.receive_request(first_request(town, mechanism, session=number))
    hall.walk(mechanism, rounds=3, session=100)
    assert artist.ledger.last_session(town.SERVER_KEY) == 100


@pytest.mark.parametrize("rounds", range(5))
def test_nothing_but_a_valid_newer_announcement_ends_a_session_in_flight(rounds, artist, hall, town):
    """AGT-8: at every round."""
    mechanism = town.mechanism()
    announcement = town.announcement(mechanism, iteration=2)
    hall.announce(announcement)
    _, request = hall.walk(mechanism, rounds=rounds, iteration=2)
    hostile = [
        b"nonsense",
        announcement.encode()[:-1],
        town.announcement(town.mechanism(mode=Mode.NONE), iteration=3).encode(),
        town.announcement(iteration=2**32 - 1).encode(),
    ]
    if rounds:
        hostile += [town.announcement(iteration=1).encode(), town.announcement(head_alone(town), iteration=2).encode()]
    for data in hostile:
        with pytest.raises((InputError, PrivacyError)):
            artist.receive_announcement(data)
    assert artist.receive_announcement(announcement.encode()) == ACKNOWLEDGMENT  # said again, it ends nothing
    for stranger in ({"session": 1, "iteration": 1}, {"session": 0 if rounds == 0 else 1, "iteration": 3}):
        if rounds:
            with pytest.raises(PolicyViolationError):
                artist.receive_request(first_request(town, mechanism, **stranger))
    assert artist.receive_request(request)


def test_a_newer_announcement_ends_a_session_in_flight(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    _, request = hall.walk(mechanism, rounds=2)
    hall.announce(town.announcement(mechanism, iteration=2))
    with pytest.raises(FaultyServerError, match="MaskedInputRequest in state Invited"):
        artist.receive_request(request)
    assert artist.ledger.releases == ()


@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_another_session_of_the_iteration_is_charged_again_and_ends_the_one_before(rounds, artist, hall, town):
    """A retry; the terms say how often."""
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    hall.walk(mechanism, rounds=rounds)
    answers, _ = hall.walk(mechanism, rounds=5)
    assert len(answers) == 5
    assert [release.session.number for release in artist.ledger.releases] == ([1, 2] if rounds > 2 else [2])


def test_a_request_that_comes_again_is_answered_again_byte_for_byte(artist, hall, town):
    mechanism = town.mechanism()
    hall.announce(town.announcement(mechanism))
    server, requests = hall.invite(mechanism)
    for _ in range(5):
        (first,) = hall.play(server, requests)
        assert [artist.receive_request(requests[0]) for _ in range(2)] == [first] * 2
        requests = dict(server.close_round())
    assert len(artist.ledger.releases) == 1


def test_a_session_about_another_model_than_announced_is_refused(artist, town):
    mechanism = town.mechanism()
    artist.receive_announcement(town.announcement(mechanism).encode())
    with pytest.raises(PolicyViolationError) as refusal:
        artist.receive_request(first_request(town, mechanism, model_digest=bytes(32)))
    assert refusal.value.rule is PolicyRule.MODEL


def test_secrets_do_not_show(artist, town):
    artist.receive_announcement(town.announcement().encode())
    artist.receive_request(first_request(town, town.mechanism()))
    shown = repr(artist)
    for word in ("features", "codeword", "identity", "enrolment", "Client", "array", "random", " _session"):
        assert word not in shown
    assert str(artist.codeword) not in shown.replace(repr(artist.ledger), "")


def test_contributions_have_a_row_per_artwork_and_the_layouts_columns(town):
    features, model = town.features(0), town.model()
    both = contribute(features, model, town.mechanism(), town.codebook(), 3)
    alone = contribute(features, model, head_alone(town), town.codebook(), 3)
    assert both.rows.shape == (town.ARTWORKS, town.mechanism().layout.length)
    np.testing.assert_array_equal(both.rows[:, -alone.layout.length :], alone.rows)
    np.testing.assert_allclose(np.linalg.norm(both.rows[:, : -alone.layout.length], axis=1), 1, rtol=1e-5)
    other = contribute(features, model, head_alone(town), town.codebook(), 4)
    assert np.abs(other.rows - alone.rows).max() > 1e-3


def test_moments_come_from_the_plain_view_and_gradients_from_the_others(town):
    features, model = town.features(0), town.model()
    plain, crops = features.views.copy(), features.views.copy()
    plain[:, 0] += 1
    crops[:, 1:] += 1
    mechanism, length = town.mechanism(), moments_segment(town.D, 1.0).length
    rows, by_plain, by_crops = (
        contribute(type(features)(views), model, mechanism, town.codebook(), 0).rows
        for views in (features.views, plain, crops)
    )
    assert np.abs(rows - by_plain)[:, :length].max() > 1e-3
    np.testing.assert_array_equal(rows[:, length:], by_plain[:, length:])
    np.testing.assert_array_equal(rows[:, :length], by_crops[:, :length])
    assert np.abs(rows - by_crops)[:, length:].max() > 1e-3


# Prototypes and signatures


def signature_mechanism(dimensions=6, *, name=SIGNATURE, **changes):
    segment = Segment(name=name, length=dimensions, support=Support.ARTIST, clip_norm=1.0, share=1.0)
    settings = {
        "mode": Mode.DISTRIBUTED,
        "unit": Unit.ARTWORK,
        "layout": Layout((segment,)),
        "noise_multiplier": 2.0,
        "clients": 1,
        "corrupt": 0,
        "min_survivors": 1,
        "max_artworks": 20,
        "rotation_seed": bytes(32),
    }
    return plan(**(settings | changes))


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    return to_unit((rng.normal(size=6) + 0.2 * rng.normal(size=(10, 6))).astype(np.float32))


def itself(raw):
    return raw


@pytest.mark.parametrize("mode", list(Mode))
def test_a_signature_is_charged_unit_and_near_the_mean(mode, town, embeddings):
    artist = town.artist(terms=town.terms(mode=mode), features=StyleFeatures(embeddings[:, None]))
    mechanism = signature_mechanism(mode=mode, noise_multiplier=0.0 if mode is Mode.NONE else 1.0)
    signature = artist.publish_signature(itself, mechanism)
    (release,) = artist.ledger.releases
    assert (release.name, release.events) == (SIGNATURE, {view: mechanism.event(view) for view in View})
    assert (signature.shape, signature.dtype) == ((6,), np.float32)
    assert np.linalg.norm(signature) == pytest.approx(1, rel=1e-5)
    assert signature @ to_unit(embeddings.mean(0)) > (0.999 if mode is Mode.NONE else 0.7)


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_two_signatures_of_the_same_artworks_differ_and_both_are_charged(mode, town, embeddings):
    artist = town.artist(terms=town.terms(mode=mode), features=StyleFeatures(embeddings[:, None]))
    first, second = (artist.publish_signature(itself, signature_mechanism(mode=mode)) for _ in range(2))
    assert np.abs(first - second).max() > 0.05
    assert len(artist.ledger.releases) == 2


def test_a_signature_over_the_limit_is_refused_before_it_is_computed(town, tmp_path):
    ledger = Ledger.open(tmp_path / "strict.jsonl", limit=0.1, delta=1e-5, view=View.AGGREGATE)
    no_random = pytest.fail
    artist = town.artist(ledger=ledger, random=lambda _size: no_random("noise was drawn"))
    with pytest.raises(BudgetExceededError, match="signature"):
        artist.publish_signature(itself, signature_mechanism())
    assert ledger.releases == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"clients": 8, "min_survivors": 6, "corrupt": 1},
        {"clients": 2, "min_survivors": 2},
        {"mode": Mode.NONE, "noise_multiplier": 0.0},
        {"mode": Mode.LOCAL},
        {"unit": Unit.ARTIST},
    ],
)
def test_a_signature_sized_for_several_artists_or_another_promise_is_refused(changes, town):
    """Noise shared among artists protects only behind secure aggregation; a signature goes out in the clear."""
    artist = town.artist()
    with pytest.raises(PrivacyError, match="released by one artist alone, in mode distributed per artwork"):
        artist.publish_signature(itself, signature_mechanism(**changes))
    assert artist.ledger.releases == ()


def test_a_signature_of_the_wrong_length_is_refused(town):
    artist = town.artist()
    with pytest.raises(InputError, match=r"float32 \[artworks, 6\]"):
        artist.publish_signature(lambda raw: np.zeros((len(raw), 5), np.float32), signature_mechanism())
    assert isinstance(artist.ledger.releases, tuple)


def test_a_signature_cannot_be_asked_for_by_an_announcement(artist, town):
    mechanism = signature_mechanism(clients=8, min_survivors=6, corrupt=1)
    assert_refused(artist, town, town.announcement(mechanism), match="'signature' with support artist")


# UPD-2: rows and their neighbors

HALF = 400


def twin_features(town, artworks):
    """Raw features that say everything twice, in two orders."""
    rng = np.random.default_rng(2)
    once = rng.normal(size=(artworks, 1 + town.VIEWS, HALF)).astype(np.float32)
    return StyleFeatures(np.concatenate([once, once[:, :, ORDER]], axis=2))


ORDER = np.random.default_rng(1).permutation(HALF)


@pytest.fixture
def hostile(town):
    """A whitening that takes the two from each other, and scales how sums were rounded to length 1."""
    weights = np.random.default_rng(3).normal(size=(HALF, town.D)).astype(np.float32)
    projection = np.concatenate([weights, -weights[ORDER]])
    return replace(town.model(), whitening=Whitening(center=np.zeros(2 * HALF, np.float32), projection=projection))


@pytest.fixture
def rows(monkeypatch):
    """Whatever an artist hands over to be clipped, in order."""
    seen = []

    def note(contributions, mechanism, random):
        seen.append(contributions.rows)
        return protect(contributions, mechanism, random)

    monkeypatch.setattr("fedstyle_secure.artist.artist.protect", note)
    return seen


@pytest.mark.parametrize("kept", [[0], [1, 2, 3, 4], [3, 0]])
def test_no_artwork_changes_a_bit_of_another_ones_row_under_a_hostile_model(kept, town, hostile, rows):
    """All that an artist releases: prototype, iterations and signature."""
    features = twin_features(town, 5)
    together = hostile.whiten(features.views[:, 0])
    assert not np.allclose(hostile.whiten(features.views[:1, 0]), together[:1], atol=0.5), "nothing hostile in it"
    for chosen in (list(range(5)), kept):
        artist = town.artist(features=StyleFeatures(features.views[chosen]), whitening=None)
        hall = Hall(town, artist, sessions=artist.ledger.last_session(town.SERVER_KEY))
        for each in hall.artists:
            each.terms = town.terms(architectures=frozenset({hostile.architecture_digest}))
        artist.release_prototype(hostile, signature_mechanism(town.D, name=PROTOTYPE))
        artist._prototype = Prototype(np.eye(town.D, dtype=np.float32)[0], 0.5)  # its noise is not what is tested
        facts = {"model_digest": hostile.digest, "architecture_digest": hostile.architecture_digest}
        hall.announce(town.announcement(model=hostile))
        _, request = hall.walk(town.mechanism(), rounds=2, **facts)
        artist.receive_request(request)
        artist.publish_signature(hostile.embed, signature_mechanism(town.D + town.H))
    for whole, part in zip(rows[:3], rows[3:], strict=True):
        np.testing.assert_array_equal(part, whole[kept])


def test_an_artwork_is_one_row_of_a_release_not_one_for_each_view(town):
    artist = town.artist()
    with pytest.raises(PrivacyError, match="one row of a release, not 4"):
        artist.publish_signature(lambda raw: np.repeat(raw[:, :6], 4, axis=0), signature_mechanism())


# Whom it was with


@pytest.fixture
def veteran(town):
    """An artist that was in one session, with seven others, to its end."""
    federation = town.federation(mode=Mode.DISTRIBUTED, multipliers=(2.0,))
    (outcome,) = federation.run()
    assert outcome.aggregate.survivors == 8
    return federation.artists["artist 0"]


def test_an_artist_remembers_its_cohort_and_refuses_one_that_lacks_a_single_artist(veteran, town):
    """AGT-5: eight artists, then seven of them: the sums' difference would be the eighth's."""
    identities = [town.public_key(number) for number in range(8)]
    assert list(veteran.cohorts) == [frozenset(identities)]
    fewer = town.mechanism(clients=7)
    veteran.receive_announcement(town.announcement(fewer, iteration=2).encode())
    with pytest.raises(PolicyViolationError, match="1 of an earlier cohort's clients have left") as caught:
        veteran.receive_request(invitation(town, identities[:7], fewer, iteration=2))
    assert caught.value.rule is PolicyRule.EARLIER
    assert list(veteran.cohorts) == [frozenset(identities)]


def test_the_same_cohort_is_welcome_again(veteran, town):
    mechanism = town.mechanism()
    veteran.receive_announcement(town.announcement(mechanism, iteration=2).encode())
    assert veteran.receive_request(first_request(town, mechanism, iteration=2))
    assert len(veteran.cohorts) == 1


def test_a_session_that_ended_before_the_upload_locks_an_artist_out_of_nothing(artist, town):
    """AGT-5: five were invited, then all eight: three have joined, where five would be enough."""
    five, eight = town.mechanism(clients=5, min_survivors=5), town.mechanism()
    identities = [town.public_key(number) for number in range(5)]
    artist.receive_announcement(town.announcement(five).encode())
    assert artist.receive_request(invitation(town, identities, five))
    assert len(artist.cohorts) == 0
    artist.receive_announcement(town.announcement(eight, iteration=2).encode())
    assert artist.receive_request(first_request(town, eight, session=100, iteration=2))


def prototype_mechanism(town, **changes):
    return signature_mechanism(town.D, name=PROTOTYPE, **changes)


def test_a_prototype_is_charged_before_the_artworks_are_looked_at_and_stays_in_the_house(artist, town):
    mechanism = prototype_mechanism(town, noise_multiplier=1.0)
    artist.release_prototype(town.model(), mechanism)
    assert artist.features.looks == [1]
    (release,) = artist.ledger.releases
    assert (release.name, release.iteration) == (PROTOTYPE, 0)
    assert release.events == {view: mechanism.event(view) for view in View}
    assert "rototype" not in repr(artist).replace(repr(artist.ledger), "")


def test_a_prototype_over_the_limit_is_refused_before_it_is_made(town, tmp_path):
    ledger = Ledger.open(tmp_path / "strict.jsonl", limit=0.1, delta=1e-5, view=View.AGGREGATE)
    artist = town.artist(ledger=ledger, random=lambda _size: pytest.fail("noise was drawn"))
    with pytest.raises(BudgetExceededError, match="prototype"):
        artist.release_prototype(town.model(), prototype_mechanism(town))
    assert ledger.releases == ()


def test_a_prototype_whose_noise_others_should_add_is_refused(town):
    artist = town.artist()
    with pytest.raises(PrivacyError, match="a prototype is released by one artist alone"):
        artist.release_prototype(town.model(), prototype_mechanism(town, clients=8, min_survivors=6, corrupt=1))
    assert artist.ledger.releases == ()


def moments_prepared(artist, hall, town, monkeypatch):
    """The rows of moments that an announced iteration makes the artist prepare."""
    made = []

    def note(*arguments, **named):
        made.append(contribute(*arguments, **named))
        return made[-1]

    hall.announce(town.announcement())
    _, request = hall.walk(town.mechanism(), rounds=2)
    monkeypatch.setattr("fedstyle_secure.artist.artist.contribute", note)
    artist.receive_request(request)
    return made[0].rows[:, : moments_segment(town.D, 1.0).length]


def test_moments_are_made_of_what_the_noisy_prototype_leaves(artist, hall, town, monkeypatch):
    artist.release_prototype(town.model(), prototype_mechanism(town, noise_multiplier=0.2))
    plain = town.model().whiten(artist.features.views[:, 0])
    exact = outer_product_rows(Prototype.exact(plain).remove_from(plain))
    rows = moments_prepared(artist, hall, town, monkeypatch)
    assert np.abs(rows - outer_product_rows(plain)).max() > 0.05
    assert np.abs(rows - exact).max() > 1e-3


def test_without_a_prototype_moments_are_of_the_artworks_as_they_are(artist, hall, town, monkeypatch):
    plain = town.model().whiten(artist.features.views[:, 0])
    np.testing.assert_allclose(moments_prepared(artist, hall, town, monkeypatch), outer_product_rows(plain), atol=1e-6)


def test_a_prototype_is_trusted_as_far_as_it_stands_out_of_its_noise(town):
    trusts = []
    for noise_multiplier in (0.2, 300.0):
        artist = town.artist()
        artist.release_prototype(town.model(), prototype_mechanism(town, noise_multiplier=noise_multiplier))
        trusts.append(artist._prototype.trust)
    assert trusts[0] > 0.9
    assert trusts[1] < 0.7


def with_another_whitening(model):
    center = np.nextafter(model.whitening.center, np.float32(9))
    return replace(model, whitening=replace(model.whitening, center=center))


def test_the_whitening_is_announced_once_and_completes_later_announcements(artist, town):
    """ANN-2: the session is bound to the whole model all the same."""
    artist.receive_announcement(town.announcement().encode())
    mechanism = head_alone(town)
    later = town.announcement(mechanism, iteration=2).encode(whitening=False)
    assert artist.receive_announcement(later) == ACKNOWLEDGMENT
    assert artist.receive_request(first_request(town, mechanism, iteration=2))


def test_an_announcement_without_the_whitening_is_refused_by_an_artist_who_was_never_given_it(artist, town):
    """ANN-2."""
    data = town.announcement().encode(whitening=False)
    assert_refused(artist, town, data, InputError, match="leaves out a whitening that was not given before")


@pytest.mark.parametrize("whole", [True, False])
def test_another_whitening_than_the_first_is_refused_before_anything_is_charged(whole, artist, town):
    """AGT-7."""
    artist.receive_announcement(town.announcement().encode())
    other = town.announcement(head_alone(town), iteration=2, model=with_another_whitening(town.model()))
    error, match = (PrivacyError, "another whitening") if whole else (InputError, "leaves out a whitening")
    with pytest.raises(error, match=match):
        artist.receive_announcement(other.encode(whitening=whole))
    assert artist.receive_request(first_request(town, town.mechanism()))  # the one before still stands


def test_a_style_space_pinned_at_enrolment_is_the_only_one_from_the_first_iteration_on(artist, town):
    """AGT-7: a server cannot give an artist a space of its own to begin with, for a prototype neither."""
    artist.whitening = town.model().whitening
    other = with_another_whitening(town.model())
    assert_refused(artist, town, town.announcement(model=other), match="another whitening")
    with pytest.raises(PrivacyError, match="another whitening"):
        artist.release_prototype(other, prototype_mechanism(town))
    assert artist.features.looks == []
    assert not artist.ledger.releases
    artist.release_prototype(town.model(), prototype_mechanism(town))
    assert artist.receive_announcement(town.announcement().encode()) == ACKNOWLEDGMENT


def test_a_refused_announcement_gives_no_whitening(artist, town):
    """AGT-7: whoever asks for too much does not choose the style space either."""
    hostile = town.announcement(town.mechanism(mode=Mode.NONE), model=with_another_whitening(town.model()))
    assert_refused(artist, town, hostile)
    assert artist.whitening is None
    assert artist.receive_announcement(town.announcement().encode())
