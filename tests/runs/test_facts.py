"""FCT-1 (every number is the ledgers' own), FCT-2 (who left is not named), and PBL-1 and FND-1: what a buyer gets."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.ledger import LedgerError
from fedstyle_secure.runs import members
from fedstyle_secure.runs import search as seek
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.card import write_cards
from fedstyle_secure.runs.facts import gather
from fedstyle_secure.runs.folder import opened, seal
from fedstyle_secure.runs.pages import write_report
from fedstyle_secure.runs.publish import publish
from fedstyle_secure.runs.search import open_run
from fedstyle_secure.runs.spending import read_spending
from tests import stand_ins
from tests.command_line import Call
from tests.stand_ins import listing


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facts")
    art = stand_ins.paint(folder / "art")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run.train(stand_ins.settings(art, folder / "run", iterations=1, public=3))
    return folder


@pytest.fixture
def finished(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_ins.install(monkeypatch)
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


def words(path: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8")))


def pages(folder: Path) -> dict[str, str]:
    """Report, model card and data sheet, written anew."""
    written = [write_report(folder, tell=pytest.fail), *write_cards(folder, tell=pytest.fail)]
    return {path.name: words(path) for path in written}


def test_after_a_join_at_a_larger_limit_every_page_says_so(finished: Path, trained: Path, call: Call) -> None:
    artist = StyleIndex.load(finished / "catalogue").artists[0]
    members.leave(finished, artist)
    joined = members.join(finished, trained / "art" / artist, limit=20.0)
    spent = joined["epsilon"]["aggregate"]
    assert 8.5 < spent < 20
    for name, text in pages(finished).items():
        if name != "DATA_SHEET.md":
            assert f"{spent:.2f}" in text
            assert "limited to epsilon 8, for some artists by now to 20." in text
            assert "When the run ended it was 8.00" in text
        assert not re.search(r"bounded by ε = 8\.00", text)
    account = json.loads(call("budget", "show", finished, "--artist", artist, "--json").out)["artists"][artist]
    assert account["left"] == pytest.approx(20 - spent, abs=1e-3)
    shown = call("budget", "show", finished, "--artist", artist).out
    assert "limit 20 in the aggregate view" in shown
    assert f"{20 - spent:.2f} of it left" in shown
    everyone = call("budget", "show", finished).out
    assert re.search(rf"{re.escape(artist)}\W.*\W20\W", everyone)


def test_what_another_run_released_since_is_on_this_runs_page(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.install(monkeypatch)
    kept = tmp_path / "ledgers"
    run.train(stand_ins.settings(trained / "art", tmp_path / "a", iterations=1, ledgers=kept))
    run.train(stand_ins.settings(trained / "art", tmp_path / "b", iterations=1, ledgers=kept, epsilon=11.0))
    first, second = pages(tmp_path / "a"), pages(tmp_path / "b")
    for name in ("report.html", "MODEL_CARD.md"):
        assert "When the run ended it was 8.00" in first[name]
        assert re.search(
            r"Of the aggregate epsilon, (8.00|7.99) had been spent on these artworks before this run", second[name]
        )
        assert "11.0" in first[name]
        assert "11.0" in second[name]
    shown = read_spending(tmp_path / "b")
    assert all(account["before"]["aggregate"] > 7.9 for account in shown["artists"].values())


def test_fresh_ledgers_are_said_on_every_page(finished: Path) -> None:
    written = pages(finished)
    for name in ("report.html", "MODEL_CARD.md"):
        assert "whatever these artworks released before it, or elsewhere, is not counted" in written[name]


def test_nobody_who_left_is_named_on_any_page_nor_shown(finished: Path, trained: Path) -> None:
    summary = json.loads((finished / "summary.json").read_bytes())
    example = summary["examples"][0]
    leaver = example["artist"]
    other = next(name for name in StyleIndex.load(finished / "catalogue").artists if name != leaver)
    summary["warnings"] = [f"2 artworks of {leaver} are small", f"1 artwork of {other} is small"]
    summary["left_out"] = [{"file": f"{name}/scan.tif", "reason": "it is no picture"} for name in (leaver, other)]
    (finished / "summary.json").write_text(json.dumps(summary))
    seal(finished)
    write_report(finished, artworks=trained / "art", tell=pytest.fail)
    with_pictures = (finished / "report.html").read_text()
    assert f"A work by {leaver}" in with_pictures
    members.leave(finished, leaver)
    written = pages(finished)
    assert not [name for name, text in written.items() if leaver in text]
    assert "1 warnings that name artists who left are not shown" in written["report.html"]
    write_report(finished, artworks=trained / "art", tell=pytest.fail)
    page = (finished / "report.html").read_text()
    assert leaver not in page
    assert f"1 artwork of {other} is small" in page
    assert "since then 1 left" in page
    with opened(finished):
        facts, index = gather(finished)
    assert index is not None
    assert facts.measured is not None
    assert {name for one in facts.measured.examples for name in (one.artist, *one.ranking)} <= set(index.artists)


def test_a_page_whose_examples_all_show_who_left_is_written_without_pictures(finished: Path, trained: Path) -> None:
    summary = json.loads((finished / "summary.json").read_bytes())
    summary["examples"] = summary["examples"][:1]
    (finished / "summary.json").write_text(json.dumps(summary))
    seal(finished)
    members.leave(finished, summary["examples"][0]["artist"])
    write_report(finished, artworks=trained / "art", tell=pytest.fail)
    assert "data:image" not in (finished / "report.html").read_text()


def test_a_page_is_refused_where_a_ledger_is_gone(finished: Path) -> None:
    next((finished / "ledger").glob("*.jsonl")).unlink()
    for write in (write_report, write_cards):
        with pytest.raises(LedgerError, match=r"the ledger of .* does not hold"):
            write(finished, tell=pytest.fail)


def test_cards_are_replaced_in_a_run_and_never_elsewhere(finished: Path, tmp_path: Path) -> None:
    card, sheet = write_cards(finished, tell=pytest.fail)
    first = (card.read_text(), sheet.read_text())
    card, sheet = write_cards(finished, tell=pytest.fail)
    assert (card.read_text(), sheet.read_text()) == first
    card, sheet = write_cards(finished, out=tmp_path / "docs", tell=pytest.fail)
    assert (card.read_text(), sheet.read_text()) == first
    with pytest.raises(InputError, match="exists already"):
        write_cards(finished, out=tmp_path / "docs", tell=pytest.fail)
    with pytest.raises(InputError, match="is not a run"):
        write_cards(tmp_path / "nowhere", tell=pytest.fail)


def test_what_is_published_is_found_in_and_holds_nothing_else(
    finished: Path, trained: Path, tmp_path: Path, call: Call
) -> None:
    code, out, _ = call("publish", finished, "--out", "shop", "--json")
    assert code == 0
    files = [
        "catalogue/artists.json",
        "catalogue/nearness.json",
        "catalogue/signatures.safetensors",
        "manifest.json",
        "model.safetensors",
    ]
    assert json.loads(out)["files"] == files
    assert sorted(name for name, data in listing(tmp_path / "shop").items() if data is not None) == files
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "shop").rglob("*") if path.is_file()} == {0o644}
    shutil.rmtree(finished)
    picture = next(path for path in sorted((trained / "art").rglob("*.png")))
    found = json.loads(call("search", "shop", picture, "--json").out)["results"]
    assert len(found) == 5
    code, _, err = call("publish", "shop", "--out", "shop")
    assert (code, "exists already" in err) == (2, True)
    names = tmp_path / "shop" / "catalogue" / "artists.json"
    names.write_bytes(names.read_bytes().replace(b'"', b"'", 1))
    assert "artists.json is damaged" in call("search", "shop", picture).sentence()


def test_a_run_in_which_nobody_signed_has_nothing_to_publish(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.install(monkeypatch)
    run.train(stand_ins.settings(trained / "art", tmp_path / "run", iterations=1, sign=False))
    with pytest.raises(InputError, match="no catalogue to publish"):
        publish(tmp_path / "run", tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


def test_weights_are_found_by_what_they_are_wherever_they_lie(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.install(monkeypatch)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("weights.pth").write_bytes(b"weights")
    settings = stand_ins.settings(
        trained / "art", Path("run"), iterations=1, encoder="timm:resnet10t", weights=Path("weights.pth")
    )
    run.train(settings)
    asked = []

    def remember(spec: object) -> stand_ins.Eye:
        asked.append(spec)
        return stand_ins.Eye(spec)

    monkeypatch.setattr(seek, "open_encoder", remember)
    monkeypatch.chdir(tmp_path)  # and the run is searched from another folder
    open_run(tmp_path / "here" / "run")
    assert asked[-1].weights == tmp_path / "here" / "weights.pth"
    publish(tmp_path / "here" / "run", tmp_path / "shop")
    shutil.move(tmp_path / "here" / "weights.pth", tmp_path / "there.pth")
    for folder in (tmp_path / "shop", tmp_path / "here" / "run"):
        with pytest.raises(InputError, match=r"does not hold the weights of encoder timm:resnet10t: .*--weights"):
            open_run(folder)
        open_run(folder, weights=tmp_path / "there.pth")
        assert asked[-1].weights == tmp_path / "there.pth"
