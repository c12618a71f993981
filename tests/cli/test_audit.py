"""`fedstyle audit transcript`, and the transcripts that training writes for it."""

import json
from pathlib import Path

import pytest

from fedstyle_secure.cli.screen import screen
from fedstyle_secure.config import Settings
from fedstyle_secure.engines.memory import Unreachable
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.runs import train as run
from protocols.audit import Transcript
from tests import stand_ins

NOTHING_ELSE = "the sum of 8 clients' vectors, nothing else"


def vanish_after(answers):
    """A guard: this artist answers so many requests in all, then nothing."""

    def guard(session):
        left = [answers]

        def mailbox(request):
            left[0] -= 1
            if left[0] < 0:
                raise Unreachable
            return session(request)

        return mailbox

    return guard


@pytest.fixture
def recorded(town, tmp_path):
    """Two iterations of eight artists; in the second, artist 3 vanishes after sharing its keys."""
    folder = tmp_path / "seen"
    folder.mkdir()
    federation = town.federation(multipliers=(0.0, 0.0), guards={3: vanish_after(5 + 2)})
    assert [outcome.problem for outcome in federation.loop(transcripts=folder)] == ["", ""]
    return sorted(folder.iterdir())


def test_every_session_is_written_down_and_nothing_leaks_but_its_sum(recorded, call):
    assert [path.name for path in recorded] == ["iteration-0001.json", "iteration-0002.json"]
    assert [Transcript.decode(path.read_bytes()).params.iteration for path in recorded] == [1, 2]
    code, out, err = call("audit", "transcript", *recorded)
    assert (code, err) == (0, "")
    lines = [line.replace("│", " ").split(maxsplit=4) for line in out.splitlines() if "vectors" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["1", "1", "8", "8", NOTHING_ELSE],
        ["2", "2", "8", "7", NOTHING_ELSE.replace("8", "7")],
    ]


def test_a_folder_of_transcripts_is_read_as_its_files(recorded, call):
    assert call("audit", "transcript", recorded[0].parent) == call("audit", "transcript", *recorded)


def test_findings_are_json(recorded, call):
    code, out, err = call("audit", "transcript", recorded[1], "--json", "--corrupt", "0")
    assert (code, err) == (0, "")
    others = {str(index): 1 for index in (1, 2, 4, 5, 6, 7)}
    assert json.loads(out) == {
        "holds": True,
        "problems": [],
        "leaks": [others],
        "sessions": [
            {
                "file": str(recorded[1]),
                "iteration": 2,
                "artists": 8,
                "survivors": [0, 1, 2, 4, 5, 6, 7],
                "corrupt": [0],
                "leaks": [others],
                "in_words": NOTHING_ELSE.replace("8", "6"),
            }
        ],
    }


def test_what_leaks_too_much_is_named_in_red_and_ends_in_code_1(recorded, call, monkeypatch):
    sentence = "session 1 (iteration 1): 3 independent combinations leak, where one sum may: the vector of client 0; "
    code, out, err = call("audit", "transcript", recorded[0], "--corrupt", "3,4,5,6,7")
    assert (code, err) == (1, "")
    assert "3 combinations: the vector of client 0; the vector of client 1; the vector of client 2" in out
    assert sentence in out
    code, out, err = call("audit", "transcript", recorded[0], "--corrupt", "3,4,5,6,7", "--json")
    assert (code, err) == (1, "")
    findings = json.loads(out)
    assert findings["holds"] is False
    assert findings["problems"][0].startswith(sentence)
    assert findings["leaks"] == [{"0": 1}, {"1": 1}, {"2": 1}]

    styles = []
    monkeypatch.setattr(screen.out, "print", lambda what, **_options: styles.append(getattr(what, "style", None)))
    call("audit", "transcript", recorded[0], "--corrupt", "3,4,5,6,7")
    assert styles[1:] == ["bold red"]


def test_the_same_inputs_make_an_absence_tell(recorded, call):
    code, out, _ = call("audit", "transcript", *recorded, "--same-inputs")
    assert code == 1
    assert "together the sessions leak the vector of client 3, where at least 5 clients were promised" in out


def test_what_was_not_searched_ends_in_code_1(recorded, call, monkeypatch):
    """ORA-5: the first session alone leaks its sum, and a difference is taken of nothing."""
    monkeypatch.setattr("protocols.primitives.algebra._SUBSETS", 0)
    code, out, _ = call("audit", "transcript", recorded[0], "--same-inputs")
    assert code == 1
    assert "not searched exhaustively" in out


def test_help_says_that_a_logger_must_be_honest(call):
    code, out, _ = call("audit", "transcript", "--help")
    assert code == 0
    assert "audits an honest logger" in " ".join(out.split())


def test_an_aborted_session_is_written_down_too(town, tmp_path, call):
    guards = {index: vanish_after(3) for index in range(4)}
    federation = town.federation(multipliers=(0.0,), guards=guards)
    (outcome,) = federation.loop(transcripts=tmp_path)
    assert "too few survivors signed" in outcome.problem
    code, out, _ = call("audit", "transcript", tmp_path / "iteration-0001.json")
    assert code == 0
    assert "nothing" in out


def test_without_a_folder_nothing_is_written(town, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    federation = town.federation(multipliers=(0.0,))
    list(federation.loop())
    assert not list(tmp_path.rglob("iteration-*"))


def test_what_cannot_be_audited_ends_in_one_sentence(recorded, call, tmp_path):
    text = recorded[0].read_text()
    files = {
        "cut.json": (text[:-100], "cut.json is no transcript: transcript: not JSON"),
        "other.json": ("{}", "other.json is no transcript: transcript: format, params and a list"),
        "bent.json": (
            text.replace('"request": "01', '"request": "02', 1),
            "session 1, exchange 0, client 0: ",
        ),
    }
    for name, (content, complaint) in files.items():
        (tmp_path / name).write_text(content)
        code, out, err = call("audit", "transcript", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert complaint in err
    (tmp_path / "empty").mkdir()
    for arguments, complaint in (
        (["missing.json"], "cannot read the transcript missing.json: No such file"),
        (["empty"], "empty holds no transcripts, which end in .json"),
        ([], "Missing argument 'FILE|DIR'"),
        ([recorded[0], "--corrupt", "one"], "--corrupt must be numbers with commas between, as in 1,8; got 'one'"),
        ([recorded[0], "--corrupt", "1,,2"], "--corrupt must be numbers"),
        ([recorded[0], "--corrupt", "8"], "corrupt: [8] are no clients, there are 8"),
    ):
        code, out, err = call("audit", "transcript", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert complaint in err


@pytest.fixture
def art(tmp_path, monkeypatch):
    stand_ins.install(monkeypatch)
    return stand_ins.paint(tmp_path / "art").relative_to(tmp_path)


def test_training_writes_transcripts_that_hold(art, tmp_path, call):
    options = ("--all-agreed", "--fresh-ledgers", "--iterations", 2, "--views", 1, "--drop-rate", 0.15)
    code, _, err = call("train", "--artworks", art, "--out", "new/run", "--transcripts", "kept/seen", *options)
    assert code == 0, err
    files = sorted((tmp_path / "kept" / "seen").iterdir())
    assert [path.name for path in files] == ["iteration-0001.json", "iteration-0002.json"]
    assert call("audit", "transcript", *files)[0] == 0
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"seen"}
    settings = json.loads((tmp_path / "new/run/summary.json").read_text())["settings"]
    assert settings["transcripts"] == str(tmp_path / "kept" / "seen")


def test_transcripts_are_whole_or_nothing(art, tmp_path, monkeypatch):
    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    before = stand_ins.listing(tmp_path)
    settings = stand_ins.settings(tmp_path / art, tmp_path / "run", transcripts=tmp_path / "kept" / "seen")
    with monkeypatch.context() as patch:
        patch.setattr(run, "make_page", fail)
        with pytest.raises(FedStyleError, match="run cannot be written"):
            run.train(settings)
    assert stand_ins.listing(tmp_path) == before
    (tmp_path / "kept" / "seen").mkdir(parents=True)
    before = stand_ins.listing(tmp_path)
    with pytest.raises(InputError, match="seen exists already; choose another --transcripts"):
        run.train(settings)
    assert stand_ins.listing(tmp_path) == before


@pytest.mark.parametrize("folder", ["run", "run/seen", "."])
def test_transcripts_and_run_are_two_folders(folder):
    with pytest.raises(InputError, match="--transcripts and --out must be two folders, neither inside the other"):
        Settings(artworks=Path("art"), out=Path("run"), transcripts=Path(folder))
