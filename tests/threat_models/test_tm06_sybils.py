"""TM-6: fewer survivors than the noise was sized for get no sum."""

from threat_models import tm06_sybils
from threat_models.edits import off


def test_a_session_with_fewer_survivors_than_the_noise_was_sized_for_gets_no_sum() -> None:
    release = tm06_sybils._release()
    assert tm06_sybils._fewest_survivors(release) == release.min_survivors


def test_clients_that_believe_the_server_give_sums_of_fewer() -> None:
    with off({"the client holds the session to its noise"}, tm06_sybils._EDITS):
        release = tm06_sybils._release()
        assert tm06_sybils._fewest_survivors(release) < release.min_survivors


def test_a_small_cohort_of_mostly_accomplices_costs_what_is_charged_only_by_the_artists_terms() -> None:
    small = {"clients": tm06_sybils._SMALL, "min_survivors": tm06_sybils._SMALL}
    assert tm06_sybils._true_over_charged(tm06_sybils._MOST, **small) <= 1
    with off({"accomplices by the artist's terms"}, tm06_sybils._EDITS):
        assert tm06_sybils._true_over_charged(tm06_sybils._MOST, **small) > 2
