"""TM-27: two writers of one ledger lose nothing, and without either defense they do."""

import pytest

from threat_models import tm27_budget_burn
from threat_models.edits import off
from threat_models.two_writers import lost_charges


def test_two_writers_of_one_ledger_lose_no_charge() -> None:
    assert lost_charges() == 0


@pytest.mark.parametrize("defense", [tm27_budget_burn._LOCK, tm27_budget_burn._REREAD])
def test_without_a_lock_or_without_reading_again_they_do(defense: str) -> None:
    with off({defense}, tm27_budget_burn._EDITS):
        assert lost_charges() > 0
