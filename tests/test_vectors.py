import json

import pytest

from tests.vectors import ROOT, VECTORS, render


@pytest.mark.parametrize("name", VECTORS)
def test_the_code_still_makes_the_same_bytes(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == render(name)


def test_the_session_sums_its_survivors() -> None:
    session = json.loads((ROOT / "vectors/session.json").read_text(encoding="utf-8"))
    expected = [sum(column) for column in zip(*(session["inputs"][i] for i in session["survivors"]), strict=True)]
    assert session["survivors"] == [0, 1, 2]
    assert session["aggregate"] == expected
