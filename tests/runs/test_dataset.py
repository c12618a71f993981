"""Who is public, who is a client, and what is held out."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fedstyle_secure.artworks.artwork import Gallery, Portfolio
from fedstyle_secure.config import Split
from fedstyle_secure.errors import InputError
from fedstyle_secure.runs.dataset import Dataset, derive_seed, divide, read_dataset, read_galleries
from tests import stand_ins


def read(art: Path, **changes: object) -> Dataset:
    return read_dataset(stand_ins.settings(art, Path("run"), **changes))


def names(portfolios: object) -> list[str]:
    return [portfolio.artist for portfolio in portfolios]


@pytest.mark.parametrize("split", list(Split))
def test_every_artwork_has_exactly_one_role(split: Split, art: Path) -> None:
    dataset = read(art, split=split)
    assert names(dataset.training) == names(dataset.held_out)
    assert not set(names(dataset.public)) & set(names(dataset.training))
    assert (len(dataset.public), len(dataset.training)) == (4, 8)
    for training, held_out in zip(dataset.training, dataset.held_out, strict=True):
        inside, outside = ({work.digest for work in side.artworks} for side in (training, held_out))
        assert not inside & outside
        assert len(inside) + len(outside) == stand_ins.ARTWORKS
    if split is Split.CONTENT:
        asked = {work.content for portfolio in dataset.held_out for work in portfolio.artworks}
        assert not asked & {work.content for portfolio in dataset.training for work in portfolio.artworks}


def test_the_seed_alone_declares_the_public_artists(art: Path) -> None:
    chosen = [names(read(art, public=5, seed=seed).public) for seed in (0, 0, 1, 2)]
    assert chosen[0] == chosen[1]
    assert len({tuple(public) for public in chosen}) > 1
    assert {len(public) for public in chosen} == {5}


def test_nobody_is_public_by_silence(art: Path) -> None:
    for public in (None, 3):
        with pytest.raises(InputError, match=r"nobody is public by silence.*--public NAME,NAME.*--all-agreed"):
            read(art, public=public, all_agreed=False)


def test_public_artists_are_named_as_people_write_them(art: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(art, tmp_path / "art"))
    (folder / "index.csv").unlink()
    first, second, third, *_ = sorted(path for path in folder.iterdir() if path.is_dir())
    first.rename(folder / "Zoë")
    second.rename(folder / "Monet, Claude")
    for given in (("ZOE\u0308,Monet, Claude",), ("zoë", "monet,  claude", third.name)):
        chosen = {"Zoë", "Monet, Claude"} | ({third.name} if third.name in given else set())
        if len(given) == 1:
            with pytest.raises(InputError, match=r"--public names 'Monet', who is not among the artists: .*Zoë"):
                read(folder, public=given, all_agreed=False)
        else:
            assert set(names(read(folder, public=given, all_agreed=False).public)) == chosen
    assert set(names(read(folder, public=(f"zoë,{third.name}",), all_agreed=False).public)) == {"Zoë", third.name}
    everyone = tuple(path.name for path in folder.iterdir())
    with pytest.raises(InputError, match="12 public artists leave no client"):
        read(folder, public=everyone, all_agreed=False)


def test_the_bound_leaves_artworks_out_and_says_so(art: Path) -> None:
    dataset, full = read(art, max_artworks=3, hold_out=0.0), read(art, hold_out=0.0)
    assert {len(portfolio.artworks) for portfolio in dataset.training} == {3}
    assert dataset.warnings == ["24 training artworks are left out, to keep every artist at --max-artworks 3"]
    for bounded, portfolio in zip(dataset.training, full.training, strict=True):
        assert digests(bounded) < digests(portfolio)


def digests(portfolio: Portfolio) -> set[bytes]:
    return {work.digest for work in portfolio.artworks}


def test_nothing_is_held_out_where_all_works_are_to_train(art: Path) -> None:
    dataset = read(art, hold_out=0.0)
    assert dataset.held_out == ()
    assert {len(portfolio.artworks) for portfolio in dataset.training} == {stand_ins.ARTWORKS}


@pytest.mark.parametrize(
    "changes", [{"hold_out": 0.0}, {}, {"max_artworks": 2, "hold_out": 0.0}, {"split": Split.CONTENT}]
)
def test_one_artwork_less_in_a_folder_changes_one_training_artwork_at_most(
    changes: dict[str, object], art: Path
) -> None:
    """SET-2, from folders: of its artist, and of nobody else. At the bound, another one takes its place."""
    settings = stand_ins.settings(art, Path("run"), min_artworks=2, **changes)
    gallery, _ = read_galleries(settings)
    whole = {portfolio.artist: digests(portfolio) for portfolio in divide(settings, gallery, None).training}
    is_bounded = settings.max_artworks < stand_ins.ARTWORKS
    for artist in whole:
        for left_out in range(stand_ins.ARTWORKS):
            fewer = divide(settings, without(gallery, artist, left_out), None).training
            for portfolio in fewer:
                before, after = whole[portfolio.artist], digests(portfolio)
                assert len(before - after) <= (portfolio.artist == artist)
                assert len(after - before) <= (portfolio.artist == artist and is_bounded)


def without(gallery: Gallery, artist: str, left_out: int) -> Gallery:
    """The same folders with one file less; its content stays known, as the rest of the artists have it."""
    portfolios = [
        Portfolio(each.artist, each.artworks[:left_out] + each.artworks[left_out + 1 :])
        if each.artist == artist
        else each
        for each in gallery.portfolios
    ]
    return replace(gallery, portfolios=tuple(portfolios))


def test_one_artist_more_changes_the_role_of_no_other(art: Path) -> None:
    settings = stand_ins.settings(art, Path("run"), public=4)
    gallery, _ = read_galleries(settings)
    public = set(names(divide(settings, gallery, None).public))
    for left_out in gallery.portfolios:
        fewer = replace(gallery, portfolios=tuple(each for each in gallery.portfolios if each is not left_out))
        assert len(public - {left_out.artist} - set(names(divide(settings, fewer, None).public))) == 0


@pytest.mark.parametrize(("delta", "warned"), [(0.16, False), (0.17, True), (0.5, True)])
def test_a_delta_that_publishes_an_artwork_is_warned_of(delta: float, warned: bool, art: Path) -> None:
    warnings = read(art, delta=delta, hold_out=0.0).warnings
    assert any("is not below 1/6" in warning for warning in warnings) is warned


def move_public(art: Path, tmp_path: Path, count: int) -> tuple[Path, Path]:
    private, public = Path(shutil.copytree(art, tmp_path / "private")), tmp_path / "public"
    (private / "index.csv").unlink()
    public.mkdir()
    for folder in sorted(private.iterdir())[:count]:
        folder.rename(public / folder.name)
    return private, public


def test_a_folder_of_public_art_makes_everyone_else_a_client(art: Path, tmp_path: Path) -> None:
    private, public = move_public(art, tmp_path, 3)
    dataset = read(private, public_art=public)
    assert names(dataset.public) == sorted(path.name for path in public.iterdir())
    assert names(dataset.training) == sorted(path.name for path in private.iterdir())
    assert dataset.warnings == []


def test_what_is_in_both_folders_is_counted(art: Path, tmp_path: Path) -> None:
    private, public = move_public(art, tmp_path, 3)
    sources = sorted(sorted(public.iterdir())[0].glob("*.png"))[:2]
    for number, source in enumerate(sources):
        shutil.copy(source, sorted(private.iterdir())[0] / f"again-{number}.png")
    (overlap,) = read(private, public_art=public).warnings
    assert overlap == "2 artworks of clients are in the --public-art folder too, and so are public"


def test_nobody_is_both_public_and_a_client(art: Path, tmp_path: Path) -> None:
    private, public = move_public(art, tmp_path, 3)
    shutil.copytree(sorted(private.iterdir())[-1], public / sorted(private.iterdir())[-1].name)
    with pytest.raises(InputError, match="is both public and a client"):
        read(private, public_art=public)


def test_seeds_for_different_purposes_differ() -> None:
    purposes = [("views", "a"), ("views", "b"), ("viewsa",), ("views", ""), ("head",)]
    seeds = {derive_seed(seed, *purpose) for seed in (0, 1, -1) for purpose in purposes}
    assert len(seeds) == 3 * len(purposes)
    assert all(0 <= seed < 1 << 63 for seed in seeds)


@pytest.fixture
def shown(art: Path, tmp_path: Path) -> Path:
    """One client shows three pictures, of which two are among its artworks: one as it is, one saved again."""
    *_, artist = sorted(path for path in art.iterdir() if path.is_dir())
    folder = tmp_path / "shown" / artist.name
    folder.mkdir(parents=True)
    pictures = sorted(artist.glob("*.png"))
    shutil.copy(pictures[0], folder / "one.png")
    Image.open(pictures[1]).save(folder / "two.webp", quality=90)
    Image.effect_mandelbrot((32, 32), (-2, -1, 1, 1), 50).save(folder / "three.png")
    return tmp_path / "shown"


def test_shc2_a_work_that_is_shown_is_in_no_private_data_set(art: Path, shown: Path) -> None:
    (name,) = (path.name for path in shown.iterdir())
    others = tuple(path.name for path in sorted(art.iterdir())[:4] if path.is_dir())
    settings = {"public": others, "all_agreed": False, "min_artworks": 3}
    before, after = read(art, **settings), read(art, showcase=shown, **settings)
    (showcase,) = after.showcase
    assert (showcase.artist, len(showcase.artworks)) == (name, 3)
    pictures = {artwork.digest for artwork in showcase.artworks}
    for role in ("training", "held_out", "clients"):
        for old, new in zip(getattr(before, role), getattr(after, role), strict=True):
            assert not pictures & {artwork.digest for artwork in new.artworks}
            if new.artist != name:
                assert [a.digest for a in new.artworks] == [a.digest for a in old.artworks]
    counts = [next(len(p.artworks) for p in each.clients if p.artist == name) for each in (before, after)]
    assert counts[0] - counts[1] == 2
    assert "2 of its pictures are in its showcase, which has them" in [each.reason for each in after.left_out]


def test_a_showcase_that_is_nobodys_or_leaves_too_little_is_refused(art: Path, shown: Path, tmp_path: Path) -> None:
    (folder,) = shown.iterdir()
    with pytest.raises(InputError, match="4 artworks are left that are not in its showcase, the minimum is 5"):
        read(art, showcase=shown, min_artworks=5)
    folder.rename(shown / "Nobody")
    with pytest.raises(InputError, match="a showcase of 'Nobody', who is none of the clients"):
        read(art, showcase=shown)
    (shown / "Nobody" / "one.png").unlink()
    (shown / "Nobody" / "two.webp").unlink()
    with pytest.raises(InputError, match="holds 1 artworks, the minimum is 2"):
        read(art, showcase=shown)
    (tmp_path / "empty").mkdir()
    for place, problem in (
        (tmp_path / "empty", "holds no showcase"),
        (tmp_path / "absent", "cannot read the showcases"),
    ):
        with pytest.raises(InputError, match=problem):
            read(art, showcase=place)
