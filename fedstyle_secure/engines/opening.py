"""Which engines a run may choose from, and how long it waits for the mailboxes behind one; `runs.opening` opens it."""

from enum import StrEnum
from typing import Final

from .courier import FOREVER, Window

_AN_HOUR: Final = 3600.0


class EngineName(StrEnum):
    """What moves envelopes between the server and the artists of a run."""

    MEMORY = "memory"
    """Function calls."""
    HTTP = "http"
    """A platform's gateway on this machine, and a line to it for each artist."""
    FLOWER = "flower"
    """A Flower fleet on this machine, and a node for each artist."""
    SYFT = "syft"
    """Encrypted files in a folder, through PySyft."""


def window_of(name: EngineName) -> Window:
    """How long mailboxes of this machine may take: a process may have died, so no longer than an hour."""
    return FOREVER if name is EngineName.MEMORY else Window(deadline=_AN_HOUR, grace=_AN_HOUR)
