"""Model card and data sheet: figures from the summary, escaped (CRD-1), and nothing that was not released (CRD-2)."""

import re

import pytest

from fedstyle_secure.report.facts import read_facts
from fedstyle_secure.runs.card import data_sheet, escape, model_card
from tests.report.test_report import summary

NAMES = [
    "![x](http://evil.example)",
    "<script>alert(1)</script>",
    "a | b",
    "# not\na heading",
    "www.evil.example",
    "&lt;",
]


def written(**changes: object) -> tuple[str, str]:
    facts = read_facts(summary() | changes, "summary.json")
    return model_card(facts), data_sheet(facts)


def test_what_was_released_is_in_the_card() -> None:
    card, sheet = written()
    for figure in ("| aggregate | 7.98 |", "| local | 68.1 |", "| worst case |", "2 sessions", "6 artists"):
        assert figure in card
    assert "6 artists" in sheet
    assert "Artworks of 3 more artists, declared public and protected by nothing: Ed \\[b\\], Flo, Gus" in sheet
    bent = summary()
    bent["privacy"]["epsilon"]["local"] = None
    card, _ = written(**bent)
    assert re.search(r"\| local \| ∞ \|.*Nothing is promised", card)


def test_what_was_not_released_makes_no_difference_to_what_everyone_may_see() -> None:
    """CRD-2: another experiment on other artworks, with the same terms and the same releases."""
    first = written()
    other = summary()
    for name in ("retrieval", "no_training", "random_head"):
        other[name] = dict.fromkeys(other[name], 0.123)
    del other["buyer"]
    other |= {"artworks": 121, "queries": 39, "examples": [], "warnings": ["3 of ada are the same"], "seconds": {}}
    other |= {"command": "fedstyle train --seed 77"}
    other["settings"] |= {"seed": 77, "split": "content", "hold_out": 0.5, "artworks": "elsewhere", "public": 2}
    other["settings"] |= {"out": "there", "weights": "mine.pth", "transcripts": "kept", "public_art": "shown"}
    other["settings"] |= {"ledgers": "kept", "fresh_ledgers": True, "features_cache": "here"}
    assert written(**other) == first
    for name in ("retrieval", "examples"):
        del other[name]
    assert written(**(other | {"queries": 0})) == first


def test_the_card_says_what_style_retrieval_must_not_be_used_for() -> None:
    card, sheet = written()
    for misuse in ("evidence of forgery", "generators", "anonymous"):
        assert misuse in card
    headings = re.findall(r"^## (.+)$", card, re.MULTILINE)
    assert {"Intended use", "Metrics", "Training data", "Privacy", "Ethical considerations"} <= set(headings)
    sections = re.findall(r"^## (.+)$", sheet, re.MULTILINE)
    assert {"Motivation", "Composition", "Collection process", "Uses", "Distribution", "Maintenance"} <= set(sections)


def test_crops_are_told_of_where_there_were_any() -> None:
    settings = summary()["settings"]
    _, trained = written(settings=settings | {"iterations": 2, "views": 3})
    _, untrained = written(settings=settings | {"iterations": 0, "views": 3})
    assert "3 random crops of each training artwork are added" in trained
    assert "no crop is made" in untrained
    assert "random crops" not in untrained


def test_a_run_without_noise_promises_nothing() -> None:
    open_run = summary()
    unbounded = dict.fromkeys(("aggregate", "local", "worst_case"))
    open_run["privacy"] |= {"mode": "none", "limit": None, "epsilon": unbounded}
    card, _ = written(**open_run)
    assert card.count("Nothing is promised") == 3
    assert "There was no limit." in card


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_wherever_they_stand(name: str) -> None:
    safe = escape(name)
    assert not re.search(r"(?<!\\)(?:\\\\)*[!\[\]()<>|#`*_&.:]", safe)
    assert "\n" not in safe
    card, sheet = written(settings={"encoder": name})
    for page in (card, sheet):
        assert safe in page
        assert name not in page.replace(safe, "")
