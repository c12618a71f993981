"""Model card and data sheet: figures from the summary, escaped (CRD-1), and no path of whoever ran it (CRD-2)."""

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


def test_every_figure_of_the_summary_is_in_the_card(tmp_path: Path) -> None:
    card, sheet = written(tmp_path)
    for figure in ("62.5%", "60.0%", "35.0%", "57.5%", "16.7%", "| aggregate | 7.98 |", "| local | 68.1 |"):
        assert figure in card
    assert "| worst case |" in card
    assert "40 artworks were held out" in card
    assert "80 artworks of 6 artists" in card
    assert "120 artworks of 6 artists" in sheet
    assert "Artworks of 3 more artists, declared public and protected by nothing: Ed \\[b\\], Flo, Gus" in sheet
    bent = summary()
    bent["retrieval"]["accuracy_at_1"] = 0.111
    bent["privacy"]["epsilon"]["local"] = None
    card, _ = written(tmp_path, **bent)
    assert "11.1%" in card
    assert "62.5%" not in card
    assert re.search(r"\| local \| ∞ \|.*Nothing is promised", card)


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
    card, _ = written(tmp_path, warnings=[f"1 artwork of {name} is too small"])
    assert safe in card
    assert name not in card.replace(safe, "")


def test_settings_are_shown_without_the_folders_they_lie_in(tmp_path: Path) -> None:
    settings = {"artworks": "/home/jane/secret/art", "out": "/home/jane/run", "public_art": None, "split": "content"}
    card, sheet = written(tmp_path, settings=settings, command="fedstyle train --artworks /home/jane/secret/art")
    assert "jane" not in card + sheet
    assert "| artworks | art |" in sheet
    assert "the same subjects for every artist" in card


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
