"""Decibels, floors and what public art says of an unseen artwork."""

import numpy as np
import pytest

from threat_models.reconstruction import BEST_DECIBELS, Prior, psnr


@pytest.fixture
def public():
    rng = np.random.default_rng(0)
    return np.clip(0.5 + rng.normal(size=(40, 3)) @ rng.normal(size=(3, 60)) * 0.1, 0, 1)


def test_decibels_of_an_error_of_a_tenth_are_twenty():
    assert psnr(np.full(5, 0.5), np.full(5, 0.6)) == pytest.approx(20)


def test_an_exact_reconstruction_counts_a_finite_number():
    assert psnr(np.full(5, 0.5), np.full(5, 0.5)) == BEST_DECIBELS


def test_what_is_no_color_is_cut_off():
    assert psnr(np.ones(5), np.full(5, 7.0)) == BEST_DECIBELS


def test_the_floor_is_the_public_mean_image(public):
    prior = Prior.fit(public)
    np.testing.assert_allclose(prior.floor(public), psnr(public, public.mean(axis=0)))


def test_keeping_everything_keeps_a_deviation_and_keeping_nothing_none(public):
    prior = Prior.fit(public)
    deviation = np.random.default_rng(1).normal(size=(2, 60))
    np.testing.assert_allclose(prior.shrink(deviation, np.ones_like), deviation)
    np.testing.assert_allclose(prior.shrink(deviation, np.zeros_like), 0, atol=1e-12)


def test_the_variance_of_a_prior_is_that_of_art_it_was_not_fitted_to(public):
    prior = Prior.fit(public)
    held = public[1::2] - public.mean(axis=0)
    assert prior.total == pytest.approx(np.mean(np.sum(held**2, axis=1)))
