from collections import Counter

import pytest

from tests.documents import PAGES, ROOT, invariants
from tests.threats_page import RESULTS
from threat_models.register import Threat, threats
from threat_models.results import load


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_invariant_has_its_own_number() -> None:
    repeated = [number for number, count in Counter(number for number, _, _ in invariants()).items() if count > 1]
    assert not repeated


@pytest.mark.parametrize("threat", threats().values(), ids=lambda threat: threat.claim.id)
def test_the_last_recorded_run_of_every_threat_holds(threat: Threat) -> None:
    """Judged by the claim of today: a claim that changed is measured again."""
    again = f"run `python -m threat_models run {threat.claim.id} --out docs/threats.json` and `make docs`"
    recorded = load(RESULTS, [threat.claim])
    assert threat.claim.number in recorded, again
    assert recorded[threat.claim.number].verdict.in_words == "holds", again


@pytest.mark.parametrize("threat", threats().values(), ids=lambda threat: threat.claim.id)
def test_a_claims_tests_exist(threat: Threat) -> None:
    assert threat.claim.tests
    for test in threat.claim.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists(), test
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), test
