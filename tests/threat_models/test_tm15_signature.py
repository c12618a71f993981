"""TM-15: a signature shows a style, not artworks; noise and the ledger are each missed."""

import numpy as np
import pytest

from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.whitening import to_unit
from threat_models.masked_sum import NOISE, deployed, deployed_untrained
from threat_models.tm15_signature import CANDIDATES, LEDGER, PORTFOLIO, Victim, name_members, publish


@pytest.fixture
def victim():
    rng = np.random.default_rng(0)
    style = 0.5 * rng.normal(size=120)
    embeddings = to_unit(style + rng.normal(size=(PORTFOLIO + CANDIDATES - 1, 120)))
    return Victim(
        features=StyleFeatures(np.zeros((PORTFOLIO, 1, 1), np.float32)),
        embeddings=embeddings[:PORTFOLIO],
        others=embeddings[PORTFOLIO:],
        images=np.zeros((PORTFOLIO, 1)),
    )


def test_after_training_a_ledger_lets_one_signature_out(small_studio):
    features = small_studio.public[0]
    assert len(publish(small_studio, features, deployed(8), frozenset(), seed=0)) == 1
    assert len(publish(small_studio, features, deployed_untrained(8), frozenset(), seed=0)) == 1
    assert len(publish(small_studio, features, deployed(8), frozenset({LEDGER}), seed=0)) > 20


def test_a_signature_without_noise_is_the_mean_embedding(small_studio):
    features = small_studio.public[0]
    signature = publish(small_studio, features, deployed(8), frozenset({NOISE}), seed=0)[0]
    mean = to_unit(small_studio.embed(features.views[:, 0]).mean(axis=0))
    np.testing.assert_allclose(signature, mean, atol=1e-4)


def test_an_exact_signature_names_its_members_to_who_knows_the_rest(victim):
    signature = to_unit(victim.embeddings.sum(axis=0))
    assert name_members(victim, signature, 0.0, knows_rest=True) == 1
    assert name_members(victim, signature, 0.0, knows_rest=False) > 0.05


def test_drowned_in_noise_it_names_nobody(victim):
    noise = np.random.default_rng(1).normal(size=120) * 20
    signature = to_unit(victim.embeddings.sum(axis=0) + noise)
    assert name_members(victim, signature, 20.0, knows_rest=True) <= 0.1
