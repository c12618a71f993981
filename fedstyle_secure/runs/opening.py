"""Which engine a run's envelopes pass through, by its name; what one needs is loaded when it is chosen, not before.

OPE-1  Whichever it is, the same envelopes go to the same mailboxes, and the same sums come of them.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..engines.courier import Engine
from ..engines.memory import MemoryEngine
from ..engines.opening import EngineName
from ..errors import InputError
from ..extras import load_extra

_MODULES: Final[Mapping[str, str]] = {
    "http": "fedstyle_secure.runs.loopback",
    "flower": "fedstyle_secure.engines.flower.local",
    "syft": "fedstyle_secure.engines.syft",
}
"""By name: the module that opens an engine. Those of optional libraries have the name of their extra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who seals a run's envelopes.

    Attributes:
        platform: The server's key.
        artists: Each artist's, by the name of its mailboxes.
    """

    platform: Ed25519PrivateKey
    artists: Mapping[str, Ed25519PrivateKey]


def ensure_engine(name: EngineName) -> None:
    """Load what an engine needs, before anything long begins.

    Raises:
        InputError: It needs an optional extra that is missing, or of a version that was not tried.
    """
    if name in _MODULES:
        _load(name)


@contextmanager
def open_engine(name: EngineName, mailboxes: MemoryEngine, parties: Parties) -> Iterator[Engine]:
    """An engine at whose other end these mailboxes answer, for as long as the block runs.

    Args:
        name: Which.
        mailboxes: Named ``ARTIST/announcement`` and ``ARTIST/session``.
        parties: Who seals what passes; only a platform's gateway asks.

    Raises:
        InputError: As `ensure_engine`.
    """
    if name not in _MODULES:
        yield mailboxes
        return
    with _open(name, mailboxes, parties) as engine:
        yield engine


def _open(name: EngineName, mailboxes: MemoryEngine, parties: Parties) -> AbstractContextManager[Engine]:
    module = _load(name)
    opened: AbstractContextManager[Engine] = (
        module.open_local(mailboxes, parties) if name is EngineName.HTTP else module.open_local(mailboxes)
    )
    return opened


def _load(name: EngineName) -> ModuleType:
    if name is not EngineName.HTTP:
        return load_extra(name.value, _MODULES[name], option=f"--engine {name}")
    try:
        return import_module(_MODULES[name])
    except ImportError as error:
        raise InputError(
            f"--engine http needs what a platform needs ({error}): pip install 'fedstyle-secure[platform]'"
        ) from error
