"""The beacon as an artist reads it: in the log that it saw grow, never in a request.

BEA-1  A pulse is read out of entries that make up the root of a checkpoint which the log signed, and which grew out of
       the one that the training was agreed to on.
"""

from collections.abc import Callable, Sequence

from ..errors import FedStyleError
from ..transparency.draws import newest_draw, root_of_draw
from ..transparency.watch import Watch
from ..wire.log import LogReader


class WatchedBeacon:
    """A beacon whose pulses are sessions' draws in the platform's log.

    Args:
        seen: Tells the log as this artist saw it when it agreed.
        reader: Reads the log.
    """

    def __init__(self, seen: Callable[[], Watch], reader: LogReader) -> None:
        self._seen, self._reader = seen, reader
        self._held: Sequence[bytes] = ()

    @property
    def newest(self) -> int:
        """The highest number of a session that was drawn."""
        return newest_draw(self._entries())

    def pulse(self, number: int) -> bytes:
        """Of a session, 32 bytes.

        Raises:
            FedStyleError: It was not drawn yet.
            ForkError: The log shows another history.
        """
        found = root_of_draw(self._entries(), number)
        if found is None:
            raise FedStyleError(f"session {number} was not drawn in the log yet: nobody speaks in it")
        return found

    def _entries(self) -> Sequence[bytes]:
        """All of the log (BEA-1); of what was read before, only that it still stands there is looked at."""
        watch = self._reader.follow(self._seen())
        held = self._held[: watch.size]
        entries = [*held, *self._reader.entries(len(held), watch.size)]
        watch.read(entries)
        self._held = entries
        return entries
