"""TM-06: all arms, fast."""

import pytest

from threat_models import tm06_sybils
from threat_models.claim import Effort
from threat_models.edits import off
from threat_models.runner import run
from threat_models.tm06_sybils import CLAIM, attack


@pytest.mark.slow
def test_the_claim_holds_the_attack_has_power_and_every_defense_is_missed() -> None:
    verdict = run(CLAIM, attack, Effort.FAST)
    assert verdict.holds, (verdict.in_words, verdict.arms)


def test_a_session_with_fewer_survivors_than_the_noise_was_sized_for_gets_no_sum() -> None:
    release = tm06_sybils._release()
    assert tm06_sybils._fewest_survivors(release) == release.min_survivors


def test_clients_that_believe_the_server_give_sums_of_fewer() -> None:
    with off({"the client holds the session to its noise"}, tm06_sybils._EDITS):
        release = tm06_sybils._release()
        assert tm06_sybils._fewest_survivors(release) < release.min_survivors
