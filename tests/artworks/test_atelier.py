import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedstyle_secure.artworks import (
    Portfolio,
    make_hands,
    paint_atelier,
    read_portfolios,
    split_by_content,
    style_distance,
    write_atelier,
)
from fedstyle_secure.artworks.atelier import paint_subject
from fedstyle_secure.artworks.subjects import SUBJECTS
from fedstyle_secure.errors import InputError

HANDS = make_hands(60, seed=0)


@pytest.fixture(scope="module")
def atelier() -> tuple[Portfolio, ...]:
    return paint_atelier(12, 10, seed=0)


def fingerprint(portfolios: tuple[Portfolio, ...]) -> str:
    return sha256(b"".join(work.digest for p in portfolios for work in p.artworks)).hexdigest()


class TestHands:
    def test_names_are_unique_and_safe_as_folders(self) -> None:
        names = [hand.artist for hand in make_hands(1300, seed=3)]
        assert len(set(names)) == 1300
        assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)

    def test_a_smaller_atelier_is_the_beginning_of_a_larger_one(self) -> None:
        assert make_hands(5, seed=0) == HANDS[:5]
        assert make_hands(5, seed=1) != HANDS[:5]

    @settings(max_examples=60, deadline=None)
    @given(st.tuples(*[st.sampled_from(HANDS)] * 3))
    def test_style_distance_is_a_metric(self, hands: tuple) -> None:
        a, b, c = hands
        assert style_distance(a, a) == 0
        assert style_distance(a, b) == style_distance(b, a)
        assert (style_distance(a, b) > 0) == (a is not b)
        assert style_distance(a, c) <= style_distance(a, b) + style_distance(b, c) + 1e-12

    def test_painters_of_one_school_are_nearer(self) -> None:
        pairs = [(i, j) for i in range(30) for j in range(i)]
        same = np.mean([style_distance(HANDS[i], HANDS[j]) for i, j in pairs if (i - j) % 6 == 0])
        other = np.mean([style_distance(HANDS[i], HANDS[j]) for i, j in pairs if (i - j) % 6])
        assert same < 0.8 * other

    @pytest.mark.parametrize("artists", [0, -1])
    def test_an_atelier_needs_an_artist(self, artists: int) -> None:
        with pytest.raises(InputError, match="at least one artist"):
            make_hands(artists, seed=0)


class TestPaintings:
    def test_style_and_subject_are_crossed(self, atelier: tuple[Portfolio, ...]) -> None:
        contents = [[work.content for work in portfolio.artworks] for portfolio in atelier]
        assert all(names == list(SUBJECTS)[:10] for names in contents)
        assert len({work.digest for p in atelier for work in p.artworks}) == 120

    def test_pictures_are_as_promised(self, atelier: tuple[Portfolio, ...]) -> None:
        pixels = np.stack([work.pixels for p in atelier for work in p.artworks])
        assert pixels.shape == (120, 128, 128, 3)
        assert pixels.std(axis=(1, 2, 3)).min() > 10

    def test_equal_arguments_paint_equal_pixels_in_every_process(self) -> None:
        program = (
            "from fedstyle_secure.artworks import paint_atelier\n"
            "from hashlib import sha256\n"
            "works = [w.digest for p in paint_atelier(2, 3, seed=7, size=48) for w in p.artworks]\n"
            "raise SystemExit(sha256(b''.join(works)).hexdigest())\n"
        )
        ours = fingerprint(paint_atelier(2, 3, seed=7, size=48))
        for hash_seed in ("1", "2"):
            run = subprocess.run(
                [sys.executable, "-c", program],
                capture_output=True,
                text=True,
                check=False,
                env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            )
            assert run.stderr.strip() == ours
        assert fingerprint(paint_atelier(2, 3, seed=8, size=48)) != ours

    def test_every_picture_stands_alone(self, atelier: tuple[Portfolio, ...]) -> None:
        hand = make_hands(12, seed=0)[5]
        again = paint_subject(hand, "bust", seed=0)
        assert again.digest == atelier[5].artworks[2].digest

    def test_subjects_come_back_in_new_poses(self) -> None:
        count = len(SUBJECTS)
        works = paint_atelier(1, count + 2, seed=0, size=32)[0].artworks
        assert [works[count].content, works[count + 1].content] == list(SUBJECTS)[:2]
        assert works[count].digest != works[0].digest

    def test_mean_color_does_not_give_the_artist_away(self, atelier: tuple[Portfolio, ...]) -> None:
        training, held = split_by_content(atelier, seed=0)
        centers = np.array([np.mean([w.pixels.mean(axis=(0, 1)) for w in p.artworks], axis=0) for p in training])
        guesses = [
            int(np.argmin(np.linalg.norm(centers - work.pixels.mean(axis=(0, 1)), axis=1))) == k
            for k, portfolio in enumerate(held)
            for work in portfolio.artworks
        ]
        assert np.mean(guesses) < 0.5

    @pytest.mark.parametrize("subject", SUBJECTS)
    def test_every_subject_can_be_painted_in_any_size(self, subject: str) -> None:
        for size in (32, 45):
            assert paint_subject(HANDS[3], subject, seed=1, size=size).pixels.shape == (size, size, 3)

    def test_unknown_subjects_are_refused(self) -> None:
        with pytest.raises(InputError, match="'unicorn'; choose one of mountains"):
            paint_subject(HANDS[0], "unicorn", seed=0)

    @pytest.mark.parametrize(("artworks", "size"), [(0, 64), (1, 31), (1, 513)])
    def test_numbers_out_of_range_are_refused(self, artworks: int, size: int) -> None:
        with pytest.raises(InputError, match="an atelier"):
            paint_atelier(1, artworks, seed=0, size=size)

    def test_progress_counts_pictures(self) -> None:
        seen: list[tuple[int, int]] = []
        paint_atelier(2, 2, seed=0, size=32, on_progress=lambda done, total: seen.append((done, total)))
        assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


class TestWriting:
    def test_what_is_written_reads_back_as_painted(self, tmp_path: Path) -> None:
        count = len(SUBJECTS) + 1
        write_atelier(tmp_path / "art", artists=2, artworks=count, seed=4, size=32)
        painted = {p.artist: p for p in paint_atelier(2, count, seed=4, size=32)}
        gallery = read_portfolios(tmp_path / "art", min_artworks=count)
        for portfolio in gallery.portfolios:
            ours = {(work.content, work.digest) for work in painted[portfolio.artist].artworks}
            assert {(work.content, work.digest) for work in portfolio.artworks} == ours
        assert gallery.warnings == ()
        assert len(list((tmp_path / "art").rglob("mountains*.png"))) == 4

    def test_an_empty_folder_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "art").mkdir()
        write_atelier(tmp_path / "art", artists=1, artworks=1, seed=0, size=32)
        assert (tmp_path / "art" / "index.csv").read_text().splitlines()[0] == "path,artist,content,seed"

    def test_a_folder_in_use_is_refused_and_untouched(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("precious")
        with pytest.raises(InputError, match="exists and is not empty"):
            write_atelier(tmp_path, artists=1, artworks=1, seed=0, size=32)
        with pytest.raises(InputError, match="exists and is not empty"):
            write_atelier(tmp_path / "mine.txt", artists=1, artworks=1, seed=0, size=32)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_an_interruption_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("PIL.Image.Image.save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atelier(tmp_path / "art", artists=1, artworks=1, seed=0, size=32)
        assert list(tmp_path.iterdir()) == []

    def test_a_path_that_cannot_be_written_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="cannot be written"):
            write_atelier(tmp_path / "file" / "art", artists=1, artworks=1, seed=0, size=32)
