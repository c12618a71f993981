import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_library_example_runs_and_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own page
    (expected,) = re.findall(r"^print\(.*?\)  # (.*)$", example, re.MULTILINE)
    assert capsys.readouterr().out.strip() == expected


def test_the_page_is_short_and_names_its_two_commands() -> None:
    assert len(README.splitlines()) <= 150
    assert "make demo" in README
    assert "make test" in README
