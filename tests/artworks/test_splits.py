import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedstyle_secure.artworks import Artwork, Portfolio, split_by_artist, split_by_content
from fedstyle_secure.errors import InputError

shares = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**70)


def portfolio(artist: str, contents: list[str | None]) -> Portfolio:
    """Artworks that can be told apart by their first pixel."""
    return Portfolio(
        artist,
        tuple(Artwork(np.full((1, 1, 3), (k // 256, k % 256, 0), np.uint8), name) for k, name in enumerate(contents)),
    )


def digests(*portfolios: Portfolio) -> list[bytes]:
    return [artwork.digest for p in portfolios for artwork in p.artworks]


@settings(max_examples=60, deadline=None)
@given(count=st.integers(2, 60), held_out=shares, seed=seeds)
def test_a_split_by_artist_is_a_partition(count: int, held_out: float, seed: int) -> None:
    whole = portfolio("ada", [None] * count)
    training, held = split_by_artist(whole, held_out=held_out, seed=seed)
    assert sorted(digests(training, held)) == sorted(digests(whole))
    assert training.artist == held.artist == "ada"
    assert 1 <= len(held.artworks) < count
    assert digests(training) == [digest for digest in digests(whole) if digest in digests(training)]


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_a_split_by_artist_depends_on_seed_and_name_alone(seed: int) -> None:
    def chosen(artist: str, seed: int) -> list[bytes]:
        return digests(split_by_artist(portfolio(artist, [None] * 60), seed=seed)[1])

    assert chosen("ada", seed) == chosen("ada", seed)
    assert chosen("ada", seed) != chosen("ada", seed + 1)
    assert chosen("ada", seed) != chosen("bo", seed)


@settings(max_examples=60, deadline=None)
@given(contents=st.integers(2, 30), copies=st.integers(1, 3), artists=st.integers(1, 4), held_out=shares, seed=seeds)
def test_no_held_out_content_is_trained_on_by_anyone(
    contents: int, copies: int, artists: int, held_out: float, seed: int
) -> None:
    names: list[str | None] = [f"subject-{k % contents}" for k in range(contents * copies)]
    whole = [portfolio(f"artist-{k}", names) for k in range(artists)]
    training, held = split_by_content(whole, held_out=held_out, seed=seed)
    seen = {artwork.content for p in training for artwork in p.artworks}
    unseen = {artwork.content for p in held for artwork in p.artworks}
    assert not seen & unseen
    assert 1 <= len(unseen) < contents
    assert [p.artist for p in training] == [p.artist for p in held] == [p.artist for p in whole]
    assert sorted(digests(*training, *held)) == sorted(digests(*whole))
    assert digests(*held) == digests(*split_by_content(whole, held_out=held_out, seed=seed)[1])


@settings(max_examples=60, deadline=None)
@given(count=st.integers(60, 90), seed=seeds, data=st.data())
def test_one_artwork_less_moves_no_other_to_the_other_side(count: int, seed: int, data: st.DataObject) -> None:
    """SPL-1; of so many artworks, none are on one side too rarely to be met here."""
    whole = portfolio("ada", [None] * count)
    left_out = data.draw(st.integers(0, count - 1))
    fewer = Portfolio("ada", whole.artworks[:left_out] + whole.artworks[left_out + 1 :])
    gone = {whole.artworks[left_out].digest}
    for more, less in zip(split_by_artist(whole, seed=seed), split_by_artist(fewer, seed=seed), strict=True):
        assert set(digests(more)) - set(digests(less)) <= gone
        assert set(digests(less)) <= set(digests(more))


@pytest.mark.parametrize("seed", range(20))
def test_a_new_subject_of_one_artist_moves_no_artwork_of_another(seed: int) -> None:
    """SPL-1: the kind that reaches across artists."""
    names: list[str | None] = [f"subject-{k}" for k in range(12)]
    ada, bo = portfolio("ada", names), portfolio("bo", names)
    more = portfolio("bo", [*names, "a subject nobody had"])
    before, after = (split_by_content([ada, other], seed=seed) for other in (bo, more))
    for old, new in zip(before, after, strict=True):
        assert digests(old[0]) == digests(new[0])
        assert set(digests(old[1])) <= set(digests(new[1]))


def test_about_the_share_that_was_asked_for_is_held_out() -> None:
    held = [len(split_by_artist(portfolio("ada", [None] * 50), seed=seed)[1].artworks) for seed in range(60)]
    assert sum(held) / (60 * 50) == pytest.approx(0.3, abs=0.04)


def test_one_artwork_cannot_be_split() -> None:
    with pytest.raises(InputError, match="'ada' has one artwork"):
        split_by_artist(portfolio("ada", [None]), seed=0)


@pytest.mark.parametrize("held_out", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_outside_zero_and_one_are_refused(held_out: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        split_by_artist(portfolio("ada", ["a", "b"]), held_out=held_out, seed=0)
    with pytest.raises(InputError, match="between 0 and 1"):
        split_by_content([portfolio("ada", ["a", "b"])], held_out=held_out, seed=0)


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="seed"):
        split_by_artist(portfolio("ada", ["a", "b"]), seed=-1)


def test_missing_contents_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 of artist 'bo' have none; name them in the column 'content'"):
        split_by_content([portfolio("ada", ["a", "b"]), portfolio("bo", [None, "a", None])], seed=0)


def test_one_content_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 contents, found 1"):
        split_by_content([portfolio("ada", ["a", "a"])], seed=0)


def test_an_artist_on_one_side_only_is_refused() -> None:
    with pytest.raises(InputError, match=r"all contents of artist 'bo' fall on one side"):
        split_by_content([portfolio("ada", ["a", "b", "c"]), portfolio("bo", ["a"])], seed=0)
