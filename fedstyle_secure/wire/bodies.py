"""What bodies of envelopes have in common: one encoding each (`canonical`), and rules that no body breaks.

A record that breaks its own rule cannot be made, so none can be received.
"""

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Final, Self

from .. import canonical
from ..aggregation.letters import Purpose
from ..errors import InputError

DIGEST_BYTES: Final = 32
KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 32
MAX_LINK: Final = 300
LINK: Final = re.compile(r"https://[!#-;=?-\[\]_a-z~%]+")  # RFC 3986's characters but quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What all bodies have in common."""

    PURPOSE: ClassVar[Purpose]

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in _SIZES:
                require_size(f"{type(self).__name__}.{item.name}", getattr(self, item.name), _SIZES[item.name])

    def encode(self) -> bytes:
        """The one encoding.

        Raises:
            InputError: A field holds something of another kind than it says.
        """
        return canonical.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the one encoding.

        Raises:
            InputError: No such body, or another encoding of one.
        """
        return canonical.decode(cls, data)


_SIZES: Final = {
    "token": TOKEN_BYTES,
    "salt": DIGEST_BYTES,
    "style_space": DIGEST_BYTES,
    "architecture": DIGEST_BYTES,
    "anchors": DIGEST_BYTES,
    "model": DIGEST_BYTES,
    "training": DIGEST_BYTES,
    "signature_space": DIGEST_BYTES,
    "commitment": DIGEST_BYTES,
    "identity": KEY_BYTES,
    "platform_key": KEY_BYTES,
    "log_key": KEY_BYTES,
    "seed": DIGEST_BYTES,
}
"""Sizes of fields of these names, in bytes, in whatever body."""


def require_size(what: str, value: bytes, size: int) -> None:
    """Refuse bytes of another size.

    Raises:
        InputError: Names what they are.
    """
    require(len(value) == size, f"{what} has {size} bytes, not {len(value)}")


def check_link(link: str | None) -> None:
    """Refuse what is no address to show to buyers.

    Raises:
        InputError: Not ``https://`` and at most `MAX_LINK` plain characters.
    """
    holds = link is None or (len(link) <= MAX_LINK and LINK.fullmatch(link) is not None)
    require(holds, f"a link begins with https:// and has at most {MAX_LINK} characters of an address")


def require(holds: bool, rule: str) -> None:
    """Refuse what breaks a rule.

    Raises:
        InputError: It does; with the rule.
    """
    if not holds:
        raise InputError(rule)
