"""Who is public, who is a client, and what is held out."""

import shutil
from pathlib import Path

import pytest

from fedstyle_secure.config import Split
from fedstyle_secure.errors import InputError
from fedstyle_secure.runs.dataset import Dataset, derive_seed, read_dataset
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
        assert (len(inside), len(outside)) == (4, 2)
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
    dataset, full = read(art, max_artworks=3), read(art)
    assert {len(portfolio.artworks) for portfolio in dataset.training} == {3}
    assert dataset.warnings == ["8 training artworks are left out, to keep every artist at --max-artworks 3"]
    for bounded, portfolio in zip(dataset.training, full.training, strict=True):
        assert {work.digest for work in bounded.artworks} < {work.digest for work in portfolio.artworks}
    assert [len(p.artworks) for p in dataset.held_out] == [len(p.artworks) for p in full.held_out]


@pytest.mark.parametrize(("delta", "warned"), [(0.24, False), (0.25, True), (0.5, True)])
def test_a_delta_that_publishes_an_artwork_is_warned_of(delta: float, warned: bool, art: Path) -> None:
    assert any("is not below 1/4" in warning for warning in read(art, delta=delta).warnings) is warned


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
        shutil.copy(source, sorted(public.iterdir())[1] / f"again-{number}.png")
    shared, overlap = read(private, public_art=public).warnings
    assert shared.startswith("2 artworks appear under more than one artist and were kept: ")
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
