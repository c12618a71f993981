"""TM-20: secrets where none belong. Whoever reads logs, answers, errors or core dumps looks for planted canaries."""

import ctypes
import io
import logging
import multiprocessing
import os
import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final
from unittest.mock import patch

from sqlalchemy import text
from typer.testing import CliRunner

from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.cli.artist import artist_app
from fedstyle_secure.cli.platform import platform_app
from fedstyle_secure.platform.gateway import mailboxes
from fedstyle_secure.platform.logs import LOGGER
from fedstyle_secure.platform.store.database import StorageError
from fedstyle_secure.wire.routes import INSTANCE_BYTES, Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .street import ARTISTS, Street, key_of, street

_CANARY: Final = "a canary that nobody may see"
_ADDRESS: Final = "192.0.2.1"
"""Whence the street calls."""
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4  # <sys/prctl.h>
_FORK: Final = multiprocessing.get_context("fork")
_COMMANDS: Final = {"status": artist_app, "serve": platform_app}
_LINES, _VALUES, _OWN, _DUMPS = "lines of the log", "errors without values", "errors of its own", "no core dumps"
_DATABASE: Final = "fedstyle_secure.platform.store.database"
_EDITS: Final = {
    _LINES: (
        Edit(
            "fedstyle_secure.platform.gateway.app:_Watch.__call__",
            'platform_logger().info("answered", route=route,',
            'platform_logger().info("answered", caller=str(scope["client"]), route=route,',
        ),
    ),
    _VALUES: (
        Edit(f"{_DATABASE}:_connect", "hide_parameters=True", "hide_parameters=False"),
        Edit(f"{_DATABASE}:_told", 'nothing was written, try again") from None', 'try again") from error'),
    ),
    _OWN: (
        Edit(
            "fedstyle_secure.platform.gateway.app:_answer_errors",
            '"an error of the platform\'s own; its operator can read about it"',
            "str(_error)",
        ),
    ),
    _DUMPS: (
        Edit("fedstyle_secure.dumps:forbid_dumps", "resource.setrlimit(", "bool("),
        Edit("fedstyle_secure.dumps:forbid_dumps", 'sys.platform == "linux"', "False"),
    ),
}

CLAIM = Claim(
    number=20,
    title="secrets where none belong",
    adversary="reads what a platform writes at its most talkative, all that it answers, its errors, and what a process "
    "leaves that crashed",
    assets="keys, tokens, bodies; who calls from where",
    assumption="memory itself is read by nobody: root, and hardware, can",
    promise="no line of the log, no answer and no error holds a key, a token, a value or an address, and no process "
    "that may hold keys leaves a dump",
    defenses={
        _LINES: "platform/gateway/app.py; platform/logs.py, LGG-1",
        _VALUES: "platform/store/database.py, DBS-3",
        _OWN: "platform/gateway/app.py, APP-1",
        _DUMPS: "dumps.py, DMP-1; cli/artist.py, cli/platform.py",
    },
    power=(
        Limit(figure="canaries in logs", at_least=1),
        Limit(figure="canaries in answers", at_least=1),
        Limit(figure="canaries in errors", at_least=1),
        Limit(figure="programs that leave dumps", at_least=2),
    ),
    protected=(
        Limit(figure="canaries in logs", at_most=0),
        Limit(figure="canaries in answers", at_most=0),
        Limit(figure="canaries in errors", at_most=0),
        Limit(figure="programs that leave dumps", at_most=0),
        Limit(figure="lines that were read", at_least=1),
    ),
    residual="what is in swap; a debugger of root's; what an operator's own proxy writes. The database: TM-24",
    tests=(
        "tests/platform/gateway/test_bad_days.py::test_an_error_of_its_own_shows_nothing",
        "tests/platform/store/test_database.py",
        "tests/protocols/test_errors.py",
        "tests/platform/test_live.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.IDENTIFYING),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, programs write and crash."""
    return True


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Ask a platform for good and for bad at its most talkative, break it inside, and look at programs."""
    with off(without, _EDITS):
        with street() as town, _listening() as log:
            answers = _ask_all(town)
            errors = _break(town)
            lines = log.getvalue()
        canaries = [_CANARY, _ADDRESS]
        for key in (*(key_of(index) for index in range(ARTISTS)), town.signer.identity):
            canaries += [key.private_bytes_raw().hex(), str(key.private_bytes_raw())[2:-1]]
        return {
            "canaries in logs": float(_found(canaries, lines)),
            "canaries in answers": float(_found(canaries, answers)),
            "canaries in errors": float(_found(canaries, errors)),
            "lines that were read": float(lines.count("\n")),
            "programs that leave dumps": float(sum(map(_leaves_dumps, _COMMANDS))),
        }


def _found(canaries: list[str], where: str) -> int:
    return sum(canary in where for canary in canaries)


@contextmanager
def _listening() -> Iterator[io.StringIO]:
    """All that is logged, at its most talkative, and nowhere else."""
    log, root, own = io.StringIO(), logging.getLogger(), logging.getLogger(LOGGER)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [logging.StreamHandler(log)]
    root.setLevel(logging.DEBUG)
    own.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        own.setLevel(logging.NOTSET)


def _ask_all(town: Street) -> str:
    """Answers to a poll, an answer, a body that is none, a stranger, and a poll on which the platform fails."""
    town.ask()
    poll = town.seal(0, Purpose.POLL, bytes(INSTANCE_BYTES), session=1)
    posts = (
        (Route.NEXT, poll),
        (Route.ANSWERS, town.seal(1, Purpose.SESSION, _CANARY.encode(), session=1)),
        (Route.JOIN, town.seal(9, Purpose.JOIN, _CANARY.encode())),
        (Route.PUBLISH, town.seal(8, Purpose.PUBLISH, _CANARY.encode())),
    )
    heard = [town.post(route, body) for route, body in posts]
    with patch.object(mailboxes, "oldest_request", side_effect=RuntimeError(_CANARY)):
        heard.append(town.post(Route.NEXT, poll))
    return "\n".join(each.body.decode("latin-1") for each in heard)


def _break(town: Street) -> str:
    """What is told of a value that the database refuses."""
    try:
        with town.database.writing() as connection:
            connection.execute(text("INSERT INTO tokens (digest, label) VALUES (:digest, NULL)"), {"digest": _CANARY})
    except StorageError:
        return traceback.format_exc()
    raise AssertionError("the database takes what it must refuse")


def _leaves_dumps(command: str) -> bool:
    """Whether a process that has begun a command may leave a dump; asked of the system."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_begin, args=(command, theirs), daemon=True)
    process.start()
    answer: bool = ours.recv()
    process.join()
    return answer


def _begin(command: str, pipe: Connection) -> None:
    """Allow dumps, as a user may have, and begin a command; it goes no further than its options."""
    most, is_linux = resource.getrlimit(resource.RLIMIT_CORE)[1], sys.platform == "linux"
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    system = ctypes.CDLL(None)
    if is_linux:
        system.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    CliRunner().invoke(_COMMANDS[command], [command, "--no-such-option"])
    limit = resource.getrlimit(resource.RLIMIT_CORE)[0]
    pipe.send(bool(system.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)) if is_linux else limit != 0)
    os._exit(0)
