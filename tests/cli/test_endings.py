"""END-1 and SCR-3: whatever ends a command ends it in a sentence, in processes of their own."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedstyle_secure.cli.start import ENDINGS
from tests.stand_ins import listing

# A parent that runs in the background may have left Ctrl-C ignored; a terminal never does.
PROGRAM = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from fedstyle_secure.cli.start import main
if "GO" in os.environ:
    os.write(int(os.environ["GO"]), b"!")
main()
"""
COMMAND = [sys.executable, "-c", PROGRAM]
PLAN = ["budget", "plan", "--artists", "20", "--artworks", "20"]


def end(arguments: list[str], redirection: str = "") -> subprocess.CompletedProcess[str]:
    script = f'exec "$@" {redirection}'
    return subprocess.run(["sh", "-c", script, "sh", *COMMAND, *arguments], capture_output=True, text=True, check=False)  # noqa: S607


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], PLAN, [*PLAN, "--json"]], ids=" ".join)
def test_scr3_a_full_standard_output_is_told(arguments: list[str]) -> None:
    done = end(arguments, "> /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("fedstyle: ")
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], [*PLAN, "--json"]], ids=" ".join)
def test_scr3_a_reader_that_went_away_is_told(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == (
        "fedstyle: standard output cannot be written (Broken pipe): the work is done, its result could not be shown\n"
    )


def test_scr3_a_closed_standard_output_is_told_before_anything_begins() -> None:
    done = end(PLAN, ">&-")
    assert (done.returncode, done.stderr) == (2, "fedstyle: standard output is closed: give it a file, or /dev/null\n")


@pytest.mark.parametrize("redirection", ["2>&-", "2> /dev/full", "<&-"])
def test_scr3_what_standard_error_cannot_take_changes_nothing(redirection: str) -> None:
    done = end(["--version"], redirection)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")
    assert end(["search", "nowhere", "nothing"], redirection).returncode == 2


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: signal.Signals(number).name)
@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.7, 1.5])
def test_end1_a_signal_ends_a_start_in_a_sentence(number: int, after: float, art: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    arguments = [
        "train",
        "--artworks",
        str(art),
        "--all-agreed",
        "--views",
        "8",
        "--out",
        str(tmp_path / "new" / "run"),
    ]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[writer],
        env=os.environ | {"GO": str(writer)},
    ) as process:
        assert os.read(reader, 1) == b"!"
        time.sleep(0.05 + after)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    os.close(reader)
    os.close(writer)
    word, code = ENDINGS[number]
    assert "Traceback" not in err
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == f"fedstyle: {word}; nothing half-written is left"
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: signal.Signals(number).name)
def test_end1_a_signal_is_heard_though_a_library_loses_it_and_taking_back_is_not_cut_short(number: int) -> None:
    program = f"""
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from fedstyle_secure.cli.main import app, main
class Library:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
        time.sleep(0.01)
@app.command()
def lose() -> None:
    try:
        Library()
        time.sleep(30)
    finally:
        time.sleep(0.6)
        print("taken back")
main()
"""
    done = subprocess.run([sys.executable, "-c", program, "lose"], capture_output=True, text=True, check=False)
    word, code = ENDINGS[number]
    assert (done.returncode, done.stdout) == (code, "taken back\n")
    assert done.stderr.splitlines()[-1] == f"fedstyle: {word}; nothing half-written is left"


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: signal.Signals(number).name)
def test_end1_a_signal_that_a_library_makes_an_error_of_its_own_of_is_still_one(number: int) -> None:
    program = f"""
import atexit, os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from fedstyle_secure.cli.main import app, main
@app.command()
def load() -> None:
    atexit.register(time.sleep, 0.6)  # what was loaded takes its time to go
    try:
        os.kill(os.getpid(), {int(number)})
        time.sleep(30)
    except BaseException as error:  # as compiled modules do while they are loaded
        raise ImportError("initialization failed") from error
main()
"""
    done = subprocess.run([sys.executable, "-c", program, "load"], capture_output=True, text=True, check=False)
    word, code = ENDINGS[number]
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"fedstyle: {word}; nothing half-written is left\n"


def test_end1_a_terminal_that_goes_away_leaves_nothing(art: Path, tmp_path: Path) -> None:
    terminal, other_end = pty.openpty()
    arguments = [
        "train",
        "--artworks",
        str(art),
        "--all-agreed",
        "--views",
        "8",
        "--out",
        str(tmp_path / "new" / "run"),
    ]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env=os.environ | {"TERM": "xterm"},
        preexec_fn=lambda: os.login_tty(other_end),  # noqa: PLW1509 - it is to have this terminal
    )
    os.close(other_end)
    shown = b""
    while b"Reading" not in shown and process.poll() is None:
        shown += os.read(terminal, 4096)
    os.close(terminal)
    assert process.wait(timeout=60) == ENDINGS[signal.SIGHUP][1]
    assert listing(tmp_path) == {}
