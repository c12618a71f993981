"""How artists' updates are summed."""

from enum import StrEnum


class Protocol(StrEnum):
    """A kind of sessions."""

    SECAGG = "secagg"
    """Five rounds, with everybody there."""
    SPEAKONCE = "speakonce"
    """One message of each artist, and a committee that answers later."""
