import json
from pathlib import Path

import pytest

from fedstyle_secure.runs.files import FORMAT, SUMMARY_FILE
from fedstyle_secure.runs.folder import seal
from tests.threat_models.doors import closed, honest, make_claim
from threat_models import __main__ as cli
from threat_models.register import Threat


def succeeds(without, _effort):
    return {"entries": 1 + len(without)}


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch):
    """A register of one door that holds and one that does not."""

    def install(**attacks) -> None:
        found = {
            number: Threat(
                claim=make_claim(number, title=title),
                attack=attack,
                defended=closed,
                module=f"tm{number:02}_{title}",
            )
            for number, (title, attack) in enumerate(attacks.items(), start=1)
        }
        monkeypatch.setattr(cli, "threats", lambda: found)
        monkeypatch.setattr(cli, "missing", list)

    install(front=honest, back=succeeds)
    return install


def call(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["threat_models", *arguments])
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code
    raise AssertionError("the command line did not exit")


@pytest.mark.usefixtures("register")
def test_a_claim_that_holds_ends_with_zero_and_one_that_fails_with_one(capsys) -> None:
    assert call("run", "TM-1") == 0
    assert "holds" in capsys.readouterr().out
    assert call("run", "TM-2") == 1
    assert "the claim fails" in capsys.readouterr().out


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda _without, _effort: {"entries": 0}, id="no power"),
        pytest.param(lambda without, _effort: {"entries": "lock" in without}, id="a defense is not missed"),
    ],
)
def test_an_attack_without_power_and_a_defense_that_nobody_misses_end_with_one(register, attack) -> None:
    register(front=attack)
    assert call("run", "--all", "--jobs", "1") == 1


def test_a_missing_threat_ends_with_one(register, monkeypatch, capsys) -> None:
    register(front=honest)
    assert call("run", "--all", "--jobs", "1") == 0
    monkeypatch.setattr(cli, "missing", lambda: ["TM-2"])
    assert call("run", "--all", "--jobs", "1") == 1
    assert "TM-2 is missing" in capsys.readouterr().err


def test_results_are_recorded_as_they_come(register, tmp_path: Path) -> None:
    def crashes(_without, _effort):
        raise ZeroDivisionError

    register(front=honest, back=crashes)
    out = tmp_path / "threats.json"
    with pytest.raises(ZeroDivisionError):
        call("run", "--all", "--jobs", "1", "--out", str(out))
    assert list(json.loads(out.read_text())["threats"]) == ["TM-1"]


def test_ctrl_c_is_one_sentence_and_keeps_what_was_measured(register, tmp_path: Path, capsys) -> None:
    def interrupts(_without, _effort):
        raise KeyboardInterrupt

    register(front=honest, back=interrupts)
    out = tmp_path / "threats.json"
    assert call("run", "--all", "--jobs", "1", "--out", str(out)) == 130
    assert "interrupted; what had been measured is kept" in capsys.readouterr().err
    assert list(json.loads(out.read_text())["threats"]) == ["TM-1"]


@pytest.mark.usefixtures("register")
def test_json_is_all_there_is_on_standard_output(capsys) -> None:
    assert call("run", "--all", "--jobs", "1", "--slow", "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert {name: entry["holds"] for name, entry in printed["threats"].items()} == {"TM-1": True, "TM-2": False}
    assert printed["threats"]["TM-1"]["effort"] == "slow"
    assert call("list", "--json") == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)][:2] == ["TM-1", "TM-2"]


@pytest.mark.usefixtures("register")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run",), "name the threats to run, or give --all"),
        (("run", "TM-1", "--all"), "and not both"),
        (("run", "TM-9"), "'TM-9' is no threat; there are TM-1, TM-2"),
        (("run", "door"), "'door' is no threat"),
        (("run", "TM-26"), "TM-26 cannot run: not yet applicable"),
        (("run", "TM-1", "--out", "/nowhere/at/all.json"), "folder /nowhere/at does not exist"),
    ],
)
def test_what_cannot_be_carried_out_is_one_sentence(capsys, arguments, sentence) -> None:
    assert call(*arguments) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("register")
def test_the_list_names_threats_that_wait(capsys) -> None:
    assert call("list") == 0
    assert "TM-26" in capsys.readouterr().out


def test_threats_that_run_together_come_out_in_order(capsys, tmp_path: Path) -> None:
    out = tmp_path / "threats.json"
    assert call("run", "TM-4", "TM-1", "--jobs", "2", "--out", str(out), "--json") == 0
    printed = json.loads(capsys.readouterr().out)["threats"]
    assert list(printed) == list(json.loads(out.read_text())["threats"]) == ["TM-1", "TM-4"]
    assert all(entry["holds"] for entry in printed.values())


def applying(capsys) -> set[str]:
    return {row["id"] for row in json.loads(capsys.readouterr().out) if row["applies"]}


def test_a_check_tells_which_claims_speak_of_given_settings(capsys, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('unit = "artist"\nmin-artworks = 43\n')
    assert call("check", "--config", str(config), "--json") == 0
    assert {"TM-7", "TM-15", "TM-17"} <= (plain := applying(capsys))
    assert not {"TM-14", "TM-16"} & plain
    assert call("check", "--config", str(config), "--epsilon", "3", "--questions", "64", "--unpinned", "--json") == 0
    assert applying(capsys) == plain - {"TM-5", "TM-17"} | {"TM-14", "TM-16"}


def test_a_run_is_checked_by_what_it_wrote_down(capsys, tmp_path: Path) -> None:
    settings = {"artworks": "artworks", "out": "run", "unit": "artist"}
    summary = {"format": FORMAT, "artists": 8, "settings": settings}

    def write(**changes: object) -> None:
        (tmp_path / SUMMARY_FILE).write_text(json.dumps(summary | changes))

    write()
    seal(tmp_path)
    assert call("check", str(tmp_path), "--json") == 0
    assert "TM-7" in applying(capsys)
    write(artists=9)
    assert call("check", str(tmp_path)) == 2
    assert f"{SUMMARY_FILE} is damaged or was altered" in " ".join(capsys.readouterr().err.split())
    seal(tmp_path)
    assert call("check", str(tmp_path)) == 0
    assert "Buyers hold the catalogue's files." in capsys.readouterr().out
    write(artists=None)
    seal(tmp_path)
    assert call("check", str(tmp_path)) == 2
    assert "is damaged: it does not say how many artists" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "somewhere", "--epsilon", "3"), "a run has its own settings"),
        (("check", "/nowhere"), "/nowhere is not a run"),
        (("check", "--artists", "4"), "4 artists are fewer than the minimum cohort of 5"),
    ],
)
def test_a_check_of_what_cannot_be_is_one_sentence(capsys, arguments, sentence) -> None:
    assert call(*arguments) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("number", ["--epsilon=nan", "--epsilon=1e300", "--artists=-1", "--questions=0", "--top=1e9"])
def test_an_absurd_number_is_refused_by_its_option(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", number) == 2
    assert number.partition("=")[0] in capsys.readouterr().err
