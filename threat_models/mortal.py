"""A process that is killed (SIGKILL) at the line of its code that it is told, and made again whenever it is gone."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Final

_FORK: Final = multiprocessing.get_context("fork")

Answering = Callable[[Any], Any]
Making = Callable[[], AbstractContextManager[Answering]]


class Mortal:
    """Asks a process, and asks again when it died before it answered.

    Args:
        make: Entered in each life, and never left: opens what is on disk, and gives what answers.
        watched: Parts of the names of files whose lines count; without any it lives faster, and is never killed so.

    Attributes:
        kill_at: Lines at which the next lives end; a life without one goes on.
        kill_in: Part of the names of files whose lines count for that; "" for all that are watched.
        deaths: How many ended so.
        lines: Of this life, when it answered last.
        is_young: Whether the life that answered last was begun by that question.
    """

    def __init__(self, make: Making, watched: Sequence[str]) -> None:
        self._make, self._watched = make, watched
        self.kill_at: list[int] = []
        self.kill_in = ""
        self.deaths = self.lines = 0
        self.is_young = False
        self._start()

    def ask(self, question: Any) -> Any:
        """Its answer.

        Raises:
            Exception: What it raised instead of an answer.
        """
        self.is_young = False
        while True:
            try:
                self._pipe.send(question)
                answer, self.lines = self._pipe.recv()
            except (EOFError, OSError):
                self.deaths += 1
                self.is_young = True
                self._bury()
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer

    def end(self) -> None:
        """Kill it between two questions."""
        self._process.kill()
        self._bury()

    def close(self) -> None:
        """Let no other life begin."""
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        self._pipe, other = _FORK.Pipe()
        doom = (self.kill_in, self.kill_at.pop(0) if self.kill_at else 0)
        self._process = _FORK.Process(target=_live, args=(self._make, self._watched, other, doom), daemon=True)
        self._process.start()
        other.close()

    def _bury(self) -> None:
        self._process.join()
        if self._process.exitcode != -signal.SIGKILL:
            raise SystemExit(f"a process ended with {self._process.exitcode}, which nobody wanted")
        self._start()


def _live(make: Making, watched: Sequence[str], pipe: Connection, doom: tuple[str, int]) -> None:
    lines = fatal = 0
    place, last = doom

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines, fatal
        if not any(part in frame.f_code.co_filename for part in watched):
            return None
        if event == "line":
            lines += 1
            fatal += place in frame.f_code.co_filename
        if 0 < last <= fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    if watched:
        threading.settrace(count)
        sys.settrace(count)
    with make() as answering:
        while True:
            question = pipe.recv()
            try:
                answer = answering(question)
            except Exception as error:
                answer = error
            pipe.send((answer, lines))
