"""The beacon that a log is: of a session, its root once the session's draw was entered, and not before.

DRW-1  A session is drawn once: by the first entry that says so, whatever is entered after it.
"""

from collections.abc import Sequence

from .leaves import Drawn, decode
from .tree import Tree


def newest_draw(entries: Sequence[bytes]) -> int:
    """The highest number of a session that was drawn; 0 for none."""
    return max((leaf.session for leaf in map(decode, entries) if isinstance(leaf, Drawn)), default=0)


def root_of_draw(entries: Sequence[bytes], session: int) -> bytes | None:
    """The root over a log up to the draw of a session, 32 bytes; None before it (DRW-1).

    Args:
        entries: Of the log, from the first one on.
        session: Its number.
    """
    for place, leaf in enumerate(map(decode, entries)):
        if isinstance(leaf, Drawn) and leaf.session == session:
            return Tree(entries[: place + 1]).root()
    return None
