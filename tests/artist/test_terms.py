"""TRM-1 to TRM-4: what an artist insists on is its own, refused before anything else, and alike whatever it has."""

import math
from dataclasses import MISSING, fields, replace

import pytest

from fedstyle_secure.announcement import ACKNOWLEDGMENT
from fedstyle_secure.artist.terms import Terms, TermsError
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.accounting import quick_epsilon
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.tensors import head_segment, moments_segment
from fedstyle_secure.training.updates import Layout
from protocols import PolicyViolationError
from tests.artist.hall import Hall


@pytest.fixture
def hall(town):
    return Hall(town, town.artist())


def cost(mechanism, times=1):
    """Epsilon of so many releases, as a ledger of this town counts it."""
    return quick_epsilon([mechanism.event(View.AGGREGATE)] * times, 1e-5, delta_slack=times * mechanism.delta_slack)


def test_no_term_has_a_default():
    """TRM-1."""
    assert all(item.default is MISSING and item.default_factory is MISSING for item in fields(Terms))


@pytest.mark.parametrize(
    ("terms", "announced", "match"),
    [
        ({}, {"mode": Mode.NONE}, "none per artwork was announced, distributed per artwork was agreed to"),
        ({}, {"unit": Unit.ARTIST}, "distributed per artist was announced"),
        ({}, {"sampling_rate": 0.5}, "sampling rate 0.5 was announced, 1 was agreed to"),
        ({"sampling_rate": 0.5}, {"sampling_rate": 0.4999}, "sampling rate 0.4999 was announced"),
        ({"corrupt": 2}, {}, "noise against 1 accomplices was announced, 2 is the least"),
        ({}, {"corrupt": 0}, "noise against 0 accomplices was announced, 1 is the least"),
        ({"min_cohort": 9}, {}, "a cohort of 8 was announced, 9 is the least"),
        ({"min_survivors": 7}, {}, "sums of 6 were announced, 7 is the least"),
        ({"max_artworks": 21}, {}, "a bound of 20 artworks was announced, 21 is the least"),
        (
            {"architectures": frozenset()},
            {},
            "the announced model has an architecture this artist did not agree to train",
        ),
    ],
)
def test_an_announcement_that_breaks_a_term_is_refused_by_name(terms, announced, match, hall, town):
    """TRM-2, through the artist: before a key is made, and for nothing."""
    artist = hall.artists[0]
    artist.terms = town.terms(**terms)
    with pytest.raises(TermsError, match=f"refused by this artist's terms: {match}"):
        artist.receive_announcement(town.announcement(town.mechanism(**announced)).encode())
    assert artist.ledger.releases == ()


@pytest.mark.parametrize("terms", [{"corrupt": 1}, {"min_survivors": 6}, {"max_artworks": 20}, {"min_cohort": 6}])
def test_an_announcement_that_just_meets_its_terms_is_agreed_to(terms, hall, town):
    hall.artists[0].terms = town.terms(**terms)
    assert hall.announce(town.announcement()) == ACKNOWLEDGMENT


def test_another_platforms_session_is_refused(hall, town):
    hall.announce(town.announcement())
    hall.artists[0].terms = town.terms(platform_key=bytes(32))
    with pytest.raises(PolicyViolationError, match="another server's than the one whose key is pinned"):
        hall.walk(town.mechanism(), rounds=1)


def test_accomplices_are_counted_over_the_roster_however_small_the_cohort(town):
    """TRM-3: the platform picks five of eight, two of them its own, and says that there are none."""
    hall = Hall(town, town.artist(terms=town.terms(corrupt=2, min_cohort=5)))
    for corrupt in (0, 1):
        mechanism = town.mechanism(clients=5, min_survivors=5, corrupt=corrupt)
        with pytest.raises(TermsError, match="2 is the least"):
            hall.artists[0].receive_announcement(town.announcement(mechanism).encode())


@pytest.mark.parametrize("artworks", [1, 9, 10, 11, 20])
def test_a_bound_tells_nothing_of_how_many_artworks_there_are(artworks, town):
    """TRM-2: nine announcements used to tell the number, for an epsilon of .015."""
    features = StyleFeatures(town.features(0, artworks=20).views[:artworks])
    hall = Hall(town, town.artist(features=features))
    outcomes = []
    for bound in (1, 2, 5, 9, 10, 11, 15, 19, 20, 21, 40):
        try:
            announcement = town.announcement(town.mechanism(max_artworks=bound)).encode()
            outcomes.append(hall.artists[0].receive_announcement(announcement))
        except TermsError as error:
            outcomes.append(str(error))
    refused = [
        f"refused by this artist's terms: a bound of {bound} artworks was announced, 20 is the least"
        for bound in (1, 2, 5, 9, 10, 11, 15, 19)
    ]
    assert outcomes == [*refused, *[ACKNOWLEDGMENT] * 3]
    assert hall.artists[0].ledger.releases == ()


def test_an_artist_with_more_artworks_than_its_terms_say_is_not_made(town):
    artist = town.artist()
    with pytest.raises(InputError, match="10 artworks are more than the 9 of this artist's terms"):
        replace(artist, terms=town.terms(max_artworks=9))


@pytest.mark.parametrize("wrong", ["length", "moments of another space"])
def test_a_tensor_of_another_length_than_the_models_is_refused_before_the_charge(wrong, hall, town):
    """AGT-2: it used to be found out by what was made of the artworks, after the charge."""
    head, moments = head_segment(town.D, town.H, 0.6), moments_segment(town.D, 0.4)
    layout = (
        Layout((moments, replace(head, length=head.length + 1)))
        if wrong == "length"
        else Layout((moments_segment(town.D + 1, 0.4), head))
    )
    with pytest.raises(TermsError, match="the platform asks for tensor"):
        hall.artists[0].receive_announcement(town.announcement(town.mechanism(layout)).encode())


# TRM-4: what may be spent


def test_a_session_that_costs_more_than_agreed_is_refused(hall, town):
    dear, mechanism = town.mechanism(noise_multiplier=1.0), town.mechanism(noise_multiplier=2.0)
    hall.artists[0].terms = town.terms(iteration_epsilon=1.01 * cost(mechanism))
    with pytest.raises(TermsError, match=r"one session would cost epsilon \d+"):
        hall.artists[0].receive_announcement(town.announcement(dear).encode())
    hall.announce(town.announcement(mechanism))
    hall.walk(mechanism, rounds=3)
    assert len(hall.artists[0].ledger.releases) == 1


def test_sessions_that_end_without_a_sum_are_paid_for_up_to_a_ceiling(hall, town):
    """A platform that asks for uploads and never for shares burns no more than was agreed to."""
    artist, mechanism = hall.artists[0], town.mechanism()
    artist.terms = town.terms(iteration_epsilon=1.01 * cost(mechanism), unsummed_epsilon=1.01 * cost(mechanism, 2))
    for iteration in (1, 2):
        hall.announce(town.announcement(mechanism, iteration=iteration))
        hall.walk(mechanism, rounds=4, iteration=iteration)
    with pytest.raises(TermsError, match="sessions that ended without a sum would cost epsilon"):
        artist.receive_announcement(town.announcement(mechanism, iteration=3).encode())
    assert len(artist.ledger.releases) == 2


def test_sessions_with_a_sum_do_not_count_as_burnt(hall, town):
    artist, mechanism = hall.artists[0], town.mechanism()
    artist.terms = town.terms(iteration_epsilon=2 * cost(mechanism), unsummed_epsilon=2 * cost(mechanism))
    for iteration in range(1, 5):
        hall.announce(town.announcement(mechanism, iteration=iteration))
        hall.walk(mechanism, rounds=5, iteration=iteration)
    assert len(artist.ledger.releases) == 4


def test_an_iteration_is_uploaded_to_as_often_as_agreed(hall, town):
    artist, mechanism = hall.artists[0], town.mechanism()
    artist.terms = town.terms(max_uploads=2)
    hall.announce(town.announcement(mechanism))
    for _ in range(2):
        hall.walk(mechanism, rounds=5)
    with pytest.raises(TermsError, match="iteration 1 was uploaded to 2 times, 2 is the most"):
        hall.walk(mechanism, rounds=3)
    assert len(artist.ledger.releases) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": 0.0},
        {"sampling_rate": math.nan},
        {"max_artworks": 0},
        {"iteration_epsilon": 0.0},
        {"iteration_epsilon": math.nan},
        {"iteration_epsilon": 2.0, "unsummed_epsilon": 1.0},
        {"max_uploads": 0},
        {"max_jump": 0},
        {"max_jump": 2**32},
        {"mode": Mode.NONE, "iteration_epsilon": 1.0},
        {"platform_key": b""},
        {"corrupt": -1},
        {"min_cohort": 1},
        {"min_survivors": 1},
        {"patience": 0},
    ],
)
def test_terms_that_mean_nothing_are_refused(change, town):
    with pytest.raises(InputError, match="an artist's terms"):
        town.terms(**change)
