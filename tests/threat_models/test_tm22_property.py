"""TM-22: only noise for a whole artist hides what an artist paints; and the attacker looks where the property is."""

import numpy as np
import pytest

from fedstyle_secure.encoder.features import StyleFeatures
from threat_models import tm22_property
from threat_models.tm22_property import PORTFOLIO, WITH, WITHOUT, Cohort


@pytest.fixture
def cohort(small_studio, monkeypatch):
    """A victim's portfolios that the attacker may draw from, and nobody else."""
    views = np.concatenate([features.views for features in small_studio.public])
    candidates, has = StyleFeatures(views), np.arange(len(views)) < WITH
    found = Cohort(studio=small_studio, candidates=candidates, has=has, others=())
    monkeypatch.setattr(tm22_property, "make_cohort", lambda: found)
    return found


@pytest.mark.parametrize("count", [WITH, WITHOUT])
def test_a_portfolio_holds_as_many_works_with_the_property_as_its_world_says(cohort, count):
    rows = {row.tobytes(): has for row, has in zip(cohort.candidates.views, cohort.has, strict=True)}
    portfolio = cohort.draw(count, "some")
    assert len(portfolio.views) == PORTFOLIO
    assert sum(rows[row.tobytes()] for row in portfolio.views) == count


@pytest.mark.usefixtures("cohort")
def test_the_best_direction_reaches_what_its_noise_allows():
    """A property that moves what is seen by one standard deviation of its noise: an AUC of .76, and not more."""

    def look(_portfolio, name):
        ours = np.zeros(8)
        ours[3] = name.startswith(f"{WITH} ")
        return ours + np.random.default_rng(list(name.encode())).normal(size=8)

    def study(_portfolio, name):
        return np.eye(8)[3] * name.startswith(f"{WITH} ")

    assert tm22_property._auc(look, study, 400) == pytest.approx(0.76, abs=0.04)


@pytest.mark.usefixtures("cohort")
def test_what_says_nothing_is_told_apart_by_nobody():
    def blind(_portfolio, name):
        return np.random.default_rng(list(name.encode())).normal(size=8)

    assert tm22_property._auc(blind, blind, 200) == pytest.approx(0.5, abs=0.1)
