"""TM-13: all arms, fast."""

import pytest

from threat_models.claim import Effort
from threat_models.runner import run
from threat_models.tm13_implementation_bugs import CLAIM, attack


@pytest.mark.slow
def test_the_claim_holds_the_attack_has_power_and_every_defense_is_missed() -> None:
    verdict = run(CLAIM, attack, Effort.FAST)
    assert verdict.holds, (verdict.in_words, verdict.arms)
