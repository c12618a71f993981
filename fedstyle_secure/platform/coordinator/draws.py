"""The platform's side of the beacon: it enters a session's draw once what was frozen was shown, and reads it back."""

from ...transparency.draws import newest_draw, root_of_draw
from ...transparency.leaves import Drawn
from ..logbook import Logbook
from ..store.log import enter
from .lead import Lead


class LogBeacon:
    """A beacon whose pulses are sessions' draws in the platform's own log.

    Args:
        lead: Of this process.
        logbook: The log.
    """

    def __init__(self, lead: Lead, logbook: Logbook) -> None:
        self._lead, self._logbook = lead, logbook

    @property
    def newest(self) -> int:
        """The highest number of a session that was drawn."""
        return newest_draw(self._logbook.snapshot()[1])

    def pulse(self, number: int) -> bytes:
        """Of a session, 32 bytes; drawn now if it was not.

        Raises:
            LeaseLostError: Another leads.
            StorageError: The database cannot be used now.
        """
        found = root_of_draw(self._logbook.snapshot()[1], number)
        if found is None:
            self._lead.write(lambda connection: enter(connection, Drawn(session=number)))
            return self.pulse(number)
        return found
