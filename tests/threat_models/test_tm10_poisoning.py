"""TM-10: a poisoner without bounds is one whom the bounds would have stopped."""

import numpy as np

from threat_models import tm10_poisoning
from threat_models.tm10_poisoning import BUCKETS, scaled


def test_a_poison_of_twelve_updates_is_named_by_its_bucket_and_leaves_the_others_alone() -> None:
    outcome = tm10_poisoning._train(scaled(-12.0), buckets=BUCKETS, iterations=1)[0]
    assert len(outcome.left_out) == 1
    assert "times as long as the median bucket's" in outcome.left_out[0]
    assert outcome.aggregate is not None
    assert outcome.aggregate.survivors == tm10_poisoning.ARTISTS - tm10_poisoning.ARTISTS // BUCKETS


def test_a_poisoner_that_multiplies_by_one_is_an_honest_artist() -> None:
    """What the attack changes is the poison, and nothing else of the artist."""
    honest, same = (tm10_poisoning._train(poison, buckets=1, iterations=1)[0] for poison in (None, scaled(1.0)))
    np.testing.assert_allclose(honest.model.head, same.model.head, atol=1e-3)
