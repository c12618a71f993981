"""The coordinator: leads trainings, one after another, whenever no other process does."""

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from ...errors import FedStyleError
from ..logbook import Logbook
from ..signer import Signer
from ..store.database import Database
from ..store.trainings import open_training
from .lead import Lead, Leaving
from .leading import Leading, Tell, silent

_PAUSE: Final = 0.5
"""Seconds between two looks for work."""
_HOLDER_BYTES: Final = 16


class Coordinator:
    """Goes on where it, or another, left off.

    Args:
        database: Of the platform.
        signer: The platform's identity.
        logbook: Its log.
        tell: Is told what happens.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        logbook: Logbook,
        *,
        tell: Tell = silent,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._signer, self._logbook = database, signer, logbook
        self._tell, self._clock = tell, clock
        self._holder = os.urandom(_HOLDER_BYTES)

    def run(self, leave: Event) -> None:
        """Lead until told to leave; what cannot be done now is tried again.

        Args:
            leave: Set when the process is to end.
        """
        while not leave.is_set():
            try:
                lead = Lead.take(self._database, self._holder, leave, self._clock)
                if lead is None:
                    leave.wait(_PAUSE)
                    continue
                self._tell("leading", epoch=lead.epoch)
                try:
                    self._lead(lead, leave)
                finally:
                    lead.release()
            except Leaving:
                return
            except FedStyleError as error:  # the lease is another's, the database is away, or nothing that time mends
                self._tell("waiting", reason=str(error))
                leave.wait(_PAUSE)

    def _lead(self, lead: Lead, leave: Event) -> None:
        while True:
            lead.look()
            with self._database.reading() as connection:
                training = open_training(connection)
            if training is None:
                leave.wait(_PAUSE)
            else:
                Leading(
                    lead, training, signer=self._signer, logbook=self._logbook, tell=self._tell, clock=self._clock
                ).go_on()
