"""The command line: each bad input ends in one sentence, the right exit code, and nothing half-written."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from fedstyle_secure import __version__
from fedstyle_secure.artworks import atelier as atelier_module
from fedstyle_secure.cli.screen import screen
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs import train as run_module
from fedstyle_secure.runs.folder import seal
from tests import stand_ins
from tests.command_line import Call, Ended
from tests.stand_ins import listing

QUICK = ("--all-agreed", "--fresh-ledgers", "--iterations", "2", "--views", "1", "--max-artworks", "20")
ODD_NAMES = ["[bold]red", r"\[bold]", ":art:", "two words", "Ünï-画家", "[red"]
# A parent that runs in the background may have left Ctrl-C ignored; a terminal never does.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from fedstyle_secure.cli.start import main
main()
"""
COMMAND = [sys.executable, "-c", PROGRAM]


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_ins.paint(tmp_path_factory.mktemp("painted") / "art")


@pytest.fixture
def art(painted: Path, tmp_path: Path) -> Path:
    """A copy to spoil, in the present folder."""
    return Path(shutil.copytree(painted, tmp_path / "art"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.install(monkeypatch)


@pytest.fixture(scope="module")
def finished(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of artists with awkward names."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(painted, folder / "art")
    (folder / "art" / "index.csv").unlink()
    for name, path in zip(ODD_NAMES, sorted((folder / "art").iterdir())[:6], strict=True):
        path.rename(path.with_name(name))
    public = folder / "public"
    public.mkdir()
    for path in sorted((folder / "art").glob("[a-z]*"), reverse=True)[:4]:
        if path.name not in ODD_NAMES:
            path.rename(public / path.name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_ins.install(monkeypatch)
        run_module.train(stand_ins.settings(folder / "art", folder / "run", public_art=public, privacy=Mode.NONE))
    return folder / "run"


def without(*artists: int) -> Callable[[Path], object]:
    def bend(art: Path) -> None:
        folders = sorted(path for path in art.iterdir() if path.is_dir())
        for number in artists:
            shutil.rmtree(folders[number])

    return bend


def first_artwork(art: Path) -> Path:
    return sorted(art.glob("*/*.png"))[0]


def nothing(_art: Path) -> None:
    """The artworks are good."""


BAD_RUNS = {
    "missing folder": (shutil.rmtree, (), 2, "the artworks folder art does not exist"),
    "a file": (lambda art: (shutil.rmtree(art), art.write_text("x")), (), 2, "art is a file"),
    "empty folder": (lambda art: (shutil.rmtree(art), art.mkdir()), (), 2, "no artworks found in art"),
    "one artist": (without(*range(1, 12)), (), 2, "only one artist, 'ada-amber', found in art"),
    "too few artworks": (nothing, ("--min-artworks", "7"), 2, "'ada-amber' has 6"),
    "too few clients": (without(*range(7)), (), 2, "4 artists are left as clients, fewer than the minimum cohort of 5"),
    "too many corrupt": (nothing, ("--corrupt", "7"), 2, "7 corrupt artists among 8 need at least 9 survivors"),
    "negative corrupt": (nothing, ("--corrupt", "-1"), 2, "--corrupt must lie between 0 and 100,000, got -1"),
    "epsilon 0": (
        nothing,
        ("--epsilon", "0"),
        2,
        "--epsilon must lie between 0.001 and 32, got 0.0: nothing can be learned",
    ),
    "epsilon below 0": (nothing, ("--epsilon", "-1"), 2, "--epsilon must lie between 0.001 and 32, got -1"),
    "epsilon nan": (nothing, ("--epsilon", "nan"), 2, "--epsilon must lie between 0.001 and 32, got nan\n"),
    "epsilon no count meets": (nothing, ("--epsilon", "0.001"), 1, "--epsilon 0.001 cannot be met"),
    "local epsilon no count meets": (
        nothing,
        ("--epsilon", "0.001", "--privacy", "local"),
        1,
        "--epsilon 0.001 cannot be met",
    ),
    "epsilon that protects nothing": (
        nothing,
        ("--epsilon", "33"),
        2,
        "odds that may shift by e^32 nothing is protected",
    ),
    "delta 0": (nothing, ("--delta", "0"), 2, "--delta must lie between 1e-15 and 0.5"),
    "delta 1": (
        nothing,
        ("--delta", "1"),
        2,
        "--delta must lie between 1e-15 and 0.5, got 1.0: delta is the probability",
    ),
    "delta below its slack": (nothing, ("--delta", "1e-12"), 1, "--delta 1e-12 is smaller than"),
    "nothing at all": (nothing, ("--iterations", "0", "--no-sign"), 2, "would neither train nor publish anything"),
    "drop rate breaks the cohort": (nothing, ("--drop-rate", "0.5"), 2, "only 4 of 8 artists are sure to stay"),
    "drop rate breaks recovery": (
        nothing,
        ("--drop-rate", "0.4", "--corrupt", "3"),
        2,
        "3 corrupt artists among 8 need at least 7 survivors",
    ),
    "drop rate 1": (nothing, ("--drop-rate", "1"), 2, "--drop-rate must lie between 0 and 0.99"),
    "public 0": (nothing, ("--public", "0"), 2, "--public must lie between 1 and 100,000"),
    "public all": (nothing, ("--public", "12"), 2, "12 public artists leave no client among 12 artists"),
    "public more than all": (nothing, ("--public", "99"), 2, "12 public artists leave no client"),
    "public twice": (nothing, ("--public", "3", "--public-art", "art"), 2, "give either --public or --public-art"),
    "public overlaps": (nothing, ("--public-art", "art"), 2, "artist 'ada-amber' is both public and a client"),
    "public missing": (nothing, ("--public-art", "nowhere"), 2, "nowhere does not exist"),
    "content unnamed": (
        lambda art: (art / "index.csv").unlink(),
        ("--split", "content"),
        2,
        "needs a content for every artwork",
    ),
    "unknown encoder": (nothing, ("--encoder", "vgg"), 2, "unknown encoder 'vgg'"),
    "encoder without weights": (nothing, ("--encoder", "timm:resnet10t"), 2, "needs pretrained weights"),
    "max artworks": (nothing, ("--max-artworks", "99999999"), 2, "--max-artworks must lie between 1 and 1,048,576"),
    "run exists": (nothing, ("--out", "art"), 2, "art exists already; choose another --out"),
    "run inside a file": (nothing, ("--out", "art/index.csv/run"), 1, "cannot be written"),
    "run name too long": (nothing, ("--out", "x" * 250), 1, "cannot be written"),
    "unknown option": (nothing, ("--epsilom", "1"), 2, "No such option: --epsilom"),
    "bad mode": (nothing, ("--privacy", "much"), 2, "'much' is not one of 'distributed', 'local', 'none'"),
    "bad number": (nothing, ("--epsilon", "few"), 2, "Invalid value for '--epsilon'"),
    "missing settings file": (nothing, ("--config", "no.toml"), 2, "cannot read the settings file no.toml"),
    "settings file with markup": (nothing, ("--config", "[bold]no\n[/bold]"), 2, r"[bold]no\n[/bold]"),
}


@pytest.mark.parametrize("case", BAD_RUNS.values(), ids=BAD_RUNS)
def test_a_bad_run_ends_in_one_sentence_before_any_feature(
    case: tuple[Callable[[Path], object], tuple[str, ...], int, str],
    art: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bend, options, code, words = case
    bend(art)
    stand_ins.forbid_looking(monkeypatch)
    before = listing(art.parent)
    ended = call("train", "--artworks", "art", "--out", "new/deep/run", "--all-agreed", "--fresh-ledgers", *options)
    assert words in ended.sentence()
    assert ended.code == code
    assert listing(art.parent) == before


def test_missing_settings_are_named(call: Call) -> None:
    ended = call("train", "--epsilon", "3")
    assert "missing --artworks and --out" in ended.sentence()
    assert ended.code == 2


@pytest.mark.parametrize("command", [(), ("paint",), ("search",), ("search", "run"), ("report",), ("atelier",)])
def test_an_incomplete_command_is_a_usage_error(command: tuple[str, ...], call: Call) -> None:
    ended = call(*command)
    assert ended.code == 2
    if command:
        ended.sentence()
    else:
        assert "Usage: fedstyle" in ended.out
        assert ended.err == ""


def test_help_and_version_are_no_errors(call: Call) -> None:
    assert call("--version") == Ended(0, f"{__version__}\n", "")
    assert (ended := call("train", "-h")).code == 0
    assert "--public-art" in ended.out


def test_a_missing_folder_in_a_process_of_its_own(tmp_path: Path) -> None:
    arguments = ["train", "--artworks", "nowhere", "--out", "new/run"]
    done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "fedstyle: the artworks folder nowhere does not exist; check the path\n"
    assert listing(tmp_path) == {}


def test_control_c_while_encoding_leaves_nothing(art: Path) -> None:
    before = listing(art.parent)
    terminal, end = pty.openpty()
    arguments = ["train", "--artworks", "art", "--out", "new/run", "--views", "8", "--all-agreed", "--fresh-ledgers"]
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=art.parent, stdout=subprocess.PIPE, stderr=end, env=environment
    ) as process:
        os.close(end)
        shown, interrupted = b"", False
        while part := read(terminal):
            shown += part
            if not interrupted and b"Encoding artworks" in shown:
                process.send_signal(signal.SIGINT)
                interrupted = True
        output, _ = process.communicate(timeout=30)
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert process.returncode == 130
    assert output == b""
    assert text.splitlines()[-1] == "fedstyle: interrupted; nothing half-written is left"
    assert "Traceback" not in text
    assert listing(art.parent) == before


def read(terminal: int) -> bytes:
    """What a terminal shows next; Linux reports its end as an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("place", ["extract_each", "first_model", "run", "sign", "summarize", "make_page"])
def test_an_interrupt_anywhere_leaves_nothing(
    place: str, art: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(run_module, place, interrupt)
    before = listing(art.parent)
    ended = call("train", "--artworks", "art", "--out", "new/run", *QUICK, "--iterations", "1")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == "fedstyle: interrupted; nothing half-written is left"
    assert listing(art.parent) == before


@pytest.mark.usefixtures("quick")
def test_a_request_to_terminate_leaves_nothing(art: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "extract_each", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    before = listing(art.parent)
    ended = call("train", "--artworks", "art", "--out", "new/run", *QUICK)
    assert (ended.code, ended.out) == (143, "")
    assert ended.err.splitlines()[-1] == "fedstyle: terminated; nothing half-written is left"
    assert listing(art.parent) == before


@pytest.mark.usefixtures("quick")
def test_a_full_disk_leaves_nothing(art: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module, "make_page", fail)
    before = listing(art.parent)
    ended = call("train", "--artworks", "art", "--out", "new/run", *QUICK, "--privacy", "local")
    assert "the run new/run cannot be written ([Errno 28] No space left on device)" in ended.err.splitlines()[-1]
    assert ended.code == 1
    assert listing(art.parent) == before


@pytest.mark.usefixtures("quick", "art")
def test_a_large_delta_is_warned_of(call: Call) -> None:
    ended = call("train", "--artworks", "art", "--out", "run", *QUICK, "--delta", "0.3", "--json")
    assert ended.code == 0
    fresh, public, warning = ended.err.splitlines()
    assert fresh.startswith("note: FRESH LEDGERS")
    assert public.startswith("note: declared public")
    assert re.match("warning: delta 0.3 is not below 1/[45], one over the artworks of an artist", warning)
    assert [f"warning: {warning}" for warning in json.loads(ended.out)["warnings"]] == [warning]


@pytest.mark.usefixtures("quick")
def test_pictures_that_are_left_out_are_named_on_the_screen_and_all_of_them_in_json(art: Path, call: Call) -> None:
    folder = first_artwork(art).parent
    os.truncate(first_artwork(art), 100)
    (folder / "scan.tif").touch()
    (folder / "series").mkdir()
    for name in ("series/a.png", "series/b.png"):
        shutil.copy(sorted(folder.glob("*.png"))[2], folder / name)
    options = ("--artworks", "art", *QUICK, "--all-agreed", "--privacy", "none", "--json")
    ended = call("train", "--out", "run", *options)
    assert ended.code == 0
    found = {each["file"].partition("/")[2]: each["reason"] for each in json.loads(ended.out)["left_out"]}
    assert set(found) == {first_artwork(art).name, "scan.tif", "series/a.png", "series/b.png"}
    (told,) = [line for line in ended.err.splitlines() if line.startswith("warning: pictures left out, 4: ")]
    assert "it is damaged or truncated" in told
    assert told.endswith("; and 1 more, which --json lists all")
    nested = json.loads(call("train", "--out", "nested", *options, "--nested").out)["left_out"]
    assert {each["reason"].partition(" of ")[0] for each in nested if "series" in each["file"]} == {"it is a copy"}


@pytest.mark.usefixtures("quick")
def test_json_alone_is_on_standard_output(art: Path, call: Call, tmp_path: Path) -> None:
    ended = call("train", "--artworks", "art", "--out", "run", *QUICK, "--privacy", "none", "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == json.loads((tmp_path / "run" / "summary.json").read_text())
    assert "NOTHING IS PROTECTED" in ended.err
    found = call("search", "run", first_artwork(art), "--top", "3", "--json")
    answers = json.loads(found.out)
    assert list(answers) == ["pictures", "nearness", "results"]
    assert [set(answer) for answer in answers["results"]] == [{"rank", "artist"}] * 3
    assert [answer["rank"] for answer in answers["results"]] == [1, 2, 3]
    assert found.err == ""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("command", ["train", "demo"])
def test_redirected_output_is_plain_text_that_fits_forty_columns(
    command: str, painted: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paint(folder: Path, *, on_progress: Callable[[int, int], None], **_options: object) -> None:
        stand_ins.paint(folder, artists=14)
        on_progress(1, 1)

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(screen, "out", Console())  # a console asks for its width when it is made
    monkeypatch.setattr(atelier_module, "write_atelier", paint)
    options = ("--artworks", painted, *QUICK) if command == "train" else ()
    ended = call(command, *options, "--out", "run")
    assert ended.code == 0
    notes = r"note: FRESH [^\n]*\nnote: declared public, protected by nothing: [^\n]*\n(note: rehearsed on [^\n]*\n)?"
    assert re.fullmatch(notes, ended.err)
    assert all(character == "\n" or unicodedata.category(character) != "Cc" for character in ended.out)
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 40
    assert "…" not in ended.out
    assert "Report: run/report.html" in lines
    said = r"Searches by a buyer that end at the right one of \d+ artists: \d+ of 100 with 1.* pictures\.$"
    assert re.search(said, " ".join(ended.out.split()))
    words = set(ended.out.split())
    assert words >= {"aggregate", "worst", "case", "random", "head", "0.125" if command == "train" else "0.167"}


@pytest.mark.usefixtures("quick")
def test_a_demo_that_cannot_be_written_paints_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    ended = call("demo", "--out", "run")
    assert "run exists already" in ended.sentence()
    assert ended.code == 2


def test_options_win_over_the_settings_file(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []

    class Seen(Exception):  # noqa: N818 - carries nothing
        pass

    def capture(settings: object, **_options: object) -> None:
        seen.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "train", capture)
    (tmp_path / "run.toml").write_text(
        'artworks = "a"\nout = "b"\nepsilon = 3\nmin-cohort = 7\nunit = "artist"\nsign = false\n'
    )
    call("train", "--config", "run.toml", "--epsilon", "5", "--sign")
    (settings,) = seen
    assert (settings.epsilon, settings.sign) == (5.0, True)
    assert (settings.artworks, settings.out, settings.min_cohort, settings.unit) == (Path("a"), Path("b"), 7, "artist")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epsilom = 3", "unknown setting 'epsilom'"),
        ("epsilon = 'much'", "epsilon must be of type float"),
        ("unit = 'museum'", "unit must be one of artwork, artist"),
        ("epsilon = ", "is not TOML"),
        ("[train]\nepsilon = 3", "unknown setting 'train'"),
    ],
)
def test_a_bad_settings_file_is_refused(text: str, words: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    ended = call("train", "--config", "run.toml", "--artworks", "a", "--out", "b")
    assert words in ended.sentence()
    assert ended.code == 2


@pytest.mark.usefixtures("quick")
def test_names_are_shown_as_they_are(finished: Path, art: Path, call: Call) -> None:
    ended = call("search", finished, first_artwork(art), "--top", "99")
    assert ended.code == 0
    for name in ODD_NAMES:
        assert f"│ {name} " in ended.out


def damage(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        path = run / name
        path.write_bytes(change(path.read_bytes()))

    return apply


BAD_SEARCHES = {
    "missing run": (shutil.rmtree, (), "run is not a run"),
    "no manifest": (lambda run: (run / "manifest.json").unlink(), (), "run is not a run"),
    "cut manifest": (damage("manifest.json", lambda data: data[:-9]), (), "manifest.json is damaged"),
    "no model": (lambda run: (run / "model.safetensors").unlink(), (), "cannot read run/model.safetensors"),
    "bent model": (
        damage("model.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        (),
        "run/model.safetensors is damaged or was altered",
    ),
    "bent summary": (damage("summary.json", lambda data: data + b" "), (), "run/summary.json is damaged"),
    "no catalogue": (lambda run: shutil.rmtree(run / "catalogue"), (), "cannot read run/catalogue/artists.json"),
    "two names swapped": (
        damage("catalogue/artists.json", lambda data: data.replace(b"two words", b"owt words")),
        (),
        "run/catalogue/artists.json is damaged or was altered",
    ),
    "weights for an encoder that has its own": (lambda _run: None, ("--weights", "w"), "drop --weights"),
    "no image": (lambda run: (run.parent / "query.png").unlink(), (), "query.png cannot be opened"),
    "image that is none": (lambda run: (run.parent / "query.png").write_text("x"), (), "query.png"),
    "top 0": (lambda _run: None, ("--top", "0"), "--top must lie between 1 and 100,000, got 0"),
    "top below 0": (lambda _run: None, ("--top", "-3"), "--top must lie between 1 and 100,000, got -3"),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("case", BAD_SEARCHES.values(), ids=BAD_SEARCHES)
def test_a_bad_search_ends_in_one_sentence(
    case: tuple[Callable[[Path], object], tuple[str, ...], str], finished: Path, call: Call, tmp_path: Path
) -> None:
    bend, options, words = case
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    Image.new("RGB", (32, 32), "teal").save(tmp_path / "query.png")
    bend(run)
    before = listing(tmp_path)
    ended = call("search", "run", "query.png", *options)
    assert words in ended.sentence()
    assert ended.code == 2
    assert listing(tmp_path) == before


@pytest.mark.usefixtures("quick")
def test_a_run_without_signatures_cannot_be_searched(art: Path, call: Call) -> None:
    assert call("train", "--artworks", "art", "--out", "run", *QUICK, "--no-sign", "--privacy", "none").code == 0
    ended = call("search", "run", first_artwork(art))
    assert "published no signatures; train without --no-sign" in ended.sentence()
    assert ended.code == 2


def test_an_atelier_is_painted_once(call: Call, tmp_path: Path) -> None:
    small = ("--artists", "2", "--artworks", "1", "--out", "painted")
    assert call("atelier", *small) == Ended(0, "Atelier: painted\n", "")
    before = listing(tmp_path)
    assert "painted exists and is not empty" in call("atelier", *small).sentence()
    assert call("atelier", "--artists", "0", "--out", "none").code == 2
    assert listing(tmp_path) == before


def test_a_report_needs_a_run(call: Call) -> None:
    ended = call("report", "bogus")
    assert "bogus is not a run" in ended.sentence()
    assert ended.code == 2


def test_with_the_real_encoder_a_run_finds_what_it_was_shown(tmp_path: Path, call: Call) -> None:
    stand_ins.paint(tmp_path / "art", artists=7, artworks=4)
    options = ("--public", "3", "--all-agreed", "--fresh-ledgers", "--min-cohort", "4", "--views", "1")
    options += ("--iterations", "1", "--privacy", "none")
    ended = call("train", "--artworks", "art", "--out", "run", *options, "--encoder", "lite0", "--json")
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "catalogue",
        "ledger",
        "manifest.json",
        "model.safetensors",
        "report.html",
        "summary.json",
    ]
    clients = json.loads((tmp_path / "run" / "catalogue" / "artists.json").read_text())["artists"]
    picture = sorted((tmp_path / "art" / clients[0]).glob("*.png"))[0]
    found = json.loads(call("search", "run", picture, "--json").out)["results"]
    assert {answer["artist"] for answer in found} == set(clients)
    assert clients[0] in [answer["artist"] for answer in found[:2]]
    path = tmp_path / "run" / "model.safetensors"
    path.write_bytes(re.sub(rb"lite0@[0-9a-f]{4}", b"lite0@0000", path.read_bytes()))
    seal(tmp_path / "run")
    assert (
        "the weights of encoder lite0 are not the ones run was made with" in call("search", "run", picture).sentence()
    )
