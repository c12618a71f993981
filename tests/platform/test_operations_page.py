"""The operator's page: each bad day names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_bad_day_has_a_test():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Bad days")[2]
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page)
    assert len(named) >= 16
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name
