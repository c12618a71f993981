"""Facts as JSON, in one encoding: what two sides sign, hash or compare has one sequence of bytes.

CAN-1  Decoding accepts exactly what encoding produces, and gives back what was encoded: keys in order, no space, no key
       too few or too many, numbers of their kind, bytes as small hexadecimal digits.
CAN-2  What a record's constructor refuses is refused here: a decoded record is as good as one that was made.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import FedStyleError, InputError

T = TypeVar("T")


def encode(record: object) -> bytes:
    """The bytes of a record: a frozen dataclass of numbers, texts, bytes, enumerations, tuples and other records.

    Raises:
        InputError: A field holds something of another kind than it says, or a number that is not finite.
    """
    return _dump(_write(record, type(record), type(record).__name__))


def decode(kind: type[T], data: bytes) -> T:
    """The record of these bytes.

    Args:
        kind: Its class.
        data: What `encode` made of it.

    Raises:
        InputError: They are no encoding of such a record, or not the one that there is (CAN-1, CAN-2).
    """
    name = kind.__name__
    try:
        values = json.loads(data)
        record: T = _read(values, kind, name)
        canonical = encode(record)
    except FedStyleError as error:
        raise InputError(f"no {name}: {error}") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"no {name}: {error}") from error
    if canonical != data:
        raise InputError(f"no {name}: its bytes are not the ones it is written as")
    return record


def _dump(values: object) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)


@cache
def _fields(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.init}


def _write(value: Any, kind: Any, place: str) -> object:
    if optional := _inner(kind):
        return None if value is None else _write(value, optional, place)
    if get_origin(kind) is tuple:
        _require(type(value) is tuple, place, "a tuple")
        return [_write(item, get_args(kind)[0], place) for item in value]
    _require(type(value) is kind, place, kind.__name__)
    if _is_record(kind):
        return {name: _write(getattr(value, name), hint, f"{place}.{name}") for name, hint in _fields(kind).items()}
    if kind is bytes:
        return value.hex()
    if kind is float:
        _require(value - value == 0, place, "a finite number")
    return value.value if issubclass(kind, StrEnum) else value


def _read(value: Any, kind: Any, place: str) -> Any:
    if optional := _inner(kind):
        return None if value is None else _read(value, optional, place)
    if get_origin(kind) is tuple:
        _require(type(value) is list, place, "a list")
        return tuple(_read(item, get_args(kind)[0], place) for item in value)
    if _is_record(kind):
        wanted = _fields(kind)
        _require(type(value) is dict and value.keys() == wanted.keys(), place, f"exactly {', '.join(sorted(wanted))}")
        return kind(**{name: _read(value[name], hint, f"{place}.{name}") for name, hint in wanted.items()})
    if kind is bytes or issubclass(kind, StrEnum):
        _require(type(value) is str, place, "a text")
        return bytes.fromhex(value) if kind is bytes else kind(value)
    _require(type(value) is kind, place, kind.__name__)
    return value


def _inner(kind: Any) -> Any:
    """The other kind of a field that may be None; None for all other fields."""
    if get_origin(kind) not in {UnionType, Union}:
        return None
    (inner,) = (part for part in get_args(kind) if part is not NoneType)
    return inner


def _require(holds: bool, place: str, what: str) -> None:
    if not holds:
        raise InputError(f"{place} is {what}")
