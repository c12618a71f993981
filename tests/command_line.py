"""The command line in this process: what a test of it calls, and what comes back."""

import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from fedstyle_secure.cli import main as cli
from fedstyle_secure.cli.start import ENDINGS


class Ended(NamedTuple):
    """Exit code, standard output and standard error of one command."""

    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """The one line on standard error that says what is wrong; notes may come before it."""
        assert self.out == ""
        assert self.err.endswith("\n")
        *notes, sentence = self.err.splitlines()
        assert all(note.startswith("note: ") for note in notes), self.err
        assert sentence.startswith("fedstyle: ")
        return f"{sentence}\n"


Call = Callable[..., Ended]


def make_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `fedstyle` with these arguments; handlers of signals are as they were afterwards."""
    handlers = {number: signal.getsignal(number) for number in ENDINGS}

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["fedstyle", *map(str, arguments)])
        try:
            with pytest.raises(SystemExit) as stop:
                cli.main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return Ended(int(stop.value.code or 0), captured.out, captured.err)

    return run
