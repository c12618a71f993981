"""Model card and data sheet: figures from the summary, escaped (CRD-1), and nothing that was not released (CRD-2)."""

import json
import re
from pathlib import Path

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.runs.card import escape, write_cards
from tests.report.test_report import summary
from tests.stand_ins import listing

NAMES = [
    "![x](http://evil.example)",
    "<script>alert(1)</script>",
    "a | b",
    "# not\na heading",
    "www.evil.example",
    "&lt;",
]


def written(run: Path, **changes: object) -> tuple[str, str]:
    (run / "summary.json").write_text(json.dumps(summary() | changes))
    card, sheet = write_cards(run)
    return card.read_text(), sheet.read_text()


def test_what_was_released_is_in_the_card(tmp_path: Path) -> None:
    card, sheet = written(tmp_path)
    for figure in ("| aggregate | 7.98 |", "| local | 68.1 |", "| worst case |", "2 sessions", "6 artists"):
        assert figure in card
    assert "6 artists" in sheet
    assert "Artworks of 3 more artists, declared public and protected by nothing: Ed \\[b\\], Flo, Gus" in sheet
    bent = summary()
    bent["privacy"]["epsilon"]["local"] = None
    card, _ = written(tmp_path, **bent)
    assert re.search(r"\| local \| ∞ \|.*Nothing is promised", card)


def test_what_was_not_released_makes_no_difference_to_what_everyone_may_see(tmp_path: Path) -> None:
    """CRD-2: another experiment on other artworks, with the same terms and the same releases."""
    first = written(tmp_path)
    other = summary()
    for name in ("retrieval", "no_training", "random_head"):
        other[name] = dict.fromkeys(other[name], 0.123)
    del other["buyer"]
    other |= {"artworks": 121, "queries": 39, "examples": [], "warnings": ["3 of ada are the same"], "seconds": {}}
    other |= {"command": "fedstyle train --seed 77", "ledgers": {"ada": {"file": "0000.jsonl", "head": "77"}}}
    other["settings"] |= {"seed": 77, "split": "content", "hold_out": 0.5, "artworks": "elsewhere", "public": 2}
    other["settings"] |= {"out": "there", "weights": "mine.pth", "transcripts": "kept", "public_art": "shown"}
    assert written(tmp_path, **other) == first
    none_held_out = {name: value for name, value in other.items() if name not in {"retrieval", "examples"}}
    (tmp_path / "summary.json").write_text(json.dumps(none_held_out | {"queries": 0}))
    card, sheet = write_cards(tmp_path)
    assert (card.read_text(), sheet.read_text()) == first


def test_the_card_says_what_style_retrieval_must_not_be_used_for(tmp_path: Path) -> None:
    card, sheet = written(tmp_path)
    for misuse in ("evidence of forgery", "generators", "anonymous"):
        assert misuse in card
    headings = re.findall(r"^## (.+)$", card, re.MULTILINE)
    assert {"Intended use", "Metrics", "Training data", "Privacy", "Ethical considerations"} <= set(headings)
    sections = re.findall(r"^## (.+)$", sheet, re.MULTILINE)
    assert {"Motivation", "Composition", "Collection process", "Uses", "Distribution", "Maintenance"} <= set(sections)


def test_a_run_without_noise_promises_nothing(tmp_path: Path) -> None:
    open_run = summary()
    unbounded = dict.fromkeys(("aggregate", "local", "worst_case"))
    open_run["privacy"] |= {"mode": "none", "limit": None, "epsilon": unbounded}
    card, _ = written(tmp_path, **open_run)
    assert card.count("Nothing is promised") == 3
    assert "There was no limit." in card


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_wherever_they_stand(name: str, tmp_path: Path) -> None:
    safe = escape(name)
    assert not re.search(r"(?<!\\)(?:\\\\)*[!\[\]()<>|#`*_&.:]", safe)
    assert "\n" not in safe
    card, sheet = written(tmp_path, settings={"encoder": name})
    for page in (card, sheet):
        assert safe in page
        assert name not in page.replace(safe, "")


def test_older_documents_are_replaced_and_other_folders_never(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    first = written(run)
    assert written(run) == first
    assert sorted(listing(run)) == ["DATA_SHEET.md", "MODEL_CARD.md", "summary.json"]
    card, sheet = write_cards(run, out=tmp_path / "docs")
    assert (card.read_text(), sheet.read_text()) == first
    with pytest.raises(InputError, match="exists already"):
        write_cards(run, out=tmp_path / "docs")
    with pytest.raises(InputError, match="finished run"):
        write_cards(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
