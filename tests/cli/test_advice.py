"""What messages advise exists: every option that the package's own words name is one of some command."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer.main

import fedstyle_secure
from fedstyle_secure.cli.main import app

OTHERS = {"sandbox.py"}
"""They name options of other programs: bubblewrap's."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z](?![\w-])")


def options(command: object) -> Iterator[str]:
    """All options of a command and of those below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


def named(path: Path) -> set[str]:
    """All options that strings of a file name."""
    texts = [node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    return {found for text in texts if isinstance(text, str) for found in re.findall(OPTION, text)}


def test_every_option_that_is_named_exists() -> None:
    known = {*options(typer.main.get_command(app)), "--help"}
    assert {"--fresh-ledgers", "--all-agreed", "--weights"} <= known
    files = list(Path(fedstyle_secure.__file__).parent.rglob("*.py"))
    wrong = {f"{path.name}: {option}" for path in files if path.name not in OTHERS for option in named(path) - known}
    assert wrong == set()
