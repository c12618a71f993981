"""Where ``fedstyle`` begins, before any library is loaded: whatever ends it from here on, it ends in a sentence.

END-1  An interrupt, a request to terminate and a terminal that goes away end in one sentence and an exit code of their
       own, from the first instant; what a command had begun to write is taken back before.
"""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

ENDINGS: Final = {
    signal.SIGINT: ("interrupted", 130),
    signal.SIGTERM: ("terminated", 143),
    signal.SIGHUP: ("the terminal went away", 129),
}
"""Signals that end a command: in a word, and with which exit code."""


class EndedError(BaseException):
    """A signal asks the command to end; not an `Exception`, so that nobody takes it for a failure of theirs.

    Attributes:
        code: For the exit.
    """

    def __init__(self, number: int) -> None:
        word, self.code = ENDINGS[signal.Signals(number)]
        super().__init__(f"{word}; nothing half-written is left")


def main() -> NoReturn:
    """Run the command line."""
    _open_standard_files()
    catch(_leave)
    from .main import main as run

    run()


def catch(handler: "signal._HANDLER") -> None:
    """Let `handler` take the signals that end a command; one that a parent ignores, as nohup does, stays ignored."""
    for number in ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _open_standard_files() -> None:
    """Without standard output there is nothing to do; without the others, no other file may take their numbers."""
    if sys.stdout is None:
        _say("standard output is closed: give it a file, or /dev/null")
        os._exit(2)
    for number in (0, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End at once: no command has begun, and an exception might be lost in the loading of a library."""
    error = EndedError(number)
    _say(str(error))
    os._exit(error.code)


def _say(sentence: str) -> None:
    with suppress(OSError):  # nobody listens
        os.write(2, f"fedstyle: {sentence}\n".encode())
