"""Receipts that artists give with their uploads: kept for them, and brought back with the next announcement.

RCP-1  Of a receipt the server knows that it is 32 bytes: it says nothing of an artist but to the artist.
"""

from collections.abc import Mapping

from ..announcement import NO_RECEIPT, RECEIPT_BYTES
from ..engines.memory import Engine


class ReceiptDesk:
    """An engine that takes the receipt off every answer of a session.

    Args:
        engine: Moves the bytes.

    Attributes:
        receipts: The newest of each mailbox that gave one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.receipts: dict[str, bytes] = {}

    def exchange(self, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """Deliver each request; return the replies without their receipts."""
        replies = self._engine.exchange(requests)
        given = {name: reply[:RECEIPT_BYTES] for name, reply in replies.items()}
        self.receipts |= {
            name: receipt for name, receipt in given.items() if len(receipt) == RECEIPT_BYTES and receipt != NO_RECEIPT
        }
        return {name: reply[RECEIPT_BYTES:] for name, reply in replies.items()}
