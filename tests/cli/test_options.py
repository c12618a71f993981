"""Options that several commands have: settings described once, and every number of every command within its bounds."""

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.models import ArgumentInfo

from fedstyle_secure.cli import main as cli
from fedstyle_secure.config import option_of
from tests.command_line import Call

ABSURD = {int: ["-1" + "0" * 30, "1" + "0" * 30, "1e6", "inf", "nan", "9" * 5000], float: ["nan", "inf", "-1", "1e300"]}
LISTS = {"corrupt", "epsilons", "artists"}  # numbers with commas between
NEEDED = {"artists": "20", "artworks": "20", "out": "new", "artist_folder": "art"}


def commands(group: typer.Typer, *path: str) -> Iterator[tuple[tuple[str, ...], Callable[..., None]]]:
    """All commands, by what is typed for them."""
    for command in group.registered_commands:
        yield (*path, command.name or command.callback.__name__), command.callback
    for inner in group.registered_groups:
        yield from commands(inner.typer_instance, *path, inner.typer_instance.info.name)


COMMANDS = dict(commands(cli.app))


def parameters(command: tuple[str, ...]) -> Iterator[tuple[str, set[type], object, object]]:
    """Name, types, Typer's description and default of each parameter of a command."""
    for name, parameter in inspect.signature(COMMANDS[command], eval_str=True).parameters.items():
        declared, about = get_args(parameter.annotation)
        yield name, set(get_args(declared) or (declared,)), about, parameter.default


def numeric() -> Iterator[tuple[tuple[str, ...], str, str]]:
    for command in COMMANDS:
        for name, types, _about, _default in parameters(command):
            is_list = name in LISTS and str in types
            kind = float if float in types or (is_list and name == "epsilons") else int
            for text in ABSURD[kind] if is_list or types & {int, float} else ():
                if not (is_list and kind is float and text == "inf"):  # no noise at all
                    yield command, option_of(name), text


def test_all_numbers_are_found() -> None:
    found = {(command, option) for command, option, _ in numeric()}
    assert {(("train",), "--epsilon"), (("search",), "--top"), (("audit", "privacy"), "--confidence")} <= found
    assert (("experiment", "growth"), "--artists") in found
    assert len(found) > 40


@pytest.mark.parametrize(("command", "option", "text"), list(numeric()), ids=lambda value: str(value)[:30])
def test_bnd1_an_absurd_number_is_refused_in_one_sentence_before_anything_begins(
    command: tuple[str, ...], option: str, text: str, call: Call, tmp_path: Path
) -> None:
    before = time.process_time()
    ended = call(*command, f"{option}={text}", *required(command, but=option))
    sentence = ended.sentence()
    assert option in sentence
    assert len(sentence) < 400 + len(text)
    assert ended.code == 2
    assert time.process_time() - before < 5, "what was asked for was begun"
    assert list(tmp_path.iterdir()) == []


def required(command: tuple[str, ...], but: str) -> Iterator[str]:
    for name, _types, about, default in parameters(command):
        if isinstance(about, ArgumentInfo):
            yield "somewhere"
        elif (default is inspect.Parameter.empty or name == "artworks") and option_of(name) != but:
            yield f"{option_of(name)}={NEEDED.get(name, 'x')}"


def test_a_help_says_the_default_and_what_is_optional(call: Call) -> None:
    shown = " ".join(call("train", "--help").out.replace("│", "").split())
    for words in ("(default: 8)", "(default: distributed)", "(default: a tenth, at least one)", "NOTHING IS PROTECTED"):
        assert words in shown
