"""Threats that are attacked in no time, as their own programs do; others are left to `make threats`."""

import pytest

from threat_models.claim import Effort
from threat_models.register import threats
from threat_models.runner import run

QUICK = (1, 2, 4, 20)


@pytest.mark.parametrize("number", QUICK)
def test_a_claim_holds_its_attack_has_power_and_every_defense_is_missed(number: int) -> None:
    threat = threats()[number]
    verdict = run(threat.claim, threat.attack, Effort.FAST)
    assert verdict.in_words == "holds"
