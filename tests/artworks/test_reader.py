import os
import re
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import pytest
from PIL import Image

from fedstyle_secure.artworks import read_portfolios
from fedstyle_secure.artworks.reader import read_portfolio
from fedstyle_secure.errors import InputError

MakeFolder = Callable[..., Path]


def contents_of(folder: Path) -> dict[str, list[str | None]]:
    return {
        portfolio.artist: [artwork.content for artwork in portfolio.artworks]
        for portfolio in read_portfolios(folder).portfolios
    }


def test_reads_artists_and_artworks_in_order(make_folder: MakeFolder) -> None:
    folder = make_folder(zoe=2, ada=3)
    seen: list[tuple[int, int]] = []
    gallery = read_portfolios(folder, min_artworks=2, on_progress=lambda done, total: seen.append((done, total)))
    assert [(p.artist, len(p.artworks)) for p in gallery.portfolios] == [("ada", 3), ("zoe", 2)]
    assert [artwork.pixels[0, 0, 1] for artwork in gallery.portfolios[0].artworks] == [0, 10, 20]
    assert seen == [(done, 5) for done in range(1, 6)]
    assert (gallery.left_out, gallery.warnings) == ((), ())


def test_endings_in_any_case_count_and_other_files_do_not(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=1, bo=1)
    picture = Image.new("RGB", (5, 5))
    picture.save(folder / "ada" / "upper.PNG")
    Image.new("RGB", (5, 5), "teal").save(folder / "ada" / "photo.JpEg", "JPEG")
    (folder / "ada" / "notes.txt").write_text("not a picture")
    (folder / "ada" / ".hidden.png").write_text("not a picture")
    (folder / "ada" / "folder.png").mkdir()
    (folder / ".cache").mkdir()
    (folder / "loose.png").write_text("belongs to nobody")
    os.mkfifo(folder / "ada" / "pipe.png")
    assert {artist: len(works) for artist, works in contents_of(folder).items()} == {"ada": 3, "bo": 1}
    assert read_portfolios(folder).left_out[0].reason == "it is hidden"


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist; check the path"):
        read_portfolios(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; give the folder"):
        read_portfolios(tmp_path / "file")


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no artworks found in .*<artist>/<artwork>.*\.jpeg"):
        read_portfolios(tmp_path)


def test_one_artist_only(make_folder: MakeFolder) -> None:
    with pytest.raises(InputError, match=r"only one artist, 'ada'.*at least one more"):
        read_portfolios(make_folder(ada=3))


def test_too_few_artworks_names_artist_count_and_minimum(make_folder: MakeFolder) -> None:
    with pytest.raises(InputError, match=r"'bo' has 2, 'cy' has 0, the minimum is 3; add pictures"):
        read_portfolios(make_folder(ada=3, bo=2, cy=0), min_artworks=3)


def test_minimum_is_at_least_one(make_folder: MakeFolder) -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        read_portfolios(make_folder(ada=1, bo=1), min_artworks=0)


def test_odd_names_are_fine_and_normalized(make_folder: MakeFolder) -> None:
    decomposed = normalize("NFD", "Zoë Müller")
    folder = make_folder(**{decomposed: 1, "a b; 'c'": 1, "画家 #1": 1})
    assert set(contents_of(folder)) == {normalize("NFC", "Zoë Müller"), "a b; 'c'", "画家 #1"}


def test_names_that_differ_in_composition_are_refused_and_told_apart(make_folder: MakeFolder) -> None:
    folder = make_folder(**{normalize("NFD", "é"): 1, normalize("NFC", "é"): 1})
    with pytest.raises(
        InputError, match=r"\S+ \('e\\u0301'\) and \S+ \('\\xe9'\).* have the same name, but for .*rename"
    ):
        read_portfolios(folder)


@pytest.mark.parametrize(("first", "second"), [("ada", "Ada"), ("ada lee", "ada\u3000lee"), ("ada", "ad\u200da")])
def test_names_of_one_artist_are_refused_as_two(make_folder: MakeFolder, first: str, second: str) -> None:
    with pytest.raises(InputError, match="have the same name, but for case, spaces, accents or invisible characters"):
        read_portfolios(make_folder(**{first: 1, second: 1}))


def test_names_that_languages_need_are_kept(make_folder: MakeFolder) -> None:
    names = {
        "山田\u3000太郎",
        "\u0645\u06cc\u200c\u062e\u0648",
        "\U0001f469\u200d\U0001f3a8",
        "Jean\u00a0Renoir",
        "\u200fשרה",
    }
    assert set(contents_of(make_folder(**dict.fromkeys(names, 1)))) == names


def test_artists_who_look_alike_are_told_apart(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=2, аda=2)
    (folder / "ada" / "copy.png").write_bytes((folder / "\u0430da" / "00.png").read_bytes())
    assert "ada and \u0430da ('\\u0430da')" in left_out(folder)["ada/copy.png"]


def test_names_that_are_no_text_are_refused(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=1, bo=1)
    (folder / os.fsdecode(b"b\xff")).mkdir()
    with pytest.raises(InputError, match="not valid UTF-8; rename"):
        read_portfolios(folder)


def test_an_artist_folder_with_control_characters_in_its_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada\x1b[2J").mkdir()
    with pytest.raises(InputError, match=r"holds control characters or the like \(U\+001B\).*rename"):
        read_portfolios(tmp_path)


def left_out(folder: Path, **options: bool) -> dict[str, str]:
    return {one.file: one.reason for one in read_portfolios(folder, **options).left_out}


def test_gate2_a_file_that_cannot_be_read_is_left_out_and_named(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=3, bo=3)
    (folder / "ada" / "00.png").write_bytes(b"broken")
    (folder / "bo" / "01.png").write_bytes(b"")
    found = left_out(folder)
    assert set(found) == {"ada/00.png", "bo/01.png"}
    assert found["ada/00.png"].startswith("it is not a JPEG, PNG or WebP picture")
    assert found["bo/01.png"].startswith("it is empty")
    assert {artist: len(works) for artist, works in contents_of(folder).items()} == {"ada": 2, "bo": 2}


def test_an_artist_who_has_too_few_left_is_refused_with_what_was_left_out(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=3, bo=3)
    for name in ("00", "01"):
        (folder / "bo" / f"{name}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"'bo' has 1, the minimum is 2.*\(pictures left out, 2: bo/00.png: it is"):
        read_portfolios(folder, min_artworks=2)


def test_gate2_every_picture_that_is_not_taken_is_named_with_the_reason(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=2, bo=1)
    places = {
        "ada/scan.TIF": r"\.tif is not read: save it as JPEG, PNG or WebP",
        **{f"ada/x.{kind}": rf"\.{kind} is not read" for kind in ("heic", "gif", "bmp", "avif", "psd", "dng")},
        "ada/.hidden.png": "it is hidden",
        "ada/series/deep/one.png": "folder inside the artist's: take these with --nested",
        "bo/.thumbnails/one.jpg": "it is in a hidden folder",
        ".cache/one.png": "it is in a hidden folder",
        "loose.png": "it is in no artist's folder",
    }
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5)).save(folder / place, "PNG")
    (folder / "ada" / "notes.txt").write_text("no picture")
    (folder / "bo" / "link").symlink_to(folder / "ada")
    found = left_out(folder)
    assert set(found) == {*places, "bo/link"}
    for place, reason in places.items():
        assert re.search(reason, found[place])


def test_nested_folders_are_read_when_that_is_asked_for(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=2, bo=1)
    (folder / "ada" / "series" / "late").mkdir(parents=True)
    Image.new("RGB", (5, 5), "teal").save(folder / "ada" / "series" / "late" / "one.png")
    (folder / "index.csv").write_text("path,content\nada/series/late/one.png,sea\n")
    assert read_portfolios(folder).warnings == ()
    (ada, _), nested = read_portfolios(folder, nested=True).portfolios, left_out(folder, nested=True)
    assert ([artwork.content for artwork in ada.artworks], nested) == ([None, None, "sea"], {})


def test_gate3_a_copy_is_left_out_and_counted_once(make_folder: MakeFolder, picture: Image.Image) -> None:
    folder = make_folder(ada=1, bo=1)
    picture.save(folder / "ada" / "canaletto.png")
    picture.save(folder / "ada" / "canaletto (1).png")
    picture.resize((80, 48)).save(folder / "ada" / "large.jpg", quality=90)
    assert len(contents_of(folder)["ada"]) == 2
    why = "it is a copy of ada/canaletto (1).png, which counts once"
    assert left_out(folder) == dict.fromkeys(("ada/canaletto.png", "ada/large.jpg"), why)
    for number in range(2):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(folder / "bo" / f"{number}.png")
    with pytest.raises(InputError, match=r"'ada' has 2, .* \(pictures left out, 2: ada/canaletto\.png: it is a copy"):
        read_portfolios(folder, min_artworks=3)


def test_gate4_what_several_artists_hold_is_left_out_of_all_of_them(make_folder: MakeFolder) -> None:
    folder = make_folder(ada=2, bo=2, cy=2)
    (folder / "bo" / "copy.png").write_bytes((folder / "ada" / "00.png").read_bytes())
    (folder / "cy" / "copy.png").write_bytes((folder / "ada" / "00.png").read_bytes())
    gallery = read_portfolios(folder)
    assert [(p.artist, len(p.artworks)) for p in gallery.portfolios] == [("ada", 1), ("bo", 2), ("cy", 2)]
    reason = "it is in the folders of ada and bo and cy, and nobody's"
    assert list(map(str, gallery.left_out)) == [
        f"{file}: {reason}" for file in ("ada/00.png", "bo/copy.png", "cy/copy.png")
    ]
    with pytest.raises(
        InputError, match=r"'ada' has 1, the minimum is 2; .* ada/00\.png: it is in the folders of ada and"
    ):
        read_portfolios(folder, min_artworks=2)


class TestLinks:
    def test_a_link_inside_the_folder_is_followed_to_a_copy(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=2, bo=2)
        (folder / ".store").mkdir()
        Image.new("RGB", (5, 5)).save(folder / ".store" / "0.png")
        (folder / "bo" / "linked.png").symlink_to(folder / ".store" / "0.png")
        assert len(contents_of(folder)["bo"]) == 3

    def test_gate1_a_file_link_that_leads_out_is_left_out(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        folder = make_folder(ada=2, bo=2)
        Image.new("RGB", (5, 5)).save(tmp_path / "private.png")
        (folder / "bo" / "linked.png").symlink_to(tmp_path / "private.png")
        assert left_out(folder)["bo/linked.png"].startswith("it is a link that leads out of the folder")
        assert len(contents_of(folder)["bo"]) == 2

    def test_a_folder_link_that_leads_out_is_refused(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        folder = make_folder(ada=2, bo=2)
        (tmp_path / "private").mkdir()
        (folder / "cy").symlink_to(tmp_path / "private")
        with pytest.raises(InputError, match=r"cy is a link that leads out of the folder"):
            read_portfolios(folder)

    def test_an_index_link_that_leads_out_is_refused(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        folder = make_folder(ada=2, bo=2)
        (tmp_path / "private.csv").write_text("path,content\n")
        (folder / "index.csv").symlink_to(tmp_path / "private.csv")
        with pytest.raises(InputError, match=r"index\.csv is a link that leads out"):
            read_portfolios(folder)

    def test_a_broken_link_and_a_loop_are_left_out(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=2, bo=2)
        (folder / "ada" / "loop.png").symlink_to("loop.png")
        (folder / "bo" / "gone.png").symlink_to("nowhere.png")
        found = left_out(folder)
        assert set(found) == {"ada/loop.png", "bo/gone.png"}
        assert all(reason.startswith("it is a broken link") for reason in found.values())

    def test_the_folder_itself_may_be_a_link(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(make_folder(ada=2, bo=2))
        assert set(contents_of(tmp_path / "link")) == {"ada", "bo"}


class TestIndex:
    def test_contents_are_read(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=2, bo=1)
        (folder / "index.csv").write_text("path,year,content\nada/00.png,1900,tree\n./bo/00.png,,sea\n", "utf-8-sig")
        assert contents_of(folder) == {"ada": ["tree", None], "bo": ["sea"]}

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_contents_are_read_as_other_programs_write_them(
        self, make_folder: MakeFolder, separator: str, encoding: str
    ) -> None:
        folder = make_folder(ada=2, bo=1)
        rows = [("Path", " CONTENT "), ("ada\\00.png", "tree"), ("bo/00.png", "sea")]
        (folder / "index.csv").write_bytes("\r\n".join(map(separator.join, rows)).encode(encoding))
        assert contents_of(folder) == {"ada": ["tree", None], "bo": ["sea"]}

    def test_without_a_content_column_there_are_no_contents(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=1, bo=1)
        (folder / "index.csv").write_text("path,title\nada/00.png,x\n")
        assert contents_of(folder) == {"ada": [None], "bo": [None]}

    def test_an_empty_index_has_no_contents(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=1, bo=1)
        (folder / "index.csv").touch()
        assert contents_of(folder) == {"ada": [None], "bo": [None]}

    def test_files_that_are_not_there_are_a_warning(self, make_folder: MakeFolder) -> None:
        folder = make_folder(ada=1, bo=1)
        (folder / "index.csv").write_text("path,content\nada/77.png,tree\n")
        assert read_portfolios(folder).warnings == ("index.csv names 1 files that are not there: ada/77.png",)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (b"file,content\nada/00.png,tree\n", "no column 'path'"),
            (b"path,content\nada/00.png\n", "line 2, does not have one field for each column"),
            (b"path,content\nada/00.png,tree,oak\n", "line 2, does not have one field for each column"),
            (b"path,content\n../secret.png,tree\n", "line 2, names '../secret.png', which is not a file in the folder"),
            (b"path,content\n/etc/passwd,tree\n", "line 2, names '/etc/passwd'"),
            (b"path,content\n.,tree\n", "line 2, names '.'"),
            (b"path,content\nada/00.png,tree\nada/00.png,sea\n", "line 3, gives 'ada/00.png' a second content, 'sea'"),
            (b'path,content\n"ada/00.png"x,tree\n', "not a readable UTF-8 CSV"),
            (b"path,content\nada/00.png,\xff\xfe\n", "not a readable UTF-8 CSV"),
            (b"\xff\xfe\0", "not a readable UTF-8 CSV"),
        ],
    )
    def test_a_bad_index_is_refused_by_line(self, make_folder: MakeFolder, text: bytes, problem: str) -> None:
        folder = make_folder(ada=1, bo=1)
        (folder / "index.csv").write_bytes(text)
        with pytest.raises(InputError) as caught:
            read_portfolios(folder)
        assert "index.csv" in str(caught.value)
        assert problem in str(caught.value)


def test_real_paintings(shared_art: Path, tmp_path: Path) -> None:
    for artist in ("claude-monet", "gustav-klimt"):
        (tmp_path / artist).mkdir()
        for path in sorted((shared_art / "paintings" / artist).iterdir())[:8]:
            (tmp_path / artist / path.name).write_bytes(path.read_bytes())
    gallery = read_portfolios(tmp_path, min_artworks=8)
    assert [portfolio.artist for portfolio in gallery.portfolios] == ["claude-monet", "gustav-klimt"]
    assert {artwork.pixels.shape for p in gallery.portfolios for artwork in p.artworks} == {(128, 128, 3)}


def test_real_emoji_have_the_same_contents_in_every_style(shared_art: Path) -> None:
    gallery = read_portfolios(shared_art / "emoji", min_artworks=200)
    contents = [{artwork.content for artwork in portfolio.artworks} for portfolio in gallery.portfolios]
    assert len(contents) == 12
    assert None not in contents[0]
    common = set.intersection(*contents)
    assert all(len(names - common) <= 1 for names in contents)  # two styles share a picture, which is nobody's (GATE-4)


def test_one_artists_folder_is_read_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "mary"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(folder / f"{number}.png")
    (folder / "notes.txt").touch()
    (portfolio,) = read_portfolio(folder, min_artworks=3).portfolios
    assert portfolio.artist == "mary"
    assert [int(artwork.pixels[0, 0, 0]) for artwork in portfolio.artworks] == [0, 1, 2]
    with pytest.raises(InputError, match=r"mary holds 3 artworks, the minimum is 4"):
        read_portfolio(folder, min_artworks=4)
    with pytest.raises(InputError, match="give the folder of one artist"):
        read_portfolio(tmp_path)
    (folder / "away.png").symlink_to(tmp_path / "elsewhere.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "elsewhere.png")
    (away,) = read_portfolio(folder).left_out
    assert (away.file, away.reason[:30]) == ("away.png", "it is a link that leads out of")
