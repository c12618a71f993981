"""docs/security.md promises nothing that has no number, and names no number that does not exist."""

import re
from pathlib import Path

import pytest

from tests.documents import invariants
from threat_models.register import NUMBERS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "security.md"
MODEL = ROOT / "threat_models" / "symbolic" / "model.maude"
THREATS = {f"TM-{number}" for number in NUMBERS}
INVARIANTS = {number for number, _, _ in invariants()}

LINK = re.compile(r"\[([A-Z]{2,4}-\d+)\]\(([a-z-]+\.md)\)")
NUMBER = re.compile(r"\b[A-Z]{2,4}-\d+\b")


def sections(text: str) -> dict[str, list[str]]:
    """Bullets by heading, each on one line."""
    return {
        part.partition("\n")[0]: [
            " ".join(bullet.split()) for bullet in re.split(r"^\* ", part, flags=re.MULTILINE)[1:]
        ]
        for part in text.split("\n## ")[1:]
    }


def problems(text: str) -> list[str]:
    """What is wrong with a page: promises without a number, numbers that do not exist or lead elsewhere."""
    promises = [bullet for title, bullets in sections(text).items() if title.startswith("To ") for bullet in bullets]
    bare = [f"names nothing: {promise}" for promise in promises if not LINK.search(promise)]
    unknown = [f"does not exist: {number}" for number in NUMBER.findall(text) if number not in THREATS | INVARIANTS]
    astray = [
        f"leads elsewhere: {number}"
        for number, page in LINK.findall(text)
        if page != ("threats.md" if number in THREATS else "invariants.md")
    ]
    return bare + unknown + astray


def test_every_promise_names_a_threat_or_an_invariant_that_exists() -> None:
    assert problems(PAGE.read_text(encoding="utf-8")) == []


def test_the_page_speaks_to_artists_buyers_and_platforms_and_says_what_it_does_not_promise() -> None:
    found = sections(PAGE.read_text(encoding="utf-8"))
    assert [title for title in found if title.startswith("To ")] == ["To an artist", "To a buyer", "To a platform"]
    assert len(found["Non-goals"]) >= 8
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 125


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("You are safe.", "names nothing: You are safe."),
        ("You are safe. ([TM-99](threats.md))", "does not exist: TM-99"),
        ("You are safe. ([CLI-99](invariants.md))", "does not exist: CLI-99"),
        ("You are safe. ([CLI-1](threats.md))", "leads elsewhere: CLI-1"),
    ],
)
def test_a_sentence_that_rests_on_nothing_is_found(sentence: str, problem: str) -> None:
    assert problem in problems(f"# Page\n\n## To an artist\n\n* {sentence}\n")


def test_pages_that_are_linked_exist() -> None:
    links = re.findall(r"\]\(([^)]+\.md)\)", PAGE.read_text(encoding="utf-8"))
    assert [link for link in links if not (PAGE.parent / link).is_file()] == []


def test_the_symbolic_models_checks_are_invariants_of_the_code() -> None:
    text = MODEL.read_text(encoding="utf-8")
    checks = text[text.index("  ops roster") : text.index(": -> Check [ctor]")].strip().splitlines()
    assert all(NUMBER.search(check) for check in checks)
    assert {number for check in checks for number in NUMBER.findall(check)} <= INVARIANTS
