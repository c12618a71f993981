"""A run's folder: FOL-1 (one change at a time), FOL-2 (whole or not there), FOL-3 (damage), FOL-4 (who may read)."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.runs import folder as folder_module
from fedstyle_secure.runs.folder import MANIFEST_FILE, changing, opened, seal
from tests.stand_ins import listing

CONTENTS = {
    "summary.json": b"{}",
    "report.html": b"<html></html>",
    "model.safetensors": bytes(range(256)),
    "catalogue/artists.json": b'["Ada", "Bo"]',
}

CHANGER = """
import sys, time
from pathlib import Path
from fedstyle_secure.runs.folder import changing
run, name, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
with changing(run, f"add of {name}", lambda sentence: print(sentence, flush=True)) as change:
    print("holds", flush=True)
    known = (run / "catalogue/artists.json").read_bytes()
    time.sleep(seconds)
    change.commit({"catalogue/artists.json": known[:-1] + b', "' + name.encode() + b'"]'})
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name, content in CONTENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    seal(folder)
    return folder


def commit(run: Path, files: dict[str, bytes]) -> None:
    with changing(run, "test", pytest.fail) as change:
        change.commit(files)


def contents(run: Path) -> dict[str, bytes]:
    with opened(run):
        return {name: (run / name).read_bytes() for name in CONTENTS}


def test_a_sealed_run_opens(run: Path) -> None:
    assert contents(run) == CONTENTS
    assert set(json.loads((run / MANIFEST_FILE).read_bytes())["files"]) == set(CONTENTS)


@pytest.mark.parametrize("name", CONTENTS)
def test_one_flipped_bit_anywhere_is_noticed(run: Path, name: str) -> None:
    path = run / name
    whole = path.read_bytes()
    for place in {0, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=rf"{name} is damaged or was altered"), opened(run):
            pass
        with pytest.raises(InputError, match=rf"{name} is damaged or was altered"):
            commit(run, {"summary.json": b"[]"})
    path.unlink()
    with pytest.raises(InputError, match=rf"cannot read .*{name}"), opened(run):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": "fedstyle-manifest-1", "files": {"../x": "0"}}', b"[" * 10**5]
)
def test_a_bent_manifest_opens_nothing(run: Path, content: bytes) -> None:
    (run / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(InputError, match="manifest"), opened(run):
        pass


def test_what_is_no_run_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run"), opened(tmp_path):
        pass
    with pytest.raises(InputError, match="no such folder"), opened(tmp_path / "nowhere"):
        pass
    with pytest.raises(InputError, match="no such folder"), changing(tmp_path / "nowhere", "test", print):
        pass


def test_who_may_read_what(run: Path) -> None:
    def modes() -> dict[str, int]:
        return {name: stat.S_IMODE((run / name).stat().st_mode) for name in (*CONTENTS, MANIFEST_FILE, "catalogue")}

    before = os.umask(0o077)
    try:
        seal(run)
        expected = dict.fromkeys(modes(), 0o644) | {"summary.json": 0o600, "report.html": 0o600, "catalogue": 0o755}
        assert modes() == expected
        commit(run, {"summary.json": b"[]", "catalogue/artists.json": b"[]"})
        assert modes() == expected
    finally:
        os.umask(before)


def test_a_change_is_all_of_its_files_and_their_manifest(run: Path) -> None:
    commit(run, {"summary.json": b"[1]", "MODEL_CARD.md": b"# Card\n"})
    assert contents(run) == CONTENTS | {"summary.json": b"[1]"}
    assert json.loads((run / MANIFEST_FILE).read_bytes())["files"].keys() == {*CONTENTS, "MODEL_CARD.md"}
    assert not [name for name in listing(run) if name.startswith(".change")]


@pytest.mark.parametrize("stop", range(1, 8))
def test_wherever_a_change_stops_the_run_is_the_old_or_the_new_one(
    run: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"catalogue/artists.json": b'["Bo"]', "summary.json": b"[1]", "report.html": b"new"}
    rename, renames = Path.rename, []

    def power_cut(path: Path, target: Path) -> Path:
        renames.append(path)
        if len(renames) == stop:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", power_cut)
    try:
        commit(run, new)
    except KeyboardInterrupt:
        assert len(renames) == stop
    monkeypatch.undo()
    assert contents(run) == (CONTENTS if stop == 1 else CONTENTS | new)
    commit(run, {"summary.json": b"[2]"})
    assert contents(run)["summary.json"] == b"[2]"
    assert not [name for name in listing(run) if name.startswith(".change")]


def test_a_change_that_cannot_be_written_leaves_the_run_as_it_was(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "_write", full)
    with pytest.raises(InputError, match=r"No space left on device.*as it was"):
        commit(run, {"summary.json": b"[1]"})
    assert contents(run) == CONTENTS


def start(run: Path, name: str, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", CHANGER, run, name, str(seconds)], stdout=subprocess.PIPE, text=True)


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_of_two_commands_at_once_the_second_waits_says_for_whom_and_loses_nothing(run: Path) -> None:
    with start(run, "Cleo", 1.0) as first:
        assert first_line(first) == "holds\n"
        with start(run, "Dora", 0.0) as second:
            said, _ = second.communicate(timeout=60)
    assert said == f"waiting for add of Cleo (process {first.pid}), which is changing {run}\nholds\n"
    assert first.returncode == second.returncode == 0
    assert json.loads(contents(run)["catalogue/artists.json"]) == ["Ada", "Bo", "Cleo", "Dora"]


def test_who_only_looks_waits_for_no_long_command(run: Path) -> None:
    with start(run, "Cleo", 300.0) as holder:
        assert first_line(holder) == "holds\n"
        assert contents(run) == CONTENTS
        holder.kill()
    commit(run, {"summary.json": b"[1]"})  # the lock died with its holder
