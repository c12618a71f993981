"""Features are extracted once, found by what they are of (FCA-1), and an interrupted extraction goes on (FCA-2)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedstyle_secure.artworks.artwork import Artwork, Portfolio
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.errors import InputError
from fedstyle_secure.experiments import feature_cache
from fedstyle_secure.experiments.feature_cache import CHUNK, FeatureCache, gather
from fedstyle_secure.runs.progress import Silent

COUNT = 2 * CHUNK + 3


def make_artworks(count: int = COUNT) -> list[Artwork]:
    return [Artwork(np.full((2, 2, 3), number, dtype=np.uint8)) for number in range(count)]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(folder=tmp_path / "features", encoder="eye@0", views=2, pooled_size=1)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What was looked at, call by call; a feature is the artwork's brightness."""
    calls: list[list[int]] = []

    def look(artworks: Sequence[Artwork], _backbone: object, *, views: int) -> StyleFeatures:
        calls.append([int(artwork.pixels[0, 0, 0]) for artwork in artworks])
        rows = [[[float(number), 1.0]] * (1 + views) for number in calls[-1]]
        return StyleFeatures(np.asarray(rows, dtype=np.float32))

    monkeypatch.setattr(feature_cache, "extract", look)
    return calls


def test_every_artwork_is_looked_at_once_and_has_its_own_features(cache: FeatureCache, looked: list[list[int]]) -> None:
    artworks = make_artworks()
    cache.fill([*artworks, artworks[5]], None, Silent())
    cache.fill(reversed(artworks), None, Silent())
    assert sorted(number for call in looked for number in call) == list(range(COUNT))
    rows = cache.read(artworks)
    assert [rows[artwork.digest][0, 0] for artwork in artworks] == list(range(COUNT))
    assert all(row.shape == (3, 2) for row in rows.values())


def test_an_interrupted_extraction_goes_on_and_ends_the_same(
    cache: FeatureCache, looked: list[list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artworks, look = make_artworks(), feature_cache.extract

    def stop_at_the_second(*arguments: object, **options: object) -> StyleFeatures:
        if len(looked) == 1:
            raise KeyboardInterrupt
        return look(*arguments, **options)

    monkeypatch.setattr(feature_cache, "extract", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        cache.fill(artworks, None, Silent())
    monkeypatch.setattr(feature_cache, "extract", look)
    cache.fill(artworks, None, Silent())
    assert sorted(number for call in looked for number in call) == list(range(COUNT))
    whole = replace(cache, folder=tmp_path / "at once")
    whole.fill(artworks, None, Silent())
    one, other = cache.read(artworks), whole.read(artworks)
    assert all(np.array_equal(one[digest], other[digest]) for digest in other)


@pytest.mark.parametrize("changes", [{"encoder": "eye@1"}, {"views": 3}])
def test_another_encoder_or_number_of_views_finds_nothing(
    changes: dict[str, object], cache: FeatureCache, looked: list[list[int]]
) -> None:
    artworks = make_artworks(4)
    cache.fill(artworks, None, Silent())
    other = replace(cache, **changes)
    with pytest.raises(InputError, match="cannot be read"):
        other.read(artworks)
    other.fill(artworks, None, Silent())
    assert len(looked) == 2
    assert all(row.shape[0] == 1 + other.views for row in other.read(artworks).values())


def test_a_damaged_chunk_is_named(cache: FeatureCache, looked: list[list[int]]) -> None:
    artworks = make_artworks(4)
    cache.fill(artworks, None, Silent())
    assert len(looked) == 1
    (path,) = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=f"{path.name}.*remove the file"):
        cache.read(artworks)


def test_queries_are_gathered_without_their_augmented_views() -> None:
    artworks = make_artworks(2)
    rows = {artwork.digest: np.zeros((3, 2), dtype=np.float32) for artwork in artworks}
    portfolio = Portfolio("ann", tuple(artworks))
    assert gather([portfolio], rows, augmented=True)["ann"].views.shape == (2, 3, 2)
    assert gather([portfolio], rows, augmented=False)["ann"].views.shape == (2, 1, 2)
