"""docs/threats.md as a text: current and diffed in test_documents, here what it must say whatever was recorded."""

import re

import pytest

from tests import threats_page
from threat_models.register import WAITING, threats


@pytest.fixture
def nothing_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(threats_page, "RESULTS", tmp_path / "none.json")


def test_every_link_of_the_table_leads_to_a_heading() -> None:
    page = threats_page.threats_page()
    headings = {
        re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"^### (.+)$", page, re.M)
    }
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert len(links) == len(threats())
    assert set(links) == headings


def test_what_masks_alone_do_not_stop_comes_before_any_table() -> None:
    page = threats_page.threats_page()
    assert page.index("## What secure aggregation alone does not stop") < page.index("| id |")
    assert "## Not promised" in page


@pytest.mark.usefixtures("nothing_recorded")
def test_a_threat_that_was_not_recorded_says_so() -> None:
    page = threats_page.threats_page()
    assert page.count("Not recorded: `make threats` measures it.") == len(threats())


def test_threats_that_wait_are_there_with_their_reason() -> None:
    page = threats_page.threats_page()
    for waiting in WAITING:
        assert f"| {waiting.id} | {waiting.title} |" in page


@pytest.mark.parametrize("there", [True, False])
def test_the_picture_is_shown_if_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(threats_page, "DOCS", tmp_path)
    (tmp_path / "images").mkdir()
    if there:
        (tmp_path / "images" / "reconstructions.png").touch()
    assert bool(threats_page._picture()) is there
