"""What a platform does not keep: invitations that nobody used, long after they expired.

Messages go when what they were about is committed (`store.exchanges.forget_messages`), names and salts when their
artist leaves (`store.artists.forget_artist`). Digests, numbers of survivors and the log stay.
"""

import time
from collections.abc import Callable
from threading import Event
from typing import Final

from .logs import platform_logger
from .store.artists import forget_tokens
from .store.database import Database, StorageError

TOKEN_DAYS: Final = 30
"""How long an unused invitation is remembered after it expired: its holder is told why it does not work."""
_DAY: Final = 24 * 3600
_PAUSE: Final = 3600.0


class Retention:
    """Deletes what is over, once an hour.

    Args:
        database: Where.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def run(self, leave: Event) -> None:
        """Go on until told to leave; what cannot be deleted now is deleted later."""
        while not leave.is_set():
            try:
                self.sweep()
            except StorageError as error:
                platform_logger().warning("nothing deleted", reason=str(error))
            leave.wait(_PAUSE)

    def sweep(self) -> int:
        """Delete once; how many invitations went."""
        with self._database.writing() as connection:
            return forget_tokens(connection, int(self._clock()) - TOKEN_DAYS * _DAY)
