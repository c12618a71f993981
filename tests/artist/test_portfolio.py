"""SHC-2 and POR-2 in a home: what an artist shows is none of its artworks there as long as it is shown."""

import shutil
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home
from fedstyle_secure.artist.portfolio import add_artworks, hide_works, load_features, load_showcase, show_works
from fedstyle_secure.artist.showcase import SHOWCASE_FILE, Showcase, read_showcase
from fedstyle_secure.artist.store import StoreError
from fedstyle_secure.artworks.reader import read_portfolio
from fedstyle_secure.errors import InputError
from tests.artist import stage
from tests.stand_ins import Eye

EYE = Eye()


@pytest.fixture
def home(tmp_path, art, monkeypatch, authority):
    settled = stage.settle(tmp_path / "home", art, monkeypatch, address="https://a.example", certificates=authority.pem)
    with closing(settled) as home:
        yield home


@pytest.fixture
def own(art):
    """The six pictures that this artist joined with."""
    return sorted(next(path for path in sorted(art.iterdir()) if path.is_dir()).glob("*.png"))


@pytest.fixture
def shown(own, tmp_path):
    """Three pictures of which two are among these: one as it is, one saved again."""
    folder = tmp_path / "shown"
    folder.mkdir()
    shutil.copy(own[0], folder / "one.png")
    Image.open(own[1]).save(folder / "two.webp", quality=90)
    Image.effect_mandelbrot((32, 32), (-2, -1, 1, 1), 50).save(folder / "three.png")
    return folder


def nothing(_done):
    """Nobody looks at a bar."""


def show(home, folder):
    return show_works(home, read_showcase(folder), EYE, nothing)


def add(home, folder):
    return add_artworks(home, read_portfolio(folder), EYE, nothing)


def test_shc2_what_is_shown_is_none_of_a_homes_artworks_until_it_is_not_shown(home, shown):
    before = load_features(home).views
    assert (len(before), load_showcase(home)) == (6, None)
    assert show(home, shown) == (2, 4)
    np.testing.assert_array_equal(load_features(home).views, before[2:])
    assert load_showcase(home).views.shape == (3, 1, before.shape[2])
    assert before[0, 0].tolist() in load_showcase(home).views[:, 0].tolist()
    assert add(home, shown) == (0, 4)
    folder = home.folder
    home.close()
    with closing(Home.open(folder)) as again:
        assert len(load_features(again)) == 4
        assert hide_works(again) == 7, "the third was added while it was shown"
        assert load_showcase(again) is None
        np.testing.assert_array_equal(load_features(again).views[:6], before)


def test_a_showcase_takes_the_place_of_the_one_before(home, shown, own, tmp_path):
    show(home, shown)
    (tmp_path / "others").mkdir()
    for path in own[3:5]:
        shutil.copy(path, tmp_path / "others")
    before = load_showcase(home).views
    assert show(home, tmp_path / "others") == (2, 4)
    assert len(load_showcase(home)) == 2
    assert not np.isin(before, load_showcase(home).views).all(axis=2).any()


def test_por2_a_copy_of_an_artwork_whose_picture_is_gone_counts_once(home, own, tmp_path):
    (tmp_path / "more").mkdir()
    Image.open(own[2]).save(tmp_path / "more" / "again.webp", quality=80)
    Image.effect_mandelbrot((32, 32), (-2, -1, 1, 1), 50).save(tmp_path / "more" / "new.png")
    before = load_features(home).views
    assert add(home, tmp_path / "more") == (1, 7)
    np.testing.assert_array_equal(load_features(home).views[:6], before)


@pytest.mark.parametrize("trouble", ["all", "other encoder", "full disk", "lost features"])
def test_a_showcase_that_cannot_be_is_refused_and_what_was_there_stands(home, shown, own, monkeypatch, trouble):
    show(home, shown)
    before, folder = (load_features(home).views, load_showcase(home).views), own[0].parent
    with monkeypatch.context() as patched:
        expected = InputError
        match trouble:
            case "all":
                sentence = "all 6 artworks in .* would be in the showcase, and none left .*: show fewer, or"
            case "other encoder":
                patched.setattr(Eye, "runtime", "another")
                folder, sentence = (
                    shown,
                    "looked at with lite0@0 by a stand-in, and here is lite0@0 by another: install",
                )
            case "full disk":
                patched.setattr("fedstyle_secure.artist.showcase.replace", fail)
                folder, sentence, expected = shown, "the showcase cannot be kept in .*: No space left", StoreError
            case "lost features":
                patched.setattr(portfolio, "extract", lambda *_, **__: None)
                (folder := shown / "more").mkdir()
                for number in (2, 3):
                    Image.effect_mandelbrot((32, 32), (-2, -1, 1, number), 50).save(folder / f"{number}.png")
                sentence, expected = "lacks the features of 2 of 2 artworks", StoreError
        with pytest.raises(expected, match=sentence):
            show(home, folder)
    np.testing.assert_array_equal(load_features(home).views, before[0])
    np.testing.assert_array_equal(load_showcase(home).views, before[1])


def fail(*_arguments):
    raise OSError(28, "No space left on device")


def test_what_comes_back_stays_within_the_terms(home, shown):
    show(home, shown)
    terms = home.folder / "terms.toml"
    terms.write_text(terms.read_text().replace("max_artworks = 100", "max_artworks = 5"))
    with pytest.raises(InputError, match=r"there would be 6 artworks, and max_artworks in .* is 5: raise it"):
        hide_works(home)
    assert len(load_features(home)) == 4


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [(None, "has no artworks: join again"), (b'{"artworks":["00"]}', r"by another release .*: join with a new --home")],
)
def test_a_home_without_artworks_or_with_those_of_another_release_says_so(home, shown, kept, sentence):
    home.store.write({"portfolio": kept})
    for act in (load_features, hide_works, lambda home: show(home, shown), lambda home: add(home, shown)):
        with pytest.raises(StoreError, match=sentence):
            act(home)


def test_a_damaged_showcase_shows_nothing_and_hides_nothing_until_it_is_made_anew(home, shown):
    show(home, shown)
    path = home.folder / SHOWCASE_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    one_alone = whole[: whole.index(b"},{")] + b"}]}"
    for damaged in (b"{}", whole[:-9], whole.replace(b'"cells":"', b'"cells":"00', 1), one_alone):
        path.write_bytes(damaged)
        for load in (load_features, load_showcase, lambda home: Showcase.read(home.folder)):
            with pytest.raises(InputError, match=r"showcase.json is damaged .*: `fedstyle artist showcase DIR` makes"):
                load(home)
    assert show(home, shown) == (2, 4)
