"""TM-16: the equations behind it."""

import numpy as np
import pytest

from threat_models import tm16_score_oracle as tm16
from threat_models.edits import off
from threat_models.tm16_score_oracle import CLAIM, DIMENSIONS


@pytest.mark.parametrize(("questions", "is_enough"), [(DIMENSIONS - 16, False), (DIMENSIONS, True)])
def test_as_many_exact_scores_as_a_signature_has_numbers_are_enough(questions: int, is_enough: bool) -> None:
    with off(CLAIM.defenses, tm16._EDITS):
        found = tm16._estimate_all(tm16._meter(), questions, np.random.default_rng(0))
    assert bool(tm16._cosines(found, tm16._deviations()).mean() > 0.99) is is_enough
