"""Options that several commands have, each described in one place; the settings of a run among them."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

import typer

from ..bounds import SEED, Bounds
from ..config import SETTINGS, Settings, read_toml
from ..errors import InputError

Number = TypeVar("Number", int, float)
Command = Callable[..., None]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]


def number(about: str, bounds: Bounds) -> Any:
    """An option for a number, refused outside its bounds before the command begins.

    Raises:
        InputError: From the command line, if a number outside was given.
    """

    def check(option: typer.CallbackParam, value: float | None) -> float | None:
        if value is not None:
            bounds.check(option.opts[0], value)
        return value

    return typer.Option(help=about, callback=check)


Seed = Annotated[int, number("Makes learning reproducible. Never touches keys, masks or privacy noise.", SEED)]


def numbers(
    text: str, option: str, bounds: Bounds, parse: Callable[[str], Number], *, allow_infinite: bool = False
) -> list[Number]:
    """Different numbers with commas between, in the order given.

    Args:
        text: What was given.
        option: The option's name.
        bounds: Of each number.
        parse: From one part to a number.
        allow_infinite: Whether ``inf`` is welcome although it is out of bounds.

    Raises:
        InputError: Not that, with what was given.
    """
    try:
        values = [parse(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option} must be numbers with commas between, as in 1,8; got {text[:40]!r}") from error
    for value in values:
        if not (allow_infinite and value == float("inf")):
            bounds.check(option, value)
    if len(set(values)) < len(values):
        raise InputError(f"{option} names a number twice; drop one of them")
    return values


def with_settings(*names: str, file: bool = True, **otherwise: object) -> Callable[[Command], Command]:
    """Give a command the options of these settings; it takes the `Settings` they make as its argument `settings`.

    Args:
        names: Of settings; their help and bounds are those that `Settings` declares.
        file: Whether ``--config`` names a TOML file with any settings, over which options win.
        otherwise: Values of settings that neither option nor file gives.
    """

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)

        @wraps(command)
        def run(**options: Any) -> None:
            given = {name: value for name in names if (value := options.pop(name)) is not None}
            config = options.pop("config", None)
            values = otherwise | (read_toml(config) if config is not None else {}) | given
            command(settings=Settings.from_values(values), **options)

        options = [*([_CONFIG] if file else []), *map(_setting_option, names)]
        kept = [parameter for name, parameter in own.parameters.items() if name != "settings"]
        run.__signature__ = own.replace(parameters=[*options, *(each.replace(kind=_KEYWORD) for each in kept)])  # type: ignore[attr-defined]
        return run

    return decorate


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONFIG = inspect.Parameter(
    "config",
    _KEYWORD,
    default=None,
    annotation=Annotated[Path | None, typer.Option(help="TOML file with the settings of a run; options win.")],
)


def _setting_option(name: str) -> inspect.Parameter:
    """The option of one setting: nothing given is None, so that a file can speak."""
    setting = SETTINGS[name]
    kind = setting.kind
    if get_origin(kind) is tuple:
        kind, option = list[str], typer.Option(metavar="NAME,NAME|N", help=setting.about)
    elif setting.bounds is not None:
        option = number(setting.about, setting.bounds)
    else:
        option = typer.Option(help=setting.about)
    return inspect.Parameter(name, _KEYWORD, default=None, annotation=Annotated[kind | None, option])
