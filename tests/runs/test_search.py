"""Questions of one, of several and of many pictures, and what is said of the nearest."""

import json
from pathlib import Path

import pytest

from fedstyle_secure.artworks.reader import read_artwork
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.nearness import NEARNESS_FILE, Nearness, Word
from fedstyle_secure.catalogue.search import search
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import InputError
from fedstyle_secure.runs import search as seek
from fedstyle_secure.runs import train as run
from tests import stand_ins


@pytest.fixture(scope="module")
def finished(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.install(patch)
        run.train(stand_ins.settings(art, folder / "run", iterations=0, epsilon=30.0))
    return folder / "run"


@pytest.fixture
def opened(finished: Path, monkeypatch: pytest.MonkeyPatch) -> seek.OpenRun:
    stand_ins.install(monkeypatch)
    return seek.open_run(finished)


def pictures_of(art: Path, artist: str) -> list[Path]:
    return sorted(path for path in (art / artist).iterdir() if path.suffix == ".png")


def test_pictures_of_one_hand_are_one_question(art: Path, opened: seek.OpenRun) -> None:
    pictures = pictures_of(art, opened.index.artists[0])[:3]
    found = opened.search(pictures, top=4)
    features = extract([read_artwork(path) for path in pictures], opened.encoder, views=0)
    mean = to_unit(opened.model.embed(features.views[:, 0]).mean(axis=0))
    assert [(each.rank, each.artist) for each in found.results] == [
        (each.rank, each.artist) for each in search(opened.index, mean, 4)[0]
    ]
    assert found.pictures == pictures


def test_pictures_in_a_folder_are_asked_about_one_by_one(art: Path) -> None:
    folder = next(path for path in sorted(art.iterdir()) if path.is_dir())
    asked = seek.questions([folder])
    assert [path for (path,) in asked] == pictures_of(art, folder.name)
    assert seek.questions([Path("a.jpg"), Path("b.jpg")]) == [[Path("a.jpg"), Path("b.jpg")]]


def test_a_folder_beside_something_else_or_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        seek.questions([tmp_path])
    with pytest.raises(InputError, match="give nothing else beside it"):
        seek.questions([tmp_path, Path("a.jpg")])


def test_no_score_is_in_an_answer(art: Path, opened: seek.OpenRun) -> None:
    answer = opened.search(pictures_of(art, opened.index.artists[0])[:1], top=3).as_dict()
    assert set(answer) == {"pictures", "nearness", "results"}
    assert all(set(result) == {"rank", "artist"} for result in answer["results"])
    assert not any(isinstance(value, float) for value in json.loads(json.dumps(answer)).values())
    assert answer["nearness"] in set(Word)


def test_what_is_near_is_learned_and_lies_beside_the_catalogue(finished: Path) -> None:
    learned = Nearness.load(finished / "catalogue")
    assert 1 in learned.bounds
    assert (finished / "catalogue" / NEARNESS_FILE).exists()
    assert StyleIndex.load(finished / "catalogue").artists


def test_str1_strangers_are_works_of_public_artists_and_of_nobody_else(art: Path, opened: seek.OpenRun) -> None:
    artists = {path.name for path in art.iterdir() if path.is_dir()} - set(opened.index.artists)
    works = [read_artwork(path) for artist in sorted(artists) for path in pictures_of(art, artist)]
    public = opened.index.space.apply(opened.model.embed(extract(works, opened.encoder, views=0).views[:, 0]))
    nearest = (opened.index.strangers @ public.T).max(axis=1)
    assert len(opened.index.strangers) == len(public)
    assert (nearest > 1 - 1e-5).all()


def test_a_catalogue_from_before_says_no_word(art: Path, opened: seek.OpenRun) -> None:
    silent = seek.OpenRun(opened.encoder, opened.model, opened.index, Nearness({}))
    assert silent.search(pictures_of(art, opened.index.artists[0])[:1], top=1).nearness is None


def test_few_strangers_are_called_near(art: Path, finished: Path, opened: seek.OpenRun) -> None:
    """Public artists are in no catalogue; what is near was learned on them."""
    strangers = json.loads((finished / "summary.json").read_text())["public_artists"]
    words = [opened.search([path], top=1).nearness for artist in strangers for path in pictures_of(art, artist)]
    assert words.count(Word.NEAR) <= 0.1 * len(words) + 1
