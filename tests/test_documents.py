from collections import Counter

import pytest

from tests.documents import PAGES, ROOT, invariants


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_invariant_has_its_own_number() -> None:
    repeated = [number for number, count in Counter(number for number, _, _ in invariants()).items() if count > 1]
    assert not repeated
