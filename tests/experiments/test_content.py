"""Content against style: each is asked for where the other cannot help (CNT-1), and the control is not blind."""

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from fedstyle_secure.artworks.atelier import make_hands, read_hands, style_distance
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import InputError
from fedstyle_secure.experiments.content import Works, judge, mantel, measure_content, share_above
from fedstyle_secure.runs import train as run
from tests import stand_ins
from tests.stand_ins import listing


def crossed(artists: int = 4, contents: int = 6) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(artist, subject) for artist in range(artists) for subject in range(contents)]
    return np.array([a for a, _ in pairs]), np.array([c for _, c in pairs])


def works(style: float, subject: float) -> Works:
    """Embeddings in which style and subject have so much weight."""
    artists, contents = crossed()
    rng = np.random.default_rng(0)
    parts = [style * np.eye(4)[artists], subject * np.eye(6)[contents], 0.1 * rng.normal(size=(len(artists), 3))]
    return Works(
        embeddings=to_unit(np.concatenate(parts, axis=1).astype(np.float32)), artists=artists, contents=contents
    )


def test_a_search_by_style_finds_styles_and_no_subjects() -> None:
    found = judge(works(style=1.0, subject=0.0))
    assert found["style"]["auc"] > 0.99
    assert found["style"]["first"] == 1.0
    assert found["subject"]["auc"] == pytest.approx(0.5, abs=0.1)
    assert found["style_over_subject"] > 0.99
    assert found["style"]["chance"] == pytest.approx(5 / 20)
    assert found["subject"]["chance"] == pytest.approx(3 / 18)
    assert found["queries"] == 24


def test_the_control_sees_a_search_by_subject() -> None:
    found = judge(works(style=0.0, subject=1.0))
    assert found["subject"]["auc"] > 0.99
    assert found["subject"]["first"] == 1.0
    assert found["style"]["auc"] == pytest.approx(0.5, abs=0.1)
    assert found["style_over_subject"] < 0.01


def test_neither_answer_helps_the_other() -> None:
    """With both in the space, style is as good as without subject: works of the same subject are not among them."""
    both, alone = judge(works(style=1.0, subject=1.0)), judge(works(style=1.0, subject=0.0))
    assert both["style"]["auc"] == pytest.approx(alone["style"]["auc"], abs=0.01)
    assert both["subject"]["auc"] > 0.99


def test_works_that_are_not_crossed_are_refused() -> None:
    artists = np.array([0, 0, 1, 1])
    alone = Works(embeddings=np.eye(4, dtype=np.float32), artists=artists, contents=np.arange(4))
    with pytest.raises(InputError, match="crossed with artists"):
        judge(alone)


def test_ties_count_half() -> None:
    assert share_above(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 0.75
    assert share_above(np.zeros(3), np.zeros(5)) == 0.5


def test_distances_in_the_same_order_correlate_and_others_do_not() -> None:
    rng = np.random.default_rng(1)
    points, others = rng.normal(size=(12, 3)), rng.normal(size=(12, 3))

    def distances(rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(rows[:, None] - rows[None], axis=2)

    rho, p = mantel(distances(points) ** 2, distances(points), seed=0)
    assert rho == pytest.approx(1)
    assert p == 0.001
    rho, p = mantel(-distances(points), distances(points), seed=0)
    assert rho == pytest.approx(-1)
    assert p == 1.0
    rho, p = mantel(distances(others), distances(points), seed=0)
    assert abs(rho) < 0.5
    assert p > 0.01
    assert mantel(np.zeros((5, 5)), distances(points[:5]), seed=0)[0] == 0


def test_an_atelier_on_disk_knows_its_true_styles(tmp_path: Path) -> None:
    art = stand_ins.paint(tmp_path / "art", artists=5, artworks=4)
    hands = read_hands(art)
    assert hands is not None
    for a, b in combinations(make_hands(5, seed=0), 2):
        assert style_distance(hands[a.artist], hands[b.artist]) == pytest.approx(style_distance(a, b))
    index = art / "index.csv"
    lines = index.read_text()
    index.write_text(lines.replace(",0\n", ",many\n"))
    with pytest.raises(InputError, match="paint it anew"):
        read_hands(art)
    index.write_text(lines.replace(",seed\n", ",other\n"))
    assert read_hands(art) is None
    index.unlink()
    assert read_hands(art) is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("content")
    art = stand_ins.paint(folder / "art", artworks=8)
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run.train(stand_ins.settings(art, folder / "run", iterations=1, split=content_split()))
    return folder


def content_split() -> object:
    from fedstyle_secure.config import Split

    return Split.CONTENT


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.install(monkeypatch)


@pytest.mark.usefixtures("looking")
def test_a_finished_run_is_judged_and_has_a_page(finished: Path, tmp_path: Path) -> None:
    results = measure_content(finished / "run", out=tmp_path / "out", command="fedstyle experiment content")
    assert json.loads((tmp_path / "out" / "content.json").read_text()) == results
    page = (tmp_path / "out" / "report.html").read_text()
    assert "fedstyle experiment content" in page
    assert list(results["spaces"]) == ["pooled", "no_training", "trained"]
    trained = results["spaces"]["trained"]
    assert trained["style"]["auc"] > max(0.6, trained["subject"]["auc"])
    assert results["distances"]["pairs"] == 28
    assert set(results["distances"]["spaces"]) == {"pooled", "no_training", "trained", "signatures"}
    assert results["distances"]["spaces"]["trained"]["spearman"] > 0.1
    assert measure_content(finished / "run", command="fedstyle experiment content") == results


@pytest.mark.usefixtures("looking")
def test_other_artworks_than_the_runs_are_refused(finished: Path, tmp_path: Path) -> None:
    art = Path(shutil.copytree(finished / "art", tmp_path / "art"))
    index = art / "index.csv"
    index.write_text(index.read_text().replace(",seed\n", ",other\n"))
    assert measure_content(finished / "run", artworks=art)["distances"] is None
    (art / "index.csv").unlink()
    with pytest.raises(InputError, match="needs a content for every artwork"):
        measure_content(finished / "run", artworks=art)
    with pytest.raises(InputError, match="give the folder where they are with --artworks"):
        measure_content(finished / "run", artworks=tmp_path / "nowhere")
    stranger = stand_ins.paint(tmp_path / "stranger", artists=30, artworks=4)
    with pytest.raises(InputError, match="knows no artist"):
        measure_content(finished / "run", artworks=stranger, out=tmp_path / "out")
    assert "out" not in listing(tmp_path)
