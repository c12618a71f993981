"""TM-14: the statistics that it rests on."""

import numpy as np
import pytest

from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.training.tensors import head_segment
from threat_models import tm14_membership
from threat_models.tm14_membership import auc_bound


def test_success_is_one_for_scores_that_tell_all_and_one_half_for_scores_that_tell_nothing() -> None:
    members = np.arange(1000) % 2 == 0
    perfect = tm14_membership._Success.of(members.astype(np.float64), members)
    assert (perfect.auc, perfect.found) == (1.0, 1.0)
    blind = tm14_membership._Success.of(np.ones(1000), members)
    assert (blind.auc, blind.found) == (0.5, 0.0)


def test_the_best_attack_on_a_gaussian_release_reaches_the_bound_and_not_more() -> None:
    rho, rng = 0.5, np.random.default_rng(0)
    members = rng.random(200_000) < 0.5
    scores = members + rng.normal(size=len(members)) / np.sqrt(2 * rho)
    assert tm14_membership._Success.of(scores, members).auc == pytest.approx(auc_bound(rho), abs=0.005)


def test_likelihood_ratios_find_a_shift_whatever_each_artworks_own_mean_and_width() -> None:
    """What shadow models are for: without them, an artwork's own level hides the shift."""
    rng = np.random.default_rng(1)
    levels, widths = rng.normal(size=40) * 10, np.exp(rng.normal(size=40))
    members = rng.random((260, 40)) < 0.5
    statistics = levels + widths * (1.5 * members + rng.normal(size=members.shape))
    ratios = tm14_membership._likelihood_ratios(statistics[:200], members[:200], statistics[200:])
    told, raw = (tm14_membership._Success.of(x.ravel(), members[200:].ravel()).auc for x in (ratios, statistics[200:]))
    assert told > 0.8
    assert raw < 0.6


def test_candidates_side_by_side_have_the_gradients_that_an_artist_makes_one_by_one() -> None:
    segment = head_segment(tm14_membership._HEADS.dimensions, tm14_membership._HEADS.outputs, 1.0)
    mechanism, model = tm14_membership._release(segment, 1.0, clients=2), tm14_membership._HEADS.model
    rows = tm14_membership._gradients(model, mechanism, 4)
    features, codeword = tm14_membership._HEADS.features(1, 4), tm14_membership._codeword(1)
    made = contribute(features, model, mechanism, tm14_membership._HEADS.codebook, codeword).rows
    assert np.allclose(rows[1], made, atol=1e-5)
