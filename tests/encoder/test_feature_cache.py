"""Features are found by all that decides their bits, or computed: FCA-1 to FCA-4."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.encoder import feature_cache
from fedstyle_secure.encoder.encoder import Encoder
from fedstyle_secure.encoder.feature_cache import FeatureCache
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.errors import InputError

COUNT = 9
ENTRY = 32 + 4 + 3 * 2 * 4  # three views of two features


class Counting:
    """Brightness and a one, and how often it was asked."""

    image_size, pooled_size, workers = 4, 1, 2

    def __init__(self, name: str = "eye@0", runtime: str = "a test", limit: float = np.inf) -> None:
        self.name, self.runtime, self.limit, self.calls = name, runtime, limit, 0

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.calls >= self.limit:
            raise KeyboardInterrupt
        self.calls += 1
        return np.array([image.mean(), 1], dtype=np.float32)


def make_artworks(count: int = COUNT) -> list[Artwork]:
    return [Artwork(np.full((2, 2, 3), 9 * number, dtype=np.uint8)) for number in range(count)]


def look(
    folder: Path, encoder: Encoder, *, views: int = 2, artworks: list[Artwork] | None = None
) -> NDArray[np.float32]:
    return extract(artworks or make_artworks(), encoder, views=views, cache=FeatureCache(folder)).views


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_nothing_is_encoded_twice_and_what_is_found_has_the_same_bits(tmp_path: Path, lite0: Encoder) -> None:
    """The real encoder too, whose numbers are not round."""
    eye = Counting()
    first = look(tmp_path, eye)
    assert eye.calls == 3 * COUNT
    backwards = look(tmp_path, eye, artworks=make_artworks()[::-1])
    assert eye.calls == 3 * COUNT
    np.testing.assert_array_equal(backwards, first[::-1])
    pictures = [Artwork(np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)) for seed in range(3)]
    np.testing.assert_array_equal(
        *(extract(pictures, lite0, views=1, cache=FeatureCache(tmp_path)).views for _ in range(2))
    )
    np.testing.assert_array_equal(
        extract(pictures, lite0, views=1, cache=FeatureCache(tmp_path)).views, extract(pictures, lite0, views=1).views
    )


def test_more_views_add_to_an_entry_and_fewer_are_its_first(tmp_path: Path) -> None:
    eye = Counting()
    three = look(tmp_path, eye)
    five = look(tmp_path, eye, views=4)
    assert eye.calls == 5 * COUNT
    np.testing.assert_array_equal(five[:, :3], three)
    np.testing.assert_array_equal(look(tmp_path, eye, views=0), five[:, :1])
    np.testing.assert_array_equal(five, look(tmp_path / "elsewhere", Counting(), views=4))
    assert eye.calls == 5 * COUNT


@pytest.mark.parametrize("changes", [{"name": "eye@1"}, {"runtime": "another test"}])
def test_another_encoder_or_runtime_finds_nothing(changes: dict[str, str], tmp_path: Path) -> None:
    """FCA-1."""
    look(tmp_path, Counting())
    other = Counting(**changes)
    look(tmp_path, other)
    assert other.calls == 3 * COUNT


def test_another_format_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look(tmp_path, Counting())
    monkeypatch.setattr(feature_cache, "FEATURES_FORMAT", "another")
    other = Counting()
    look(tmp_path, other)
    assert other.calls == 3 * COUNT


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(4))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def claim_more_views(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[32] = 6
    path.write_bytes(content)


def exchange(path: Path) -> None:
    other = next(each for each in entries(path.parents[1]) if each != path)
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (shorten, 1),
        (lengthen, 1),
        (flip, 1),
        (claim_more_views, 1),
        (lambda path: path.write_bytes(b""), 1),
        (lambda path: path.unlink(), 1),
        (exchange, 2),
    ],
)
def test_a_damaged_or_foreign_entry_is_made_again(damage: Callable[[Path], None], lost: int, tmp_path: Path) -> None:
    """FCA-2."""
    first = look(tmp_path, Counting())
    damage(entries(tmp_path)[0])
    again = Counting()
    np.testing.assert_array_equal(look(tmp_path, again), first)
    assert again.calls == 3 * lost
    once_more = Counting()
    look(tmp_path, once_more)
    assert once_more.calls == 0


def test_an_interrupted_extraction_goes_on(tmp_path: Path) -> None:
    eye = Counting(limit=3 * 4)
    eye.workers = 1
    with pytest.raises(KeyboardInterrupt):
        look(tmp_path, eye)
    rest = Counting()
    look(tmp_path, rest)
    assert 3 * (COUNT - 4) <= rest.calls < 3 * COUNT


def test_only_its_user_can_look_into_it(tmp_path: Path) -> None:
    """FCA-3: whatever folder it makes; one that was there keeps its mode, and what is in it is closed."""
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        for folder in (tmp_path / "new" / "features", there):
            look(folder, Counting())
    finally:
        os.umask(before)
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    made = [path for path in tmp_path.rglob("*") if path.is_dir() and path != there]
    assert len(made) > COUNT
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_it_stays_near_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    """FCA-4."""
    artworks = make_artworks(8)
    for artwork in artworks:
        extract([artwork], Counting(), views=2, cache=FeatureCache(tmp_path))
    for second, path in enumerate(sorted(entries(tmp_path), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (second, second))
    extract(artworks[:1], Counting(), views=2, cache=FeatureCache(tmp_path))  # used again
    assert {path.stat().st_size for path in entries(tmp_path)} == {ENTRY}
    FeatureCache(tmp_path, limit=3 * ENTRY + 1)
    assert len(entries(tmp_path)) == 3
    eye = Counting()
    extract([artworks[0], *artworks[6:]], eye, views=2, cache=FeatureCache(tmp_path))
    assert eye.calls == 0
    growing = FeatureCache(tmp_path, limit=4 * ENTRY)
    extract(make_artworks(20), Counting(), views=2, cache=growing)
    assert len(entries(tmp_path)) <= 5


def test_nothing_but_entries_is_ever_removed(tmp_path: Path) -> None:
    """FCA-4: whatever folder was named by mistake."""
    strangers = [
        "summer.jpg",
        "ab/summer.jpg",
        "ab/cd/deep.jpg",
        f"abc/{'0' * 62}",
        f"ab/{'0' * 61}",
        f"ab/.{'0' * 62}",
    ]
    for name in strangers:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(1000))
    (tmp_path / "ab" / f".{'0' * 62}.17").write_bytes(bytes(1000))  # a draft of a process that was killed
    look(tmp_path, Counting())
    FeatureCache(tmp_path, limit=0)
    assert [str(path.relative_to(tmp_path)) for path in entries(tmp_path)] == sorted(strangers)


def test_a_folder_that_cannot_be_made_is_refused_and_a_full_disk_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be kept in .*file/features \(.+\); choose another --features-cache"):
        FeatureCache(tmp_path / "file" / "features")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_cache, "write_whole", fail)
    assert len(look(tmp_path / "features", Counting())) == COUNT
    assert entries(tmp_path / "features") == []


PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.encoder.test_feature_cache import Counting, look, make_artworks
print(look(Path(sys.argv[1]), Counting(), artworks=make_artworks(25)).tobytes().hex())
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    root = str(Path(__file__).parents[2])
    started = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path), root], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    yield started
    for process in started:
        process.kill()


def test_several_processes_may_fill_one_folder_at_once(processes: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """FCA-2."""
    expected = look(tmp_path / "alone", Counting(), artworks=make_artworks(25)).tobytes().hex()
    assert [process.communicate()[0].strip() for process in processes] == [expected] * 3
    eye = Counting()
    look(tmp_path, eye, artworks=make_artworks(25))
    assert eye.calls == 0


def test_fca5_a_folder_with_a_key_shows_nothing_without_it(tmp_path: Path) -> None:
    """Neither the features, nor of which artworks they are; and what another key wrote counts as missing."""
    artworks, key = make_artworks(), bytes(range(32))
    eye = Counting()
    features = extract(artworks, eye, views=2, cache=FeatureCache(tmp_path / "sealed", key=key)).views
    plain = look(tmp_path / "plain", eye, artworks=artworks)
    assert [path.name for path in entries(tmp_path / "sealed")] != [path.name for path in entries(tmp_path / "plain")]
    for path in entries(tmp_path / "sealed"):
        assert not any(rows.tobytes()[:8] in path.read_bytes() for rows in plain)
    calls = eye.calls
    cache = FeatureCache(tmp_path / "sealed", key=key)
    np.testing.assert_array_equal(extract(artworks, eye, views=2, cache=cache).views, features)
    found = [cache.find(artwork.digest, eye.name, eye.runtime) for artwork in artworks]
    np.testing.assert_array_equal(np.stack(found), features)
    assert eye.calls == calls
    assert FeatureCache(tmp_path / "sealed", key=bytes(32)).find(artworks[0].digest, eye.name, eye.runtime) is None
    (entry, *_) = entries(tmp_path / "sealed")
    entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert [cache.find(each.digest, eye.name, eye.runtime) is None for each in artworks].count(True) == 1
