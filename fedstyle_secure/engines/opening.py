"""Which engine a run's envelopes pass through, by its name; what one needs is loaded when it is chosen, not before.

OPE-1  Whichever it is, the same envelopes go to the same mailboxes, and the same sums come of them.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Final, Protocol, cast

from ..extras import load_extra
from .courier import FOREVER, Engine, Window
from .memory import MemoryEngine


class EngineName(StrEnum):
    """What moves envelopes between the server and the artists of a run."""

    MEMORY = "memory"
    """Function calls."""
    FLOWER = "flower"
    """A Flower fleet on this machine, and a node for each artist."""
    SYFT = "syft"
    """Encrypted files in a folder, through PySyft."""


_MODULES: Final[Mapping[str, str]] = {
    "flower": "fedstyle_secure.engines.flower.local",
    "syft": "fedstyle_secure.engines.syft",
}
"""By name, which is also its extra's: the module that opens an engine."""

_AN_HOUR: Final = 3600.0


class _Module(Protocol):
    """What each of `_MODULES` has."""

    def open_local(self, mailboxes: MemoryEngine) -> AbstractContextManager[Engine]:
        """An engine at whose other end these mailboxes answer."""
        ...


def window_of(name: EngineName) -> Window:
    """How long mailboxes of this machine may take: a process may have died, so no longer than an hour."""
    return Window(deadline=_AN_HOUR, grace=_AN_HOUR) if name in _MODULES else FOREVER


def ensure_engine(name: EngineName) -> None:
    """Load what an engine needs, before anything long begins.

    Raises:
        InputError: It needs an optional extra that is missing, or of a version that was not tried.
    """
    if name in _MODULES:
        _load(name)


@contextmanager
def open_engine(name: EngineName, mailboxes: MemoryEngine) -> Iterator[Engine]:
    """An engine at whose other end these mailboxes answer, for as long as the block runs.

    Raises:
        InputError: As `ensure_engine`.
    """
    if name not in _MODULES:
        yield mailboxes
        return
    with _load(name).open_local(mailboxes) as engine:
        yield engine


def _load(name: EngineName) -> _Module:
    return cast("_Module", load_extra(name.value, _MODULES[name], option=f"--engine {name}"))
