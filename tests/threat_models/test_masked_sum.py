"""The way of an upload is the real one, and a defense that is left out is left out."""

import numpy as np
import pytest

from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support
from threat_models.masked_sum import CLIPPING, ITERATIONS, NOISE, deployed, masked_sum, noiseless, release

LAYOUT = Layout((Segment(name="head", length=60, support=Support.COHORT, clip_norm=0.5, share=1.0),))


@pytest.fixture
def cohort():
    rows = np.random.default_rng(0).normal(size=(5, 3, 60)).astype(np.float32)
    return [Contributions(each, LAYOUT) for each in rows]


@pytest.fixture
def mechanism():
    return release(LAYOUT, clients=5)


def total(cohort):
    return np.sum([each.rows.sum(axis=0, dtype=np.float64) for each in cohort], axis=0)


def clipped_total(cohort):
    rows = np.concatenate([each.rows for each in cohort]).astype(np.float64)
    return np.sum(rows * np.minimum(1, 0.5 / np.linalg.norm(rows, axis=1, keepdims=True)), axis=0)


def test_without_noise_a_session_sums_clipped_rows(cohort, mechanism):
    summed = masked_sum(cohort, mechanism, without=frozenset({NOISE}))
    np.testing.assert_allclose(summed.tensors["head"], clipped_total(cohort), atol=1e-5)
    assert summed.noise["head"] == 0


def test_without_noise_and_clipping_it_sums_rows_as_they_are(cohort, mechanism):
    summed = masked_sum(cohort, mechanism, without=frozenset({NOISE, CLIPPING}))
    np.testing.assert_allclose(summed.tensors["head"], total(cohort), atol=1e-4)


def test_as_shipped_it_is_as_noisy_as_it_says(cohort, mechanism):
    summed = masked_sum(cohort, mechanism)
    error = summed.tensors["head"] - clipped_total(cohort)
    assert 0.6 < error.std() / summed.noise["head"] < 1.5


def test_the_noise_is_that_of_a_default_run(mechanism):
    assert mechanism.noise_multiplier == deployed(5).cohort.multipliers[0]
    assert len(deployed(5).cohort.multipliers) == ITERATIONS


def test_secure_aggregation_alone_gets_the_finest_grid_there_is(mechanism):
    assert noiseless(mechanism).scale > 100 * mechanism.scale
