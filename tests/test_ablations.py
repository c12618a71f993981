from pathlib import Path

import pytest

from tests.ablation import ABLATIONS, Ablation, copy, run, run_pytest


@pytest.mark.slow
def test_every_named_test_is_green_with_all_defenses(tmp_path: Path) -> None:
    """In a copy like those below: what is red there is red for want of its defense."""
    copy(tmp_path)
    outcome = run_pytest(tmp_path, list(dict.fromkeys(each.test for each in ABLATIONS if each.is_possible)))
    assert outcome == 0, (tmp_path / "pytest.log").read_text(encoding="utf-8")[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("ablation", ABLATIONS, ids=[item.name.replace(" ", "-") for item in ABLATIONS])
def test_the_named_test_notices_that_the_defense_is_gone(ablation: Ablation, tmp_path: Path) -> None:
    if not ablation.is_possible:
        pytest.skip(f"needs {ablation.needs}, in an environment of its own: make threats-engines")
    assert run(ablation, tmp_path) == ""


def test_every_ablation_names_text_that_is_there_exactly_once() -> None:
    root = Path(__file__).resolve().parents[1]
    for ablation in ABLATIONS:
        assert (root / ablation.file).read_text(encoding="utf-8").count(ablation.defense) == 1, ablation.name
        path, *_, name = ablation.test.split("::")
        assert f"def {name}(" in (root / path).read_text(encoding="utf-8"), ablation.name
