"""How values are written in the vectors: bytes as hex, integers beyond 2^53 as `0x...`, messages as their fields."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from protocols.params import SessionParams
from protocols.primitives.field import encode_element
from protocols.secagg.messages import UnmaskingResponse

_EXACT = 2**53
"""Up to here, every JSON reader keeps integers apart."""


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text)


def integer_of(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def number(value: int) -> int | str:
    return value if -_EXACT <= value <= _EXACT else f"{value:#x}"


def json_of(value: object) -> object:  # noqa: PLR0911  (one line for each kind of value)
    """A message or parameters: by field, without what follows from the other fields."""
    if isinstance(value, bytes | memoryview):
        return value.hex()
    if isinstance(value, bool | int):
        return number(value)
    if isinstance(value, UnmaskingResponse):
        tables = {"self_mask_shares": value.self_mask_shares, "mask_key_shares": value.mask_key_shares}
        return {
            name: {str(owner): encode_element(share).hex() for owner, share in sorted(table.items())}
            for name, table in tables.items()
        }
    if isinstance(value, SessionParams):
        return {field.name: json_of(getattr(value, field.name)) for field in fields(value) if field.init}
    if is_dataclass(value):
        return {field.name: json_of(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): json_of(entry) for key, entry in sorted(value.items())}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [json_of(entry) for entry in value]
    return value
