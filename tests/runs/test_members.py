"""Artists who join and leave a run: MEM-1 (charged first, in an own ledger) and MEM-2 (gone without a trace)."""

import errno
import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs import folder, members
from fedstyle_secure.runs import search as seek
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.spending import read_spending
from tests import stand_ins
from tests.stand_ins import listing


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven artists for a run, and one who comes later."""
    folder = tmp_path_factory.mktemp("members")
    art = stand_ins.paint(folder / "art")
    newcomer = sorted(path for path in art.iterdir() if path.is_dir())[-1]
    newcomer.rename(folder / "Zoë [red]")
    return folder


@pytest.fixture(scope="module")
def trained(painted: Path) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run.train(stand_ins.settings(painted / "art", painted / "run", iterations=1, public=3))
    return painted / "run"


@pytest.fixture
def finished(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run to change."""
    stand_ins.install(monkeypatch)
    monkeypatch.setattr(members, "make_page", lambda *_, **__: "<html></html>")
    return Path(shutil.copytree(trained, tmp_path / "run"))


NAME = "Zoë [red]"


def charged(run: Path) -> dict[str, bytes]:
    """All ledgers of a run that has its own."""
    return {path.name: path.read_bytes() for path in (run / "ledger").glob("*.jsonl")}


def test_who_joins_is_found_and_pays_in_an_own_ledger(painted: Path, finished: Path) -> None:
    ledgers = charged(finished)
    joined = members.join(finished, painted / NAME)
    index = StyleIndex.load(finished / "catalogue")
    assert joined["artist"] == NAME
    assert NAME in index.artists
    assert joined["catalogue"] == len(index) == 9
    own = Path(joined["ledger"])
    after = charged(finished)
    assert after.keys() - ledgers.keys() == {own.name}
    assert after.items() >= ledgers.items()
    account = read_spending(finished, artist=NAME)["artists"][NAME]
    assert [release["name"] for release in account["releases"]] == ["signature"]
    assert account["epsilon"] == joined["epsilon"]
    assert 0 < joined["epsilon"]["aggregate"] == joined["epsilon"]["worst_case"] < joined["limit"] == 8.0
    found = seek.open_run(finished).search([next((painted / NAME).iterdir())], top=9)
    names = [result.artist for result in found.results]
    assert NAME in names


def test_who_joins_may_show_works_beside_and_pays_the_same(painted: Path, finished: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copytree(finished, tmp_path / "plain"))
    pictures = sorted((painted / NAME).iterdir())
    (tmp_path / "shown").mkdir()
    for picture in pictures[:2]:
        shutil.copy(picture, tmp_path / "shown" / picture.name)
    alone = members.join(plain, painted / NAME)
    beside = members.join(finished, painted / NAME, showcase=tmp_path / "shown")
    assert (alone["shown"], alone["in_both"]) == (0, 0)
    assert (beside["shown"], beside["in_both"]) == (2, 2)
    assert beside["artworks"] == alone["artworks"] - 2
    assert beside["epsilon"] == alone["epsilon"]


def test_who_joins_is_charged_before_anything_is_signed(
    painted: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(artist: Artist, embed: object, mechanism: object) -> None:
        publish(artist, embed, mechanism)
        raise KeyboardInterrupt

    publish = Artist.publish_signature
    monkeypatch.setattr(Artist, "publish_signature", stop)
    catalogue = listing(finished / "catalogue")
    with pytest.raises(KeyboardInterrupt):
        members.join(finished, painted / NAME)
    assert listing(finished / "catalogue") == catalogue
    account = read_spending(finished, artist=NAME)["artists"][NAME]
    assert len(account["releases"]) == 1
    monkeypatch.setattr(Artist, "publish_signature", publish)
    members.join(finished, painted / NAME, limit=50.0)
    assert len(read_spending(finished, artist=NAME)["artists"][NAME]["releases"]) == 2


def test_a_disk_that_is_full_after_the_charge_ends_in_a_sentence_that_says_what_was_charged(
    painted: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = listing(finished)
    honest = folder._write

    def full(draft: Path, files: dict[str, bytes]) -> None:
        if any(name.startswith("catalogue/") for name in files):
            raise OSError(errno.ENOSPC, "No space left on device")
        honest(draft, files)

    monkeypatch.setattr(folder, "_write", full)
    with pytest.raises(
        InputError, match=r"No space left.*was charged, epsilon \d.\d\d in all by .*nothing was published"
    ):
        members.join(finished, painted / NAME)
    assert {name for name in listing(finished) if name.startswith("catalogue")} == {
        name for name in whole if name.startswith("catalogue")
    }
    monkeypatch.setattr(folder, "_write", honest)
    assert read_spending(finished)["artists"][NAME]["releases"], "what was charged is on its page"


def test_a_limit_below_the_signature_stops_the_artist_before_the_catalogue(painted: Path, finished: Path) -> None:
    catalogue = listing(finished / "catalogue")
    with pytest.raises(PrivacyError, match=r"Zoë .* which --epsilon sets: .* spent epsilon 0 of 0\.1 .* signature"):
        members.join(finished, painted / NAME, limit=0.1)
    assert listing(finished / "catalogue") == catalogue


def test_of_who_leaves_no_result_and_no_byte_stays_in_the_catalogue(finished: Path, painted: Path) -> None:
    before = StyleIndex.load(finished / "catalogue")
    artist = before.artists[2]
    signature = before.vectors[2].tobytes()
    assert signature in (finished / "catalogue" / "signatures.safetensors").read_bytes()
    ledgers, image = charged(finished), next((painted / NAME).iterdir())
    left = members.leave(finished, artist)
    after = StyleIndex.load(finished / "catalogue")
    assert after.artists == tuple(name for name in before.artists if name != artist)
    assert np.array_equal(after.vectors, np.delete(before.vectors, 2, axis=0))
    assert artist not in [found.artist for found in seek.open_run(finished).search([image], top=9).results]
    content = b"".join(data or b"" for data in listing(finished).values())
    assert not any(signature[start : start + 16] in content for start in range(0, len(signature) - 15, 4))
    assert artist.encode() not in b"".join(data or b"" for data in listing(finished / "catalogue").values())
    assert not [name for name in listing(finished) if name.startswith(".change")]
    assert charged(finished) == ledgers
    assert left["ledger"] in ledgers


def test_who_comes_back_pays_on_top_of_what_was_spent(finished: Path, painted: Path) -> None:
    artist = StyleIndex.load(finished / "catalogue").artists[0]
    members.leave(finished, artist)
    with pytest.raises(PrivacyError, match="has spent epsilon"):
        members.join(finished, painted / "art" / artist)
    members.join(finished, painted / "art" / artist, limit=20.0)
    account = read_spending(finished, artist=artist)["artists"][artist]
    assert [release["name"] for release in account["releases"]] == [
        "prototype",
        "moments+head",
        "signature",
        "signature",
    ]
    assert 8.0 < account["epsilon"]["aggregate"] <= 20.0
    assert account["left"] == pytest.approx(20.0 - account["epsilon"]["aggregate"], abs=1e-3)


def test_a_ledger_put_back_is_noticed_when_its_artist_joins_again(finished: Path, painted: Path) -> None:
    joined = members.join(finished, painted / NAME)
    members.leave(finished, NAME)
    (finished / "ledger" / joined["ledger"]).unlink()
    with pytest.raises(PrivacyError, match="is missing, which was there before"):
        members.join(finished, painted / NAME)


def test_what_cannot_join_or_leave_changes_nothing(finished: Path, painted: Path, tmp_path: Path) -> None:
    before, someone = listing(finished), StyleIndex.load(finished / "catalogue").artists[0]
    empty = tmp_path / "empty"
    empty.mkdir()
    attempts = [
        (lambda: members.leave(finished, "nobody"), "no artist 'nobody'"),
        (lambda: members.join(finished, painted / "art" / someone), "in the catalogue already"),
        (lambda: members.join(finished, painted / NAME, name=""), "1 to 255 bytes"),
        (lambda: members.join(finished, painted / NAME, name="bell\a"), "control characters"),
        (lambda: members.join(finished, empty), "holds 0 artworks"),
        (lambda: members.join(finished, painted / "art"), "give the folder of one artist"),
        (lambda: members.join(finished, painted / NAME, limit=-1.0), "--epsilon must be above 0"),
        (lambda: members.join(tmp_path, painted / NAME), "is not a run"),
        (lambda: members.leave(tmp_path, someone), "is not a run"),
    ]
    for attempt, message in attempts:
        with pytest.raises(InputError, match=message):
            attempt()
    after = listing(finished)
    assert after.keys() - before.keys() <= {".lock"}
    assert {name: after[name] for name in before if "ledger" not in name} == {
        name: content for name, content in before.items() if "ledger" not in name
    }
    assert charged(finished) == {name.split("/")[1]: data for name, data in before.items() if name.endswith(".jsonl")}


@pytest.mark.usefixtures("quick")
def test_a_run_without_privacy_takes_newcomers_without_bound(painted: Path, tmp_path: Path) -> None:
    out = tmp_path / "open"
    run.train(stand_ins.settings(painted / "art", out, iterations=1, public=3, privacy=Mode.NONE))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(members, "make_page", lambda *_, **__: "<html></html>")
        joined = members.join(out, painted / NAME)
    assert joined["limit"] is None
    assert set(joined["epsilon"].values()) == {None}
    assert json.loads((out / "summary.json").read_text())["ledgers"]["artists"][NAME]["file"] == joined["ledger"]


def test_one_body_of_work_has_one_budget_whatever_name_it_comes_under(finished: Path, painted: Path) -> None:
    """Four names on the same pictures: the signatures of all are in one ledger, at one joint epsilon."""
    names = ["first", "second", "third", "fourth"]
    spent = [members.join(finished, painted / NAME, name=name, limit=20.0)["epsilon"]["aggregate"] for name in names]
    assert spent == sorted(set(spent))
    accounts = read_spending(finished)["artists"]
    assert len({accounts[name]["ledger"] for name in names}) == 1
    assert {accounts[name]["epsilon"]["aggregate"] for name in names} == {spent[-1]}
    assert spent[-1] > 2 * spent[0]
    before = finished.joinpath("summary.json").read_bytes()
    with pytest.raises(PrivacyError, match="has spent epsilon") as refusal:
        members.join(finished, painted / NAME, name="fifth", limit=spent[-1] + 0.1)
    assert "--name" not in str(refusal.value)
    assert finished.joinpath("summary.json").read_bytes() == before


def test_one_picture_of_another_artist_is_enough_to_share_its_budget(
    finished: Path, painted: Path, tmp_path: Path
) -> None:
    someone = StyleIndex.load(finished / "catalogue").artists[0]
    mixed = Path(shutil.copytree(painted / NAME, tmp_path / "mixed"))
    shutil.copy(sorted((painted / "art" / someone).glob("*.png"))[3], mixed / "borrowed.png")
    with pytest.raises(PrivacyError, match=r"mixed cannot sign .* has spent epsilon 8 of 8"):
        members.join(finished, mixed)
    assert members.join(finished, painted / NAME)["epsilon"]["aggregate"] < 8  # nothing came together by a refusal


@pytest.mark.parametrize("spelling", ["ZOE\u0308 [RED]", "zoë\u200e  [red]", "\uff3aoë [red]"])
def test_one_artist_written_otherwise_is_no_new_one(spelling: str, finished: Path, painted: Path) -> None:
    members.join(finished, painted / NAME)
    with pytest.raises(InputError, match=r"'Zoë \[red\]' is in the catalogue already"):
        members.join(finished, painted / NAME, name=spelling)
    assert members.leave(finished, spelling)["artist"] == NAME
    again = members.join(finished, painted / NAME, name=spelling, limit=20.0)
    accounts = read_spending(finished)["artists"]
    assert NAME not in accounts
    assert accounts[spelling]["ledger"] == again["ledger"]
    assert len(accounts[spelling]["releases"]) == 2


CHANGER = """
import sys
from pathlib import Path
import pytest
from fedstyle_secure.runs import folder, members
from tests import stand_ins
run, what, who = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with pytest.MonkeyPatch.context() as patch:
    stand_ins.install(patch)
    patch.setattr(members, "make_page", lambda *_, **__: "<html></html>")
    print("ready", flush=True)
    sys.stdin.readline()
    if what == "add":
        members.join(run, Path(who), name=Path(who).name)
    else:
        members.leave(run, who)
"""


def test_of_artists_who_join_and_leave_at_once_nobody_is_lost_or_brought_back(finished: Path, tmp_path: Path) -> None:
    """Three processes begin at the same moment; every one of their changes holds."""
    leaver = StyleIndex.load(finished / "catalogue").artists[0]
    newcomers = []
    for number, name in enumerate(("Ida", "Jon")):
        folder = tmp_path / name
        folder.mkdir()
        for picture in range(5):
            Image.new("RGB", (32, 32), (40 * picture, 90 * number, 7)).save(folder / f"{picture}.png")
        newcomers.append(folder)
    changes = [("add", newcomers[0]), ("remove", leaver), ("add", newcomers[1])]
    with ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CHANGER, finished, what, str(who)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for what, who in changes
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    assert [process.returncode for process in processes] == [0, 0, 0]
    artists = StyleIndex.load(finished / "catalogue").artists
    assert {"Ida", "Jon"} < set(artists)
    assert leaver not in artists
    assert len(artists) == 9
    accounts = read_spending(finished)["artists"]
    assert all(len(accounts[name]["releases"]) == 1 for name in ("Ida", "Jon"))


def test_a_refused_artist_leaves_no_ledger(finished: Path, painted: Path) -> None:
    before = stand_ins.listing(finished / "ledger")
    with pytest.raises(PrivacyError):
        members.join(finished, painted / NAME, limit=0.1)
    after = stand_ins.listing(finished / "ledger")
    assert after.keys() == before.keys()
    assert {name for name in before if after[name] != before[name]} == set()
